"""The fold of a rollout: one fact after the other, in the order of the journal, whatever is in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta

from console.core.rollouts.facts import Fact, Kind
from console.core.rollouts.plan import Phase, RolloutPlan
from console.core.rollouts.soak import Soak, held, started
from console.core.rollouts.state import Ask, Attempt, Hold, Rollout, RolloutState, Sign, Tick

ASKS = ("promote", "abort", "rollback", "retry", "start")
MOST_IGNORED = 20
"""How many of the facts that did not fit are told; the newest."""

_MOVING = (RolloutState.PLANNED, RolloutState.APPLYING, RolloutState.SOAKING, RolloutState.WAITING)


class _Misfit(Exception):
    """The fact does not fit; the message says why."""


def folded(plan: RolloutPlan, facts: Iterable[Fact]) -> Rollout | None:
    """The rollout that these facts make, oldest first; None where there is none."""
    rollout: Rollout | None = None
    for fact in facts:
        rollout = advance(plan, rollout, fact)
    return rollout


def advance(plan: RolloutPlan, rollout: Rollout | None, fact: Fact) -> Rollout | None:
    """The rollout after one more fact. Nothing becomes a rollout with STARTED only.

    Total: a fact that does not fit the state (written by a process that was overtaken, or too late) changes nothing but
    `number` and is told in `ignored`.
    """
    if rollout is None:
        return _started(plan, fact) if fact.kind is Kind.STARTED and fact.role == "note" else None
    rollout = replace(rollout, number=max(rollout.number, fact.number))
    try:
        if fact.text("rollout") not in ("", rollout.id):
            raise _Misfit("it is another rollout's")
        return _FOLDS[fact.kind](plan, _linked(rollout, fact), fact)
    except _Misfit as misfit:
        told = f"{fact.number} {fact.kind.value}: {misfit}"
        return replace(_linked(rollout, fact), ignored=(*rollout.ignored, told)[-MOST_IGNORED:])


def _started(plan: RolloutPlan, fact: Fact) -> Rollout:
    phase = fact.whole("phase")
    return Rollout(
        id=fact.text("rollout"),
        plan=fact.text("plan") or plan.name,
        version=fact.text("version"),
        state=RolloutState.PLANNED,
        phase=phase if phase is not None and 0 <= phase < len(plan.phases) else 0,
        started=fact.at,
        by=fact.person,
        number=fact.number,
    )


def _linked(rollout: Rollout, fact: Fact) -> Rollout:
    """Intents wait for their results."""
    if fact.role == "intent":
        return replace(rollout, dangling=(*rollout.dangling, fact.number))
    if fact.role == "result" and rollout.dangling:
        ended = fact.intent if fact.intent is not None else rollout.dangling[-1]
        return replace(rollout, dangling=tuple(number for number in rollout.dangling if number != ended))
    return rollout


def _again(_plan: RolloutPlan, _rollout: Rollout, _fact: Fact) -> Rollout:
    raise _Misfit("the rollout has started already")


def _driven(_plan: RolloutPlan, rollout: Rollout, fact: Fact) -> Rollout:
    epoch = fact.whole("epoch")
    if epoch is None or epoch < rollout.epoch:
        raise _Misfit(f"its epoch is older than {rollout.epoch}")
    return replace(rollout, epoch=epoch)


def _begun(_plan: RolloutPlan, rollout: Rollout, fact: Fact) -> Rollout:
    _fenced(rollout, fact)
    started_by_hand = any(ask.what == "start" for ask in rollout.asks)
    if (rollout.held.back if rollout.held else rollout.state) is not RolloutState.PLANNED or rollout.through:
        raise _Misfit(f"no phase can begin while the rollout is {rollout.state.value}")
    if fact.whole("phase") != rollout.phase:
        raise _Misfit(f"phase {rollout.phase} is next")
    attempt = Attempt(rollout.phase, len(rollout.attempts) + 1, fact.at)
    rollout = replace(rollout, attempts=(*rollout.attempts, attempt), why="", accepted=(), rolled_back="")
    rollout = replace(rollout, asks=tuple(ask for ask in rollout.asks if ask.what != "start"))
    if rollout.held is not None and not started_by_hand:
        return replace(rollout, held=replace(rollout.held, back=RolloutState.APPLYING))
    return replace(rollout, state=RolloutState.APPLYING, held=None)


def _good(plan: RolloutPlan, rollout: Rollout, fact: Fact) -> Rollout:
    _fenced(rollout, fact)
    environment = fact.text("environment")
    if environment not in plan.environments:
        raise _Misfit("it names no environment of the plan")
    if environment in rollout.goods:
        raise _Misfit(f"what was good in {environment} is recorded already")
    return replace(rollout, goods={**rollout.goods, environment: fact.body.get("record")}, exposed=True)


def _apply(_plan: RolloutPlan, rollout: Rollout, fact: Fact) -> Rollout:
    _fenced(rollout, fact)
    if fact.role == "intent" and not rollout.state.over:
        return replace(rollout, exposed=True)
    return rollout


def _confirmed(plan: RolloutPlan, rollout: Rollout, fact: Fact) -> Rollout:
    attempt = _present(rollout, fact)
    back = rollout.held.back if rollout.held else rollout.state
    if back is not RolloutState.APPLYING:
        raise _Misfit(f"nothing is being applied, the rollout is {rollout.state.value}")
    applied = fact.body.get("applied")
    confirmed = replace(
        attempt,
        confirmed_at=fact.at,
        soak=started(fact.at),
        applied=float(applied) if isinstance(applied, int | float) and 0 <= applied <= 1 else None,
        says=fact.text("says"),
        settings=sum(settings.after <= timedelta(0) for settings in plan.phases[attempt.phase].settings),
    )
    rollout = _with(rollout, confirmed)
    if rollout.held is not None:
        return replace(rollout, held=replace(rollout.held, back=RolloutState.SOAKING), exposed=True)
    return replace(rollout, state=RolloutState.SOAKING, exposed=True)


def _set(plan: RolloutPlan, rollout: Rollout, fact: Fact) -> Rollout:
    attempt, index = _present(rollout, fact), fact.whole("index")
    if attempt.confirmed_at is None or index != attempt.settings or index >= len(plan.phases[attempt.phase].settings):
        raise _Misfit("these settings are not the next ones")
    return _with(rollout, replace(attempt, settings=index + 1))


def _soaked(_plan: RolloutPlan, rollout: Rollout, fact: Fact) -> Rollout:
    attempt, body = _present(rollout, fact), fact.body.get("soak")
    if attempt.confirmed_at is None or not isinstance(body, Mapping):
        raise _Misfit("no soak is under way")
    try:
        soak = Soak.from_body(body)
    except ValueError as error:
        raise _Misfit(str(error)) from error
    return _with(rollout, replace(attempt, soak=soak))


def _ready(_plan: RolloutPlan, rollout: Rollout, fact: Fact) -> Rollout:
    _present(rollout, fact)
    if rollout.state is not RolloutState.SOAKING:
        raise _Misfit(f"no soak can be over, the rollout is {rollout.state.value}")
    return replace(rollout, state=RolloutState.WAITING)


def _asked(_plan: RolloutPlan, rollout: Rollout, fact: Fact) -> Rollout:
    what = fact.text("what")
    if what not in ASKS or rollout.state.over:
        raise _Misfit(f"`{what}` cannot be asked of a rollout that is {rollout.state.value}")
    phase, attempt = fact.whole("phase"), fact.whole("attempt")
    if what != "retry" and phase is None:
        phase = rollout.phase
    if attempt is None and rollout.attempt is not None:
        attempt = rollout.attempt.number
    ask = Ask(fact.number, what, fact.at, fact.person, fact.text("reason").strip(), phase, attempt)
    return replace(rollout, asks=(*rollout.asks, ask))


def _refused(_plan: RolloutPlan, rollout: Rollout, fact: Fact) -> Rollout:
    return _answered(rollout, fact)


def _promoted(plan: RolloutPlan, rollout: Rollout, fact: Fact) -> Rollout:
    attempt = _present(rollout, fact)
    if rollout.state not in (RolloutState.SOAKING, RolloutState.WAITING):
        raise _Misfit(f"nothing can be promoted, the rollout is {rollout.state.value}")
    override = fact.text("override").strip()
    ended = replace(
        attempt,
        ended=fact.at,
        outcome=f"overridden: {override}" if override else "promoted",
        evidence=fact.evidence,
    )
    last = rollout.phase + 1 >= len(plan.phases)
    return replace(
        _answered(_with(rollout, ended), fact),
        state=RolloutState.PLANNED,
        phase=rollout.phase if last else rollout.phase + 1,
        why="",
        accepted=(),
        through=last,
    )


def _held(_plan: RolloutPlan, rollout: Rollout, fact: Fact) -> Rollout:
    kind = "engine" if fact.body.get("kind") == "engine" else "person"
    why = fact.text("why").strip() or f"{fact.person} holds it and gave no reason"
    if rollout.held is not None:
        if kind == "person" or rollout.held.kind == "engine":
            raise _Misfit("it is held already")
        return replace(rollout, held=replace(rollout.held, why=why, by=fact.person, kind=kind))
    if rollout.state not in _MOVING and not (rollout.state is RolloutState.ROLLING_BACK and kind == "engine"):
        raise _Misfit(f"a rollout that is {rollout.state.value} cannot be held")
    hold = Hold(why, fact.at, fact.person, kind, rollout.state)
    return replace(rollout, state=RolloutState.HELD, held=hold)


def _resumed(_plan: RolloutPlan, rollout: Rollout, fact: Fact) -> Rollout:
    hold = rollout.held
    if hold is None:
        raise _Misfit("it is not held")
    accepted = (*rollout.accepted, hold.why) if hold.kind == "engine" else rollout.accepted
    attempt = rollout.attempt
    if attempt is not None and hold.back is RolloutState.SOAKING:
        rollout = _with(rollout, replace(attempt, soak=held(attempt.soak, hold.since, fact.at)))
    return replace(rollout, state=hold.back, held=None, accepted=accepted)


def _ticked(plan: RolloutPlan, rollout: Rollout, fact: Fact) -> Rollout:
    attempt, item = _present(rollout, fact), fact.whole("item")
    if item is None or not 0 <= item < len(_phase(plan, attempt).checklist):
        raise _Misfit("the phase has no such item")
    ticks = tuple(tick for tick in attempt.ticks if tick.item != item)
    if fact.body.get("done") is not False:
        ticks = (*ticks, Tick(item, fact.person, fact.at, fact.text("note")))
    return _with(rollout, replace(attempt, ticks=ticks))


def _signed(plan: RolloutPlan, rollout: Rollout, fact: Fact) -> Rollout:
    attempt, role, decision = _present(rollout, fact), fact.text("role"), fact.text("decision")
    if role not in _phase(plan, attempt).sign_offs or decision not in ("go", "no-go"):
        raise _Misfit("the phase asks for no such sign-off")
    others = tuple(sign for sign in attempt.signs if sign.role != role)
    return _with(
        rollout, replace(attempt, signs=(*others, Sign(role, decision, fact.person, fact.at, fact.text("note"))))
    )


def _looked(_plan: RolloutPlan, rollout: Rollout, fact: Fact) -> Rollout:
    return _with(rollout, replace(_present(rollout, fact), looked_at=fact.at))


def _rolling_back(_plan: RolloutPlan, rollout: Rollout, fact: Fact) -> Rollout:
    _fenced(rollout, fact)
    again = rollout.held is not None and rollout.held.back is RolloutState.ROLLING_BACK
    if not again and rollout.state not in (*_MOVING, RolloutState.HELD):
        raise _Misfit(f"a rollout that is {rollout.state.value} is not rolled back")
    why = fact.text("why") or "no reason was given"
    epoch = fact.whole("epoch")
    attempt = rollout.attempt
    if attempt is not None:
        rollout = _with(rollout, replace(attempt, ended=fact.at, outcome=f"rolled back: {why}", evidence=fact.evidence))
    return replace(
        rollout,
        state=RolloutState.ROLLING_BACK,
        held=None,
        why=why,
        criterion=fact.text("criterion"),
        epoch=rollout.epoch if epoch is None else epoch,
        asks=tuple(ask for ask in rollout.asks if ask.what != "rollback"),
        accepted=(),
        through=False,
    )


def _roll_back(_plan: RolloutPlan, rollout: Rollout, fact: Fact) -> Rollout:
    _fenced(rollout, fact)
    return rollout


def _rolled_back(_plan: RolloutPlan, rollout: Rollout, fact: Fact) -> Rollout:
    _fenced(rollout, fact)
    if (rollout.held.back if rollout.held else rollout.state) is not RolloutState.ROLLING_BACK:
        raise _Misfit("no rollback is under way")
    says = fact.text("says") or "the traffic is back"
    return replace(rollout, state=RolloutState.ROLLED_BACK, held=None, rolled_back=says, exposed=False)


def _retried(_plan: RolloutPlan, rollout: Rollout, fact: Fact) -> Rollout:
    _fenced(rollout, fact)
    phase, attempt = fact.whole("phase"), rollout.attempt
    if phase is None or not 0 <= phase <= rollout.phase:
        raise _Misfit(f"only phases up to {rollout.phase} can be tried again")
    if rollout.state is RolloutState.HELD and attempt is not None and phase == attempt.phase:
        rollout = _with(rollout, replace(attempt, ended=fact.at, outcome="retried"))
    elif rollout.state is not RolloutState.ROLLED_BACK:
        raise _Misfit(f"a rollout that is {rollout.state.value} is not tried again")
    return replace(
        _answered(rollout, fact, "retry"), state=RolloutState.PLANNED, phase=phase, held=None, accepted=(), criterion=""
    )


def _aborted(_plan: RolloutPlan, rollout: Rollout, fact: Fact) -> Rollout:
    _fenced(rollout, fact)
    if rollout.state.over or rollout.state is RolloutState.ROLLING_BACK:
        raise _Misfit(f"a rollout that is {rollout.state.value} is not aborted")
    if rollout.attempt is not None:
        rollout = _with(rollout, replace(rollout.attempt, ended=fact.at, outcome="aborted"))
    why = fact.text("reason").strip() or f"{fact.person} aborted it"
    return replace(rollout, state=RolloutState.ABORTED, held=None, asks=(), why=why, ended=fact.at)


def _completed(_plan: RolloutPlan, rollout: Rollout, fact: Fact) -> Rollout:
    _fenced(rollout, fact)
    if not rollout.through or rollout.state is not RolloutState.PLANNED:
        raise _Misfit("not every phase is promoted")
    return replace(rollout, state=RolloutState.COMPLETED, held=None, asks=(), ended=fact.at)


def _present(rollout: Rollout, fact: Fact) -> Attempt:
    """The present attempt, where the fact is about it."""
    _fenced(rollout, fact)
    attempt = rollout.attempt
    if attempt is None:
        raise _Misfit(f"no attempt is under way, the rollout is {rollout.state.value}")
    meant = (fact.body.get("phase", attempt.phase), fact.body.get("attempt", attempt.number))
    if meant != (attempt.phase, attempt.number):
        raise _Misfit(f"it is about another attempt than number {attempt.number} of phase {attempt.phase}")
    return attempt


def _phase(plan: RolloutPlan, attempt: Attempt) -> Phase:
    return plan.phases[attempt.phase]


def _with(rollout: Rollout, attempt: Attempt) -> Rollout:
    return replace(rollout, attempts=(*rollout.attempts[:-1], attempt))


def _answered(rollout: Rollout, fact: Fact, what: str = "") -> Rollout:
    """Without the ask that the fact names, or without any of that kind that it cannot name."""
    number = fact.whole("ask")
    if number:
        return replace(rollout, asks=tuple(ask for ask in rollout.asks if ask.number != number))
    return replace(rollout, asks=tuple(ask for ask in rollout.asks if ask.what != what))


def _fenced(rollout: Rollout, fact: Fact) -> None:
    """Raise where a process wrote it that somebody has overtaken, or the rollout is over."""
    epoch = fact.whole("epoch")
    if epoch is not None and epoch < rollout.epoch:
        raise _Misfit(f"it was written by a driver of epoch {epoch}, and {rollout.epoch} drives")
    if rollout.state.over and fact.kind not in (Kind.APPLY, Kind.ROLL_BACK):
        raise _Misfit(f"the rollout is {rollout.state.value}")


_FOLDS: Mapping[Kind, Callable[[RolloutPlan, Rollout, Fact], Rollout]] = {
    Kind.STARTED: _again,
    Kind.DRIVEN: _driven,
    Kind.BEGUN: _begun,
    Kind.GOOD: _good,
    Kind.APPLY: _apply,
    Kind.CONFIRMED: _confirmed,
    Kind.SET: _set,
    Kind.SOAKED: _soaked,
    Kind.READY: _ready,
    Kind.ASKED: _asked,
    Kind.REFUSED: _refused,
    Kind.PROMOTED: _promoted,
    Kind.HELD: _held,
    Kind.RESUMED: _resumed,
    Kind.TICKED: _ticked,
    Kind.SIGNED: _signed,
    Kind.LOOKED: _looked,
    Kind.ROLLING_BACK: _rolling_back,
    Kind.ROLL_BACK: _roll_back,
    Kind.ROLLED_BACK: _rolled_back,
    Kind.RETRIED: _retried,
    Kind.ABORTED: _aborted,
    Kind.COMPLETED: _completed,
}

"""What the verdicts mean for a rollout: its mood, what trips, what stands in the way, what is due."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from console.core.evaluation import Evaluation, Verdict
from console.core.rollouts.plan import Phase, RolloutPlan, Rule
from console.core.rollouts.soak import Mood, Soak, SoakRules
from console.core.rollouts.state import Attempt, Judged, Rollout, RolloutState
from console.core.terms import Average, FailedChecks, Freshness, Stability
from console.core.units import show, show_span
from console.core.view import predicate

NOT_JUDGED = Evaluation(Verdict.NODATA, detail="it was not judged yet")
_BLIND = (Verdict.NODATA, Verdict.ERROR)
_OF_GATE = {
    Verdict.PASS: "passes",
    Verdict.FAIL: "fails",
    Verdict.PENDING: "does not pass for long enough yet",
    Verdict.NODATA: "has no data",
    Verdict.ERROR: "cannot be read",
}
_OF_CRITERION = {**_OF_GATE, Verdict.PASS: "trips", Verdict.FAIL: "is quiet", Verdict.PENDING: "does not trip yet"}
_UNDONE = (RolloutState.ROLLING_BACK, RolloutState.ROLLED_BACK, RolloutState.COMPLETED, RolloutState.ABORTED)


@dataclass(frozen=True, slots=True)
class ToJudge:
    """A rule to judge. began: the `began` of `evaluate`; None for what is asked before a phase begins."""

    environment: str
    rule: Rule
    began: datetime | None


def standing(rollout: Rollout) -> RolloutState:
    """The state, or for one that is held the state it returns to."""
    return rollout.held.back if rollout.held is not None else rollout.state


def verdict(judged: Judged, rule: Rule) -> Evaluation:
    """What is known of a rule; NODATA where it was not judged."""
    return judged.by_text.get(rule.text, NOT_JUDGED)


def watched(rollout: Rollout) -> Attempt | None:
    """The attempt whose criteria are armed: the present one, or before the next begins the one whose traffic stands."""
    if standing(rollout) in _UNDONE:
        return None
    if rollout.attempt is not None:
        return rollout.attempt if standing(rollout) is not RolloutState.APPLYING or rollout.goods else None
    return rollout.attempts[-1] if rollout.exposed and rollout.attempts else None


def armed(plan: RolloutPlan, rollout: Rollout) -> tuple[Rule, ...]:
    """The criteria that roll back when they trip; none where there is nothing to roll back."""
    attempt = watched(rollout)
    return () if attempt is None else plan.phases[attempt.phase].criteria


def needs_judging(plan: RolloutPlan, rollout: Rollout) -> Phase | None:
    """The phase that verdicts are needed for; None where nothing is judged.

    Between two phases it is the one to come, for its preconditions, with no gates and the armed criteria of the one
    before, where that is in the same environment; `to_judge` also gives those of another environment.
    """
    if standing(rollout) in _UNDONE:
        return None
    if rollout.attempt is not None:
        return plan.phases[rollout.attempt.phase]
    before, coming = watched(rollout), plan.phases[rollout.phase]
    criteria = () if before is None else plan.phases[before.phase].criteria
    if before is not None and plan.phases[before.phase].environment != coming.environment:
        criteria = ()
    return replace(coming, gates=(), criteria=criteria)


def to_judge(plan: RolloutPlan, rollout: Rollout) -> tuple[ToJudge, ...]:
    """Every rule that must be judged now, in which environment, and since when samples count for it."""
    if standing(rollout) in _UNDONE:
        return ()
    rules: list[ToJudge] = []
    attempt = rollout.attempt or watched(rollout)
    if attempt is not None:
        phase, began = plan.phases[attempt.phase], attempt.confirmed_at or attempt.began
        asked = (*phase.gates, *phase.criteria) if rollout.attempt is not None else phase.criteria
        rules += [ToJudge(phase.environment, rule, began) for rule in asked]
    if rollout.attempt is None and not rollout.through:
        coming = plan.phases[rollout.phase]
        rules += [ToJudge(coming.environment, rule, None) for rule in coming.preconditions.conditions]
    return tuple(rules)


def bearing(plan: RolloutPlan, rollout: Rollout) -> tuple[tuple[Rule, ...], tuple[Rule, ...]]:
    """The gates and the criteria that bear on the rollout as it stands: gates once the phase is confirmed."""
    attempt = rollout.attempt
    confirmed = attempt is not None and attempt.confirmed_at is not None
    return plan.phases[attempt.phase].gates if attempt is not None and confirmed else (), armed(plan, rollout)


def mood(plan: RolloutPlan, rollout: Rollout, judged: Judged) -> Mood:
    """What the time since the last tick is worth; between two phases, whether the armed criteria can be judged."""
    gates, criteria = bearing(plan, rollout)
    of_gates = [verdict(judged, rule) for rule in gates]
    of_criteria = [verdict(judged, rule) for rule in criteria]
    if any(one.verdict in _BLIND for one in (*of_gates, *of_criteria)):
        return Mood.BLIND
    if any(one.verdict is Verdict.FAIL for one in of_gates):
        return Mood.BAD
    if any(breached(rule, one) for rule, one in zip(criteria, of_criteria, strict=True)):
        return Mood.BAD
    if any(unseen(one) for one in (*of_gates, *of_criteria)):
        return Mood.EARLY
    return Mood.GOOD


def unseen(evaluation: Evaluation) -> bool:
    """Whether a rule waits for its first sample of the phase; the value it shows is then of the time before."""
    return evaluation.verdict is Verdict.PENDING and (evaluation.value is None or evaluation.known == 0)


def breached(rule: Rule, evaluation: Evaluation) -> bool:
    """Whether a criterion trips, or is on its way: true, but not yet for long enough."""
    if evaluation.verdict is not Verdict.PENDING or evaluation.value is None or unseen(evaluation):
        return evaluation.verdict is Verdict.PASS
    test = rule.condition.test
    if isinstance(test, Average):  # pending only because the phase is younger than the span
        return predicate(test.operator, test.threshold.base)(evaluation.value)
    return not isinstance(test, Stability | Freshness)


def blind(plan: RolloutPlan, rollout: Rollout, judged: Judged) -> str:
    """What cannot be judged and should be, as a sentence; empty where all of it can."""
    gates, criteria = bearing(plan, rollout)
    unknown = [rule for rule in (*gates, *criteria) if verdict(judged, rule).verdict in _BLIND]
    if not unknown:
        return ""
    first = verdict(judged, unknown[0])
    more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
    return f"{unknown[0].name}: {first.detail or first.verdict.value}{more}"


def tripped(plan: RolloutPlan, rollout: Rollout, judged: Judged) -> Rule | None:
    """The first armed criterion that trips."""
    return next((rule for rule in armed(plan, rollout) if verdict(judged, rule).verdict is Verdict.PASS), None)


def unproven(plan: RolloutPlan, rollout: Rollout, judged: Judged) -> tuple[str, ...]:
    """Gates that do not pass and criteria that are not quiet, each as a sentence."""
    attempt = rollout.attempt
    if attempt is None:
        return ()
    phase = plan.phases[attempt.phase]
    gates = [told(rule, one) for rule in phase.gates if (one := verdict(judged, rule)).verdict is not Verdict.PASS]
    criteria = [
        told(rule, one, "criterion") for rule in phase.criteria if not _quiet(rule, one := verdict(judged, rule))
    ]
    return (*gates, *criteria)


def unticked(plan: RolloutPlan, attempt: Attempt) -> tuple[int, ...]:
    """Places of the checklist items that are not ticked."""
    ticked = {tick.item for tick in attempt.ticks}
    return tuple(place for place in range(len(plan.phases[attempt.phase].checklist)) if place not in ticked)


def unsigned(plan: RolloutPlan, attempt: Attempt) -> tuple[str, ...]:
    """Roles that have not said go."""
    gone = {sign.role for sign in attempt.signs if sign.decision == "go"}
    return tuple(role for role in plan.phases[attempt.phase].sign_offs if role not in gone)


def due(plan: RolloutPlan, rollout: Rollout) -> tuple[datetime | None, str]:
    """When the phase to come may begin, None for at once, and why not earlier."""
    phase, due_at, why = plan.phases[rollout.phase], None, ""
    if phase.not_before is not None:
        due_at, why = phase.not_before, "not before its date in the plan"
    confirmed = confirmed_before(rollout)
    if phase.interval and confirmed is not None and (due_at is None or confirmed + phase.interval > due_at):
        due_at = confirmed + phase.interval
        why = f"{show_span(phase.interval)} after the phase before was confirmed"
    return due_at, why


def confirmed_before(rollout: Rollout) -> datetime | None:
    """When the phase before the one to come was last confirmed."""
    return next(
        (one.confirmed_at for one in reversed(rollout.attempts) if one.phase == rollout.phase - 1 and one.confirmed_at),
        None,
    )


def due_settings(plan: RolloutPlan, rollout: Rollout, now: datetime) -> int | None:
    """The index of the timed settings that are due, None where none are."""
    attempt = rollout.attempt
    if attempt is None or attempt.confirmed_at is None:
        return None
    settings = plan.phases[attempt.phase].settings
    if attempt.settings < len(settings) and now - attempt.confirmed_at >= settings[attempt.settings].after:
        return attempt.settings
    return None


def settings_of(phase: Phase, index: int) -> tuple[tuple[str, str], ...]:
    """The variables that are set when the timed settings up to `index` are; a later value replaces an earlier one."""
    values: dict[str, str] = {}
    for place, settings in enumerate(phase.settings):
        if place <= index or settings.after <= timedelta(0):
            values.update(settings.values)
    return tuple(values.items())


def rules_of(plan: RolloutPlan, phase: Phase, longest_tick: timedelta) -> SoakRules:
    """What the soak of a phase is measured by."""
    return SoakRules(phase.soak, phase.on_bad, plan.tolerance, plan.grace, longest_tick)


def with_soak(rollout: Rollout, soak: Soak) -> Rollout:
    """The rollout with the present attempt's clock at `soak`, as its driver keeps it between two facts."""
    if rollout.attempt is None:
        return rollout
    return replace(rollout, attempts=(*rollout.attempts[:-1], replace(rollout.attempt, soak=soak)))


def evidence(plan: RolloutPlan, rollout: Rollout, judged: Judged) -> tuple[str, ...]:
    """A sentence for each rule of the phase: what it said, on which value, and what it needs."""
    attempt = rollout.attempt or watched(rollout)
    if attempt is None:
        return ()
    phase = plan.phases[attempt.phase]
    return tuple(
        [told(rule, verdict(judged, rule)) for rule in phase.gates]
        + [told(rule, verdict(judged, rule), "criterion") for rule in phase.criteria]
    )


def told(rule: Rule, evaluation: Evaluation, kind: str = "gate") -> str:
    """A rule and its verdict as a sentence: `P99 fails at 243 ms (must be < 200 ms)`. kind: `gate` or `criterion`."""
    words = _OF_GATE if kind == "gate" else _OF_CRITERION
    at = f" at {shown}" if (shown := shown_value(rule, evaluation)) else ""
    tail = f": {evaluation.detail}" if evaluation.detail and evaluation.verdict in _BLIND else ""
    asked = "must be" if kind == "gate" else "rolls back when"
    return f"{rule.name} {words[evaluation.verdict]}{at}{tail} ({asked} {rule.condition.need})"


def shown_value(rule: Rule, evaluation: Evaluation) -> str:
    """The value a rule was judged on, in the unit of its threshold; empty where there is none."""
    value, test = evaluation.value, rule.condition.test
    if value is None:
        return ""
    if isinstance(test, FailedChecks):
        number = f"{value:.0f}" if value == value else "NaN"
        return f"{number} failure{'' if number == '1' else 's'}"
    if isinstance(test, Stability | Freshness):  # what is asked is not of the value's own unit
        return ""
    return show(value, test.threshold.unit)


def _quiet(rule: Rule, evaluation: Evaluation) -> bool:
    """Whether a criterion was judged on samples of this phase and is not breached."""
    if evaluation.verdict is Verdict.PENDING:
        return not unseen(evaluation) and not breached(rule, evaluation)
    return evaluation.verdict is Verdict.FAIL

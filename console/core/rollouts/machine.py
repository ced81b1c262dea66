"""The state machine of a rollout: facts are folded in, and what is to be done next comes out. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from console.core.rollouts import decisions
from console.core.rollouts.asking import ACTIONS, at, may, missing, persons, stale
from console.core.rollouts.decisions import Decision
from console.core.rollouts.folding import advance, folded
from console.core.rollouts.judging import (
    ToJudge,
    due,
    due_settings,
    evidence,
    mood,
    needs_judging,
    rules_of,
    settings_of,
    shown_value,
    standing,
    to_judge,
    tripped,
    unproven,
    verdict,
    with_soak,
)
from console.core.rollouts.plan import Promotion, RolloutPlan
from console.core.rollouts.soak import Mood, done, skip, tick
from console.core.rollouts.state import Ask, Attempt, Judged, Rollout, RolloutState
from console.core.rollouts.wording import no_goes, why_line

__all__ = [
    "ACTIONS",
    "Mood",
    "ToJudge",
    "advance",
    "decide",
    "folded",
    "may",
    "mood",
    "needs_judging",
    "rules_of",
    "settings_of",
    "to_judge",
    "why_line",
    "with_soak",
]


def decide(
    plan: RolloutPlan,
    rollout: Rollout,
    judged: Judged,
    now: datetime,
    *,
    passed: timedelta | None,
    longest_tick: timedelta,
) -> Decision:
    """What is to be done next. Writes nothing; the same for the same arguments.

    passed: how long a clock that does not jump says has passed since the soak clock was last marked, None where it
    cannot say (another process marked it). longest_tick: a longer stretch between two marks was not observed.

    In this order: a rollback that is under way; a criterion that trips; a rollback that was asked for; what else was
    asked, oldest first; a reason to hold; what the state itself asks for. A decision that carries a soak carries the
    clock as it stands now: it replaces the rollout's (`with_soak`) before the next call.
    """
    if rollout.state.over:
        return decisions.Stay(why_line(plan, rollout, judged, now))
    if rollout.state is RolloutState.ROLLING_BACK:
        return decisions.PutBack(rollout.why)
    found = _trip(plan, rollout, judged) or _answer(plan, rollout, judged, now)
    if found is not None:
        return found
    if rollout.state is RolloutState.HELD:
        return _held(plan, rollout, judged, now)
    if rollout.state is RolloutState.ROLLED_BACK:
        return decisions.Stay(why_line(plan, rollout, judged, now))
    if reason := _reason_to_hold(plan, rollout, judged):
        return decisions.Hold(reason)
    match rollout.state:
        case RolloutState.PLANNED:
            return _planned(plan, rollout, judged, now)
        case RolloutState.APPLYING:
            return _applying(plan, rollout, judged, now)
        case _:
            return _watched(plan, rollout, judged, now, passed, longest_tick)


def _trip(plan: RolloutPlan, rollout: Rollout, judged: Judged) -> Decision | None:
    rule = tripped(plan, rollout, judged)
    if rule is None:
        return None
    value = shown_value(rule, verdict(judged, rule))
    why = f"{rule.name} tripped: {rule.text}" + (f", at {value}" if value else "")
    return decisions.RollBack(why, rule.text, "driver", evidence(plan, rollout, judged))


def _answer(plan: RolloutPlan, rollout: Rollout, judged: Judged, now: datetime) -> Decision | None:
    """The answer to what persons asked: a rollback first, then the oldest. None where nothing is asked."""
    for ask in rollout.asks:
        if ask.what == "rollback":
            if why := may(plan, rollout, judged, "rollback"):
                return decisions.Refuse(ask.number, ask.what, why)
            why = f"{ask.by} asked for it" + (f": {ask.reason}" if ask.reason else "")
            return decisions.RollBack(why, "", ask.by, evidence(plan, rollout, judged))
    return _oldest(plan, rollout, judged, now, rollout.asks[0]) if rollout.asks else None


def _oldest(plan: RolloutPlan, rollout: Rollout, judged: Judged, now: datetime, ask: Ask) -> Decision:
    match ask.what:
        case "promote":
            return _asked_to_promote(plan, rollout, judged, now, ask)
        case "abort":
            why = may(plan, rollout, judged, "abort")
            return (
                decisions.Refuse(ask.number, ask.what, why) if why else decisions.Abort(ask.number, ask.by, ask.reason)
            )
        case "retry":
            why = may(plan, rollout, judged, "retry", phase=ask.phase)
            phase = rollout.phase if ask.phase is None else ask.phase
            return decisions.Refuse(ask.number, ask.what, why) if why else decisions.Retry(phase, ask.number, ask.by)
        case _:
            why = may(plan, rollout, judged, "start") or _not_yet(plan, rollout, judged, now)
            if why:
                return decisions.Refuse(ask.number, ask.what, why)
            return decisions.Begin(rollout.phase, len(rollout.attempts) + 1)


def _asked_to_promote(plan: RolloutPlan, rollout: Rollout, judged: Judged, now: datetime, ask: Ask) -> Decision:
    why = may(plan, rollout, judged, "promote", ask.reason) or stale(rollout, ask.phase, ask.attempt)
    attempt = rollout.attempt
    if why or attempt is None:
        return decisions.Refuse(ask.number, ask.what, why or "no phase is under way")
    index = due_settings(plan, rollout, now)
    if index is not None:
        return decisions.ApplySettings(attempt.phase, attempt.number, index, attempt.soak)
    override = ask.reason if missing(plan, rollout, judged) else ""
    return _promotion(plan, rollout, judged, attempt, by=ask.by, override=override, ask=ask.number)


def _promotion(
    plan: RolloutPlan, rollout: Rollout, judged: Judged, attempt: Attempt, *, by: str, override: str, ask: int
) -> decisions.Promote:
    return decisions.Promote(
        phase=attempt.phase,
        attempt=attempt.number,
        by=by,
        override=override,
        ask=ask,
        soak=attempt.soak,
        evidence=evidence(plan, rollout, judged),
        last=attempt.phase + 1 >= len(plan.phases),
    )


def _held(plan: RolloutPlan, rollout: Rollout, judged: Judged, now: datetime) -> Decision:
    """Held, the soak clock stands: what goes by is neither good nor missed."""
    attempt, soak = rollout.attempt, None
    if attempt is not None and standing(rollout) is RolloutState.SOAKING:
        soak = skip(attempt.soak, now)
    return decisions.Stay(why_line(plan, rollout, judged, now), soak)


def _reason_to_hold(plan: RolloutPlan, rollout: Rollout, judged: Judged) -> str:
    """No-go sign-offs, and changes by somebody else that matter now, that nobody has resumed over; empty for none."""
    drift = () if rollout.state is RolloutState.APPLYING or not rollout.exposed else judged.drift
    reasons = (*no_goes(plan, rollout), *drift)
    return "; ".join(one for one in reasons if not any(one in accepted for accepted in rollout.accepted))


def _not_yet(plan: RolloutPlan, rollout: Rollout, judged: Judged, now: datetime) -> str:
    """Why the phase to come does not begin yet; empty where it does."""
    when, why = due(plan, rollout)
    if when is not None and when > now:
        return f"{plan.phases[rollout.phase].shown} begins at {at(when)}, {why}; h resumes"
    return "; ".join(judged.unmet)


def _planned(plan: RolloutPlan, rollout: Rollout, judged: Judged, now: datetime) -> Decision:
    if rollout.through:
        return decisions.Complete()
    if _not_yet(plan, rollout, judged, now):
        return decisions.Stay(why_line(plan, rollout, judged, now))
    return decisions.Begin(rollout.phase, len(rollout.attempts) + 1)


def _applying(plan: RolloutPlan, rollout: Rollout, judged: Judged, now: datetime) -> Decision:
    attempt = rollout.attempt
    if attempt is None:
        return decisions.Stay(why_line(plan, rollout, judged, now))
    return decisions.Apply(attempt.phase, attempt.number)


def _watched(
    plan: RolloutPlan,
    rollout: Rollout,
    judged: Judged,
    now: datetime,
    passed: timedelta | None,
    longest_tick: timedelta,
) -> Decision:
    """Soaking or waiting: the clock goes on, timed settings are set, and what has proven itself is promoted."""
    attempt = rollout.attempt
    if attempt is None:
        return decisions.Stay(why_line(plan, rollout, judged, now))
    phase, soak = plan.phases[attempt.phase], attempt.soak
    soaking = rollout.state is RolloutState.SOAKING
    if soaking:
        rules = rules_of(plan, phase, longest_tick)
        soak = tick(soak, now, mood(plan, rollout, judged), rules, passed=passed)
        rollout = with_soak(rollout, soak)
        attempt = rollout.attempt or attempt
    index = due_settings(plan, rollout, now)
    if index is not None:
        return decisions.ApplySettings(attempt.phase, attempt.number, index, soak if soaking else None)
    over = not soaking or done(soak, phase.soak)
    if over and not unproven(plan, rollout, judged):
        if phase.promotion is Promotion.AUTOMATIC and not persons(plan, attempt):
            return _promotion(plan, rollout, judged, attempt, by="driver", override="", ask=0)
        if soaking:
            return decisions.Ready(soak)
    return decisions.Stay(why_line(plan, rollout, judged, now), soak if soaking else None)

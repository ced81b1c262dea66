"""The one line of a rollout: why it is here, what happens next, which keys can be pressed."""

from __future__ import annotations

from datetime import datetime

from console.core.rollouts.asking import at, listed, may, persons, soak_missing
from console.core.rollouts.judging import blind, due, due_settings, mood, standing, told, tripped, unproven, verdict
from console.core.rollouts.plan import OnBad, Phase, Promotion, RolloutPlan
from console.core.rollouts.soak import Mood, done, left
from console.core.rollouts.state import Attempt, Judged, Rollout, RolloutState, Sign
from console.core.units import show_span


def why_line(plan: RolloutPlan, rollout: Rollout, judged: Judged, now: datetime) -> str:
    """Why the rollout is where it is, what is next, and which keys; never empty."""
    if trips := tripped(plan, rollout, judged):
        return f"{told(trips, verdict(judged, trips), 'criterion')}: the rollback follows at once, no key is needed"
    match rollout.state:
        case RolloutState.PLANNED:
            return _planned(plan, rollout, judged, now)
        case RolloutState.APPLYING:
            return _applying(plan, rollout, judged)
        case RolloutState.SOAKING | RolloutState.WAITING:
            return _watched(plan, rollout, judged, now)
        case RolloutState.HELD:
            return _held(plan, rollout, judged)
        case RolloutState.ROLLING_BACK:
            return f"rolling back: {rollout.why}; next the traffic is put back and verified; no key is needed"
        case RolloutState.ROLLED_BACK:
            name = plan.phases[rollout.phase].name
            return f"rolled back: {rollout.why}; {rollout.rolled_back}; t tries again from {name} or before, A aborts"
        case RolloutState.COMPLETED:
            return f"every phase is promoted: {rollout.version or rollout.plan} is released; S starts another rollout"
        case RolloutState.ABORTED:
            return f"aborted: {rollout.why}; the traffic stays as it is; S starts another rollout"


def no_goes(plan: RolloutPlan, rollout: Rollout) -> tuple[str, ...]:
    """A sentence for each role that says no-go."""
    attempt = rollout.attempt
    if attempt is None:
        return ()
    return tuple(_no_go(sign) for sign in attempt.signs if sign.decision == "no-go")


def _no_go(sign: Sign) -> str:
    note = f": {sign.note}" if sign.note else ""
    return f"{sign.role} says no-go at {sign.at:%Y-%m-%d %H:%M:%S}Z{note}"


def _planned(plan: RolloutPlan, rollout: Rollout, judged: Judged, now: datetime) -> str:
    if rollout.through:
        return "every phase is promoted; next the autoscaler is let go and the rollout is completed"
    phase = plan.phases[rollout.phase]
    keys = "h holds, R rolls back, A aborts" if rollout.exposed else "h holds, A aborts"
    when, why = due(plan, rollout)
    if when is not None and when > now:
        line = f"{phase.shown} begins at {at(when)}, {why}; {keys}"
    elif judged.unmet:
        line = f"{phase.shown} waits: {'; '.join(judged.unmet)}; it begins when that is met; {keys}"
    else:
        line = f"{phase.shown} is due and begins at once; {keys}"
    return _flying(plan, rollout, judged) + line


def _applying(plan: RolloutPlan, rollout: Rollout, judged: Judged) -> str:
    phase = plan.phases[rollout.phase]
    what = f"{phase.share.text} of {phase.environment}" if phase.share else phase.shown
    then = f"it is watched for {show_span(phase.soak)}" if phase.soak else "it is judged"
    return (
        f"{_flying(plan, rollout, judged)}{what} is being applied; when that is confirmed {then}; h holds, R rolls back"
    )


def _watched(plan: RolloutPlan, rollout: Rollout, judged: Judged, now: datetime) -> str:
    attempt = rollout.attempt
    if attempt is None:
        return f"{plan.phases[rollout.phase].shown} is {rollout.state.value}; h holds, A aborts"
    phase = plan.phases[attempt.phase]
    feeling = mood(plan, rollout, judged)
    waiting = rollout.state is RolloutState.WAITING
    over = waiting or done(attempt.soak, phase.soak)
    if feeling is Mood.BLIND:
        stands = "nothing is promoted" if over else "the soak stands"
        return f"cannot judge {blind(plan, rollout, judged)}; {stands}, h holds, R rolls back"
    if due_settings(plan, rollout, now) is not None:
        return "timed settings are due and are being set; h holds, R rolls back"
    if not waiting and attempt.confirmed_at is not None and now < attempt.confirmed_at:
        until = f"the soak goes on at {at(attempt.confirmed_at)}"
        return f"the clock was put back to before this phase was confirmed; {until}; h and then t tries the phase again"
    if not over:
        return _soaking(plan, attempt, feeling, unproven(plan, rollout, judged))
    failing = unproven(plan, rollout, judged)
    if failing and feeling is Mood.EARLY:
        awaited = "the first samples of this phase are not in yet; it is judged with them"
        return f"{awaited}; p with a reason overrides, R rolls back"
    if failing:
        but = "the soak is over, but " if phase.soak else ""
        return f"{but}{failing[0]}{_more(failing)}; p with a reason overrides, R rolls back"
    if waits := persons(plan, attempt):
        return f"waits for {listed(waits)}; Enter opens them"
    if phase.promotion is Promotion.AUTOMATIC:
        return f"everything is met; {_next(plan, attempt)} at once; h holds"
    return f"everything is met; p promotes ({_next(plan, attempt)}), h holds, R rolls back"


def _soaking(plan: RolloutPlan, attempt: Attempt, feeling: Mood, failing: tuple[str, ...]) -> str:
    phase = plan.phases[attempt.phase]
    if feeling is Mood.BAD:
        then = "begins anew" if phase.on_bad is OnBad.RESTART else "stands"
        bad = failing[0] if failing else "a rule is bad"
        return f"the soak {then}: {bad}{_more(failing)}; h holds, R rolls back"
    if feeling is Mood.EARLY:
        return "the first samples of this phase are not in yet; the soak begins with them; h holds, R rolls back"
    if not left(attempt.soak, phase.soak):
        return f"{soak_missing(plan, attempt)}; then {_then(phase)}; h holds, R rolls back"
    if not phase.gates:
        good = "no criterion trips" if phase.criteria else "it is watched"
    else:
        good = "no gate fails" if failing else "every gate passes"
    grace = " (the grace after an outage)" if attempt.soak.observed >= phase.soak else ""
    return f"{good}; {show_span(left(attempt.soak, phase.soak))} to go{grace}, then {_then(phase)}"


def _then(phase: Phase) -> str:
    if phase.sign_offs or phase.checklist:
        return "sign-offs and checklist decide (Enter opens them)"
    return "it goes on by itself" if phase.promotion is Promotion.AUTOMATIC else "p promotes"


def _next(plan: RolloutPlan, attempt: Attempt) -> str:
    if attempt.phase + 1 >= len(plan.phases):
        return "the rollout is completed"
    return f"{plan.phases[attempt.phase + 1].shown} is next"


def _held(plan: RolloutPlan, rollout: Rollout, judged: Judged) -> str:
    hold, back = rollout.held, standing(rollout)
    if hold is None:
        return "held; h resumes, A aborts"
    keys = ["h tries the rollback again" if back is RolloutState.ROLLING_BACK else f"h resumes ({back.value})"]
    for key, what in (("t tries the phase again", "retry"), ("R rolls back", "rollback"), ("A aborts", "abort")):
        if not may(plan, rollout, judged, what):
            keys.append(key)
    who = "" if hold.kind == "engine" else f" by {hold.by}"
    # The reason and the keys come first: what is cut at the end is told by the rules below, too.
    unknown = _flying(plan, rollout, judged).removesuffix("; ")
    return f"held{who}: {hold.why}; {', '.join(keys)}; since {at(hold.since)}" + (f"; {unknown}" if unknown else "")


def _flying(plan: RolloutPlan, rollout: Rollout, judged: Judged) -> str:
    unknown = blind(plan, rollout, judged)
    return f"cannot judge {unknown}; " if unknown else ""


def _more(failing: tuple[str, ...]) -> str:
    return f" and {len(failing) - 1} more" if len(failing) > 1 else ""

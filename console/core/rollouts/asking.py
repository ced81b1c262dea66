"""What a person may do about a rollout now, and the sentence why not: one answer for keys, commands and the driver."""

from __future__ import annotations

from datetime import datetime

from console.core.rollouts.judging import standing, unproven, unsigned, unticked
from console.core.rollouts.plan import RolloutPlan
from console.core.rollouts.soak import done, left
from console.core.rollouts.state import Attempt, Judged, Rollout, RolloutState
from console.core.units import show_span

ACTIONS = (
    "start",
    "promote",
    "override",
    "hold",
    "resume",
    "abort",
    "retry",
    "rollout-rollback",
    "tick",
    "sign",
    "look",
)


def may(
    plan: RolloutPlan,
    rollout: Rollout | None,
    judged: Judged,
    what: str,
    reason: str = "",
    *,
    phase: int | None = None,
) -> str:
    """Why `what` cannot be done now, as a sentence; empty where it can. what: one of ACTIONS, or `rollback`.

    reason: typed with a promotion, it overrides what is missing. phase: for a retry, where to begin again; without it
    the present phase. Raises ValueError for what is no action.
    """
    if what not in ACTIONS and what != "rollback":
        raise ValueError(f"`{what}` is nothing that can be done about a rollout; it is one of {', '.join(ACTIONS)}")
    if rollout is None:
        return "" if what == "start" else "no rollout is under way; S starts one"
    if rollout.state.over:
        return "" if what == "start" else f"the rollout is {rollout.state.value}; S starts another"
    if what == "start":
        return _start(rollout)
    if rollout.state is RolloutState.ROLLING_BACK:
        return "the traffic is being put back; wait until it is"
    match what:
        case "promote" | "override":
            return _promote(plan, rollout, judged, what, reason)
        case "hold":
            if rollout.state is RolloutState.HELD:
                return "it is held already; h resumes it"
            return "it is rolled back, nothing moves" if rollout.state is RolloutState.ROLLED_BACK else ""
        case "resume":
            return "" if rollout.state is RolloutState.HELD else "it is not held"
        case "abort":
            return ""
        case "retry":
            return _retry(plan, rollout, phase)
        case "rollback" | "rollout-rollback":
            return _rollback(rollout)
        case _:
            return _said(plan, rollout.attempt, what)


def missing(plan: RolloutPlan, rollout: Rollout, judged: Judged) -> tuple[str, ...]:
    """What stands between the present attempt and its promotion, each as a part of a sentence; empty for nothing."""
    attempt = rollout.attempt
    if attempt is None:
        return ("no phase is under way",)
    phase, parts = plan.phases[attempt.phase], list(unproven(plan, rollout, judged))
    if rollout.state is not RolloutState.WAITING and not done(attempt.soak, phase.soak):
        parts.append(soak_missing(plan, attempt))
    return tuple(parts + list(persons(plan, attempt)))


def soak_missing(plan: RolloutPlan, attempt: Attempt) -> str:
    """What is left of the soak, as a part of a sentence."""
    needed = plan.phases[attempt.phase].soak
    if rest := left(attempt.soak, needed):
        of = f"of {show_span(needed)} must still be observed good"
        return f"{show_span(rest)} {of}" if rest <= needed else f"{show_span(rest)} must still be observed good"
    return "an outage in its soak is still to be looked up"


def persons(plan: RolloutPlan, attempt: Attempt) -> tuple[str, ...]:
    """What persons have still to do, as parts of a sentence: sign-offs, then the checklist."""
    parts = []
    if roles := unsigned(plan, attempt):
        parts.append(f"go of {listed(roles)}")
    if items := len(unticked(plan, attempt)):
        parts.append(f"{items} checklist item{'' if items == 1 else 's'}")
    return tuple(parts)


def listed(words: tuple[str, ...]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def stale(rollout: Rollout, phase: int | None, attempt: int | None) -> str:
    """Why an ask about that attempt is too late, or empty."""
    present = rollout.attempt
    if present is None or phase not in (None, present.phase) or attempt not in (None, present.number):
        return "it was asked of an attempt that is over"
    return ""


def _start(rollout: Rollout) -> str:
    if rollout.state is RolloutState.HELD and not rollout.attempts:
        return ""
    return f"a rollout of {rollout.version or rollout.plan} is under way"


def _promote(plan: RolloutPlan, rollout: Rollout, judged: Judged, what: str, reason: str) -> str:
    match rollout.state:
        case RolloutState.PLANNED:
            return "nothing is to be promoted; the next phase begins by itself when it is due"
        case RolloutState.APPLYING:
            return "it is still being applied; wait until it is confirmed"
        case RolloutState.HELD:
            return "it is held; h resumes it first"
        case RolloutState.ROLLED_BACK:
            return "it was rolled back; t tries again, A aborts"
        case _:
            lacks = missing(plan, rollout, judged)
    if what == "override":
        return "" if lacks else "nothing stands in the way; p promotes"
    return "" if not lacks or reason.strip() else f"not yet: {'; '.join(lacks)}; a typed reason overrides"


def _retry(plan: RolloutPlan, rollout: Rollout, phase: int | None) -> str:
    target = rollout.phase if phase is None else phase
    if rollout.state is RolloutState.ROLLED_BACK:
        if 0 <= target <= rollout.phase:
            return ""
        return f"only a phase up to {plan.phases[rollout.phase].name} can be tried again"
    if rollout.state is not RolloutState.HELD:
        return "only what is held or rolled back is tried again"
    if standing(rollout) is RolloutState.ROLLING_BACK:
        return "the rollback did not finish; h tries that again, A aborts"
    if rollout.attempt is None:
        return "no phase is under way; h resumes"
    if target != rollout.attempt.phase:
        return f"only {plan.phases[rollout.attempt.phase].name} can be tried again; R rolls back"
    return ""


def _rollback(rollout: Rollout) -> str:
    if rollout.state is RolloutState.ROLLED_BACK:
        return "it is rolled back already; t tries again, A aborts"
    back = standing(rollout)
    if back is RolloutState.ROLLING_BACK:
        return "the rollback has begun and did not finish; h tries it again"
    if back is RolloutState.PLANNED and not rollout.exposed:
        return "nothing was changed yet; A aborts"
    return ""


def _said(plan: RolloutPlan, attempt: Attempt | None, what: str) -> str:
    if attempt is None:
        return "no phase is under way"
    phase = plan.phases[attempt.phase]
    if what == "tick" and not phase.checklist:
        return f"{phase.shown} has no checklist"
    if what == "sign" and not phase.sign_offs:
        return f"{phase.shown} asks for no sign-off"
    return ""


def at(moment: datetime) -> str:
    """A time as sentences say it."""
    return f"{moment:%Y-%m-%d %H:%M}Z"

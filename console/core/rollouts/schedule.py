"""When the phases of a rollout begin and end: as it was, and for those to come, as it can be at the earliest."""

from __future__ import annotations

from datetime import datetime

from console.core.rollouts.judging import standing
from console.core.rollouts.plan import Phase, RolloutPlan
from console.core.rollouts.soak import left
from console.core.rollouts.state import Attempt, Rollout, RolloutState
from console.core.rollouts.view import PhaseView

_STOPPED = (RolloutState.ROLLING_BACK, RolloutState.ROLLED_BACK, RolloutState.COMPLETED, RolloutState.ABORTED)


def schedule(plan: RolloutPlan, rollout: Rollout, now: datetime) -> tuple[PhaseView, ...]:
    """The phases in a line. Estimates take every soak as good from now on, and every person as quick.

    A rollout that is held is taken to be resumed now; of one that is rolled back or over, nothing is estimated.
    """
    rows: list[PhaseView] = []
    before: tuple[datetime, datetime] | None = None
    for place, phase in enumerate(plan.phases):
        attempt = _newest(rollout, place)
        if place < rollout.phase or rollout.through or standing(rollout) in _STOPPED:
            begins = attempt.began if attempt else None
            ends = attempt.ended if attempt else None
            rows.append(_row(phase, _mark(rollout, place, attempt), begins, ends, estimated=False))
            if attempt and attempt.ended:
                before = attempt.confirmed_at or attempt.began, attempt.ended
            continue
        present = rollout.attempt if place == rollout.phase else None
        begins = present.began if present else _begins(phase, before, now)
        ends = _ends(phase, rollout, present, begins, now)
        rows.append(_row(phase, _mark(rollout, place, present), begins, ends, estimated=True))
        before = (present and present.confirmed_at) or max(begins, now) if present else begins, ends
    return tuple(rows)


def _newest(rollout: Rollout, place: int) -> Attempt | None:
    return next((one for one in reversed(rollout.attempts) if one.phase == place), None)


def _begins(phase: Phase, before: tuple[datetime, datetime] | None, now: datetime) -> datetime:
    """The earliest start: now, after the phase before, not before its date, and its interval after the confirmation."""
    earliest = [now]
    if phase.not_before is not None:
        earliest.append(phase.not_before)
    if before is not None:
        confirmed, ended = before
        earliest += [ended, confirmed + phase.interval]
    return max(earliest)


def _ends(phase: Phase, rollout: Rollout, present: Attempt | None, begins: datetime, now: datetime) -> datetime:
    if present is None:
        return begins + phase.soak
    if present.confirmed_at is None:
        return now + phase.soak
    return now if standing(rollout) is RolloutState.WAITING else now + left(present.soak, phase.soak)


def _mark(rollout: Rollout, place: int, attempt: Attempt | None) -> str:
    promoted = attempt is not None and attempt.outcome.startswith(("promoted", "overridden"))
    if rollout.state is RolloutState.COMPLETED or rollout.through:
        return "done" if promoted else "todo"
    if place == rollout.phase:
        return "failed" if standing(rollout) in _STOPPED else "here"
    return "done" if place < rollout.phase and promoted else "todo"


def _row(phase: Phase, mark: str, begins: datetime | None, ends: datetime | None, *, estimated: bool) -> PhaseView:
    return PhaseView(
        name=phase.name,
        title=phase.shown,
        environment=phase.environment,
        share=phase.share.text if phase.share is not None else "",
        strategy=phase.strategy.kind,
        mark=mark,
        soak=phase.soak,
        begins=begins,
        ends=ends,
        estimated=estimated,
        not_before=phase.not_before,
        sign_offs=phase.sign_offs,
        about=phase.about,
    )

"""A rehearsal as plain text: columns, a line each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from console.core.rollouts.state import RolloutState
from console.core.units import show_span

if TYPE_CHECKING:
    from console.core.rollouts.plan import RolloutPlan
    from console.engine.scenario import Scenario
    from console.engine.timeline import Duty, Moment, PhaseRun, Rehearsed

NOTHING = timedelta(0)


def as_text(plan: RolloutPlan, scenario: Scenario, run: Rehearsed) -> list[str]:
    """One run: its phases, what happened when, what persons must do, how it ended."""
    lines = [f"{plan.title}  ({plan.path.name}, {plan.system})", *_heading(scenario, run)]
    lines += [f"started {_date(run.started)}; all times are UTC", ""]
    lines += _columns(
        (
            "PHASE",
            "SHARE",
            "BEGINS",
            "CONFIRMED",
            "SOAKED",
            "LEFT",
            "OBSERVED",
            "ANEW",
            "UNSEEN",
            "BAD",
            "WAITED",
            "OUTCOME",
        ),
        [_phase_row(phase) for phase in run.phases],
    )
    lines += ["", "what happens"]
    lines += _columns((), [(_at(one.at), one.phase, _by(one), one.what) for one in _told(run.moments)])
    if run.duties:
        lines += ["", "what persons must do: from when they can, and until when nothing comes later for it"]
        last = plan.phases[-1].name
        rows = [(duty.phase, f"from {_at(duty.since)}", _until(duty, last), duty.what) for duty in run.duties]
        lines += _columns((), rows)
    return [*lines, "", _ending(run)]


def as_table(plan: RolloutPlan, scenario: Scenario, runs: Sequence[Rehearsed]) -> list[str]:
    """Several runs, a line each."""
    lines = [f"{plan.title}  ({plan.path.name}, {plan.system})", *_heading(scenario, None)]
    lines += [f"each started {_date(runs[0].started)}; all times are UTC", ""]
    return lines + _columns(("PHASE", "WHAT HAPPENS", "TRIPS", "BY", "AFTER", "ENDS"), [_run_row(run) for run in runs])


def _heading(scenario: Scenario, run: Rehearsed | None) -> list[str]:
    about = f": {scenario.title}" if scenario.title else ""
    lines = [f"scenario {scenario.name}{about}"]
    if run is not None:
        lines += [f"in {run.here}: {said}" for said in run.said]
    return lines


def _phase_row(phase: PhaseRun) -> tuple[str, ...]:
    soaked = phase.observed if phase.confirmed is not None else None
    return (
        phase.phase + (f" (try {phase.attempt})" if phase.outcome.startswith("retried") else ""),
        phase.share or "-",
        _at(phase.begun),
        _at(phase.confirmed),
        _at(phase.ready),
        _at(phase.left),
        "-" if soaked is None or not phase.soak else f"{show_span(soaked)} of {show_span(phase.soak)}",
        str(phase.restarts) if phase.restarts else "-",
        _span(phase.unobserved),
        _span(phase.bad),
        _span(phase.waited),
        _short(phase.outcome) or "under way",
    )


def _run_row(run: Rehearsed) -> tuple[str, ...]:
    trip = run.trips[0] if run.trips else None
    said = "; ".join(run.said)
    if not run.applies:
        return (run.here, said, "-", "-", "-", "not rehearsed")
    return (
        run.here,
        said,
        _at(trip.at) if trip is not None else "-",
        f"`{trip.criterion}`" if trip is not None else "-",
        show_span(trip.at - trip.began) if trip is not None and trip.began is not None else "-",
        _state(run),
    )


def _told(moments: Iterable[Moment]) -> list[Moment]:
    """The moments, ticked items of one minute as one."""
    from dataclasses import replace

    told: list[Moment] = []
    for ticks, group in groupby(moments, lambda one: (one.at, one.phase) if one.what.startswith("ticks: ") else None):
        some = list(group)
        if ticks is None or len(some) == 1:
            told += some
        else:
            told.append(replace(some[0], what=f"ticks {len(some)} items"))
    return told


def _ending(run: Rehearsed) -> str:
    return f"{_state(run)} after {show_span(run.lasted)}, {_date(run.ended)}" + (
        f": {run.why}" if run.why and run.state is not RolloutState.COMPLETED else ""
    )


def _state(run: Rehearsed) -> str:
    if run.state.over or run.state is RolloutState.ROLLED_BACK:
        return run.state.value
    phase = run.phases[-1].phase if run.phases else "the first phase"
    return f"not finished: {run.state.value} in {phase}"


def _by(moment: Moment) -> str:
    return "" if moment.by in ("engine", "driver") else moment.by


def _until(duty: Duty, last: str) -> str:
    if duty.by is not None:
        return f"until {_at(duty.by)}"
    if duty.what.startswith("look "):
        return "as long as it lasts"
    return "the rollout's end waits for it" if duty.phase == last else "the next phase waits for it"


def _short(outcome: str) -> str:
    return outcome.split(":", 1)[0]


def _at(at: datetime | None) -> str:
    return "-" if at is None else f"{at:%a %d %b %H:%M:%S}"


def _date(at: datetime) -> str:
    return f"{at:%a %Y-%m-%d %H:%M:%S}Z"


def _span(span: timedelta) -> str:
    return show_span(span) if span else "-"


def _columns(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows in columns as wide as their widest cell. Below a head, columns in which nothing stands are left out."""
    if head:
        told = [place for place in range(len(head)) if any(row[place] != "-" for row in rows)]
        head, rows = tuple(head[place] for place in told), [tuple(row[place] for place in told) for row in rows]
    every = [head, *rows] if head else list(rows)
    if not every:
        return []
    widths = [max(len(row[place]) for row in every) for place in range(len(every[0]))]
    padded = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in every)
    return [line.rstrip() for line in padded]

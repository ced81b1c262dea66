"""Pane 1: the rollout under way; without one, what is deployed, how far it has come, why, and what runs now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from console.core.states import Outcome
from widgets.gauges import bar
from widgets.pane import Face, Pane
from widgets.rows import EMPTY, Row, cell, right, row
from widgets.states import placeholders, staleness
from widgets.vocabulary import Glyphs, Ink
from widgets.words import clean, moment, percent, plural, span, steps

if TYPE_CHECKING:
    from console.core.operations import Operation
    from console.core.picture import Deployed, MetricValue, Picture, VersionShare

_STATES = {
    "SETTLED": Ink.OK,
    "PROGRESSING": Ink.ACCENT,
    "STUCK": Ink.ALARM,
    "PAUSED": Ink.WARN,
    "NOT READY": Ink.BAD,
    "UNKNOWN": Ink.UNKNOWN,
}

OUTCOME_INK = {
    Outcome.RUNNING: Ink.ACCENT,
    Outcome.DONE: Ink.OK,
    Outcome.FAILED: Ink.ALARM,
    Outcome.REFUSED: Ink.WARN,
    Outcome.UNKNOWN: Ink.ALARM,
}
RECENT = timedelta(minutes=10)


def outcome_mark(outcome: Outcome, glyphs: Glyphs) -> str:
    """The sign beside an operation."""
    return {
        Outcome.RUNNING: glyphs.running,
        Outcome.DONE: glyphs.ok,
        Outcome.FAILED: glyphs.failed,
        Outcome.REFUSED: glyphs.warn,
        Outcome.UNKNOWN: glyphs.unknown,
    }[outcome]


def operation_row(operation: Operation, now: datetime, glyphs: Glyphs) -> Row:
    """One operation in one row: how it stands, since when, and its last word."""
    ink = OUTCOME_INK[operation.outcome]
    last = operation.summary if operation.outcome is not Outcome.RUNNING else ""
    last = clean(last or (operation.lines[-1] if operation.lines else ""))
    if operation.outcome is Outcome.RUNNING:
        when = span(now - operation.began)
    else:
        when = f"{steps(now - (operation.ended or operation.began))} ago"
    return row(
        (f" {outcome_mark(operation.outcome, glyphs)} ", Ink.BAD if ink is Ink.ALARM else ink),
        (clean(operation.title), Ink.STRONG),
        "  ",
        (f" {operation.outcome.value.upper()} " if ink is Ink.ALARM else operation.outcome.value.upper(), ink),
        (f"  {when}  ", Ink.DIM),
        last,
    )


def current(operations: Sequence[Operation], now: datetime) -> list[Operation]:
    """What runs or has just ended, running ones first, newest first."""
    shown = [
        operation
        for operation in operations
        if operation.outcome is Outcome.RUNNING or now - (operation.ended or operation.began) < RECENT
    ]
    return sorted(shown, key=lambda entry: (entry.outcome is not Outcome.RUNNING, -entry.began.timestamp()))


def state_row(deployed: Deployed) -> Row:
    """`SETTLED  all 9 pods run v2.3.2; R rolls back`."""
    ink = _STATES.get(deployed.state, Ink.UNKNOWN)
    word = f" {deployed.state} " if ink is Ink.ALARM else deployed.state
    return row(" ", (word, ink), "  ", (clean(deployed.why), Ink.STRONG))


class _Columns:
    """Widths of the table of versions for a pane's width; a width of 0 leaves the column out."""

    def __init__(self, versions: Sequence[VersionShare], width: int) -> None:
        several = len({version.workload for version in versions}) > 1
        self.version = min(max([len(version.version) for version in versions] + [7]) + 2, 24)
        self.workload = min(max(len(version.workload) for version in versions) + 2, 22) if several and width > 70 else 0
        self.bar = 26 if width >= 110 else 14 if width >= 70 else 0
        self.revision = 9 if width >= 90 else 0


def table(deployed: Deployed, now: datetime, width: int, glyphs: Glyphs, *, most: int, heading: bool) -> list[Row]:
    """A row per version, the current one first; the last row counts those left out."""
    versions = deployed.versions
    columns = _Columns(versions, width)
    rows = []
    if heading:
        rows.append(
            row(
                "   ",
                cell("version", columns.version, Ink.DIM),
                cell("deployment", columns.workload, Ink.DIM) if columns.workload else "",
                cell("share of ready pods", columns.bar + 7, Ink.DIM) if columns.bar else cell("share", 7, Ink.DIM),
                cell("ready", 12, Ink.DIM),
                cell("revision", columns.revision, Ink.DIM) if columns.revision else "",
                cell("age", 9, Ink.DIM),
            )
        )
        most -= 1
    shown = versions if len(versions) <= most else versions[: max(most - 1, 1)]
    rows += [_version(version, deployed, now, columns, glyphs) for version in shown]
    if len(shown) < len(versions):
        rows.append(row((f"   and {plural(len(versions) - len(shown), 'older version')}; z shows all", Ink.DIM)))
    return rows


def _version(version: VersionShare, deployed: Deployed, now: datetime, columns: _Columns, glyphs: Glyphs) -> Row:
    whole = version.desired > 0 and version.ready >= version.desired
    mark, ink = (glyphs.here, Ink.ACCENT) if version.current else (glyphs.todo, Ink.DIM)
    if version.desired and not whole:
        mark, ink = glyphs.warn, Ink.WARN
    elif version.current and deployed.state == "SETTLED":
        mark, ink = glyphs.ok, Ink.OK
    ready = f"{version.ready} of {version.desired}"
    notes = []
    if version.current:
        notes.append("newest")
    if version.good:
        notes.append("recorded good")
    return row(
        (f" {mark} ", ink),
        cell(clean(version.version), columns.version, Ink.STRONG if version.current else Ink.TEXT),
        cell(clean(version.workload), columns.workload) if columns.workload else "",
        *(bar(version.share, columns.bar, glyphs, Ink.OK if version.good else Ink.ACCENT) if columns.bar else ()),
        right(percent(version.share), 5 if columns.bar else 4, Ink.STRONG),
        "  " if columns.bar else "   ",
        cell(ready, 12, Ink.TEXT if whole else Ink.DIM if not version.desired else Ink.WARN),
        cell(f"rev {version.revision}", columns.revision, Ink.DIM) if columns.revision else "",
        cell(steps(now - version.since), 9, Ink.DIM),
        (f" {glyphs.dot} ".join(notes), Ink.DIM),
    )


def rollout_rows(picture: Picture, now: datetime, width: int, height: int, glyphs: Glyphs) -> list[Row]:
    """The pane's rows, never more than `height`: of the rollout under way, with what this process does about it below
    its state; without one, of what is deployed.
    """
    from widgets.progress import idle_row, progress_rows  # after the first paint, which has no picture

    operations = current(picture.operations, now)
    if (view := picture.under_way) is not None:
        strip = [operation_row(operation, now, glyphs) for operation in operations[: max(1, height - 8)]]
        return [*progress_rows(picture, view, now, width, height - len(strip), glyphs), *strip]
    idle = idle_row(picture, now, glyphs)
    rows = deployed_rows(picture, operations, now, width, height - bool(idle), glyphs)
    return [*rows, idle] if idle else rows


def deployed_rows(
    picture: Picture, operations: Sequence[Operation], now: datetime, width: int, height: int, glyphs: Glyphs
) -> list[Row]:
    """State and why, the versions, what runs, then how it is going; never more than `height`."""
    if picture.deployed is None:
        missing = placeholders(picture.cluster, picture, "kubernetes", width, max(height - 1, 1))
        rows = missing or [row((" reading…", Ink.DIM))]
        return rows + [operation_row(operation, now, glyphs) for operation in operations[: height - len(rows)]]
    deployed = picture.deployed
    rows = [state_row(deployed)]
    # Operations come before old versions: what is happening is more urgent than what was.
    strip = [operation_row(operation, now, glyphs) for operation in operations[: max(1, height - 6)]]
    roomy = height >= 7
    room = height - 1 - len(strip)
    if deployed.versions:
        rows += table(deployed, now, width, glyphs, most=room - roomy, heading=roomy)
    else:
        rows.append(row(("   no pods are deployed", Ink.DIM)))
    notices = [row((f" {glyphs.warn} ", Ink.WARN), (clean(notice), Ink.DIM)) for notice in reversed(picture.notices)]
    spare = height - len(rows) - len(strip)
    if roomy and strip and spare > 0:
        rows.append(EMPTY)
        spare -= 1
    rows += [*strip, *notices[: max(spare, 0)]]
    if roomy and height - len(rows) > 1:
        rows += [EMPTY, *going_rows(picture.metrics, width, height - len(rows) - 1)]
    return rows[:height]


def going_rows(metrics: Sequence[MetricValue], width: int, room: int) -> list[Row]:
    """How it is going: the system's metrics in its own order, in as many columns as fit; at most `room` rows."""
    if room < 1 or not metrics:
        return []
    wide = max(len(metric.title) for metric in metrics) + 2
    columns = max(1, (width - 3) // (wide + 14))
    rows: list[Row] = []
    for start in range(0, min(len(metrics), columns * room), columns):
        parts: list[tuple[str, Ink]] = [("   ", Ink.TEXT)]
        for metric in metrics[start : start + columns]:
            parts.append(cell(clean(metric.title), wide, Ink.DIM))
            parts.append(cell(clean(metric.text), 14, Ink.WARN if metric.error else Ink.TEXT))
        rows.append(tuple(parts))
    return rows


def title(picture: Picture, now: datetime, glyphs: Glyphs, width: int = 0) -> Row:
    """What the frame says: the phase of the rollout; without one, staleness before all else, then what a rollback
    returns to.
    """
    if (view := picture.under_way) is not None:
        from widgets.progress import WIDE, progress_title

        return progress_title(picture, view, now, glyphs, wide=width >= WIDE)
    if stale := staleness(picture.cluster, now, glyphs):
        return stale
    deployed = picture.deployed
    if deployed is None:
        return EMPTY
    if deployed.good is None:
        return row(("no version is recorded good yet", Ink.DIM))
    when = f", {moment(deployed.good_at, now)}" if deployed.good_at else ""
    return row(("recorded good ", Ink.DIM), (f"{clean(deployed.good)}{when}", Ink.TEXT))


def is_old(picture: Picture, now: datetime) -> bool:
    """Whether what the pane shows is no longer the present."""
    view = picture.under_way
    if view is None:
        return picture.cluster.is_stale(now)
    from widgets.progress import OLD, rollout_age

    return rollout_age(picture, view, now) > OLD


class RolloutPane(Pane):
    """What is deployed."""

    number = 1
    name_shown = "Rollout"

    def slice_of(self, picture: Picture) -> object:
        """Deployed versions, the cluster's staleness, operations, notices and metrics."""
        cluster = picture.cluster
        return (
            picture.deployed,
            cluster.taken_at,
            cluster.error,
            cluster.value is None,
            picture.operations,
            picture.notices,
            picture.metrics,
            picture.sources,
            picture.rollout,
            picture.rollout_plans,
            picture.rollout_error,
        )

    def face(self, picture: Picture, now: datetime, width: int, height: int) -> Face:
        """Title and rows."""
        glyphs = self.look.glyphs
        rows = rollout_rows(picture, now, width, height, glyphs)
        return Face(title(picture, now, glyphs, width), rows, is_old(picture, now))

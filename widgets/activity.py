"""Pane 5: what this console did and does, and what its sources say; folded into the header until it is opened."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from console.core.states import Outcome, SourceState
from widgets.pane import Face, Pane
from widgets.rollout import operation_row
from widgets.rows import EMPTY, Row, cell, row
from widgets.states import placeholders
from widgets.vocabulary import Glyphs, Ink
from widgets.words import ago, clean

if TYPE_CHECKING:
    from console.core.picture import Picture

_INKS = {
    SourceState.LIVE: Ink.OK,
    SourceState.READING: Ink.DIM,
    SourceState.STALE: Ink.WARN,
    SourceState.FAILED: Ink.BAD,
    SourceState.ABSENT: Ink.DIM,
}


def _heading(words: str) -> Row:
    return row((f" {words}", Ink.TITLE))


def source_rows(picture: Picture, glyphs: Glyphs) -> list[Row]:
    """Every source with its word and its whole sentence."""
    marks = {SourceState.LIVE: glyphs.here, SourceState.FAILED: glyphs.failed, SourceState.STALE: glyphs.warn}
    return [
        row(
            (f"   {marks.get(source.state, glyphs.todo)} ", _INKS[source.state]),
            cell(source.name, 14),
            cell(source.state.value, 16, _INKS[source.state]),
            (clean(source.detail) if source.detail != source.state.value else "", Ink.DIM),
        )
        for source in picture.sources
    ]


def check_rows(picture: Picture, glyphs: Glyphs) -> list[Row]:
    """Every health check."""
    if picture.health.value is None:
        return [row("  ", *missing) for missing in placeholders(picture.health, picture, "health", 10_000, 1)]
    return [
        row(
            (f"   {glyphs.ok if check.ok else glyphs.failed} ", Ink.OK if check.ok else Ink.BAD),
            cell(clean(check.name), 22),
            cell(f"{check.seconds * 1000:.0f} ms", 9, Ink.DIM)
            if check.ok
            else cell(f"{check.failures} failed", 11, Ink.BAD),
            (clean(check.detail), Ink.DIM if check.ok else Ink.TEXT),
        )
        for check in picture.health.value
    ]


def metric_rows(picture: Picture, now: datetime, glyphs: Glyphs) -> list[Row]:
    """Every metric's newest sample."""
    return [
        row(
            "     ",
            cell(clean(metric.title), 30),
            cell(clean(metric.text), 14, Ink.STRONG),
            (ago(metric.at, now) if metric.at else "no sample", Ink.DIM),
            (f" {glyphs.dot} {clean(metric.error)}" if metric.error else "", Ink.WARN),
        )
        for metric in picture.metrics
    ]


def activity_rows(picture: Picture, now: datetime, glyphs: Glyphs) -> list[Row]:
    """The whole page, to be scrolled."""
    rows = [row((f" {glyphs.warn} ", Ink.WARN), clean(notice)) for notice in picture.notices]
    if rows:
        rows.append(EMPTY)
    rows.append(_heading("What this console did"))
    for operation in sorted(picture.operations, key=lambda entry: entry.began, reverse=True):
        rows.append(row("  ", *operation_row(operation, now, glyphs)))
        told = operation.lines if operation.outcome is not Outcome.DONE else operation.lines[-6:]
        rows += [row((f"        {clean(line)}", Ink.DIM)) for line in told]
    if not picture.operations:
        rows.append(row(("   nothing yet", Ink.DIM)))
    for words, more in (
        ("Sources", source_rows(picture, glyphs)),
        ("Health checks", check_rows(picture, glyphs)),
        ("Metrics", metric_rows(picture, now, glyphs)),
    ):
        if more:
            rows += [EMPTY, _heading(words), *more]
    return rows


class ActivityPane(Pane):
    """Operations, sources, checks and metrics, as one page."""

    number = 5
    name_shown = "Activity and sources"

    def __init__(self, *args: object, **named: object) -> None:
        super().__init__(*args, **named)  # type: ignore[arg-type]
        self.top = 0

    def slice_of(self, picture: Picture) -> object:
        """All but the panes' own."""
        return (picture.operations, picture.sources, picture.health, picture.metrics, picture.notices)

    def move(self, by: int) -> None:
        """Scroll."""
        self.top = max(self.top + by, 0)
        self.repaint()

    def face(self, picture: Picture, now: datetime, width: int, height: int) -> Face:
        """The part of the page that is scrolled to."""
        rows = activity_rows(picture, now, self.look.glyphs)
        self.top = min(self.top, max(len(rows) - height, 0))
        more = len(rows) - height - self.top
        title = row((f"{more} more below", Ink.DIM)) if more > 0 else EMPTY
        return Face(title, rows[self.top : self.top + height])

"""The row that says that protection is switched off, or that nobody knows whether it is; on every screen."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from widgets.pane import Strips
from widgets.rows import EMPTY, Row, fit, inked, row
from widgets.vocabulary import Glyphs, Ink, Look
from widgets.words import clean, countdown, steps

if TYPE_CHECKING:
    from console.core.picture import Picture


def bypass_row(picture: Picture, now: datetime, glyphs: Glyphs) -> Row:
    """The row, or an empty one while no grant is open. The countdown comes first: it is all that a tick repaints."""
    reading = picture.bypass
    if not picture.bypass_offered:
        return EMPTY
    age = reading.age(now) or timedelta(0)
    state = reading.value
    trouble = clean(reading.error) if reading.error else "the store does not answer"
    if state is not None and state.grant is not None:
        left = state.remaining - age
        reason = clean(state.grant.reason)
        if left <= timedelta(0):
            words = f" BYPASS OVER  {glyphs.dot} its time has run out; the store is being asked"
        else:
            words = f' BYPASS ON {countdown(left):>5} left {glyphs.dot} "{reason}" {glyphs.dot} B revokes'
        if reading.is_stale(now):
            words += f" {glyphs.dot} last seen {steps(age)} ago: {trouble}"
        if state.warning:
            words += f" {glyphs.dot} {clean(state.warning)}"
        return row((words, Ink.BYPASS))
    if state is None and reading.error is None:
        return EMPTY
    if state is None or reading.is_stale(now):
        seen = "never read" if state is None else f"none was open {steps(age)} ago"
        parts = (" BYPASS UNKNOWN", "the workload fails closed", seen, trouble)
        return row((f" {glyphs.dot} ".join(parts), Ink.BYPASS))
    if state.warning:
        return row((f" NO BYPASS {glyphs.dot} {clean(state.warning)}", Ink.BYPASS))
    return EMPTY


class BypassRow(Strips):
    """The row as a widget; it takes a row of the screen only while it has something to say."""

    DEFAULT_CSS = "BypassRow { display: none; } BypassRow.-said { display: block; }"

    def __init__(self, look: Look, *, id: str = "bypass") -> None:
        super().__init__(look, id=id)
        self._row: Row = EMPTY

    def show(self, picture: Picture | None, now: datetime) -> None:
        """Take a new picture, or the same one a second later."""
        self._row = bypass_row(picture, now, self.look.glyphs) if picture is not None else EMPTY
        if bool(self._row) != self.has_class("-said"):
            self.set_class(bool(self._row), "-said")
        self.repaint()

    def draw(self, width: int, height: int) -> list[Row]:
        """One row, its colour to the end."""
        return [inked(fit(self._row, width, self.look.glyphs.cut), Ink.BYPASS)]

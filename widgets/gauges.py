"""Bars and sparklines as text."""

from __future__ import annotations

from collections.abc import Sequence

from widgets.rows import Row, row
from widgets.vocabulary import Glyphs, Ink


def bar(ratio: float, width: int, glyphs: Glyphs, ink: Ink = Ink.ACCENT) -> Row:
    """A share as a bar of `width` cells in half steps; any share above nothing shows at least half a cell."""
    ratio = min(max(ratio, 0.0), 1.0)
    halves = round(ratio * width * 2)
    if ratio > 0:
        halves = max(halves, 1)
    if ratio < 1:
        halves = min(halves, width * 2 - 1)
    full, half = divmod(halves, 2)
    empty = width - full - half
    return row((glyphs.bar_full * full + glyphs.bar_half * half, ink), (glyphs.bar_empty * empty, Ink.FRAME))


def sparkline(values: Sequence[float | None], width: int, glyphs: Glyphs) -> str:
    """The newest `width` values from lowest to highest; unknown ones are blanks, a flat line lies at the bottom.

    A change of less than two percent of the value is drawn flat, so that noise does not look like a trend.
    """
    shown = list(values)[-width:]
    known = [value for value in shown if value is not None]
    if not known:
        return " " * width
    low, high = min(known), max(known)
    reach = max(high - low, abs(high) * 0.02)
    top = len(glyphs.sparks) - 1
    marks = (
        " " if value is None else glyphs.sparks[min(int((value - low) / reach * top + 0.5), top) if reach else 0]
        for value in shown
    )
    return "".join(marks).rjust(width)

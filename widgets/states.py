"""The three pictures of every pane: reading, could not read, and a value that may be no longer the present."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from console.core.states import SourceState
from widgets.rows import Row, row
from widgets.vocabulary import Glyphs, Ink
from widgets.words import clean, steps

if TYPE_CHECKING:
    from console.core.picture import Picture
    from console.core.readings import Reading


def absent(picture: Picture, source: str) -> bool:
    """Whether the environment has no such source at all."""
    return any(entry.name == source and entry.state is SourceState.ABSENT for entry in picture.sources)


def placeholder(reading: Reading[Any], picture: Picture, source: str) -> Row | None:
    """The row shown in place of a value that there never was; None where there is one."""
    if reading.value is not None:
        return None
    if reading.error is not None:
        return row((" could not read: ", Ink.BAD), clean(reading.error))
    if absent(picture, source):
        return row((f" {source} is not configured for {picture.environment}", Ink.DIM))
    return row((" reading…", Ink.DIM))


def staleness(reading: Reading[Any], now: datetime, glyphs: Glyphs) -> Row:
    """What a title says of a value that is no longer the present: `STALE 2m · redis: no answer in 1 s`."""
    age = reading.age(now)
    if age is None or not reading.is_stale(now):
        return ()
    why = clean(reading.error) if reading.error else "no answer since"
    return row((f"STALE {steps(age)}", Ink.ALARM), (f" {glyphs.dot} {why}", Ink.WARN))

"""The three pictures of every pane: reading, could not read, and a value that may be no longer the present."""

from __future__ import annotations

from datetime import datetime
from textwrap import wrap
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
    return next(iter(placeholders(reading, picture, source, 10_000, 1)), None)


def placeholders(reading: Reading[Any], picture: Picture, source: str, width: int, most: int) -> list[Row]:
    """The rows shown in place of a value that there never was, at most `most`; none where there is one."""
    if reading.value is not None:
        return []
    if reading.error is not None:
        said = wrap(clean(reading.error), max(width - 17, 20), break_on_hyphens=False)
        if len(said) > most:
            said = [*said[: most - 1], " ".join(said[most - 1 :])]
        heads = (" could not read: ", *(" " * 17,) * len(said))
        return [row((head, Ink.BAD), line) for head, line in zip(heads, said, strict=False)]
    if absent(picture, source):
        return [row((f" {source} is not configured for {picture.environment}", Ink.DIM))]
    return [row((" reading…", Ink.DIM))]


def staleness(reading: Reading[Any], now: datetime, glyphs: Glyphs) -> Row:
    """What a title says of a value that is no longer the present: `STALE 2m · redis: no answer in 1 s`."""
    age = reading.age(now)
    if age is None or not reading.is_stale(now):
        return ()
    why = clean(reading.error) if reading.error else "no answer since"
    return row((f"STALE {steps(age)}", Ink.ALARM), (f" {glyphs.dot} {why}", Ink.WARN))

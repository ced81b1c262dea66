"""The first row: what is operated, where, which version, whether the sources answer; and the clock beside it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from console.core.states import SourceState
from widgets.pane import Strips
from widgets.rows import EMPTY, Row, ends, fit, row, width_of
from widgets.vocabulary import TONE_INK, Glyphs, Ink, Look
from widgets.words import clean, plural

if TYPE_CHECKING:
    from console.core.picture import Picture, SourceHealth

_MARKS = {
    SourceState.LIVE: ("here", Ink.OK, Ink.DIM),
    SourceState.READING: ("todo", Ink.DIM, Ink.DIM),
    SourceState.STALE: ("warn", Ink.WARN, Ink.WARN),
    SourceState.FAILED: ("failed", Ink.BAD, Ink.BAD),
}


def versions(picture: Picture, glyphs: Glyphs) -> Row:
    """`v2.3.2 → v2.3.3`, the rollout's while one is under way; the target alone where nothing is known to run."""
    deployed = picture.deployed
    if (view := picture.under_way) is not None:
        known = (deployed.good, deployed.now) if deployed is not None else ()
        old = next((version for version in known if version and version != view.version), "")
        new = row((clean(view.version), Ink.ACCENT))
        return (*row((clean(old), Ink.STRONG), (f" {glyphs.arrow} ", Ink.DIM)), *new) if old else new
    if deployed is None or not (deployed.now or deployed.target):
        return EMPTY
    now = row((clean(deployed.now) or "unknown version", Ink.STRONG))
    if not deployed.target or deployed.target == deployed.now:
        return now
    return (*now, *row((f" {glyphs.arrow} ", Ink.DIM), (clean(deployed.target), Ink.ACCENT)))


def _source(source: SourceHealth, glyphs: Glyphs, *, detail: bool) -> Row:
    mark, ink, word_ink = _MARKS[source.state]
    word = clean(source.detail) if source.state is SourceState.LIVE else source.state.value
    words = f" {source.name} {word}" if detail or source.state is not SourceState.LIVE else f" {source.name}"
    return row((getattr(glyphs, mark), ink), (words, word_ink))


def one_word(picture: Picture, glyphs: Glyphs) -> Row:
    """Health as one word when all is well, else the sources that are not."""
    sources = [source for source in picture.sources if source.state is not SourceState.ABSENT]
    bad = [source for source in sources if source.state in (SourceState.STALE, SourceState.FAILED)]
    if len(bad) == 1:
        return _source(bad[0], glyphs, detail=False)
    if bad:
        return row(
            (glyphs.failed, Ink.BAD), (f" {plural(len(bad), 'source')} of {len(sources)} not answering", Ink.BAD)
        )
    if not sources or any(source.state is SourceState.READING for source in sources):
        return row((f"{glyphs.todo} reading…", Ink.DIM))
    return row((glyphs.here, Ink.OK), (" all sources live", Ink.DIM))


def header(picture: Picture, width: int, glyphs: Glyphs) -> Row:
    """The row in `width` cells. What is least needed goes first: details of sources that live, then their names."""
    left: list[str | tuple[str, Ink]] = [
        " ",
        (clean(picture.system), Ink.STRONG),
        (f" {glyphs.into} ", Ink.DIM),
        (f" {clean(picture.environment).upper()} ", TONE_INK[picture.tone]),
    ]
    if picture.tone.value != picture.environment.lower():
        left.append((f" {picture.tone.value}", Ink.DIM))
    if picture.read_only:
        left += [" ", (" READ-ONLY ", Ink.BADGE)]
    start = row(*left)
    known = versions(picture, glyphs)
    if known:
        start = (*start, ("   ", Ink.TEXT), *known)
    sources = [source for source in picture.sources if source.state is not SourceState.ABSENT]
    choices = [one_word(picture, glyphs)]
    if sources:
        for detail in (False, True):
            told: Row = EMPTY
            for source in sources:
                told = (*told, *((("  ", Ink.TEXT),) if told else EMPTY), *_source(source, glyphs, detail=detail))
            choices.append(told)
    for health in reversed(choices):
        room = width - width_of(start) - width_of(health) - 2
        if room >= 2:
            return fit((*start, (" " * room, Ink.TEXT), *health), width, glyphs.cut)
    return fit((*start, ("  ", Ink.TEXT), *choices[0]), width, glyphs.cut)


def opening(naming: tuple[str, str], width: int, glyphs: Glyphs) -> Row:
    """The row before there is a picture: the names that were asked for, and no colour, for nothing is known yet."""
    system, environment = naming
    names = row(
        " ",
        (clean(system), Ink.STRONG),
        (f" {glyphs.into}  {clean(environment).upper()}" if environment else "", Ink.DIM),
    )
    return ends(names, row((f"{glyphs.todo} reading… ", Ink.DIM)), width, glyphs.cut)


class Header(Strips):
    """The header's row. naming: system and environment as asked for, shown until there is a picture."""

    def __init__(self, look: Look, naming: tuple[str, str], *, id: str = "header") -> None:
        super().__init__(look, id=id)
        self.naming = naming
        self.picture: Picture | None = None

    def show(self, picture: Picture) -> None:
        """Take a new picture."""
        self.picture = picture
        self.repaint()

    def draw(self, width: int, height: int) -> list[Row]:
        """One row."""
        if self.picture is None:
            return [opening(self.naming, width, self.look.glyphs)]
        return [header(self.picture, width, self.look.glyphs)]


class Clock(Strips):
    """UTC in a widget of its own: a tick costs its ten cells and no more."""

    DEFAULT_CSS = "Clock { width: 11; }"

    def __init__(self, look: Look, *, id: str = "clock") -> None:
        super().__init__(look, id=id)
        self.now: datetime | None = None

    def tick(self, now: datetime) -> None:
        """Show this time."""
        self.now = now
        self.repaint()

    def draw(self, width: int, height: int) -> list[Row]:
        """One row."""
        text = f" {self.now:%H:%M:%SZ} " if self.now else ""
        return [fit(row((text, Ink.STRONG)), width)]

"""A framed pane that repaints only the rows that changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from widgets.rows import EMPTY, Row, fit, row, to_strip, width_of
from widgets.vocabulary import Ink, Look

if TYPE_CHECKING:
    from console.core.picture import Picture


@dataclass(frozen=True, slots=True)
class Edges:
    """How a pane's frame meets its neighbours'; names of glyphs. An empty side is not drawn: the neighbour draws it."""

    top_left: str = "tee_right"
    top_right: str = "tee_left"
    left: str = "down"
    right: str = "down"
    bottom: bool = False
    tee: int | None = None
    """The column of the title row at which the line between the two panes above ends."""


ALONE = Edges("top_left", "top_right", bottom=True)


@dataclass(frozen=True, slots=True)
class Face:
    """What a pane shows: its title's parts (the name first), its rows, and whether they are no longer the present."""

    title: Row
    rows: Sequence[Row]
    stale: bool = False


class Strips(Widget):
    """A widget of whole rows: it compares what it shows with what it would show and asks only for the difference."""

    DEFAULT_CSS = "Strips { width: 1fr; height: 1; }"

    def __init__(self, look: Look, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.look = look
        self._shown: list[Row] = []
        self._strips: dict[int, Strip] = {}
        self._shown_size = (-1, -1)

    def draw(self, width: int, height: int) -> list[Row]:
        """The rows for this size, each of exactly `width` cells. Subclasses say what they are."""
        raise NotImplementedError

    def repaint(self) -> None:
        """Draw again, and have Textual send the cells that differ."""
        width, height = self.size
        if not width or not height:
            self._shown_size = (-1, -1)
            return
        if (width, height) != self._shown_size:
            self._renew(width, height)
            self.refresh()
            return
        rows = self.draw(width, height)
        changed = [y for y, (old, new) in enumerate(zip(self._shown, rows, strict=True)) if old != new]
        for y in changed:
            self._strips.pop(y, None)
        self._shown = rows
        if changed:
            self.refresh(*(Region(0, y, width, 1) for y in changed))

    def relook(self, look: Look) -> None:
        """Take another look and paint everything in it."""
        self.look = look
        self._shown_size = (-1, -1)
        self.repaint()

    def render_line(self, y: int) -> Strip:
        """One row as Textual paints it."""
        width, height = self.size
        if (width, height) != self._shown_size:
            self._renew(width, height)
        strip = self._strips.get(y)
        if strip is None:
            shown = self._shown[y] if y < len(self._shown) else EMPTY
            strip = self._strips[y] = to_strip(shown or fit(EMPTY, width), self.look)
        return strip

    def _renew(self, width: int, height: int) -> None:
        self._shown = self.draw(width, height)
        self._strips.clear()
        self._shown_size = (width, height)

    def text(self) -> list[str]:
        """What it shows as plain text, a line per row."""
        width, height = self.size
        return ["".join(text for text, _ in spans) for spans in self.draw(width, height)] if width and height else []


class Pane(Strips):
    """A numbered pane. Subclasses give its face for a size; it knows how to frame it."""

    DEFAULT_CSS = "Pane { height: 1fr; }"

    number = 0
    name_shown = ""

    def __init__(self, look: Look, edges: Callable[[], Edges], *, id: str, classes: str | None = None) -> None:
        super().__init__(look, id=id, classes=classes)
        self.edges_now = edges
        self.picture: Picture | None = None
        self.now: datetime | None = None
        self.lit = False
        self._slice: object = None

    def face(self, picture: Picture, now: datetime, width: int, height: int) -> Face:
        """What to show in `width` x `height` cells inside the frame."""
        raise NotImplementedError

    def slice_of(self, picture: Picture) -> object:
        """What of the picture this pane shows; an equal slice means nothing to draw."""
        return picture

    def show(self, picture: Picture, now: datetime) -> None:
        """Take a new picture."""
        self.now = now
        self.picture = picture
        slice = self.slice_of(picture)
        if slice != self._slice:
            self._slice = slice
            self.repaint()

    def tick(self, now: datetime) -> None:
        """Let ages grow."""
        self.now = now
        if self.picture is not None:
            self.repaint()

    def light(self, on: bool) -> None:
        """Show whether keys go here."""
        if on != self.lit:
            self.lit = on
            self.repaint()

    def inner(self, width: int, height: int) -> tuple[int, int]:
        """The size inside the frame."""
        edges = self.edges_now()
        return width - bool(edges.left) - bool(edges.right), height - 1 - edges.bottom

    def draw(self, width: int, height: int) -> list[Row]:
        """The framed rows."""
        inner_width, inner_height = self.inner(width, height)
        if self.picture is None or self.now is None or inner_width < 10 or inner_height < 1:
            face = Face(EMPTY, [row((" reading…", Ink.DIM))])
        else:
            face = self.face(self.picture, self.now, inner_width, inner_height)
        edges = self.edges_now()
        rows = [self._title(face, edges, width)]
        glyphs = self.look.glyphs
        # Only the title lights up: lit edges would cost a write per row whenever the focus moves.
        side_left: Row = ((glyphs.down, Ink.FRAME),) if edges.left else EMPTY
        side_right: Row = ((glyphs.down, Ink.FRAME),) if edges.right else EMPTY
        for y in range(inner_height):
            spans = face.rows[y] if y < len(face.rows) else EMPTY
            if face.stale:
                spans = tuple((text, _STALE.get(ink, ink)) for text, ink in spans)
            rows.append((*side_left, *fit(spans, inner_width, glyphs.cut), *side_right))
        if edges.bottom:
            line = glyphs.bottom_left + glyphs.across * (width - 2) + glyphs.bottom_right
            rows.append(((line, Ink.FRAME),))
        return rows[:height]

    def _title(self, face: Face, edges: Edges, width: int) -> Row:
        glyphs = self.look.glyphs
        frame = Ink.FRAME_LIT if self.lit else Ink.FRAME
        start = getattr(glyphs, edges.top_left) if edges.top_left else ""
        end = getattr(glyphs, edges.top_right) if edges.top_right else ""
        words: Row = ((f" {self.number} {self.name_shown} ", Ink.TITLE_LIT if self.lit else Ink.TITLE),)
        if face.title:
            words = (*words, (f"{glyphs.dot} ", frame), *face.title, (" ", frame))
        room = width - len(start) - len(end) - 2
        if width_of(words) > room:
            words = fit(words, room, glyphs.cut)
        rest = glyphs.across * (width - len(start) - 1 - width_of(words) - len(end))
        begin = width - len(end) - len(rest)
        if edges.tee is not None and begin <= edges.tee < width - len(end):
            at = edges.tee - begin
            rest = rest[:at] + glyphs.tee_up + rest[at + 1 :]
        return ((start + glyphs.across, frame), *words, (rest + end, frame))


# What is no longer the present loses its colour; badges keep theirs, for they say just that.
_STALE: dict[Ink, Ink] = {
    ink: Ink.STALE
    for ink in Ink
    if ink not in (Ink.ALARM, Ink.BADGE, Ink.BYPASS, Ink.SELECTED, Ink.FRAME, Ink.UNKNOWN, Ink.DIM)
}

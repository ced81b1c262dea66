"""Text that is longer than its place: folded where it is seen and nowhere else, and moved through by keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import chop_cells
from textual.binding import Binding, BindingType

from widgets.pane import Strips
from widgets.rows import EMPTY, Row, Span, fit, plain, row, width_of
from widgets.vocabulary import Ink, Look

KEPT = 2000
"""Folded lines that are remembered."""
Place = tuple[int, int]
"""A line's number, and which of its rows."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line before it is folded. hang: what stands before each further row of it. words: folded between words, as
    prose is; else nothing of it is lost, not even a blank.
    """

    spans: Row
    hang: Row = EMPTY
    words: bool = False


def folded(line: Line, width: int) -> list[Row]:
    """The line in rows of at most `width` cells; one at least."""
    if width_of(line.spans) <= width:
        return [line.spans]
    cuts = _cuts(plain(line.spans), width, max(width - width_of(line.hang), 2), line.words)
    parts = _parts(line.spans, cuts)
    return [(*line.hang, *part) if number else part for number, part in enumerate(parts)] or [EMPTY]


def _cuts(text: str, first: int, others: int, words: bool) -> Iterator[tuple[int, int]]:
    """Where each row of the text begins and ends: `first` cells for the first, `others` for each other."""
    at, room = 0, first
    begin = len(text) - len(text.lstrip())
    while at < len(text):
        window = text[at : at + room]
        most = len(window) if window.isascii() else len(chop_cells(window, max(room, 2))[0])
        if at + most >= len(text):
            yield at, len(text)
            return
        if words:
            blank = text.rfind(" ", at, at + most + 1) - at
            cut = blank if blank > (begin if at == 0 else 0) else most
        else:
            blank = window[:most].rfind(" ") + 1
            cut = blank if blank > most // 2 else most
        yield at, at + cut
        at, room = at + cut, others
        while words and at < len(text) and text[at] == " ":
            at += 1


def _parts(spans: Row, cuts: Iterable[tuple[int, int]]) -> Iterator[Row]:
    """The spans between such places, which are in order."""
    number = start = 0
    for begin, end in cuts:
        part: list[Span] = []
        while number < len(spans):
            text, ink = spans[number]
            inside = text[max(begin - start, 0) : end - start]
            if inside:
                part.append((inside, ink))
            if start + len(text) > end:
                break
            start += len(text)
            number += 1
        yield tuple(part)


class Headed(Strips, can_focus=True):
    """Rows under a heading that lights up while keys go here. Subclasses say what stands below it."""

    def __init__(self, look: Look, *, id: str | None = None) -> None:
        super().__init__(look, id=id)
        self.head: Row = EMPTY

    def below(self, width: int, height: int) -> list[Row]:
        """At most `height` rows."""
        raise NotImplementedError

    def more(self) -> Row:
        """What the heading's end says; asked after the rows were made."""
        return EMPTY

    def set_head(self, head: Row) -> None:
        """Say another heading."""
        if head != self.head:
            self.head = head
            self.repaint()

    def draw(self, width: int, height: int) -> list[Row]:
        """The heading, the rows, blanks."""
        rows = [fit(each, width, self.look.glyphs.cut) for each in self.below(width, height - 1)]
        blanks = [fit(EMPTY, width)] * (height - 1 - len(rows))
        return [self._heading(width), *rows, *blanks][:height]

    def _heading(self, width: int) -> Row:
        glyphs, lit = self.look.glyphs, self.has_focus
        frame = Ink.FRAME_LIT if lit else Ink.FRAME
        words = tuple((text, Ink.TITLE_LIT if lit and ink is Ink.TITLE else ink) for text, ink in self.head)
        end = self.more()
        room = width - 6 - width_of(end) - (2 if end else 0)
        if width_of(words) > room:
            words = fit(words, max(room, 1), glyphs.cut)
        left = row((f"{glyphs.across * 2} ", frame), *words, " ")
        tail = row(" ", *end, (f" {glyphs.across}", frame)) if end else EMPTY
        rest = max(width - width_of(left) - width_of(tail), 0)
        return fit((*left, (glyphs.across * rest, frame), *tail), width)

    def on_focus(self) -> None:
        """Light up; later, for Textual notes the focus after this."""
        self.call_later(self.repaint)

    def on_blur(self) -> None:
        """Go dark."""
        self.call_later(self.repaint)


class Folds(Headed):
    """Lines that are folded as they are seen. first, end: the numbers of its first line and behind its last."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll(-1)", "Up", show=False),
        Binding("down", "scroll(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "home", "Beginning", show=False),
        Binding("end", "end", "End", show=False),
    ]

    def __init__(self, look: Look, *, id: str | None = None) -> None:
        super().__init__(look, id=id)
        self.first = 0
        self.end = 0
        self.top: Place = (0, 0)
        self.left_below = 0
        self._rows: dict[int, list[Row]] = {}
        self._rows_width = 0
        self._revealed: tuple[int, int] | None = None

    def line(self, number: int) -> Line:
        """The line of that number."""
        raise NotImplementedError

    def forget(self, since: int = 0) -> None:
        """The lines from that number on are others now."""
        self._rows = {number: rows for number, rows in self._rows.items() if self.first < number < since}

    def folds(self, number: int) -> list[Row]:
        """A line's rows at the present width."""
        rows = self._rows.get(number)
        if rows is None:
            if len(self._rows) > KEPT:
                self._rows.clear()
            rows = self._rows[number] = folded(self.line(number), max(self._rows_width, 2))
        return rows

    def stepped(self, place: Place, by: int) -> Place:
        """The place so many rows further, as far as there are rows."""
        number, part = place
        while by < 0 and (number, part) > (self.first, 0):
            if part >= -by:
                return number, part + by
            by += part + 1
            number -= 1
            if number < self.first:
                return self.first, 0
            part = len(self.folds(number)) - 1
        while by > 0 and number < self.end:
            left = len(self.folds(number)) - 1 - part
            if left >= by:
                return number, part + by
            if number + 1 >= self.end:
                return number, part + left
            by -= left + 1
            number, part = number + 1, 0
        return number, part

    def lowest(self, height: int) -> Place:
        """The place of the top row at which the last row is seen."""
        if self.end <= self.first:
            return self.first, 0
        last = self.end - 1
        return self.stepped((last, len(self.folds(last)) - 1), 1 - max(height, 1))

    def below(self, width: int, height: int) -> list[Row]:
        """The rows from the top on."""
        if width != self._rows_width:
            self._rows_width = width
            self.forget()
        number, part = self.top = self.placed(height)
        rows: list[Row] = []
        while number < self.end and len(rows) < height:
            rows += self.folds(number)[part:]
            number, part = number + 1, 0
        self.left_below = max(self.end - number, 0) + (len(rows) > height)
        return rows[:height]

    def placed(self, height: int) -> Place:
        """The top, brought to where there are rows."""
        number = min(max(self.top[0], self.first), max(self.end - 1, self.first))
        part = self.top[1] if number == self.top[0] else 0
        if number < self.end:
            part = min(part, len(self.folds(number)) - 1)
        return min((number, part), self.lowest(height))

    def more(self) -> Row:
        """How much is not seen."""
        above, below = self.top > (self.first, 0), self.left_below
        if not (above or below):
            return EMPTY
        return row((f"{below} below" if below else "the end", Ink.DIM))

    def reveal(self, first: int, last: int) -> None:
        """Move so that these lines are seen, the first in any case, and above them as much as fits."""
        self._revealed = first, last
        height = self.size.height - 1
        if height < 1 or self.end <= self.first:
            self.top = (first, 0)
            return
        if self._rows_width != self.size.width:
            self._rows_width = self.size.width
            self.forget()
        last = min(last, self.end - 1)
        up = self.stepped((last, len(self.folds(last)) - 1), 1 - height)
        self.top = min(up, (first, 0))
        self.repaint()

    def on_resize(self) -> None:
        """What was gone to stays in sight, unless one has moved on since."""
        if self._revealed is not None:
            self.reveal(*self._revealed)

    def action_scroll(self, by: int) -> None:
        """Move by rows."""
        self._revealed = None
        self.top = self.stepped(self.top, by)
        self.repaint()

    def action_page(self, pages: int) -> None:
        """Move by a screenful."""
        self.action_scroll(pages * max(self.size.height - 2, 1))

    def action_home(self) -> None:
        """To the first row."""
        self._revealed = None
        self.top = (self.first, 0)
        self.repaint()

    def action_end(self) -> None:
        """To the last row."""
        self._revealed = None
        self.top = self.lowest(self.size.height - 1)
        self.repaint()


class Page(Folds):
    """Lines as given."""

    def __init__(self, look: Look, *, id: str | None = None) -> None:
        super().__init__(look, id=id)
        self.lines: tuple[Line, ...] = ()

    def set(self, lines: Sequence[Line]) -> bool:
        """Show these; returns whether they differ from those before."""
        if (new := tuple(lines)) == self.lines:
            return False
        self.lines, self.end = new, len(new)
        self.forget()
        self.repaint()
        return True

    def line(self, number: int) -> Line:
        """The line of that number."""
        return self.lines[number]

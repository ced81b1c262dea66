"""What a step prints: its newest lines until one moves up, then those, with a count of what came since."""

from __future__ import annotations

import re
from collections.abc import Sequence

from widgets.folds import Folds, Line, Place
from widgets.rows import EMPTY, Row, row
from widgets.sgr import bare, spans_of
from widgets.vocabulary import Ink, Look

# What an operation says in place of the lines that it no longer holds.
_DROPPED = re.compile(r"… (\d+) earlier lines ")
_SECRET = re.compile(r"(?i)\b(?:pass ?word|pass ?phrase|passwort|secret|token|pin|otp)\b[^:?>]{0,60}[:?>]\s*$")
_ASKS = re.compile(r"(?i)(?:\[[yn]/[yn]\]|\(y(?:es)?/no?\b[^)]*\)|\?|press (?:enter|return|any key)[^.]*)\s*:?\s*$")


def asks_for_secret(lines: Sequence[str]) -> bool:
    """Whether the last line looks as if a password were asked for."""
    return bool(lines) and bool(_SECRET.search(bare(lines[-1])))


def asks(lines: Sequence[str]) -> bool:
    """Whether the last line looks as if an answer were waited for."""
    return asks_for_secret(lines) or (bool(lines) and bool(_ASKS.search(bare(lines[-1]))))


class Output(Folds):
    """Lines of output with their colours, and below them rows of the console's own.

    Lines keep their number when older ones are no longer held, so that what one reads stands still. following: whether
    the end is shown, whatever comes.
    """

    def __init__(self, look: Look, *, id: str | None = None) -> None:
        super().__init__(look, id=id)
        self.lines: Sequence[str] = ()
        self.tail: tuple[Line, ...] = ()
        self.empty: Row = EMPTY
        self.following = True
        self._subject: object = None
        self._given: Sequence[str] = ()
        self._base = 0
        self._dropped = ""
        self._seen = 0

    @property
    def new(self) -> int:
        """Lines that came since one moved up."""
        return 0 if self.following else max(self._base + len(self.lines) - self._seen, 0)

    def set(self, subject: object, lines: Sequence[str], tail: Sequence[Line] = (), empty: Row = EMPTY) -> None:
        """Show these. subject: whose output it is; that of another is followed from its end."""
        same = subject == self._subject
        if same and lines is self._given and tuple(tail) == self.tail and empty == self.empty:
            return
        if not same:
            self._subject, self.following = subject, True
        self._given = lines
        dropped = _DROPPED.match(lines[0]) if lines else None
        self._dropped = lines[0] if dropped else ""
        base = int(dropped[1]) if dropped else 0
        held = lines[1:] if dropped else lines
        # A line keeps its number, so what was folded stands; but the last line may have grown since.
        last = self._base + len(self.lines) - 1
        stands = same and (base > 0 or held[: max(last, 0)] == self.lines[: max(last, 0)])
        self._base, self.lines, self.tail, self.empty = base, held, tuple(tail), empty
        self.first = base - bool(dropped)
        self.end = base + len(held) + len(self.tail) + self._bare
        self.forget(last if stands else self.first)
        self.repaint()

    @property
    def _bare(self) -> bool:
        """Whether the empty row stands in place of lines."""
        return not self.lines and bool(self.empty)

    def line(self, number: int) -> Line:
        """A line of the output, what stands for those no longer held, or one of the rows below."""
        if number < self._base:
            return Line(row((self._dropped, Ink.DIM)))
        at = number - self._base
        if self._bare:
            return Line(self.empty) if at == 0 else self.tail[at - 1]
        if at >= len(self.lines):
            return self.tail[at - len(self.lines)]
        return Line((*row(" "), *spans_of(self.lines[at])), row((self.look.glyphs.cut, Ink.DIM)))

    def placed(self, height: int) -> Place:
        """The end, while it is followed."""
        return self.lowest(height) if self.following else super().placed(height)

    def more(self) -> Row:
        """How many lines came since one moved up."""
        if self.following:
            return EMPTY
        if self.new:
            return row((f" {self.new} NEW ", Ink.BADGE), (" End follows", Ink.DIM))
        return row((f"{self.left_below} below, End follows", Ink.DIM))

    def action_scroll(self, by: int) -> None:
        """Move by rows; at the last row it follows again."""
        height = self.size.height - 1
        if self.following:
            if by > 0:
                return
            self.top = self.lowest(height)
            self._seen = self._base + len(self.lines)
        self.top = min(self.stepped(self.top, by), self.lowest(height))
        self.following = self.top == self.lowest(height)
        self.repaint()

    def action_home(self) -> None:
        """To the first line that is held."""
        if self.following:
            self._seen = self._base + len(self.lines)
        self.top = (self.first, 0)
        self.following = self.top >= self.lowest(self.size.height - 1)
        self.repaint()

    def action_end(self) -> None:
        """Follow."""
        self.following = True
        self.repaint()

"""What of the logs is looked at: held lines, the filter, the place, and what came since; no drawing here."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from console.core.readings import LogLine


HELD = 20_000
_LONGEST_SEARCHED = 4_000


class BadFilter(ValueError):
    """The pattern cannot be used; the message says why and where."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A compiled filter. text: as typed, with the `!` of an inverse one."""

    text: str
    pattern: re.Pattern[str]
    inverse: bool

    @classmethod
    def parse(cls, text: str) -> Filter:
        """Read what was typed after `/`. Case is ignored unless the pattern has a capital. Raises BadFilter."""
        inverse = text.startswith("!")
        body = text[1:] if inverse else text
        try:
            pattern = re.compile(body, 0 if any(letter.isupper() for letter in body) else re.IGNORECASE)
        except re.error as error:
            place = f" at character {error.pos + 1 + inverse}" if error.pos is not None else ""
            raise BadFilter(f"/{text} is not a regular expression: {error.msg}{place}") from None
        return cls(text, pattern, inverse)

    def takes(self, line: LogLine) -> bool:
        """Whether the line is shown. Markers of the console always are."""
        if line.marker:
            return True
        found = self.pattern.search(line.text[:_LONGEST_SEARCHED]) or self.pattern.search(line.origin)
        return (found is None) if self.inverse else (found is not None)


class LogView:
    """Lines, newest last, and the window on them.

    Following shows the newest lines. Paused keeps the first shown line where it is and counts what comes after.
    In context, all lines are shown around a match although a filter is set.
    """

    def __init__(self, held: int = HELD) -> None:
        self._held = held
        self._all: list[LogLine] = []
        self._matching: list[LogLine] = []
        self._hits: list[LogLine] = []
        self.filter: Filter | None = None
        self.in_context = False
        self.following = True
        self.height = 1
        self._top = 0
        self._cursor = 0
        self._seen = 0

    @property
    def newest(self) -> int:
        """The number of the newest line, 0 where there is none."""
        return self._all[-1].number if self._all else 0

    @property
    def lines(self) -> Sequence[LogLine]:
        """The lines that can be shown now."""
        return self._all if self.filter is None or self.in_context else self._matching

    @property
    def matches(self) -> int:
        """How many held lines the filter takes, markers not counted."""
        return len(self._hits)

    @property
    def waiting(self) -> int:
        """How many lines that can be shown came since the view was paused."""
        if self.following:
            return 0
        return len(self.lines) - bisect_right(self.lines, self._seen, key=_number)

    @property
    def cursor(self) -> int | None:
        """The number of the marked line; None while following."""
        return None if self.following else self._cursor

    def extend(self, lines: Iterable[LogLine], lost: int = 0) -> None:
        """Take new lines. lost: lines in between that are no longer held; a marker says so."""
        fresh = list(lines)
        if lost and fresh:
            from console.core.readings import LogLine

            words = f"── {lost:,} lines came faster than they could be held and are not shown ──"
            fresh.insert(0, LogLine(fresh[0].number - 1, words, "", "", marker=True))
        self._all += fresh
        if self.filter is not None:
            taken = [line for line in fresh if self.filter.takes(line)]
            self._matching += taken
            self._hits += [line for line in taken if not line.marker]
        if len(self._all) > self._held * 5 // 4:
            del self._all[: len(self._all) - self._held]
            oldest = self._all[0].number
            for kept in (self._matching, self._hits):
                del kept[: bisect_left(kept, oldest, key=_number)]

    def set_filter(self, text: str) -> None:
        """Show only what `text` takes, or everything when it is empty. Raises BadFilter and changes nothing then."""
        self.filter = Filter.parse(text) if text not in ("", "!") else None
        self._matching = [line for line in self._all if self.filter.takes(line)] if self.filter else []
        self._hits = [line for line in self._matching if not line.marker]
        self.in_context = False
        self.follow()

    def follow(self) -> None:
        """Show the newest lines from now on."""
        self.in_context = False
        self.following = True

    def pause(self) -> None:
        """Keep what is shown now, marked at its last line."""
        if not self.following or not self.lines:
            return
        window = self.window()
        self.following = False
        self._seen = self.newest
        self._top = window[0].number
        self._cursor = window[-1].number

    def move(self, by: int) -> None:
        """Move the mark; moving up pauses, moving past the end follows again."""
        if by > 0 and self.following:
            return
        if self.following:
            self.pause()
        lines = self.lines
        if not lines:
            return
        index = self._index(self._cursor) + by
        if index > len(lines) - 1:
            self.follow()
            return
        self._mark(max(index, 0))

    def home(self) -> None:
        """Go to the oldest line held."""
        self.pause()
        if self.lines:
            self._mark(0)

    def step(self, by: int) -> bool:
        """Go to the next (1) or previous (-1) match among all lines; False where there is none further."""
        if self.filter is None or not self._hits:
            return False
        self.pause()
        numbers = self._hits
        if not self.in_context:
            place = bisect_left(numbers, self._cursor, key=_number)
            self.in_context = True
            target = min(place, len(numbers) - 1)
        elif by > 0:
            target = bisect_right(numbers, self._cursor, key=_number)
        else:
            target = bisect_left(numbers, self._cursor, key=_number) - 1
        if not 0 <= target < len(numbers):
            return False
        self._mark(self._index(numbers[target].number), centre=True)
        return True

    def place(self) -> tuple[int, int]:
        """Which match the mark is on, from 1, and of how many."""
        return bisect_right(self._hits, self._cursor, key=_number), len(self._hits)

    def leave(self) -> bool:
        """Step out once: of the context, of the pause, of the filter. False where there is nothing to leave."""
        if self.in_context:
            self.in_context = False
            self.following = True
        elif not self.following:
            self.follow()
        elif self.filter is not None:
            self.set_filter("")
        else:
            return False
        return True

    def window(self) -> Sequence[LogLine]:
        """The lines to show in `height` rows."""
        lines = self.lines
        if self.following:
            return lines[-self.height :]
        top = min(self._index(self._top), max(len(lines) - self.height, 0))
        cursor = self._index(self._cursor)
        top = max(min(top, cursor), cursor - self.height + 1)
        return lines[top : top + self.height]

    def marked(self) -> LogLine | None:
        """The marked line."""
        if self.following or not self.lines:
            return None
        return self.lines[self._index(self._cursor)]

    def _index(self, number: int) -> int:
        lines = self.lines
        return min(bisect_left(lines, number, key=_number), max(len(lines) - 1, 0))

    def _mark(self, index: int, *, centre: bool = False) -> None:
        lines = self.lines
        self._cursor = lines[index].number
        if centre:
            self._top = lines[max(index - self.height // 2, 0)].number
            return
        top = self._index(self._top)
        top = max(min(top, index), index - self.height + 1, 0)
        self._top = lines[top].number


def _number(line: LogLine) -> int:
    return line.number

"""Counting the lines that match patterns, at the speed of a log storm, and keeping the counts of the last hour."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from console.core.system import LogPattern

HOUR = timedelta(hours=1)
LONGEST_MATCHED = 65_536
_FEW = 16


class LineMatcher:
    """Counts the lines of a block that one pattern matches.

    Most lines match nothing, so a block is first searched for the literal texts of which every match must hold one;
    only lines that hold one are given to the regular expression. Where the pattern is nothing but such texts, holding
    one is matching. A pattern without such texts is tried on every line. Only the first 64 KiB of a line are looked at.
    """

    def __init__(self, pattern: LogPattern) -> None:
        self._expression = re.compile(pattern.pattern)
        needed = required_texts(pattern.pattern)
        self._texts = needed.texts
        self._folded = needed.folded
        self._exact = needed.exact

    @property
    def is_checked_first(self) -> bool:
        """Whether blocks are searched for literal texts first."""
        return bool(self._texts)

    def count(self, block: Block) -> int:
        """Lines of the block that match."""
        if not self._texts or (self._folded and block.folds_oddly):
            return sum(1 for line in block.lines if self._matches(line))
        text = block.folded if self._folded else block.text
        hits = sum(text.count(wanted) for wanted in self._texts)
        if not hits:
            return 0
        if hits * _FEW > len(block.lines):
            return self._count_by_line(block)
        return self._count_by_hit(block.text, text)

    def _count_by_line(self, block: Block) -> int:
        lines = block.folded_lines if self._folded else block.lines
        if self._exact and len(self._texts) == 1:
            wanted = self._texts[0]
            return sum(1 for line in lines if wanted in line)
        found = 0
        for number, line in enumerate(lines):
            if any(wanted in line for wanted in self._texts):
                found += self._exact or self._matches(block.lines[number])
        return found

    def _count_by_hit(self, original: bytes, text: bytes) -> int:
        begins: dict[int, int] = {}
        for wanted in self._texts:
            at = text.find(wanted)
            while at >= 0:
                end = text.find(b"\n", at)
                end = len(text) if end < 0 else end
                begins[text.rfind(b"\n", 0, at) + 1] = end
                at = text.find(wanted, end)
        if self._exact:
            return len(begins)
        return sum(1 for begin, end in begins.items() if self._matches(original[begin:end]))

    def _matches(self, line: bytes) -> bool:
        return self._expression.search(line[:LONGEST_MATCHED].decode("utf-8", "replace")) is not None


class Block:
    """Whole lines in one piece, without the last line end; what several patterns need is made once."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.lines = text.split(b"\n")
        self._folded: bytes | None = None
        self._folded_lines: list[bytes] | None = None

    @property
    def folded(self) -> bytes:
        """The text with ASCII letters in lower case."""
        if self._folded is None:
            self._folded = self.text.lower()
        return self._folded

    @property
    def folded_lines(self) -> list[bytes]:
        """The lines of `folded`."""
        if self._folded_lines is None:
            self._folded_lines = self.folded.split(b"\n")
        return self._folded_lines

    @property
    def folds_oddly(self) -> bool:
        """Whether it holds letters that a regular expression takes for an ASCII letter in another case."""
        return not self.text.isascii() and any(
            odd.encode() in self.text
            for odd in ("\N{KELVIN SIGN}", "\N{LATIN SMALL LETTER LONG S}", "\u0130", "\u0131")
        )


@dataclass(frozen=True, slots=True)
class Needed:
    """texts: every match holds at least one of them. folded: compare in lower case. exact: holding one is matching."""

    texts: tuple[bytes, ...] = ()
    folded: bool = False
    exact: bool = False


def required_texts(pattern: str) -> Needed:
    """The literal texts that a match of `pattern` must hold; none where there is nothing worth searching for."""
    try:
        from re import _parser  # type: ignore[attr-defined]

        parsed = _parser.parse(pattern)
        flags = int(parsed.state.flags)
        texts, exact = _demand(list(parsed), _parser)
    except (ImportError, AttributeError, TypeError, ValueError):
        return Needed()  # an interpreter whose parser looks different: every line is tried
    if not texts or min(map(len, texts)) < 3 or not all(text.isascii() for text in texts):
        return Needed()
    folded = bool(flags & re.IGNORECASE) or "(?" in pattern.replace("(?:", "").replace("(?P<", "")
    exact = exact and not flags & (re.VERBOSE | re.LOCALE) and folded == bool(flags & re.IGNORECASE)
    chosen = {text.lower() if folded else text for text in texts}
    shortest = {text for text in chosen if not any(other != text and other in text for other in chosen)}
    return Needed(tuple(sorted(text.encode() for text in shortest)), folded, exact)


def _demand(items: list[Any], parser: Any) -> tuple[tuple[str, ...], bool]:
    """(texts of which a match holds one, whether holding one is matching) of a parsed sequence."""
    found: list[tuple[tuple[str, ...], bool]] = []
    run = ""
    whole = True
    for operation, value in [*items, (None, None)]:
        name = str(operation)
        if name == "LITERAL":
            run += chr(value)
            continue
        if name == "BRANCH":
            # the parser takes a common beginning out of `error|exception`; it belongs to every branch
            branches = [_demand([*_spelled(run, parser), *branch], parser) for branch in value[1]]
            run = ""
        if run:
            found.append(((run,), True))
            run = ""
        if operation is None:
            break
        inner: tuple[tuple[str, ...], bool] = ((), False)
        if name == "BRANCH":
            if all(texts for texts, _ in branches):
                inner = (
                    tuple(text for texts, _ in branches for text in texts),
                    all(exact for _, exact in branches),
                )
        elif name == "SUBPATTERN":
            inner = _demand(list(value[-1]), parser)
        elif name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT") and value[0] >= 1:
            inner = (_demand(list(value[2]), parser)[0], False)
        elif name == "ATOMIC_GROUP":
            inner = (_demand(list(value), parser)[0], False)
        whole = whole and inner[1]
        if inner[0]:
            found.append(inner)
    if not found:
        return (), False
    best = max(found, key=lambda entry: (min(map(len, entry[0])), -len(entry[0])))
    return best[0], best[1] and whole and len(found) == 1


def _spelled(run: str, parser: Any) -> list[Any]:
    return [(parser.LITERAL, ord(char)) for char in run]


@dataclass(slots=True)
class HourCount:
    """Lines counted in the last hour, exact to a second, and in all. Source: the console's own clock."""

    total: int = 0
    _hour: int = 0
    _seconds: deque[tuple[int, int]] = field(default_factory=deque)

    def add(self, count: int, now: datetime) -> None:
        """Count lines seen at `now`; a clock that was set back counts as standing still."""
        if count <= 0:
            return
        second = int(now.timestamp())
        if self._seconds and self._seconds[-1][0] >= second:
            second, before = self._seconds.pop()
            self._seconds.append((second, before + count))
        else:
            self._seconds.append((second, count))
        self.total += count
        self._hour += count

    def in_last_hour(self, now: datetime) -> int:
        """Lines seen after `now` less one hour."""
        first = int((now - HOUR).timestamp())
        while self._seconds and self._seconds[0][0] <= first:
            self._hour -= self._seconds.popleft()[1]
        return self._hour


class PatternCounts:
    """The counts of all patterns. Not for several threads at once, but for `matches`."""

    def __init__(self, patterns: Sequence[LogPattern]) -> None:
        self.names = tuple(pattern.name for pattern in patterns)
        self._matchers = tuple(LineMatcher(pattern) for pattern in patterns)
        self._counts = tuple(HourCount() for _ in patterns)

    def matches(self, block: Block) -> tuple[int, ...]:
        """Lines of the block that match, for each pattern; changes nothing."""
        return tuple(matcher.count(block) for matcher in self._matchers)

    def add(self, matched: Sequence[int], now: datetime) -> None:
        """Take in what `matches` gave."""
        for count, lines in zip(self._counts, matched, strict=True):
            count.add(lines, now)

    def by_pattern(self, now: datetime) -> tuple[tuple[str, int, int], ...]:
        """(name, lines in the last hour, lines in all)."""
        return tuple(
            (name, count.in_last_hour(now), count.total) for name, count in zip(self.names, self._counts, strict=True)
        )

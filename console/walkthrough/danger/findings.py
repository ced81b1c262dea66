"""What a rule finds out about one command, and the worst of several findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from console.core.runbooks.danger import Level
from console.walkthrough.danger.calls import Call, Feed
from console.walkthrough.danger.words import Word

READS, CHANGES, DESTROYS, UNKNOWN = Level.READS, Level.CHANGES, Level.DESTROYS, Level.UNKNOWN

Touches = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """As Danger, of one command."""

    level: Level
    why: str = ""
    touches: Touches = ()
    safer: str = ""
    target: str = ""

    def within(self, touches: Touches, prefix: str = "") -> Finding:
        """The finding of a wrapped command: with what the wrapper touches, and its words before the safer form."""
        safer = f"{prefix} {self.safer}" if prefix and self.safer else self.safer
        return replace(self, touches=joined(touches, self.touches), safer=safer)


READING = Finding(READS)


class Bench(Protocol):
    """Where rules have the commands judged that stand inside others."""

    def script(self, text: str, *, elsewhere: bool = False, feed: Feed | None = None) -> Finding:
        """Judge shell text; on another machine (`elsewhere`) no variable of here has a value. feed: its input."""

    def call(self, call: Call) -> Finding:
        """Judge a command."""


Rule = Callable[[Call, Bench], Finding]


def reads(why: str = "", touches: Touches = (), *, safer: str = "") -> Finding:
    return Finding(READS, why, touches, safer)


def changes(why: str, touches: Touches = (), *, safer: str = "", target: str = "") -> Finding:
    return Finding(CHANGES, why, touches, safer, target)


def destroys(why: str, touches: Touches = (), *, safer: str = "", target: str = "") -> Finding:
    return Finding(DESTROYS, why, touches, safer, target)


def cannot_tell(why: str, touches: Touches = (), *, target: str = "") -> Finding:
    return Finding(UNKNOWN, why, touches, "", target)


def worst(findings: Iterable[Finding]) -> Finding:
    """The first of the highest rank, with what all of them touch."""
    every = list(findings)
    if not every:
        return READING
    top = max(every, key=lambda finding: finding.level.rank)
    return replace(top, touches=joined(*(finding.touches for finding in [top, *every])))


def joined(*groups: Touches) -> Touches:
    """Pairs without doubles, in order."""
    return tuple(dict.fromkeys(pair for group in groups for pair in group if pair[1]))


def pairs(kind: str, words: Iterable[Word | None]) -> Touches:
    """Every word as something of one kind."""
    return tuple((kind, word.text) for word in words if word is not None and word.text)


def first_literal(words: Iterable[Word]) -> str:
    """The first word's text where it is known; a later one only where the first is missing."""
    for word in words:
        return word.literal
    return ""

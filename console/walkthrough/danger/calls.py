"""What shell text runs, as data: one simple command each, with what it is fed and where it writes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from console.walkthrough.danger.words import Word


@dataclass(frozen=True, slots=True)
class Feed:
    """What a command gets on its standard input. text: the words of it, where the text itself holds them."""

    text: Word | None = None


@dataclass(frozen=True, slots=True)
class Redirect:
    """A file that is written. appends: what stands in it stays."""

    target: Word
    appends: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A simple command.

    words: program and arguments; empty where there are only redirects. sets: variables set for it alone. before: the
    stages of its pipeline before it, as they are written.
    """

    words: tuple[Word, ...]
    feed: Feed | None = None
    redirects: tuple[Redirect, ...] = ()
    sets: tuple[tuple[str, Word], ...] = ()
    before: str = ""

    @property
    def arguments(self) -> tuple[Word, ...]:
        """All words but the program."""
        return self.words[1:]

    def inner(self, words: tuple[Word, ...] | list[Word]) -> Call:
        """The command that this one runs: other words, the same input, nothing written twice."""
        return replace(self, words=tuple(words), redirects=(), sets=())


@dataclass(frozen=True, slots=True)
class Script:
    """What a text runs. calls: in the order they are written. fault: why it is not whole, else empty.

    functions: names the text defines; their bodies are among the calls. sets: variables the text may set.
    """

    calls: tuple[Call, ...]
    fault: str = ""
    functions: frozenset[str] = frozenset()
    sets: frozenset[str] = frozenset()

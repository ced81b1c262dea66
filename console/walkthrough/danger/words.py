"""Words of a command line, as far as they are known before it runs, and their flags in one normal form."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache

_PLAIN = re.compile(r"[\w@%+=:,./-]+", re.ASCII)
_BARE = re.compile(r"[\w@%+=:,./~*?\[\]{}^!-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Word:
    """One word after expansion.

    text: what is known of it, with what is not known as it was written (`$POD`). known: nothing in it is left open.
    head: the known text before the first open part. splits: an open part is unquoted, so it may become no word or
    several. whole: the word is nothing but one open part. own: it names a file that the same text made by `mktemp`,
    or something below it. bare: no part of it was quoted, so that its `*` and `~` have their meaning.
    """

    text: str
    known: bool = True
    head: str = ""
    splits: bool = False
    whole: bool = False
    own: bool = False
    bare: bool = False

    @property
    def literal(self) -> str:
        """The text where all of it is known, else empty."""
        return self.text if self.known else ""

    @property
    def start(self) -> str:
        """The known text that the word begins with."""
        return self.text if self.known else self.head

    @property
    def shown(self) -> str:
        """As it would be typed."""
        if self.known:
            plain = _PLAIN.fullmatch(self.text) or (self.bare and _BARE.fullmatch(self.text))
            return self.text if plain else shlex.quote(self.text)
        if self.splits or self.text == "…":
            return self.text
        return (
            f'"{self.text}"' if re.search(r"\$\(|`", self.text) else '"' + re.sub(r'(["\\])', r"\\\1", self.text) + '"'
        )


def known(text: str) -> Word:
    """A word that is known whole."""
    return Word(text)


def unknown(text: str = "…") -> Word:
    """A word of which nothing is known; it may be several."""
    return Word(text, known=False, splits=True, whole=True)


def cut(word: Word, at: int) -> Word:
    """What follows the first `at` characters, which must be known."""
    if word.known:
        return Word(word.text[at:])
    return Word(word.text[at:], False, word.head[at:], word.splits, len(word.head) == at and word.whole, False)


def shown(words: Iterable[Word]) -> str:
    """A command line as it would be typed, on one line where its words are."""
    return " ".join(word.shown for word in words)


@dataclass(frozen=True, slots=True)
class Options:
    """Which flags a program has.

    names: every spelling to its first one (`--namespace` to `-n`). valued: first spellings that take a value.
    single: long flags have one dash (terraform, find), so letters are not bundled.
    """

    names: dict[str, str]
    valued: frozenset[str]
    single: bool = False


@cache
def options(valued: str = "", bare: str = "", *, single: bool = False) -> Options:
    """Of two lists with blanks between, other spellings after a slash: `-n/--namespace --context`."""
    names: dict[str, str] = {}
    takes: set[str] = set()
    for text, value in ((valued, True), (bare, False)):
        for group in text.split():
            first, *others = group.split("/")
            names[first] = first
            names.update((other, first) for other in others)
            if value:
                takes.add(first)
    return Options(names, frozenset(takes), single)


@dataclass(slots=True)
class Given:
    """Flags and operands of a command line.

    flags: by first spelling, values in order; a bare one has None. operands: words that are no flags. tail: words after
    `--`, None without one. strange: flags that the program is not known to have. doubtful: flags that follow a strange
    one and may be its value.
    """

    flags: dict[str, list[Word | None]] = field(default_factory=dict)
    operands: list[Word] = field(default_factory=list)
    tail: list[Word] | None = None
    strange: list[str] = field(default_factory=list)
    doubtful: set[str] = field(default_factory=set)

    def has(self, *names: str) -> bool:
        """Whether one of them is given for certain."""
        return any(name in self.flags and name not in self.doubtful for name in names)

    def may(self, *names: str) -> bool:
        """Whether one of them is given or could be."""
        return any(name in self.flags for name in names)

    def value(self, *names: str) -> Word | None:
        """The last value given."""
        for name in names:
            for value in reversed(self.flags.get(name, [])):
                if value is not None:
                    return value
        return None

    def values(self, *names: str) -> list[Word]:
        """All values given, in order."""
        return [value for name in names for value in self.flags.get(name, []) if value is not None]

    @property
    def everything(self) -> list[Word]:
        """Operands, and the words after `--`."""
        return [*self.operands, *(self.tail or ())]


def read_flags(words: Sequence[Word], spec: Options, *, limit: int = 1_000_000) -> tuple[Given, int]:
    """Flags out of the words, up to and including the operand number `limit`; and how many words that took.

    A word that is one open part counts as an operand: callers that look for a verb pass it over.
    """
    given = Given()
    at = 0
    shadow = False
    while at < len(words):
        word = words[at]
        at += 1
        start = word.start
        if start == "--" and word.known:
            given.tail = list(words[at:])
            return given, len(words)
        if len(start) < 2 or start[0] != "-":
            shadow = False
            given.operands.append(word)
            if len(given.operands) >= limit:
                return given, at
            continue
        took, shadow = _flag(word, words, at, spec, given, shadow)
        at += took
    return given, at


def _flag(word: Word, words: Sequence[Word], at: int, spec: Options, given: Given, shadow: bool) -> tuple[int, bool]:
    """Take one flag in; how many further words it took, and whether the next word may be its value."""
    start = word.start
    if start.startswith("--") or spec.single:
        name, sign, _ = start.partition("=")
        first = spec.names.get(name)
        if first is None:
            given.strange.append(name)
            given.flags.setdefault(name, []).append(cut(word, len(name) + 1) if sign else None)
            return 0, not sign
        if shadow:
            given.doubtful.add(first)
        if sign:
            given.flags.setdefault(first, []).append(cut(word, len(name) + 1))
        elif first in spec.valued:
            given.flags.setdefault(first, []).append(words[at] if at < len(words) else None)
            return min(1, len(words) - at), False
        else:
            given.flags.setdefault(first, []).append(None)
        return 0, False
    for index, letter in enumerate(start[1:], 1):
        name = f"-{letter}"
        first = spec.names.get(name)
        if first is not None and shadow:
            given.doubtful.add(first)
        if first is not None and first in spec.valued:
            rest = cut(word, index + 1)
            if rest.text:
                given.flags.setdefault(first, []).append(cut(rest, 1) if rest.start.startswith("=") else rest)
                return 0, False
            given.flags.setdefault(first, []).append(words[at] if at < len(words) else None)
            return min(1, len(words) - at), False
        if first is None:
            given.strange.append(name)
        given.flags.setdefault(first or name, []).append(None)
    return 0, False


def names(text: str) -> frozenset[str]:
    """A set of names, written with blanks between."""
    return frozenset(text.split())

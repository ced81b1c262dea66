"""One row of a terminal: what is printed into it, and the colours it has where."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

Span = tuple[int, int]

BLOT = "[secret]"
# Colours that follow one another without a character between: no more than this many characters of them are kept.
MOST_COLOUR = 256
COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
ENOUGH = re.compile(r"\x1b\[0*m")


@dataclass(slots=True)
class Row:
    """Characters, without any of control, and colours (SGR sequences) by the place before which they stand.

    shown: how many characters at the beginning are shown already and are kept as context only.
    """

    text: str = ""
    colours: list[tuple[int, str]] = field(default_factory=list)
    shown: int = 0
    _at: int | None = None
    _colour: str = ""
    _wiped: bool = False

    @property
    def empty(self) -> bool:
        """Whether nothing was printed."""
        return not self.text and not self.colours and not self._colour

    def put(self, text: str) -> None:
        """Print characters where the row stands."""
        self._wiped = False
        at = len(self.text) if self._at is None else self._at
        end = at + len(text)
        if self._at is None or end >= len(self.text):
            if self._at is not None:
                self.colours = [colour for colour in self.colours if colour[0] < at]
            self.text = self.text[:at] + text
            self._at = None
        else:
            self.colours = [colour for colour in self.colours if not at <= colour[0] < end]
            self.text = self.text[:at] + text + self.text[end:]
            self._at = end
        self._take_colour(at)

    def colour(self, sequence: str) -> None:
        """From here on in another colour."""
        self._colour += sequence
        for match in ENOUGH.finditer(self._colour):
            if match.end() == len(self._colour):
                self._colour = sequence
        if len(self._colour) > MOST_COLOUR:
            self._colour = sequence

    def back(self, characters: int | None = None) -> None:
        """Go back by so many characters, or to the beginning."""
        at = len(self.text) if self._at is None else self._at
        self._at = self.shown if characters is None else max(self.shown, at - characters)
        if self._wiped and characters is None:
            self.erase()

    def wipe(self) -> None:
        """Erase all of it; what stands before is gone once the row is begun anew, so that no part of a word is left."""
        self._wiped = True
        self.erase()

    def erase(self) -> None:
        """Erase from where it stands to its end."""
        if self._at is not None:
            self.text = self.text[: self._at]
            self.colours = [colour for colour in self.colours if colour[0] < self._at]
            self._at = None

    def replace(self, text: str) -> None:
        """Have another text behind what is shown; the colours there are gone."""
        self.text = self.text[: self.shown] + text
        self.colours = [colour for colour in self.colours if colour[0] <= self.shown]
        self._at = None if self._at is None else min(self._at, len(self.text))

    def drop(self, characters: int) -> None:
        """Forget the first ones."""
        self._at = None if self._at is None else max(0, self._at - characters)
        self.text = self.text[characters:]
        self.colours = [(at - characters, colour) for at, colour in self.colours if at >= characters]
        self.shown = max(0, self.shown - characters)

    def finish(self) -> None:
        """Nothing more comes: a colour that waits for a character belongs to the end."""
        self._at = None
        self._take_colour(len(self.text))

    def _take_colour(self, at: int) -> None:
        if not self._colour:
            return
        if not self.colours or self.colours[-1][0] <= at:
            self.colours.append((at, self._colour))
            self._colour = ""
            return
        place = next((index for index, (there, _) in enumerate(self.colours) if there > at), len(self.colours))
        self.colours.insert(place, (at, self._colour))
        self._colour = ""


def coloured(text: str) -> Row:
    """The row of a text in which nothing of control is but colours, and no two of them side by side."""
    row = Row()
    last = 0
    parts: list[str] = []
    place = 0
    for match in COLOUR.finditer(text):
        parts.append(text[last : match.start()])
        place += match.start() - last
        row.colours.append((place, match[0]))
        last = match.end()
    row.text = "".join([*parts, text[last:]])
    return row


def joined(spans: list[Span]) -> list[Span]:
    """In order, without overlaps."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def blotted(text: str, spans: list[Span]) -> str:
    """The text with a blot in place of each span. spans: as of `joined`."""
    parts: list[str] = []
    last = 0
    for start, end in spans:
        parts += (text[last:start], BLOT)
        last = end
    return "".join(parts) + text[last:]


def painted(row: Row, spans: list[Span], start: int, end: int) -> str:
    """A part of a row with blots and colours. spans: as of `joined`; colours within a blot stand behind it."""
    inside = [(max(a, start), min(b, end)) for a, b in spans if a < end and b > start]
    if not row.colours:
        return blotted(row.text[start:end], [(a - start, b - start) for a, b in inside])
    parts: list[str] = []
    last = start
    colours = [(at, colour) for at, colour in row.colours if start <= at < end or at == end == len(row.text)]
    for a, b in [*inside, (end, end)]:
        while colours and colours[0][0] <= a:
            at, colour = colours.pop(0)
            parts += (row.text[last : max(at, last)], colour)
            last = max(at, last)
        parts.append(row.text[last:a])
        if b > a:
            parts.append(BLOT)
        last = b
    return "".join([*parts, *(colour for _, colour in colours)])

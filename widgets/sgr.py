"""Lines of a program's output as inked spans: its colours in the console's own inks, nothing else of its control."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from widgets.rows import Row
from widgets.vocabulary import Ink
from widgets.words import clean

# CSI, OSC and other strings, escapes of two or three characters; only SGR (CSI … m) is looked into.
_ESCAPE = re.compile(
    r"\x1b\[(?P<sgr>[0-9;:]*)m|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
# The eight colours: blue is as good as unreadable on many a dark screen, so it is said as cyan is.
_COLOURS = (Ink.DIM, Ink.BAD, Ink.OK, Ink.WARN, Ink.ACCENT, Ink.UNKNOWN, Ink.ACCENT, Ink.TEXT)
GREY = 0.2
"""Below this difference between its strongest and weakest part, of 1, a colour is grey."""


@dataclass(frozen=True, slots=True)
class _Pen:
    """How the text is written from here on."""

    colour: Ink = Ink.TEXT
    bold: bool = False
    faint: bool = False
    turned: bool = False
    ground: bool = False

    @property
    def ink(self) -> Ink:
        if self.turned or self.ground:
            return Ink.SELECTED
        if self.colour is not Ink.TEXT:
            return self.colour
        return Ink.STRONG if self.bold else Ink.DIM if self.faint else Ink.TEXT


def spans_of(line: str) -> Row:
    """One line in spans. Every line begins uncoloured; of what a carriage return overwrites, the last is shown."""
    if line.isascii() and line.isprintable():
        return ((line, Ink.TEXT),) if line else ()
    line = line.rstrip("\r\n")
    if "\r" in line:
        line = next((part for part in reversed(line.split("\r")) if part), "")
    spans: list[tuple[str, Ink]] = []
    pen = _Pen()
    at = 0
    for found in _ESCAPE.finditer(line):
        _write(spans, line[at : found.start()], pen)
        at = found.end()
        if found["sgr"] is not None:
            pen = _turned(pen, found["sgr"])
    _write(spans, line[at:], pen)
    return tuple(spans)


def bare(line: str) -> str:
    """The line's words alone."""
    return "".join(text for text, _ in spans_of(line))


def _write(spans: list[tuple[str, Ink]], text: str, pen: _Pen) -> None:
    if not text:
        return
    ink = pen.ink
    if spans and spans[-1][1] is ink:
        spans[-1] = (spans[-1][0] + clean(text), ink)
    else:
        spans.append((clean(text), ink))


def _turned(pen: _Pen, codes: str) -> _Pen:
    """The pen after one SGR sequence; what is not known changes nothing."""
    numbers = [int(part) if part else 0 for part in codes.replace(":", ";").split(";")]
    at = 0
    while at < len(numbers):
        code = numbers[at]
        at += 1
        if code == 0:
            pen = _Pen()
        elif code in (1, 2):
            pen = replace(pen, bold=code == 1, faint=code == 2)
        elif code == 22:
            pen = replace(pen, bold=False, faint=False)
        elif code in (7, 27):
            pen = replace(pen, turned=code == 7)
        elif 30 <= code <= 37 or 90 <= code <= 97:
            pen = replace(pen, colour=_COLOURS[code % 10])
        elif code == 39:
            pen = replace(pen, colour=Ink.TEXT)
        elif 40 <= code <= 47 or 100 <= code <= 107:
            pen = replace(pen, ground=True)
        elif code == 49:
            pen = replace(pen, ground=False)
        elif code in (38, 48):
            colour, at = _wide(numbers, at)
            pen = replace(pen, colour=colour) if code == 38 else replace(pen, ground=True)
    return pen


def _wide(numbers: list[int], at: int) -> tuple[Ink, int]:
    """A colour of 256 or of 16 million, and where what follows it begins."""
    kind, parts = (numbers[at] if at < len(numbers) else 0), numbers[at + 1 : at + 4]
    if kind == 2 and len(parts) == 3:
        return _nearest(*parts), at + 4
    if kind != 5 or not parts:
        return Ink.TEXT, at + 1
    number = parts[0]
    if number < 16:
        return _COLOURS[number % 8], at + 2
    if number > 231:
        return (Ink.DIM if number < 244 else Ink.TEXT), at + 2
    number -= 16
    return _nearest(*(step * 51 for step in (number // 36, number // 6 % 6, number % 6))), at + 2


def _nearest(red: int, green: int, blue: int) -> Ink:
    strongest, weakest = max(red, green, blue), min(red, green, blue)
    if strongest - weakest <= 255 * GREY:
        return Ink.TEXT if strongest > 110 else Ink.DIM
    half = (strongest + weakest) / 2
    bits = (red > half) + 2 * (green > half) + 4 * (blue > half)
    return _COLOURS[bits]

"""Shell text taken apart into statements by its lines: quotes, here-documents, continuations, nesting.

Not a parser of bash: enough to know which lines belong together, in time that grows with the text and no faster.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

# What changes how the rest of a line reads. Alternatives begin with different signs, so nothing is tried twice.
TOKEN = re.compile(
    r"""\\.?|'|"|(?<![^\s;|&(])\#.*|<<<|<<-?[ \t]*(?:'([^'\n]+)'|"([^"\n]+)"|\\?([\w.-]+))|\$\(|[(){}]"""
)
OPENS = re.compile(r"(?:^|[;|&(]|\b(?:do|then|else)\b)\s*(?:if|for|while|until|case|select)\b(?!\s*[=:])")
CLOSES = re.compile(r"(?:^|[;|&(]|\b(?:do|then|else)\b)\s*(?:fi|done|esac)\b")
# A line that is at its end only for the reader.
GOES_ON = re.compile(r"(?:\|\|?|&&|\b(?:do|then|else))\s*$")


@dataclass(slots=True)
class Reading:
    """How far into quotes and nesting a text is. heredocs: delimiters still waited for, and whether tabs go before."""

    quote: str = ""
    depth: int = 0
    heredocs: list[tuple[str, bool]] | None = None
    continued: bool = False

    @property
    def whole(self) -> bool:
        """Whether a statement may end here."""
        return not (self.quote or self.depth > 0 or self.heredocs or self.continued)


def take(reading: Reading, line: str) -> None:
    """Go on by one line."""
    if reading.heredocs:
        end, tabs = reading.heredocs[0]
        if (line.lstrip("\t") if tabs else line).rstrip() == end:
            reading.heredocs.pop(0)
        return
    bare = _bare(reading, line)
    if not reading.quote:
        reading.depth += len(OPENS.findall(bare)) - len(CLOSES.findall(bare))
        reading.depth = max(reading.depth, 0)
    reading.continued = reading.continued or (not reading.quote and GOES_ON.search(bare) is not None)


def _bare(reading: Reading, line: str) -> str:
    """The line without what is quoted, and `reading` as it is after it."""
    reading.continued = False
    if reading.quote == "" and not any(sign in line for sign in "\\'\"#<(){}"):
        return line
    kept: list[str] = []
    at = 0
    for found in TOKEN.finditer(line):
        token = found[0]
        if not reading.quote:
            kept.append(line[at : found.start()])
        at = found.end()
        if token[0] == "\\":
            if reading.quote != "'":
                reading.continued = token == "\\"
        elif token in "'\"":
            reading.quote = token if not reading.quote else "" if reading.quote == token else reading.quote
        elif reading.quote:
            continue
        elif token[0] == "#":
            break
        elif token.startswith("<<") and token != "<<<":
            delimiter = found[1] or found[2] or found[3]
            reading.heredocs = [*(reading.heredocs or ()), (delimiter, token.startswith("<<-"))]
        elif token in ("$(", "(", "{"):
            reading.depth += 1
        elif token in ")}":
            reading.depth = max(reading.depth - 1, 0)
    else:
        if not reading.quote:
            kept.append(line[at:])
    return " ".join(kept)


def statements(lines: Sequence[str]) -> list[tuple[int, int]]:
    """The statements of a text: first line and the line behind the last, from 0. Empty and comment lines are none.

    A quote or nesting that never ends takes one line and no more, for it is most likely not shell.
    """
    found: list[tuple[int, int]] = []
    ends = Ends(lines)
    # What is read in vain, line for line: with a bound, or a text of open quotes would be read over and over.
    vain = 4 * len(lines) + 400
    at = 0
    while at < len(lines):
        bare = lines[at].strip()
        if not bare or bare.startswith("#"):
            at += 1
            continue
        reading = Reading()
        take(reading, lines[at])
        end = at + 1
        while end < len(lines) and end - at < vain and not reading.whole:
            if reading.heredocs and not ends.after(end, reading.heredocs[0][0]):
                break
            take(reading, lines[end])
            end += 1
        if not reading.whole and (end < len(lines) or reading.quote):
            vain -= end - at
            end = at + 1
        found.append((at, end))
        at = end
    return found


class Ends:
    """Where lines stand that may end a here-document; looked up when the first one is asked for."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines
        self._places: dict[str, list[int]] | None = None

    def after(self, begin: int, delimiter: str) -> int:
        """The line that ends it, at `begin` or later; 0 where none does. A `> ` before it may be a prompt."""
        if self._places is None:
            self._places = {}
            for at, line in enumerate(self._lines):
                self._places.setdefault(line.strip().removeprefix(">").strip(), []).append(at)
        places = self._places.get(delimiter, [])
        at = bisect_left(places, begin)
        return places[at] if at < len(places) else 0

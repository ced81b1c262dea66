"""A small model of a terminal: enough to know what an engineer would see, and to refuse what it does not know."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from rich.cells import cell_len

_SEQUENCE = re.compile(
    r"\x1b\[(?P<private>[?<>=]?)(?P<params>[\d;:]*)(?P<mid>[ $]?)(?P<final>[@-~])"
    r"|\x1b\](?P<osc>[^\x07\x1b]*)(?:\x07|\x1b\\)"
    r"|\x1b(?P<short>[78=>cM])"
)
_PARTIAL = re.compile(r"\x1b(?:\[[?<>=]?[\d;:]*[ $]?|\][^\x07\x1b]*\x1b?)?$")
_CANCELLED = re.compile(r"\x1b[^\x18a-zA-Z\x07]*\x18")
MOUSE = {1000, 1002, 1003, 1006, 1015, 1016}


class UnknownSequence(AssertionError):
    """The program wrote something that this model does not know."""


@dataclass
class Terminal:
    """A grid of cells and the modes that a program may leave behind."""

    width: int
    height: int
    modes: set[int] = field(default_factory=lambda: {7, 25})
    title: str = ""
    titles: int = 0
    kitty: int = 0
    main_text: str = ""
    clipboard: str = ""

    def __post_init__(self) -> None:
        self._decoder = __import__("codecs").getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self.style = ""
        self.clear()

    def clear(self) -> None:
        """Blank every cell."""
        self.x = self.y = 0
        self.cells = [[(" ", "")] * self.width for _ in range(self.height)]

    def resize(self, width: int, height: int) -> None:
        """Become this size, blank: the program is told and paints anew."""
        self.width, self.height = width, height
        self.clear()

    @property
    def alternate(self) -> bool:
        """Whether the alternate screen is shown."""
        return 1049 in self.modes

    @property
    def mouse(self) -> bool:
        """Whether any reporting of the mouse is on."""
        return bool(self.modes & MOUSE)

    def feed(self, data: bytes) -> None:
        """Take bytes. Raises UnknownSequence."""
        text = self._rest + self._decoder.decode(data)
        self._rest = ""
        if partial := _PARTIAL.search(text):
            text, self._rest = text[: partial.start()], text[partial.start() :]
        at = 0
        while at < len(text):
            letter = text[at]
            if letter != "\x1b":
                self._letter(letter)
                at += 1
                continue
            if cancelled := _CANCELLED.match(text, at):
                at = cancelled.end()
                continue
            match = _SEQUENCE.match(text, at)
            if match is None:
                raise UnknownSequence(repr(text[at : at + 24]))
            self._sequence(match)
            at = match.end()

    def row(self, y: int) -> str:
        """The words of one row."""
        return "".join(letter for letter, _ in self.cells[y]).rstrip()

    def text(self) -> str:
        """The words of all rows."""
        return "\n".join(self.row(y) for y in range(self.height))

    def style_of(self, words: str) -> str:
        """The SGR parameters under the first letter of `words`."""
        for y in range(self.height):
            line = "".join(letter for letter, _ in self.cells[y])
            if (x := line.find(words)) >= 0:
                return self.cells[y][x][1]
        raise AssertionError(f"{words!r} is not on the screen")

    def _letter(self, letter: str) -> None:
        if letter == "\n":
            self.y = min(self.y + 1, self.height - 1)
            self.x = 0
        elif letter == "\r":
            self.x = 0
        elif letter in "\x07\x08\x00\x18":
            pass
        elif not self.alternate:
            self.main_text += letter
        elif ord(letter) < 32:
            raise UnknownSequence(f"control character {letter!r}")
        else:
            cells = cell_len(letter)
            if self.x < self.width and cells:
                self.cells[self.y][self.x] = (letter, self.style)
                for extra in range(1, cells):
                    if self.x + extra < self.width:
                        self.cells[self.y][self.x + extra] = ("", self.style)
            self.x += cells

    def _sequence(self, match: re.Match[str]) -> None:
        if match["osc"] is not None:
            code, _, rest = match["osc"].partition(";")
            if code in ("0", "2"):
                self.title = rest
            elif code == "52":
                self.clipboard = rest
            elif code not in ("8", "22"):
                raise UnknownSequence(repr(match.group()))
            return
        if match["short"] is not None:
            return
        private, final = match["private"], match["final"]
        numbers = [int(part) if part else 0 for part in match["params"].replace(":", ";").split(";")]
        if match["mid"]:
            return
        if final == "m" and not private:
            self.style = "" if match["params"] in ("", "0") else match["params"]
        elif final in "Hf" and not private:
            self.y = min(max(numbers[0], 1), self.height) - 1
            self.x = max(numbers[1] if len(numbers) > 1 else 1, 1) - 1
        elif final in "hl" and private == "?":
            for number in numbers:
                (self.modes.add if final == "h" else self.modes.discard)(number)
                if number == 1049 and final == "h":
                    self.clear()
        elif final == "u":
            self.kitty += {">": 1, "<": -1}.get(private, 0)
        elif final == "t":
            self.titles += {22: 1, 23: -1}.get(numbers[0], 0)
        elif final == "J":
            for y in range(self.y, self.height):
                self.cells[y] = [(" ", "")] * self.width
        elif final == "K":
            self.cells[self.y][self.x :] = [(" ", "")] * (self.width - self.x)
        elif final in "ABCDG":
            step = numbers[0] or 1
            self.y = min(max(self.y + {"A": -step, "B": step}.get(final, 0), 0), self.height - 1)
            self.x = min(max(self.x + {"C": step, "D": -step}.get(final, 0), 0), self.width - 1)
        elif final not in "cnp":
            raise UnknownSequence(repr(match.group()))

"""One line of typed text: enough of an editor for a filter, and no timer that blinks."""

from __future__ import annotations

from widgets.rows import Row, row
from widgets.vocabulary import Ink
from widgets.words import clean


class Prompt:
    """What is typed, and where the cursor stands in it."""

    def __init__(self, sign: str = "/", text: str = "", hint: str = "") -> None:
        self.sign = sign
        self.text = text
        self.hint = hint
        self.at = len(text)

    def key(self, key: str, character: str | None) -> bool:
        """Take a key; False where it means nothing here."""
        if key == "backspace":
            self.text = self.text[: max(self.at - 1, 0)] + self.text[self.at :]
            self.at = max(self.at - 1, 0)
        elif key == "delete":
            self.text = self.text[: self.at] + self.text[self.at + 1 :]
        elif key in ("left", "right"):
            self.at = min(max(self.at + (1 if key == "right" else -1), 0), len(self.text))
        elif key in ("home", "ctrl+a"):
            self.at = 0
        elif key in ("end", "ctrl+e"):
            self.at = len(self.text)
        elif key == "ctrl+u":
            self.text, self.at = self.text[self.at :], 0
        elif key == "ctrl+w":
            kept = self.text[: self.at].rstrip()
            kept = kept[: kept.rfind(" ") + 1]
            self.text, self.at = kept + self.text[self.at :], len(kept)
        elif character is not None and character.isprintable():
            self.insert(character)
        else:
            return False
        return True

    def insert(self, text: str) -> None:
        """Put text at the cursor; of pasted text the first line."""
        text = clean(text.split("\n", 1)[0].split("\r", 1)[0])
        self.text = self.text[: self.at] + text + self.text[self.at :]
        self.at += len(text)

    def row(self) -> Row:
        """The line with its cursor."""
        under = self.text[self.at : self.at + 1] or " "
        hint = f"   {self.hint}" if self.hint else ""
        return row(
            (f" {self.sign}", Ink.KEY),
            self.text[: self.at],
            (under, Ink.SELECTED),
            self.text[self.at + 1 :],
            (hint, Ink.DIM),
        )

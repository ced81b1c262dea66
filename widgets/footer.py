"""The last row: the keys that work here, or one sentence that was just said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from widgets.pane import Strips
from widgets.rows import EMPTY, Row, fit, row, width_of
from widgets.vocabulary import Ink, Look
from widgets.words import clean

if TYPE_CHECKING:
    from console.core.actions import Action
    from console.core.picture import Picture

FIRST = LAST = 3

_SIGNS = {
    "slash": "/",
    "colon": ":",
    "question_mark": "?",
    "exclamation_mark": "!",
    "full_stop": ".",
    "comma": ",",
    "space": "Space",
    "enter": "Enter",
    "escape": "Esc",
}


def key_sign(key: str) -> str:
    """A key as people write it: `slash` is `/`, `ctrl+r` is `^R`."""
    if key.startswith("ctrl+"):
        return f"^{key[5:].upper()}"
    return _SIGNS.get(key, key)


def keys_row(actions: Sequence[Action], keys: dict[str, str], picture: Picture | None, width: int) -> Row:
    """Every key with its word; what cannot work now is dim. The first three, which are what the screen is for, go last
    where there is no room, dim ones first; the last three (palette, help and the way out) always stay.


    keys: key by action id, where it differs from the action's own.
    """
    told: list[Row] = []
    dims: list[bool] = []
    for action in actions:
        word = action.short if action.says is None else action.says(picture) if picture is not None else ""
        if not word:
            continue
        dim = picture is None or action.disabled_reason(picture) is not None
        dim = dim or (action.fades is not None and picture is not None and action.fades(picture))
        key = key_sign(keys.get(action.id, action.key))
        told.append(row((f" {key}", Ink.STALE if dim else Ink.KEY), (f" {word}", Ink.STALE if dim else Ink.TEXT)))
        dims.append(dim)
    used = sum(width_of(entry) for entry in told)
    if used + len(told) <= width:
        return tuple(part for entry in told for part in (*entry, (" ", Ink.TEXT)))
    while len(told) > LAST and used > width:
        middle = range(len(told) - LAST - 1, FIRST - 1, -1)
        at = next((index for index in middle if dims[index]), len(told) - LAST - 1)
        used -= width_of(told.pop(at))
        dims.pop(at)
    return tuple(part for entry in told for part in entry)


class Footer(Strips):
    """Keys, or a sentence until the next key."""

    def __init__(self, look: Look, actions: Sequence[Action], keys: dict[str, str], *, id: str = "footer") -> None:
        super().__init__(look, id=id)
        self.actions = actions
        self.keys = keys
        self.picture: Picture | None = None
        self.sentence = ""
        self.ink = Ink.WARN

    def show(self, picture: Picture) -> None:
        """Take a new picture."""
        self.picture = picture
        self.repaint()

    def say(self, sentence: str, ink: Ink = Ink.WARN) -> None:
        """Show a sentence in place of the keys; an empty one brings the keys back."""
        if (sentence, ink) != (self.sentence, self.ink):
            self.sentence, self.ink = sentence, ink
            self.repaint()

    def draw(self, width: int, height: int) -> list[Row]:
        """One row."""
        if self.sentence:
            return [fit(row((f" {clean(self.sentence)}", self.ink)), width, self.look.glyphs.cut)]
        keys = keys_row(self.actions, self.keys, self.picture, width) if self.actions else EMPTY
        return [fit(keys, width, self.look.glyphs.cut)]

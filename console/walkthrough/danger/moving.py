"""Where a text goes before it acts: the folder of its one first `cd`, or that it cannot be told."""

from __future__ import annotations

import re
from collections.abc import Sequence

from console.walkthrough.danger.calls import Call
from console.walkthrough.danger.words import Word

_MOVES = frozenset(("cd", "pushd", "popd"))
# A `cd` on the first line that runs, behind nothing but comments and `set`, and not in a shell of its own.
_LEADING = re.compile(
    r"\s*(?:(?:#[^\n]*|set [-+][^\n;&|]*)[\n;]\s*)*cd\s[^\n;&|()`]*(?:&&|;|\n|\|\| *(?:exit|return)\b)"
)


def moves(call: Call) -> bool:
    """Whether the command goes to another folder."""
    return bool(call.words) and call.words[0].literal in _MOVES


def begins_in(text: str, moved: Sequence[Call]) -> Word | None:
    """Where a text goes first; None where that cannot be told. moved: every command of it that goes to another
    folder, at least one.
    """
    if len(moved) != 1 or moved[0].words[0].literal != "cd" or not _LEADING.match(text):
        return None
    named = [word for word in moved[0].arguments if word.literal not in ("--", "-P", "-L")]
    if len(named) != 1 or not named[0].literal or named[0].literal.startswith(("-", "+")):
        return None
    return named[0]


def joined_folder(text: str, moved: Sequence[Call], folder: str) -> str:
    """The folder in which a text acts that begins in `folder`; empty where that cannot be told. moved: as above, none
    where it stays.
    """
    if not moved:
        return folder
    goal = begins_in(text, moved)
    if goal is None:
        return ""
    if goal.literal.startswith(("/", "~")):
        return goal.literal
    return f"{folder.rstrip('/')}/{goal.literal.removeprefix('./')}"

"""What commands print, where their words say it: `echo`, `printf` and `cat` of a heredoc."""

from __future__ import annotations

import re
from collections.abc import Sequence

from console.walkthrough.danger.calls import Call
from console.walkthrough.danger.words import Word


def printed(calls: Sequence[Call]) -> Word | None:
    """The text that the calls write to their output one after the other; None where it cannot be told."""
    parts: list[Word] = []
    for call in calls:
        text = _one(call)
        if text is None:
            return None
        parts.append(text)
    if not parts:
        return None
    whole = "".join(part.text for part in parts)
    if all(part.known for part in parts):
        return Word(whole)
    return Word(whole, known=False, head=parts[0].start if not parts[0].known else parts[0].text, splits=False)


def _one(call: Call) -> Word | None:
    if call.redirects or not call.words:
        return None
    program, *arguments = call.words
    name = program.literal.rpartition("/")[2]
    if name == "cat":
        plain = all(word.literal in ("-", "-u") for word in arguments)
        return call.feed.text if plain and call.feed else None
    if name == "echo":
        while arguments and re.fullmatch(r"-[neE]+", arguments[0].literal):
            arguments = arguments[1:]
        return _line(arguments, " ", "\n")
    if name == "printf" and arguments and arguments[0].known and not arguments[0].text.startswith("-v"):
        form = arguments[0].text
        if "%" not in form:
            return Word(_escapes(form))
        # Every value on a line of its own says no less than the format would.
        return (
            _line([Word(re.sub(r"%[-+ #0]*\d*(?:\.\d+)?[a-zA-Z]", " ", form)), *arguments[1:]], "\n", "\n")
            if not (re.fullmatch(r"(%[sb](\\n|\s)?)+", form))
            else _line(arguments[1:], " " if "\\n" not in form else "\n", "\n")
        )
    return None


def _line(words: Sequence[Word], between: str, end: str) -> Word:
    text = between.join(_escapes(word.text) for word in words) + end
    if all(word.known for word in words):
        return Word(text)
    return Word(text, known=False, head="", splits=False)


def _escapes(text: str) -> str:
    return text.replace("\\r\\n", "\n").replace("\\n", "\n").replace("\\t", "\t")

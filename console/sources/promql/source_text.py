"""Where in a query's text something stands: the grammar library gives no positions."""

from __future__ import annotations

import re
from datetime import timedelta

_TOKEN = re.compile(
    r"(?P<string>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`[^`]*`)"
    r"|(?P<comment>#[^\n]*)"
    r"|(?P<range>\[[^\]\n]*\])"
    r"|(?P<word>[A-Za-z_:][\w:]*)"
    r"|(?P<number>[0-9][\w.]*)"
    r"|(?P<sign>[^\s\w])"
)
_CALLED = re.compile(r"\s*(?:\(|by\b|without\b)", re.IGNORECASE)
_DURATION = re.compile(r"(\d+)(ms|[smhdwy])")
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_536_000}


def place_of(text: str, token: str) -> tuple[int, int]:
    """Line and column, from 1, of the first `token` outside of strings and comments; (1, 1) where it is not found.

    A word is looked for as what is called before it is looked for as a name. `[:]` stands for a subquery's range, and a
    token in double quotes for a string that holds it.
    """
    found = [match for match in _TOKEN.finditer(text) if _is(match, token)]
    called = [match for match in found if _CALLED.match(text, match.end())]
    for match in called or found:
        before = text[: match.start()]
        return before.count("\n") + 1, match.start() - (before.rfind("\n") + 1) + 1
    return 1, 1


def _is(match: re.Match[str], token: str) -> bool:
    kind = match.lastgroup
    if kind == "range":
        return token == "[:]" and ":" in match[0]
    if kind == "string":
        return len(token) > 1 and token[0] == '"' and token[1:-1] in match[0]
    return kind in ("word", "sign") and match[0].lower() == token.lower()


def longest_written_range(text: str) -> timedelta:
    """The longest `[range]` in the text, for queries that the grammar does not know."""
    longest = timedelta(0)
    for found in _TOKEN.finditer(text):
        if found.lastgroup == "range":
            parts = _DURATION.findall(found[0].split(":")[0])
            longest = max(longest, timedelta(seconds=sum(int(number) * _UNITS[unit] for number, unit in parts)))
    return longest

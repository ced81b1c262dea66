"""How a value goes into shell text: quoted for the place where it stands, or by the environment."""

from __future__ import annotations

import re
import shlex

from console.core.operations import Refused
from console.walkthrough.filling.places import code_of
from console.walkthrough.filling.spots import Spot, Where

PLAIN = re.compile(r"[A-Za-z0-9._/:@%+,=-]+")
_PLAIN_WORDS = "letters, digits and ._/:@%+,=-"
# Code of another language: no quote, no backslash, nothing that ends a statement.
_SIMPLE = re.compile(r"[\w .:/@%+,=-]+")
_DIGITS = re.compile(r"\d+")
_RESERVED = frozenset((
    "if", "then", "else", "elif", "fi", "case", "esac", "for", "select", "while", "until", "do", "done", "in",
    "function", "time",
    "coproc",
))  # fmt: skip


def put(value: str, spot: Spot, text: str, variable: str) -> tuple[str, bool]:
    """What stands in place of a placeholder so that the value arrives exactly as it is, and whether that needs the
    variable to be set to it. Raises Refused where no quoting can do it.
    """
    check(value, spot, text)
    if spot.where in (Where.RAW, Where.PLAIN):
        return value, False
    if _needs_environment(value, spot):
        return by_variable(spot, variable), True
    return _inline(value, spot, text), False


def put_secret(value: str, spot: Spot, text: str, variable: str) -> str:
    """What stands in place of a placeholder whose value must never be in the text. Raises Refused where the place
    cannot take it from the environment.
    """
    written = text[spot.start : spot.end]
    if spot.where is Where.RAW:
        raise Refused(
            f"{written} is a secret in a quoted heredoc, which takes nothing from the environment: "
            f"take the quotes off {spot.delimiter} in the runbook, or do this step by hand"
        )
    if spot.where is Where.PLAIN:
        raise Refused(
            f"{written} is a secret in code that is not shell, where it would stand in the text: "
            "let the code read it from an environment variable, or do this step by hand"
        )
    check(value, spot, text)
    return by_variable(spot, variable)


def by_variable(spot: Spot, variable: str) -> str:
    """The variable's expansion, as it has to stand there to be one word and nothing more."""
    expansion = f"${{{variable}}}"
    if spot.where is Where.WORD:
        return f'"{expansion}"'
    if spot.where is Where.SINGLE:
        return f"'\"{expansion}\"'"
    if spot.where is Where.ANSI:
        return f"'\"{expansion}\"$'"
    return expansion


def check(value: str, spot: Spot, text: str) -> None:
    """Refuse a value that would be read as code, or cut short, where the placeholder stands."""
    written = text[spot.start : spot.end]
    if "\0" in value:
        raise Refused(f"the value of {written} has a NUL in it, which no command can be given: give another value")
    if spot.where is Where.ARITHMETIC and not _DIGITS.fullmatch(value):
        raise Refused(f"{written} stands in arithmetic, where only digits can go in: give a whole number")
    code = code_of(spot.command, spot.word, spot.before)
    if spot.where in (Where.PARAMETER, Where.PLAIN) or code == "shell":
        if not PLAIN.fullmatch(value):
            what = "code that is read a second time" if spot.where is not Where.PARAMETER else "${…}"
            raise Refused(
                f"{written} stands inside {what}, where only {_PLAIN_WORDS} can go in: "
                "give a value of these, or do this step by hand"
            )
    elif code == "program" and not _SIMPLE.fullmatch(value):
        raise Refused(
            f"{written} stands inside code of another language, where no quote, bracket, semicolon or backslash "
            "can go in: give a value without, or do this step by hand"
        )
    if spot.where is Where.RAW:
        _check_raw(value, spot, text)


def check_expansion(value: str, written: str) -> None:
    """Refuse a value for a variable that the outer shell expands into code for another shell."""
    if not PLAIN.fullmatch(value):
        raise Refused(
            f"{written} is expanded inside code that is read a second time, where only {_PLAIN_WORDS} can go in: "
            "give a value of these, or do this step by hand"
        )


def _check_raw(value: str, spot: Spot, text: str) -> None:
    line_end = text.find("\n", spot.end)
    rest = spot.before + text[spot.end : line_end if line_end >= 0 else len(text)]
    ends_it = value in spot.delimiter and len(rest.strip()) < len(spot.delimiter)
    if "\n" in value or ends_it or (spot.dashed and value.startswith("\t")):
        raise Refused(
            f"{text[spot.start : spot.end]} stands in a quoted heredoc, where this value would end it or break "
            "its line: give a value of one line, or do this step by hand"
        )


def _needs_environment(value: str, spot: Spot) -> bool:
    if PLAIN.fullmatch(value) and not spot.glued and spot.where is not Where.HEREDOC:
        return False
    if spot.ticks:
        # Backticks take a backslash away before the quotes are looked at.
        return True
    if spot.where is Where.HEREDOC:
        return spot.glued or "\n" in value or value in spot.delimiter or (spot.dashed and value.startswith("\t"))
    return spot.where is Where.PARAMETER


def _inline(value: str, spot: Spot, text: str) -> str:
    plain = bool(PLAIN.fullmatch(value)) and not spot.glued
    if spot.where is Where.WORD:
        return value if plain and not _means_more(value, spot, text) else _single(value)
    if spot.where is Where.ANSI:
        # An escape before it (`\x4`) may go on into the value, so the quotes are closed around it.
        return value if plain and "\\" not in spot.before else f"'{_single(value)}$'"
    if plain:
        return value
    if spot.where is Where.SINGLE:
        return value.replace("'", "'\\''")
    if spot.where is Where.DOUBLE and spot.glued:
        return f'"{_single(value)}"'
    return re.sub(r'([\\"$`])' if spot.where is Where.DOUBLE else r"([\\$`])", r"\\\1", value)


def _means_more(value: str, spot: Spot, text: str) -> bool:
    """Whether bash would read more into the bare value: a reserved word, an assignment, a redirected number, braces."""
    return (
        (not spot.before and (value in _RESERVED or "=" in value))
        or text[spot.end : spot.end + 1] in ("<", ">", "(")
        or (("," in value or ".." in value) and "{" in spot.before)
    )


def _single(value: str) -> str:
    quoted = shlex.quote(value)
    return quoted if quoted.startswith("'") else f"'{value}'"

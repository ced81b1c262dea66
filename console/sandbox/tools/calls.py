"""One call of a stand-in, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Call:
    """How a stand-in was called. pod: of the pod it was called in, empty on the operator's host. passed:
    variables handed on by `-e NAME`. answers: what a person has answered to its prompts so far. given: the standard
    input, None until it was asked for.
    """

    arguments: tuple[str, ...]
    pod: str = ""
    passed: tuple[tuple[str, str], ...] = ()
    answers: tuple[str, ...] = ()
    given: str | None = None

    @classmethod
    def told(cls, told: dict[str, Any]) -> Call:
        """From what the program sends. Raises ValueError."""
        try:
            return cls(
                arguments=tuple(str(word) for word in told["arguments"]),
                pod=str(told.get("pod") or ""),
                passed=tuple((str(name), str(value)) for name, value in (told.get("passed") or {}).items()),
                answers=tuple(str(line) for line in told.get("answers") or ()),
                given=None if told.get("input") is None else str(told["input"]),
            )
        except (KeyError, TypeError, AttributeError):
            raise ValueError('Say how it was called: {"arguments": […]}.') from None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a stand-in prints and how it exits. prompt: a question to the person. wants_input: it reads its input."""

    out: str = ""
    err: str = ""
    code: int = 0
    prompt: str = ""
    wants_input: bool = False

    def told(self) -> dict[str, Any]:
        """For the program."""
        return {
            "out": self.out,
            "err": self.err,
            "code": self.code,
            "prompt": self.prompt,
            "wants_input": self.wants_input,
        }


class Failed(Exception):
    """A stand-in refuses: the message goes to the standard error. code: its exit code."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


def introduced(name: str, about: str, call: Call) -> Answer | None:
    """The answer to `--help`, `--version` and their like: that it is a stand-in. None where nothing of it is asked."""
    asked = call.arguments[:1]
    if asked in (("--version",), ("-V",), ("version",)):
        return Answer(f"{name} (a practice stand-in of the sandbox, not the real program)\n")
    if not asked or asked in (("--help",), ("help",)):
        told = (
            f"{name}: a practice stand-in of the sandbox, not the real program. It touches this practice world alone."
        )
        return Answer(f"{told}\n\n{about}\n")
    return None


def chosen(
    arguments: tuple[str, ...], flags: str, valued: dict[str, str], alone: dict[str, str]
) -> tuple[dict[str, list[str]], list[str]]:
    """Options by their long name, and the rest. flags: short letters, a colon behind those with a value, as getopt has
    them. valued, alone: long options with and without a value, and the short letter that is the same, or empty.

    Raises Failed with code 2.
    """
    import getopt

    longs = [*(f"{name}=" for name in valued), *alone]
    try:
        found, rest = getopt.gnu_getopt(list(arguments), flags, longs)
    except getopt.GetoptError as error:
        raise Failed(f"{error}; this stand-in knows no such option", 2) from None
    names = {f"-{short}": long for long, short in (*valued.items(), *alone.items()) if short}
    options: dict[str, list[str]] = {}
    for option, value in found:
        options.setdefault(names.get(option, option.lstrip("-")), []).append(value)
    return options, rest


Stand = Callable[[Call], Answer]

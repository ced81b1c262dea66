"""Stand-ins that a sandbox.yaml describes by what they say: checks that pass, and fail while a fault is on."""

from __future__ import annotations

from dataclasses import dataclass

from console.sandbox.faults import Faults
from console.sandbox.tools.calls import Answer, Call, Failed, introduced


@dataclass(frozen=True, slots=True)
class Saying:
    """What one use of a program prints. given: the words its arguments begin with, options left out; empty for any.

    fault: while it is on, the program prints `instead` and exits with `code`.
    """

    given: tuple[str, ...]
    says: str
    fault: str = ""
    instead: str = ""
    code: int = 1


class Sayer:
    """One such program."""

    def __init__(self, name: str, sayings: tuple[Saying, ...], faults: Faults) -> None:
        self._name = name
        self._sayings = sayings
        self._faults = faults

    def __call__(self, call: Call) -> Answer:
        """Run one call. Raises Failed where it is used in a way that is not described."""
        about = "\n".join(f"  {self._name} {' '.join(saying.given)} ..." for saying in self._sayings)
        if call.arguments and (told := introduced(self._name, about, call)):
            return told
        words = tuple(word for word in call.arguments if not word.startswith("-"))
        for saying in self._sayings:
            if words[: len(saying.given)] == saying.given:
                if saying.fault and self._faults.on(saying.fault):
                    return Answer(saying.instead.rstrip("\n") + "\n", code=saying.code)
                return Answer(saying.says.rstrip("\n") + "\n")
        raise Failed(f"{self._name}: this practice stand-in knows only:\n{about}", 2)

"""Played runbooks whose last step is interactive: a real program gets the real terminal."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, replace

from console.core.runbooks.document import Options
from tests.screens.played_runbooks import PATH, PlayedRunbooks, runbook

PROGRAM = "stty size; printf 'your name? '; read name; echo \"hello $name\" >&2; test -t 0 && test -t 1"


@dataclass
class OnTerminal(PlayedRunbooks):
    """interact runs a program that asks on the terminal, in the shell's own line mode."""

    def __post_init__(self) -> None:
        super().__post_init__()
        book = runbook()
        *others, last = book.steps
        self.documents = {PATH: replace(book, steps=(*others, replace(last, options=Options(interactive=True))))}

    def interact(self, run: str, step: int, *, typed: str, digest: str) -> str:
        code = subprocess.call(["/bin/sh", "-c", PROGRAM])
        self._note("interact", step, typed)
        return f"the program on the terminal ended with exit {code}"

"""The person at a plain terminal: asked line by line, and heard while a step runs."""

from __future__ import annotations

import getpass
import os
import re
import select
import sys
import time
from collections.abc import Callable
from datetime import timedelta

from console.commands.runbook_words import printed, told
from console.core.operations import Operation, Refused
from console.core.states import Outcome
from console.engine.engine import Engine
from console.walkthrough.redaction.redact import CONTROL

LOOK = timedelta(seconds=0.1)
# A line that stands so long without its end is shown: it may be a question.
STANDS = 0.3
WAKES = 0.2
EARLIER = re.compile(r"… (\d+) earlier lines are in the transcript")


class NobodyThere(Exception):
    """A question cannot be asked, for there is no terminal to ask on, or it was closed."""


class Person:
    """Asks on the terminal. Every method that asks raises NobodyThere."""

    def __init__(self) -> None:
        self.there = sys.stdin.isatty() and sys.stdout.isatty()

    def ask(self, question: str) -> str:
        """One line."""
        self._expect()
        print(question, end="", flush=True)
        # An interrupt just before a read begins would be heard only behind the next line.
        while not select.select([sys.stdin], [], [], WAKES)[0]:
            pass
        try:
            return input().strip()
        except EOFError:
            print()
            raise NobodyThere from None

    def ask_masked(self, question: str) -> str:
        """One line that is not shown."""
        self._expect()
        try:
            return getpass.getpass(question)
        except EOFError:
            print()
            raise NobodyThere from None

    def choose(self, question: str, answers: dict[str, str], default: str = "", enter: str = "") -> str:
        """One of the keys of `answers`; its words explain them. enter: what is said to Enter where it means nothing."""
        words = "  ".join(f"[{key}] {word}{' (Enter)' if key == default else ''}" for key, word in answers.items())
        while True:
            said = self.ask(f"{question}{words} > ").lower() or default
            if said in answers:
                return said
            near = [key for key, word in answers.items() if said and word.startswith(said)]
            if near:
                return near[0]
            print(enter if enter and not said else f"say one of {', '.join(answers)}")

    def typed(self, within: float) -> list[str]:
        """Lines that were typed without being asked for, waiting at most so many seconds for them."""
        if not self.there:
            time.sleep(within)
            return []
        if not select.select([sys.stdin], [], [], within)[0]:
            return []
        raw = os.read(sys.stdin.fileno(), 65536)
        # An end of input stays one: whoever asks next is told that nobody is there.
        self.there = bool(raw)
        return raw.decode("utf-8", "replace").splitlines()

    def _expect(self) -> None:
        if not self.there:
            raise NobodyThere


def follow_step(
    engine: Engine, operation: Operation, person: Person, send: Callable[[str], None], stop: Callable[[], None]
) -> Operation:
    """Print what a step prints until it is over. Lines typed meanwhile go to it; the first interrupt stops it, a second
    one leaves it running. Raises KeyboardInterrupt.
    """
    screen = _Screen()
    stopping = False
    while True:
        try:
            now = engine.wait(operation.id, LOOK)
            screen.show(now, over=now.outcome is not Outcome.RUNNING)
            if now.outcome is not Outcome.RUNNING:
                return now
            for line in person.typed(0):
                screen.answered(line)
                send(line)
        except KeyboardInterrupt:
            if stopping:
                raise
            stopping = True
            print("\nstopping it; interrupt again to leave it running", file=sys.stderr)
            try:
                stop()
            except Refused as refused:
                print(told(str(refused)), file=sys.stderr)
        except Refused as refused:
            print(told(str(refused)), file=sys.stderr)


class _Screen:
    """Lines printed once each. The last one may not be complete: it is held until it is, or stands still."""

    def __init__(self) -> None:
        self._told = 0
        self._standing = ""
        self._since = 0.0
        self._open = ""
        self._asked = self._answer = ""

    def show(self, operation: Operation, *, over: bool) -> None:
        lines = operation.lines
        dropped = EARLIER.fullmatch(lines[0]) if lines else None
        before = int(dropped[1]) if dropped else 0
        lines = lines[1:] if dropped else lines
        if before > self._told:
            self._line(f"… {before - self._told:,} lines are in the transcript only")
            self._told = before
        whole = lines if over else lines[:-1]
        for line in whole[self._told - before :]:
            self._line(line)
        self._told = max(self._told, before + len(whole))
        if not over and len(lines) > self._told - before:
            self._stand(lines[-1])

    def answered(self, typed: str) -> None:
        """What stood there was answered: the terminal has shown the answer behind it and ended the line."""
        if self._open:
            self._asked, self._answer = CONTROL.sub("", self._open), typed
        self._open = self._standing = ""

    def _line(self, line: str) -> None:
        shown = printed(line)
        plain = CONTROL.sub("", line)
        asked, self._asked = self._asked, ""
        if asked and plain.startswith(asked):
            # The question with its answer stands there already; what a step says instead of the answer does not.
            if (rest := plain.removeprefix(asked)) not in (self._answer, ""):
                print(rest, flush=True)
        elif self._open:
            rest = shown.removeprefix(self._open)
            print(rest if rest != shown else f"\n{shown}", flush=True)
        else:
            print(shown, flush=True)
        self._open = self._standing = ""

    def _stand(self, line: str) -> None:
        if line != self._standing:
            self._standing, self._since = line, time.monotonic()
        elif not self._open and time.monotonic() - self._since > STANDS and sys.stdout.isatty():
            self._open = printed(line)
            print(self._open, end="", flush=True)

"""Traffic moved by a plan's own shell commands: one reads the share, one applies it, one rolls it back.

The command that reads is the only witness, so it is asked before anything is done and again afterwards; what it says
already is not done again.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from console.actions.strategies.base import Applied, Asked, Foreseen, Say, Sides
from console.core.operations import ActionFailed, Unverified
from console.core.rollouts.plan import Command
from console.core.units import show_span

Json = dict[str, Any]

_PERCENT = re.compile(r"\s*(\d{1,3}(?:\.\d+)?)\s*%?\s*")
_EQUAL_WITHIN = 0.5
_LONGEST_SHOWN = 60
_LONGEST_QUOTE = 200


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that was run. exit_code: -1 where it did not end by itself. lines: its output, oldest first."""

    exit_code: int
    lines: tuple[str, ...]
    timed_out: bool = False

    @property
    def last(self) -> str:
        """The last line that says something."""
        return next((line.strip()[:_LONGEST_QUOTE] for line in reversed(self.lines) if line.strip()), "")

    @property
    def failure(self) -> str:
        """How it failed, with its last words; empty where it did not."""
        if self.timed_out:
            return f"did not end in time{self._quoted}"
        return f"exit code {self.exit_code}{self._quoted}" if self.exit_code != 0 else ""

    @property
    def _quoted(self) -> str:
        return f": {self.last}" if self.last else ""


Run = Callable[[str, Mapping[str, str], timedelta, Say, threading.Event], Ran]


def shown(command: str) -> str:
    """The command in one short line."""
    text = " ".join(command.split())
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


class CommandStrategy:
    """Commands of a plan. They see VERSION, SHARE (percent asked for), ROLLOUT, PHASE and EPOCH, and whatever `run`
    gives them besides. run: runs a shell command with these values, ended after the span or when the event is set.
    """

    def __init__(self, spec: Command, *, run: Run) -> None:
        self._spec = spec
        self._run = run
        self._values: dict[str, str] = {}

    def record(self) -> Json:
        """The share that is live now: `{"percent": 0.0}`. Raises ActionFailed."""
        return {"percent": self._read(_quiet, threading.Event())}

    def foresee(self, asked: Asked) -> Foreseen:
        """Which command would be run."""
        percent = self._percent(asked)
        if percent is None:
            return Foreseen((), 0.0, f"a command cannot set {asked.share.text or 'nothing'}; give a share in percent")
        if asked.settings:
            names = ", ".join(name for name, _ in asked.settings)
            return Foreseen(
                (), 0.0, f"a command's settings cannot be read back ({names}); set them in the command itself"
            )
        self._values = self._values_of(asked)
        now = self._read(_quiet, threading.Event())
        does = () if _same(now, percent) else (f"runs `{shown(self._spec.apply)}`: {now:g} % → {percent:g} %",)
        return Foreseen(does, percent / 100)

    def apply(
        self, asked: Asked, *, say: Say, on_write: Say, fence: Callable[[], None], stopped: threading.Event
    ) -> Applied:
        """Run the command that applies where the one that reads says something else, then read back."""
        percent = self._percent(asked)
        if percent is None or asked.settings:
            raise ActionFailed(f"nothing was changed: {self.foresee(asked).refused}")
        self._values = self._values_of(asked)
        now = self._read(say, stopped)
        if _same(now, percent):
            return Applied(now / 100, self._says(now), 0)
        self._write(self._spec.apply, f"{now:g} % → {percent:g} %", say, on_write, fence, stopped)
        after = self._read(say, stopped)
        if not _same(after, percent):
            raise ActionFailed(
                f"`{shown(self._spec.apply)}` ended well, but `{shown(self._spec.read)}` says {after:g} % and not "
                f"{percent:g} %; find out which of the two is wrong, then resume (h) or roll back (R)"
            )
        return Applied(after / 100, self._says(after), 1)

    def sides(self) -> Sides:
        """The share as it is read; pods are not known."""
        now = self._read(_quiet, threading.Event())
        return Sides(now / 100, self._values.get("VERSION", ""), 0, 0, "", 0, 0, self._says(now))

    def foresee_rollback(self, good: Mapping[str, Any]) -> Foreseen:
        """Which command would be run to return."""
        percent = float(good["percent"])
        try:
            now = self._read(_quiet, threading.Event())
        except ActionFailed as error:
            return Foreseen((f"runs `{shown(self._spec.roll_back)}`",), percent / 100, warnings=(str(error),))
        does = () if _same(now, percent) else (f"runs `{shown(self._spec.roll_back)}`: {now:g} % → {percent:g} %",)
        return Foreseen(does, percent / 100)

    def roll_back(
        self,
        good: Mapping[str, Any],
        asked: Asked,
        *,
        say: Say,
        on_write: Say,
        fence: Callable[[], None],
        stopped: threading.Event,
    ) -> str:
        """Run the command that rolls back unless the recorded share is live, then read back. A share that cannot be
        read does not keep it from being run.
        """
        percent = float(good["percent"])
        self._values = {**self._values_of(asked), "SHARE": f"{percent:g}"}
        try:
            now = self._read(say, stopped)
        except ActionFailed as error:
            say(f"{error}; rolling back all the same")
        else:
            if _same(now, percent):
                return f"{self._says(now)}, as was recorded good"
        self._write(self._spec.roll_back, f"back to {percent:g} %", say, on_write, fence, stopped)
        try:
            after = self._read(say, stopped)
        except ActionFailed as error:
            raise Unverified(f"`{shown(self._spec.roll_back)}` ended well, but {error}; look who serves") from error
        if not _same(after, percent):
            raise ActionFailed(
                f"`{shown(self._spec.roll_back)}` ended well, but `{shown(self._spec.read)}` says {after:g} % and not "
                f"{percent:g} %; look who serves, and move the traffic back by hand"
            )
        return f"{self._says(after)}, as was recorded good"

    def _write(
        self, command: str, what: str, say: Say, on_write: Say, fence: Callable[[], None], stopped: threading.Event
    ) -> None:
        line = f"run `{shown(command)}`: {what}"
        fence()
        on_write(line)
        say(line)
        ran = self._run(command, self._values, self._spec.timeout, say, stopped)
        if ran.timed_out:
            raise Unverified(
                f"`{shown(command)}` did not end within {show_span(self._spec.timeout)} and was stopped; what it did "
                "is read when it is tried again (h), or give it a longer `timeout` in the plan"
            )
        if stopped.is_set() and ran.exit_code != 0:
            raise Unverified(f"`{shown(command)}` was stopped; what it did is read when it is tried again (h)")
        if ran.failure:
            raise ActionFailed(f"`{shown(command)}`: {ran.failure}; mend that, then resume (h) or roll back (R)")

    def _read(self, say: Say, stopped: threading.Event) -> float:
        """The percentage that the plan's command prints as its last line. Raises ActionFailed."""
        command = self._spec.read
        ran = self._run(command, self._values, self._spec.timeout, _quiet, stopped)
        if ran.failure:
            raise ActionFailed(f"the share cannot be read: `{shown(command)}`: {ran.failure}; mend the plan's `read`")
        found = _PERCENT.fullmatch(ran.last)
        if found is None or float(found[1]) > 100:
            raise ActionFailed(
                f"the share cannot be read: `{shown(command)}` printed {ran.last or 'nothing'!r} where a percentage "
                "from 0 to 100 belongs; mend the plan's `read`"
            )
        say(f"`{shown(command)}` says {float(found[1]):g} %")
        return float(found[1])

    def _values_of(self, asked: Asked) -> dict[str, str]:
        percent = self._percent(asked)
        return {
            "VERSION": asked.version,
            "SHARE": "" if percent is None else f"{percent:g}",
            "ROLLOUT": asked.rollout,
            "PHASE": asked.phase,
            "EPOCH": str(asked.epoch),
        }

    def _percent(self, asked: Asked) -> float | None:
        return None if asked.share.ratio is None else round(asked.share.ratio * 100, 6)

    def _says(self, percent: float) -> str:
        version = self._values.get("VERSION") or "the new version"
        return f"{percent:g} % on {version} by `{shown(self._spec.read)}`"


def _same(left: float, right: float) -> bool:
    return abs(left - right) < _EQUAL_WITHIN and (left in (0, 100)) == (right in (0, 100))


def _quiet(_line: str) -> None:
    """What nobody asked to hear."""

"""What screens and commands may ask of the engine: the one door for all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from console.core.actions import Operation
from console.core.picture import Picture
from console.core.readings import LogLine
from console.core.system import System


@dataclass(frozen=True, slots=True)
class RollbackPlan:
    """What a rollback would do, as read at `read_at`; bound to `resource_version`, so that a change in between is
    noticed.

    now_*: what runs. to_*: what it returns to. why: `recorded good 12:04Z` or `previous revision, not recorded good`.
    diff: unified diff of the pod templates, a line each. does, leaves: sentences for the dialog. choices:
    (revision, version, why)
    of every revision that can be picked, newest first. target: what the engineer types. warnings: such as a
    GitOps owner.
    """

    target: str
    workload: str
    namespace: str
    now_version: str
    now_revision: int
    now_pods: str
    to_version: str
    to_revision: int
    to_template: str
    why: str
    diff: tuple[str, ...]
    does: tuple[str, ...]
    leaves: tuple[str, ...]
    choices: tuple[tuple[int, str, str], ...]
    warnings: tuple[str, ...]
    resource_version: str
    read_at: datetime


@dataclass(frozen=True, slots=True)
class BypassPlan:
    """What a grant would do. enforced: where, in words. today: `1 of 3`. target: what the engineer types."""

    target: str
    longest: timedelta
    off: tuple[str, ...]
    on: tuple[str, ...]
    enforced: tuple[str, ...]
    today: int
    a_day: int


@dataclass(frozen=True, slots=True)
class Block:
    """One shell block of a runbook. line: of its opening fence. heading: the headings above it. text: exactly
    what bash is given.

    blocked: why it cannot be run (a placeholder without a value), else None.
    """

    number: int
    line: int
    heading: tuple[str, ...]
    language: str
    text: str
    runnable: bool
    blocked: str | None


@dataclass(frozen=True, slots=True)
class Runbook:
    """A Markdown file as read. source: its text, unchanged. digest: SHA-256 of the file."""

    path: Path
    title: str
    source: str
    digest: str
    blocks: tuple[Block, ...]


class Desk(Protocol):
    """The engine as screens and commands see it. Every call returns at once, except those that say they block.

    Callables passed in are called from the engine's threads; a screen hands them on to its own loop.
    """

    system: System

    @property
    def picture(self) -> Picture:
        """The newest picture."""

    def start(self) -> None:
        """Begin to observe. Returns at once; the first picture comes when a source has answered or failed."""

    def stop(self, reason: str) -> None:
        """Journal why, stop every thread. Blocks for at most two seconds. Operations that run are left recorded."""

    def subscribe(self, listener: Callable[[Picture], None]) -> Callable[[], None]:
        """Call `listener` with every new picture that differs; returns what ends it."""

    def refresh(self) -> None:
        """Read every source now; remembered and run after the running tick."""

    def log_lines(self, after: int, most: int = 1000) -> tuple[Sequence[LogLine], int]:
        """Log lines numbered above `after`, newest `most`, and how many in between are no longer held."""

    def subscribe_logs(self, listener: Callable[[int], None]) -> Callable[[], None]:
        """Call `listener` with the newest line's number when lines have come (at most 15 times a second)."""

    def plan_rollback(self, revision: int | None = None, workload: str | None = None) -> RollbackPlan:
        """What a rollback would do now, from what is held in memory. Raises Refused."""

    def roll_back(self, plan: RollbackPlan, typed: str) -> Operation:
        """Begin it. Raises Refused where `typed` is not the target. The operation grows in `Picture.operations`."""

    def plan_bypass(self) -> BypassPlan:
        """What a grant would do. Raises Refused (no Redis, none left today, one is open)."""

    def grant_bypass(self, reason: str, length: timedelta, typed: str) -> Operation:
        """Begin to grant."""

    def revoke_bypass(self) -> Operation:
        """Begin to revoke; needs no typed target, for it makes the world safer."""

    def read_runbook(self, path: Path) -> Runbook:
        """Read and parse a runbook. Blocks for the file read. Raises Refused with file and line."""

    def run_block(self, runbook: Runbook, block: Block, typed: str) -> Operation:
        """Begin to run one block; its output grows in the operation. Raises Refused."""

    def cancel(self, operation: str) -> None:
        """Ask an operation to stop (INT, then TERM, then KILL for a command)."""

    def set_fault(self, name: str, on: bool) -> None:
        """Switch a fault of a practice world. Blocks for at most two seconds. Raises Refused."""

"""What screens and commands may ask of the engine: the one door for all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Protocol

from console.core.operations import Operation
from console.core.picture import Picture
from console.core.plans import BypassPlan, RollbackPlan
from console.core.readings import LogLine
from console.core.rollouts.plan import RolloutPlan
from console.core.system import System
from console.engine.runbook_desk import RunbookDesk


class Desk(Protocol):
    """The engine as screens and commands see it. Every call returns at once, except those that say they block.

    Callables passed in are called from the engine's threads; a screen hands them on to its own loop.
    """

    system: System

    @property
    def picture(self) -> Picture:
        """The newest picture."""

    @property
    def runbooks(self) -> RunbookDesk:
        """Runbooks and their runs."""

    def start(self) -> None:
        """Begin to observe. Returns at once; the first picture comes when a source has answered or failed."""

    def stop(self, reason: str) -> None:
        """Journal why, stop every thread. Blocks for at most two seconds. Operations that run are left recorded; steps
        of runbooks go on without this process.
        """

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

    def cancel(self, operation: str) -> None:
        """Ask an operation to stop (INT, then TERM, then KILL for a command)."""

    def set_fault(self, name: str, on: bool) -> None:
        """Switch a fault of a practice world. Blocks for at most two seconds. Raises Refused."""

    # Rollouts. What a person asks is written down here and done by the watcher; every call below may block for the
    # journal or a file, so screens make them in a thread, and every one raises Refused with the sentence to show.

    def rollout_plans(self) -> tuple[RolloutPlan, ...]:
        """The system's plans, by name, as their files say now. Blocks to read them. Raises Refused with every fault."""

    def foresee_start(self, plan: str, phase: str | None = None) -> tuple[str, ...]:
        """What starting a plan, from a phase or from its first, would do: a sentence each for the phases, what is asked
        of a person when, and who must sign. Blocks. Raises Refused where it cannot be started.
        """

    def start_rollout(self, plan: str, typed: str, *, phase: str | None = None) -> str:
        """Start a plan and make sure that a watcher runs. typed: the target. Returns one sentence: what was started and
        who drives it. Raises Refused (another is under way, the target was not typed, no watcher can be started).
        """

    def promote(self, typed: str, reason: str = "") -> str:
        """Ask for the next phase. reason: why, where it overrides what is not met; empty promotes only what is ready.
        Returns a sentence.
        """

    def hold(self, reason: str) -> str:
        """Stop the soak and promotion; rollback criteria stay armed. Returns a sentence."""

    def resume(self) -> str:
        """End a hold: back to the state before it. Returns a sentence."""

    def abort(self, typed: str, reason: str) -> str:
        """End the rollout and leave the traffic as it is. typed: the target. Returns a sentence."""

    def retry(self, phase: str, typed: str) -> str:
        """Try again from the phase of that name. typed: the target. Returns a sentence."""

    def tick(self, item: int, done: bool, note: str) -> str:
        """Tick item `item`, from 0, of the present phase's checklist, or take the tick back. Returns a sentence."""

    def sign(self, role: str, decision: str, note: str, typed: str) -> str:
        """Sign for a role: `go` or `no-go`. typed: the target. Returns a sentence."""

    def look(self, note: str) -> str:
        """Write down that a person looked; the cadence counts from now. Returns a sentence."""

    def start_watcher(self) -> str:
        """Start a watcher for this system that outlives this process. Blocks for seconds. Returns who drives now."""

    def take_over(self, typed: str) -> str:
        """Take the lease from whoever drives and have a watcher of this machine drive. typed: the target. Blocks for
        seconds. Returns who drives now.
        """

"""A run gone on with by itself: step after step, up to the first one that needs a person."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Protocol

from console.core.operations import ActionFailed, Operation, Refused, Unverified
from console.core.runbooks.document import Runbook, StepKind
from console.core.runbooks.filling import Assessment
from console.core.runbooks.order import CHOSEN, is_passed, next_open
from console.core.runbooks.runs import Mark, Run
from console.core.states import Outcome
from console.engine.operations import Operations, Voice

LOOK = timedelta(seconds=0.2)


class OneByOne(Protocol):
    """What is needed of a RunbookDesk."""

    def run(self, run: str) -> Run: ...

    def document(self, run: str) -> Runbook: ...

    def assess(self, run: str, step: int) -> Assessment: ...

    def start(self, run: str, step: int, *, typed: str, digest: str) -> Operation: ...


class RunAll:
    """Runs that go on by themselves, in operations of this process."""

    def __init__(self, operations: Operations, desk: OneByOne) -> None:
        self._operations = operations
        self._desk = desk
        self._lock = threading.Lock()
        self._going: set[str] = set()

    def begin(self, run: Run) -> Operation:
        """Begin at the step where the run stands. Raises Refused where it goes on by itself already."""
        with self._lock:
            if run.id in self._going:
                raise Refused(f"run {run.id} goes on by itself already; stop that first")
            self._going.add(run.id)

        def work(say: Voice, cancelled: threading.Event) -> str:
            try:
                return self._go_on(run.id, say, cancelled)
            finally:
                with self._lock:
                    self._going.discard(run.id)

        return self._operations.begin("run-all", run.path.name, work, record=None, subject="", body={})

    def _go_on(self, id: str, say: Voice, cancelled: threading.Event) -> str:
        run = self._desk.run(id)
        here = run.step(run.here)
        number = next_open(run, here.number) if here.mark.settled or is_passed(run, here) else here.number
        ran = 0
        while number is not None:
            step = run.step(number)
            place = f"step {number} (line {step.line})"
            if cancelled.is_set():
                return f"{_counted(ran)}; stopped before {place}, as asked"
            why, digest = self._why_stop(run, number)
            if why:
                return f"{_counted(ran)}; stopped before {place}: {why}"
            say(f"{place}: {step.title}")
            over = self._done(self._desk.start(id, number, typed="", digest=digest), cancelled)
            say(over.summary)
            if over.outcome is Outcome.UNKNOWN:
                raise Unverified(f"{_counted(ran)}; stopped at {place}: {over.summary}")
            if over.outcome is not Outcome.DONE:
                raise ActionFailed(f"{_counted(ran)}; stopped at {place}: {over.summary}")
            ran += 1
            run = self._desk.run(id)
            number = next_open(run, number)
        return f"{_counted(ran)}; no step is left"

    def _why_stop(self, run: Run, number: int) -> tuple[str, str]:
        """Why a step needs a person, else empty; and the digest of what would run."""
        told, step = run.step(number), self._desk.document(run.id).step(number)
        if not run.open:
            return f"the run has ended: {run.outcome}", ""
        if told.kind is StepKind.CHECK:
            return "it waits for a tick", ""
        if step.options.excluded:
            return "its file keeps it out of a run of all", ""
        if step.options.interactive:
            return "it needs the terminal", ""
        if told.mark is Mark.UNKNOWN:
            return "its outcome is not known; verify it", ""
        if told.group is not None and not any(
            other.group == told.group and other.choice == told.choice and other.mark in CHOSEN for other in run.steps
        ):
            return f"it is one of several ways ({told.choice}); choose one", ""
        found = self._desk.assess(run.id, number)
        if found.missing:
            return f"it asks for {', '.join(each.written for each in found.missing)}", ""
        if found.why_not:
            return found.why_not, ""
        if found.target:
            return f"it {found.danger.level.value}: {found.danger.why or 'it asks for its target'}", ""
        return "", found.digest

    def _done(self, operation: Operation, cancelled: threading.Event) -> Operation:
        """The step's operation when it is over; a cancel is handed on to it."""
        while (over := self._operations.wait(operation.id, LOOK)).outcome is Outcome.RUNNING:
            if cancelled.is_set():
                self._operations.cancel(operation.id)
        return over


def _counted(ran: int) -> str:
    return "1 step ran" if ran == 1 else f"{ran} steps ran"

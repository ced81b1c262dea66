"""Operations: actions under way, owned by the engine and never by a screen that can be closed under them."""

from __future__ import annotations

import itertools
import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from console.core.operations import ActionFailed, Operation, Refused, Unverified
from console.core.states import Outcome

KEPT_LINES = 2000
KEPT_OPERATIONS = 20

Say = Callable[[str], None]

log = logging.getLogger(__name__)


class Record(Protocol):
    """Where intents and results are written before and after an operation."""

    def intend(self, kind: str, subject: str, body: Mapping[str, Any]) -> object:
        """Write the intent to disk; returns what `conclude` needs."""

    def conclude(self, intent: object, outcome: str, body: Mapping[str, Any]) -> object:
        """Write the result to disk."""


class Voice(Protocol):
    """How an operation tells what happens."""

    def __call__(self, line: str) -> None:
        """Add a line."""

    def partial(self, text: str) -> None:
        """Show what stands of a line that is not complete, such as a question; the next line takes its place."""


Work = Callable[[Voice, threading.Event], str]


@dataclass(slots=True)
class _Running:
    """An operation with the thread that does it."""

    view: Operation
    cancel: threading.Event
    thread: threading.Thread | None = None
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))
    partial: str = ""
    said: int = 0
    shown: int = 0

    def seen(self) -> Operation:
        """The operation with the lines said so far; the tuple is made only when someone looks."""
        if self.said != self.shown:
            dropped = self.said - len(self.lines)
            head = (f"… {dropped} earlier lines are in the transcript",) if dropped else ()
            tail = (self.partial,) if self.partial else ()
            self.view = replace(self.view, lines=(*head, *self.lines, *tail))
            self.shown = self.said
        return self.view


class Operations:
    """All operations of this process: those that run, and the newest that are over.

    changed: called after every line and every end, from the operation's thread.
    """

    def __init__(self, *, clock: Callable[[], datetime], changed: Callable[[], None]) -> None:
        self._clock = clock
        self._changed = changed
        self._lock = threading.Lock()
        self._all: dict[str, _Running] = {}
        self._numbers = itertools.count(1)

    @property
    def views(self) -> tuple[Operation, ...]:
        """Every operation kept, newest first."""
        with self._lock:
            return tuple(running.seen() for running in reversed(self._all.values()))

    def running(self, action: str) -> tuple[Operation, ...]:
        """Those of an action that run, newest first."""
        return tuple(view for view in self.views if view.action == action and view.outcome is Outcome.RUNNING)

    def begin(
        self,
        action: str,
        title: str,
        work: Work,
        *,
        record: Record | None,
        subject: str,
        body: Mapping[str, Any],
        without_record: bool = False,
    ) -> Operation:
        """Write the intent, then do `work` in a thread of its own; returns at once with the operation as it begins.

        work: called with a function that adds a line and an event that asks it to stop; returns the summary, raises
        ActionFailed or Unverified. record: the journal. without_record: go on where the journal cannot be written,
        saying so. Raises Refused where the intent cannot be written and `without_record` is not set.
        """
        running = _Running(
            Operation(f"{action}-{next(self._numbers)}", action, title, Outcome.RUNNING, self._clock(), None, ()),
            threading.Event(),
        )
        intent: object | None = None
        if record is not None:
            try:
                intent = record.intend(action, subject, body)
            except Exception as error:
                if not without_record:
                    raise Refused(f"{title} was not begun, for its intent could not be written: {error}") from error
                self._append(running, f"not in the journal: {error}")
        with self._lock:
            self._all[running.view.id] = running
            self._forget()
        running.thread = threading.Thread(
            target=self._run, args=(running, work, record, intent), name=f"operation-{running.view.id}", daemon=True
        )
        running.thread.start()
        return running.view

    def cancel(self, id: str) -> None:
        """Ask the operation to stop; one that is over is left alone."""
        with self._lock:
            running = self._all.get(id)
        if running is not None:
            running.cancel.set()

    def wait(self, id: str, within: timedelta) -> Operation:
        """Block until the operation is over or `within` has passed; returns it as it stands. Raises KeyError."""
        running = self._all[id]
        if running.thread is not None:
            running.thread.join(within.total_seconds())
        with self._lock:
            return running.seen()

    def _run(self, running: _Running, work: Work, record: Record | None, intent: object | None) -> None:
        try:
            outcome, summary = Outcome.DONE, work(_Voice(self, running), running.cancel)
        except Refused as error:
            outcome, summary = Outcome.REFUSED, str(error)
        except ActionFailed as error:
            outcome, summary = Outcome.FAILED, str(error)
        except Unverified as error:
            outcome, summary = Outcome.UNKNOWN, str(error)
        except Exception as error:  # the edge of the task: it becomes the operation's end
            log.exception("operation %s", running.view.id)
            outcome = Outcome.UNKNOWN
            summary = f"{running.view.title}: {type(error).__name__}: {error}; verify what it left behind"
        if record is not None and intent is not None:
            try:
                record.conclude(intent, outcome.value, {"summary": summary})
            except Exception as error:  # the result stands, its record does not: say so
                log.exception("journal")
                summary = f"{summary} (its result is not in the journal: {error})"
        with self._lock:
            running.view = replace(running.seen(), outcome=outcome, ended=self._clock(), summary=summary)
        self._changed()

    def _append(self, running: _Running, line: str) -> None:
        with self._lock:
            running.lines.append(line)
            running.partial = ""
            running.said += 1

    def _hold(self, running: _Running, text: str) -> None:
        with self._lock:
            if text == running.partial:
                return
            running.partial = text
            running.shown = -1

    def _forget(self) -> None:
        over = [id for id, running in self._all.items() if running.view.outcome is not Outcome.RUNNING]
        for id in over[: max(0, len(self._all) - KEPT_OPERATIONS)]:
            del self._all[id]


class _Voice:
    """What an operation says, as it stands in the picture."""

    def __init__(self, operations: Operations, running: _Running) -> None:
        self._operations = operations
        self._running = running

    def __call__(self, line: str) -> None:
        self._operations._append(self._running, line)
        self._operations._changed()

    def partial(self, text: str) -> None:
        self._operations._hold(self._running, text)
        self._operations._changed()

"""What an earlier process began and did not end, held against the world; never repeated by itself."""

from __future__ import annotations

import socket
from pathlib import Path

from console.core.picture import Picture
from console.core.runbooks.facts import Kind
from console.core.states import Outcome
from console.core.templates import digest
from console.engine.books import Books
from console.engine.processes import lives
from console.journal.events import Event
from console.journal.journal import JournalError

Ending = tuple[Outcome, str]


class Recovery:
    """Ends the open intents of processes that are gone, once the world says what became of them.

    said: a sentence for each intent whose outcome a person must verify, and for each that was reconciled.
    """

    def __init__(self, books: Books, environment: str) -> None:
        self._books = books
        self._environment = environment
        self._left: list[Event] | None = None
        self.said: tuple[str, ...] = ()

    def look(self, picture: Picture) -> None:
        """Reconcile what can be told from this picture."""
        if picture.read_only:
            return
        try:
            if self._left is None:
                self._left = [event for event in self._books.journal.open_intents() if self._is_left(event)]
            for event in tuple(self._left):
                if (ending := ending_of(event, picture)) is None:
                    continue
                outcome, why = ending
                self._books.conclude(event, outcome.value, {"summary": why, "reconciled": True})
                self._left.remove(event)
                self.said = (*self.said, f"{_what(event)} begun {event.at:%d %b %H:%M}Z: {why}")
        except JournalError:
            return

    def _is_left(self, event: Event) -> bool:
        body = event.body
        if body.get("environment") != self._environment or event.host != socket.gethostname():
            return False
        if event.kind == Kind.STEP.value:
            # A step has a process of its own that outlives the console; `steps.py` asks that one.
            return False
        return not lives(str(body.get("process", "")))


def ending_of(event: Event, picture: Picture) -> Ending | None:
    """How an interrupted action ended, as far as the picture tells; None while it does not tell yet."""
    if event.kind == "rollback":
        return _rollback(event, picture)
    if event.kind in ("bypass", "bypass-revoke"):
        return _bypass(event, picture)
    return Outcome.UNKNOWN, "the console was killed before it ended; it may run still: verify"


def _what(event: Event) -> str:
    """`rollback`, or which block: `redis-down.md:12`."""
    where = event.body.get("runbook")
    return f"{Path(str(where)).name}:{event.body.get('line')}" if where else event.kind


def _rollback(event: Event, picture: Picture) -> Ending | None:
    cluster = picture.cluster
    if cluster.value is None or cluster.is_stale(picture.taken_at):
        return None
    body = event.body
    workload = next((each for each in cluster.value.workloads if each.name == body["workload"]), None)
    if workload is None:
        return Outcome.UNKNOWN, f"deployment {body['workload']} is not there any more; verify"
    if digest(workload.template) == body["to"]["digest"]:
        if not workload.settled and not workload.stuck:
            return None
        if workload.settled:
            return Outcome.DONE, f"the write had gone out; {workload.version} runs and every pod is ready"
        return Outcome.FAILED, f"the write had gone out, but {workload.version} does not get ready: {workload.stuck}"
    if workload.version == body["from"]["version"]:
        return Outcome.FAILED, f"nothing was written; {workload.version} still runs, R rolls back"
    return Outcome.UNKNOWN, f"{workload.version} runs now, which is neither side of it; verify"


def _bypass(event: Event, picture: Picture) -> Ending | None:
    state = picture.bypass
    if state.value is None or state.error is not None:
        return None
    grant = state.value.grant
    if event.kind == "bypass-revoke":
        if grant is None:
            return Outcome.DONE, "no bypass is open"
        return Outcome.FAILED, "a bypass is still open; B revokes it"
    if grant is not None and grant.reason == event.body["reason"]:
        return Outcome.DONE, f"it was granted and ends by itself at {grant.expires_at:%H:%M:%S}Z; B revokes it"
    return Outcome.UNKNOWN, "no such bypass is open now: it was not granted, or has ended by itself"

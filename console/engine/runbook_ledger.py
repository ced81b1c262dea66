"""The journal as the ledger of runs of runbooks: facts in, runs out, and nothing secret in either."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from typing import Any

from console.core.operations import Refused
from console.core.runbooks.facts import Fact, Kind
from console.core.runbooks.folding import advance
from console.core.runbooks.runs import Mark, Run
from console.engine.books import Books
from console.engine.processes import process_mark
from console.journal.events import Event, Role
from console.journal.journal import JournalError

OPENED = timedelta(seconds=10)
KINDS = {kind.value: kind for kind in Kind}
# What a person or a file has written; everything else of a body is the console's own.
FREE = ("command", "how", "reason", "note", "text", "title", "expected", "steps")


class RunbookLedger:
    """The runs of one environment, folded as far as the journal goes.

    secrets: every secret value that this process knows of. Every method raises Refused with the journal's sentence.
    """

    def __init__(self, books: Books, environment: str, *, secrets: Callable[[], Collection[str]]) -> None:
        self._books = books
        self._environment = environment
        self._secrets = secrets
        self._lock = threading.Lock()
        self._seen = 0
        self._runs: dict[str, Run] = {}
        self._intents: dict[int, Event] = {}
        self._remembered: dict[str, str] = {}

    @property
    def runs(self) -> Mapping[str, Run]:
        """Every run by its id, oldest first, as the journal tells them now."""
        try:
            with self._lock:
                self._read()
                return dict(self._runs)
        except JournalError as error:
            raise Refused(str(error)) from error

    @property
    def remembered(self) -> Mapping[str, str]:
        """The last answer that was given to each name here, in any run."""
        return dict(self._remembered)

    def run(self, run: str) -> Run:
        """One run as it stands."""
        found = self.runs.get(run)
        if found is None:
            raise Refused(f"no run {run} is known in {self._environment}; list the runs")
        return found

    def intent(self, number: int) -> Event | None:
        """The intent of that number while it has no result."""
        return self._intents.get(number)

    @property
    def open_intents(self) -> tuple[Event, ...]:
        """Every intent that had no result when the journal was last read."""
        return tuple(self._intents.values())

    @property
    def going_on(self) -> tuple[tuple[Run, int], ...]:
        """The intents without a result, each with its run."""
        runs = self.runs
        return tuple(
            (run, attempt.intent)
            for run in runs.values()
            for step in run.steps
            for attempt in step.attempts
            if attempt.mark in (Mark.RUNNING, Mark.BACKGROUND)
        )

    def write(self, kind: Kind, run: str, body: Mapping[str, Any]) -> Run:
        """Write a fact; returns the run after it. Refused where it came too late to change anything."""
        before = self.runs.get(run)
        try:
            self._books.journal.append(kind.value, self._subject(run), self._whole(run, body))
        except JournalError as error:
            raise Refused(f"nothing was done, for it could not be written down: {error}") from error
        after = self.run(run)
        if after == before:
            raise Refused(f"run {run} has changed meanwhile; look again")
        return after

    def intend(self, run: str, body: Mapping[str, Any]) -> Event:
        """Write the intent to run a step; it is on disk when this returns."""
        try:
            return self._books.journal.intend(Kind.STEP.value, self._subject(run), self._whole(run, body))
        except JournalError as error:
            raise Refused(f"the step was not run, for its intent could not be written: {error}") from error

    def conclude(self, intent: Event, outcome: str, body: Mapping[str, Any]) -> bool:
        """Write what came of an intent, once: False where another process has written it already."""
        run = str(intent.body.get("run"))
        try:
            self._books.conclude(intent, outcome, self._whole(run, body))
        except JournalError as error:
            _runs = self.runs
            if intent.seq in self._intents:
                raise Refused(str(error)) from error
            return False
        return True

    def _subject(self, run: str) -> str:
        return f"{self._books.subject}/{run}"

    def _whole(self, run: str, body: Mapping[str, Any]) -> dict[str, Any]:
        secrets = tuple(self._secrets())
        clean = {key: _redacted(value, secrets) if key in FREE else value for key, value in body.items()}
        return {**clean, "run": run, "environment": self._environment, "process": process_mark()}

    def _read(self) -> None:
        # A screen can ask before the engine, which opens the books in a thread, has come to it.
        self._books.opened.wait(OPENED.total_seconds())
        for event in self._books.journal.events(after=self._seen, kinds=tuple(KINDS)):
            self._seen = event.seq
            if event.body.get("environment") != self._environment:
                continue
            fact = fact_of(event)
            run = advance(self._runs.get(fact.run), fact)
            if run is not None:
                self._runs[run.id] = run
            if fact.kind is Kind.FILLED:
                self._remember(fact)
            elif event.role is Role.INTENT:
                self._intents[event.seq] = event
            elif event.intent is not None:
                self._intents.pop(event.intent, None)

    def _remember(self, fact: Fact) -> None:
        values = fact.body.get("values")
        if isinstance(values, Mapping):
            self._remembered |= {str(name): value for name, value in values.items() if isinstance(value, str) and value}
        for name in fact.texts("asked"):
            self._remembered.pop(name, None)


def fact_of(event: Event) -> Fact:
    """An event of the journal as a fact. Raises KeyError where it is about something else."""
    by = f"{event.actor}@{event.host}"
    return Fact(KINDS[event.kind], event.seq, event.at, by, event.body, event.role.value, event.intent)


def _redacted(value: Any, secrets: tuple[str, ...]) -> Any:
    """A value of a body without secrets; in tables only what is called `title`."""
    from console.walkthrough.redaction.redact import redacted

    if isinstance(value, str):
        return redacted(value, secrets)
    if isinstance(value, Mapping):
        return {key: _redacted(each, secrets) if key == "title" else each for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(each, secrets) for each in value]
    return value

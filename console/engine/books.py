"""What the engine writes down: the journal, the samples, and the bypass log, of one system."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from console.core.plans import Good
from console.core.readings import Revision, Workload
from console.core.system import Environment, System
from console.core.templates import digest, holds_secret
from console.engine.processes import process_mark
from console.journal.folds import ROLLBACK, good_versions, rolled_back_from
from console.journal.journal import Event, Journal, JournalError
from console.journal.samples import SampleStore

log = logging.getLogger(__name__)


class Books:
    """The journal and the sample store of a system, opened together and closed together.

    folder: where they are. trouble: why the journal cannot be written, in one sentence, or None. opened: set once it
    was tried to open them. Events of this process carry its process mark, so that another one can tell an intent that
    still runs from one that was left behind.
    """

    def __init__(
        self, folder: Path, system: System, environment: Environment, *, clock: Callable[[], datetime]
    ) -> None:
        self.folder = folder
        self.trouble: str | None = None
        self.samples: SampleStore | None = None
        self.opened = threading.Event()
        self._system = system
        self._environment = environment
        self._clock = clock
        self._journal: Journal | None = None
        self._lock = threading.Lock()

    def open(self) -> None:
        """Open both; what cannot be opened is said in `trouble` and the rest goes on."""
        with self._lock:
            if self._journal is not None:
                return
            try:
                self._journal = Journal.open(self.folder / "journal.db", clock=self._clock)
            except (JournalError, OSError) as error:
                self.trouble = str(error)
            try:
                self.samples = SampleStore.open(self.folder / f"samples-{self._environment.name}.db")
            except (JournalError, OSError) as error:
                self.trouble = self.trouble or str(error)
        self.opened.set()
        self.note("console.started", {"environment": self._environment.name})

    def close(self, reason: str) -> None:
        """Write down why, and close; a second call does nothing."""
        self.note("console.stopped", {"environment": self._environment.name, "reason": reason})
        with self._lock:
            journal, self._journal = self._journal, None
            store, self.samples = self.samples, None
        if journal is not None:
            journal.close()
        if store is not None:
            store.close()

    @property
    def journal(self) -> Journal:
        """The journal. Raises JournalError with the sentence why there is none."""
        if self._journal is None:
            raise JournalError(self.trouble or f"{self.folder / 'journal.db'}: the journal is not open")
        return self._journal

    @property
    def subject(self) -> str:
        """What events of this environment are about."""
        return f"{self._system.name}/{self._environment.name}"

    def intend(self, kind: str, subject: str, body: Mapping[str, Any]) -> Event:
        """Write an intent. Raises JournalError."""
        return self.journal.intend(kind, subject, {**body, "process": process_mark()})

    def conclude(self, intent: object, outcome: str, body: Mapping[str, Any]) -> Event:
        """Write a result. Raises JournalError."""
        if not isinstance(intent, Event):
            raise TypeError("conclude takes the event that intend gave")
        return self.journal.conclude(intent, outcome, body)

    def note(self, kind: str, body: Mapping[str, Any], subject: str | None = None) -> bool:
        """Append an event that no action waits for; a failure becomes `trouble`. Returns whether it was written."""
        try:
            self.journal.append(kind, subject or self.subject, {**body, "process": process_mark()})
        except JournalError as error:
            if self.trouble is None:
                log.warning("journal: %s", error)
            self.trouble = str(error)
            return False
        self.trouble = None
        return True

    def goods(self, workload: Workload) -> tuple[Good, ...]:
        """The versions recorded good for a workload of this environment, newest first.

        What was good of another object of that name (another cluster, made anew) is not offered. A template that was
        not stored, for a secret is written into it, is taken from the cluster as long as the cluster keeps it.
        """
        try:
            events = good_versions(self.journal.events(kinds=("good.recorded",)), self._environment.name, workload.name)
        except JournalError:
            return ()
        kept = {digest(revision.template): revision.template for revision in workload.revisions}
        found: dict[str, Good] = {}
        for event in events:
            body = event.body
            template = body.get("template") or kept.get(str(body.get("digest")))
            if body.get("uid") == workload.uid and template and template not in found:
                found[template] = Good(str(body["version"]), str(body["image"]), template, event.at)
        return tuple(found.values())

    def left(self, workload: Workload) -> dict[str, datetime]:
        """The versions of a workload of this environment that were rolled back from, with when that last was."""
        try:
            return rolled_back_from(self.journal.events(kinds=(ROLLBACK,)), self._environment.name, workload.name)
        except JournalError:
            return {}

    def record_good(self, workload: Workload, revision: Revision, watched: timedelta) -> bool:
        """Record a revision as good. Returns whether it was written."""
        return self.note(
            "good.recorded",
            {
                "environment": self._environment.name,
                "workload": workload.name,
                "uid": workload.uid,
                "version": revision.version,
                "image": revision.image,
                "revision": revision.number,
                "digest": digest(revision.template),
                "template": None if holds_secret(revision.template) else revision.template,
                "watched_s": int(watched.total_seconds()),
            },
        )

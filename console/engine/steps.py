"""Steps that run: followed, stopped, and held against the world when nobody has followed them."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from console.core.operations import ActionFailed, Operation, Refused, Unverified
from console.core.runbooks.facts import Kind
from console.core.runbooks.runs import Attempt, Mark, Run
from console.core.states import Outcome
from console.engine.operations import Operations, Voice
from console.engine.processes import lives, process_mark
from console.engine.runbook_answers import Answers
from console.engine.runbook_folder import last_lines
from console.engine.runbook_ledger import RunbookLedger
from console.engine.step_ending import OUTCOMES, result_of, say_stopper, unknown
from console.journal.events import Event
from console.journal.journal import login
from console.walkthrough.keeping.jobs import Ended

if TYPE_CHECKING:
    from console.walkthrough.keeping.running import Job

log = logging.getLogger(__name__)

# How long an intent may stand without a keeper: its console was killed, or has not come to start one yet.
STARTING = timedelta(seconds=3)
LONGEST_START = timedelta(seconds=60)
SHOWN = 200
UNDER_WAY = "runs in the background; it is stopped from its step"

Expected = Callable[[Run, int], str]


@dataclass(slots=True)
class _Followed:
    """A step that a thread of this process follows."""

    job: Job
    stop: threading.Event = field(default_factory=threading.Event)
    operation: str = ""


class Steps:
    """The steps of one environment that go on. root: the folder of all runs. expected: the output that a step's file
    says to expect.
    """

    def __init__(
        self,
        ledger: RunbookLedger,
        operations: Operations,
        answers: Answers,
        *,
        root: Path,
        expected: Expected,
        clock: Callable[[], datetime],
    ) -> None:
        self._ledger = ledger
        self._operations = operations
        self._answers = answers
        self._root = root
        self._expected = expected
        self._clock = clock
        self._lock = threading.Lock()
        self._settling = threading.Lock()
        self._followed: dict[int, _Followed] = {}
        self._reserved: set[int] = set()

    def reserve(self, intent: Event) -> None:
        """Keep `settle` away from an intent that this process is about to start."""
        with self._lock:
            self._reserved.add(intent.seq)

    def release(self, intent: Event) -> None:
        """End what `reserve` began."""
        with self._lock:
            self._reserved.discard(intent.seq)

    def follow(self, intent: Event, job: Job) -> Operation:
        """Follow a job in an operation of its own until it ends, or until it goes on in the background."""
        followed = _Followed(job)
        with self._lock:
            self._followed[intent.seq] = followed
            self._reserved.discard(intent.seq)
        work = self._background if intent.body.get("background") is True else self._foreground

        def done(say: Voice, cancelled: threading.Event) -> str:
            with self._lock:
                asked, followed.stop = followed.stop, cancelled
            if asked.is_set():
                cancelled.set()
            try:
                return work(intent, job, say, cancelled)
            finally:
                with self._lock:
                    self._followed.pop(intent.seq, None)

        return self._begin(intent, done)

    def _begin(self, intent: Event, work: Callable[[Voice, threading.Event], str]) -> Operation:
        title = f"{Path(str(intent.body.get('runbook'))).name}:{intent.body.get('line')}"
        return self._operations.begin("run-step", title, work, record=None, subject="", body={})

    def _foreground(self, intent: Event, job: Job, say: Voice, cancelled: threading.Event) -> str:
        ended = job.follow(say, say.partial, cancelled)
        return told(*self.conclude(intent, job, ended, "the process that ran it was killed"))

    def _background(self, intent: Event, job: Job, say: Voice, cancelled: threading.Event) -> str:
        run, step = str(intent.body.get("run")), int(intent.body.get("step", 0))
        begun = time.monotonic()
        while job.result is None and job.alive and time.monotonic() - begun < 1.0 and not cancelled.wait(0.05):
            pass
        if job.result is not None or not job.alive:
            return told(*self.conclude(intent, job, job.result, "the process that ran it was killed"))
        try:
            self._ledger.write(Kind.UNDER_WAY, run, {"step": step, "of": intent.seq})
        except Refused as error:
            # Another console has written it, or it is written when this one looks again.
            log.info("step %s of %s: %s", step, run, error)
        for line in last_lines(self.folder(intent), SHOWN):
            say(line)
        if cancelled.is_set():
            job.stop()
        return UNDER_WAY

    def folder(self, intent: Event) -> Path:
        """The folder of an intent's attempt."""
        return self._root / str(intent.body.get("run")) / str(intent.body.get("folder"))

    def conclude(self, intent: Event, job: Job | None, ended: Ended | None, why: str) -> tuple[Mark, str]:
        """Write what came of a step, once in all processes; returns the mark and the sentence that hold.

        ended: None where nobody knows; why: then the reason. What cannot be written now is written when a run is next
        looked at, for the keeper's own result stays.
        """
        run_id = str(intent.body.get("run"))
        if job is not None:
            self._answers.carry(run_id, dict(job.carried))
        try:
            run = self._ledger.run(run_id)
            mark, how, body = self._result(run, intent, ended, why)
            if self._ledger.conclude(intent, OUTCOMES[mark].value, body):
                return mark, how
            found = next((each for each in attempts(self._ledger.run(run_id)) if each.intent == intent.seq), None)
            return (found.mark, found.how) if found is not None else (mark, how)
        except Refused as error:
            mark, how, _body = unknown(why) if ended is None else result_of(ended, intent, self.folder(intent), "")
            return mark, f"{how} (not in the journal yet, and written when it can be: {error})"

    def _result(self, run: Run, intent: Event, ended: Ended | None, why: str) -> tuple[Mark, str, dict[str, Any]]:
        if ended is None:
            return unknown(why)
        step = int(intent.body.get("step", 0))
        expected = self._expected(run, step) if intent.body.get("digest") == run.digest else ""
        return result_of(ended, intent, self.folder(intent), expected)

    def settle(self) -> None:
        """Hold every step that goes on against its keeper: attach where nobody follows it, conclude what ended."""
        with self._settling:
            going_on = {number: run for run, number in self._ledger.going_on}
            for intent in self._ledger.open_intents:
                with self._lock:
                    followed = intent.seq in self._followed or intent.seq in self._reserved
                if followed:
                    continue
                run = going_on.get(intent.seq)
                if intent.host != socket.gethostname():
                    self._read_result(run, intent)
                elif run is not None:
                    self._settle(run, intent)
                elif not lives(str(intent.body.get("process", ""))):
                    self.refuse(intent, "another step of the run was running")

    def _read_result(self, run: Run | None, intent: Event) -> None:
        """Take the result of a step of another host; whether it lives cannot be told from here."""
        from console.walkthrough.keeping.running import find_job

        job = None if run is None else find_job(self.folder(intent))
        if job is not None and job.result is not None:
            self._end(intent, job, job.result, "", shown=False)

    def refuse(self, intent: Event, why: str) -> None:
        """Write that nothing came of an intent."""
        self.release(intent)
        how = f"not run: {why}"
        self._ledger.conclude(intent, Outcome.REFUSED.value, {"mark": Mark.FAILED.value, "how": how})

    def _settle(self, run: Run, intent: Event) -> None:
        from console.walkthrough.keeping.running import find_job

        mark = next(each.mark for each in attempts(run) if each.intent == intent.seq)
        process = str(intent.body.get("process", ""))
        left = not lives(process) or process == process_mark()
        job = find_job(self.folder(intent))
        age = self._clock() - intent.at
        if job is None:
            if age > (STARTING if not lives(process) else LONGEST_START):
                self._end(intent, None, None, "the console ended while it started the step, which may have run")
            return
        if job.result is None and job.alive:
            if mark is Mark.RUNNING and left:
                self.follow(intent, job)
            return
        # The keeper writes its result before it ends.
        self._end(intent, job, job.result, "the process that ran it was killed", shown=left)

    def _end(self, intent: Event, job: Job | None, ended: Ended | None, why: str, *, shown: bool = True) -> None:
        mark, how = self.conclude(intent, job, ended, why)
        if not shown:
            return

        def done(say: Voice, _cancelled: threading.Event) -> str:
            for line in last_lines(self.folder(intent), SHOWN):
                say(line)
            return told(mark, how)

        self._begin(intent, done)

    def job(self, run: Run, attempt: Attempt) -> Job:
        """The job of an attempt that goes on. Raises Refused where its keeper is gone."""
        from console.walkthrough.keeping.running import find_job

        with self._lock:
            followed = self._followed.get(attempt.intent)
        job = followed.job if followed is not None else find_job(self._root / run.id / attempt.folder)
        if job is None or not job.alive:
            raise Refused("the process that runs the step is gone; look again")
        return job

    def stop(self, run: Run, attempt: Attempt) -> None:
        """Stop an attempt: INT, then TERM, then KILL. What another host began and does not answer for any more is not
        known from then on.
        """
        from console.walkthrough.keeping.running import find_job

        say_stopper(self._root / run.id / attempt.folder, f"{login()}@{socket.gethostname()}")
        intent = self._ledger.intent(attempt.intent)
        if intent is not None and intent.host != socket.gethostname():
            job = find_job(self.folder(intent))
            if job is None or not job.alive:
                why = f"it was begun on {intent.host}, which cannot be asked from here"
                self.conclude(intent, job, None if job is None else job.result, why)
                return
        with self._lock:
            followed = self._followed.get(attempt.intent)
            if followed is not None and attempt.mark is Mark.RUNNING:
                followed.stop.set()
                return
        self.job(run, attempt).stop()

    def stop_and_wait(self, run: str, number: int, *, within: float) -> None:
        """Stop a step in the background and wait for its end. Raises Refused where it does not end."""
        found = self._ledger.run(run)
        if found.step(number).mark is Mark.BACKGROUND:
            self.stop(found, found.step(number).attempts[-1])
        deadline = time.monotonic() + within
        while self._ledger.run(run).step(number).mark is Mark.BACKGROUND:
            if time.monotonic() > deadline:
                raise Refused(f"step {number} does not end in the background; stop it, then end the run")
            time.sleep(0.05)
            self.settle()


def attempts(run: Run) -> tuple[Attempt, ...]:
    """Every attempt of a run."""
    return tuple(attempt for step in run.steps for attempt in step.attempts)


def told(mark: Mark, how: str) -> str:
    """The sentence of an end, or the error that an operation makes of it. Raises ActionFailed or Unverified."""
    if mark is Mark.FAILED:
        raise ActionFailed(how)
    if mark is Mark.UNKNOWN:
        raise Unverified(how)
    return how

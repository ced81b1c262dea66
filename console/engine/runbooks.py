"""Runbooks and their runs in one environment: what screens and commands ask, done against the journal."""

from __future__ import annotations

import difflib
import hashlib
import logging
import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from console.actions.reasons import READ_ONLY
from console.core.operations import Operation, Refused
from console.core.runbooks.changes import matched
from console.core.runbooks.document import Runbook, StepKind
from console.core.runbooks.facts import Kind
from console.core.runbooks.filling import Assessment, Question
from console.core.runbooks.folding import step_rows
from console.core.runbooks.runs import Mark, Run, StepRun
from console.engine.books import Books
from console.engine.operations import Operations
from console.engine.run_all import RunAll
from console.engine.runbook_answers import Answers
from console.engine.runbook_folder import RunFolder, last_lines
from console.engine.runbook_ledger import RunbookLedger
from console.engine.runbook_surroundings import Surroundings
from console.engine.step_starting import Starting
from console.engine.steps import Steps

log = logging.getLogger(__name__)

MOST_RUNS = 200
MOST_KEPT = 8
LETTERS = "abcdefghjkmnpqrstuvwxyz"
END = 8.0


class Runbooks:
    """The RunbookDesk of one environment. Nothing is opened before it is asked for."""

    def __init__(
        self,
        surroundings: Surroundings,
        books: Books,
        operations: Operations,
        *,
        clock: Callable[[], datetime],
        read_only: bool,
    ) -> None:
        self._surroundings = surroundings
        self._read_only = read_only
        self._clock = clock
        self._root = books.folder / "runs"
        self._answers = Answers(surroundings)
        self._ledger = RunbookLedger(books, surroundings.environment.name, secrets=lambda: self._answers.secrets)
        self._lock = threading.Lock()
        self._due = 0.0
        self._looking = threading.Lock()
        self._kept: dict[tuple[str, str], Runbook] = {}
        self._steps = Steps(
            self._ledger, operations, self._answers, root=self._root, expected=self._expected, clock=clock
        )
        self._starting = Starting(self._ledger, self._steps, self._answers, surroundings, root=self._root)
        self._all = RunAll(operations, self)

    def look(self) -> None:
        """Settle what nobody follows. What cannot be read or written now is looked at again at the next call."""
        if self._read_only:
            return
        try:
            self._steps.settle()
        except Refused:
            return

    def tick_over(self) -> None:
        """Like `look`, in a thread and once a second at most: for a loop, which nothing here may hold up."""
        if time.monotonic() < self._due or self._looking.locked():
            return
        self._due = time.monotonic() + 1.0
        threading.Thread(target=self._look_on, name="runbooks", daemon=True).start()

    def _look_on(self) -> None:
        with self._looking:
            try:
                self.look()
            except Exception:  # the edge of the task: it is looked at again in a second
                log.exception("the steps that go on")

    def read(self, path: Path) -> Runbook:
        """Read a runbook. Raises Refused."""
        from console.walkthrough.reading.document import read_runbook

        return read_runbook(path)

    def runs(self) -> tuple[Run, ...]:
        """The runs: open ones first, newest first."""
        self.look()
        newest = sorted(self._ledger.runs.values(), key=lambda run: run.began, reverse=True)
        return tuple(sorted(newest, key=lambda run: not run.open)[:MOST_RUNS])

    def run(self, run: str) -> Run:
        """One run as it stands. Raises Refused."""
        self.look()
        return self._ledger.run(run)

    def document(self, run: str) -> Runbook:
        """The runbook that the run follows. Raises Refused."""
        return self._document(self._ledger.run(run))

    def begin(self, path: Path) -> Run:
        """Begin a run. Raises Refused."""
        self._writable()
        path = path.expanduser().absolute()
        runbook, raw = self._read_whole(path)
        if not runbook.steps:
            raise Refused(f"{path}: has no step to run or to tick; it can only be read")
        now = self._clock()
        name = re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-")[:40].strip("-") or "runbook"
        letters = "".join(secrets.choice(LETTERS) for _ in range(4))
        run = f"{now:%Y%m%d-%H%M}-{name}-{letters}"
        folder = self._folder(run)
        folder.make()
        folder.keep(runbook, raw)
        self._hold(run, runbook)
        return self._ledger.write(
            Kind.BEGUN,
            run,
            {
                "system": self._surroundings.system.name,
                "runbook": str(path),
                "title": runbook.title,
                "digest": runbook.digest,
                "steps": step_rows(runbook),
            },
        )

    def changes(self, run: str) -> tuple[str, ...]:
        """What has changed in the file since. Raises Refused."""
        kept = self.document(run)
        now = self.read(kept.path)
        if now.digest == kept.digest:
            return ()
        return tuple(
            difflib.unified_diff(
                kept.source.splitlines(), now.source.splitlines(), "as the run began", "as the file is now", lineterm=""
            )
        )

    def take_up(self, run: str) -> Run:
        """Go on with the file as it is now. Raises Refused."""
        found = self._open(run)
        kept = self._document(found)
        runbook, raw = self._read_whole(found.path)
        if runbook.digest == kept.digest:
            return found
        if not runbook.steps:
            raise Refused(f"{found.path}: has no step any more; the run goes on with the text it has")
        matches = matched(kept, runbook)
        stays = set(matches.values())
        for step in found.steps:
            if step.mark is Mark.RUNNING or (step.mark is Mark.BACKGROUND and step.number not in stays):
                raise Refused(f"step {step.number} still runs; wait for it or stop it, then take the file up")
        self._folder(run).keep(runbook, raw)
        rows = step_rows(runbook)
        for number, was in matches.items():
            rows[number - 1]["was"] = was
        return self._ledger.write(Kind.TAKEN_UP, run, {"title": runbook.title, "digest": runbook.digest, "steps": rows})

    def form(self, run: str) -> tuple[Question, ...]:
        """The questions of the run. Raises Refused."""
        return self._form(self._ledger.run(run), {})

    def fill(self, run: str, answers: Mapping[str, str]) -> tuple[Question, ...]:
        """Answer questions. Raises Refused."""
        found = self._open(run)
        told, faults = self._answers.take(found, self._placeholders(found), answers)
        if told:
            found = self._ledger.write(Kind.FILLED, run, told)
        return self._form(found, faults)

    def assess(self, run: str, step: int) -> Assessment:
        """A step as it would run now. Raises Refused."""
        found, _step = self._step(run, step)
        return self._starting.assess(found, self._document(found), step)

    def start(self, run: str, step: int, *, typed: str, digest: str) -> Operation:
        """Start a step. Raises Refused."""
        found = self._open(run)
        self._step(run, step)
        return self._starting.start(found, self._document(found), step, typed=typed, digest=digest)

    def run_all(self, run: str) -> Operation:
        """Run from where the run stands. Raises Refused."""
        return self._all.begin(self._open(run))

    def interact(self, run: str, step: int, *, typed: str, digest: str) -> str:
        """Run a step on the real terminal. Raises Refused."""
        found = self._open(run)
        self._step(run, step)
        return self._starting.interact(found, self._document(found), step, typed=typed, digest=digest)

    def send(self, run: str, text: str) -> None:
        """Type a line to the step that runs. Raises Refused."""
        self._writable()
        found = self.run(run)
        for step in found.steps:
            if step.mark is Mark.RUNNING:
                self._steps.job(found, step.attempts[-1]).send(text)
                return
        raise Refused(f"no step of {run} runs that could be typed to")

    def stop(self, run: str, step: int | None = None) -> None:
        """Stop the step that runs, or one in the background. Raises Refused."""
        self._writable()
        found = self.run(run)
        wanted = (Mark.RUNNING,) if step is None else (Mark.RUNNING, Mark.BACKGROUND)
        for each in found.steps:
            if each.mark in wanted and step in (None, each.number):
                self._steps.stop(found, each.attempts[-1])
                return
        raise Refused(f"step {step} does not run" if step is not None else f"no step of {run} runs")

    def go(self, run: str, step: int) -> Run:
        """Stand at a step. Raises Refused."""
        found = self._open(run)
        self._step(run, step)
        return found if found.here == step else self._ledger.write(Kind.WENT, run, {"step": step})

    def tick(self, run: str, step: int, note: str = "") -> Run:
        """Tick a step, or take its tick back. Raises Refused."""
        found, each = self._settleable(run, step)
        if each.mark is Mark.RAN:
            raise Refused(f"step {step} has run; write a note to it instead")
        body: dict[str, Any] = {"step": step, "done": each.mark is not Mark.TICKED, "note": note.strip()}
        return self._ledger.write(Kind.TICKED, found.id, body)

    def skip(self, run: str, step: int, reason: str) -> Run:
        """Leave a step out. Raises Refused."""
        found, each = self._settleable(run, step)
        if not reason.strip():
            raise Refused("a skip needs a reason; write why the step is left out")
        if each.mark in (Mark.RAN, Mark.TICKED):
            raise Refused(f"step {step} is {each.mark.value} already")
        return self._ledger.write(Kind.SKIPPED, found.id, {"step": step, "reason": reason.strip()})

    def verify(self, run: str, step: int, worked: bool, note: str) -> Run:
        """Settle a step whose outcome is unknown. Raises Refused."""
        found = self._open(run)
        _found, each = self._step(run, step)
        if each.mark is not Mark.UNKNOWN:
            raise Refused(f"the outcome of step {step} is known: {each.mark.value}")
        if not note.strip():
            raise Refused("say what was found, so that others can tell how it was verified")
        return self._ledger.write(Kind.VERIFIED, found.id, {"step": step, "worked": worked, "note": note.strip()})

    def note(self, run: str, step: int, text: str) -> Run:
        """Write a note. Raises Refused."""
        self._writable()
        found, _step = self._step(run, step)
        if not text.strip():
            raise Refused("the note is empty; nothing was written")
        return self._ledger.write(Kind.NOTED, found.id, {"step": step, "text": text.strip(), "evidence": False})

    def evidence(self, run: str, step: int, text: str) -> Run:
        """Keep evidence. Raises Refused."""
        self._writable()
        found, _step = self._step(run, step)
        if not text.strip():
            raise Refused("there is no evidence in it; give the path of a file, or the text itself")
        kept = self._folder(run).keep_evidence(step, text, self._answers.secrets)
        return self._ledger.write(Kind.NOTED, found.id, {"step": step, "text": kept, "evidence": True})

    def output(self, run: str, step: int, most: int = 2000) -> tuple[str, ...]:
        """The last lines of a step's newest attempt. Raises Refused."""
        found, each = self._step(run, step)
        return last_lines(self._root / found.id / each.attempts[-1].folder, most) if each.attempts else ()

    def end(self, run: str, outcome: str) -> Run:
        """End the run. Raises Refused."""
        found = self._open(run)
        if not outcome.strip():
            raise Refused("say how it ended, so that others can tell; nothing was ended")
        for step in found.steps:
            if step.mark is Mark.RUNNING:
                raise Refused(f"step {step.number} still runs; wait for it or stop it, then end the run")
        for step in found.steps:
            if step.mark is Mark.BACKGROUND:
                self._steps.stop_and_wait(run, step.number, within=END)
        ended = self._ledger.write(Kind.ENDED, run, {"how": outcome.strip()})
        self._answers.forget(run)
        return ended

    def export(self, run: str) -> str:
        """The run as Markdown. Raises Refused."""
        from console.walkthrough.export import run_as_markdown

        found = self.run(run)
        return run_as_markdown(found, self._document(found), self._root / run)

    def _writable(self) -> None:
        if self._read_only:
            raise Refused(READ_ONLY)

    def _open(self, run: str) -> Run:
        """A run that goes on, to be changed."""
        self._writable()
        found = self.run(run)
        if not found.open:
            raise Refused(f"run {run} has ended: {found.outcome}; begin another")
        return found

    def _step(self, run: str, step: int) -> tuple[Run, StepRun]:
        found = self._ledger.run(run)
        if not 1 <= step <= len(found.steps):
            raise Refused(f"run {run} has no step {step}; it has {len(found.steps)}")
        return found, found.step(step)

    def _settleable(self, run: str, step: int) -> tuple[Run, StepRun]:
        """A step that a person may settle by a word."""
        self._open(run)
        found, each = self._step(run, step)
        if each.kind is StepKind.NOTE:
            raise Refused(f"step {step} is only shown; there is nothing to do in it")
        if each.mark in (Mark.RUNNING, Mark.BACKGROUND):
            raise Refused(f"step {step} {'runs' if each.mark is Mark.RUNNING else each.mark.value}; stop it first")
        if each.mark is Mark.UNKNOWN:
            raise Refused(f"the outcome of step {step} is not known; verify it first")
        return found, each

    def _folder(self, run: str) -> RunFolder:
        return RunFolder(self._root / run)

    def _read_whole(self, path: Path) -> tuple[Runbook, bytes]:
        """A runbook and exactly the bytes that it was read from."""
        from console.walkthrough.reading.document import parse_runbook

        runbook = self.read(path)
        try:
            raw = path.read_bytes()
        except OSError as error:
            raise Refused(f"{path}: the runbook cannot be read: {error.strerror}") from None
        same = hashlib.sha256(raw).hexdigest() == runbook.digest
        return (runbook if same else parse_runbook(path, raw)), raw

    def _document(self, run: Run) -> Runbook:
        from console.walkthrough.reading.document import parse_runbook

        key = (run.id, run.digest)
        with self._lock:
            found = self._kept.get(key)
        if found is None:
            found = parse_runbook(run.path, self._folder(run.id).kept(run))
            self._hold(run.id, found)
        return found

    def _hold(self, run: str, runbook: Runbook) -> None:
        """Keep a runbook as read, for a while."""
        with self._lock:
            while len(self._kept) >= MOST_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[run, runbook.digest] = runbook

    def _placeholders(self, run: Run) -> tuple[Any, ...]:
        return self._answers.placeholders(run, self._document(run))

    def _form(self, run: Run, faults: Mapping[str, str]) -> tuple[Question, ...]:
        return self._answers.questions(run, self._placeholders(run), self._ledger.remembered, faults)

    def _expected(self, run: Run, step: int) -> str:
        """The output that the file says to expect of a step; empty where it says none, or cannot be read."""
        try:
            return self._document(run).step(step).expected
        except (Refused, KeyError):
            return ""

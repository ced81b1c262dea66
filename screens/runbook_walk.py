"""A runbook and its run as a screen knows them: what was read of the desk, and every call to it, each in a thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from console.core.operations import Operation
from console.core.picture import Picture
from console.core.runbooks.document import Runbook, Step
from console.core.runbooks.filling import Assessment
from console.core.runbooks.runs import Attempt, Mark, Run, StepRun
from console.core.states import Outcome
from console.engine.runbook_desk import RunbookDesk
from screens.base import Console
from screens.runbook_foresight import foreseen
from widgets.steps import done_words
from widgets.vocabulary import Ink

Answer = TypeVar("Answer")
ACTIONS = ("run-step", "run-all")


class Walk:
    """path: the file. changed: called in the app's loop when something here is new.

    document: the runbook that is followed; None until it is read. run: None until one is begun or resumed. at: the step
    at the cursor. doing: what a call under way does, empty where there is none; while it is, no other is made that
    changes something. trouble: why the last one was refused. wrote: the file the run was written to, once it is.
    """

    def __init__(self, console: Console, path: Path, changed: Callable[[], None]) -> None:
        self.console = console
        self.path = path
        self.changed = changed
        self.document: Runbook | None = None
        self.source: list[str] = []
        self.run: Run | None = None
        self.at = 1
        self.doing = ""
        self.trouble = ""
        self.fault = ""
        self.wrote: Path | None = None
        self.assessed: dict[int, Assessment] = {}
        self.operations: dict[int, str] = {}
        self.printed: dict[int, tuple[object, tuple[str, ...]]] = {}
        self.done = ""
        self.started: tuple[int, int] | None = None
        self._running: tuple[StepRun, ...] = ()
        self._begun: Run | None = None
        self._beginning = threading.Lock()
        self._renewing = False
        self._again = False
        self._judging: set[int] = set()
        self._unjudged: set[int] = set()
        self._fetching: set[int] = set()
        self._seen_operations: dict[str, Outcome] = {}

    @property
    def desk(self) -> RunbookDesk:
        """Where runbooks and their runs are."""
        return self.console.desk.runbooks

    @property
    def step(self) -> Step | None:
        """The step at the cursor; None where there is none."""
        document = self.document
        return document.step(self.at) if document is not None and self.at <= len(document.steps) else None

    @property
    def attempt(self) -> Attempt | None:
        """The newest attempt of the step at the cursor."""
        return self.newest(self.at)

    def newest(self, step: int) -> Attempt | None:
        """The newest attempt of a step."""
        if self.run is None or not 1 <= step <= len(self.run.steps):
            return None
        attempts = self.run.step(step).attempts
        return attempts[-1] if attempts else None

    def mark(self, step: int) -> Mark:
        """How a step stands."""
        known = self.run is not None and 1 <= step <= len(self.run.steps)
        return self.run.step(step).mark if self.run is not None and known else Mark.TODO

    def running(self) -> int:
        """The step that runs, not in the background; 0 where none does."""
        return self._running[0].number if self._running else 0

    def take_document(self, document: Runbook) -> None:
        """Follow this text."""
        self.document = document
        self.source = document.source.splitlines()
        self.at = max(1, min(self.at, len(document.steps)))
        self.forget_judged()

    def forget_judged(self) -> None:
        """What steps would do may be something else now."""
        self.assessed.clear()
        self._unjudged.clear()

    def take_run(self, run: Run) -> None:
        """The run stands so. The cursor goes on with it when the step it stood at was settled."""
        before = self.run
        if run == before:
            return
        settled = (before is None or before.id == run.id) and not self.mark(self.at).settled
        self.run = run
        self.done = done_words(run)
        self._running = tuple(step for step in run.steps if step.mark is Mark.RUNNING)
        self.started = max(
            ((step.attempts[-1].intent, step.number) for step in run.steps if step.attempts), default=None
        )
        self.forget_judged()
        if settled and self.mark(self.at).settled and not self.mark(run.here).settled:
            self.at = run.here

    def leave_run(self) -> None:
        """Follow no run; the next thing that is done begins one."""
        self.run = self._begun = self.started = None
        self._running, self.done = (), ""
        self.wrote = None
        self.forget_judged()
        self.operations.clear()
        self.printed.clear()

    def resumed(self, run: Run, document: Runbook) -> None:
        """Go on with a run, at the step it has reached."""
        self.leave_run()
        self.take_document(document)
        self.take_run(run)
        self.at = max(1, min(run.here, len(document.steps)))

    def call(self, call: Callable[[RunbookDesk, str], Answer]) -> Answer:
        """In a thread: make the call for the run; where there is none yet, begin it first."""
        with self._beginning:
            run = self.run or self._begun
            if run is None:
                run = self._begun = self.desk.begin(self.path)
        return call(self.desk, run.id)

    def act(
        self, doing: str, call: Callable[[RunbookDesk, str], Answer], then: Callable[[Answer], None] | None = None
    ) -> bool:
        """Make a call that changes something; False where another is under way."""
        if self.doing:
            self.console.say(f"one moment: {self.doing}")
            return False
        self.doing, self.trouble = doing, ""

        def answered(answer: Answer | None, why: str) -> None:
            self.doing = ""
            if self.run is None and self._begun is not None:
                self.take_run(self._begun)
                self.console.say(f"run {self._begun.id} began; it is offered when this runbook is opened again", Ink.OK)
            if why:
                self.trouble = why
                self.console.say(why)
            elif then is not None:
                then(answer)  # type: ignore[arg-type]
            self.renew()

        self.console.ask(doing, lambda: self.call(call), answered)
        return True

    def renew(self) -> None:
        """Read how the run stands; once more where it is asked for meanwhile."""
        began = self.run or self._begun
        if began is None:
            self.changed()
            return
        if self._renewing:
            self._again = True
            return
        self._renewing, self._again = True, False

        def answered(run: Run | None, why: str) -> None:
            self._renewing = False
            if run is not None and (self.run is None or self.run.id == run.id):
                self.take_run(run)
            elif why:
                self.trouble = why
            self.changed()
            if self._again:
                self.renew()

        self.console.ask("", lambda: self.desk.run(began.id), answered)

    def judge(self) -> None:
        """Find out what the step at the cursor would do; one at a time, and then where the cursor is by then."""
        step, run, document = self.step, self.run, self.document
        if step is None or document is None or not step.runnable:
            return
        number = step.number
        if self._judging or number in self.assessed or number in self._unjudged:
            return
        self._judging.add(number)

        def answered(assessment: Assessment | None, why: str) -> None:
            self._judging.discard(number)
            if self.run is not run or self.document is not document:
                self.judge()
                return
            if assessment is not None:
                self.assessed[number] = assessment
            else:
                self._unjudged.add(number)
                self.trouble = why
            self.changed()

        def judged() -> Assessment:
            if run is not None:
                return self.desk.assess(run.id, number)
            return foreseen(document, number, self.console.desk.system, self.console.picture.environment)

        self.console.ask("", judged, answered)

    def watch(self, picture: Picture) -> None:
        """Look which operations are of this run; when one has begun or ended, the run is read anew."""
        if self.run is None or self.document is None:
            return
        name = self.run.path.name
        own = [entry for entry in picture.operations if entry.action in ACTIONS and entry.title.startswith(name)]
        seen = {entry.id: entry.outcome for entry in own}
        if seen != self._seen_operations:
            for entry in own:
                ran = self._seen_operations.get(entry.id) is Outcome.RUNNING
                if entry.action == "run-all" and ran and entry.outcome is not Outcome.RUNNING:
                    self.console.say(entry.summary)
            self._seen_operations = seen
            self.renew()
        lines = {f"{name}:{step.line}": step.number for step in self._running}
        for entry in own:
            step = lines.get(entry.title)
            if step is not None and entry.outcome is Outcome.RUNNING:
                self.operations[step] = entry.id

    def output(self, step: int, picture: Picture) -> Sequence[str] | None:
        """What a step's newest attempt has printed; None while that is not known yet. It is read where no operation of
        this console holds it.
        """
        attempt = self.newest(step)
        if attempt is None:
            return ()
        id = self.operations.get(step)
        operation: Operation | None = next((entry for entry in picture.operations if entry.id == id), None)
        if operation is not None and (operation.outcome is Outcome.RUNNING or not self._is_background(step)):
            return operation.lines
        known = self.printed.get(step)
        if known is None or known[0] != (attempt.intent, attempt.mark):
            self.fetch(step)
        if known is not None:
            return known[1]
        return operation.lines if operation is not None else None

    def _is_background(self, step: int) -> bool:
        """Whether a step goes on printing when its operation is over."""
        document = self.document
        return document is not None and step <= len(document.steps) and document.step(step).options.background

    def fetch(self, step: int) -> None:
        """Read a step's output from its transcript."""
        run, attempt = self.run, self.newest(step)
        if run is None or attempt is None or step in self._fetching:
            return
        self._fetching.add(step)

        def answered(lines: tuple[str, ...] | None, why: str) -> None:
            self._fetching.discard(step)
            if self.run is not None and self.run.id == run.id:
                said = lines if lines is not None else (f"its output could not be read: {why}",)
                self.printed[step] = ((attempt.intent, attempt.mark), said)
                self.changed()

        self.console.ask("", lambda: self.desk.output(run.id, step), answered)

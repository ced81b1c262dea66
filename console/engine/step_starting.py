"""A step started: everything checked again, the intent on disk, and only then a process."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from console.core.operations import Operation, Refused, Unverified
from console.core.runbooks.document import Options, Runbook, Step, StepKind
from console.core.runbooks.filling import Assessment
from console.core.runbooks.runs import Mark, Run
from console.engine.runbook_answers import Answers
from console.engine.runbook_folder import RunFolder
from console.engine.runbook_ledger import RunbookLedger
from console.engine.runbook_surroundings import Surroundings
from console.engine.steps import Steps, attempts
from console.journal.events import Event

if TYPE_CHECKING:
    from console.walkthrough.keeping.jobs import Ended, Spec


class Starting:
    """Assesses and starts the steps of one environment. root: the folder of all runs. Every method raises Refused."""

    def __init__(
        self, ledger: RunbookLedger, steps: Steps, answers: Answers, surroundings: Surroundings, *, root: Path
    ) -> None:
        self._ledger = ledger
        self._steps = steps
        self._answers = answers
        self._surroundings = surroundings
        self._root = root

    def assess(self, run: Run, runbook: Runbook, number: int) -> Assessment:
        """A step as it would run now."""
        return self._assessed(run, runbook, number)[0]

    def _assessed(self, run: Run, runbook: Runbook, number: int) -> tuple[Assessment, Mapping[str, str]]:
        """The same with the variables that its values need, secrets included."""
        from console.walkthrough.filling.assess import assess_filled

        found, given = assess_filled(
            runbook,
            number,
            self._answers.placeholders(run, runbook),
            dict(run.values),
            self._answers.given(run.id),
            self._surroundings.environ,
            self._surroundings.system.name,
            self._begins_in(run, runbook, runbook.step(number)),
        )
        digest = _bound(found.digest, given.environ)
        # What a relative path names is another file in another folder.
        if found.danger.touches[:1] and found.danger.touches[0][0] == "folder":
            digest = _bound(digest, {"PWD": found.folder})
        return replace(found, digest=digest, why_not=found.why_not or self._why_not(run, number, found)), given.environ

    def _begins_in(self, run: Run, runbook: Runbook, step: Step) -> str:
        """The folder that the step would begin in: the one that the last step has left, else the file's."""
        from console.walkthrough.filling.placeholders import options_of
        from console.walkthrough.keeping.state import read_state

        try:
            left = read_state(RunFolder(self._root / run.id).state).folders
        except ValueError:
            # The step's own process says what is wrong with it, and does not begin.
            left = ()
        return left[0] if left else str(_cwd(run, options_of(runbook, step)))

    def _why_not(self, run: Run, number: int, found: Assessment) -> str:
        """What of the run, and not of the command, holds a step up."""
        step = run.step(number)
        if not run.open:
            return f"the run has ended: {run.outcome}; begin another"
        if step.mark is Mark.RUNNING:
            return "it runs"
        if step.mark is Mark.BACKGROUND:
            return "it runs in the background; stop it first"
        if step.mark is Mark.UNKNOWN and found.danger.level.asks:
            return "its outcome is not known; verify it before it is run again"
        carried = self._answers.carried(run.id)
        for other in run.steps:
            lost = other.attempts[-1].lost if other.attempts and other.number != number else ()
            for name in lost:
                if name not in carried and re.search(rf"\$(?:\{{[#!]?)?{re.escape(name)}\b", found.command):
                    return (
                        f"${name} was set by step {other.number} and no file may keep it; run step {other.number} again"
                    )
        return ""

    def start(self, run: Run, runbook: Runbook, number: int, *, typed: str, digest: str) -> Operation:
        """Start a step and follow it."""
        from console.walkthrough.keeping.running import start_job

        if runbook.step(number).options.interactive:
            raise Refused(f"{_place(run, runbook.step(number))} needs the real terminal; run it there")
        intent, folder, spec = self._intend(run, runbook, number, typed=typed, digest=digest)
        try:
            job = start_job(folder, spec)
        except (OSError, Refused) as error:
            raise self._not_begun(intent, error) from error
        return self._steps.follow(intent, job)

    def interact(self, run: Run, runbook: Runbook, number: int, *, typed: str, digest: str) -> str:
        """Run a step on the real terminal; blocks. Returns how it ended."""
        from console.walkthrough.keeping.relay import relay

        intent, folder, spec = self._intend(run, runbook, number, typed=typed, digest=digest)
        ended: Ended | None = None
        try:
            ended = relay(folder, spec, keep=lambda carried: self._answers.carry(run.id, dict(carried)))
        except Refused as error:
            raise self._not_begun(intent, error) from error
        except OSError as error:
            # The terminal went away in the middle; the step's own process writes down how it ends.
            raise Refused(f"the terminal was lost: {error.strerror or error}; look again how the step ended") from error
        except Unverified:
            ended = None
        finally:
            self._steps.release(intent)
        _mark, how = self._steps.conclude(intent, None, ended, "the process that ran it was killed")
        return how

    def _not_begun(self, intent: Event, error: Exception) -> Refused:
        self._steps.refuse(intent, str(error))
        return Refused(f"the step was not begun: {error}")

    def _intend(self, run: Run, runbook: Runbook, number: int, *, typed: str, digest: str) -> tuple[Event, Path, Spec]:
        """Check everything, and write the intent; nothing has been run when this raises."""
        step = runbook.step(number)
        place = _place(run, step)
        if step.kind is not StepKind.COMMAND:
            raise Refused(f"{place} is no command; there is nothing to run")
        self._expect_alone(run, number)
        found, variables = self._assessed(run, runbook, number)
        if found.why_not:
            raise Refused(f"{place}: {found.why_not}")
        if found.digest != digest:
            raise Refused(f"{place}: the command has changed since it was shown; look again")
        if found.target and typed.strip() != found.target:
            raise Refused(f"{typed.strip() or 'nothing'} was typed where {found.target} was asked for; nothing was run")
        spec = self._spec(run, runbook, step, found.command, variables)
        folder = RunFolder(self._root / run.id).attempt(run, number)
        intent = self._ledger.intend(
            run.id,
            {
                "step": number,
                "line": step.line,
                "runbook": str(run.path),
                "digest": run.digest,
                "folder": folder.name,
                "command": found.command,
                "level": found.danger.level.value,
                "background": step.options.background,
                "target": found.target,
            },
        )
        self._steps.reserve(intent)
        try:
            now = self._ledger.run(run.id)
        except Refused:
            self._steps.release(intent)
            raise
        if all(attempt.intent != intent.seq for attempt in attempts(now)):
            self._steps.refuse(intent, "another step of the run was running, or the run had changed")
            self._expect_alone(now, number)
            raise Refused(f"{place} was not run: the run has changed meanwhile; look again")
        return intent, folder, spec

    def _expect_alone(self, run: Run, number: int) -> None:
        for other in run.steps:
            if other.mark is Mark.RUNNING:
                by = other.attempts[-1].by
                what = "it is" if other.number == number else f"step {other.number} (line {other.line}) is"
                raise Refused(f"{what} running, started by {by}; wait for it or stop it")

    def _spec(self, run: Run, runbook: Runbook, step: Step, command: str, variables: Mapping[str, str]) -> Spec:
        from console.walkthrough.filling.placeholders import options_of
        from console.walkthrough.keeping.jobs import Spec

        options = options_of(runbook, step)
        cwd = _cwd(run, options)
        if not cwd.is_dir():
            raise Refused(f"{_place(run, step)}: there is no folder {cwd} to run it in")
        return Spec(
            text=command,
            environ={**self._surroundings.environ, **variables},
            cwd=cwd,
            state=RunFolder(self._root / run.id).state,
            secrets=self._answers.secrets,
            timeout=options.timeout,
            interpreter=options.interpreter,
            background=options.background,
            expect=options.expect,
            check=options.check,
            retry=options.retry,
            carried=tuple(self._answers.carried(run.id).items()),
        )


def _cwd(run: Run, options: Options) -> Path:
    """Where a step begins that no other has gone before."""
    return run.path.parent / Path(options.cwd).expanduser()


def _bound(digest: str, variables: Mapping[str, str]) -> str:
    """The digest of a command and of the values that it is given by environment, so that neither changes unseen."""
    if not variables:
        return digest
    return hashlib.sha256(f"{digest} {json.dumps(sorted(variables.items()))}".encode()).hexdigest()


def _place(run: Run, step: Step) -> str:
    return f"{run.path.name}:{step.line}"

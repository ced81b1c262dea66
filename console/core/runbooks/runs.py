"""One run of a runbook: a fold of what happened. The journal has the facts; nothing here does input or output."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path

from console.core.runbooks.document import StepKind


class Mark(Enum):
    """How a step stands; the value is the word on the screen."""

    TODO = "to do"
    RUNNING = "running"
    BACKGROUND = "runs in the background"
    RAN = "ran"
    FAILED = "failed"
    TICKED = "ticked"
    SKIPPED = "skipped"
    UNKNOWN = "unknown, verify"

    @property
    def settled(self) -> bool:
        """Whether the run goes on behind it."""
        return self in (Mark.RAN, Mark.TICKED, Mark.SKIPPED, Mark.BACKGROUND)


@dataclass(frozen=True, slots=True)
class Note:
    """What a person wrote to a step. evidence: it is a file or a pasted text kept as evidence, not a remark."""

    at: datetime
    by: str
    text: str
    evidence: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """One time that a step was started.

    intent: the number of the journal's event. folder: its own folder in the state, with transcript and result.
    command: as run, without secrets. exit_code: None while it runs, and where a signal ended it or nobody knows.
    how: one sentence of its end; empty while it runs. expected: the difference to the expected output, in lines as of a
    unified diff; None where nothing was compared, empty where it is the same. lost: names of variables that it has set
    and that no file may hold, so that only the process that ran it can hand them on. level: the danger's word. stopped:
    by whom, where a person stopped it.
    """

    intent: int
    folder: str
    command: str
    began: datetime
    by: str
    mark: Mark = Mark.RUNNING
    ended: datetime | None = None
    duration: timedelta | None = None
    exit_code: int | None = None
    how: str = ""
    expected: tuple[str, ...] | None = None
    lost: tuple[str, ...] = ()
    level: str = ""
    stopped: str = ""


@dataclass(frozen=True, slots=True)
class StepRun:
    """A step in a run. reason: why it was skipped. settled_by: who ticked, skipped or verified it. kind, owner, choice,
    group: the step's own, see `document.Step`.
    """

    number: int
    line: int
    title: str
    mark: Mark = Mark.TODO
    reason: str = ""
    settled_by: str = ""
    settled_at: datetime | None = None
    attempts: tuple[Attempt, ...] = ()
    notes: tuple[Note, ...] = ()
    kind: StepKind = StepKind.COMMAND
    owner: int | None = None
    choice: str = ""
    group: int | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a runbook, as the journal tells it.

    id: `YYYYMMDD-HHMM-<runbook>-<4 letters>`. path, digest: the runbook as it was when the run began (or as it was last
    taken up); its text is kept beside the run. values: the answers so far, without secrets. asked: the names of secrets
    that were given once and have to be given again by every process. here: the step at which it stands. outcome: how it
    was ended by a person; empty while it is open.
    """

    id: str
    system: str
    environment: str
    path: Path
    title: str
    digest: str
    began: datetime
    by: str
    steps: tuple[StepRun, ...]
    values: tuple[tuple[str, str], ...] = ()
    asked: tuple[str, ...] = ()
    here: int = 1
    ended: datetime | None = None
    outcome: str = ""

    def step(self, number: int) -> StepRun:
        """The step of that number. Raises KeyError."""
        if not 1 <= number <= len(self.steps):
            raise KeyError(number)
        return self.steps[number - 1]

    @property
    def open(self) -> bool:
        """Whether it goes on."""
        return self.ended is None

    @property
    def done(self) -> int:
        """How many steps are settled."""
        return sum(step.mark.settled for step in self.steps)

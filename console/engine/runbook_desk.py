"""What screens and commands may ask about runbooks: one door for both."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from console.core.operations import Operation
from console.core.runbooks.document import Runbook
from console.core.runbooks.filling import Assessment, Question
from console.core.runbooks.runs import Run


class RunbookDesk(Protocol):
    """Runbooks and their runs in one environment. Every call may block for a file, the journal or bash, so screens make
    it in a thread; every one raises Refused with the sentence to show. run: a Run's id.

    What a run is lies in the journal: two consoles see the same runs, and a step that one has started is refused to the
    other while it runs.
    """

    def read(self, path: Path) -> Runbook:
        """Read a runbook as its file is now."""

    def runs(self) -> tuple[Run, ...]:
        """The runs of this environment: open ones first, newest first. At most 200."""

    def run(self, run: str) -> Run:
        """One run as it stands. A step whose process ended while nobody looked is settled by this call."""

    def document(self, run: str) -> Runbook:
        """The runbook that the run follows: the copy kept when it began, or when it was last taken up."""

    def begin(self, path: Path) -> Run:
        """Begin a run at its first step."""

    def changes(self, run: str) -> tuple[str, ...]:
        """What has changed in the file since the run began, as lines of a unified diff; empty where nothing has."""

    def take_up(self, run: str) -> Run:
        """Go on with the file as it is now. A step whose text is unchanged keeps its mark, its notes and attempts;
        others are to do.
        """

    def form(self, run: str) -> tuple[Question, ...]:
        """The questions of the run with answers and choices, in the order in which they are needed."""

    def fill(self, run: str, answers: Mapping[str, str]) -> tuple[Question, ...]:
        """Answer questions by their name; an empty answer takes one back. Returns the form. What is not valid is not
        taken: its question carries the fault, the others are kept. Secrets live in this process only.
        """

    def assess(self, run: str, step: int) -> Assessment:
        """A step as it would run now."""

    def start(self, run: str, step: int, *, typed: str, digest: str) -> Operation:
        """Start a step, from wherever the run stands. typed: the assessment's target, or empty where it asks for none.
        digest: the assessment's, so that what was seen is what runs. The process outlives this one; the operation
        (action `run-step`, title `<runbook file>:<line>`) grows in the picture, its lines with colours (SGR) in them.
        """

    def run_all(self, run: str) -> Operation:
        """Run from where the run stands, one step after the other, in an operation (action `run-all`) that ends before
        the first step that asks for something (a target, a value, a tick, the terminal), is excluded or fails.
        """

    def interact(self, run: str, step: int, *, typed: str, digest: str) -> str:
        """Run a step on the real terminal, which the caller has given free; blocks until it is over. Returns how."""

    def send(self, run: str, text: str) -> None:
        """Type a line to the step that runs."""

    def stop(self, run: str, step: int | None = None) -> None:
        """Stop the step that runs, or one in the background: INT, then TERM, then KILL."""

    def go(self, run: str, step: int) -> Run:
        """Stand at a step; nothing is done."""

    def tick(self, run: str, step: int, note: str = "") -> Run:
        """Tick a step; a ticked one is ticked off again. A command may be ticked where it was done by hand."""

    def skip(self, run: str, step: int, reason: str) -> Run:
        """Leave a step out. reason: not empty."""

    def verify(self, run: str, step: int, worked: bool, note: str) -> Run:
        """Settle a step whose outcome is unknown, by what the person has found. note: not empty."""

    def note(self, run: str, step: int, text: str) -> Run:
        """Write a note to a step."""

    def evidence(self, run: str, step: int, text: str) -> Run:
        """Keep evidence to a step. text: the path of a file, which is copied (at most 10 MB), or the evidence."""

    def output(self, run: str, step: int, most: int = 2000) -> tuple[str, ...]:
        """The last lines of a step's newest attempt, from its transcript, with colours (SGR)."""

    def end(self, run: str, outcome: str) -> Run:
        """End the run; background steps are stopped. outcome: not empty, how it ended in the person's words."""

    def export(self, run: str) -> str:
        """The run as Markdown: each command as written and as run, exit code, duration, output, notes."""

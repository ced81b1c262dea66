"""The actions of the runbook screens; part of the action table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.actions.reasons import READ_ONLY
from console.core.actions import Action, Danger
from console.core.states import Outcome

if TYPE_CHECKING:
    from console.core.picture import Picture

RUNBOOK = ("runbook",)


def read_only(picture: Picture) -> str | None:
    """Why nothing can be run or written down, or None."""
    return READ_ONLY if picture.read_only else None


def step_runs(picture: Picture) -> bool:
    """Whether a step of a runbook runs."""
    return any(
        entry.action in ("run-step", "run-all") and entry.outcome is Outcome.RUNNING for entry in picture.operations
    )


def seen(id: str, title: str, key: str, short: str, help: str, **more: object) -> Action:
    """An action that reads only."""
    return Action(id, title, key, short, help, danger=Danger.NONE, **more)  # type: ignore[arg-type]


def _does(danger: Danger, id: str, title: str, key: str, short: str, help: str, **more: object) -> Action:
    return Action(id, title, key, short, help, danger, RUNBOOK, disabled_reason=read_only, **more)  # type: ignore[arg-type]


WALKING: tuple[Action, ...] = (
    seen(
        "filter-runbooks",
        "Filter the runbooks",
        "slash",
        "filter",
        "Show the runbooks that have every word typed in their title or file name.",
        where=("runbooks",),
        footer=1,
    ),
    seen(
        "open-file",
        "Open a Markdown file",
        "f",
        "open a file",
        "Open any Markdown file of this machine as a runbook.",
        where=("runbooks",),
        footer=2,
    ),
    _does(
        Danger.RUNS_COMMANDS,
        "run-step",
        "Run the step",
        "enter",
        "run",
        "Run the step at the cursor: at once where it only reads; else after showing exactly what would run.",
        footer=1,
    ),
    _does(
        Danger.RECORDS,
        "tick-step",
        "Tick the step",
        "t",
        "tick",
        "Tick the step at the cursor as done by hand, or take its tick back.",
        footer=2,
    ),
    _does(
        Danger.RECORDS,
        "skip-step",
        "Skip the step",
        "s",
        "skip",
        "Leave the step at the cursor out, with a reason.",
        footer=3,
    ),
    _does(
        Danger.RECORDS,
        "values",
        "Fill in values",
        "v",
        "values",
        "Give the values that the runbook's steps need; secrets are masked and never stored.",
        footer=4,
    ),
    seen(
        "stop-step",
        "Stop the running step",
        "x",
        "stop",
        "Stop what runs, or the background step at the cursor: INT, then TERM, then KILL.",
        where=RUNBOOK,
        footer=5,
        fades=lambda picture: not step_runs(picture),
    ),
    _does(
        Danger.RUNS_COMMANDS,
        "answer-step",
        "Answer the running step",
        "i",
        "answer",
        "Type one line to the step that runs; masked where it asks for a password.",
        footer=6,
        says=lambda picture: "answer" if step_runs(picture) else "",
    ),
    _does(
        Danger.RECORDS,
        "evidence",
        "Evidence or a note",
        "e",
        "evidence",
        "Keep a text or a file as evidence of the step at the cursor, or write a note to it.",
        footer=7,
    ),
    _does(
        Danger.RUNS_COMMANDS,
        "run-all",
        "Run all",
        "A",
        "all",
        "Run from the step at the cursor on, until a step asks for something, needs a tick, or fails.",
        footer=9,
    ),
    _does(
        Danger.RECORDS,
        "verify-step",
        "Verify a step",
        "V",
        "verify",
        "Say whether a step worked whose end nobody has seen, and what you found.",
    ),
    seen("runs", "Other runs", "r", "runs", "Go on with another open run, or begin anew.", where=RUNBOOK),
    seen(
        "changes",
        "Changes of the file",
        "c",
        "changes",
        "Show what has changed in the file since the run began; take up the new file, or go on with the copy.",
        where=RUNBOOK,
    ),
    seen(
        "export-run",
        "Write the run",
        "w",
        "write",
        "Write the run as Markdown into the state folder: commands, exit codes, output, notes.",
        where=RUNBOOK,
    ),
    _does(
        Danger.RECORDS,
        "end-run",
        "End the run",
        "E",
        "end",
        "Close the run and say how it ended; steps in the background are stopped.",
    ),
    seen(
        "zoom-part",
        "Zoom steps, text or output",
        "z",
        "zoom",
        "Give the part that has the keys the whole screen, or give it back.",
        where=RUNBOOK,
        footer=8,
    ),
)

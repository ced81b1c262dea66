"""In which order the steps of a run are done, and which of them are passed by."""

from __future__ import annotations

from collections.abc import Sequence

from console.core.runbooks.document import StepKind
from console.core.runbooks.runs import Mark, Run, StepRun

CHOSEN = (Mark.RUNNING, Mark.BACKGROUND, Mark.RAN, Mark.TICKED)


def ordered(steps: Sequence[StepRun]) -> tuple[int, ...]:
    """The numbers of the steps as they are done: in the file's order, a checklist item behind the blocks it owns."""
    last = {step.number: step.number for step in steps}
    for step in reversed(steps):
        if step.owner in last and step.owner < step.number:
            last[step.owner] = max(last[step.owner], last[step.number])
    return tuple(sorted(last, key=lambda number: (last[number], -number)))


def is_passed(run: Run, step: StepRun) -> bool:
    """Whether nobody has to do it: it is only shown, or another of the alternatives it is one of was chosen."""
    if step.kind is StepKind.NOTE:
        return True
    return step.group is not None and any(
        other.group == step.group and other.choice != step.choice and other.mark in CHOSEN for other in run.steps
    )


def next_open(run: Run, after: int = 0) -> int | None:
    """The number of the first step behind `after` (0: of all) that waits to be done; None where none does."""
    numbers = ordered(run.steps)
    behind = numbers[numbers.index(after) + 1 :] if after in numbers else numbers
    for number in behind:
        step = run.step(number)
        if not step.mark.settled and not is_passed(run, step):
            return number
    return None


def due(run: Run) -> tuple[StepRun, ...]:
    """The steps that anybody has to do or has settled: not what is only shown, nor alternatives to what was taken."""
    # Of each group what was taken, once: a run may have thousands of steps.
    taken: dict[int | None, str] = {
        step.group: step.choice for step in run.steps if step.group is not None and step.mark in CHOSEN
    }
    return tuple(
        step
        for step in run.steps
        if step.kind is not StepKind.NOTE and (step.mark.settled or taken.get(step.group, step.choice) == step.choice)
    )


def progress(run: Run) -> tuple[int, int]:
    """How many of the steps that are due are settled, and how many are due."""
    steps = due(run)
    return sum(step.mark.settled for step in steps), len(steps)

"""What is seen in a runbook's steps without a run: what they ask for, what they would do, whether they can run."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from console.core.runbooks.danger import Danger, Level
from console.core.runbooks.document import Options, Runbook, Step, StepKind
from console.walkthrough.filling.assess import danger_in, unsound
from console.walkthrough.filling.finding import Place
from console.walkthrough.filling.placeholders import options_of, steps_of, with_stand_ins


@dataclass(frozen=True, slots=True)
class Checked:
    """One step as read. placeholders: as written in it, in order, each once. danger: with words of the same kind in
    their place. runnable: a command that its interpreter can read; why_not: the reason where it is not.
    """

    step: Step
    placeholders: tuple[str, ...]
    danger: Danger
    runnable: bool
    why_not: str


def check(
    runbook: Runbook, known: Collection[str] = (), came: Callable[[int, int], None] | None = None
) -> tuple[Checked, ...]:
    """Look at every step of a runbook. known: names of variables that are set for blocks. A shell is asked whether it
    can read each block, a few at a time. came: told after each block how many were asked about, and of how many.
    """
    asked = {step.number: places for step, places in steps_of(runbook, known)}
    readied = {
        step.number: (with_stand_ins(step.text, options), options)
        for step in runbook.steps
        if step.number in asked
        for options in (options_of(runbook, step),)
    }
    with ThreadPoolExecutor(max_workers=min(8, 2 * (os.cpu_count() or 1)), thread_name_prefix="check") as pool:
        faults = {}
        for number, fault in zip(readied, pool.map(_fault, readied.values()), strict=True):
            faults[number] = fault
            if came is not None:
                came(len(faults), len(readied))
    return tuple(
        _checked(step, asked.get(step.number, ()), readied.get(step.number), faults.get(step.number, ""))
        for step in runbook.steps
    )


def _fault(readied: tuple[str, Options]) -> str:
    return unsound(*readied)


def _checked(step: Step, places: tuple[Place, ...], readied: tuple[str, Options] | None, fault: str) -> Checked:
    if readied is None:
        danger = Danger(Level.READS) if step.kind is not StepKind.COMMAND else danger_in(step.text, step.options, {})
        return Checked(step, (), danger, False, step.why_not or "it is not a command")
    written = tuple(dict.fromkeys(place.written for place in places))
    return Checked(step, written, danger_in(*readied, {}), not fault, fault)

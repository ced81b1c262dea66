"""`hakgal-console runbook list` and `show`: the runbooks of a system, and the steps of one."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import fields

from console.commands.plain import as_json
from console.commands.runbook_check import counting, looked_at
from console.commands.runbook_finding import books_of, choices_of, runbook_of
from console.commands.runbook_place import system_of
from console.commands.runbook_words import called, told
from console.core.operations import Refused
from console.core.runbooks.document import Options, Runbook, StepKind
from console.core.runbooks.order import progress
from console.core.runbooks.runs import Run
from console.core.units import show_span
from console.walkthrough.checking import Checked
from console.walkthrough.reading.document import read_runbook


def list_all(arguments: argparse.Namespace) -> int:
    """A line for each runbook, and below it one for each run that is open."""
    system = system_of(arguments)
    opened: list[Run] = []
    for choice in choices_of(arguments):
        with books_of(choice, read_only=True) as engine:
            opened += [run for run in engine.runbooks.runs() if run.open]
    if not system.runbooks:
        where = f"put Markdown files beside {system.path}" if system.path.is_file() else "name a file, or a --system"
        print(f"{system.name} has no runbook; {where}")
    width = max((len(path.stem) for path in system.runbooks), default=0)
    for path in system.runbooks:
        try:
            print(told(f"{path.stem:<{width}}  {_counted(read_runbook(path))}"))
        except Refused as refused:
            print(told(f"{path.stem:<{width}}  could not read: {refused}"))
        for run in opened:
            if run.path == path:
                print(told(f"{'':<{width}}  {_run(run)}"))
    for run in opened:
        if run.path not in system.runbooks:
            print(told(f"{run.path}  {_run(run)}"))
    return 0


def show(arguments: argparse.Namespace) -> int:
    """The steps of a runbook below their headings."""
    path = runbook_of(arguments.runbook, arguments)
    runbook = read_runbook(path)
    with counting(path) as came:
        steps, faults = looked_at(path, came)
    if arguments.json:
        print(as_json({"path": path, "title": runbook.title, "steps": steps, "faults": faults}))
        return 0
    print(told(f"{runbook.title}  {path}  {_counted(runbook)}"))
    heads: tuple[str, ...] = ()
    for each in steps:
        if each.step.path != heads:
            heads = each.step.path
            print(told(f"\n{' › '.join(heads)}".strip("\n")) if heads else "")
        for line in _step(each):
            print(told(line))
    for fault in faults:
        print(told(f"line {fault.line}: {fault.what}"))
    return 0


def _counted(runbook: Runbook) -> str:
    kinds = [step.kind for step in runbook.steps if step.runnable or step.kind is StepKind.CHECK]
    commands, checks = kinds.count(StepKind.COMMAND), kinds.count(StepKind.CHECK)
    parts = [f"{commands} command{'' if commands == 1 else 's'}"] if commands else []
    parts += [f"{checks} check{'' if checks == 1 else 's'}"] if checks else []
    return ", ".join(parts) or "nothing to do in it"


def _run(run: Run) -> str:
    done, due = progress(run)
    return f"open: {run.id} in {run.environment}, {done} of {due} done, at step {run.here}, by {run.by}"


def _step(each: Checked) -> Iterator[str]:
    step = each.step
    number = f"  {step.number:>3}. line {step.line:<4} {step.kind.value:<7}"
    level = f" {each.danger.level.value:<8}" if step.kind is StepKind.COMMAND else f" {'':<8}"
    yield f"{number}{level} {called(step)}"
    margin = " " * 32
    if step.choice:
        yield f"{margin}alternative: {step.choice}"
    if options := _options(step.options):
        yield f"{margin}{options}"
    if each.danger.level.asks and each.danger.why:
        yield f"{margin}{each.danger.why}"
    if each.placeholders:
        yield f"{margin}asks for {', '.join(each.placeholders)}"
    if step.kind is StepKind.COMMAND and not each.runnable:
        yield f"{margin}not run: {each.why_not}"


def _options(options: Options) -> str:
    """What the fence says of itself, where it says anything."""
    plain = Options()
    said = []
    for field in fields(Options):
        value = getattr(options, field.name)
        if value == getattr(plain, field.name):
            continue
        if value is True:
            said.append(field.name.replace("_", " "))
        elif field.name == "timeout":
            said.append(f"timeout {show_span(value)}")
        else:
            said.append(f"{field.name.replace('_', ' ')} {','.join(value) if isinstance(value, tuple) else value}")
    return "; ".join(said)

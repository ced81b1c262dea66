"""The fold of a run: one fact after the other, in the order of the journal, whatever is in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from console.core.runbooks.document import Runbook, StepKind
from console.core.runbooks.facts import Fact, Kind, as_whole
from console.core.runbooks.order import next_open
from console.core.runbooks.runs import Attempt, Mark, Note, Run, StepRun

KINDS = {kind.value: kind for kind in StepKind}
MARKS = {mark.value: mark for mark in (Mark.RAN, Mark.FAILED, Mark.UNKNOWN)}
GOES_ON = (Mark.RUNNING, Mark.BACKGROUND)
LONGEST = 10 * 366 * 86400.0


def folded(facts: Iterable[Fact]) -> dict[str, Run]:
    """The runs that these facts make, oldest first, by their id."""
    runs: dict[str, Run] = {}
    for fact in facts:
        run = advance(runs.get(fact.run), fact)
        if run is not None:
            runs[run.id] = run
    return runs


def advance(run: Run | None, fact: Fact) -> Run | None:
    """The run after one more fact. Nothing becomes a run with BEGUN only.

    Total: a fact that does not fit (written by one who was overtaken, damaged, or another run's) changes nothing.
    """
    if run is None:
        return _begun(fact) if fact.kind is Kind.BEGUN and fact.role == "note" else None
    if fact.run != run.id:
        return run
    if fact.kind is Kind.STEP:
        return _result(run, fact) if fact.role == "result" else _intent(run, fact) if fact.role == "intent" else run
    fold = _FOLDS.get(fact.kind)
    if fold is None or fact.role != "note" or not (run.open or fact.kind is Kind.NOTED):
        return run
    return fold(run, fact)


def step_rows(runbook: Runbook) -> list[dict[str, Any]]:
    """The steps of a runbook as BEGUN and TAKEN_UP tell them."""
    rows: list[dict[str, Any]] = []
    for step in runbook.steps:
        row: dict[str, Any] = {"line": step.line, "title": step.title, "kind": step.kind.value}
        if step.owner is not None:
            row["owner"] = step.owner
        if step.group is not None:
            row |= {"choice": step.choice, "group": step.group}
        rows.append(row)
    return rows


def _rows(fact: Fact) -> list[Mapping[str, Any]] | None:
    rows = fact.body.get("steps")
    if not isinstance(rows, list | tuple) or not all(isinstance(row, Mapping) for row in rows):
        return None
    return list(rows)


def _step(number: int, row: Mapping[str, Any]) -> StepRun:
    choice = row.get("choice")
    return StepRun(
        number,
        as_whole(row.get("line")) or 1,
        str(row.get("title", "")),
        kind=KINDS.get(str(row.get("kind")), StepKind.COMMAND),
        owner=as_whole(row.get("owner")),
        choice=choice if isinstance(choice, str) else "",
        group=as_whole(row.get("group")),
    )


def _begun(fact: Fact) -> Run | None:
    rows = _rows(fact)
    if not fact.run or not rows:
        return None
    run = Run(
        id=fact.run,
        system=fact.text("system"),
        environment=fact.text("environment"),
        path=Path(fact.text("runbook")),
        title=fact.text("title"),
        digest=fact.text("digest"),
        began=fact.at,
        by=fact.by,
        steps=tuple(_step(number, row) for number, row in enumerate(rows, 1)),
    )
    return replace(run, here=next_open(run) or 1)


def _put(run: Run, step: StepRun) -> Run:
    """The run with a step changed; it moves on from a step that is settled now."""
    before = run.step(step.number)
    steps = tuple(step if each.number == step.number else each for each in run.steps)
    run = replace(run, steps=steps)
    if step.mark.settled and not before.mark.settled and run.here == step.number:
        return replace(run, here=next_open(run, step.number) or step.number)
    return run


def _named(run: Run, fact: Fact) -> StepRun | None:
    number = fact.whole("step")
    return run.step(number) if number is not None and 1 <= number <= len(run.steps) else None


def _filled(run: Run, fact: Fact) -> Run:
    told = fact.body.get("values")
    values = dict(run.values)
    if isinstance(told, Mapping):
        values |= {name: value for name, value in told.items() if isinstance(value, str)}
    asked = dict.fromkeys((*run.asked, *fact.texts("asked")))
    for name in fact.texts("gone"):
        values.pop(name, None)
        asked.pop(name, None)
    for name in fact.texts("asked"):
        values.pop(name, None)
    return replace(run, values=tuple(values.items()), asked=tuple(name for name in asked if name not in values))


def _intent(run: Run, fact: Fact) -> Run:
    step = _named(run, fact)
    if step is None or step.kind is not StepKind.COMMAND or not run.open or fact.text("digest") != run.digest:
        return run
    if step.mark in GOES_ON or any(each.mark is Mark.RUNNING for each in run.steps):
        return run
    attempt = Attempt(
        fact.number, fact.text("folder"), fact.text("command"), fact.at, fact.by, level=fact.text("level")
    )
    steps = replace(
        step, mark=Mark.RUNNING, reason="", settled_by="", settled_at=None, attempts=(*step.attempts, attempt)
    )
    return replace(_put(run, steps), here=step.number)


def _of(run: Run, intent: int | None) -> tuple[StepRun, Attempt] | None:
    """The step, and its attempt that goes on, of an intent."""
    for step in run.steps:
        for attempt in step.attempts:
            if attempt.intent == intent and attempt.mark in GOES_ON:
                return step, attempt
    return None


def _changed(step: StepRun, old: Attempt, new: Attempt) -> StepRun:
    attempts = tuple(new if each is old else each for each in step.attempts)
    return replace(step, attempts=attempts, mark=new.mark)


def _under_way(run: Run, fact: Fact) -> Run:
    found = _of(run, fact.whole("of"))
    if found is None or found[1].mark is not Mark.RUNNING:
        return run
    step, attempt = found
    return _put(run, _changed(step, attempt, replace(attempt, mark=Mark.BACKGROUND)))


def _result(run: Run, fact: Fact) -> Run:
    found = _of(run, fact.intent)
    if found is None:
        return run
    step, attempt = found
    seconds = fact.body.get("duration")
    known = isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 <= seconds <= LONGEST
    duration = timedelta(seconds=float(seconds)) if known and seconds is not None else None
    told = fact.body.get("expected")
    ended = replace(
        attempt,
        mark=MARKS.get(fact.text("mark"), Mark.UNKNOWN),
        ended=fact.at,
        duration=duration,
        exit_code=fact.whole("exit_code"),
        how=fact.text("how") or fact.text("summary"),
        expected=fact.texts("expected") if isinstance(told, list | tuple) else None,
        lost=fact.texts("lost"),
        stopped=fact.text("stopped"),
    )
    return _put(run, _changed(step, attempt, ended))


def _ticked(run: Run, fact: Fact) -> Run:
    step = _named(run, fact)
    if step is None:
        return run
    if fact.says("done"):
        if step.mark not in (Mark.TODO, Mark.FAILED, Mark.SKIPPED):
            return run
        return _put(run, _noted_in(_settled(step, Mark.TICKED, fact), fact, "note"))
    if step.mark is not Mark.TICKED:
        return run
    before = step.attempts[-1].mark if step.attempts else Mark.TODO
    return _put(run, _noted_in(replace(step, mark=before, settled_by="", settled_at=None), fact, "note"))


def _settled(step: StepRun, mark: Mark, fact: Fact) -> StepRun:
    return replace(step, mark=mark, reason="", settled_by=fact.by, settled_at=fact.at)


def _noted_in(step: StepRun, fact: Fact, key: str, *, evidence: bool = False) -> StepRun:
    text = fact.text(key)
    return replace(step, notes=(*step.notes, Note(fact.at, fact.by, text, evidence))) if text else step


def _skipped(run: Run, fact: Fact) -> Run:
    step, reason = _named(run, fact), fact.text("reason")
    if step is None or not reason or step.mark not in (Mark.TODO, Mark.FAILED, Mark.SKIPPED):
        return run
    return _put(run, replace(_settled(step, Mark.SKIPPED, fact), reason=reason))


def _verified(run: Run, fact: Fact) -> Run:
    step = _named(run, fact)
    if step is None or step.mark is not Mark.UNKNOWN or not fact.text("note"):
        return run
    mark = Mark.RAN if fact.says("worked") else Mark.FAILED
    return _put(run, _noted_in(_settled(step, mark, fact), fact, "note"))


def _noted(run: Run, fact: Fact) -> Run:
    step = _named(run, fact)
    return run if step is None else _put(run, _noted_in(step, fact, "text", evidence=fact.says("evidence")))


def _went(run: Run, fact: Fact) -> Run:
    step = _named(run, fact)
    return run if step is None else replace(run, here=step.number)


def _taken_up(run: Run, fact: Fact) -> Run:
    rows = _rows(fact)
    if not rows or not fact.text("digest"):
        return run
    old = {step.number: step for step in run.steps}
    steps: list[StepRun] = []
    here = None
    for number, row in enumerate(rows, 1):
        new = _step(number, row)
        was = as_whole(row.get("was"))
        kept = old.pop(was, None) if was is not None else None
        if kept is not None:
            here = number if was == run.here else here
            new = replace(
                new,
                mark=kept.mark,
                reason=kept.reason,
                settled_by=kept.settled_by,
                settled_at=kept.settled_at,
                attempts=kept.attempts,
                notes=kept.notes,
            )
        steps.append(new)
    if any(step.mark in GOES_ON for step in old.values()) or any(step.mark is Mark.RUNNING for step in steps):
        return run
    taken = replace(run, title=fact.text("title"), digest=fact.text("digest"), steps=tuple(steps))
    return replace(taken, here=here or next_open(taken) or len(steps))


def _ended(run: Run, fact: Fact) -> Run:
    how = fact.text("how")
    if not how or any(step.mark is Mark.RUNNING for step in run.steps):
        return run
    return replace(run, ended=fact.at, outcome=how)


_FOLDS: Mapping[Kind, Callable[[Run, Fact], Run]] = {
    Kind.FILLED: _filled,
    Kind.UNDER_WAY: _under_way,
    Kind.TICKED: _ticked,
    Kind.SKIPPED: _skipped,
    Kind.VERIFIED: _verified,
    Kind.NOTED: _noted,
    Kind.WENT: _went,
    Kind.TAKEN_UP: _taken_up,
    Kind.ENDED: _ended,
}

"""The page of one step: the prose around it, what it would do, the command as it would run, and what came of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from console.core.runbooks.danger import Danger, Level
from console.core.runbooks.document import Runbook, Step, StepKind
from console.core.runbooks.filling import Assessment
from console.core.runbooks.runs import Mark, Run, StepRun
from console.core.units import spell
from screens.folding import goes_on
from widgets.folds import Line
from widgets.rows import EMPTY, Row, row
from widgets.steps import is_through, is_verified, lasted
from widgets.vocabulary import Glyphs, Ink
from widgets.words import ago, clean, plural, span

LEVEL_INK = {Level.READS: Ink.OK, Level.CHANGES: Ink.BYPASS, Level.DESTROYS: Ink.ALARM, Level.UNKNOWN: Ink.ALARM}
LEVEL_WORD = {
    Level.READS: "READS",
    Level.CHANGES: "CHANGES",
    Level.DESTROYS: "DESTROYS",
    Level.UNKNOWN: "UNKNOWN, taken as DESTROYS",
}
STATE_INK = {Mark.RAN: Ink.OK, Mark.FAILED: Ink.BAD}
BLANK = Line(EMPTY)
_HEADING = re.compile(r" {0,3}#{1,6}\s")
_FRONT = re.compile(r"(?:---|\+\+\+)\s*$")


@dataclass(frozen=True, slots=True)
class StepPage:
    """lines: the page. first, last: the lines that must be in sight when the step is gone to."""

    lines: tuple[Line, ...]
    first: int
    last: int


def level_row(danger: Danger, label: str = " ") -> Row:
    """The level in word and colour, and why."""
    word = f" {LEVEL_WORD[danger.level]} "
    why = f"  {clean(danger.why)}" if danger.why else ""
    return row(label, (word, LEVEL_INK[danger.level]), (why, Ink.TEXT if danger.level is Level.READS else Ink.STRONG))


def touches_words(danger: Danger) -> str:
    """`namespace knhk, deployment api`."""
    return ", ".join(f"{kind} {name}" for kind, name in danger.touches)


def code_lines(text: str, glyphs: Glyphs, ink: Ink = Ink.ACCENT) -> list[Line]:
    """A command, a line each; a row that goes on is marked where it begins."""
    hang = row((f" {glyphs.cut} ", Ink.DIM))
    return [Line(row("   ", (clean(line), ink)), hang) for line in text.rstrip("\n").split("\n")]


def said(label: str, text: str, ink: Ink = Ink.TEXT, label_ink: Ink = Ink.DIM) -> Line:
    """A label and a sentence, which goes on below its beginning."""
    return Line(row((f" {label}", label_ink), (clean(text), ink)), row(" " * (len(label) + 1)), words=True)


def prose_lines(lines: list[str]) -> list[Line]:
    """Running text with its paragraphs joined, headings, and whatever else there is, as written."""
    told: list[Line] = []
    at = 0
    while at < len(lines):
        last = at
        while last + 1 < len(lines) and goes_on(lines[last], lines[last + 1]):
            last += 1
        text = clean(" ".join(part.strip() for part in lines[at : last + 1]) if last > at else lines[at])
        indent = len(text) - len(text.lstrip())
        bullet = re.match(r"\s*(?:[-*+] (?:\[[ xX]\] )?|\d+[.)] |> )?", text)
        hang = " " * min(bullet.end() if bullet else indent, 12)
        ink = Ink.TITLE if _HEADING.match(text) else Ink.TEXT
        told.append(Line(row(" ", (text.rstrip(), ink)), row(" " + hang), words=not text.lstrip().startswith("|")))
        at = last + 1
    return told


def _trimmed(lines: list[str]) -> list[str]:
    """Without blank lines at both ends, and with no two in a row."""
    kept: list[str] = []
    for line in lines:
        if line.strip() or (kept and kept[-1].strip()):
            kept.append(line)
    while kept and not kept[-1].strip():
        kept.pop()
    return kept


def around(runbook: Runbook, step: Step, source: list[str]) -> tuple[list[str], list[str]]:
    """The file's lines that lead to a step, and those behind it that belong to it still. source: all of its lines.

    What leads to a step begins where the one before ends; what is behind it ends at the next step or heading.
    """
    before = runbook.step(step.number - 1).end if step.number > 1 else _front(source)
    after = runbook.step(step.number + 1).line - 1 if step.number < len(runbook.steps) else len(source)
    behind = source[step.end : after]
    if step.number < len(runbook.steps):
        stop = next((at for at, line in enumerate(behind) if _HEADING.match(line)), len(behind))
        behind = behind[:stop]
    return _trimmed(source[min(before, step.line - 1) : step.line - 1]), _trimmed(behind)


def _front(source: list[str]) -> int:
    """How many lines the front matter has."""
    if not source or not _FRONT.match(source[0]):
        return 0
    return next((number + 1 for number, line in enumerate(source[1:], 1) if line.rstrip() == source[0].rstrip()), 0)


def whole_page(runbook: Runbook, source: list[str]) -> StepPage:
    """A file without a step: all of it."""
    return StepPage((*_faults(runbook, 0, len(source) + 1), *prose_lines(source)) or (BLANK,), 0, 0)


def _faults(runbook: Runbook, begin: int, end: int) -> list[Line]:
    return [
        said(f"line {fault.line}: ", fault.what, Ink.WARN, Ink.WARN)
        for fault in runbook.faults
        if begin <= fault.line <= end
    ]


def step_page(
    runbook: Runbook,
    step: Step,
    run: Run | None,
    assessment: Assessment | None,
    trouble: str,
    source: list[str],
    now: datetime,
    glyphs: Glyphs,
) -> StepPage:
    """Everything of one step. assessment: as it would run now; None while that is not known. trouble: why the last
    thing that was asked for was refused, else empty.
    """
    leading, behind = around(runbook, step, source)
    lines: list[Line] = []
    if step.path:
        lines.append(Line(row((" " + clean(f" {glyphs.into} ".join(step.path)), Ink.DIM)), words=True))
    begin = runbook.step(step.number - 1).end if step.number > 1 else 0
    lines += _faults(runbook, begin + 1, step.end if step.number < len(runbook.steps) else len(source))
    lines += prose_lines(leading)
    if lines:
        lines.append(BLANK)
    first = len(lines)
    state = run.step(step.number) if run is not None and step.number <= len(run.steps) else None
    if run is not None and is_through(run):
        lines.append(said("", "every step is settled: E ends the run, w writes it down", Ink.OK))
    if trouble:
        lines.append(said(f"{glyphs.warn} ", trouble, Ink.WARN, Ink.WARN))
    if assessment is not None or not (trouble and step.runnable):
        runs = state is not None and state.mark in (Mark.RUNNING, Mark.BACKGROUND)
        lines += _verdict(step, assessment, glyphs, runs=runs)
    if step.kind is StepKind.CHECK:
        lines += check_lines(step, state)
    else:
        text = assessment.command if assessment is not None and step.runnable else step.text or step.written
        lines += code_lines(text, glyphs, Ink.ACCENT if step.runnable else Ink.TEXT)
    last = len(lines) - 1
    lines += _beside(step, assessment, glyphs, "\n".join(behind))
    if state is not None:
        lines += history(state, now, glyphs)
    if behind:
        lines += [BLANK, *prose_lines(behind)]
    return StepPage(tuple(lines), first, max(min(last, len(lines) - 1), first))


def check_lines(step: Step, state: StepRun | None) -> list[Line]:
    """All of a checklist item, its paragraphs joined, with its box as the run has it, else as the file has it."""
    ticked = step.ticked or (state is not None and state.mark is Mark.TICKED)
    parts = [" ".join(part.split()) for part in re.split(r"\n\s*\n", step.written.strip() or step.title)]
    labels = ["  [x] " if ticked else "  [ ] ", *("      " for _part in parts[1:])]
    return [said(label, part, Ink.STRONG) for label, part in zip(labels, parts, strict=True)]


def _verdict(step: Step, assessment: Assessment | None, glyphs: Glyphs, *, runs: bool) -> list[Line]:
    """What stands above the command: whether it can run, and what it would do. runs: whether it does already."""
    if step.kind is StepKind.CHECK:
        return []
    if step.kind is StepKind.NOTE or not step.runnable:
        return [said("shown, never run: ", step.why_not or f"{step.language or 'this block'} is not a shell", Ink.WARN)]
    if assessment is None:
        return [said("", "judging what it would do…", Ink.DIM)]
    lines = [Line(level_row(assessment.danger), row("     "), words=True)]
    if touched := touches_words(assessment.danger):
        lines.append(said("touches ", touched))
    if assessment.missing:
        names = ", ".join(each.written for each in assessment.missing)
        lines.append(said(f"{glyphs.warn} ", f"{names}: no value yet, v fills it in", Ink.WARN, Ink.WARN))
    elif assessment.why_not and not runs:
        lines.append(said(f"{glyphs.warn} cannot run: ", assessment.why_not, Ink.WARN, Ink.WARN))
    return lines


def _beside(step: Step, assessment: Assessment | None, glyphs: Glyphs, behind: str) -> list[Line]:
    """What stands below the command: how it runs, what is safer, what is expected unless `behind` says it."""
    options, lines = step.options, []
    facts = [
        "needs the terminal itself" if options.interactive else "",
        "goes on in the background" if options.background else "",
        f"runs in {options.cwd}" if options.cwd else "",
        f"by {options.interpreter}" if options.interpreter else "",
        f"at most {spell(options.timeout)}" if options.timeout else "",
        f"tried {options.retry + 1} times" if options.retry else "",
        "not part of A, run all" if options.excluded else "",
    ]
    if any(facts):
        lines.append(said("", "; ".join(filter(None, facts)), Ink.DIM))
    if assessment is not None and assessment.danger.safer:
        lines.append(said("safer   ", assessment.danger.safer, Ink.OK))
    if options.check:
        lines.append(said("then    ", f"{options.check} must succeed"))
    expected = step.expected or options.expect
    if expected and expected.strip() not in behind:
        lines.append(said("expects ", "", Ink.DIM))
        lines += code_lines(expected, glyphs, Ink.DIM)
    return lines


def history(state: StepRun, now: datetime, glyphs: Glyphs) -> list[Line]:
    """Who settled it, notes and evidence, and the attempts before the last."""
    lines: list[Line] = []
    if state.mark in (Mark.TICKED, Mark.SKIPPED) or (state.settled_by and state.reason):
        why = f": {state.reason}" if state.reason else ""
        by = f" by {state.settled_by}" if state.settled_by else ""
        lines.append(said("", f"{state.mark.value}{by} {ago(state.settled_at, now)}{why}", Ink.DIM))
    for note in state.notes:
        kind = "evidence" if note.evidence else "note"
        lines.append(said(f"{kind:<9}", f"{note.text} ({note.by}, {ago(note.at, now)})", Ink.TEXT))
    if len(state.attempts) > 1:
        tried = [f"{attempt.mark.value}{lasted(attempt.duration)}" for attempt in state.attempts]
        lines.append(said("tried   ", f"{plural(len(tried), 'time')}: {', '.join(tried)}", Ink.DIM))
    return [BLANK, *lines] if lines else []


NEXT_KEYS = {
    Mark.FAILED: "Enter runs it again, s skips it, t ticks it as done by hand",
    Mark.UNKNOWN: "look at what it left behind, then V says whether it worked; it is never repeated by itself",
}


def ending(state: StepRun, glyphs: Glyphs, *, here: bool) -> list[Line]:
    """What stands below the output of the newest attempt: how it ended, what to press then, and how it differs from
    what was expected. here: whether the cursor is at the step, so that the keys are for it.
    """
    lines: list[Line] = []
    attempt = state.attempts[-1]
    next_keys = NEXT_KEYS.get(state.mark, "") if here else ""
    ink = {Mark.FAILED: Ink.BAD, Mark.UNKNOWN: Ink.UNKNOWN}.get(attempt.mark, Ink.DIM)
    if is_verified(state):
        by = f" by {state.settled_by}" if state.settled_by else ""
        word = "did not work" if state.mark is Mark.FAILED else "worked"
        lines.append(said("", f"nobody saw its end; verified{by}: it {word}", STATE_INK[state.mark]))
    elif attempt.how and not (attempt.mark is Mark.RAN and attempt.exit_code is not None):
        lines.append(said("", attempt.how, ink))
    if next_keys:
        lines.append(said("", next_keys, Ink.STRONG))
    if attempt.expected:
        lines.append(said("", "the output is not what the runbook expects (- expected, + printed):", Ink.WARN))
        inks = {"+": Ink.OK, "-": Ink.BAD, "@": Ink.DIM}
        hang = row((glyphs.cut, Ink.DIM))
        lines += [Line(row("   ", (clean(line), inks.get(line[:1], Ink.TEXT))), hang) for line in attempt.expected]
    elif attempt.expected is not None:
        lines.append(said("", "the output is as the runbook expects", Ink.OK))
    return lines


def result_words(state: StepRun, now: datetime, glyphs: Glyphs) -> Row:
    """How the newest attempt of a step stands, for a heading."""
    attempt = state.attempts[-1]
    if is_verified(state):
        sign = glyphs.ok if state.mark is Mark.RAN else glyphs.failed
        return row((f"{sign} verified: {state.mark.value}", STATE_INK[state.mark]))
    if attempt.mark is Mark.RUNNING:
        return row((f"running {span(now - attempt.began)}", Ink.ACCENT))
    if attempt.mark is Mark.BACKGROUND:
        return row(("runs in the background", Ink.OK))
    if attempt.mark is Mark.UNKNOWN:
        return row((f"{glyphs.unknown} how it ended is not known", Ink.UNKNOWN))
    code = "" if attempt.exit_code is None else f" {attempt.exit_code}"
    word = f"exit{code}{lasted(attempt.duration)}" if code else f"{attempt.mark.value}{lasted(attempt.duration)}"
    differs = row(("  output differs", Ink.WARN)) if attempt.expected else EMPTY
    good = attempt.mark is Mark.RAN
    return row((f"{glyphs.ok if good else glyphs.failed} {word}", Ink.OK if good else Ink.BAD), *differs)

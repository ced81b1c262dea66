"""A run of a runbook as Markdown: what was to be done, what was run, what came of it, and who said so."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from console.core.runbooks.document import Runbook, Step, StepKind
from console.core.runbooks.order import due, progress
from console.core.runbooks.runs import Attempt, Mark, Note, Run, StepRun
from console.core.units import show_span
from console.walkthrough.keeping.jobs import TRANSCRIPT
from console.walkthrough.redaction.redact import CONTROL, redacted

# Of a long output: so many lines of its beginning, and of its end.
FIRST = 100
LAST = 100
LONGEST_LINE = 2000
CHUNK = 1 << 20
TAIL = 1 << 19
MOST_CHANGES = 400
COPY = "runbook.md"
# A sentence that begins with what is told of every attempt, and what it says behind that.
SAID = re.compile(r"exit -?\d+ after [\d.]+ s(.*)", re.DOTALL)


def run_as_markdown(run: Run, runbook: Runbook, folder: Path) -> str:
    """The whole run, without secrets and without colours. runbook: what the run follows. folder: of the run, in which
    each attempt's folder has its transcript; an output that cannot be read is told, not left out.
    """
    parts = [*_head(run), *_values(run), *_changes(run, runbook, folder), "## Steps"]
    for step in run.steps:
        written = runbook.step(step.number) if step.number <= len(runbook.steps) else None
        parts += _step(step, written, folder)
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(run: Run) -> Iterator[str]:
    yield f"# {_words(run.title or run.path.name)}"
    done, many = progress(run)
    counts = Counter(step.mark for step in due(run))
    told = ", ".join(f"{counts[mark]} {mark.value}" for mark in Mark if counts[mark])
    end = f"{_when(run.ended)}: {_words(run.outcome)}" if run.ended else f"still open, at step {run.here}"
    yield "\n".join(
        [
            f"- Run: {_code(run.id)}",
            f"- Runbook: {_code(str(run.path))}, SHA-256 {_code(run.digest)}",
            f"- System: {_words(run.system)}, environment {_words(run.environment)}",
            f"- Began: {_when(run.began)} by {_words(run.by)}",
            f"- Ended: {end}" if run.ended else f"- State: {end}",
            f"- Steps: {done} of {many} settled ({told})" if many else "- Steps: none",
        ]
    )


def _values(run: Run) -> Iterator[str]:
    if not run.values and not run.asked:
        return
    yield "## Values"
    lines = []
    for name, value in run.values:
        clean = redacted(f"{name}={value}").partition("=")[2]
        lines.append(f"- {_code(name)}: {_code(clean)}")
    lines += [f"- {_code(name)}: given, a secret" for name in run.asked]
    yield "\n".join(lines)


def _changes(run: Run, runbook: Runbook, folder: Path) -> Iterator[str]:
    """What became of the file: between the beginning and the text that the run follows, and since."""
    began = _text_of(folder / COPY)
    now = _text_of(run.path)
    for title, before, after in (
        ("The runbook changed while the run was open", began, runbook.source),
        ("The runbook has changed since", runbook.source, now),
    ):
        if before is None or after is None or before == after:
            continue
        lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), "before", "after", lineterm=""))
        more = len(lines) - MOST_CHANGES
        if more > 0:
            lines = [*lines[:MOST_CHANGES], f"… {more:,} more lines"]
        yield f"## {title}"
        yield _fence("\n".join(lines) or "only the ends of lines differ", "diff")


def _text_of(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _step(step: StepRun, written: Step | None, folder: Path) -> Iterator[str]:
    yield f"### {step.number}. {_words(step.title or 'a step')}"
    where = f"Line {step.line}"
    if written is not None and written.path:
        where += f", {' › '.join(_words(heading) for heading in written.path)}"
    if step.choice:
        where += f", alternative {_words(step.choice)}"
    yield where + "."
    yield f"**{step.mark.value}**{_settled(step)}"
    last = ""
    # A title may be cut; what was attested has to be told whole.
    whole = written is not None and " ".join(written.written.split()) == " ".join(step.title.split())
    if written is not None and step.kind is StepKind.CHECK and not whole:
        yield "To be ticked, as written:"
        yield _fence(written.written, "text")
    if written is not None and step.kind is not StepKind.CHECK:
        same = bool(step.attempts) and _clean(step.attempts[0].command).strip() == _clean(written.written).strip()
        last = step.attempts[0].command if same else ""
        yield "As written and run:" if same else "As written:"
        yield _fence(written.written, written.language or "text")
    for number, attempt in enumerate(step.attempts, 1):
        yield from _attempt(attempt, number, len(step.attempts), folder, last)
        last = attempt.command
    for note in step.notes:
        yield _note(note)


def _settled(step: StepRun) -> str:
    told = ""
    if step.settled_by:
        told += f" by {_words(step.settled_by)}"
    if step.settled_at:
        told += f", {_when(step.settled_at)}"
    if step.reason:
        told += f": {_words(step.reason)}"
    return told


def _attempt(attempt: Attempt, number: int, many: int, folder: Path, last: str) -> Iterator[str]:
    which = f"Attempt {number}, run" if many > 1 else "Run"
    end = "no exit code" if attempt.exit_code is None else f"exit code {attempt.exit_code}"
    told = [f"{which} by {_words(attempt.by)}, {_when(attempt.began)}", f"{attempt.mark.value}", end]
    if attempt.duration is not None:
        told.append(f"after {_span(attempt.duration)}")
    how = attempt.how
    if attempt.exit_code is not None and attempt.duration is not None and (twice := SAID.match(how)):
        told[-1], how = f"{told[-1]}{_words(twice[1])}", ""
    yield f"{', '.join(told)}.{f' {_words(how)}' if how else ''}"
    if attempt.command == last and number > 1:
        yield "As run: the same."
    elif attempt.command != last:
        yield "As run:"
        yield _fence(attempt.command, "sh")
    yield from _output(folder / attempt.folder / TRANSCRIPT)
    if attempt.expected is not None and not attempt.expected:
        yield "The output is as expected."
    elif attempt.expected:
        yield "The output is not as expected:"
        yield _fence("\n".join(attempt.expected), "diff")


def _note(note: Note) -> str:
    what = "Evidence" if note.evidence else "Note"
    return f"{what} by {_words(note.by)}, {_when(note.at)}:\n\n{_fence(note.text, 'text')}"


@dataclass(frozen=True, slots=True)
class _Printed:
    """Lines at both ends of an output, and how many there are."""

    first: list[str]
    last: list[str]
    count: int


def _output(path: Path) -> Iterator[str]:
    try:
        printed = _read(path)
    except FileNotFoundError:
        yield "Output: none was kept."
        return
    except OSError as error:
        yield f"Output: {_code(str(path))} cannot be read: {_words(error.strerror or 'input/output error')}."
        return
    if not printed.count:
        yield "Output: none."
        return
    left = printed.count - len(printed.first) - len(printed.last)
    if left > 0:
        yield f"Output, {printed.count:,} lines, of which {left:,} are left out here; all are in {_code(str(path))}:"
        lines = [*printed.first, f"… {left:,} lines …", *printed.last]
    else:
        yield "Output:"
        lines = [*printed.first, *printed.last]
    yield _fence("\n".join(lines), "text")


def _read(path: Path) -> _Printed:
    """Read an output of any size with flat memory. Raises OSError."""
    with path.open("rb") as file:
        head = file.read(CHUNK)
        count, ending = head.count(b"\n"), head[-1:]
        size = len(head)
        while chunk := file.read(CHUNK):
            count, ending, size = count + chunk.count(b"\n"), chunk[-1:], size + len(chunk)
        count += bool(size) and ending != b"\n"
        if size == len(head):
            lines = _lines(head)
            if len(lines) <= FIRST + LAST:
                return _Printed(lines, [], len(lines))
            return _Printed(lines[:FIRST], lines[-LAST:], len(lines))
        file.seek(max(len(head) - CHUNK, size - TAIL))
        # The first line of what is read from the middle is a part of one.
        return _Printed(_lines(head)[:-1][:FIRST], _lines(file.read(TAIL))[1:][-LAST:], count)


def _lines(raw: bytes) -> list[str]:
    lines = raw.decode("utf-8", "replace").split("\n")
    if lines and not lines[-1]:
        lines.pop()
    return [line if len(line) <= LONGEST_LINE else _shortened(line) for line in lines]


def _shortened(line: str) -> str:
    return f"{line[:LONGEST_LINE]} … {len(line) - LONGEST_LINE:,} more characters"


def _when(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}Z"


def _span(span: timedelta) -> str:
    seconds = span.total_seconds()
    return f"{seconds:.1f} s" if seconds < 60 else show_span(span)


def _clean(text: str) -> str:
    """Without secrets and control characters, and fit for any encoding of Unicode."""
    plain = CONTROL.sub("", text.replace("\r\n", "\n"))
    return redacted(plain).encode("utf-8", "replace").decode()


def _words(text: str) -> str:
    """A text within a line, with no mark in it that Markdown would read."""
    flat = " ".join(_clean(text).split())
    return re.sub(r"([\\`*_{}\[\]<>#|!&~$])", r"\\\1", flat)


def _code(text: str) -> str:
    flat = " ".join(_clean(text).split()) or " "
    ticks = "`" * (max((len(run) for run in re.findall(r"`+", flat)), default=0) + 1)
    blank = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{ticks}{blank}{flat}{blank}{ticks}"


def _fence(text: str, language: str) -> str:
    clean = _clean(text).strip("\n")
    ticks = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", clean)), default=0))
    word = re.sub(r"[^\w.+-]", "", language)
    return f"{ticks}{word}\n{clean}\n{ticks}"

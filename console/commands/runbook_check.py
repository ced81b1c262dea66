"""`hakgal-console runbook check`: what is seen in Markdown files, with lines, without running anything."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from console.commands.plain import as_json
from console.commands.runbook_words import told
from console.commands.wishes import Unclear
from console.core.operations import Refused
from console.core.runbooks.document import Fault, StepKind
from console.walkthrough.checking import Checked
from console.walkthrough.checking import check as look
from console.walkthrough.reading.document import read_runbook
from console.walkthrough.variables import VARIABLES

# A file that is looked at within so many seconds needs no word of it; after that, a word so often.
SILENT = 0.2
OFTEN = 0.1
ENDINGS = (".md", ".markdown", ".mdown", ".mkd")


def check(arguments: argparse.Namespace) -> int:
    """Print what is seen in each file; 1 where any has a fault."""
    faulty = False
    files: list[dict[str, Any]] = []
    for path in files_of(arguments.paths):
        with counting(path) as came:
            steps, faults = looked_at(path, came)
        faulty = faulty or bool(faults)
        if arguments.json:
            files.append(as_body(path, steps, faults))
        else:
            for line in as_text(path, steps, faults):
                print(line)
    if arguments.json:
        print(as_json({"files": files}))
    return int(faulty)


def files_of(names: Iterable[str]) -> list[Path]:
    """The Markdown files that are meant, each once; those of a folder by their path. Raises Unclear."""
    found: dict[Path, None] = {}
    for name in names:
        path = Path(name)
        if path.is_dir():
            inside = sorted(each for each in path.rglob("*") if each.suffix.lower() in ENDINGS and each.is_file())
            if not inside:
                raise Unclear(f"{path}: there is no Markdown file in this folder")
            found |= dict.fromkeys(inside)
        elif path.exists():
            found[path] = None
        else:
            raise Unclear(f"{path}: there is no such file or folder")
    return list(found)


@contextmanager
def counting(path: Path) -> Iterator[Callable[[int, int], None] | None]:
    """How far a long look at a file is, on a line of a terminal that is gone when it is over; None without one."""
    if not sys.stderr.isatty():
        yield None
        return
    began, said, shown = time.monotonic(), 0.0, 0

    def came(done: int, many: int) -> None:
        nonlocal said, shown
        now = time.monotonic()
        if now - began < SILENT or now - said < OFTEN:
            return
        line = told(f"checking {path.name}: {done:,} of {many:,} steps")[: shutil.get_terminal_size().columns - 1]
        print(f"\r{line:<{shown}}", end="", file=sys.stderr, flush=True)
        said, shown = now, len(line)

    try:
        yield came
    finally:
        if shown:
            print(f"\r{'':<{shown}}\r", end="", file=sys.stderr, flush=True)


def looked_at(
    path: Path, came: Callable[[int, int], None] | None = None
) -> tuple[tuple[Checked, ...], tuple[Fault, ...]]:
    """The steps and the faults of a file; a file that cannot be read has that one fault. came: of `check`."""
    try:
        runbook = read_runbook(path)
    except Refused as refused:
        where, _, what = str(refused).removeprefix(f"{path}:").partition(": ")
        return (), (Fault(int(where), what) if where.isdigit() else Fault(1, str(refused).removeprefix(f"{path}: ")),)
    # Only a system's own runbooks are written for what the console sets; elsewhere nothing sets `$NAMESPACE`.
    own = any((folder / "system.yaml").is_file() for folder in (path.parent, path.parent.parent))
    return look(runbook, VARIABLES if own else (), came), runbook.faults


def as_body(path: Path, steps: Iterable[Checked], faults: Iterable[Fault]) -> dict[str, Any]:
    """One file for JSON."""
    return {
        "path": str(path),
        "steps": [
            {
                "line": each.step.line,
                "kind": each.step.kind.value,
                "runnable": each.runnable,
                "why_not": each.why_not,
                "danger": each.danger.level.value,
                "placeholders": list(each.placeholders),
                "path": list(each.step.path),
            }
            for each in steps
        ],
        "faults": [{"line": fault.line, "fault": fault.what} for fault in faults],
    }


def as_text(path: Path, steps: Iterable[Checked], faults: Iterable[Fault]) -> Iterator[str]:
    """A line for each step, then one for each fault."""
    seen = False
    for each in steps:
        seen = True
        end = "" if each.runnable or each.step.kind is StepKind.CHECK else f"not run: {each.why_not}"
        asks = f"asks for {', '.join(each.placeholders)}" if each.placeholders else ""
        row = f"{path}:{each.step.line}  {each.step.kind.value:<7}  {each.danger.level.value:<8}"
        yield told("  ".join(part for part in (row, each.step.title, asks, end) if part))
    for fault in faults:
        seen = True
        yield told(f"{path}:{fault.line}  fault    {fault.what}")
    if not seen:
        yield told(f"{path}: no step in it; it can only be read")

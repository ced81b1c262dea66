"""`hakgal-console runbook check`: what is seen in Markdown files, with lines, without running anything."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
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

ENDINGS = (".md", ".markdown", ".mdown", ".mkd")


def check(arguments: argparse.Namespace) -> int:
    """Print what is seen in each file; 1 where any has a fault."""
    faulty = False
    files: list[dict[str, Any]] = []
    for path in files_of(arguments.paths):
        steps, faults = looked_at(path)
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


def looked_at(path: Path) -> tuple[tuple[Checked, ...], tuple[Fault, ...]]:
    """The steps and the faults of a file; a file that cannot be read has that one fault."""
    try:
        runbook = read_runbook(path)
    except Refused as refused:
        where, _, what = str(refused).removeprefix(f"{path}:").partition(": ")
        return (), (Fault(int(where), what) if where.isdigit() else Fault(1, str(refused).removeprefix(f"{path}: ")),)
    # Only a system's own runbooks are written for what the console sets; elsewhere nothing sets `$NAMESPACE`.
    own = any((folder / "system.yaml").is_file() for folder in (path.parent, path.parent.parent))
    return look(runbook, VARIABLES if own else ()), runbook.faults


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

"""What only a thorough check looks at: whether Markdown runbooks can be read, and PromQL is PromQL, and
shell commands are bash.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from console.systems.faults import Fault
from console.systems.measures import versioned
from console.systems.sheet import Sheet

LARGEST_RUNBOOK = 2_000_000
SAMPLE_VERSION = "v1.2.3"
BASH_SECONDS = 10.0


def runbook_faults(paths: Iterable[Path]) -> Iterator[Fault]:
    """What is wrong with Markdown runbooks."""
    for path in paths:
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            continue  # said where the system's file names it
        except OSError as error:
            yield Fault(path, 1, f"the runbook cannot be read: {error.strerror}", "make it readable")
            continue
        if len(raw) > LARGEST_RUNBOOK:
            yield Fault(path, 1, "the runbook is larger than 2 MB", "split it")
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            yield Fault(path, raw.count(b"\n", 0, error.start) + 1, "a byte is not UTF-8", "save the file as UTF-8")
            continue
        if not text.strip():
            yield Fault(path, 1, "the runbook is empty", "write it, or remove the file")
        elif fault := _unclosed_fence(path, text):
            yield fault


def _unclosed_fence(path: Path, text: str) -> Fault | None:
    """A fence that is never closed swallows the rest of the file into one block."""
    opened: tuple[int, str] | None = None
    for number, row in enumerate(text.splitlines(), 1):
        found = re.match(r"[ >]*(`{3,}|~{3,})\s*(\S*)", row)
        if found is None:
            continue
        if opened is None:
            opened = (number, found[1])
        elif found[1].startswith(opened[1]) and not found[2]:
            opened = None
    if opened is None:
        return None
    return Fault(path, opened[0], "a fenced block is not closed", f"end it with a line `{opened[1]}`")


def query_faults(sheet: Sheet) -> Iterator[Fault]:
    """Queries of a file that are not PromQL."""
    import promql_parser

    for line, query in sheet.queries:
        try:
            promql_parser.parse(versioned(query, SAMPLE_VERSION))
        except ValueError as error:
            yield Fault(sheet.path, line, f"not PromQL: {' '.join(str(error).split())}", "correct the query")


def command_faults(sheet: Sheet) -> Iterator[Fault]:
    """Shell commands of a file that bash would not read; nothing of them is run."""
    for line, command in sheet.commands:
        try:
            asked = subprocess.run(
                ["bash", "-n"],
                input=command.encode(),
                capture_output=True,
                timeout=BASH_SECONDS,
                check=False,
                env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            yield Fault(sheet.path, line, f"bash cannot be asked about the command: {error}", "install bash")
            return
        if asked.returncode:
            said = asked.stderr.decode(errors="replace").strip().splitlines() or ["bash refuses it"]
            found = re.fullmatch(r"(?:bash: )?(?:line (\d+): )?(.*)", said[0])
            assert found is not None
            at = line + int(found[1] or 1) - 1
            yield Fault(sheet.path, at, f"not a shell command: {found[2]}", "correct the command")

"""A file as text, and text as YAML nodes with line numbers; what cannot be read is a fault at its line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from console.systems.faults import BrokenFile, Fault

if TYPE_CHECKING:
    from yaml.nodes import Node

LARGEST = 1_000_000


def read_text(path: Path) -> str:
    """The text of a file, with `\\n` at line ends. Raises BrokenFile where it is not there, not UTF-8, or over 1 MB."""
    try:
        if path.stat().st_size > LARGEST:
            raise BrokenFile([Fault(path, 1, "the file is larger than 1 MB", "such a file is a few KB")])
        raw = path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise BrokenFile([Fault(path, 1, f"the file cannot be read: {reason}", "check its path")]) from None
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        wrong = f"byte 0x{raw[error.start]:02x} is not UTF-8"
        raise BrokenFile([Fault(path, line, wrong, "save the file as UTF-8")]) from None


def compose(path: Path, text: str) -> Node | None:
    """The top node of a text, None where there is nothing in it. Raises BrokenFile where it is not YAML."""
    import yaml

    for number, row in enumerate(text.split("\n"), 1):
        if found := re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", row):
            wrong = f"control character 0x{ord(found[0]):02x} is not allowed"
            raise BrokenFile([Fault(path, number, wrong, "remove it")])
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        node: Node | None = yaml.compose(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        rows = text.split("\n")
        row = rows[line - 1] if line <= len(rows) else ""
        seen = row[mark.column : mark.column + 1] if mark else ""
        raise BrokenFile([Fault(path, line, *_syntax(error.problem or "", row, seen))]) from None
    except (yaml.YAMLError, RecursionError, ValueError):
        raise BrokenFile([Fault(path, 1, "the file is not YAML", "see runbooks/README.md")]) from None
    return node


def _syntax(problem: str, row: str, seen: str) -> tuple[str, str]:
    """A YAML error as what is wrong and what would be right; never quotes more of the file than one character."""
    if seen == "\t" or row.lstrip(" ").startswith("\t"):
        return "a tab is used for indentation", "indent with spaces"
    if "cannot start any token" in problem and seen:
        return f"a value cannot begin with `{seen}`", 'write it in quotes, as in `unit: "%"`'
    if "mapping values are not allowed" in problem:
        return "a second `: ` on one line", "put the value in quotes, or check the indentation"
    if "undefined alias" in problem:
        return "an alias (`*name`) has no anchor", "put the value in quotes, or add `&name` above"
    if "expected a single document" in problem or "another document" in problem:
        return "a second document begins", "a file is one document; remove the `---`"
    if "quoted scalar" in problem or "end of stream" in problem:
        return "a quoted value is not closed", "close the quotes"
    return f"not YAML: {problem}", "check indentation, colons and quotes here and in the line above"

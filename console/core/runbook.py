"""A Markdown runbook as read: its text unchanged, its shell blocks found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Block:
    """One shell block of a runbook. line: of its opening fence. heading: the headings above it. text: exactly
    what bash is given.

    blocked: why it cannot be run (a placeholder without a value), else None.
    """

    number: int
    line: int
    heading: tuple[str, ...]
    language: str
    text: str
    runnable: bool
    blocked: str | None


@dataclass(frozen=True, slots=True)
class Runbook:
    """A Markdown file as read. source: its text, unchanged. digest: SHA-256 of the file."""

    path: Path
    title: str
    source: str
    digest: str
    blocks: tuple[Block, ...]

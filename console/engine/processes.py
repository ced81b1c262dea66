"""Processes, told apart from later ones that got the same number."""

from __future__ import annotations

import os
from pathlib import Path


def process_mark(pid: int | None = None) -> str:
    """A process as no later one can be mistaken for it: its number, and when it began where the system tells."""
    number = os.getpid() if pid is None else pid
    try:
        stat = Path(f"/proc/{number}/stat").read_text(encoding="utf-8", errors="replace")
        return f"{number}:{stat.rpartition(')')[2].split()[19]}"
    except (OSError, IndexError):
        return str(number)


def lives(mark: str) -> bool:
    """Whether the process of that mark still runs on this host."""
    number, _, began = mark.partition(":")
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, ValueError):
        pass
    return not began or process_mark(int(number)) == mark

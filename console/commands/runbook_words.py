"""Text for a plain terminal: one line, with nothing in it that a terminal would obey."""

from __future__ import annotations

import os
import sys

from console.walkthrough.redaction.redact import CONTROL, redacted


def told(text: str) -> str:
    """On one line, without control characters and without what looks like a secret."""
    return " ".join(redacted(CONTROL.sub("", text.replace("\n", " "))).split(" "))


def shown(text: str) -> str:
    """Several lines as they are, without control characters and without what looks like a secret."""
    return redacted(CONTROL.sub("", text))


def printed(line: str) -> str:
    """A line of output: with its colours where this terminal shows any."""
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb":
        return f"{line}\x1b[0m" if "\x1b" in line else line
    return CONTROL.sub("", line)

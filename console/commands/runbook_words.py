"""Text for a plain terminal: one line, with nothing in it that a terminal would obey."""

from __future__ import annotations

import os
import sys

from console.core.runbooks.document import Step, StepKind
from console.walkthrough.redaction.redact import CONTROL, redacted


def told(text: str) -> str:
    """On one line, without control characters and without what looks like a secret."""
    return " ".join(redacted(CONTROL.sub("", text.replace("\n", " "))).split(" "))


def shown(text: str) -> str:
    """Several lines as they are, without control characters and without what looks like a secret."""
    return redacted(CONTROL.sub("", text))


def called(step: Step) -> str:
    """What a step is called on one line: a check by its whole text, for that is what is attested."""
    return " ".join(step.written.split()) or step.title if step.kind is StepKind.CHECK else step.title


def printed(line: str) -> str:
    """A line of output: with its colours where this terminal shows any."""
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb":
        return f"{line}\x1b[0m" if "\x1b" in line else line
    return CONTROL.sub("", line)

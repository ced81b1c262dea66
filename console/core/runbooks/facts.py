"""What the history of a run is made of: facts, in the order in which they came to be. The run is their fold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any


class Kind(Enum):
    """The kinds of facts; the value is the kind of the journal's event. Behind each: the keys of its body besides `run`
    and `environment`. `step` is a step's number, from 1.
    """

    BEGUN = "runbook.begun"  # system, runbook: its path, title, digest, steps: see `step_rows`
    FILLED = "runbook.filled"  # values: {name: text}, asked: names of secrets, gone: names taken back
    STEP = "runbook.step"  # intent: step, digest, folder, command, level, background; result: see `folding.ended`
    UNDER_WAY = "runbook.under-way"  # step, of: the number of the intent whose step goes on in the background
    TICKED = "runbook.ticked"  # step, done, note
    SKIPPED = "runbook.skipped"  # step, reason
    VERIFIED = "runbook.verified"  # step, worked, note
    NOTED = "runbook.noted"  # step, text, evidence
    WENT = "runbook.went"  # step
    TAKEN_UP = "runbook.taken-up"  # title, digest, steps: each row with `was`, the number that it had
    ENDED = "runbook.ended"  # how


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact. number: the journal's. by: who, as `user@host`. role: `note`, `intent` or `result`. intent: for a
    result, the number of its intent.
    """

    kind: Kind
    number: int
    at: datetime
    by: str
    body: Mapping[str, Any] = field(default_factory=dict)
    role: str = "note"
    intent: int | None = None

    @property
    def run(self) -> str:
        """The id of the run that it is about; empty where it names none."""
        return self.text("run")

    def text(self, key: str) -> str:
        """What the body says under that key; empty where it is no text."""
        value = self.body.get(key)
        return value if isinstance(value, str) else ""

    def whole(self, key: str) -> int | None:
        """The whole number that the body has under that key, None where it is none."""
        return as_whole(self.body.get(key))

    def texts(self, key: str) -> tuple[str, ...]:
        """The texts of the list that the body has under that key; what is no text is left out."""
        value = self.body.get(key)
        return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list | tuple) else ()

    def says(self, key: str) -> bool:
        """Whether the body has `true` under that key."""
        return self.body.get(key) is True


def as_whole(value: object) -> int | None:
    """A whole number as it is; None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None

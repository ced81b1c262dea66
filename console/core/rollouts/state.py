"""What a rollout's facts amount to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from console.core.evaluation import Evaluation
from console.core.rollouts.soak import UNTOUCHED, Soak
from console.core.states import RolloutState as RolloutState


@dataclass(frozen=True, slots=True)
class Hold:
    """Why nothing moves. kind: `person` or `engine`. back: the state it returns to."""

    why: str
    since: datetime
    by: str
    kind: str
    back: RolloutState


@dataclass(frozen=True, slots=True)
class Ask:
    """What a person asked of the driver. number: of the fact. phase, attempt: what the person had before them; for a
    retry, phase is where to begin again.
    """

    number: int
    what: str
    at: datetime
    by: str
    reason: str
    phase: int | None
    attempt: int | None = None


@dataclass(frozen=True, slots=True)
class Tick:
    """A checklist item ticked."""

    item: int
    by: str
    at: datetime
    note: str


@dataclass(frozen=True, slots=True)
class Sign:
    """A role's word. decision: `go` or `no-go`."""

    role: str
    decision: str
    by: str
    at: datetime
    note: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a phase. applied: the share confirmed, 0 to 1, or None. says: what was confirmed, in words.

    settings: how many of the phase's timed settings are applied. outcome: `promoted`, `overridden: why`, `rolled back:
    why`, `retried`, `aborted`, or empty while it lasts. evidence: what each rule said at its end, as sentences.
    """

    phase: int
    number: int
    began: datetime
    soak: Soak = UNTOUCHED
    confirmed_at: datetime | None = None
    applied: float | None = None
    says: str = ""
    settings: int = 0
    ticks: tuple[Tick, ...] = ()
    signs: tuple[Sign, ...] = ()
    looked_at: datetime | None = None
    ended: datetime | None = None
    outcome: str = ""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rollout:
    """One run of a plan. phase: the index of the phase it is in or waits for.

    attempts: oldest first; the last one is the present one while its `ended` is None. goods: by environment, what was
    recorded good before the first write there. dangling: numbers of intents without a result. number: of the newest
    fact folded. exposed: the new version may have traffic, for something was written since the start or the last
    rollback. through: every phase is promoted, and only COMPLETED is missing. accepted: what the engine held for and a
    person resumed over in this attempt; it is not held for again.
    """

    id: str
    plan: str
    version: str
    state: RolloutState
    phase: int
    started: datetime
    by: str
    epoch: int = 0
    attempts: tuple[Attempt, ...] = ()
    held: Hold | None = None
    asks: tuple[Ask, ...] = ()
    goods: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""
    criterion: str = ""
    rolled_back: str = ""
    dangling: tuple[int, ...] = ()
    ended: datetime | None = None
    number: int = 0
    ignored: tuple[str, ...] = ()
    exposed: bool = False
    through: bool = False
    accepted: tuple[str, ...] = ()

    @property
    def attempt(self) -> Attempt | None:
        """The present try; None before the first and between two."""
        return self.attempts[-1] if self.attempts and self.attempts[-1].ended is None else None


@dataclass(frozen=True, slots=True)
class Judged:
    """What is known for the present phase at one moment. by_text: condition text to its verdict."""

    by_text: Mapping[str, Evaluation] = field(default_factory=dict)
    unmet: tuple[str, ...] = ()
    drift: tuple[str, ...] = ()
    measured: float | None = None

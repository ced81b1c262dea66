"""What the driver needs of the world and of the books; the real ones and the rehearsal's have this shape."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from console.core.rollouts.facts import Fact, Kind
from console.core.rollouts.plan import Phase
from console.core.rollouts.soak import Gap
from console.core.rollouts.state import Judged, Rollout


@dataclass(frozen=True, slots=True)
class Job:
    """Work on the world that takes a while.

    what: `apply`, `settings`, `roll back`, `release` (unfreeze what is frozen, for the rollout is aborted) or `finish`
    (the same, for it is completed). settings: the environment variables that hold when it is done.
    index: of timed ones.
    """

    what: str
    phase: int
    attempt: int
    epoch: int
    settings: tuple[tuple[str, str], ...] = ()
    index: int = 0
    goods: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Progress:
    """How a job stands. outcome: `running`, `done`, `failed`, `refused`, `unknown` or `fenced`. summary: one line.

    applied: the share reached, 0 to 1. good: (environment, record) that was recorded before the first write.
    """

    job: Job
    outcome: str
    summary: str = ""
    applied: float | None = None
    good: tuple[str, Mapping[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class Filled:
    """A gap of which everything is told that ever will be. good, bad: stretches of it; the rest stays unknown."""

    gap: Gap
    good: tuple[Gap, ...] = ()
    bad: tuple[Gap, ...] = ()


class World(Protocol):
    """The world of one rollout, as its driver sees it. Nothing blocks for longer than a tick."""

    def judge(self, rollout: Rollout, phase: Phase, now: datetime) -> Judged:
        """The verdicts of the phase's rules now, judged from when the attempt was confirmed, and what is unmet."""

    def fill(self, rollout: Rollout, phase: Phase, gaps: Sequence[Gap]) -> Sequence[Filled]:
        """What range queries tell of gaps by now; a gap that is still being asked for is left out."""

    def begin(self, job: Job, rollout: Rollout) -> None:
        """Begin a job; one at a time."""

    def working(self) -> Progress | None:
        """The job that runs, or has ended and was not yet taken; None where there is none."""

    def take(self) -> None:
        """The ended job's outcome has been written down; forget it."""


class Ledger(Protocol):
    """Where facts are kept."""

    def write(self, kind: Kind, body: Mapping[str, Any], *, intent: Fact | None = None, intends: str = "") -> Fact:
        """Write a fact; it is on disk when this returns. Raises JournalError.

        intends: `intent` for one whose result follows; intent: the one whose result this is.
        """

    def since(self, number: int) -> Iterable[Fact]:
        """The facts of this rollout numbered above `number`, oldest first."""

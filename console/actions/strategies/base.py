"""What every strategy can do, and what it is asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from console.core.operations import ActionFailed
from console.core.rollouts.plan import Share

Json = dict[str, Any]
Say = Callable[[str], None]

ROLLOUT = "hakgal-console/rollout"
EPOCH = "hakgal-console/epoch"
VERSION = "hakgal-console/version"


class Fenced(ActionFailed):
    """Somebody else drives this rollout by now: a newer epoch was found. Nothing more may be written."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a phase asks. settings: environment variables of the new version's container. rollout, epoch: written as the
    annotations `ROLLOUT` and `EPOCH` on every object that is written, with `VERSION`; an object whose epoch is higher
    fences.
    """

    version: str
    share: Share
    settings: tuple[tuple[str, str], ...]
    rollout: str
    epoch: int
    phase: str


@dataclass(frozen=True, slots=True)
class Applied:
    """What was found when everything asked for was there. share: 0 to 1, as the objects say. says: in words, `1 of 10
    pods run v2.3.3`. writes: how many writes went out; 0 where all was there already.
    """

    share: float
    says: str
    writes: int


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A dry run. does: a sentence a write; empty where nothing is to be done. refused: why it cannot be done at all,
    else empty. share: what will be reached. warnings: such as a GitOps owner.
    """

    does: tuple[str, ...]
    share: float
    refused: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sides:
    """Who serves. share: the new version's, by the objects; None where it cannot be told. new_*, old_*: pods."""

    share: float | None
    new_version: str
    new_ready: int
    new_wanted: int
    old_version: str
    old_ready: int
    old_wanted: int
    says: str


class Strategy(Protocol):
    """One way to move traffic. Every method blocks and may be called from any thread but not from two at once. Every
    one raises ActionFailed (with what to do), Unverified, Refused where nothing was begun, or Fenced.

    say: takes a line when something has happened. on_write: takes a line right before each write goes out. fence:
    called right before each write; raises Fenced where this process no longer drives. stopped: ends waiting.
    """

    def record(self) -> Json:
        """What is live now and is to be returned to: JSON. A pod template with a literal secret in it is recorded by
        its digest only (`console.core.templates`).
        """

    def foresee(self, asked: Asked) -> Foreseen:
        """What `apply` would do now."""

    def apply(
        self, asked: Asked, *, say: Say, on_write: Say, fence: Callable[[], None], stopped: threading.Event
    ) -> Applied:
        """Bring about what is asked: compare with the live objects, patch only what differs, each write bound to the
        resourceVersion it was computed from (a 409 is read again and decided again, never final), wait until the
        controller has observed it and the pods are ready, read back.
        """

    def sides(self) -> Sides:
        """Who serves now."""

    def foresee_rollback(self, good: Mapping[str, Any]) -> Foreseen:
        """What `roll_back` would do now. refused where neither side could take the traffic."""

    def roll_back(
        self,
        good: Mapping[str, Any],
        asked: Asked,
        *,
        say: Say,
        on_write: Say,
        fence: Callable[[], None],
        stopped: threading.Event,
    ) -> str:
        """Return to what `record` gave: the good side is made able to take the traffic first, then the traffic is
        moved, then the new side is taken away. Idempotent. Returns one line of what was verified, `v2.3.2 serves
        everything: 10 of 10 pods ready`.
        """


Clock = Callable[[], datetime]

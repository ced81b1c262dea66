"""What a rollout's history is made of: facts, in the order in which they came to be. The state is their fold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any


class Kind(Enum):
    """The kinds of facts; the value is the kind of the journal's event. In brackets: the keys of the body besides
    `rollout` and `at`. `phase` is the phase's index from 0, `attempt` counts from 1 within the rollout.

    Those that a person may write at any time from any process: ASKED, HELD, RESUMED, TICKED, SIGNED, LOOKED. All others
    are the driver's, written while it holds the lease.
    """

    STARTED = "rollout.started"  # plan, path, digest, text, version, system, speed, phase
    DRIVEN = "rollout.driven"  # epoch, holder, how: acquired | taken over
    BEGUN = "rollout.begun"  # phase, attempt
    GOOD = "rollout.good"  # phase, environment, record
    APPLY = "rollout.apply"  # phase, attempt, epoch, what: share | settings:N; an intent, and its result with outcome
    CONFIRMED = "rollout.confirmed"  # phase, attempt, asked, applied, says
    SET = "rollout.set"  # phase, attempt, index: timed settings that are applied
    SOAKED = "rollout.soaked"  # phase, attempt, soak: the clock as `Soak.as_body` gives it
    READY = "rollout.ready"  # phase, attempt: the soak is over; a person is waited for
    ASKED = "rollout.asked"  # what: promote | abort | rollback | retry | start; phase, attempt, reason, by
    REFUSED = "rollout.refused"  # ask: number of the fact, what, why
    PROMOTED = "rollout.promoted"  # phase, attempt, by, override, evidence: {condition: [verdict, value]}
    HELD = "rollout.held"  # why, by, kind: person | engine
    RESUMED = "rollout.resumed"  # by
    TICKED = "rollout.ticked"  # phase, attempt, item, done, note, by
    SIGNED = "rollout.signed"  # phase, attempt, role, decision: go | no-go, note, by
    LOOKED = "rollout.looked"  # phase, attempt, note, by
    ROLLING_BACK = "rollout.rolling_back"  # why, criterion, by, epoch
    ROLL_BACK = "rollout.roll_back"  # epoch, environment; an intent, and its result with outcome
    ROLLED_BACK = "rollout.rolled_back"  # says
    RETRIED = "rollout.retried"  # phase, by
    ABORTED = "rollout.aborted"  # by, reason
    COMPLETED = "rollout.completed"  # nothing


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact. number: the journal's sequence number. at: rollout time, aware UTC; a practice world's may run faster
    than the wall's. by: who, as `user@host`, or `driver`. role: `note`, `intent` or `result`. intent: for a result, the
    number of its intent.
    """

    kind: Kind
    number: int
    at: datetime
    by: str
    body: Mapping[str, Any] = field(default_factory=dict)
    role: str = "note"
    intent: int | None = None

    def text(self, key: str) -> str:
        """What the body says under that key; empty where it is no text."""
        value = self.body.get(key)
        return value if isinstance(value, str) else ""

    def whole(self, key: str) -> int | None:
        """The whole number that the body has under that key, None where it is none."""
        value = self.body.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    @property
    def person(self) -> str:
        """Whose doing it is: `asked_by` where the driver writes down what a person asked."""
        return self.text("asked_by") or self.text("by") or self.by

    @property
    def evidence(self) -> tuple[str, ...]:
        """What each rule said, as sentences."""
        told = self.body.get("evidence")
        if isinstance(told, Mapping):
            return tuple(f"{text}: {verdict}" for text, verdict in told.items())
        return tuple(str(line) for line in told) if isinstance(told, list | tuple) else ()

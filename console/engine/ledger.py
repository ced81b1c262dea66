"""The journal as the ledger of one rollout, and what it tells of all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from console.core.pace import Pace
from console.core.rollouts.facts import Fact, Kind
from console.engine.processes import process_mark
from console.journal.events import Event, Role, read_time
from console.journal.journal import Journal

KINDS = {kind.value: kind for kind in Kind}


class JournalLedger:
    """The facts of one rollout in a system's journal. subject: what its events are about. pace: of a practice world.

    by: who writes: `driver`, or the person as `user@host`.
    """

    def __init__(self, journal: Journal, rollout: str, *, subject: str, by: str, pace: Pace | None = None) -> None:
        self._journal = journal
        self._rollout = rollout
        self._subject = f"{subject}/{rollout}"
        self._by = by
        self._pace = pace

    def write(self, kind: Kind, body: Mapping[str, Any], *, intent: Fact | None = None, intends: str = "") -> Fact:
        """Write a fact; it is on disk when this returns. Raises JournalError."""
        whole = {"rollout": self._rollout, "by": self._by, **body, "process": process_mark()}
        if intent is not None:
            begun = next(iter(self._journal.events(after=intent.number - 1)))
            outcome = str(whole.pop("outcome", "done"))
            event = self._journal.conclude(begun, outcome, whole)
        elif intends:
            event = self._journal.intend(kind.value, self._subject, whole)
        else:
            event = self._journal.append(kind.value, self._subject, whole)
        return fact_of(event, self._pace)

    def since(self, number: int) -> Iterator[Fact]:
        """The facts of this rollout numbered above `number`, oldest first. Raises JournalError."""
        for event in self._journal.events(after=number, kinds=tuple(KINDS)):
            if event.body.get("rollout") == self._rollout:
                yield fact_of(event, self._pace)


def fact_of(event: Event, pace: Pace | None) -> Fact:
    """An event of the journal as a fact. Its time is the journal's own, in the world's pace, unless it names one."""
    told = event.body.get("at")
    wall = read_time(told) if isinstance(told, str) and told else event.at
    at = wall if told else paced(wall, pace)
    by = str(event.body.get("by") or event.actor)
    return Fact(KINDS[event.kind], event.seq, at, by, event.body, event.role.value, event.intent)


def paced(wall: datetime, pace: Pace | None) -> datetime:
    """Rollout time at a time of the wall's clock."""
    return wall if pace is None else pace.rollout_time(wall)


def newest_rollout(events: Iterable[Event], pace: Pace | None) -> Fact | None:
    """The fact that began the newest rollout; None where there never was one."""
    newest = None
    for event in events:
        if event.kind == Kind.STARTED.value and event.role is Role.NOTE:
            newest = event
    return None if newest is None else fact_of(newest, pace)

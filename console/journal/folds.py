"""What the journal amounts to: questions answered by folding its events."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from console.journal.events import Event

GOOD = "good.recorded"
ROLLBACK = "rollback"


def good_versions(events: Iterable[Event], environment: str, workload: str) -> tuple[Event, ...]:
    """The events that recorded a version of a workload as good in an environment, newest first."""
    found = [
        event
        for event in events
        if event.kind == GOOD
        and event.body.get("environment") == environment
        and event.body.get("workload") == workload
    ]
    return tuple(reversed(found))


def rolled_back_from(events: Iterable[Event], environment: str, workload: str) -> dict[str, datetime]:
    """The versions of a workload that a rollback left and none has returned to since, each with when it was left.

    events: oldest first. A rollback that was refused left nothing; one whose end is not known may have.
    """
    begun: dict[int, Event] = {}
    for event in events:
        body = event.body
        if event.kind != ROLLBACK:
            continue
        if event.intent is not None and event.outcome == "refused":
            begun.pop(event.intent, None)
        elif event.intent is None and (body.get("environment"), body.get("workload")) == (environment, workload):
            begun[event.seq] = event
    left: dict[str, datetime] = {}
    for event in begun.values():
        left[_version(event, "from")] = event.at
        left.pop(_version(event, "to"), None)
    return left


def _version(event: Event, end: str) -> str:
    found = event.body.get(end)
    return str(found.get("version")) if isinstance(found, dict) else ""

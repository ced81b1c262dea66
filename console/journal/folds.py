"""What the journal amounts to: questions answered by folding its events."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime

from console.journal.events import Event

GOOD = "good.recorded"
GRANTED = "bypass.granted"
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


def grants_today(events: Iterable[Event], environment: str, day: date) -> tuple[Event, ...]:
    """The bypasses granted in an environment on one day of UTC, oldest first."""
    return tuple(
        event
        for event in events
        if event.kind == GRANTED
        and event.body.get("environment") == environment
        and event.at.astimezone(UTC).date() == day
    )


def rolled_back_from(events: Iterable[Event], environment: str, workload: str) -> dict[str, datetime]:
    """The versions of a workload that a rollback left, each with when that last was; refused rollbacks left nothing."""
    begun: dict[int, Event] = {}
    for event in events:
        if event.kind != ROLLBACK:
            continue
        if event.intent is not None and event.body.get("outcome") == "refused":
            begun.pop(event.intent, None)
        elif (
            event.intent is None
            and event.body.get("environment") == environment
            and event.body.get("workload") == workload
        ):
            begun[event.seq] = event
    return {str((event.body.get("from") or {}).get("version")): event.at for event in begun.values()}

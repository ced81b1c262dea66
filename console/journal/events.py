"""What the journal holds: events, each bound to the one before it by a hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any

FORMAT = 1


class Role(Enum):
    """NOTE: a fact that nothing waits for. INTENT: what is about to be done. RESULT: what came of an intent."""

    NOTE = "note"
    INTENT = "intent"
    RESULT = "result"


@dataclass(frozen=True, slots=True)
class Event:
    """One event as it stands in the journal.

    seq: from 1, without gaps. at: aware UTC. intent: for a result, the seq of its intent. previous: the hash of the
    event before, hex; of the first one, the journal's own root. hash: SHA-256 over every other field, hex.
    """

    seq: int
    at: datetime
    actor: str
    host: str
    tty: str
    kind: str
    subject: str
    role: Role
    intent: int | None
    body: Mapping[str, Any]
    previous: str
    hash: str

    @property
    def outcome(self) -> str | None:
        """The outcome of a result; None for anything else."""
        return str(self.body.get("outcome", "")) if self.role is Role.RESULT else None


@dataclass(frozen=True, slots=True)
class Head:
    """The newest event's place in the chain; a copy kept elsewhere shows later whether the end was cut off."""

    seq: int
    hash: str


_canonical = json.JSONEncoder(ensure_ascii=True, sort_keys=True, separators=(",", ":"), allow_nan=False).encode


def canonical_body(body: Mapping[str, Any]) -> str:
    """A body as canonical JSON: keys sorted, no spaces, ASCII only. Raises ValueError or TypeError.

    Times become ISO texts in UTC, spans become seconds, enums their value, paths their text, tuples and sets lists.
    """
    return _canonical(_plain(body))


def _plain(value: Any) -> Any:
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Mapping():
            return {str(key): _plain(each) for key, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case set() | frozenset():
            return sorted((_plain(each) for each in value), key=str)
        case datetime():
            return time_text(value)
        case timedelta():
            return value.total_seconds()
        case Enum():
            return _plain(value.value)
        case Path():
            return str(value)
    raise TypeError(f"a {type(value).__name__} cannot be written into the journal")


def time_text(at: datetime) -> str:
    """A time as the journal writes it: UTC, microseconds, `Z`. Raises ValueError for a time without a zone."""
    if at.tzinfo is None:
        raise ValueError("a time without a zone cannot be written into the journal")
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def read_time(text: str) -> datetime:
    """A time as the journal writes it. Raises ValueError."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z")


def root_of(journal: str) -> str:
    """What the first event of a journal names as its predecessor. journal: the journal's own random id."""
    return hashlib.sha256(f"hakgal-console journal {journal}".encode()).hexdigest()


def hash_of(
    format_: int, seq: int, at: str, actor: str, host: str, tty: str, kind: str, subject: str, role: str,
    intent: int | None, body: str, previous: str,
) -> str:  # fmt: skip
    """SHA-256, hex, over the JSON array of these fields in this order; body is canonical JSON as text."""
    fields = [format_, seq, at, actor, host, tty, kind, subject, role, intent, body, previous]
    return hashlib.sha256(_canonical(fields).encode("ascii")).hexdigest()

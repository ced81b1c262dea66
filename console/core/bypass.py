"""Rules of the emergency bypass: the record, its ceiling, and what counts as in force."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

CEILING = timedelta(minutes=15)
LONGEST_REASON = 300
_FIELDS = ("actor", "environment", "expires_at", "granted_at", "host", "id", "reason", "system")


@dataclass(frozen=True, slots=True)
class Grant:
    """A bypass in force. Times are by the store's clock. Source: the HAK_GAL protocol, Emergency Bypass."""

    id: str
    system: str
    environment: str
    reason: str
    actor: str
    host: str
    granted_at: datetime
    expires_at: datetime

    @property
    def length(self) -> timedelta:
        """How long it was granted for."""
        return self.expires_at - self.granted_at


class BypassError(ValueError):
    """A bypass that is not to be: the message is one sentence."""


class MalformedGrant(BypassError):
    """A record that is no grant; whoever reads it takes it for no bypass."""


def encode(grant: Grant) -> str:
    """The record as the store holds it: canonical JSON, times in UTC to the microsecond.

    Raises MalformedGrant for what `decode` would refuse, so that nothing unreadable is ever written.
    """
    if fault := _fault(grant):
        raise MalformedGrant(f"the bypass cannot be written down: {fault}")
    record = {name: _time(value) if isinstance(value := getattr(grant, name), datetime) else value for name in _FIELDS}
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def decode(text: str) -> Grant:
    """The grant that `encode` wrote. Raises MalformedGrant on anything else, in whatever way it differs."""
    try:
        record = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise MalformedGrant(f"the bypass record is no JSON: {error}") from error
    if not isinstance(record, dict):
        raise MalformedGrant(f"the bypass record is a {type(record).__name__}, not an object")
    if odd := set(record) ^ set(_FIELDS):
        word = "lacks" if odd - set(record) else "has the unknown"
        raise MalformedGrant(f"the bypass record {word} {', '.join(sorted(odd - set(record) or odd))}")
    for name in _FIELDS:
        if not isinstance(record[name], str):
            raise MalformedGrant(f"{name} of the bypass record is no text")
    times = {name: _moment(name, record[name]) for name in ("granted_at", "expires_at")}
    grant = Grant(**{**record, **times})
    if fault := _fault(grant):
        raise MalformedGrant(f"the bypass record is not to be trusted: {fault}")
    return grant


def in_force(grant: Grant, store_now: datetime) -> bool:
    """Whether the bypass is on, by the store's clock. Anything odd about the record or the clock: it is not."""
    try:
        return _fault(grant) is None and grant.granted_at <= store_now < grant.expires_at
    except (TypeError, AttributeError):  # a naive time, or no grant at all
        return False


def shortened(length: timedelta, ceiling: timedelta = CEILING) -> timedelta:
    """The length that is granted for one that is asked: at most the ceiling, and never above 15 minutes.

    Raises BypassError where it, or a ceiling that leaves nothing, is not above zero.
    """
    if length <= timedelta(0):
        raise BypassError("a bypass of no length switches nothing off; ask for 1 to 15 minutes")
    granted = min(length, ceiling, CEILING)
    if granted < timedelta(seconds=1):
        raise BypassError("the bypass would be shorter than a second; ask for 1 to 15 minutes")
    return granted


def reason_fault(reason: str) -> str | None:
    """The sentence why this is no reason for a bypass, or None where it is one."""
    said = reason.strip()
    if not said:
        return "a bypass needs a reason: say what is wrong, in one line"
    if any(unicodedata.category(letter) in ("Cc", "Zl", "Zp") for letter in said):
        return "the reason must be one line without control characters, for it is written to a log of one line a step"
    if len(said) > LONGEST_REASON:
        return f"the reason has {len(said)} characters; say it in {LONGEST_REASON}"
    if sum(letter.isalnum() for letter in said) < 3:
        return f"`{said}` says nothing to whoever reads the log later; say what is wrong, in a few words"
    return None


def _fault(grant: Grant) -> str | None:
    """What is wrong with a grant as a record, or None."""
    for name in _FIELDS:
        value = getattr(grant, name)
        if isinstance(value, datetime):
            if value.utcoffset() is None:
                return f"{name} has no time zone"
        elif not isinstance(value, str) or not value.strip():
            return f"{name} is empty"
    if grant.length <= timedelta(0):
        return "it expires before it is granted"
    if grant.length > CEILING:
        return f"it would last {grant.length}, and {CEILING} is the longest"
    return reason_fault(grant.reason)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object none of whose names comes twice."""
    record = dict(pairs)
    if len(record) != len(pairs):
        raise ValueError("a name comes twice")
    return record


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _moment(name: str, text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise MalformedGrant(f"{name} of the bypass record, `{text}`, is no time") from error
    if at.utcoffset() is None:
        raise MalformedGrant(f"{name} of the bypass record, `{text}`, has no time zone")
    return at.astimezone(UTC)

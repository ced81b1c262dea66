"""Whether the journal is whole: edited, missing, forked and cut-off events are told apart."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from console.journal.events import Head, hash_of, root_of

MOST = 100
QUERY = """
SELECT format, seq, at, actor, host, tty, kind, subject, role, intent, body, previous, hash FROM events ORDER BY seq
"""


class Damage(Enum):
    """EDITED: an event does not have the content its hash was taken of. MISSING: events are gone from the middle or the
    beginning. TRUNCATED: events are gone from the end. FORKED: an event does not follow the one before it, though each
    is whole by itself: the chain was rewritten from there, or two were joined. DAMAGED: the file itself is broken.
    """

    EDITED = "edited"
    MISSING = "missing"
    TRUNCATED = "truncated"
    FORKED = "forked"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. seq: the event it was seen at."""

    damage: Damage
    seq: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What verifying found. events: how many were read. head: the newest one read. findings: by place, at most 100."""

    events: int
    head: Head | None
    findings: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong, as far as can be told without a copy of the head kept elsewhere."""
        return not self.findings

    @property
    def sentence(self) -> str:
        """The whole in one sentence."""
        if self.sound:
            return f"{self.events} events, chain unbroken"
        more = f" (and {len(self.findings) - 1} more)" if len(self.findings) > 1 else ""
        return f"{self.findings[0].sentence}{more}; compare with a copy of the journal"


def verify(connection: sqlite3.Connection, known: Head | None) -> Verification:
    """Read every event and check it. known: a head noted earlier, elsewhere."""
    walk = _Walk(known)
    try:
        walk.go(connection)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise
        walk.findings.append(Finding(Damage.DAMAGED, walk.last + 1, f"the file is damaged after event {walk.last}"))
    return Verification(walk.count, walk.head, tuple(walk.findings[:MOST]))


class _Walk:
    """One reading of the chain, as far as it goes."""

    def __init__(self, known: Head | None) -> None:
        self.known = known
        self.findings: list[Finding] = []
        self.count = 0
        self.last = 0
        self.head: Head | None = None

    def go(self, connection: sqlite3.Connection) -> None:
        broken = [line[0] for line in connection.execute(f"PRAGMA quick_check({MOST})") if line[0] != "ok"]
        self.findings += [Finding(Damage.DAMAGED, 0, f"the file is damaged: {line}") for line in broken]
        identity = connection.execute("SELECT id FROM journal").fetchone()
        previous = root_of(identity[0] if identity else "")
        for row in connection.execute(QUERY):
            self.findings.extend(_check(row, self.last, previous))
            self.count += 1
            self.last, previous = row[1], row[12]
            self.head = Head(self.last, previous)
            if self.known is not None and self.last == self.known.seq and previous != self.known.hash:
                wrong = f"event {self.last} is not the one that was noted elsewhere"
                self.findings.append(Finding(Damage.FORKED, self.last, wrong))
            if len(self.findings) >= MOST:
                return
        self.findings.extend(_check_end(connection, self.last, self.known))


def _check(row: tuple[object, ...], last: int, previous: str) -> Iterator[Finding]:
    seq, told_previous, told = int(str(row[1])), row[11], row[12]
    intact = _hash(row) == told
    if seq != last + 1:
        gone = f"event {last + 1} is" if seq == last + 2 else f"events {last + 1} to {seq - 1} are"
        yield Finding(Damage.MISSING, last + 1, f"{gone} missing")
    elif told_previous != previous and intact:
        yield Finding(Damage.FORKED, seq, f"event {seq} does not follow event {last}: the journal was rewritten there")
    if not intact:
        yield Finding(Damage.EDITED, seq, f"event {seq} was edited after it was written")


def _hash(row: tuple[object, ...]) -> str | None:
    try:
        return hash_of(*row[:12])  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


def _check_end(connection: sqlite3.Connection, last: int, known: Head | None) -> Iterator[Finding]:
    """SQLite itself remembers the largest seq ever given; whoever cuts off the end may have forgotten that."""
    given = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
    newest = max(given[0] if given else 0, known.seq if known else 0)
    if newest > last:
        gone = f"event {newest} is" if newest == last + 1 else f"events {last + 1} to {newest} are"
        yield Finding(Damage.TRUNCATED, last + 1, f"{gone} missing from the end")

"""The append-only, hash-chained record of everything that was done, and of what came of it."""

from __future__ import annotations

import getpass
import json
import os
import socket
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from console.journal.database import BUSY, Database, JournalError
from console.journal.events import (
    FORMAT,
    Event,
    Head,
    Role,
    canonical_body,
    hash_of,
    read_time,
    root_of,
    time_text,
)
from console.journal.verification import Verification, verify

__all__ = ["Event", "Head", "Journal", "JournalError", "Role", "Verification"]

APPLICATION = 0x48414B4A
PAGE = 1000

# `signature` is for a later format; it is not under the hash. AUTOINCREMENT makes SQLite remember the largest seq.
SCHEMA = """
CREATE TABLE journal (id TEXT NOT NULL, format INTEGER NOT NULL, made_at TEXT NOT NULL) ;
CREATE TABLE events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  format INTEGER NOT NULL,
  at TEXT NOT NULL,
  actor TEXT NOT NULL,
  host TEXT NOT NULL,
  tty TEXT NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('note', 'intent', 'result')),
  intent INTEGER REFERENCES events (seq),
  body TEXT NOT NULL,
  previous TEXT NOT NULL,
  hash TEXT NOT NULL,
  signature TEXT,
  CHECK ((role = 'result') = (intent IS NOT NULL))
) ;
CREATE INDEX events_by_kind ON events (kind, seq);
CREATE INDEX events_intended ON events (seq) WHERE role = 'intent';
CREATE UNIQUE INDEX events_concluded ON events (intent) WHERE intent IS NOT NULL;
CREATE TRIGGER events_are_not_edited BEFORE UPDATE ON events
  BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER events_are_not_deleted BEFORE DELETE ON events
  BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER events_are_appended BEFORE INSERT ON events
  WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM events)
  BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER journal_is_one BEFORE INSERT ON journal WHEN (SELECT count(*) FROM journal) > 0
  BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER journal_is_not_edited BEFORE UPDATE ON journal
  BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER journal_is_not_deleted BEFORE DELETE ON journal
  BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
"""
COLUMNS = "seq, at, actor, host, tty, kind, subject, role, intent, body, previous, hash"


class Journal:
    """One system's journal. Usable from any thread; several processes may append at once.

    What a method has returned is on disk (WAL, synchronous=FULL). Every method raises JournalError.
    """

    def __init__(self, database: Database, *, clock: Callable[[], datetime], actor: str, host: str, tty: str) -> None:
        self._database = database
        self._clock = clock
        self._actor, self._host, self._tty = _clean(actor), _clean(host), _clean(tty)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        clock: Callable[[], datetime],
        actor: str | None = None,
        host: str | None = None,
        tty: str | None = None,
        busy: timedelta = BUSY,
    ) -> Journal:
        """The journal in that file, made (0600, its folder 0700) where there is none.

        actor, host, tty: written into every event; by default the login behind sudo, this host, this terminal.
        busy: how long to wait for another process's append.
        """
        database = Database(path, application=APPLICATION, version=FORMAT, schema=SCHEMA, synchronous="FULL", busy=busy)
        try:
            with database.reading() as connection:
                made = connection.execute("SELECT count(*) FROM journal").fetchone()[0] > 0
            if not made:
                with database.writing() as connection:
                    connection.execute(
                        "INSERT INTO journal (id, format, made_at)"
                        " SELECT ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM journal)",
                        (str(uuid.uuid4()), FORMAT, time_text(clock())),
                    )
        except BaseException:
            database.close()
            raise
        return cls(
            database,
            clock=clock,
            actor=login() if actor is None else actor,
            host=socket.gethostname() if host is None else host,
            tty=terminal() if tty is None else tty,
        )

    @property
    def path(self) -> Path:
        """The file."""
        return self._database.path

    def append(self, kind: str, subject: str, body: Mapping[str, Any]) -> Event:
        """Write a fact that no action waits for."""
        return self._write(kind, subject, Role.NOTE, None, body)

    def intend(self, kind: str, subject: str, body: Mapping[str, Any]) -> Event:
        """Write what is about to be done; it is on disk when this returns."""
        return self._write(kind, subject, Role.INTENT, None, body)

    def conclude(self, intent: Event, outcome: str, body: Mapping[str, Any]) -> Event:
        """Write what came of an intent; a second result of the same intent is refused."""
        return self._write(intent.kind, intent.subject, Role.RESULT, intent.seq, {**body, "outcome": outcome})

    def open_intents(self) -> tuple[Event, ...]:
        """Intents without a result, oldest first: each must be held against the world."""
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT {COLUMNS} FROM events AS intended WHERE role = 'intent'"
                " AND NOT EXISTS (SELECT 1 FROM events WHERE intent = intended.seq) ORDER BY seq"
            ).fetchall()
        return tuple(self._read(row) for row in rows)

    def events(self, after: int = 0, kinds: Collection[str] = ()) -> Iterator[Event]:
        """Events numbered above `after`, oldest first; of these kinds, or of all. Read page by page, as asked for."""
        wanted = tuple(kinds)
        only = f" AND kind IN ({', '.join('?' * len(wanted))})" if wanted else ""
        query = f"SELECT {COLUMNS} FROM events WHERE seq > ?{only} ORDER BY seq LIMIT {PAGE}"
        while True:
            with self._database.reading() as connection:
                rows = connection.execute(query, (after, *wanted)).fetchall()
            yield from (self._read(row) for row in rows)
            if len(rows) < PAGE:
                return
            after = rows[-1][0]

    def head(self) -> Head | None:
        """The newest event's place in the chain; None where there is no event yet."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1").fetchone()
        return None if row is None else Head(*row)

    def verify(self, known: Head | None = None) -> Verification:
        """Check every event. known: a head noted earlier, which must still be in the chain.

        Without signatures and without a known head, a chain that somebody rewrote as a whole looks sound.
        """
        # A connection of its own: verifying takes seconds in a long journal and must not hold up an append.
        with self._database.apart() as connection:
            return verify(connection, known)

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        self._database.close()

    def _write(self, kind: str, subject: str, role: Role, intent: int | None, body: Mapping[str, Any]) -> Event:
        try:
            text = canonical_body(body)
            at = time_text(self._clock())
        except (TypeError, ValueError) as error:
            raise JournalError(f"{self.path}: {kind} was not written: {error}") from error
        kind, subject = _clean(kind), _clean(subject)
        with self._database.writing() as connection:
            if intent is not None and connection.execute("SELECT 1 FROM events WHERE intent = ?", (intent,)).fetchone():
                raise JournalError(f"{self.path}: event {intent} ({kind}) has a result already; nothing was written")
            newest = connection.execute("SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1").fetchone()
            if newest is None:
                newest = (0, root_of(connection.execute("SELECT id FROM journal").fetchone()[0]))
            seq, previous = newest[0] + 1, newest[1]
            whole = (
                FORMAT,
                seq,
                at,
                self._actor,
                self._host,
                self._tty,
                kind,
                subject,
                role.value,
                intent,
                text,
                previous,
            )
            hashed = hash_of(*whole)
            connection.execute(
                f"INSERT INTO events (format, {COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*whole, hashed),
            )
        return self._read((*whole[1:], hashed))

    def _read(self, row: tuple[Any, ...]) -> Event:
        seq, at, actor, host, tty, kind, subject, role, intent, body, previous, hashed = row
        try:
            return Event(
                seq,
                read_time(at),
                actor,
                host,
                tty,
                kind,
                subject,
                Role(role),
                intent,
                json.loads(body),
                previous,
                hashed,
            )
        except (ValueError, TypeError) as error:
            raise JournalError(f"{self.path}: event {seq} cannot be read: {error}; verify the journal") from error


def login() -> str:
    """The person at the keyboard, as the system knows them: through sudo as well."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def terminal() -> str:
    """The terminal this process reads from; empty where it reads from none."""
    try:
        return os.ttyname(0)
    except OSError:
        return ""


def _clean(text: str) -> str:
    """Text that can be stored: what is no Unicode character becomes `?`."""
    return text.encode("utf-8", "replace").decode("utf-8")

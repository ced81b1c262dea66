"""SQLite as the journal and the samples use it: private files, one writer at a time, errors as sentences."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

BUSY = timedelta(seconds=5)


class JournalError(Exception):
    """A record could not be written or read; the message is one sentence with the path and what to do."""


class Database:
    """One SQLite file in WAL mode, usable from any thread. synchronous: `FULL` or `NORMAL`.

    application: the id in the file's header, by which another program's file is refused. version: of the schema;
    a file of a newer one is refused. schema: run once, in a file that is empty. Raises JournalError.
    """

    def __init__(
        self, path: Path, *, application: int, version: int, schema: str, synchronous: str, busy: timedelta = BUSY
    ) -> None:
        self.path = path
        self._busy = busy
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        try:
            _make_private(path)
        except OSError as error:
            raise JournalError(f"{path}: cannot be opened: {error.strerror}; make its folder yours to write") from None
        with self._sentences():
            self._connection = sqlite3.connect(
                path, timeout=busy.total_seconds(), isolation_level=None, check_same_thread=False
            )
        self._file = _identity(path)
        try:
            with self._sentences():
                self._prepare(application, version, schema, synchronous)
        except BaseException:
            self.close()
            raise

    @property
    def connection(self) -> sqlite3.Connection:
        if self._connection is None:
            raise JournalError(f"{self.path}: is closed; open it again")
        return self._connection

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, to read with."""
        with self._lock, self._sentences():
            yield self.connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The connection inside a transaction that is alone in writing; committed at the end, undone on an error."""
        with self._lock, self._sentences():
            connection = self.connection
            self._expect_in_place()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                # A full disk may have ended the transaction by itself.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def apart(self) -> Iterator[sqlite3.Connection]:
        """A second connection that only reads one state of the file and holds nobody up."""
        with self._sentences():
            connection = sqlite3.connect(self.path, timeout=self._busy.total_seconds(), isolation_level=None)
            try:
                connection.execute("PRAGMA query_only = ON")
                connection.execute("BEGIN")
                yield connection
            finally:
                connection.close()

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    def _prepare(self, application: int, version: int, schema: str, synchronous: str) -> None:
        connection = self.connection
        connection.execute(f"PRAGMA busy_timeout = {int(self._busy.total_seconds() * 1000)}")
        self._use_wal()
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        if self._is_new(application, version):
            with self.writing():
                # Two processes may have found it empty at once; the second one finds it made.
                if self._is_new(application, version):
                    for statement in _statements(schema):
                        connection.execute(statement)
                    connection.execute(f"PRAGMA application_id = {application}")
                    connection.execute(f"PRAGMA user_version = {version}")

    def _expect_in_place(self) -> None:
        """A file that was removed under us would take every write and keep none. Raises JournalError."""
        if _identity(self.path) != self._file:
            raise JournalError(
                f"{self.path}: was removed or replaced while it was open; nothing was written; start again"
            )

    def _use_wal(self) -> None:
        """Switch to WAL; two processes doing so at once get BUSY in spite of the busy timeout, so it is tried again."""
        deadline = time.monotonic() + self._busy.total_seconds()
        while self._pragma("journal_mode") != "wal":
            try:
                self.connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def _is_new(self, application: int, version: int) -> bool:
        """Whether the file is empty. Raises JournalError where it is another program's or a newer console's."""
        if self.connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
            return True
        if self._pragma("application_id") != application:
            raise JournalError(f"{self.path}: is another program's database; move it away")
        if int(str(self._pragma("user_version"))) > version:
            raise JournalError(f"{self.path}: was written by a newer hakgal-console; use that one")
        return False

    def _pragma(self, name: str) -> object:
        return self.connection.execute(f"PRAGMA {name}").fetchone()[0]

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        """Errors of SQLite as JournalErrors."""
        try:
            yield
        except sqlite3.Error as error:
            raise JournalError(f"{self.path}: {self._told(error)}") from error

    def _told(self, error: sqlite3.Error) -> str:
        match getattr(error, "sqlite_errorcode", 0) & 0xFF:
            case sqlite3.SQLITE_FULL:
                return "the disk is full, nothing was written; make room on it"
            case sqlite3.SQLITE_IOERR:
                return "the disk refused to write or read; look at its space, quota and health"
            case sqlite3.SQLITE_READONLY:
                return "cannot be written; chmod u+w it and its folder"
            case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
                return "cannot be opened; look at its permissions and its folder's"
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                seconds = self._busy.total_seconds()
                return f"another process has held it for {seconds:g} s; end that one, or try again"
            case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
                return "is damaged; copy it away for inspection, then put a sound copy in its place or start a new one"
            case sqlite3.SQLITE_CONSTRAINT:
                return f"refused: {error}"
        return f"{type(error).__name__}: {error}"


def _statements(script: str) -> Iterator[str]:
    """The statements of a script, triggers whole."""
    waiting = ""
    for line in script.splitlines():
        waiting += line + "\n"
        if sqlite3.complete_statement(waiting):
            yield waiting
            waiting = ""


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file stands at a path; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _make_private(path: Path) -> None:
    """Make the file, mode 0600, before SQLite does with a wider one; its companions take the mode from it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    for each in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        try:
            if each.stat().st_mode & 0o077:
                each.chmod(0o600)
        except (FileNotFoundError, PermissionError):
            # Not there yet, or somebody else's: whether it can be used, SQLite says.
            continue

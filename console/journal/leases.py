"""Who drives a rollout: a lease with an epoch that only grows. An older epoch may write nothing any more.

A lease is fresh while its holder renews it. Its age is counted by a clock that neither jumps nor stops with the wall's,
so a changed date frees nothing and keeps nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from console.journal.database import BUSY, Database
from console.journal.events import read_time, time_text

APPLICATION = 0x48414B4C
VERSION = 1
FRESH = timedelta(seconds=10)

SCHEMA = """
CREATE TABLE leases (
  rollout TEXT PRIMARY KEY,
  epoch INTEGER NOT NULL,
  holder TEXT NOT NULL,
  process TEXT NOT NULL,
  renewed_at TEXT NOT NULL,
  boot TEXT NOT NULL,
  ticks REAL NOT NULL
) WITHOUT ROWID;
CREATE TRIGGER epochs_grow BEFORE UPDATE OF epoch ON leases WHEN NEW.epoch < OLD.epoch
  BEGIN SELECT RAISE(ABORT, 'an epoch only grows'); END;
"""


@dataclass(frozen=True, slots=True)
class Lease:
    """Who drives. holder: in words, `watcher on bastion (pid 4711)`, empty where it was given up. process: its mark.

    age: since it was last renewed; None where the machine has been started anew since.
    """

    rollout: str
    epoch: int
    holder: str
    process: str
    renewed_at: datetime
    age: timedelta | None

    @property
    def fresh(self) -> bool:
        """Whether its holder gave a sign of life of late."""
        return bool(self.holder) and self.age is not None and self.age <= FRESH


class LeaseHeld(Exception):
    """Somebody else drives; `lease` says who."""

    def __init__(self, lease: Lease) -> None:
        super().__init__(f"{lease.holder} drives {lease.rollout} (epoch {lease.epoch})")
        self.lease = lease


class Leases:
    """The leases of one system. Usable from any thread; several processes may use one file. Raises JournalError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, path: Path, *, busy: timedelta = BUSY) -> Leases:
        """The leases in that file, made (0600) where there is none."""
        return cls(
            Database(path, application=APPLICATION, version=VERSION, schema=SCHEMA, synchronous="FULL", busy=busy)
        )

    def current(self, rollout: str) -> Lease | None:
        """The lease of a rollout; None before the first one."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT rollout, epoch, holder, process, renewed_at, boot, ticks FROM leases WHERE rollout = ?",
                (rollout,),
            ).fetchone()
        return None if row is None else _lease(*row)

    def acquire(self, rollout: str, holder: str, process: str, *, lives: Callable[[str], bool]) -> Lease:
        """Take a lease that nobody holds: none yet, given up, not fresh, or of a process that is gone. Its epoch is one
        more than the last. Raises LeaseHeld.

        lives: whether the process of a mark still runs here.
        """
        with self._database.writing():
            held = self.current(rollout)
            if held is not None and held.fresh and held.process != process and lives(held.process):
                raise LeaseHeld(held)
            return self._put(rollout, held.epoch + 1 if held else 1, holder, process)

    def take_over(self, rollout: str, holder: str, process: str) -> Lease:
        """Take a lease whoever holds it; the other one's epoch is over."""
        with self._database.writing():
            held = self.current(rollout)
            return self._put(rollout, held.epoch + 1 if held else 1, holder, process)

    def renew(self, lease: Lease) -> bool:
        """Say that its holder still drives; False where the epoch is over."""
        with self._database.writing() as connection:
            boot, ticks = _ticks()
            changed = connection.execute(
                "UPDATE leases SET renewed_at = ?, boot = ?, ticks = ? WHERE rollout = ? AND epoch = ? AND process = ?",
                (time_text(datetime.now(UTC)), boot, ticks, lease.rollout, lease.epoch, lease.process),
            ).rowcount
        return changed == 1

    def holds(self, lease: Lease) -> bool:
        """Whether the epoch of this lease is still the newest."""
        held = self.current(lease.rollout)
        return held is not None and (held.epoch, held.process) == (lease.epoch, lease.process)

    def give_up(self, lease: Lease) -> None:
        """Let somebody else take it at once; the epoch stays used."""
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE leases SET holder = '' WHERE rollout = ? AND epoch = ? AND process = ?",
                (lease.rollout, lease.epoch, lease.process),
            )

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        self._database.close()

    def _put(self, rollout: str, epoch: int, holder: str, process: str) -> Lease:
        boot, ticks = _ticks()
        now = time_text(datetime.now(UTC))
        with self._database.reading() as connection:
            connection.execute(
                "INSERT INTO leases (rollout, epoch, holder, process, renewed_at, boot, ticks)"
                " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (rollout) DO UPDATE SET epoch = excluded.epoch,"
                " holder = excluded.holder, process = excluded.process, renewed_at = excluded.renewed_at,"
                " boot = excluded.boot, ticks = excluded.ticks",
                (rollout, epoch, holder, process, now, boot, ticks),
            )
        return _lease(rollout, epoch, holder, process, now, boot, ticks)


def _lease(rollout: str, epoch: int, holder: str, process: str, renewed_at: str, boot: str, ticks: float) -> Lease:
    here, now = _ticks()
    age = timedelta(seconds=max(0.0, now - ticks)) if boot == here else None
    return Lease(rollout, epoch, holder, process, read_time(renewed_at), age)


def _ticks() -> tuple[str, float]:
    """The running start of the machine, and the seconds since by a clock that counts sleep and never jumps."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        boot = "this"
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return boot, time.clock_gettime(clock)

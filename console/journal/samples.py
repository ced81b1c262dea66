"""Samples that outlive the process, so that a condition's window is there again after a restart."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from console.core.verdicts import Sample
from console.journal.database import BUSY, Database

APPLICATION = 0x48414B53
VERSION = 1
MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# at: microseconds since the epoch, so that a time comes back as it went in. A value that is NULL is NaN.
SCHEMA = """
CREATE TABLE metrics (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) ;
CREATE TABLE samples (
  metric INTEGER NOT NULL REFERENCES metrics (id),
  at INTEGER NOT NULL,
  value REAL,
  PRIMARY KEY (metric, at)
) WITHOUT ROWID;
CREATE INDEX samples_by_age ON samples (at);
"""


class SampleStore:
    """The samples of one environment's metrics. Usable from any thread. Every method raises JournalError.

    A killed process loses nothing that `add` returned for; a machine that loses power may lose the last seconds.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ids: dict[str, int] = {}

    @classmethod
    def open(cls, path: Path, *, busy: timedelta = BUSY) -> SampleStore:
        """The store in that file, made (0600, its folder 0700) where there is none."""
        return cls(
            Database(path, application=APPLICATION, version=VERSION, schema=SCHEMA, synchronous="NORMAL", busy=busy)
        )

    def add(self, metric: str, samples: Iterable[Sample]) -> None:
        """Keep samples of one metric; one at a time that is there already takes its place."""
        self.add_all({metric: samples})

    def add_all(self, samples: Mapping[str, Iterable[Sample]]) -> None:
        """Keep samples of several metrics in one write: all of them or none."""
        batch = {name: tuple(each) for name, each in samples.items()}
        if not any(batch.values()):
            return
        known = dict(self._ids)
        with self._database.writing() as connection:
            for name in batch:
                if name not in known:
                    connection.execute("INSERT OR IGNORE INTO metrics (name) VALUES (?)", (name,))
                    known[name] = connection.execute("SELECT id FROM metrics WHERE name = ?", (name,)).fetchone()[0]
            rows = [
                (known[name], _key(sample.at), None if math.isnan(sample.value) else float(sample.value))
                for name, each in batch.items()
                for sample in each
            ]
            connection.executemany("INSERT OR REPLACE INTO samples (metric, at, value) VALUES (?, ?, ?)", rows)
        # Only now: an id of a write that was undone would point nowhere.
        self._ids = known

    def window(self, metric: str, start: datetime, end: datetime) -> tuple[Sample, ...]:
        """The samples from `start` to `end`, both included, oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT at, value FROM samples WHERE metric = (SELECT id FROM metrics WHERE name = ?)"
                " AND at BETWEEN ? AND ? ORDER BY at",
                (metric, _key(start), _key(end)),
            ).fetchall()
        return tuple(Sample(EPOCH + at * MICROSECOND, math.nan if value is None else value) for at, value in rows)

    def newest_before(self, metric: str, at: datetime) -> Sample | None:
        """The newest sample before `at` that is a number; None where there is none."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT at, value FROM samples WHERE metric = (SELECT id FROM metrics WHERE name = ?)"
                " AND at < ? AND value IS NOT NULL ORDER BY at DESC LIMIT 1",
                (metric, _key(at)),
            ).fetchone()
        return None if row is None else Sample(EPOCH + row[0] * MICROSECOND, row[1])

    def forget(self, before: datetime) -> int:
        """Drop what is older; returns how many samples."""
        with self._database.writing() as connection:
            return connection.execute("DELETE FROM samples WHERE at < ?", (_key(before),)).rowcount

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        self._database.close()


def _key(at: datetime) -> int:
    """Whole microseconds since the epoch. Raises ValueError for a time without a zone."""
    if at.tzinfo is None:
        raise ValueError("a sample's time has no zone")
    return (at - EPOCH) // MICROSECOND

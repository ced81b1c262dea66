"""Verdicts: a pure function of a condition, its samples and the time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum


class Verdict(Enum):
    """PASS: the condition holds. FAIL: it does not. PENDING: true, but not yet for as long as it asks."""

    PASS = "pass"
    FAIL = "fail"
    PENDING = "pending"
    NODATA = "no data"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Sample:
    """One point on the grid. value: in the unit's base (ratio, seconds, bytes, count, per second); NaN satisfies
    nothing.
    """

    at: datetime
    value: float


@dataclass(frozen=True, slots=True)
class Series:
    """A metric's samples on its epoch-aligned grid, oldest first; a grid point without a sample is missing.

    error: why the newest query failed, else None. partial: the newest answer is incomplete; note: in what way.
    """

    step: timedelta
    samples: tuple[Sample, ...] = ()
    error: str | None = None
    partial: bool = False
    note: str = ""

"""What judging a condition gives."""

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


class Mark(Enum):
    """One grid point of a strip. ERROR: it is missing, and its source reports a failure."""

    TRUE = "true"
    FALSE = "false"
    MISSING = "missing"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A verdict and what it rests on. It changes only when a grid point comes in or the source's state changes.

    value: the number compared, in the metric's base unit: the newest sample, or with `over` the mean; None where there
    is none. since: the grid point at which the truth that PASS or PENDING speaks of began, as far back as was looked,
    else None. true_for: from there to the newest point, or with `over` and `stable` how much of the span was seen.
    needed: how long it must last; zero where one point is enough. known: the share of the window's points that have
    samples. strip: the newest grid points, oldest first. detail: a sentence for NODATA, ERROR and PENDING, else empty;
    its times are absolute, so that it does not tick.
    """

    verdict: Verdict
    value: float | None = None
    since: datetime | None = None
    true_for: timedelta = timedelta(0)
    needed: timedelta = timedelta(0)
    known: float = 0.0
    strip: tuple[Mark, ...] = ()
    detail: str = ""

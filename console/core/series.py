"""Samples on an epoch-aligned grid, and how raw samples come to lie on it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# How old a sample an instant query still takes: Prometheus 2 counts one of exactly five minutes, Prometheus 3 does not.
LOOKBACK_2 = timedelta(minutes=5)
LOOKBACK_3 = timedelta(minutes=5) - timedelta(milliseconds=1)


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
    end: the newest grid point that the source was asked for and answered, with a sample or without one. Where it is
    None, the newest sample is taken for the end while it is fresh, and after that the grid up to now is missing.
    """

    step: timedelta
    samples: tuple[Sample, ...] = ()
    error: str | None = None
    partial: bool = False
    note: str = ""
    end: datetime | None = None


def grid_point(at: datetime, step: timedelta) -> datetime:
    """The newest point of the grid that is not after `at`."""
    return EPOCH + (at - EPOCH) // step * step


def instant_grid(
    samples: Sequence[Sample],
    stale: Iterable[datetime],
    start: datetime,
    end: datetime,
    step: timedelta,
    lookback: timedelta = LOOKBACK_2,
) -> Series:
    """What an instant query of Prometheus gives at every grid point from `start` to `end`, both included.

    samples: raw, oldest first, on no grid; NaN is a value like any other. stale: when the series was marked stale. A
    point takes the newest of them that is not after it; there is no sample where that is a stale marker or older than
    `lookback`. With a `lookback` just under one step each sample counts for one point only, which is how the console's
    own readings are to be put on a grid.
    """
    raw = sorted(
        [(sample.at, sample.value) for sample in samples] + [(at, None) for at in stale], key=lambda one: one[0]
    )
    on_grid: list[Sample] = []
    point = grid_point(start, step)
    point += step if point < start else timedelta(0)
    newest = -1
    last = grid_point(end, step)
    while point <= last:
        while newest + 1 < len(raw) and raw[newest + 1][0] <= point:
            newest += 1
        if newest >= 0:
            at, value = raw[newest]
            if value is not None and point - at <= lookback:
                on_grid.append(Sample(point, value))
        point += step
    return Series(step, tuple(on_grid), end=last)

"""How a number moves: its history in even steps, its pace by a robust fit, and when it reaches its limit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from console.core.picture import Trend
from console.core.series import EPOCH, Sample

LEAST_KNOWN = 5
"""Fewer points of the history than this give no pace."""

FARTHEST = timedelta(days=365)
"""A limit farther away than this is not worth naming."""

_SURE = 1.96  # standard deviations: Kendall's test at 95 %


def trend(samples: Sequence[Sample], now: datetime, window: timedelta, points: int, limit: float | None) -> Trend:
    """The trend of `samples` (oldest first, on any grid) over the `window` up to `now`.

    history: `points` values, each the last number seen in one of as many even, epoch-aligned parts of the window, so
    that equal samples give an equal trend between two parts. change: newest less oldest, where both ends of the window
    are known (each within a fifth of it). per_hour: Theil and Sen's slope (one wild value in four does not move it),
    relative to the median. full_in: time to `limit` at that pace, only where the growth is told from noise; zero at the
    limit. NaN and infinity are unknown. Half of the history, and at least five points, must be known for a pace.
    """
    if points < 2 or window <= timedelta(0):
        raise ValueError(f"a trend needs a window and two points, not {window} and {points}")
    part = window / points
    last = (now - EPOCH) // part
    history: list[float | None] = [None] * points
    for sample in reversed(samples):
        if sample.at > now:
            continue
        back = last - (sample.at - EPOCH) // part
        if back >= points:
            break
        if history[points - 1 - back] is None and math.isfinite(sample.value):
            history[points - 1 - back] = sample.value
    known = [(place, value) for place, value in enumerate(history) if value is not None]
    change = _change(known, points)
    if len(known) < max(LEAST_KNOWN, points / 2):
        return Trend(tuple(history), window, change)
    slope, sure = _slope(known)
    an_hour = slope * (timedelta(hours=1) / part)
    level = abs(_median([value for _, value in known]))
    per_hour = an_hour / level if level else (0.0 if an_hour == 0 else None)
    return Trend(tuple(history), window, change, per_hour, _full_in(known[-1][1], an_hour, limit, sure=sure))


def _median(values: list[float]) -> float:
    """The middle value; the statistics module costs more to import than a first paint has to spare."""
    ordered, middle = sorted(values), len(values) // 2
    return ordered[middle] if len(values) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _change(known: list[tuple[int, float]], points: int) -> float | None:
    """Newest less oldest, where each is known within a fifth of the window from its end."""
    if len(known) < 2:
        return None
    (first, oldest), (last, newest) = known[0], known[-1]
    reach = points / 5
    return newest - oldest if first < max(1, reach) and points - 1 - last < max(1, reach) else None


def _slope(known: list[tuple[int, float]]) -> tuple[float, bool]:
    """The median of the slopes between all pairs, per part, and whether Kendall's test tells it from noise."""
    slopes = [
        (later - earlier) / (end - start)
        for place, (start, earlier) in enumerate(known)
        for end, later in known[place + 1 :]
    ]
    rising, falling = sum(slope > 0 for slope in slopes), sum(slope < 0 for slope in slopes)
    count = len(known)
    deviation = math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    return _median(slopes), abs(rising - falling) - 1 > _SURE * deviation


def _full_in(value: float, an_hour: float, limit: float | None, *, sure: bool) -> timedelta | None:
    if limit is None:
        return None
    if value >= limit:
        return timedelta(0)
    if not sure or an_hour <= 0:
        return None
    hours = (limit - value) / an_hour
    return timedelta(hours=hours) if hours <= FARTHEST / timedelta(hours=1) else None

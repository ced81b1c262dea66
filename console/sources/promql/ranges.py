"""Functions over a range of one series' samples: rate and its kin, and the *_over_time family."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from operator import lt

from console.sources.promql import numbers
from console.sources.promql.dialect import Dialect


@dataclass(frozen=True, slots=True)
class Window:
    """What a range function sees of one series.

    start, end: the range's ends in ms. times, values: at least one sample. share: the parameter of a quantile.
    """

    start: int
    end: int
    times: list[int]
    values: list[float]
    dialect: Dialect
    share: float = 0.0


RangeFunction = Callable[[Window], float | None]
"""None: the series gives no point."""


def _corrected(values: list[float]) -> float:
    """How much a counter grew: every drop is a restart from zero."""
    growth = values[-1] - values[0]
    if any(map(lt, values[1:], values)):
        for before, after in pairwise(values):
            if after < before:
                growth += before
    return growth


def _extrapolated(window: Window, growth: float, *, counter: bool) -> float:
    """By what factor growth over the sampled part is stretched towards the range's ends.

    Source: Prometheus's extrapolatedRate.
    """
    times, first = window.times, window.values[0]
    sampled = (times[-1] - times[0]) / 1000
    to_start = (times[0] - window.start) / 1000
    to_end = (window.end - times[-1]) / 1000
    distance = sampled / (len(times) - 1)
    close = distance * 1.1
    if window.dialect.limited_zero_point and to_start >= close:
        to_start = distance / 2
    if counter and growth > 0 and first >= 0:
        to_start = min(to_start, sampled * (first / growth))
    covered = sampled
    covered += to_start if to_start < close else distance / 2
    covered += to_end if to_end < close else distance / 2
    return covered / sampled


def _increase(window: Window) -> float | None:
    if len(window.times) < 2:
        return None
    growth = _corrected(window.values)
    return growth * _extrapolated(window, growth, counter=True)


def _rate(window: Window) -> float | None:
    if len(window.times) < 2:
        return None
    growth = _corrected(window.values)
    return growth * (_extrapolated(window, growth, counter=True) / ((window.end - window.start) / 1000))


def _delta(window: Window) -> float | None:
    if len(window.times) < 2:
        return None
    growth = window.values[-1] - window.values[0]
    return growth * _extrapolated(window, growth, counter=False)


def _irate(window: Window) -> float | None:
    if len(window.times) < 2:
        return None
    before, last = window.values[-2:]
    growth = last if last < before else last - before
    return growth / ((window.times[-1] - window.times[-2]) / 1000)


def _idelta(window: Window) -> float | None:
    return window.values[-1] - window.values[-2] if len(window.times) > 1 else None


def _resets(window: Window) -> float | None:
    return float(sum(map(lt, window.values[1:], window.values)))


def _changes(window: Window) -> float | None:
    pairs = pairwise(window.values)
    return float(sum(1 for before, after in pairs if before != after and not (before != before and after != after)))


def _largest(window: Window) -> float | None:
    known = [value for value in window.values if value == value]
    return max(known) if known else math.nan


def _smallest(window: Window) -> float | None:
    known = [value for value in window.values if value == value]
    return min(known) if known else math.nan


RANGE_FUNCTIONS: dict[str, RangeFunction] = {
    "rate": _rate,
    "increase": _increase,
    "delta": _delta,
    "irate": _irate,
    "idelta": _idelta,
    "resets": _resets,
    "changes": _changes,
    "avg_over_time": lambda window: numbers.mean(window.values),
    "sum_over_time": lambda window: numbers.total(window.values),
    "min_over_time": _smallest,
    "max_over_time": _largest,
    "count_over_time": lambda window: float(len(window.values)),
    "last_over_time": lambda window: window.values[-1],
    "present_over_time": lambda window: 1.0,
    "stddev_over_time": lambda window: numbers.root(numbers.variance(window.values)),
    "stdvar_over_time": lambda window: numbers.variance(window.values),
    "quantile_over_time": lambda window: numbers.quantile(window.share, window.values),
}

KEEPS_NAME = frozenset({"last_over_time"})

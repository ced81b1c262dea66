"""Aggregations over an instant vector, by and without labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from console.sources.promql import numbers
from console.sources.promql.instants import Point
from console.sources.promql.labels import Labels, keep, leave_out


def _largest(values: Sequence[float]) -> float:
    return max((value for value in values if value == value), default=math.nan)


def _smallest(values: Sequence[float]) -> float:
    return min((value for value in values if value == value), default=math.nan)


AGGREGATIONS: dict[str, Callable[[Sequence[float]], float]] = {
    "sum": numbers.total,
    "avg": numbers.mean,
    "min": _smallest,
    "max": _largest,
    "count": lambda values: float(len(values)),
    "group": lambda values: 1.0,
    "stddev": lambda values: numbers.root(numbers.variance(values)),
    "stdvar": numbers.variance,
}
QUANTILE = "quantile"


@dataclass(frozen=True, slots=True)
class Grouping:
    """Which labels a group keeps: those of `by`, or all but those of `without`."""

    by: bool
    names: frozenset[str]

    def key(self, labels: Labels) -> Labels:
        """The labels of the group that a series falls into."""
        return keep(labels, self.names) if self.by else leave_out(labels, self.names)


def aggregate(vector: Sequence[Point], grouping: Grouping, combine: Callable[[Sequence[float]], float]) -> list[Point]:
    """One point per group; nothing of nothing."""
    if grouping.by and not grouping.names:
        return [((), combine([value for _, value in vector]))] if vector else []
    groups: dict[Labels, list[float]] = {}
    key = grouping.key
    for labels, value in vector:
        groups.setdefault(key(labels), []).append(value)
    return [(labels, combine(values)) for labels, values in groups.items()]

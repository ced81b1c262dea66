"""Functions over instant vectors: one value at a time, and histogram_quantile over the buckets of one histogram."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from console.sources.promql import numbers
from console.sources.promql.labels import BUCKET, Labels, leave_out

Point = tuple[Labels, float]


def _logarithm(base: Callable[[float], float]) -> Callable[[float], float]:
    def of(value: float) -> float:
        if value > 0:
            return base(value)
        return -math.inf if value == 0 else math.nan

    return of


def _exponential(value: float) -> float:
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf


def _sign(value: float) -> float:
    return math.copysign(1.0, value) if value == value and value != 0 else value


INSTANT_FUNCTIONS: dict[str, Callable[[float], float]] = {
    "abs": abs,
    "ceil": numbers.ceil,
    "floor": numbers.floor,
    "sqrt": numbers.root,
    "exp": _exponential,
    "ln": _logarithm(math.log),
    "log2": _logarithm(math.log2),
    "log10": _logarithm(math.log10),
    "sgn": _sign,
}


def round_to(value: float, nearest: float) -> float:
    """Rounded to a multiple of `nearest`, halves upwards."""
    inverse = numbers.divide(1.0, nearest)
    return numbers.divide(numbers.floor(value * inverse + 0.5), inverse)


def clamp(value: float, low: float, high: float) -> float:
    """Held within [low, high]."""
    return numbers.larger(low, numbers.smaller(high, value))


def _bound(text: str | None) -> float | None:
    """A bucket's upper bound as Go's ParseFloat reads it."""
    if not text or "_" in text or text != text.strip():
        return None
    try:
        return float.fromhex(text) if "0x" in text.lower() else float(text)
    except (ValueError, OverflowError):
        return None


def histogram_quantile(share: float, vector: Iterable[Point]) -> list[Point]:
    """The share-quantile of every classic histogram in the vector; series without a readable `le` are left out."""
    histograms: dict[Labels, list[tuple[float, float]]] = {}
    for labels, value in vector:
        bound = _bound(next((text for label, text in labels if label == BUCKET), None))
        if bound is not None:
            histograms.setdefault(leave_out(labels, (BUCKET,)), []).append((bound, value))
    return [(labels, _bucket_quantile(share, buckets)) for labels, buckets in histograms.items()]


def _bucket_quantile(share: float, buckets: list[tuple[float, float]]) -> float:
    """Source: Prometheus's bucketQuantile; buckets are (upper bound, cumulative count) in any order."""
    if share != share:
        return math.nan
    if share < 0:
        return -math.inf
    if share > 1:
        return math.inf
    bounds, counts = _monotonic(buckets)
    if bounds[-1] != math.inf or len(bounds) < 2 or counts[-1] == 0:
        return math.nan
    rank = share * counts[-1]
    found, high = 0, len(bounds) - 1
    while found < high:
        middle = (found + high) // 2
        if counts[middle] >= rank:
            high = middle
        else:
            found = middle + 1
    if found == len(bounds) - 1:
        return bounds[-2]
    if found == 0:
        if bounds[0] <= 0:
            return bounds[0]
        return bounds[0] * numbers.divide(rank, counts[0])
    below, within = bounds[found - 1], counts[found] - counts[found - 1]
    return below + (bounds[found] - below) * numbers.divide(rank - counts[found - 1], within)


def _monotonic(buckets: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """Sorted bounds with their counts: equal bounds added up, a count below its predecessor's raised to it."""
    bounds: list[float] = []
    counts: list[float] = []
    for bound, count in sorted(buckets, key=lambda bucket: bucket[0]):
        if bounds and bounds[-1] == bound:
            counts[-1] += count
        else:
            bounds.append(bound)
            counts.append(count)
    highest = counts[0]
    for index in range(1, len(counts)):
        if counts[index] > highest:
            highest = counts[index]
        elif counts[index] < highest:
            counts[index] = highest
    return bounds, counts

"""Floating point as Go does it: no exception where Python raises one, and compensated sums."""

from __future__ import annotations

import math
from collections.abc import Sequence

NAN = math.nan


def divide(left: float, right: float) -> float:
    """IEEE division: by zero gives an infinity or NaN."""
    if right != 0:
        return left / right
    if left == 0 or left != left:
        return NAN
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def remainder(left: float, right: float) -> float:
    """The remainder with the dividend's sign."""
    try:
        return math.fmod(left, right)
    except ValueError:
        return NAN


def power(left: float, right: float) -> float:
    """left to the power of right."""
    try:
        return math.pow(left, right)
    except OverflowError:
        odd = right == math.trunc(right) and math.fmod(right, 2) != 0
        return -math.inf if left < 0 and odd else math.inf
    except ValueError:
        if left == 0:
            odd = right == math.trunc(right) and math.fmod(right, 2) != 0
            return math.copysign(math.inf, left) if odd else math.inf
        return NAN


def floor(value: float) -> float:
    """Rounded down; infinities and NaN stay."""
    return float(math.floor(value)) if math.isfinite(value) else value


def ceil(value: float) -> float:
    """Rounded up; infinities and NaN stay."""
    return float(math.ceil(value)) if math.isfinite(value) else value


def larger(left: float, right: float) -> float:
    """The larger one; NaN where either is NaN, unless the other is +Inf."""
    if math.inf in (left, right):
        return math.inf
    return NAN if left != left or right != right else max(left, right)


def smaller(left: float, right: float) -> float:
    """The smaller one; NaN where either is NaN, unless the other is -Inf."""
    if -math.inf in (left, right):
        return -math.inf
    return NAN if left != left or right != right else min(left, right)


def total(values: Sequence[float]) -> float:
    """The sum, compensated for rounding."""
    plain = sum(values)
    if not math.isfinite(plain):
        return plain
    return math.fsum(values)


def mean(values: Sequence[float]) -> float:
    """The average; no overflow where the average itself is finite."""
    plain = total(values)
    if math.isfinite(plain) or any(not math.isfinite(value) for value in values):
        return plain / len(values)
    return math.fsum(value / len(values) for value in values)


def variance(values: Sequence[float]) -> float:
    """The population variance."""
    middle = mean(values)
    return total([(value - middle) * (value - middle) for value in values]) / len(values)


def quantile(share: float, values: Sequence[float]) -> float:
    """The share-quantile by linear interpolation; NaN sorts below everything."""
    if not values or share != share:
        return NAN
    if share < 0:
        return -math.inf
    if share > 1:
        return math.inf
    ordered = sorted(values, key=lambda value: (value == value, value if value == value else 0.0))
    rank = share * (len(ordered) - 1)
    low = max(0, math.floor(rank))
    high = min(len(ordered) - 1, low + 1)
    weight = rank - math.floor(rank)
    return ordered[low] * (1 - weight) + ordered[high] * weight


def root(value: float) -> float:
    """The square root; NaN of what has none."""
    return math.sqrt(value) if value >= 0 else NAN

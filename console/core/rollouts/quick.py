"""Conditions of a practice world whose time runs faster: their spans shrink, but never below what samples can tell."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from console.core.terms import Average, Comparison, Condition, FailedChecks, Freshness, Stability

FEWEST_POINTS = 2


def quickened(condition: Condition, speed: float, step: timedelta) -> Condition:
    """The condition with every span divided by `speed`, at least two grid points long. step: the metric's grid."""
    if speed <= 1:
        return condition

    def shrunk(span: timedelta) -> timedelta:
        return min(span, max(span / speed, step * FEWEST_POINTS))

    test = condition.test
    match test:
        case Comparison():
            test = replace(test, lasting=shrunk(test.lasting))
        case Average() | Stability():
            test = replace(test, span=shrunk(test.span))
        case Freshness():
            test = replace(test, within=shrunk(test.within))
        case FailedChecks():
            pass
    return replace(condition, test=test)

"""Verdicts on a whole window: `over D`, and `stable within P over D`.

The window is the D/step newest points of the grid, the newest included (half-open: the point exactly D ago is out). At
least 80 % of them must be known, whatever their order, and the newest one too; the known ones are judged together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from console.core.evaluation import Evaluation, Verdict
from console.core.terms import SAME, Average, Condition, Stability
from console.core.units import Dimension, spell
from console.core.view import View, clock, enough, missing, predicate, strip, too_few


def average(condition: Condition, test: Average, view: View, count: int) -> Evaluation:
    """Judge `over D`: the mean of the window's known samples is compared."""
    holds = predicate(test.operator, test.threshold.base)
    return _judge(condition, test, view, count, mean, lambda values: holds(mean(values)), holds)


def stability(condition: Condition, test: Stability, view: View, count: int) -> Evaluation:
    """Judge `stable within P over D`: the largest less the smallest known sample is at most P."""
    relative = test.within.unit.dimension is Dimension.RATIO

    def bound(values: Sequence[float]) -> float:
        return test.within.base * (abs(mean(values)) if relative else 1.0) * (1 + SAME)

    def stable(values: Sequence[float]) -> bool:
        return all(map(math.isfinite, values)) and max(values) - min(values) <= bound(values)

    known = [value for value in view.points[:count] if value is not None]
    centre, reach = (mean(known), bound(known)) if known else (math.nan, 0.0)
    return _judge(
        condition, test, view, count, lambda values: values[0], stable, lambda value: abs(value - centre) <= reach
    )


def _judge(
    condition: Condition,
    test: Average | Stability,
    view: View,
    count: int,
    shown: Callable[[Sequence[float]], float],
    holds: Callable[[Sequence[float]], bool],
    mark: Callable[[float], bool],
) -> Evaluation:
    """The verdict on the newest `count` points. shown: the value to report; holds: on the known values."""
    values = [value for value in view.points[:count] if value is not None]
    known, marks = len(values) / count, strip(view, mark)
    if view.newest is None:
        value = values[0] if values else None
        return Evaluation(
            Verdict.NODATA, value, needed=test.span, known=known, strip=marks, detail=missing(condition, view)
        )
    observed = min(test.span, view.series.step * len(values))
    if not enough(len(values), count):
        young = count if view.cut is None else min(count, (view.end - view.cut) // view.series.step + 1)
        if young < count and enough(len(values), young):
            assert view.cut is not None
            detail = f"this phase is observed since {clock(view.cut, view.end)}, and {spell(test.span)} are needed"
            return Evaluation(Verdict.PENDING, shown(values), view.cut, observed, test.span, known, marks, detail)
        detail = too_few(condition, len(values), count, test.span, view)
        return Evaluation(Verdict.NODATA, values[0], needed=test.span, known=known, strip=marks, detail=detail)
    if holds(values):
        return Evaluation(Verdict.PASS, shown(values), view.end, observed, test.span, known, marks)
    return Evaluation(Verdict.FAIL, shown(values), needed=test.span, known=known, strip=marks)


def mean(values: Sequence[float]) -> float:
    """The mean, NaN where any of them is; the same whatever the order."""
    plain = sum(values)
    return (math.fsum(values) if math.isfinite(plain) else plain) / len(values)

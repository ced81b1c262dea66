"""Verdicts: a pure function of a condition, its samples and the time.

`X > T for D` passes only where the newest point of the grid is fresh and true, the truth reaches back D (the point at
which it began is a true one, and no point since is false), and at least 80 % of the points of the last D are known. The
points of the last D go from the last one at or before `newest - D` to the newest, as for Prometheus's `for:`.
NaN satisfies nothing, so it is false. What a missing point does is the condition's `on_gap`:

- hold: it is neither true nor false; but the newest point must be there, else the verdict is NODATA. Where the point at
  `newest - D` is missing, a true point at most a fifth of D older (or one step) stands for it.
- reset: it ends the truth. With it, PASS is Prometheus's firing, PENDING its pending, and all else its inactive.
- trip: it is true, once a number was seen and as long as the source answers; the 80 % are not asked for. A source that
  fails, warns or hangs never trips anything.

Points below the condition's floor are never true: with hold and trip they are held, with reset they reset.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from console.core.evaluation import Evaluation, Mark, Verdict
from console.core.series import LOOKBACK_2, LOOKBACK_3, Sample, Series, grid_point, instant_grid
from console.core.stability import average, stability
from console.core.terms import (
    BRIDGED,
    Average,
    Comparison,
    Condition,
    FailedChecks,
    Freshness,
    OnGap,
    Operator,
    Stability,
)
from console.core.units import spell
from console.core.view import STRIP, View, clock, enough, look, missing, predicate, refusal, steps, strip, too_few

__all__ = [
    "LOOKBACK_2",
    "LOOKBACK_3",
    "STRIP",
    "Evaluation",
    "Mark",
    "Sample",
    "Series",
    "Verdict",
    "evaluate",
    "grid_point",
    "instant_grid",
]

LOOK_BACK = 120
"""How many samples before those of the view are looked at to say since when a truth lasts."""


def evaluate(
    condition: Condition,
    series: Series,
    now: datetime,
    *,
    began: datetime | None = None,
    longest_range: timedelta = timedelta(0),
    floor: Series | None = None,
) -> Evaluation:
    """Judge a condition on its metric's samples at `now`.

    began, longest_range: points before `began + longest_range` (the phase's start, and the longest range its query
    looks back) do not count. floor: the samples of the condition's floor metric; without them nothing reaches it.
    """
    test, step = condition.test, series.step
    cut = None if began is None else began + longest_range
    bridge = 0
    match test:
        case Comparison():
            window = steps(test.lasting, step) + 1
            bridge = max(1, steps(test.lasting * BRIDGED, step))
        case Average() | Stability():
            window = max(1, steps(test.span, step))
        case Freshness() | FailedChecks():
            window = 1
    view = look(series, now, max(window + bridge, STRIP), cut, condition.floor, floor)
    refused = refusal(condition, view, floor, now)
    match test:
        case Comparison():
            holds = predicate(test.operator, test.threshold.base)
            if refused is None:
                return _lasting(condition, test, view, window, bridge, holds)
        case Average():
            holds = predicate(test.operator, test.threshold.base)
            if refused is None:
                return average(condition, test, view, window)
        case Stability():
            holds = _is_number
            if refused is None:
                return stability(condition, test, view, window)
        case FailedChecks():
            holds = predicate(Operator.AT_LEAST, test.times)
            if refused is None:
                return _failing(condition, test, view, holds)
        case Freshness():
            holds = _is_number
            if refused is None:
                return _fresh(condition, test, view, now)
    verdict, detail = refused
    needed = timedelta(0) if isinstance(test, Freshness | FailedChecks) else condition.window
    return Evaluation(verdict, _last_value(view), needed=needed, strip=strip(view, holds), detail=detail)


def _is_number(value: float) -> bool:
    return value == value


def _lasting(
    condition: Condition, test: Comparison, view: View, window: int, bridge: int, holds: Callable[[float], bool]
) -> Evaluation:
    """Judge a comparison at each point, with or without `for`."""
    needed, nothing = test.lasting, timedelta(0)
    counted = window - view.points[:window].count(None)
    known, marks = counted / window, strip(view, holds)
    tripping = condition.on_gap is OnGap.TRIP
    if view.newest is None and (not tripping or 0 in view.quiet or not _a_number_was_seen(view)):
        detail = missing(condition, view)
        return Evaluation(Verdict.NODATA, _last_value(view), None, nothing, needed, known, marks, detail)
    if view.newest is not None and not holds(view.newest):
        return Evaluation(Verdict.FAIL, view.newest, None, nothing, needed, known, marks)
    since = _began(condition, view, holds, window - 1, bridge)
    true_for = view.end - since
    value = view.newest if view.newest is not None else _last_value(view)
    if true_for < needed:
        detail = f"true since {clock(since, view.end)}, not yet for {spell(needed)}"
        return Evaluation(Verdict.PENDING, value, since, true_for, needed, known, marks, detail)
    if not tripping and not enough(counted, window):
        detail = too_few(condition, counted, window, needed, view)
        return Evaluation(Verdict.NODATA, value, None, nothing, needed, known, marks, detail)
    return Evaluation(Verdict.PASS, value, since, true_for, needed, known, marks)


def _began(
    condition: Condition, view: View, holds: Callable[[float], bool], needed: int = 0, bridge: int = 0
) -> datetime:
    """The oldest true point of the truth that reaches to the newest point, which is true.

    needed: the steps it must last; a gap is bridged to a true point at most `bridge` steps farther.
    """
    on_gap, oldest = condition.on_gap, view.oldest
    began = 0
    for place, value in enumerate(view.points):
        if value is not None:
            if not holds(value) or (began < needed and place > needed + bridge):
                return view.at(began)
            began = place
        elif on_gap is OnGap.RESET:
            return view.at(began)
        elif on_gap is OnGap.TRIP and place not in view.quiet:
            if oldest is None or view.at(place) < oldest:
                return view.at(began)
            began = place
    if condition.floor is not None or began < needed:  # which of the older points reached the floor is not known
        return view.at(began)
    return _began_before(view, view.at(began), holds, on_gap)


def _a_number_was_seen(view: View) -> bool:
    """Whether any sample that counts is a number, so that a metric that never was one cannot trip by being missing."""
    if any(value is not None and value == value for value in view.points):
        return True
    older, cut = view.series.samples[: view.older + 1], view.cut
    return any(sample.value == sample.value for sample in older if cut is None or sample.at >= cut)


def _began_before(view: View, since: datetime, holds: Callable[[float], bool], on_gap: OnGap) -> datetime:
    """The same among the samples before those of the view, all of which were true."""
    samples, step, cut = view.series.samples, view.series.step, view.cut
    oldest, later = None, since
    for sample in samples[max(0, view.older + 1 - LOOK_BACK) : view.older + 1][::-1]:
        if (cut is not None and sample.at < cut) or not holds(sample.value):
            break
        if on_gap is OnGap.RESET and later - sample.at > step and grid_point(sample.at, step) < later - step:
            break
        oldest = later = sample.at
    return since if oldest is None else grid_point(oldest, step)


def _failing(condition: Condition, test: FailedChecks, view: View, holds: Callable[[float], bool]) -> Evaluation:
    """Judge `check fails N times` on its failures in a row."""
    failures, marks = view.newest, strip(view, holds)
    if failures is None:
        return Evaluation(Verdict.NODATA, _last_value(view), strip=marks, detail=missing(condition, view))
    if not failures >= 1:
        return Evaluation(Verdict.FAIL, failures, known=1.0, strip=marks)
    since = _began(condition, view, predicate(Operator.AT_LEAST, 1.0))
    if failures >= test.times:
        return Evaluation(Verdict.PASS, failures, since, view.end - since, known=1.0, strip=marks)
    times = f"{failures:.0f} time{'' if failures == 1 else 's'}"
    detail = f"{condition.metric} failed {times} in a row since {clock(since, view.end)}, of {test.times}"
    return Evaluation(Verdict.PENDING, failures, since, view.end - since, known=1.0, strip=marks, detail=detail)


def _fresh(condition: Condition, test: Freshness, view: View, now: datetime) -> Evaluation:
    """Judge `fresh within D`. A phase is blamed only when it has lasted D itself; older samples may speak for it."""
    samples = view.series.samples
    newest = next((sample for sample in reversed(samples) if sample.at <= now and _is_number(sample.value)), None)
    marks, known = strip(view, _is_number), float(view.newest is not None)
    if newest is None:
        detail = f"no sample of {condition.metric} that is a number was ever seen"
        return Evaluation(Verdict.NODATA, strip=marks, detail=detail)
    if now - newest.at <= test.within:
        return Evaluation(Verdict.PASS, newest.value, newest.at, known=known, strip=marks)
    if view.cut is not None and now - view.cut < test.within:
        detail = (
            f"the last sample is of {clock(newest.at, now)}, and this phase is observed since {clock(view.cut, now)}"
        )
        return Evaluation(Verdict.PENDING, newest.value, known=known, strip=marks, detail=detail)
    return Evaluation(Verdict.FAIL, newest.value, known=known, strip=marks)


def _last_value(view: View) -> float | None:
    """The newest sample's value."""
    return next((sample.value for sample in reversed(view.series.samples) if sample.at <= view.end), None)

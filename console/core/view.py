"""The stretch of a metric's grid that a condition may look at, and the reasons for which it may not judge at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from console.core.evaluation import Mark, Verdict
from console.core.series import EPOCH, Sample, Series, grid_point
from console.core.terms import SAME, Condition, Floor, Freshness, Operator
from console.core.units import spell

STRIP = 30
"""How many grid points a strip shows."""

SLOW_ANSWER = timedelta(seconds=5)
"""The newest point is fresh for two steps (one for the grid, one for the next poll) and this for a slow answer."""


@dataclass(frozen=True, slots=True)
class View:
    """The grid up to its newest point, as far back as is needed.

    points: values, newest first, None where missing, not to be counted, or below the floor. quiet: the places among
    them that are below the floor. cut: the oldest moment that counts. oldest: the first sample that counts, None where
    there is none. older: the index of the sample before those in `points`, -1 where there is none. late: nothing has
    been read for too long.
    """

    series: Series
    end: datetime
    points: list[float | None]
    quiet: frozenset[int]
    cut: datetime | None
    oldest: datetime | None
    older: int
    late: bool

    @property
    def newest(self) -> float | None:
        """The value at the newest point."""
        return self.points[0]

    def at(self, place: int) -> datetime:
        """The time of a place in `points`."""
        return self.end - self.series.step * place


def fresh_for(step: timedelta) -> timedelta:
    """How old the newest point of a grid may be."""
    return 2 * step + SLOW_ANSWER


def steps(span: timedelta, step: timedelta) -> int:
    """How many steps cover `span`."""
    return -(-span // step)


def look(
    series: Series, now: datetime, count: int, cut: datetime | None, floor: Floor | None, floor_series: Series | None
) -> View:
    """The newest `count` points of the grid that count. Samples after `now` are of no account."""
    samples, step = series.samples, series.step
    end, newest, late = _end(series, now)
    points: list[float | None] = [None] * count
    base = (end - EPOCH) // step
    place, back, later = newest, -1, end + step
    while place >= 0:
        sample = samples[place]
        at = sample.at
        back = back + 1 if later - at == step else base - (at - EPOCH) // step  # nearly always the next one
        if back >= count or (cut is not None and at < cut):
            break
        if points[back] is None:
            points[back] = sample.value
        later = at
        place -= 1
    quiet: frozenset[int] = frozenset()
    if floor is not None:
        quiet = _below(floor, floor_series, end, step, count, now)
        for below in quiet:
            points[below] = None
    return View(series, end, points, quiet, cut, _oldest(samples, newest, cut), place, late)


def _end(series: Series, now: datetime) -> tuple[datetime, int, bool]:
    """The newest point of the grid, the index of the newest sample (-1 for none), and whether reading is too late."""
    samples, step = series.samples, series.step
    if step <= timedelta(0):
        raise ValueError(f"a grid needs a step above zero, not {step}")
    newest = len(samples) - 1
    while newest >= 0 and samples[newest].at > now:
        newest -= 1
    end = grid_point(now, step)
    if series.end is None:
        if newest >= 0 and now - samples[newest].at <= fresh_for(step):
            end = grid_point(samples[newest].at, step)
        return end, newest, False
    asked = grid_point(series.end, step)
    if newest >= 0:
        asked = max(asked, grid_point(samples[newest].at, step))
    return min(end, asked), newest, now - asked > fresh_for(step)


def _oldest(samples: tuple[Sample, ...], newest: int, cut: datetime | None) -> datetime | None:
    """When the first sample that counts was taken; found without walking all of them."""
    if newest < 0 or (cut is not None and samples[newest].at < cut):
        return None
    if cut is None or samples[0].at >= cut:
        return samples[0].at
    low, high = 0, newest
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if samples[middle].at < cut else (low, middle)
    return samples[low].at


def _below(
    floor: Floor, series: Series | None, end: datetime, step: timedelta, count: int, now: datetime
) -> frozenset[int]:
    """The places at which the floor's metric is not known to be high enough.

    Places newer than the floor's own newest point, while that is fresh, are judged by that point: it is read apart.
    """
    if series is None:
        return frozenset(range(count))
    floor_end, newest, late = _end(series, now)
    last = (floor_end - EPOCH) // series.step
    first = (end - step * (count - 1) - EPOCH) // series.step
    values: dict[int, float] = {}
    for place in range(newest, -1, -1):
        index = (series.samples[place].at - EPOCH) // series.step
        if index < min(first, last):
            break
        values.setdefault(index, series.samples[place].value)
    reaches = predicate(Operator.AT_LEAST, floor.least.base)
    below = []
    for place in range(count):
        index = (end - step * place - EPOCH) // series.step
        value = values.get(index if late else min(index, last))
        if value is None or not reaches(value):
            below.append(place)
    return frozenset(below)


def predicate(operator: Operator, threshold: float) -> Callable[[float], bool]:
    """Whether a number compares so; numbers that differ only by the rounding of units are equal, NaN never compares."""
    low, high = threshold - abs(threshold) * SAME, threshold + abs(threshold) * SAME
    match operator:
        case Operator.ABOVE:
            return lambda value: value > high
        case Operator.AT_LEAST:
            return lambda value: value >= low
        case Operator.BELOW:
            return lambda value: value < low
        case Operator.AT_MOST:
            return lambda value: value <= high
        case Operator.EQUAL:
            return lambda value: low <= value <= high
        case Operator.UNEQUAL:
            return lambda value: value < low or value > high


def strip(view: View, holds: Callable[[float], bool]) -> tuple[Mark, ...]:
    """The newest points as marks, oldest first; while the source fails, points after the last sample are errors."""
    gap = Mark.MISSING if view.series.error is None else Mark.ERROR
    marks: list[Mark] = []
    for value in view.points[:STRIP]:
        if value is None:
            marks.append(gap)
        else:
            gap = Mark.MISSING
            marks.append(Mark.TRUE if holds(value) else Mark.FALSE)
    marks.reverse()
    return tuple(marks)


def refusal(condition: Condition, view: View, floor: Series | None, now: datetime) -> tuple[Verdict, str] | None:
    """Why samples cannot be judged at all: a failure, an incomplete answer, none, too early in the phase, too late."""
    series, name = view.series, condition.metric
    asked = (series,) if condition.floor is None or floor is None else (series, floor)
    for one in asked:
        if one.error is not None:
            return Verdict.ERROR, one.error
    for one, partial in zip(asked, condition.metrics, strict=False):
        if one.partial:
            return Verdict.NODATA, f"the answer for {partial} is incomplete: {one.note or 'its server warns'}"
    if not series.samples:
        return Verdict.NODATA, f"no sample of {name} was ever seen"
    if isinstance(condition.test, Freshness):
        return None
    if view.cut is not None and view.end < view.cut:
        return Verdict.PENDING, f"the first sample that counts for this phase is that of {clock(view.cut, view.end)}"
    if view.late:
        return Verdict.NODATA, f"nothing was read of {name} since {clock(view.end, now)}"
    if view.oldest is None:
        last = clock(series.samples[-1].at, view.end)
        return Verdict.NODATA, f"no sample of {name} was seen in this phase; the last is of {last}"
    return None


def missing(condition: Condition, view: View) -> str:
    """The sentence for a newest point without a value."""
    if 0 in view.quiet and condition.floor is not None:
        return f"too little traffic to judge: {condition.floor} does not hold"
    last = next((sample.at for sample in reversed(view.series.samples) if sample.at <= view.end), None)
    after = f"since {clock(last, view.end)}" if last is not None else f"at {clock(view.end, view.end)}"
    return f"{condition.metric} has no sample {after}"


def too_few(condition: Condition, known: int, count: int, span: timedelta, view: View) -> str:
    """The sentence for a window of which less than 80 % is known."""
    why = f", the rest is missing or below {condition.floor}" if view.quiet and condition.floor else ""
    of = f"{known} of {count} points of {condition.metric} in the last {spell(span)}"
    return f"only {of} are known{why}; 80 % are needed"


def enough(known: int, count: int) -> bool:
    """Whether at least 80 % of the points are known."""
    return known * 5 >= count * 4


def clock(at: datetime, seen: datetime) -> str:
    """A time as sentences say it, with its date where that is another day than the newest point's."""
    at, seen = at.astimezone(UTC), seen.astimezone(UTC)
    return f"{at:%H:%M:%S}Z" if at.date() == seen.date() else f"{at:%Y-%m-%d %H:%M:%S}Z"

"""One metric's newest samples on its epoch-aligned grid, whichever source they come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from console.core.system import Metric
from console.core.verdicts import Sample, Series
from console.sources.promql.aggregation import AGGREGATIONS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


def to_ms(at: datetime) -> int:
    """Milliseconds since the epoch, exactly, rounded down."""
    return (at - _EPOCH) // _MS


def from_ms(at: int) -> datetime:
    """The time of so many milliseconds since the epoch."""
    return _EPOCH + at * _MS


class SeveralSeries(Exception):
    """A query gave more than one series and the metric names no aggregation; the message says so."""


def single(metric: Metric, values: Sequence[float]) -> float:
    """The metric's one value at a time. values: of every series, at least one. Raises SeveralSeries."""
    if metric.aggregate is not None:
        return AGGREGATIONS[metric.aggregate](values)
    if len(values) > 1:
        raise SeveralSeries(
            f"{metric.name}: `{metric.query}` gave {len(values)} series; name an aggregation (sum, avg, min or max)"
        )
    return values[0]


class SampleWindow:
    """The samples of one metric that are not older than `length`.

    A sample from an incomplete answer is shown while that answer is the newest, and is forgotten when a complete one
    comes: it must never pass for a whole one.
    """

    def __init__(self, metric: Metric, length: timedelta) -> None:
        self.metric = metric
        self.step = max(to_ms(_EPOCH + metric.step), 1)
        self.length = max(to_ms(_EPOCH + length), self.step)
        self._whole: dict[int, Sample] = {}
        self._incomplete: dict[int, Sample] = {}
        self.note = ""
        self.error: str | None = None
        self._end: int | None = None
        self._series = Series(metric.step)

    def newest_point(self, now: int) -> int:
        """The last grid point that is not after `now`, in ms."""
        return now - now % self.step

    def oldest_point(self, now: int) -> int:
        """The first grid point of the window, in ms."""
        return self.newest_point(now - self.length) + self.step

    def replace(self, start: int, end: int, values: Mapping[int, float], note: str = "") -> None:
        """What a query gave for the grid from start to end, both included; note: why it is incomplete, if it is."""
        self.error = None
        self.note = note
        self._end = end
        before = {**self._whole, **self._incomplete}
        self._incomplete.clear()
        into = self._incomplete if note else self._whole
        if not note:
            for at in range(start, end + 1, self.step):
                self._whole.pop(at, None)
        for at, value in values.items():
            if not note or at not in self._whole:
                into[at] = _unless_equal(before.get(at), at, value)

    def add(self, at: int, value: float | None, note: str = "") -> None:
        """What an evaluation at one grid point gave; None where it gave nothing."""
        self.error = None
        self.note = note
        self._end = at
        if not note:
            self._incomplete.clear()
        if value is not None:
            (self._incomplete if note else self._whole)[at] = Sample(from_ms(at), value)

    def forget(self, now: int) -> None:
        """Drop what is older than the window, and what is in the future after a clock was set back."""
        oldest, newest = self.oldest_point(now), self.newest_point(now)
        if self._end is not None and self._end > newest:
            self._end = None
        for held in (self._whole, self._incomplete):
            for at in [at for at in held if not oldest <= at <= newest]:
                del held[at]

    def clear(self) -> None:
        """Drop everything."""
        self._whole.clear()
        self._incomplete.clear()
        self._end = None

    def series(self) -> Series:
        """The samples as they stand; the same object while nothing changes."""
        held = {**self._whole, **self._incomplete}
        samples = tuple(held[at] for at in sorted(held))
        end = None if self._end is None else from_ms(self._end)
        made = Series(self.metric.step, samples, self.error, bool(self.note), self.note, end)
        if made != self._series:
            self._series = made
        return self._series


def _unless_equal(before: Sample | None, at: int, value: float) -> Sample:
    """The sample that was there when it says the same: NaN must not look like news every time."""
    if before is not None and (before.value == value or (before.value != before.value and value != value)):
        return before
    return Sample(from_ms(at), value)

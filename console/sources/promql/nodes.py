"""The parts of a compiled query: what gives a number, what gives a vector, and the selectors at the bottom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from console.sources.promql.dialect import Dialect
from console.sources.promql.instants import Point
from console.sources.promql.labels import NAME, LabelMatcher
from console.sources.promql.ranges import RangeFunction, Window
from console.sources.promql.storage import LOOKBACK, Storage


@dataclass(frozen=True, slots=True)
class Moment:
    """One evaluation. at: ms since the epoch."""

    storage: Storage
    at: int
    dialect: Dialect


@dataclass(frozen=True, slots=True)
class ScalarNode:
    """Gives one number."""

    run: Callable[[Moment], float]


@dataclass(frozen=True, slots=True)
class VectorNode:
    """Gives an instant vector."""

    run: Callable[[Moment], list[Point]]


@dataclass(frozen=True, slots=True)
class InstantSelector:
    """The newest sample of every series selected. offset: ms into the past, negative into the future."""

    matchers: tuple[LabelMatcher, ...]
    offset: int

    @property
    def reach(self) -> int:
        """How far back it reads by what is written, in ms; the lookback is not counted."""
        return max(self.offset, 0)

    def points(self, moment: Moment) -> list[Point]:
        """Labels and value of every series that has a sample within the lookback and has not ended."""
        at = moment.at - self.offset
        oldest = at - LOOKBACK + (1 if moment.dialect.left_open else 0)
        found = [(series, series.newest(at, oldest=oldest)) for series in moment.storage.select(self.matchers)]
        return [(series.labels, sample[1]) for series, sample in found if sample is not None]

    def times(self, moment: Moment) -> list[Point]:
        """Labels (without the name) and the sample's own time in seconds."""
        at = moment.at - self.offset
        oldest = at - LOOKBACK + (1 if moment.dialect.left_open else 0)
        found = [(series, series.newest(at, oldest=oldest)) for series in moment.storage.select(self.matchers)]
        return [(series.bare, sample[0] / 1000) for series, sample in found if sample is not None]


@dataclass(frozen=True, slots=True)
class RangeSelector:
    """The samples of every series selected within `length` ms."""

    matchers: tuple[LabelMatcher, ...]
    offset: int
    length: int

    @property
    def reach(self) -> int:
        """How far back it reads, in ms."""
        return max(self.length + self.offset, 0)

    def apply(self, moment: Moment, function: RangeFunction, share: float, *, named: bool) -> list[Point]:
        """The function's value for every series that has samples in the range; named: results keep the name."""
        end = moment.at - self.offset
        start = end - self.length
        oldest = start + 1 if moment.dialect.left_open else start
        result: list[Point] = []
        for series in moment.storage.select(self.matchers):
            times, values = series.between(oldest, end)
            if times:
                value = function(Window(start, end, times, values, moment.dialect, share))
                if value is not None:
                    result.append((series.labels if named else series.bare, value))
        return result


def names_read(selectors: list[InstantSelector | RangeSelector]) -> frozenset[str] | None:
    """The metric names that the selectors read, or None where one is not known beforehand."""
    names: set[str] = set()
    for selector in selectors:
        exact = [matcher.value for matcher in selector.matchers if matcher.label == NAME and matcher.operator == "="]
        if not exact:
            return None
        names.update(exact)
    return frozenset(names)

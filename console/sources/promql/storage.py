"""Scraped samples in memory, by metric name, with staleness."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from console.sources.promql.labels import NAME, LabelMatcher, Labels, drop_name

LOOKBACK = 300_000
"""How old the newest sample of an instant selector may be, in ms. Source: Prometheus's `query.lookback-delta`."""


class StoredSeries:
    """One series. times: ms since the epoch, strictly growing. stale: times at which the series was seen to end."""

    __slots__ = ("bare", "by_name", "labels", "stale", "times", "values")

    def __init__(self, labels: Labels) -> None:
        self.labels = labels
        self.bare = drop_name(labels)
        self.by_name = dict(labels)
        self.times: array[int] = array("q")
        self.values: array[float] = array("d")
        self.stale: set[int] = set()

    def append(self, at: int, value: float) -> bool:
        """Add a sample; False when it is not newer than the last one, which is then kept."""
        if self.times and at <= self.times[-1]:
            return False
        self.times.append(at)
        self.values.append(value)
        return True

    def newest(self, at: int, *, oldest: int) -> tuple[int, float] | None:
        """Time and value of the last sample in [oldest, at], unless the series ended with it."""
        position = bisect_right(self.times, at) - 1
        if position < 0:
            return None
        time = self.times[position]
        return None if time < oldest or time in self.stale else (time, self.values[position])

    def between(self, oldest: int, at: int) -> tuple[list[int], list[float]]:
        """Times and values in [oldest, at], without staleness markers."""
        low, high = bisect_left(self.times, oldest), bisect_right(self.times, at)
        times, values = self.times[low:high].tolist(), self.values[low:high].tolist()
        if self.stale and not self.stale.isdisjoint(times):
            kept = [index for index, time in enumerate(times) if time not in self.stale]
            return [times[index] for index in kept], [values[index] for index in kept]
        return times, values

    def forget(self, before: int) -> None:
        """Drop what is older than `before`."""
        low = bisect_left(self.times, before)
        if low:
            self.stale.difference_update(self.times[:low])
            del self.times[:low]
            del self.values[:low]


def _name(labels: Labels) -> str:
    return next((value for label, value in labels if label == NAME), "")


class Storage:
    """All series, indexed by metric name. Used by one thread at a time."""

    def __init__(self) -> None:
        self._by_name: dict[str, dict[Labels, StoredSeries]] = {}
        self._changes = 0
        self._selections: dict[tuple[LabelMatcher, ...], tuple[int, list[StoredSeries]]] = {}

    def __len__(self) -> int:
        return sum(len(held) for held in self._by_name.values())

    def append(self, labels: Labels, at: int, value: float) -> bool:
        """Add a sample at `at` ms; False where the series already has one as new."""
        return self._series(labels).append(at, value)

    def mark_stale(self, labels: Labels, at: int) -> None:
        """Record that the series was not there any more at `at` ms."""
        series = self._by_name.get(_name(labels), {}).get(labels)
        if series is not None and series.append(at, float("nan")):
            series.stale.add(at)

    def select(self, matchers: tuple[LabelMatcher, ...]) -> Sequence[StoredSeries]:
        """The series that every matcher accepts; an absent label counts as empty."""
        found = self._selections.get(matchers)
        if found is None or found[0] != self._changes:
            found = (self._changes, list(self._search(matchers)))
            self._selections[matchers] = found
        return found[1]

    def forget(self, before: int) -> None:
        """Drop samples older than `before` ms, and series that have none left."""
        for name, held in list(self._by_name.items()):
            for labels, series in list(held.items()):
                series.forget(before)
                if not series.times:
                    del held[labels]
                    self._changes += 1
            if not held:
                del self._by_name[name]

    def samples(self) -> int:
        """How many samples are held."""
        return sum(len(series.times) for held in self._by_name.values() for series in held.values())

    def clear(self) -> None:
        """Drop everything."""
        self._by_name.clear()
        self._selections.clear()
        self._changes += 1

    def _series(self, labels: Labels) -> StoredSeries:
        held = self._by_name.setdefault(_name(labels), {})
        series = held.get(labels)
        if series is None:
            series = held[labels] = StoredSeries(labels)
            self._changes += 1
        return series

    def _search(self, matchers: tuple[LabelMatcher, ...]) -> Iterable[StoredSeries]:
        rest = [(matcher.label, matcher.matches) for matcher in matchers if matcher.label != NAME]
        named = [matcher.matches for matcher in matchers if matcher.label == NAME]
        for name, held in self._by_name.items():
            if all(matches(name) for matches in named):
                for series in held.values():
                    if all(matches(series.by_name.get(label, "")) for label, matches in rest):
                        yield series

"""Counters and histograms in Prometheus's text format: what a sample app counts and serves."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

Labels = tuple[tuple[str, str], ...]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Hand:
    """Values set by hand, by name, until they are cleared.

    A gauge has the value, every observation of a histogram is it, and a counter grows by it a second in every pod, on
    top of what it counts. A name may have labels, as in `x_total{code="500"}`.
    """

    def __init__(self) -> None:
        self._values: dict[str, float] = {}

    @property
    def values(self) -> dict[str, float]:
        """Those that are set."""
        return dict(self._values)

    def get(self, name: str) -> float | None:
        """The value, None where none is set."""
        return self._values.get(name)

    def set(self, name: str, value: float | None) -> None:
        """Set it, or clear it with None."""
        if value is None:
            self._values.pop(name, None)
        else:
            self._values[name] = value


class Counter:
    """A number that only grows, per set of labels. begin: label sets that are served as 0 from the start."""

    kind = "counter"

    def __init__(self, name: str, about: str, begin: Sequence[Labels] = ((),)) -> None:
        self.name = name
        self.about = about
        self._values: dict[Labels, float] = dict.fromkeys(begin, 0.0)

    def begin(self, labels: Labels) -> None:
        """Serve this set of labels from now on."""
        self._values.setdefault(labels, 0.0)

    def add(self, labels: Labels = (), by: float = 1.0) -> None:
        """Count."""
        self._values[labels] = self._values.get(labels, 0.0) + by

    @property
    def total(self) -> float:
        """The sum over all labels."""
        return sum(self._values.values())

    def hurry(self, hand: Hand, seconds: float) -> None:
        """Grow by what is set by hand; without labels in the name, the first set of labels does."""
        first = next(iter(self._values), ())
        for labels in tuple(self._values):
            named = hand.get(self.name + braces(labels)) if labels else None
            if labels == first and named is None:
                named = hand.get(self.name)
            if named is not None:
                self.add(labels, named * seconds)

    def lines(self) -> list[str]:
        """Its samples as text."""
        return [f"{self.name}{braces(labels)} {value:.15g}" for labels, value in self._values.items()]


class Gauge(Counter):
    """A number that is set."""

    kind = "gauge"

    def set(self, value: float, labels: Labels = ()) -> None:
        """Set it."""
        self._values[labels] = value

    def hurry(self, hand: Hand, seconds: float) -> None:
        """Take the value that is set by hand."""
        for labels in self._values:
            by_labels = hand.get(self.name + braces(labels))
            value = hand.get(self.name) if by_labels is None else by_labels
            if value is not None:
                self._values[labels] = value


class Histogram:
    """Observations counted under upper bounds, in the bounds' unit, per set of labels."""

    kind = "histogram"

    def __init__(self, name: str, about: str, bounds: Sequence[float], begin: Sequence[Labels] = ((),)) -> None:
        self.name = name
        self.about = about
        self._bounds = tuple(bounds)
        self._counts: dict[Labels, list[int]] = {}
        self._sums: dict[Labels, float] = {}
        self._forced: float | None = None
        for labels in begin:
            self.begin(labels)

    def begin(self, labels: Labels) -> None:
        """Serve this set of labels from now on."""
        self._counts.setdefault(labels, [0] * (len(self._bounds) + 1))
        self._sums.setdefault(labels, 0.0)

    def observe(self, value: float, labels: Labels = ()) -> None:
        """Count one observation."""
        if labels not in self._counts:
            self.begin(labels)
        value = value if self._forced is None else self._forced
        self._counts[labels][bisect_left(self._bounds, value)] += 1
        self._sums[labels] += value

    def hurry(self, hand: Hand, seconds: float) -> None:
        """Observe what is set by hand from now on."""
        self._forced = hand.get(self.name)

    def lines(self) -> list[str]:
        """Its samples as text: cumulative buckets, sum and count."""
        out: list[str] = []
        bounds = (*(f"{bound:g}" for bound in self._bounds), "+Inf")
        for labels, counts in self._counts.items():
            below = 0
            for bound, count in zip(bounds, counts, strict=True):
                below += count
                out.append(f"{self.name}_bucket{braces((*labels, ('le', bound)))} {below}")
            plain = braces(labels)
            out += [f"{self.name}_sum{plain} {self._sums[labels]:.6f}", f"{self.name}_count{plain} {below}"]
        return out


def render(metrics: Iterable[Counter | Histogram]) -> str:
    """A page of `/metrics`."""
    out: list[str] = []
    for metric in metrics:
        out += [f"# HELP {metric.name} {metric.about}", f"# TYPE {metric.name} {metric.kind}", *metric.lines()]
    return "\n".join(out) + "\n"


def braces(labels: Labels) -> str:
    """Labels as they stand behind a name; empty for none."""
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels) + "}" if labels else ""

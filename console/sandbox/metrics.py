"""Counters and histograms in Prometheus's text format: what a sample app counts and serves."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

Labels = tuple[tuple[str, str], ...]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Counter:
    """A number that only grows, per set of labels. begin: label sets that are served as 0 from the start."""

    kind = "counter"

    def __init__(self, name: str, about: str, begin: Sequence[Labels] = ((),)) -> None:
        self.name = name
        self.about = about
        self._values: dict[Labels, float] = dict.fromkeys(begin, 0.0)

    def add(self, labels: Labels = (), by: float = 1.0) -> None:
        """Count."""
        self._values[labels] = self._values.get(labels, 0.0) + by

    @property
    def total(self) -> float:
        """The sum over all labels."""
        return sum(self._values.values())

    def lines(self) -> list[str]:
        """Its samples as text."""
        return [f"{self.name}{_braces(labels)} {value:.15g}" for labels, value in self._values.items()]


class Gauge(Counter):
    """A number that is set."""

    kind = "gauge"

    def set(self, value: float, labels: Labels = ()) -> None:
        """Set it."""
        self._values[labels] = value


class Histogram:
    """Observations counted under upper bounds, in the bounds' unit."""

    kind = "histogram"

    def __init__(self, name: str, about: str, bounds: Sequence[float]) -> None:
        self.name = name
        self.about = about
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count one observation."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def lines(self) -> list[str]:
        """Its samples as text: cumulative buckets, sum and count."""
        out, below = [], 0
        for bound, count in zip((*(f"{bound:g}" for bound in self._bounds), "+Inf"), self._counts, strict=True):
            below += count
            out.append(f'{self.name}_bucket{{le="{bound}"}} {below}')
        return [*out, f"{self.name}_sum {self._sum:.6f}", f"{self.name}_count {below}"]


def render(metrics: Sequence[Counter | Histogram]) -> str:
    """A page of `/metrics`."""
    out: list[str] = []
    for metric in metrics:
        out += [f"# HELP {metric.name} {metric.about}", f"# TYPE {metric.name} {metric.kind}", *metric.lines()]
    return "\n".join(out) + "\n"


def _braces(labels: Labels) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels) + "}" if labels else ""

"""The metrics that a sandbox.yaml describes: what one pod of the sample app, or one exporter, counts and serves.

One row a metric, and several rows with one name and other labels:

    - {counter: x_requests_total, labels: {code: "{status}"}}     grows with every request
    - {counter: x_denied_total, share: 0.2%}                      grows with this share of requests
    - {counter: x_jobs_total, rate: 2/s}                          grows by itself, in every pod
    - {gauge: x_memory_bytes, value: 48MB, spread: 5%}            is this, give or take
    - {gauge: x_backup_seconds, age: 6h}                          is the moment so long ago, in seconds since 1970
    - {histogram: x_seconds, buckets: [0.1, 1]}                   how long each request took
    - {histogram: x_scan_seconds, buckets: [0.1, 1], value: 20ms, spread: 30%, rate: 1/s}   these values, by itself

Labels may have {status}, {version}, {workload} and {pod} in them. `as` is the name by which a fault or a hand sets the
row's share, rate, value or age; it is the metric's own name where it is left out.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from console.sandbox import metrics
from console.sandbox.knobs import Knobs
from console.sandbox.quantities import quantity

Metric = metrics.Counter | metrics.Histogram

KINDS = ("counter", "gauge", "histogram")
_KEYS = {*KINDS, "about", "labels", "share", "rate", "value", "spread", "age", "buckets", "as"}
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0)
_STATUSES = ("200", "500")


@dataclass(frozen=True, slots=True)
class Row:
    """One row. per: `request`, `second` (by itself), or empty for a gauge. value: None for the request's own time."""

    kind: str
    name: str
    knob: str
    about: str
    labels: tuple[tuple[str, str], ...]
    per: str
    rate: float
    value: float | None
    spread: float
    age: bool
    buckets: tuple[float, ...]


def rows(told: Sequence[Mapping[str, Any]]) -> tuple[Row, ...]:
    """The rows of a file. Raises ValueError with the row's name."""
    return tuple(_row(row) for row in told)


def _row(told: Mapping[str, Any]) -> Row:
    kinds = [kind for kind in KINDS if kind in told]
    unknown = [key for key in told if key not in _KEYS]
    if len(kinds) != 1 or unknown:
        raise ValueError(f"the metric {dict(told)!r} has no one of {', '.join(KINDS)}, or an unknown key")
    kind = kinds[0]
    name = str(told[kind])
    try:
        rate = quantity(told.get("rate", 0))
        given = told.get("share", told.get("value", told.get("age")))
        value = quantity(given) if given is not None else None
        spread = quantity(told.get("spread", 0))
        buckets = tuple(quantity(bound) for bound in told.get("buckets", _BUCKETS))
    except ValueError as error:
        raise ValueError(f"the metric {name}: {error}") from error
    per = "second" if "rate" in told else "" if kind == "gauge" else "request"
    return Row(
        kind, name, str(told.get("as", name)), str(told.get("about", "Of the practice world.")),
        tuple((str(key), str(text)) for key, text in (told.get("labels") or {}).items()),
        per, rate, value, spread, "age" in told, buckets,
    )  # fmt: skip


class Served:
    """The metrics of one pod or exporter. fills: what {version}, {workload} and {pod} are here."""

    def __init__(self, described: Sequence[Row], knobs: Knobs, fills: Mapping[str, str], chance: random.Random) -> None:
        self._rows = described
        self._knobs = knobs
        self._fills = dict(fills)
        self._chance = chance
        self._metrics: dict[str, Metric] = {}
        self._left: dict[Row, float] = {}
        for row in described:
            metric = self._metrics.get(row.name)
            if metric is None:
                metric = self._metrics[row.name] = _metric(row)
            by_status = any("{status}" in text for _, text in row.labels)
            for status in _STATUSES if by_status else ("",):
                metric.begin(self._labels(row, status, self._fills.get("version", "")))
        self.tick(0.0, hit=False)

    def request(self, *, version: str, status: int, seconds: float, hit: bool) -> None:
        """Count one request, answered by `version` with `status` in `seconds`."""
        for row in self._rows:
            if row.per == "request":
                labels = self._labels(row, str(status), version)
                usual = row.value
                if isinstance(metric := self._metrics[row.name], metrics.Histogram):
                    metric.observe(seconds if usual is None else self._near(row, usual, hit), labels)
                elif usual is None:
                    metric.add(labels)
                else:
                    self._add(row, metric, labels, self._knobs.value(row.knob, usual, hit=hit))

    def tick(self, seconds: float, *, hit: bool) -> None:
        """Let `seconds` pass: what grows by itself grows, gauges are set."""
        for row in self._rows:
            metric, labels = self._metrics[row.name], self._labels(row, "200", self._fills.get("version", ""))
            if isinstance(metric, metrics.Gauge):
                value = self._near(row, row.value or 0.0, hit)
                metric.set(time.time() - value if row.age else value, labels)
            elif row.per == "second" and isinstance(metric, metrics.Histogram):
                for _ in range(self._whole(row, row.rate * seconds)):
                    metric.observe(self._near(row, row.value or 0.0, hit), labels)
            elif row.per == "second":
                self._add(row, metric, labels, self._knobs.value(row.knob, row.rate, hit=hit) * seconds)

    def page(self) -> str:
        """The page of `/metrics`."""
        return metrics.render(self._metrics.values())

    def _near(self, row: Row, usual: float, hit: bool) -> float:
        value = self._knobs.value(row.knob, usual, hit=hit)
        if row.spread and row.kind == "histogram":
            return value * math.exp(self._chance.gauss(0, row.spread))
        return value * (1 + self._chance.uniform(-row.spread, row.spread)) if row.spread else value

    def _add(self, row: Row, metric: Metric, labels: metrics.Labels, amount: float) -> None:
        if isinstance(metric, metrics.Counter) and (whole := self._whole(row, amount)):
            metric.add(labels, whole)

    def _whole(self, row: Row, amount: float) -> int:
        """How many whole ones there are by now, what is left over included."""
        left = self._left.get(row, 0.0) + amount
        whole = int(left + 1e-9)
        self._left[row] = left - whole
        return whole

    def _labels(self, row: Row, status: str, version: str) -> metrics.Labels:
        fills = {**self._fills, "status": status, "version": version}
        return tuple((name, _filled(text, fills)) for name, text in row.labels)


def _filled(text: str, fills: Mapping[str, str]) -> str:
    for name, value in fills.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _metric(row: Row) -> Metric:
    if row.kind == "histogram":
        return metrics.Histogram(row.name, row.about, row.buckets, ())
    return (metrics.Gauge if row.kind == "gauge" else metrics.Counter)(row.name, row.about, ())

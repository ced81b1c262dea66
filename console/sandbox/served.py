"""The metrics that a sandbox.yaml describes: what one pod of the sample app, or one exporter, counts and serves."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Mapping, Sequence

from console.sandbox import metrics
from console.sandbox.knobs import Knobs
from console.sandbox.rows import Row
from console.sandbox.versions import Reach

Metric = metrics.Counter | metrics.Histogram

_STATUSES = ("200", "500")


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
        self.tick(0.0, Reach(newest=False, shared=False))

    def request(self, reach: Reach, *, version: str, status: int, seconds: float) -> None:
        """Count one request, answered by `version` with `status` in `seconds`."""
        for row in self._rows:
            if row.per == "request" and row.only in ("", str(status)):
                labels = self._labels(row, str(status), version)
                usual = row.value
                if isinstance(metric := self._metrics[row.name], metrics.Histogram):
                    metric.observe(seconds if usual is None else self._near(row, usual, reach), labels)
                elif usual is None:
                    metric.add(labels)
                else:
                    self._add(row, metric, labels, self._knobs.value(row.knob, usual, reach))

    def tick(self, seconds: float, reach: Reach) -> None:
        """Let `seconds` pass: what grows by itself grows, gauges are set."""
        for row in self._rows:
            metric, labels = self._metrics[row.name], self._labels(row, "200", self._fills.get("version", ""))
            if isinstance(metric, metrics.Gauge):
                value = self._near(row, row.value or 0.0, reach)
                metric.set(time.time() - value if row.age else value, labels)
            elif row.per == "second" and isinstance(metric, metrics.Histogram):
                for _ in range(self._whole(row, row.rate * seconds)):
                    metric.observe(self._near(row, row.value or 0.0, reach), labels)
            elif row.per == "second":
                self._add(row, metric, labels, self._knobs.value(row.knob, row.rate, reach) * seconds)

    def page(self) -> str:
        """The page of `/metrics`."""
        return metrics.render(self._metrics.values())

    def _near(self, row: Row, usual: float, reach: Reach) -> float:
        value = self._knobs.value(row.knob, usual, reach)
        if self._knobs.hand.get(row.knob) is not None or (row.kind == "gauge" and value != usual):
            return value  # what a hand or a fault has set is to be seen as it was set
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

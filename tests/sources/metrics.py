"""Metrics and a clock for the tests of sources."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from console.core.system import Metric, MetricSource
from console.core.units import Dimension, Unit

COUNT = Unit("", Dimension.COUNT, 1.0)


def metric(name: str, query: str, *, step: float = 15.0, aggregate: str | None = None) -> Metric:
    return Metric(name, name, COUNT, MetricSource.PROMQL, query, timedelta(seconds=step), aggregate)


class Hands:
    """A clock that a test moves."""

    def __init__(self, at: datetime = datetime(2024, 1, 1, 12, 0, tzinfo=UTC)) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def on(self, seconds: float) -> datetime:
        self.at += timedelta(seconds=seconds)
        return self.at

"""Samples of the metrics that the console draws from its own readings, each on its metric's epoch-aligned grid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from console.core.readings import Health, LogCounts, Reading, RedisStats, SessionCensus
from console.core.system import Metric, MetricSource
from console.core.units import Dimension
from console.core.verdicts import Sample, grid_point

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Readings:
    """What the sources said, as far as metrics are drawn from them."""

    redis: Reading[RedisStats]
    sessions: Reading[SessionCensus]
    logs: Reading[LogCounts]
    health: Reading[tuple[Health, ...]]


def redis_value(stats: RedisStats | None, census: SessionCensus | None, field: str) -> float | None:
    """The number a Redis metric names: a field of RedisStats (times in seconds), or `sessions`."""
    if field == "sessions":
        return None if census is None or not census.complete else float(census.total)
    value = getattr(stats, field, None)
    if isinstance(value, timedelta):
        return value.total_seconds()
    return float(value) if isinstance(value, int | float) else None


def log_value(counts: LogCounts, metric: Metric) -> float | None:
    """Lines of a pattern in the last hour: as a count, or per second where the metric is a rate."""
    for name, hour, _in_all in counts.patterns:
        if name == metric.query:
            return hour / 3600 if metric.unit.dimension is Dimension.RATE else float(hour)
    return None


def health_value(checks: Iterable[Health], name: str) -> float | None:
    """Failed checks in a row of the check of that name."""
    return next((float(check.failures) for check in checks if check.name == name), None)


def _good(reading: Reading[T]) -> tuple[datetime, T] | None:
    """What a reading says when its newest attempt did not fail."""
    if reading.taken_at is None or reading.value is None or reading.error is not None:
        return None
    return reading.taken_at, reading.value


def _drawn(metric: Metric, readings: Readings) -> tuple[datetime, float] | None:
    """When and what a metric's reading says, or None where it says nothing."""
    at: datetime
    value: float | None
    if metric.source is MetricSource.LOG and (logs := _good(readings.logs)):
        at, value = logs[0], log_value(logs[1], metric)
    elif metric.source is MetricSource.HEALTH and (health := _good(readings.health)):
        at, value = health[0], health_value(health[1], metric.query)
    elif metric.source is MetricSource.REDIS and metric.query == "sessions" and (census := _good(readings.sessions)):
        at, value = census[0], redis_value(None, census[1], metric.query)
    elif metric.source is MetricSource.REDIS and (stats := _good(readings.redis)):
        at, value = stats[0], redis_value(stats[1], None, metric.query)
    else:
        return None
    return None if value is None else (at, value)


def sample(
    metrics: Iterable[Metric], readings: Readings, newest: Mapping[str, datetime], now: datetime
) -> dict[str, Sample]:
    """The samples that are due: one a grid point, from readings that are not stale.

    newest: the grid point of each metric's last sample. A reading older than two steps gives none: the point is
    missing.
    """
    due: dict[str, Sample] = {}
    for metric in metrics:
        drawn = _drawn(metric, readings)
        if drawn is None:
            continue
        taken_at, value = drawn
        point = grid_point(taken_at, metric.step)
        last = newest.get(metric.name)
        if (last is None or point > last) and now - taken_at <= metric.step * 2:
            due[metric.name] = Sample(point, value)
    return due

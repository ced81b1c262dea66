"""Readings folded into slices of the picture; pure functions of what was read and the time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from console.core.picture import MetricValue, SourceHealth, SourceState
from console.core.readings import Health, Reading, RedisStats
from console.core.system import Metric
from console.core.units import show
from console.core.verdicts import Series


def in_steps(seconds: float) -> str:
    """A latency in steps coarse enough not to flicker: `<1ms`, `4ms`, `20ms`, `0.3s`."""
    milliseconds = seconds * 1000
    if milliseconds < 1:
        return "<1ms"
    if milliseconds < 10:
        return f"{milliseconds:.0f}ms"
    if milliseconds < 100:
        return f"{round(milliseconds, -1):.0f}ms"
    return f"{seconds:.1f}s"


def source_health(name: str, reading: Reading[Any] | None, now: datetime, live: str = "live") -> SourceHealth:
    """The word and the detail of a source. live: what is said while all is well."""
    if reading is None:
        return SourceHealth(name, SourceState.ABSENT, "not configured")
    if reading.value is None and reading.error is None:
        return SourceHealth(name, SourceState.READING, "reading…")
    if reading.error is not None:
        return SourceHealth(name, SourceState.FAILED, reading.error)
    if reading.is_stale(now):
        return SourceHealth(name, SourceState.STALE, "no answer, none refused")
    return SourceHealth(name, SourceState.LIVE, live)


def checks_health(reading: Reading[tuple[Health, ...]] | None, now: datetime) -> SourceHealth:
    """The word of the health checks: failed where one does, for a green dot there would be taken for an answer."""
    told = source_health("health", reading, now)
    failing = [check for check in reading.value or () if not check.ok] if reading is not None else []
    if told.state is not SourceState.LIVE or not failing:
        return told
    return SourceHealth("health", SourceState.FAILED, "; ".join(f"{check.name}: {check.detail}" for check in failing))


def redis_word(reading: Reading[RedisStats]) -> str:
    """What the header says of a Redis that answers."""
    return in_steps(reading.value.ping) if reading.value is not None else "live"


def metric_value(metric: Metric, series: Series) -> MetricValue:
    """A metric's newest sample as shown."""
    if not series.samples:
        return MetricValue(metric.name, metric.title, None, None, "—", series.error)
    newest = series.samples[-1]
    return MetricValue(
        metric.name, metric.title, newest.value, newest.at, show(newest.value, metric.unit), series.error
    )

"""Systems, grids and series for the tests of the pure rules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from console.core.conditions import Condition, parse_condition
from console.core.units import Unit, unit
from console.core.verdicts import Sample, Series

METRICS: dict[str, Unit] = {
    "error_rate": unit("%"),
    "p99": unit("ms"),
    "rejects": unit("/h"),
    "memory": unit("MB"),
    "violations": unit("count"),
    "hot_path": unit("count of ticks"),
    "requests": unit("count"),
}
CHECKS = ("api", "worker")
MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def condition(text: str) -> Condition:
    return parse_condition(text, METRICS, CHECKS)


def series(values: Sequence[float | None], *, until: datetime = NOON, step: timedelta = MINUTE) -> Series:
    """These values on the grid, the last one at `until`; None is a missing point that the source was asked for."""
    first = until - step * (len(values) - 1)
    samples = tuple(Sample(first + step * place, value) for place, value in enumerate(values) if value is not None)
    return Series(step, samples, end=until)

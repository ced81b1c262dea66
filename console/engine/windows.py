"""The samples conditions are judged on: a window per metric, kept in memory and in the sample store."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from console.core.system import Metric, MetricSource
from console.core.units import Dimension, Unit
from console.core.verdicts import Sample, Series

KEPT = timedelta(hours=24)
TREND_STEP = timedelta(seconds=10)

MEMORY = Metric("@memory", "Redis memory", Unit("B", Dimension.BYTES, 1.0), MetricSource.REDIS, "used", TREND_STEP)
SESSIONS = Metric("@sessions", "sessions", Unit("", Dimension.COUNT, 1.0), MetricSource.REDIS, "sessions", TREND_STEP)

log = logging.getLogger(__name__)


class Store(Protocol):
    """Where samples outlive the process."""

    def add(self, metric: str, samples: Iterable[Sample]) -> None:
        """Keep samples."""

    def window(self, metric: str, start: datetime, end: datetime) -> tuple[Sample, ...]:
        """Samples from `start` to `end`, both included, oldest first."""

    def newest_before(self, metric: str, at: datetime) -> Sample | None:
        """The newest sample before `at` that is a number."""

    def forget(self, before: datetime) -> object:
        """Drop what is older."""


class Windows:
    """Samples per metric, oldest first, on each metric's grid.

    spans: how far back each metric is wanted. The newest number before that is kept too: where a gap reaches out of the
    window, it tells that the metric was there before. A store that cannot be written is said once, in `trouble`, and
    the window in memory goes on.
    """

    def __init__(self, spans: Mapping[str, timedelta], store: Store | None, now: datetime) -> None:
        self._spans = dict(spans)
        self._store = store
        self._samples: dict[str, list[Sample]] = {}
        self._forgotten_at = now
        self.trouble: str | None = None
        for name, span in self._spans.items():
            self._samples[name] = [] if store is None else _taken_up(store, name, now - span, now)

    @property
    def newest(self) -> dict[str, datetime]:
        """The grid point of the last sample of each metric that has one."""
        return {name: samples[-1].at for name, samples in self._samples.items() if samples}

    def add(self, name: str, samples: Iterable[Sample], now: datetime) -> None:
        """Keep samples newer than the last one of their metric, in memory and in the store."""
        held = self._samples.setdefault(name, [])
        newest = held[-1].at if held else None
        fresh = [sample for sample in samples if newest is None or sample.at > newest]
        if not fresh:
            return
        held.extend(fresh)
        begin = now - self._spans.get(name, timedelta(hours=1))
        stale = 0
        while stale < len(held) and held[stale].at < begin:
            stale += 1
        before = next((place for place in range(stale - 1, -1, -1) if not math.isnan(held[place].value)), stale)
        del held[:before]
        if self._store is None:
            return
        try:
            self._store.add(name, fresh)
            if now - self._forgotten_at > timedelta(minutes=10):
                self._store.forget(now - max(KEPT, *self._spans.values()))
                self._forgotten_at = now
            self.trouble = None
        except Exception as error:  # a full disk must not end the loop: the window in memory goes on
            if self.trouble is None:
                log.exception("sample store")
            self.trouble = str(error)

    def series(self, metric: Metric, *, error: str | None = None) -> Series:
        """The metric's samples as a series."""
        return Series(metric.step, self.samples(metric.name), error)

    def samples(self, name: str) -> tuple[Sample, ...]:
        """The samples of a metric."""
        return tuple(self._samples.get(name, ()))


def _taken_up(store: Store, name: str, start: datetime, end: datetime) -> list[Sample]:
    before = store.newest_before(name, start)
    return [*([before] if before is not None else []), *store.window(name, start, end)]


def lengthened(held: tuple[Sample, ...], newer: tuple[Sample, ...]) -> tuple[Sample, ...]:
    """Samples that are held, with those of an answer that are newer: it may have come since they were last taken."""
    last = held[-1].at if held else None
    fresh = tuple(sample for sample in newer if last is None or sample.at > last)
    return held + fresh if fresh else held

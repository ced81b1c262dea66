"""A source that scrapes what a test serves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from console.core.readings import Pod
from console.core.system import Metric, ScrapeTarget
from console.core.verdicts import Series
from console.sources.scrape import ScrapeSource
from tests.sources.metrics import Hands
from tests.sources.web import Answer

TEXT = {"Content-Type": "text/plain; version=0.0.4"}


def target(*urls: str, discovery: str | None = None, pod_port: int | None = None, every: float = 5.0) -> ScrapeTarget:
    return ScrapeTarget(urls, pod_port, "/metrics", discovery, timedelta(seconds=every))


def source(
    where: ScrapeTarget,
    *metrics: Metric,
    clock: Hands,
    pods: Callable[[], Sequence[Pod]] | None = None,
    window: float = 1800,
) -> ScrapeSource:
    wanted = [(each, timedelta(seconds=window)) for each in metrics]
    return ScrapeSource(where, wanted, pods=pods, clock=clock)


def series(scraped: ScrapeSource, name: str) -> Series:
    reading = scraped.attempt()
    assert reading.error is None, reading.error
    assert reading.value is not None
    return reading.value[name]


def newest(scraped: ScrapeSource, name: str) -> float:
    return series(scraped, name).samples[-1].value


class Counting:
    """A target whose counter grows by ten with every scrape."""

    def __init__(self) -> None:
        self.value = 0

    def __call__(self, _path: str) -> Answer:
        self.value += 10
        return 200, TEXT, f"hits_total {self.value}\n".encode()

"""A real Prometheus and the console scrape the same servers, which come, go, reset and drop series."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.core.system import ScrapeTarget
from console.core.verdicts import Series
from console.sources.scrape import ScrapeSource
from tests.conftest import wait_until
from tests.sources.metrics import metric
from tests.sources.promql.oracle import Oracle, start_prometheus
from tests.sources.web import Answer, Web

EVERY = 0.5
QUERIES = {
    "up": "sum(up)",
    "targets": "count(up)",
    "series": "count(work_total)",
    "kinds": "count by () (count by (kind) (work_total))",
    "level": "sum(level)",
    "rate": "sum(rate(work_total[2s]))",
    "growth": "sum(increase(work_total[2s]))",
    "resets": "sum(resets(work_total[30s]))",
    "p90": "histogram_quantile(0.9, sum by (le) (rate(took_seconds_bucket[2s])))",
    "gone": "absent(level)",
    "seen": "sum(count_over_time(level[1700ms]))",
    "strange": 'count({__name__=~"odd.*", text="a\\"b\\\\c"})',
    "renamed": 'count(work_total{exported_instance="mine"})',
}
EXACT = {"up", "targets", "series", "kinds", "level", "resets", "gone", "strange", "renamed"}


class Pod:
    """A server whose counters grow by 100 a second since it was started or reset."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.rare = True
        self.web = Web(self.answer)

    def answer(self, _path: str) -> Answer:
        done = int((time.monotonic() - self.began) * 100)
        lines = [f'work_total{{kind="common",instance="mine"}} {done}', "level 7"]
        if self.rare:
            lines.append(f'work_total{{kind="rare",instance="mine"}} {done // 2}')
        buckets = (("0.1", done // 2), ("0.5", done * 9 // 10), ("1", done), ("+Inf", done))
        lines.extend(f'took_seconds_bucket{{le="{bound}"}} {count}' for bound, count in buckets)
        lines.append('odd{text="a\\"b\\\\c",empty=""} NaN')
        return 200, {"Content-Type": "text/plain; version=0.0.4"}, ("\n".join(lines) + "\n").encode()


class Both:
    """Prometheus and the console, looking at the same pods."""

    def __init__(self, folder: Path) -> None:
        self.pods = [Pod(), Pod(), Pod()]
        self.listed = folder / "targets.json"
        self.list()
        config = f"""
global: {{scrape_interval: 500ms, scrape_timeout: 400ms}}
scrape_configs:
  - job_name: scrape
    file_sd_configs: [{{files: ['{self.listed}'], refresh_interval: 1s}}]
"""
        self.oracle: Oracle = start_prometheus(folder, config)
        wanted = [(metric(name, query, step=EVERY), timedelta(minutes=2)) for name, query in QUERIES.items()]
        target = ScrapeTarget((), None, "/metrics", str(self.listed), timedelta(seconds=EVERY))
        self.console = ScrapeSource(target, wanted, pods=None, clock=lambda: datetime.now(UTC))
        self.console.start(lambda: None)

    def list(self) -> None:
        scratch = self.listed.with_suffix(".new")
        scratch.write_text(json.dumps([{"targets": [pod.web.address for pod in self.pods], "labels": {}}]))
        scratch.rename(self.listed)

    def stop(self) -> None:
        self.console.stop()
        self.oracle.stop()
        for pod in self.pods:
            pod.web.stop()

    def ours(self, name: str) -> float | None:
        value = self.console.reading.value
        series = value[name] if value else Series(timedelta(seconds=EVERY))
        newest = series.samples[-1] if series.samples else None
        return newest.value if newest and newest.at == series.end else None

    def theirs(self, name: str) -> float | None:
        result = self.oracle.call("query", query=QUERIES[name])["data"]["result"]
        return float(result[0]["value"][1]) if result else None

    def agree(self, name: str) -> bool:
        ours, theirs = self.ours(name), self.theirs(name)
        if ours is None or theirs is None:
            return ours is theirs
        if math.isnan(ours) or math.isnan(theirs):
            return math.isnan(ours) and math.isnan(theirs)
        # whether a scrape lies just within a range is a matter of milliseconds
        return math.isclose(ours, theirs, rel_tol=1e-9 if name in EXACT else 0.2 if name == "seen" else 0.06)

    def settle(self, **expected: float | None) -> None:
        """Wait until both give what is expected, and agree on everything at one and the same moment."""
        try:
            wait_until(
                lambda: (
                    all(self.ours(name) == self.theirs(name) == value for name, value in expected.items())
                    and all(self.agree(name) for name in QUERIES)
                ),
                within=25,
                every=0.05,
            )
        except AssertionError:
            seen = {name: (self.ours(name), self.theirs(name)) for name in QUERIES}
            raise AssertionError(f"the console and Prometheus differ: {seen}; expected {expected}") from None


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Both]:
    pair = Both(tmp_path)
    yield pair
    pair.stop()


@pytest.mark.real_prometheus
def test_what_the_console_scrapes_is_what_prometheus_scrapes(both: Both) -> None:
    both.settle(up=3, series=6, kinds=2, level=21, gone=None, renamed=6, strange=3)
    rate, p90 = both.ours("rate"), both.ours("p90")
    assert rate == pytest.approx(450, rel=0.06)
    assert p90 == pytest.approx(0.5, rel=0.05)

    # a series vanishes, a counter starts again, and a server goes away without a word
    both.pods[0].rare = False
    both.pods[1].began = time.monotonic()
    both.pods[2].web.stop()
    both.settle(up=2, targets=3, series=3, level=14, resets=2)
    value = both.console.reading.value
    assert value is not None
    assert value["level"].partial
    assert both.pods[2].web.address in value["level"].note
    # it is taken off the list, and a new one comes
    both.pods.pop()
    both.pods.append(Pod())
    both.list()
    both.settle(up=3, targets=3, series=5, level=21)
    value = both.console.reading.value
    assert value is not None
    assert not value["level"].partial
    assert threading.active_count() < 200

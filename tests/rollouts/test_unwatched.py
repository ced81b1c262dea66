"""Time that nobody watched: filled from a real Prometheus where it kept samples, unobserved where it did not."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from console.core.rollouts.soak import Soak
from console.core.rollouts.state import RolloutState
from console.engine.status import read_status
from tests.conftest import wait_until
from tests.rollouts.lives import start
from tests.rollouts.pair import Pair
from tests.sources.promql.oracle import Oracle, start_prometheus

SYSTEM = """
name: pair
title: Pair
environments:
  live:
    tone: sandbox
    target: v2
    prometheus: {{url: "{prometheus}"}}
metrics:
  error_rate: {{title: error rate, unit: "%", promql: error_rate, step: 1s}}
"""
PLAN = """
name: release
promotion: automatic
outage: {{tolerance: {tolerance}, grace: 2s}}
rollback_when: [error_rate > 5% for 4s]
phases:
  - name: watched
    environment: live
    soak: 6s
    gates: [error_rate < 1%]
"""


class Metrics:
    """A page of metrics whose one value a test sets."""

    def __init__(self) -> None:
        self.value = 0.001
        outer = self

        class Page(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(f"# TYPE error_rate gauge\nerror_rate {outer.value}\n".encode())

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def metrics() -> Iterator[Metrics]:
    page = Metrics()
    yield page
    page.close()


@pytest.fixture
def prometheus(metrics: Metrics, tmp_path: Path) -> Iterator[Oracle]:
    config = (
        "global: {scrape_interval: 1s, scrape_timeout: 900ms}\nscrape_configs:\n"
        f"  - {{job_name: app, static_configs: [{{targets: ['127.0.0.1:{metrics.port}']}}]}}\n"
    )
    oracle = start_prometheus(tmp_path / "prometheus", config)
    # What it did not have when the phase was confirmed, nobody can fill in.
    wait_until(lambda: oracle.call("query", query="error_rate")["data"]["result"], what="the first sample")
    yield oracle
    oracle.stop()


Begin = Callable[[str], Pair]


@pytest.fixture
def begin(prometheus: Oracle, tmp_path: Path) -> Iterator[Begin]:
    """Starts the plan with a tolerance of outages, and ends whoever watches it."""
    made: list[Pair] = []

    def begin_one(tolerance: str) -> Pair:
        folder = tmp_path / "pair"
        folder.mkdir()
        (folder / "system.yaml").write_text(SYSTEM.format(prometheus=prometheus.url))
        (folder / "release.rollout.yaml").write_text(PLAN.format(tolerance=tolerance))
        pair = Pair(folder, "", None)  # type: ignore[arg-type]
        pair.begin()
        made.append(pair)
        return pair

    yield begin_one


def clock_of(pair: Pair) -> Soak:
    """The soak clock as its driver last said."""
    status = read_status(pair.state)
    return status.soak if status is not None and status.soak is not None else Soak()


def killed_while_soaking(pair: Pair) -> None:
    """A watcher that is killed a second into the soak, between two notes of its clock."""
    life = start(pair.folder)
    wait_until(lambda: clock_of(pair).observed >= timedelta(seconds=1), within=40, what="a second of soak")
    life.process.kill()
    life.ends(5)


def _unwatched_for(seconds: float) -> None:
    threading.Event().wait(seconds)


@pytest.mark.real_prometheus
def test_what_prometheus_kept_while_nobody_watched_counts_and_costs_no_grace(begin: Begin) -> None:
    pair = begin("2s")
    killed_while_soaking(pair)
    # The outage itself is what is tested: nothing is waited for.
    _unwatched_for(4)
    life = start(pair.folder)
    try:
        wait_until(lambda: pair.rollout().state is RolloutState.COMPLETED, within=40, what="the end")
    finally:
        life.end()
    soak = pair.rollout().attempts[-1].soak
    assert soak.restarts == 0, "an outage that is filled is none, however long"
    assert soak.unobserved < timedelta(seconds=3), "most of the outage was filled"
    assert soak.grace == timedelta(0)
    assert soak.observed >= timedelta(seconds=6)


@pytest.mark.real_prometheus
def test_a_breach_while_nobody_watched_does_not_count_as_good(begin: Begin, metrics: Metrics) -> None:
    pair = begin("1h")
    killed_while_soaking(pair)
    metrics.value = 0.03
    _unwatched_for(4)
    metrics.value = 0.001
    life = start(pair.folder)
    try:
        wait_until(lambda: pair.rollout().state is RolloutState.COMPLETED, within=40, what="the end")
    finally:
        life.end()
    soak = pair.rollout().attempts[-1].soak
    assert soak.bad >= timedelta(seconds=3), "the gate failed while nobody watched"
    assert soak.restarts == 0


@pytest.mark.real_prometheus
def test_a_prometheus_that_is_away_stops_the_clock_and_trips_nothing(begin: Begin, prometheus: Oracle) -> None:
    pair = begin("1h")
    life = start(pair.folder)
    try:
        wait_until(lambda: clock_of(pair).observed > timedelta(0), within=40, what="some soak")
        prometheus.process.send_signal(signal.SIGSTOP)
        wait_until(
            lambda: clock_of(pair).unobserved > timedelta(seconds=3), within=40, what="time that is not observed"
        )
        assert pair.rollout().state is RolloutState.SOAKING
        prometheus.process.send_signal(signal.SIGCONT)
        wait_until(lambda: pair.rollout().state is RolloutState.COMPLETED, within=40, what="the end")
    finally:
        prometheus.process.send_signal(signal.SIGCONT)
        life.end()
    assert pair.rollout().attempts[-1].soak.observed >= timedelta(seconds=6)

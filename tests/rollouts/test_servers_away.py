"""Redis, Prometheus and the API server, each away for a while in each state a rollout waits in: blind, and then on."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from console.core.rollouts.state import RolloutState
from console.core.rollouts.view import RolloutView
from console.engine.engine import Engine
from tests.conftest import RedisServer, wait_until
from tests.rollouts.lives import Life
from tests.rollouts.pair import Health, Pair, Server, make_pair
from tests.rollouts.test_unwatched import Metrics
from tests.sources.promql.oracle import Oracle, start_prometheus

Watch = Callable[..., Life]
Desk = Callable[[], Engine]

BLIND_WITHIN = 30.0


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[Oracle]:
    page = Metrics()
    config = (
        "global: {scrape_interval: 1s, scrape_timeout: 900ms}\nscrape_configs:\n"
        f"  - {{job_name: app, static_configs: [{{targets: ['127.0.0.1:{page.port}']}}]}}\n"
    )
    oracle = start_prometheus(tmp_path / "prometheus", config)
    wait_until(lambda: oracle.call("query", query="error_rate")["data"]["result"], what="the first sample")
    yield oracle
    oracle.stop()
    page.close()


@pytest.fixture
def pair(server: Server, health: Health, tmp_path: Path, redis_server: RedisServer, prometheus: Oracle) -> Pair:
    """A world whose gates ask Redis and Prometheus, and whose time is the wall's."""
    pair = make_pair(server, tmp_path / "pair", f"away-{os.getpid()}", health.port, promotion="person")
    system = pair.folder / "system.yaml"
    text = system.read_text().replace(
        "    health:\n",
        f"    redis: {{host: 127.0.0.1, port: {redis_server.port}, tls: false, timeout: 300ms}}\n"
        f'    prometheus: {{url: "{prometheus.url}"}}\n    health:\n',
    )
    text = "\n".join(line for line in text.splitlines() if not line.startswith("pace:"))
    text += '\n  error_rate: {title: error rate, unit: "%", promql: error_rate, step: 1s}\n'
    text += "  memory: {title: memory, unit: MB, redis: used, step: 1s}\n"
    system.write_text(text)
    plan = pair.folder / "release.rollout.yaml"
    plan.write_text(
        plan.read_text()
        .replace("soak: 1h", "soak: 8s")
        .replace("soak: 30m", "soak: 2s")
        .replace("after: 30m", "after: 1s")
        .replace("grace: 5m", "grace: 1s")
        .replace("gates: [api_failures < 1]", "gates: [api_failures < 1, error_rate < 1%, memory < 500MB]")
    )
    return pair


@contextmanager
def away(process: int) -> Iterator[None]:
    """It keeps its connections and answers nothing."""
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


def seen(console: Engine, wanted: Callable[[RolloutView], bool], what: str) -> None:
    wait_until(lambda: (view := console.rollout) is not None and wanted(view), within=BLIND_WITHIN, what=what)


def clear_in(state: RolloutState, view: RolloutView) -> bool:
    return view.state is state and not view.blind


@pytest.mark.real_prometheus
@pytest.mark.timeout(200)
def test_each_server_away_in_each_state_blinds_and_changes_nothing(
    pair: Pair, server: Server, watch: Watch, desk: Desk, redis_server: RedisServer, prometheus: Oracle
) -> None:
    console = desk()
    pair.begin()
    watch()
    blinding = {"redis": redis_server.process.pid, "prometheus": prometheus.process.pid}
    console.hold("the servers are about to go")
    seen(console, lambda view: view.state is RolloutState.HELD, "held")
    console.resume()
    for state in (RolloutState.SOAKING, RolloutState.WAITING, RolloutState.HELD):
        if state is RolloutState.HELD:
            console.hold("once more")
        seen(console, partial(clear_in, state), state.value)
        for name, process in blinding.items():
            with away(process):
                seen(console, lambda view: view.blind, f"blind for {name} while {state.value}")
                assert pair.rollout().state in (state, RolloutState.WAITING)
                assert console.rollout is not None
                assert "promote" not in [action for action, why in console.rollout.can if not why]
            seen(console, lambda view: not view.blind, f"{name} back while {state.value}")
        with away(server.process.pid):
            # What it does not answer moves nothing: the rollout stands as it is.
            seen(console, lambda _: bool(console.picture.cluster.error), "a cluster that cannot be read")
            assert pair.rollout().state in (state, RolloutState.WAITING)
        wait_until(lambda: not console.picture.cluster.error, within=BLIND_WITHIN, what="the cluster")
    console.resume()
    seen(console, lambda view: view.state is RolloutState.WAITING, "waiting")
    assert console.promote("pair") == "promoted"
    seen(console, lambda view: view.state is RolloutState.WAITING and view.phase == 1, "the last phase")
    assert console.promote("pair") == "promoted"
    seen(console, lambda view: view.state is RolloutState.COMPLETED, "completed")
    assert pair.live() == {"app": ("app:v2", 4, "INFO")}
    assert pair.generations() == {"app": 3}

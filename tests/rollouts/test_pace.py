"""A practice world whose time runs faster is driven, and measured, as fast as its phases pass."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from console.core.rollouts.state import RolloutState
from console.core.system import MetricSource, System
from console.sandbox.client import start_sandbox
from console.systems.loader import load_system
from tests.conftest import wait_until
from tests.rollouts.lives import Life
from tests.rollouts.pair import Pair


def test_a_watcher_of_a_fast_world_does_not_wait_for_its_own_beat(pair: Pair, watch: Callable[..., Life]) -> None:
    pair.begin()
    watch(interval=60.0)
    wait_until(lambda: pair.rollout().state is RolloutState.WAITING, within=30, what="the end of the first soak")


def _practised(speed: int | None) -> System:
    with start_sandbox("hak-gal", prometheus=False, speed=speed) as sandbox:
        return load_system(sandbox.system)


@pytest.mark.parametrize(("speed", "step", "own"), [(None, 2, 15), (1440, 2, 2), (400_000, 1, 1)])
def test_the_faster_a_world_is_the_finer_is_its_grid(speed: int | None, step: int, own: int) -> None:
    system = _practised(speed)
    grids = {source: {one.step for one in system.metrics if one.source is source} for source in MetricSource}
    assert grids[MetricSource.PROMQL] == {timedelta(seconds=step)}
    memory, sessions = system.metric("redis_memory"), system.metric("sessions")
    assert memory is not None
    assert sessions is not None
    assert (memory.step, sessions.step) == (timedelta(seconds=own), timedelta(seconds=30))
    scraped = {one.scrape.interval for one in system.environments if one.scrape is not None}
    assert scraped == {timedelta(seconds=step) / (2 if step == 1 else 1)}

"""The API server away for a while in each state: nothing is lost, nothing is written twice, and it goes on."""

from __future__ import annotations

import secrets
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from console.core.rollouts.state import RolloutState
from tests.conftest import wait_until
from tests.rollouts.lives import Life
from tests.rollouts.pair import Health, Pair, Server, make_pair

AWAY = 4.0

Watch = Callable[..., Life]


@contextmanager
def away(server: Server) -> Iterator[None]:
    """The server stands still: connections are kept, and nothing is answered."""
    server.process.send_signal(signal.SIGSTOP)
    try:
        yield
        threading.Event().wait(AWAY)
    finally:
        server.process.send_signal(signal.SIGCONT)


@pytest.fixture
def pair(server: Server, health: Health, tmp_path: Path) -> Pair:
    """A world that goes through by itself."""
    name = f"rollout-{secrets.token_hex(3)}"
    return make_pair(server, tmp_path / "pair", name, health.port)


def reached(pair: Pair, state: RolloutState, within: float = 30.0) -> None:
    wait_until(lambda: pair.rollout().state is state, within=within, what=state.value)


@pytest.mark.parametrize("state", [RolloutState.PLANNED, RolloutState.APPLYING])
def test_it_comes_back_and_the_rollout_goes_through(
    state: RolloutState, server: Server, pair: Pair, watch: Watch
) -> None:
    pair.begin()
    if state is RolloutState.PLANNED:
        with away(server):
            watch()
    else:
        watch()
        reached(pair, state)
        with away(server):
            pass
    reached(pair, RolloutState.COMPLETED, within=60)
    assert pair.live() == {"app": ("app:v2", 4, "INFO")}
    assert pair.bounds() == (3, 12)
    assert pair.generations() == {"app": 3}, "a write was applied twice"


def test_a_rollback_that_cannot_be_written_is_tried_until_it_is(
    server: Server, pair: Pair, watch: Watch, health: Health
) -> None:
    pair.begin()
    watch()
    reached(pair, RolloutState.SOAKING)
    with away(server):
        health.close()
        reached(pair, RolloutState.ROLLING_BACK)
    reached(pair, RolloutState.ROLLED_BACK, within=60)
    assert pair.live() == {"app": ("app:v1", 4, "")}
    assert pair.bounds() == (3, 12)

"""The servers that rollouts are tested on."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.engine.engine import Engine
from tests.rollouts.lives import Life, start
from tests.rollouts.pair import Health, Pair, Server, listening, make_pair, running_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An embedded API server."""
    with running_server(tmp_path_factory.mktemp("server")) as found:
        yield found


@pytest.fixture
def health() -> Iterator[Health]:
    """What the health check asks."""
    with listening() as found:
        yield found


@pytest.fixture
def pair(server: Server, health: Health, tmp_path: Path) -> Pair:
    """A world whose phases a person promotes."""
    name = f"rollout-{secrets.token_hex(3)}"
    return make_pair(server, tmp_path / "pair", name, health.port, promotion="person")


@pytest.fixture
def watch(pair: Pair) -> Iterator[Callable[..., Life]]:
    """Starts watchers; they are ended with the test."""
    lives: list[Life] = []

    def begin(**options: object) -> Life:
        lives.append(start(pair.folder, **options))  # type: ignore[arg-type]
        return lives[-1]

    yield begin
    for life in lives:
        life.end()


@pytest.fixture
def desk(pair: Pair) -> Iterator[Callable[[], Engine]]:
    """Opens consoles without a screen on the same files."""
    opened: list[Engine] = []

    def open_one() -> Engine:
        system = pair.system
        pair.state.mkdir(exist_ok=True)
        engine = Engine(
            system,
            system.environments[0],
            folder=pair.state,
            clock=lambda: datetime.now(UTC),
            environ=os.environ,
            interval=timedelta(seconds=0.3),
        )
        engine.start()
        opened.append(engine)
        return engine

    yield open_one
    for engine in opened:
        engine.stop("the test ended")

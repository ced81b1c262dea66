"""A driver killed after each of its journal writes in turn: the same end, no write twice, no soak invented."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from console.core.rollouts.state import RolloutState
from tests.rollouts.lives import NEVER, start
from tests.rollouts.pair import Pair, Server, listening, make_pair

# A life mostly waits: for pods, and for the time that a soak takes.
AT_ONCE = 10
WITHIN = 60.0


@dataclass(frozen=True, slots=True)
class Ended:
    """What a rollout left behind. writes: facts in the journal. generations: how often each object's spec changed."""

    state: RolloutState
    live: dict[str, tuple[str, int, str]]
    bounds: tuple[int, int]
    generations: dict[str, int]
    writes: int
    first_life: int | None


def run_through(pair: Pair, kill_after: int) -> Ended:
    """A whole rollout, by one life that dies after so many writes and another that goes on."""
    pair.begin()
    began = time.monotonic()
    deaths = None
    for kill in dict.fromkeys((kill_after, NEVER)):
        life = start(pair.folder, kill)
        code = life.ends(WITHIN)
        if code is None:
            life.end()
            raise AssertionError(
                f"{pair.namespace} is stuck: {pair.rollout()}\n{(pair.folder / 'watcher.log').read_text()}"
            )
        deaths = code if deaths is None else deaths
    elapsed = timedelta(seconds=time.monotonic() - began)
    rollout = pair.rollout()
    for attempt in rollout.attempts:
        assert attempt.soak.observed <= elapsed * 3600, "a second of soak was invented"
        assert attempt.soak.observed >= (timedelta(hours=1) if attempt.phase == 0 else timedelta(minutes=30))
    journal = pair.journal()
    try:
        assert journal.open_intents() == ()
        writes = sum(event.kind.startswith("rollout.") for event in journal.events())
    finally:
        journal.close()
    return Ended(rollout.state, pair.live(), pair.bounds(), pair.generations(), writes, deaths)


@pytest.mark.timeout(280)
def test_a_driver_killed_after_any_of_its_writes_comes_to_the_same_end(server: Server, tmp_path: Path) -> None:
    with listening() as health:
        calm = run_through(make_pair(server, tmp_path / "calm", "calm", health.port), NEVER)
        assert calm.state is RolloutState.COMPLETED
        assert calm.live == {"app": ("app:v2", 4, "INFO")}
        assert calm.bounds == (3, 12)

        def die(point: int) -> tuple[int, Ended]:
            name = f"killed-{point}"
            return point, run_through(make_pair(server, tmp_path / name, name, health.port), point)

        with ThreadPoolExecutor(AT_ONCE) as crowd:
            ended = dict(crowd.map(die, range(1, calm.writes)))
    killed = [point for point, one in ended.items() if one.first_life == -9]
    assert killed[:10] == list(range(1, 11)), "the first life did not die where it was told to"
    for point, one in ended.items():
        assert one.state is RolloutState.COMPLETED, f"killed after write {point}"
        assert one.live == calm.live, f"killed after write {point}"
        assert one.bounds == calm.bounds, f"killed after write {point}"
        assert one.generations == calm.generations, f"killed after write {point}: a write was applied twice"
    print(f"killed at {len(killed)} points of {calm.writes - 1} writes")

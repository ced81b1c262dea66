"""What a rehearsal tells: breaches, blindness, soaks begun anew, as few lines as tell it all."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from console.core.rollouts.plan import RolloutPlan
from console.core.rollouts.state import RolloutState
from console.core.system import System
from console.engine.scenario import Anchor, Chosen, Doing, Entry, Outage, Scenario, When, chosen_entries
from console.engine.scripted import Flap, Gone, Level, Ramp
from console.engine.timeline import Rehearsed
from tests.rehearsal.plans import minutes, run, small


@pytest.fixture
def plan(tmp_path: Path) -> tuple[RolloutPlan, System]:
    return small(tmp_path)


def told(rehearsed: Rehearsed, *words: str) -> list[str]:
    return [one.what for one in rehearsed.moments if any(word in one.what for word in words)]


def soaking(seconds: float) -> Anchor:
    return Anchor(When.CONFIRMED, "first", timedelta(seconds=seconds))


def test_a_flapping_metric_is_one_line_and_not_one_for_each_turn(plan: tuple[RolloutPlan, System]) -> None:
    flap = Entry("error_rate", soaking(180), Flap(0.08, 0.005, timedelta(seconds=60)), minutes(10))
    rehearsed, _ = run(*plan, Scenario("flap", entries=(flap,)))
    (line,) = told(rehearsed, "`error_rate > 5% for 2m` is being breached")
    assert "10 times until" in line and line.endswith("5m in all")


def test_rules_that_go_blind_together_are_told_together(plan: tuple[RolloutPlan, System]) -> None:
    gone = tuple(Entry(name, soaking(300), Gone(), minutes(2)) for name in ("error_rate", "hits"))
    rehearsed, _ = run(*plan, Scenario("gone", entries=gone))
    assert told(rehearsed, "flying blind")[0].startswith("flying blind: ")
    assert any(line.endswith((" and 1 more", " and 2 more")) for line in told(rehearsed, "flying blind"))
    assert len(told(rehearsed, "flying blind")) < 4
    assert told(rehearsed, "judged again")


def test_what_ended_with_the_rollback_is_not_told_to_have_got_better(plan: tuple[RolloutPlan, System]) -> None:
    breach = Entry("error_rate", soaking(300), Level(0.2))
    rehearsed, _ = run(*plan, Scenario("breach", entries=(breach,)))
    assert rehearsed.state is RolloutState.ROLLED_BACK
    assert len(told(rehearsed, "is being breached")) == 1
    assert told(rehearsed, "not breached any more", "holds again") == []
    # The clock of an attempt is the one it was left with, not the last one that was written down.
    (phase,) = rehearsed.phases
    assert phase.confirmed is not None and phase.left is not None
    assert phase.observed + phase.bad >= phase.left - phase.confirmed - minutes(2) - timedelta(seconds=15)


def test_a_soak_that_begins_anew_is_told_and_counted(plan: tuple[RolloutPlan, System]) -> None:
    rehearsed, _ = run(*plan, Scenario("away", outages=(Outage("watcher", soaking(300), minutes(70)),)))
    assert told(rehearsed, "the soak begins anew", "the watcher is back") == [
        "the watcher is back",
        "the soak begins anew",
    ]
    assert rehearsed.phases[0].restarts == 1


def test_a_chosen_metric_is_the_one_that_is_preferred(plan: tuple[RolloutPlan, System]) -> None:
    phase = plan[0].phases[0]
    good = {"error_rate": 0.005, "latency": 0.1, "memory": 2e8, "hits": 0.9, "requests": 20.0}
    here = Anchor(When.CONFIRMED, "here")

    def chosen(doing: Doing, *prefer: str) -> Entry | None:
        entries, _ = chosen_entries(Chosen(here, doing, prefer), phase, good)
        return entries[0] if entries else None

    memory, latency = chosen(Doing.LEAK, "memory"), chosen(Doing.TRIP, "latency")
    assert memory is not None and memory.name == "memory" and isinstance(memory.shape, Ramp)
    assert memory.shape.last > 500e6 > memory.shape.first
    assert latency is not None and latency.shape == Level(0.8)
    flapping = chosen(Doing.FLAP, "error")
    assert flapping is not None and flapping.name == "error_rate" and isinstance(flapping.shape, Flap)
    assert flapping.shape.period <= minutes(2)
    # A criterion without a duration trips at once, so its metric cannot flap without tripping.
    instant = chosen(Doing.FLAP, "latency")
    assert instant is not None and not (instant.name == "latency" and instant.shape.one > 0.4)  # type: ignore[union-attr]

"""Time without a watcher, or without Prometheus, and the soak clock: nothing is invented, nothing is lost twice."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from console.core.rollouts.facts import Fact, Kind
from console.core.rollouts.plan import RolloutPlan
from console.core.rollouts.state import RolloutState
from console.core.system import System
from console.engine.rehearsal import CHECKPOINT
from console.engine.scenario import Anchor, Deed, Entry, Failure, Outage, Scenario, When
from console.engine.scripted import Level
from console.engine.scripted_people import People
from console.engine.timeline import PhaseRun
from tests.rehearsal.plans import minutes, run, small

TICK = timedelta(seconds=5)
KEPT = """
name: kept
outage: {tolerance: 1h, grace: 10m}
phases:
  - name: only
    environment: staging
    soak: 6h
    gates: [error_rate < 1%]
    rollback_when: [error_rate > 5% for 2m]
"""
"""Judged on what Prometheus keeps, so that time without a watcher can be looked up afterwards."""

OWN = KEPT.replace("name: kept", "name: own").replace("[error_rate < 1%]", "[error_rate < 1%, memory < 400MB]")
"""Judged on the console's own samples as well, of which there are none while nobody watches."""


@pytest.fixture
def kept(tmp_path: Path) -> tuple[RolloutPlan, System]:
    return small(tmp_path, KEPT)


@pytest.fixture
def own(tmp_path: Path) -> tuple[RolloutPlan, System]:
    return small(tmp_path, OWN)


def away(lasts: timedelta, *, of: str = "watcher", kept: bool = False, entries: tuple[Entry, ...] = ()) -> Scenario:
    """Away two hours into the soak."""
    outage = Outage(of, Anchor(When.CONFIRMED, "only", timedelta(hours=2)), lasts, kept)
    return Scenario("away", outages=(outage,), entries=entries, lasts=timedelta(days=2))


def soaked(plan: tuple[RolloutPlan, System], scenario: Scenario) -> tuple[PhaseRun, timedelta, list[Fact]]:
    """The only phase, how long it took from confirmed to ready, and the facts."""
    rehearsed, facts = run(*plan, scenario)
    (phase,) = rehearsed.phases
    assert rehearsed.state is RolloutState.COMPLETED
    assert phase.confirmed is not None and phase.ready is not None
    return phase, phase.ready - phase.confirmed, facts


def test_without_an_outage_the_soak_lasts_what_it_says(kept: tuple[RolloutPlan, System]) -> None:
    phase, took, _ = soaked(kept, Scenario("well"))
    assert (took, phase.observed, phase.unobserved) == (timedelta(hours=6), timedelta(hours=6), timedelta(0))


def test_time_without_a_watcher_counts_once_a_server_tells_that_it_was_good(kept: tuple[RolloutPlan, System]) -> None:
    phase, took, facts = soaked(kept, away(timedelta(hours=3)))
    assert phase.unobserved == timedelta(0)
    # Three hours are past the tolerance of one, and still nothing is lost, for every second of them is known.
    assert timedelta(hours=6) <= took <= timedelta(hours=6) + 3 * TICK
    assert sum(fact.kind is Kind.DRIVEN for fact in facts) == 2


def test_what_was_bad_while_nobody_watched_does_not_count(kept: tuple[RolloutPlan, System]) -> None:
    bad = Entry("error_rate", Anchor(When.CONFIRMED, "only", timedelta(hours=3)), Level(0.02), minutes(20))
    phase, took, facts = soaked(kept, away(timedelta(hours=3), entries=(bad,)))
    assert phase.bad == minutes(20)
    assert timedelta(hours=6) + minutes(20) <= took <= timedelta(hours=6) + minutes(20) + 3 * TICK
    assert not any(fact.kind is Kind.ROLLING_BACK for fact in facts)


def test_an_outage_within_the_tolerance_stops_the_clock(own: tuple[RolloutPlan, System]) -> None:
    phase, took, _ = soaked(own, away(minutes(40)))
    missed = took - timedelta(hours=6)
    # What was seen after the clock was last written down is unknown to the next watcher as well.
    assert minutes(40) <= missed <= minutes(40) + CHECKPOINT + 4 * TICK
    assert phase.observed >= timedelta(hours=6)


def test_an_outage_that_lasts_too_long_begins_the_soak_anew(own: tuple[RolloutPlan, System]) -> None:
    phase, took, _ = soaked(own, away(minutes(70)))
    back = timedelta(hours=2) + minutes(70)
    assert back + timedelta(hours=6) <= took <= back + timedelta(hours=6) + 4 * TICK
    assert phase.observed == timedelta(hours=6)


def test_after_an_outage_a_grace_must_be_observed(own: tuple[RolloutPlan, System]) -> None:
    late = Outage("watcher", Anchor(When.CONFIRMED, "only", timedelta(hours=6) - minutes(1)), minutes(5))
    phase, took, _ = soaked(own, Scenario("late", outages=(late,)))
    # At most six minutes of soak were missing, and yet ten are observed: the grace.
    back = timedelta(hours=6) + minutes(4)
    assert back + minutes(10) <= took <= back + minutes(10) + 4 * TICK
    assert phase.observed >= timedelta(hours=6)


def test_what_the_console_samples_itself_is_missing_where_it_did_not_look(tmp_path: Path) -> None:
    text = OWN.replace("memory < 400MB", "memory < 400MB for 1h").replace("grace: 10m", "grace: 1m")
    late = Outage("watcher", Anchor(When.CONFIRMED, "only", timedelta(hours=5, minutes=55)), minutes(50))
    _, took, _ = soaked(small(tmp_path, text), Scenario("late", outages=(late,)))
    # Back at 6:45, and blind until 7:07, when the truth from before is more than a fifth of the hour too old to stand
    # for the hole. That is more than an hour in all, so the soak begins anew there.
    assert timedelta(hours=13, minutes=6, seconds=50) <= took <= timedelta(hours=13, minutes=7, seconds=10)


def test_a_breach_goes_on_while_nobody_watches_and_trips_when_somebody_does(own: tuple[RolloutPlan, System]) -> None:
    breach = Entry("error_rate", Anchor(When.CONFIRMED, "only", timedelta(hours=2, minutes=10)), Level(0.2))
    rehearsed, facts = run(*own, away(minutes(30), entries=(breach,)))
    assert rehearsed.state is RolloutState.ROLLED_BACK
    confirmed = next(fact.at for fact in facts if fact.kind is Kind.CONFIRMED)
    assert [trip.at for trip in rehearsed.trips] == [confirmed + timedelta(hours=2, minutes=30)]


def test_a_prometheus_that_is_away_trips_nothing_and_promotes_nothing(kept: tuple[RolloutPlan, System]) -> None:
    phase, took, facts = soaked(kept, away(minutes(50), of="prometheus"))
    confirmed = next(fact.at for fact in facts if fact.kind is Kind.CONFIRMED)
    begin, end = confirmed + timedelta(hours=2), confirmed + timedelta(hours=2, minutes=50)
    assert {fact.kind for fact in facts if begin <= fact.at < end} <= {Kind.SOAKED}
    assert minutes(50) <= took - timedelta(hours=6) <= minutes(50) + 4 * TICK
    assert phase.unobserved >= minutes(50)


def test_what_prometheus_kept_while_it_could_not_be_asked_counts_afterwards(kept: tuple[RolloutPlan, System]) -> None:
    phase, took, _ = soaked(kept, away(minutes(50), of="prometheus", kept=True))
    assert phase.unobserved == timedelta(0)
    assert took <= timedelta(hours=6) + 4 * TICK


def test_an_apply_that_fails_is_held_and_a_person_tries_again(own: tuple[RolloutPlan, System]) -> None:
    people = People(retries_after=minutes(30))
    failing = Scenario("fails", failures=(Failure("only", "the pods do not become ready"),), people=people)
    rehearsed, facts = run(*own, failing)
    held = next(fact for fact in facts if fact.kind is Kind.HELD)
    assert "the pods do not become ready" in held.body["why"]
    assert rehearsed.state is RolloutState.COMPLETED
    assert [one.attempt for one in rehearsed.phases] == [1, 2]
    assert rehearsed.phases[1].begun - held.at == minutes(30) + TICK

    alone, _ = run(*own, Scenario("fails", failures=failing.failures, lasts=timedelta(days=1)))
    assert alone.state is RolloutState.HELD
    assert "the pods do not become ready" in alone.why


def test_what_a_person_does_of_their_own_is_done_at_its_second(own: tuple[RolloutPlan, System]) -> None:
    at = Anchor(When.CONFIRMED, "only", timedelta(hours=1, seconds=7))
    back = Anchor(When.CONFIRMED, "only", timedelta(hours=2, seconds=7))
    held = Scenario("held", deeds=(Deed(at, "hold", "lunch"), Deed(back, "resume")))
    phase, took, facts = soaked(own, held)
    confirmed = phase.confirmed
    assert confirmed is not None
    assert [fact.at - confirmed for fact in facts if fact.kind in (Kind.HELD, Kind.RESUMED)] == [at.after, back.after]
    assert timedelta(hours=7) <= took <= timedelta(hours=7) + 3 * TICK

    rehearsed, _ = run(*own, Scenario("back", deeds=(Deed(at, "rollback", "in doubt"),)))
    assert rehearsed.state is RolloutState.ROLLED_BACK
    assert "in doubt" in rehearsed.why
    assert rehearsed.trips == ()

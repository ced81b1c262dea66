"""The soak clock: only time that was observed good counts, once, and outages cost what Prometheus makes them cost."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from console.core.rollouts.plan import OnBad
from console.core.rollouts.soak import (
    MOST_GAPS,
    PATIENCE,
    Gap,
    Mood,
    Soak,
    done,
    fill,
    held,
    left,
    open_gaps,
    settle,
    skip,
    started,
    tick,
)
from tests.core.rollouts.soaks import ANEW, RULES, ZERO, at, away, go
from tests.core.rollouts.worlds import HOUR, MINUTE, NOON, SECOND


def test_seconds_observed_good_count() -> None:
    soak = go(started(NOON), HOUR)
    assert (soak.observed, soak.unobserved, soak.bad) == (HOUR, ZERO, ZERO)
    assert left(soak, 48 * HOUR) == 47 * HOUR
    assert not done(soak, HOUR + SECOND)
    assert done(soak, HOUR)


@pytest.mark.parametrize(
    "first", [lambda: tick(Soak(), NOON, Mood.GOOD, RULES, passed=HOUR), lambda: skip(Soak(), NOON)]
)
def test_a_clock_that_was_never_marked_begins_where_it_is_first_looked_at(first: Callable[[], Soak]) -> None:
    assert first() == started(NOON)


def test_bad_seconds_do_not_count_and_the_soak_goes_on_after_them() -> None:
    soak = go(go(go(started(NOON), HOUR), MINUTE, Mood.BAD), HOUR)
    assert (soak.observed, soak.bad, soak.restarts) == (2 * HOUR, MINUTE, 0)


def test_a_bad_second_begins_a_soak_anew_that_says_so_and_is_one_restart() -> None:
    soak = go(go(go(started(NOON), HOUR, rules=ANEW), MINUTE, Mood.BAD, ANEW), HOUR, rules=ANEW)
    assert (soak.observed, soak.bad, soak.restarts) == (HOUR, MINUTE, 1)


def test_blind_time_is_unobserved_and_one_gap() -> None:
    soak = go(go(go(started(NOON), HOUR), MINUTE, Mood.BLIND), MINUTE)
    assert (soak.observed, soak.unobserved) == (HOUR + MINUTE, MINUTE)
    assert soak.gaps == (Gap(NOON + HOUR, NOON + HOUR + MINUTE),)
    assert not done(soak, HOUR)


def test_a_gap_that_still_grows_is_not_asked_for() -> None:
    soak = go(go(started(NOON), HOUR), MINUTE, Mood.BLIND)
    assert open_gaps(soak) == ()
    assert open_gaps(go(soak, 10 * SECOND)) == soak.gaps


def test_time_before_the_first_sample_neither_counts_nor_is_missed() -> None:
    soak = go(go(started(NOON), MINUTE, Mood.EARLY), HOUR)
    assert (soak.observed, soak.unobserved, soak.bad, soak.gaps) == (HOUR, ZERO, ZERO, ())


def test_a_stretch_longer_than_the_longest_tick_is_unobserved() -> None:
    soak = tick(started(NOON), NOON + 31 * SECOND, Mood.GOOD, RULES, passed=31 * SECOND)
    assert (soak.observed, soak.unobserved, len(soak.gaps)) == (ZERO, 31 * SECOND, 1)


def test_the_first_tick_after_a_restart_is_unobserved_however_short() -> None:
    soak = away(started(NOON), SECOND)
    assert (soak.observed, soak.unobserved) == (ZERO, SECOND)


@pytest.mark.parametrize("passed", [7, 13])
def test_clocks_that_disagree_by_more_than_two_seconds_make_the_stretch_unobserved(passed: int) -> None:
    soak = tick(started(NOON), NOON + 10 * SECOND, Mood.GOOD, RULES, passed=passed * SECOND)
    assert (soak.observed, soak.unobserved) == (ZERO, 10 * SECOND)


@pytest.mark.parametrize(("passed", "counted"), [(8, 8), (10, 10), (12, 10)])
def test_of_two_clocks_that_nearly_agree_the_smaller_counts(passed: int, counted: int) -> None:
    soak = tick(started(NOON), NOON + 10 * SECOND, Mood.GOOD, RULES, passed=passed * SECOND)
    assert (soak.observed, soak.gaps) == (counted * SECOND, ())


def test_in_a_fast_world_the_clocks_may_differ_by_a_part_of_the_longest_tick() -> None:
    fast = replace(RULES, longest_tick=4 * HOUR)
    soak = tick(started(NOON), NOON + HOUR, Mood.GOOD, fast, passed=HOUR - MINUTE)
    assert soak.observed == HOUR - MINUTE


def test_a_jump_forward_invents_no_second() -> None:
    soak = tick(go(started(NOON), HOUR), NOON + 9 * HOUR, Mood.GOOD, RULES, passed=10 * SECOND)
    assert (soak.observed, soak.unobserved) == (HOUR, 8 * HOUR)


def test_after_a_jump_back_no_second_counts_twice() -> None:
    soak = go(started(NOON), HOUR)
    soak = tick(soak, NOON + 30 * MINUTE, Mood.GOOD, RULES, passed=10 * SECOND)
    assert (soak.marked, soak.observed, soak.unobserved) == (NOON + 30 * MINUTE, HOUR, ZERO)
    soak = go(soak, 30 * MINUTE)
    assert soak.observed == HOUR
    assert go(soak, MINUTE).observed == HOUR + MINUTE


def test_a_clock_that_was_a_day_ahead_for_a_minute_costs_that_minute_and_not_the_day() -> None:
    soak = go(started(NOON), HOUR)
    soak = tick(soak, NOON + 25 * HOUR, Mood.GOOD, RULES, passed=10 * SECOND)
    soak = go(soak, MINUTE)
    soak = tick(soak, NOON + HOUR + 70 * SECOND, Mood.GOOD, RULES, passed=10 * SECOND)
    assert (soak.observed, soak.unobserved) == (HOUR + MINUTE, 70 * SECOND)
    assert go(soak, HOUR).observed == 2 * HOUR + MINUTE
    day_later = go(replace(soak, marked=NOON + 25 * HOUR - MINUTE), 3 * MINUTE)
    assert day_later.observed == HOUR + 3 * MINUTE


def test_a_gap_that_a_range_query_knows_is_good_counts() -> None:
    soak = away(go(started(NOON), HOUR), 3 * HOUR)
    gap = soak.gaps[0]
    soak = fill(soak, gap, [gap])
    assert (soak.observed, soak.unobserved, soak.gaps, soak.grace, soak.restarts) == (4 * HOUR, ZERO, (), ZERO, 0)
    assert settle(soak, gap, RULES) == soak


def test_of_a_gap_only_the_part_that_was_good_counts_and_it_counts_once() -> None:
    soak = away(go(started(NOON), HOUR), 30 * MINUTE)
    gap = soak.gaps[0]
    good, bad = Gap(gap.begin, gap.begin + 10 * MINUTE), Gap(gap.begin + 10 * MINUTE, gap.begin + 12 * MINUTE)
    once = fill(soak, gap, [good], [bad])
    assert (once.observed, once.bad, once.unobserved) == (HOUR + 10 * MINUTE, 2 * MINUTE, 18 * MINUTE)
    assert fill(once, gap, [good], [bad]) == once


def test_what_is_no_gap_is_never_filled() -> None:
    soak = go(started(NOON), HOUR)
    assert fill(soak, Gap(NOON, NOON + 5 * HOUR), [Gap(NOON, NOON + 5 * HOUR)]) == soak


def test_a_bad_part_of_a_gap_begins_a_soak_anew_after_it() -> None:
    soak = go(away(go(started(NOON), HOUR, rules=ANEW), 30 * MINUTE, ANEW), MINUTE, rules=ANEW)
    gap = soak.gaps[0]
    bad = Gap(gap.begin + 10 * MINUTE, gap.begin + 12 * MINUTE)
    soak = fill(soak, gap, [gap], [bad], on_bad=OnBad.RESTART)
    assert (soak.observed, soak.bad, soak.restarts, soak.gaps) == (19 * MINUTE, 2 * MINUTE, 1, ())


def test_prometheus_restores_normally_what_was_pending_goes_on_where_it_stopped() -> None:
    soak = away(go(started(NOON), HOUR), 5 * MINUTE)
    soak = settle(soak, soak.gaps[0], RULES)
    assert (soak.observed, soak.restarts) == (HOUR, 0)
    assert left(soak, 48 * HOUR) == 47 * HOUR


def test_prometheus_restores_an_outage_within_the_tolerance_and_does_not_count_it() -> None:
    soak = away(go(started(NOON), HOUR), HOUR)
    soak = settle(soak, soak.gaps[0], RULES)
    assert (soak.observed, soak.unobserved, soak.restarts) == (HOUR, HOUR, 0)


def test_prometheus_begins_anew_after_an_outage_that_was_too_long() -> None:
    soak = away(go(started(NOON), HOUR), HOUR + SECOND)
    soak = settle(soak, soak.gaps[0], RULES)
    assert (soak.observed, soak.restarts, left(soak, 48 * HOUR)) == (ZERO, 1, 48 * HOUR)


def test_prometheus_asks_for_the_grace_where_less_than_it_was_left() -> None:
    rules = replace(RULES, needed=HOUR)
    soak = away(go(started(NOON), HOUR - MINUTE), 5 * MINUTE, rules)
    soak = settle(soak, soak.gaps[0], rules)
    assert left(soak, HOUR) == 10 * MINUTE
    soak = go(soak, 10 * MINUTE - SECOND, rules=rules)
    assert soak.observed > HOUR
    assert not done(soak, HOUR)
    assert done(go(soak, SECOND, rules=rules), HOUR)


def test_a_grace_is_never_longer_than_the_soak() -> None:
    rules = replace(RULES, needed=MINUTE)
    soak = away(go(started(NOON), 30 * SECOND), 5 * MINUTE, rules)
    assert left(settle(soak, soak.gaps[0], rules), MINUTE) == MINUTE


def test_only_good_time_pays_the_grace() -> None:
    rules = replace(RULES, needed=HOUR)
    soak = away(go(started(NOON), HOUR), MINUTE, rules)
    soak = settle(soak, soak.gaps[0], rules)
    assert go(soak, 10 * MINUTE, Mood.BAD).grace == 10 * MINUTE
    assert go(soak, 4 * MINUTE).grace == 6 * MINUTE


def test_good_time_since_the_outage_counts_when_it_is_settled_late() -> None:
    soak = go(away(go(started(NOON), HOUR), 2 * HOUR), 4 * MINUTE)
    assert (after := settle(soak, soak.gaps[0], RULES)).observed == 4 * MINUTE
    assert after.restarts == 1
    soak = go(away(go(started(NOON), HOUR), 30 * MINUTE), 4 * MINUTE)
    assert settle(soak, soak.gaps[0], RULES).grace == 6 * MINUTE


def test_an_outage_in_two_blind_halves_is_one_outage() -> None:
    soak = go(started(NOON), HOUR)
    soak = away(away(soak, 40 * MINUTE), 40 * MINUTE)
    soak = settle(go(soak, SECOND), soak.gaps[0], RULES)
    assert soak.restarts == 1


def test_a_gap_that_nobody_settles_settles_by_itself() -> None:
    soak = away(go(started(NOON), HOUR), 2 * HOUR)
    soak = go(soak, RULES.longest_tick * PATIENCE)
    assert soak.gaps
    soak = go(soak, SECOND)
    assert (soak.gaps, soak.restarts) == ((), 1)
    assert soak.observed == RULES.longest_tick * PATIENCE + SECOND


def test_a_gap_waits_to_be_filled_for_as_long_as_nothing_can_be_seen() -> None:
    soak = go(away(go(started(NOON), HOUR), MINUTE), MINUTE)
    soak = away(go(soak, 2 * HOUR, Mood.BLIND), 5 * HOUR)
    assert len(soak.gaps) == 2
    assert go(soak, HOUR, Mood.BAD).gaps == soak.gaps


def test_more_gaps_than_are_kept_are_settled_and_never_forgotten() -> None:
    eager = replace(RULES, longest_tick=HOUR)
    soak = started(NOON)
    for _ in range(MOST_GAPS + 20):
        soak = tick(soak, at(soak) + SECOND, Mood.BLIND, eager, passed=SECOND)
        soak = tick(soak, at(soak) + SECOND, Mood.GOOD, eager, passed=SECOND)
    assert len(soak.gaps) == MOST_GAPS
    assert soak.grace > ZERO
    assert soak.unobserved == (MOST_GAPS + 20) * SECOND


def test_held_time_is_neither_good_nor_missed() -> None:
    soak = go(skip(go(started(NOON), HOUR), NOON + 5 * HOUR), HOUR)
    assert (soak.observed, soak.unobserved) == (2 * HOUR, ZERO)


def test_what_was_not_accounted_for_before_a_hold_is_a_gap_and_the_hold_is_not() -> None:
    soak = held(go(started(NOON), HOUR), NOON + 2 * HOUR, NOON + 9 * HOUR)
    assert soak.gaps == (Gap(NOON + HOUR, NOON + 2 * HOUR),)
    assert (soak.marked, soak.unobserved) == (NOON + 9 * HOUR, HOUR)
    assert held(soak, NOON, NOON + 3 * HOUR) == soak


def test_a_soak_survives_the_journal() -> None:
    soak = go(away(go(started(NOON), HOUR), 5 * MINUTE), MINUTE)
    soak = tick(soak, NOON + 30 * MINUTE, Mood.GOOD, RULES, passed=10 * SECOND)
    assert soak.ahead
    assert Soak.from_body(json.loads(json.dumps(soak.as_body()))) == soak
    assert Soak.from_body(Soak().as_body()) == Soak()


@pytest.mark.parametrize(
    "change",
    [
        {"observed": -1},
        {"observed": float("nan")},
        {"bad": "x"},
        {"marked": "yesterday"},
        {"marked": "2026-03-04T12:00:00"},
        {"gaps": 5},
        {"gaps": [["a", "b"]]},
        {"restarts": None},
        {"restarts": -1},
        {"since": 1e9},
    ],
)
def test_a_body_that_is_no_soak_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="no soak clock"):
        Soak.from_body({**Soak(marked=NOON).as_body(), **change})

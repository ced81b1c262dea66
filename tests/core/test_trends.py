"""Trends: history in even steps, and a pace that noise does not make."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.core.picture import Trend
from console.core.trends import trend
from console.core.verdicts import Sample
from tests.core.worlds import NOON

WINDOW = timedelta(minutes=10)
STEP = timedelta(seconds=10)


def samples(value: Callable[[int], float], seconds: int = 600) -> list[Sample]:
    """A sample every ten seconds; value: by its age in seconds."""
    return [Sample(NOON - timedelta(seconds=age), value(age)) for age in range(seconds, -1, -10)]


def of(taken: list[Sample], limit: float | None = None) -> Trend:
    return trend(taken, NOON, WINDOW, 30, limit)


def test_steady_growth_has_a_pace_and_a_time_to_the_limit() -> None:
    growing = of(samples(lambda age: 1000 - age / 60), 1120.0)
    assert len(growing.history) == 30
    assert growing.history[-1] == 1000
    assert growing.change == pytest.approx(9.5, abs=0.4)
    assert growing.per_hour == pytest.approx(0.06, rel=0.02)
    assert growing.full_in == pytest.approx(timedelta(hours=2), rel=0.01)


def test_one_wild_value_in_four_does_not_move_the_pace() -> None:
    wild = of(samples(lambda age: 1e9 if age % 80 == 0 else 1000 - age / 60))
    assert wild.per_hour == pytest.approx(0.06, rel=0.3)


def test_noise_and_a_sawtooth_are_not_a_growth_that_fills_up() -> None:
    dice = random.Random(4)
    assert of(samples(lambda age: 1000 + dice.gauss(0, 20)), 1100.0).full_in is None
    assert of(samples(lambda age: 1000 - age % 100), 1100.0).full_in is None


def test_what_shrinks_or_has_no_limit_is_never_full_and_what_is_at_its_limit_is_full_now() -> None:
    assert of(samples(lambda age: 1000 + age), 2000.0).full_in is None
    assert of(samples(lambda age: 1000 - age)).full_in is None
    assert of(samples(lambda age: 1000), 1000.0).full_in == timedelta(0)
    assert of(samples(lambda age: 1000 - age / 1e6), 2000.0).full_in is None


def test_a_constant_has_no_pace_but_zero_even_at_zero() -> None:
    for constant in (0.0, 7.0):
        flat = of(samples(lambda age, value=constant: value), 100.0)  # type: ignore[misc]
        assert (flat.change, flat.per_hour, flat.full_in) == (0, 0, None)


def test_too_little_known_gives_no_pace_and_unknown_parts_stay_unknown() -> None:
    young = of(samples(lambda age: 1000 - age, seconds=120), 1100.0)
    assert (young.change, young.per_hour, young.full_in) == (None, None, None)
    assert young.history[:20] == (None,) * 20
    gap = of([one for one in samples(lambda age: 1000.0) if not 210 <= (NOON - one.at).total_seconds() <= 300])
    assert gap.history.count(None) == 5
    assert gap.per_hour == 0
    assert of([]) == Trend(history=(None,) * 30, window=WINDOW)


def test_stale_samples_give_no_change() -> None:
    old = of([one for one in samples(lambda age: 1000.0 - age) if NOON - one.at > timedelta(minutes=3)])
    assert old.change is None
    assert old.history[-8:] == (None,) * 8


def test_nan_is_unknown() -> None:
    assert of(samples(lambda age: math.nan)).history == (None,) * 30


@given(st.lists(st.floats(0, 1e12), max_size=70), st.integers(0, 9))
def test_equal_samples_give_an_equal_trend_until_the_next_part_of_the_window_begins(
    values: list[float], seconds: int
) -> None:
    taken = [Sample(NOON - STEP * age, value) for age, value in enumerate(values)][::-1]
    assert of(taken, 1e12) == trend(taken, NOON + timedelta(seconds=seconds), WINDOW, 30, 1e12)


def test_a_window_without_parts_is_refused() -> None:
    with pytest.raises(ValueError, match="a trend needs"):
        trend([], NOON, WINDOW, 1, None)

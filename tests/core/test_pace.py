"""Rollout time runs evenly through one moment at which it is the wall's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.core.pace import Pace

SINCE = datetime(2026, 11, 20, 17, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_a_minute_is_a_day_at_1440() -> None:
    pace = Pace(1440, SINCE)
    assert pace.rollout_time(SINCE) == SINCE
    assert pace.rollout_time(SINCE + MINUTE) == SINCE + timedelta(days=1)
    assert pace.rollout_time(SINCE - MINUTE) == SINCE - timedelta(days=1)
    assert pace.span(MINUTE) == timedelta(days=1) and pace.wall_span(timedelta(days=1)) == MINUTE
    assert pace.wall_time(SINCE + timedelta(days=1)) == SINCE + MINUTE


@pytest.mark.parametrize("speed", [0, 0.99, -1, 1_000_001, float("nan")])
def test_a_pace_is_from_one_to_a_million(speed: float) -> None:
    with pytest.raises(ValueError, match="not from 1 to 1,000,000"):
        Pace(speed, SINCE)


@given(
    speed=st.integers(1, 1_000_000),
    one=st.timedeltas(timedelta(0), timedelta(hours=40)),
    other=st.timedeltas(timedelta(0), timedelta(hours=40)),
)
def test_spans_between_moments_are_spans_at_that_speed(speed: int, one: timedelta, other: timedelta) -> None:
    pace = Pace(speed, SINCE)
    between = pace.rollout_time(SINCE + other) - pace.rollout_time(SINCE + one)
    assert between == pace.span(other - one)


def test_at_the_ends_of_the_calendar_time_stands() -> None:
    pace = Pace(1_000_000, SINCE)
    late, later = (pace.rollout_time(SINCE + timedelta(days=days)) for days in (100, 101))
    assert late == later and late.year == 9999
    assert pace.rollout_time(SINCE - timedelta(days=100)).year == 1
    assert pace.span(timedelta.max) == timedelta.max

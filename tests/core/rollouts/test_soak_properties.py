"""What must hold of the soak clock whatever the clocks, the readings and the outages are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from console.core.rollouts.plan import OnBad
from console.core.rollouts.soak import (
    Gap,
    Mood,
    Soak,
    fill,
    left,
    open_gaps,
    settle,
    skip,
    started,
    tick,
)
from console.core.rollouts.spans import length, merged
from tests.core.rollouts.soaks import RULES, ZERO, at, away
from tests.core.rollouts.worlds import MINUTE, NOON, SECOND

spans = st.integers(0, 4000).map(lambda seconds: timedelta(seconds=seconds))


@settings(deadline=None)
@given(
    st.integers(1, 40).map(lambda minutes: minutes * MINUTE),
    st.integers(0, 2400).map(lambda seconds: seconds * SECOND),
    st.integers(1, 7200).map(lambda seconds: seconds * SECOND),
    st.sampled_from([ZERO, MINUTE, 10 * MINUTE, 30 * MINUTE]),
)
def test_what_is_left_after_an_outage_is_what_prometheus_leaves(
    needed: timedelta, seen: timedelta, outage: timedelta, grace: timedelta
) -> None:
    """The arithmetic of Prometheus's `RestoreForState`, for an alert that did not fire yet."""
    seen = min(seen, needed - SECOND)
    rules = replace(RULES, needed=needed, grace=grace)
    soak = away(replace(started(NOON), observed=seen), outage, rules)
    soak = settle(soak, soak.gaps[0], rules)
    anew = outage > rules.tolerance or needed < grace
    assert left(soak, needed) == (needed if anew else max(needed - seen, grace))


moods = st.sampled_from([Mood.GOOD, Mood.GOOD, Mood.GOOD, Mood.BAD, Mood.BLIND, Mood.EARLY])
events = st.lists(
    st.tuples(
        st.sampled_from(["tick"] * 6 + ["slow", "restart", "stale", "jump", "hold", "settle"]),
        moods,
        st.integers(0, 20),
        st.sampled_from([-86400, -3600, -61, -5, 5, 61, 3600, 86400]),
    ),
    max_size=60,
)


@settings(deadline=None)
@given(events, st.sampled_from(list(OnBad)))
def test_no_soak_is_longer_than_the_time_that_really_was_good(events: Sequence[tuple], on_bad: OnBad) -> None:
    """Whatever the wall's clock does: `real` is time by a clock that never jumps, `offset` what the wall adds to it."""
    rules = replace(RULES, on_bad=on_bad)
    soak, real, offset, good, marked = started(NOON), 0, 0, 0, 0
    written = soak
    for what, mood, seconds, jump in events:
        if what == "jump":
            offset += jump
            continue
        if what == "settle":
            for gap in open_gaps(soak):
                soak = settle(soak, gap, rules)
            continue
        real += seconds * (100 if what == "slow" else 1)
        now, passed = NOON + (real + offset) * SECOND, (real - marked) * SECOND
        if what == "hold":
            soak, marked = skip(soak, now), real
            continue
        if what in ("restart", "stale"):
            soak, passed = (written if what == "stale" else soak), None
            soak = Soak.from_body(soak.as_body())
        before = soak
        soak = tick(soak, now, mood, rules, passed=passed)
        if mood is Mood.GOOD and passed is not None:
            good += real - marked
        marked = real
        assert soak.observed <= before.observed + (passed or ZERO)
        assert soak.marked == now
        assert ZERO <= soak.since <= soak.observed
        assert min(soak.unobserved, soak.bad, soak.grace) >= ZERO
        assert merged(soak.gaps) == soak.gaps
        assert all(gap.end <= now for gap in soak.gaps)
        assert all(part.begin >= now for part in soak.ahead)
        assert length(soak.gaps) <= soak.unobserved
        if seconds % 5 == 0:
            written = soak
        assert soak.observed <= good * SECOND
    assert soak.observed <= real * SECOND


@settings(deadline=None)
@given(events)
def test_no_second_of_the_wall_counts_twice(events: Sequence[tuple]) -> None:
    """Seen and bad seconds never are more than the seconds that the wall's clock went through."""
    soak, real, offset = started(NOON), 0, 0
    lived: list[Gap] = []
    for _, mood, seconds, jump in events:
        offset += jump if seconds == 7 else 0
        real += seconds
        now, before = NOON + (real + offset) * SECOND, at(soak)
        soak = tick(soak, now, mood, RULES, passed=seconds * SECOND)
        if seconds != 7 and now > before:
            lived.append(Gap(before, now))
        assert soak.observed + soak.bad <= length(merged(lived))


@settings(deadline=None)
@given(events, st.lists(st.tuples(spans, spans, st.booleans()), max_size=8))
def test_filling_gives_back_what_was_missed_and_no_more(
    events: Sequence[tuple], answers: Sequence[tuple[timedelta, timedelta, bool]]
) -> None:
    soak, real = started(NOON), 0
    for what, mood, seconds, _ in events:
        real += seconds * (20 if what == "slow" else 1)
        now = NOON + real * SECOND
        soak = tick(soak, now, mood, RULES, passed=None if what == "restart" else now - at(soak))
    whole = soak.observed + soak.unobserved + soak.bad
    assert whole <= real * SECOND
    for begin, span, good in answers:
        part = Gap(NOON + begin, NOON + begin + span)
        before = soak
        soak = fill(soak, part, [part] if good else [], [] if good else [part])
        assert soak.observed + soak.unobserved + soak.bad == whole
        assert soak.observed - before.observed <= before.unobserved
        assert soak.since <= soak.observed

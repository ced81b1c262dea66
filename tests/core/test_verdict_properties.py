"""What must hold of verdicts whatever the samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from console.core.conditions import Condition
from console.core.verdicts import STRIP, Mark, Sample, Series, Verdict, evaluate, instant_grid
from tests.core.worlds import MINUTE, NOON, condition, series

numbers = st.sampled_from([0.0, 1.0, 1.0, 2.0, 2.0, 2.0, math.inf, -math.inf, math.nan])
points = st.lists(st.one_of(numbers, numbers, numbers, st.none()), min_size=1, max_size=50)
spans = st.sampled_from([0, 1, 2, 3, 5, 10])
gaps = st.sampled_from(["hold", "reset", "trip"])
operators = st.sampled_from([">", ">=", "<", "<=", "==", "!="])
tests = st.sampled_from(
    ["> 1", "> 1 for 3m", "< 1 for 2m", "!= 1 for 1m", "> 1 over 4m", "stable within 50% over 4m", "fresh within 3m"]
)


def comparison(operator: str, minutes: int, gap: str) -> Condition:
    lasting = f" for {minutes}m" if minutes else ""
    return condition(f"violations {operator} 1{lasting} on gap {gap}")


def satisfies(operator: str, value: float) -> bool:
    """The operator on 1, written out."""
    if math.isnan(value):
        return False
    return {">": value > 1, ">=": value >= 1, "<": value < 1, "<=": value <= 1, "==": value == 1, "!=": value != 1}[
        operator
    ]


def read_off(values: Sequence[float | None], operator: str, minutes: int, gap: str) -> Verdict:
    """The rule read off a list of grid points, oldest first, in the plainest way there is."""
    truths = [None if value is None else satisfies(operator, value) for value in values]
    seen = [place for place, value in enumerate(values) if value is not None]
    if not seen:
        return Verdict.NODATA
    if gap == "trip" and any(value is not None and not math.isnan(value) for value in values):
        truths = [True if truth is None and place > seen[0] else truth for place, truth in enumerate(truths)]
    breaks = {False, None} if gap == "reset" else {False}
    if truths[-1] is None:
        return Verdict.NODATA
    if truths[-1] is False:
        return Verdict.FAIL
    broken = [place for place, truth in enumerate(truths) if truth in breaks]
    began = truths.index(True, broken[-1] + 1 if broken else 0)
    start, farthest = len(values) - 1 - minutes, len(values) - 1 - minutes - max(1, math.ceil(minutes / 5))
    if began > start or not any(truth for truth in truths[max(0, began, farthest) : start + 1]):
        return Verdict.PENDING
    window = values[len(values) - 1 - minutes :]
    known = sum(value is not None for value in window) / len(window)
    return Verdict.NODATA if known < 0.8 and gap != "trip" else Verdict.PASS


@settings(max_examples=400)
@given(points, operators, spans, gaps)
def test_the_verdict_is_what_the_rule_says_point_by_point(
    values: list[float | None], operator: str, minutes: int, gap: str
) -> None:
    judged = evaluate(comparison(operator, minutes, gap), series(values), NOON)
    assert judged.verdict is read_off(values, operator, minutes, gap)


@given(points, tests, gaps)
def test_a_pass_rests_on_a_fresh_known_newest_point_and_four_fifths_of_the_window(
    values: list[float | None], test: str, gap: str
) -> None:
    option = f" on gap {gap}" if "over" not in test and "within" not in test else ""
    judged = evaluate(condition(f"violations {test}{option}"), series(values), NOON)
    if judged.verdict is Verdict.PASS and "fresh" not in test and gap != "trip":
        assert values[-1] is not None
        assert judged.known >= 0.8
    if judged.verdict is Verdict.PASS:
        assert judged.true_for >= judged.needed or "over" in test
        assert judged.detail == ""
        assert judged.value is not None
        assert gap == "trip" or not math.isnan(judged.value)
    if judged.verdict in (Verdict.NODATA, Verdict.ERROR, Verdict.PENDING):
        assert judged.detail


@given(st.lists(st.sampled_from([None, math.nan]), max_size=40), tests, gaps, st.sampled_from([None, "no answer"]))
def test_missing_nan_and_failed_samples_alone_never_pass(
    values: list[float | None], test: str, gap: str, error: str | None
) -> None:
    option = f" on gap {gap}" if "over" not in test and "within" not in test else ""
    read = replace(series(values), error=error) if values else Series(MINUTE, end=NOON, error=error)
    judged = evaluate(condition(f"violations {test}{option}"), read, NOON)
    assert judged.verdict is not Verdict.PASS
    assert (judged.verdict is Verdict.ERROR) == (error is not None)


@given(points, tests, gaps, st.booleans())
def test_no_samples_pass_while_their_source_fails_or_warns(
    values: list[float | None], test: str, gap: str, failing: bool
) -> None:
    option = f" on gap {gap}" if "over" not in test and "within" not in test else ""
    good = series(values)
    read = replace(good, error="no answer") if failing else replace(good, partial=True)
    judged = evaluate(condition(f"violations {test}{option}"), read, NOON)
    assert judged.verdict is (Verdict.ERROR if failing else Verdict.NODATA)


@given(points, spans, gaps, st.data())
def test_a_lost_sample_that_was_true_never_makes_a_pass(
    values: list[float | None], minutes: int, gap: str, data: st.DataObject
) -> None:
    asked = comparison(">", minutes, gap)
    if evaluate(asked, series(values), NOON).verdict is Verdict.PASS or gap == "trip":
        return
    place = data.draw(st.integers(0, len(values) - 1))
    value = values[place]
    if gap == "reset" or (value is not None and value > 1):
        lost = [*values[:place], None, *values[place + 1 :]]
        assert evaluate(asked, series(lost), NOON).verdict is not Verdict.PASS


@given(points, spans)
def test_what_passes_with_reset_passes_with_hold_and_what_passes_with_hold_passes_with_trip(
    values: list[float | None], minutes: int
) -> None:
    passes = [
        evaluate(comparison(">", minutes, gap), series(values), NOON).verdict is Verdict.PASS
        for gap in ("reset", "hold", "trip")
    ]
    assert passes == sorted(passes)


@given(points, spans, gaps, st.floats(0, 3), st.floats(0, 3))
def test_a_higher_threshold_is_never_easier_to_exceed(
    values: list[float | None], minutes: int, gap: str, one: float, other: float
) -> None:
    low, high = sorted((one, other))
    lasting = f" for {minutes}m" if minutes else ""
    easy, hard = (condition(f"violations > {number!r}{lasting} on gap {gap}") for number in (low, high))
    if evaluate(hard, series(values), NOON).verdict is Verdict.PASS:
        assert evaluate(easy, series(values), NOON).verdict is Verdict.PASS


@given(st.lists(numbers, min_size=1, max_size=40), spans, spans, gaps)
def test_on_a_grid_without_gaps_a_longer_for_is_never_easier(
    values: list[float | None], one: int, other: int, gap: str
) -> None:
    short, long = sorted((one, other))
    if evaluate(comparison(">", long, gap), series(values), NOON).verdict is Verdict.PASS:
        assert evaluate(comparison(">", short, gap), series(values), NOON).verdict is Verdict.PASS


@given(points, operators, spans, gaps, st.lists(numbers, max_size=60))
def test_what_a_restart_loses_beyond_the_window_changes_no_verdict(
    values: list[float | None], operator: str, minutes: int, gap: str, older: list[float]
) -> None:
    asked = comparison(operator, minutes, gap)
    whole = series([*older, *values])
    begin = NOON - asked.window - MINUTE
    window = [one for one in whole.samples if one.at >= begin]
    # What the console keeps besides the window: the newest number before it.
    before = [one for one in whole.samples if one.at < begin and not math.isnan(one.value)][-1:]
    one, other = (evaluate(asked, each, NOON) for each in (whole, replace(whole, samples=(*before, *window))))
    assert (one.verdict, one.known) == (other.verdict, other.known)


@given(points, tests, st.integers(0, 30))
def test_points_before_the_cut_are_as_if_they_had_never_been(
    values: list[float | None], test: str, minutes: int
) -> None:
    if "fresh" in test:
        return
    asked, began = condition(f"violations {test}"), NOON - minutes * MINUTE
    read = series(values)
    other = replace(read, samples=tuple(Sample(s.at, 7.0) if s.at < began else s for s in read.samples))
    one, two = (evaluate(asked, one, NOON, began=began) for one in (read, other))
    assert replace(one, value=None) == replace(two, value=None)


@given(points, tests)
def test_equal_input_gives_an_equal_evaluation_and_a_strip_of_fixed_length(
    values: list[float | None], test: str
) -> None:
    asked = condition(f"violations {test}")
    one, other = evaluate(asked, series(values), NOON), evaluate(asked, series(list(values)), NOON)
    assert repr(one) == repr(other)
    assert len(one.strip) == STRIP
    missing = sum(mark is Mark.MISSING for mark in one.strip)
    assert missing == STRIP - sum(value is not None for value in values[-STRIP:])


seconds = st.integers(0, 1200)


@given(
    st.dictionaries(seconds, st.floats(), max_size=30),
    st.sets(seconds, max_size=6),
    st.integers(1, 400),
    st.integers(0, 1200),
)
def test_what_an_instant_grid_says_at_a_point_is_what_it_said_when_that_point_was_the_newest(
    raw: dict[int, float], stale: set[int], lookback: int, until: int
) -> None:
    def grid(end: int) -> Series:
        seen = [Sample(NOON + timedelta(seconds=at), value) for at, value in sorted(raw.items()) if at <= end]
        marks = [NOON + timedelta(seconds=at) for at in stale if at <= end]
        end_at = NOON + timedelta(seconds=end)
        return instant_grid(seen, marks, NOON, end_at, MINUTE, timedelta(seconds=lookback))

    whole, then = grid(1200), grid(until)
    assert repr(then.samples) == repr(tuple(one for one in whole.samples if one.at <= NOON + timedelta(seconds=until)))

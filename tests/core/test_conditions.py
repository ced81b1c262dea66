"""The condition grammar: what is read, what is refused, and with which words."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.core.conditions import (
    Average,
    Comparison,
    Condition,
    ConditionError,
    FailedChecks,
    Floor,
    Freshness,
    OnGap,
    Operator,
    Stability,
    parse_condition,
)
from console.core.units import UNITS, Dimension, Quantity, unit
from tests.core.worlds import CHECKS, METRICS, condition

FIVE_MINUTES = timedelta(minutes=5)
PERCENT = UNITS["%"]


def test_a_comparison_with_for() -> None:
    assert condition("error_rate > 5% for 5m") == Condition(
        "", "error_rate", Comparison(Operator.ABOVE, Quantity(5, PERCENT), FIVE_MINUTES)
    )


@pytest.mark.parametrize(
    ("written", "operator"),
    [
        (">", Operator.ABOVE),
        (">=", Operator.AT_LEAST),
        ("≥", Operator.AT_LEAST),
        ("<", Operator.BELOW),
        ("<=", Operator.AT_MOST),
        ("=", Operator.EQUAL),
        ("==", Operator.EQUAL),
        ("!=", Operator.UNEQUAL),
        ("≠", Operator.UNEQUAL),
    ],
)
@pytest.mark.parametrize("blank", ["", " ", "  "])
def test_every_operator_with_and_without_blanks(written: str, operator: Operator, blank: str) -> None:
    test = condition(f"violations{blank}{written}{blank}3").test
    assert test == Comparison(operator, Quantity(3, UNITS[""]))


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("rejects > 1,000/h", "rejects > 1000/h"),
        ("rejects > 1000 rejections per hour", "rejects > 1000/h"),
        ("p99 < 200 ms FOR 1 h 30 m", "p99 < 200ms for 1h30m"),
        ("memory < 500 mb over 2 hours", "memory < 500MB over 2h"),
        ("memory is stable within 5 % over 1h", "memory stable within 5% over 1h"),
        ("memory stable within 50MB over 1h", "memory stable within 50MB over 1h"),
        ("p99 is fresh within 90s", "p99 fresh within 1m30s"),
        ("api fails 3 times in a row", "api fails 3 times"),
        ("api fails 1 time", "api fails 1 time"),
        ("hot_path <= 8 ticks", "hot_path <= 8 ticks"),
        ("rejects > 0", "rejects > 0/h"),
        (
            "error_rate > 5% for 5m, if requests >= 100, on_gap: reset",
            "error_rate > 5% for 5m if requests >= 100 on gap reset",
        ),
        ("error_rate > 5% ON GAP trip", "error_rate > 5% on gap trip"),
        ("error_rate > 5% on gap hold", "error_rate > 5%"),
        ("error_rate > 5% if 100", "error_rate > 5% if requests >= 100"),
    ],
)
def test_text_as_people_write_it_has_one_canonical_form(text: str, same: str) -> None:
    assert str(condition(text)) == same
    assert condition(same) == condition(text)


def test_the_text_is_kept_as_written_and_does_not_tell_conditions_apart() -> None:
    one, other = condition("error_rate  > 5 %"), condition("error_rate > 5%")
    assert one.text == "error_rate  > 5 %"
    assert one == other
    assert hash(one) == hash(other)
    assert one.metric == "error_rate"


def test_options_beside_the_text_say_the_same_as_in_it() -> None:
    beside = parse_condition("error_rate > 5% for 5m", METRICS, on_gap="reset", min_requests="requests >= 100")
    assert beside == condition("error_rate > 5% for 5m if requests >= 100 on gap reset")
    assert beside.floor == Floor("requests", Quantity(100, UNITS[""]))
    assert beside.on_gap is OnGap.RESET
    assert parse_condition("error_rate > 5%", METRICS, min_requests="100").floor == beside.floor
    with pytest.raises(ConditionError, match="ask for different things"):
        parse_condition("error_rate > 5% on gap hold", METRICS, on_gap="reset")


def test_a_condition_says_which_metrics_it_needs_and_how_far_back() -> None:
    assert condition("error_rate > 5% for 5m if requests >= 1").metrics == ("error_rate", "requests")
    assert condition("error_rate > 5% for 5m").window == timedelta(minutes=6)
    assert condition("error_rate > 5% for 5m on gap trip").window == timedelta(minutes=10)
    assert condition("error_rate > 5% over 1h").window == timedelta(hours=1)
    assert condition("error_rate stable within 5% over 1h").window == timedelta(hours=1)
    assert condition("error_rate fresh within 5m").window == FIVE_MINUTES
    assert condition("error_rate > 5%").window == condition("api fails 3 times").window == timedelta(0)


@pytest.mark.parametrize(
    ("text", "need"),
    [
        ("rejects > 1000/h", "> 1,000/h"),
        ("p99 < 0.2s for 5m", "< 200 ms for 5m"),
        ("error_rate > 5% over 90m", "> 5 % over 1h30m"),
        ("memory stable within 5% over 1h", "within 5 % over 1h"),
        ("p99 fresh within 5m", "within 5m"),
        ("api fails 3 times", "3 failures"),
        ("hot_path <= 8", "<= 8"),
    ],
)
def test_the_need_is_shown_with_units(text: str, need: str) -> None:
    assert condition(text).need == need


@pytest.mark.parametrize(
    ("text", "wrong", "right"),
    [
        ("error_rate > 5 for 10m", "is a ratio, and `5` is a count", "error_rate > 5% for 10m"),
        ("error_rate > 0.05", "is a ratio, and `0.05` is a count", "error_rate > 5%"),
        ("p99 > 200", "is a time, and `200` is a count", "p99 > 200ms"),
        ("rejects > 1000 for 1h", "is a count per time, and `1000` is a count", "rejects > 1000/h for 1h"),
        ("memory > 80%", "is a number of bytes, and `80%` is a ratio", "memory > 80MB"),
        ("violations > 8/h", "is a count, and `8/h` is a count per time", "violations > 8"),
        ("hot_path > 8 pods", "`pods` is no unit", "hot_path > 8 ticks"),
        ("eror_rate > 5% for 5m", "is no metric here", "error_rate > 5% for 5m"),
        ("apu fails 3 times", "is no health check here", "api fails 3 times"),
        ("api fails", "does not say how many times", "api fails 3 times"),
        ("api > 3", "is a health check", "api fails 3 times"),
        ("error_rate => 5%", "`=>` is no comparison", "error_rate >= 5%"),
        ("5% < error_rate", "the metric comes first", "error_rate > 5%"),
        ("error_rate > 5% and p99 > 200ms", "joins two conditions", "error_rate > 5%"),
        ("error_rate > 5% for 5", "`5` is no span of time", "error_rate > 5% for 5m"),
        ("error_rate > 5% for", "does not say how long", "error_rate > 5% for 5m"),
        ("error_rate > 5% for 0s", "no length of time", "error_rate > 5% for 5m"),
        ("error_rate > 5% for 5m over 1h", "more than one span", "error_rate > 5% for 5m"),
        ("error_rate >", "has no number", "error_rate > 5%"),
        ("error_rate", "is no condition", "error_rate > 5% for 5m"),
        ("", "is empty", "error_rate > 5% for 5m"),
        ("p99 > 0,2s", "comma", "p99 > 0.2s"),
        ("memory stable", "does not say within what", "memory stable within 5% over 1h"),
        (
            "memory stable within 5s over 2h",
            "neither a percentage nor a number of bytes",
            "memory stable within 5% over 2h",
        ),
        ("p99 fresh within 5", "no span of time", "p99 fresh within 5m"),
        ("error_rate > 5% over 5m on gap reset", "`on gap` belongs to", "error_rate > 5% over 5m"),
        ("error_rate > 5% on gap skip", "nothing a gap can do", "error_rate > 5% on gap hold"),
        ("api fails 3 times if requests >= 5", "does not bear on", "api fails 3 times"),
        ("p99 < 200ms if requests < 5", "a floor is the least", "p99 < 200ms if requests >= 5"),
        ("p99 < 200 for 10 if request >= 5", "`200` is a count", "p99 < 200ms for 10m if requests >= 5"),
    ],
)
def test_a_wrong_condition_is_refused_with_the_text_that_would_be_right(text: str, wrong: str, right: str) -> None:
    with pytest.raises(ConditionError) as caught:
        condition(text)
    assert wrong in caught.value.wrong
    assert caught.value.right == right
    assert str(caught.value) == f"{caught.value.wrong}; write `{right}`"


def quantities(dimension: Dimension, *, least: float = 0.0) -> st.SearchStrategy[Quantity]:
    units = [one for one in UNITS.values() if one.dimension is dimension]
    return st.builds(Quantity, st.floats(least, 1e12, allow_nan=False), st.sampled_from(units))


spans = st.builds(timedelta, microseconds=st.integers(1, 10**13))


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    metric = draw(st.sampled_from([name for name in METRICS if name != "hot_path"]))
    dimension = METRICS[metric].dimension
    operator, number = draw(st.sampled_from(Operator)), draw(quantities(dimension))
    floor = draw(st.none() | st.builds(Floor, st.just("requests"), quantities(Dimension.COUNT)))
    match draw(st.integers(0, 4)):
        case 0:
            lasting = draw(st.just(timedelta(0)) | spans)
            return Condition("", metric, Comparison(operator, number, lasting), draw(st.sampled_from(OnGap)), floor)
        case 1:
            return Condition("", metric, Average(operator, number, draw(spans)), floor=floor)
        case 2:
            within = draw(quantities(Dimension.RATIO) | quantities(dimension))
            return Condition("", metric, Stability(within, draw(spans)), floor=floor)
        case 3:
            return Condition("", metric, Freshness(draw(spans)))
    return Condition("", draw(st.sampled_from(CHECKS)), FailedChecks(draw(st.integers(1, 10**6))))


@given(conditions())
def test_a_condition_parses_from_its_own_text(written: Condition) -> None:
    again = parse_condition(str(written), METRICS, CHECKS)
    assert again == written
    assert hash(again) == hash(written)


words = st.sampled_from(
    [
        *METRICS,
        *CHECKS,
        *(">", ">=", "<", "=", "!=", "=>", "and", "if", "for", "over", "on gap", "reset", "fails", "times"),
        *("5", "0.05", "5%", "200ms", "8 ticks", "1,000/h", "5m", "1h 30m"),
        *("stable within", "fresh within", "requests >= 5"),
    ]
)


@given(st.lists(words, max_size=9).map(" ".join) | st.text(max_size=30))
def test_what_is_said_to_be_right_is_right(text: str) -> None:
    try:
        condition(text)
    except ConditionError as error:
        assert error.wrong
        if error.right:
            condition(error.right)


def test_units_of_a_domain_are_told_apart() -> None:
    metrics = {"hot_path": unit("count of ticks"), "pods": unit("count of pods")}
    assert parse_condition("hot_path <= 8 ticks", metrics).test == parse_condition("hot_path <= 8ticks", metrics).test
    with pytest.raises(ConditionError):
        parse_condition("hot_path <= 8 pods", metrics)

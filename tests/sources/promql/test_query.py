"""Queries are refused by name when they are loaded, and know what they read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from console.sources.promql import (
    PROMETHEUS_2_42,
    PROMETHEUS_2_52,
    PROMETHEUS_3,
    OutsideSubset,
    PromqlError,
    Storage,
    compile_query,
    dialect_of,
    longest_range,
)
from console.sources.promql.labels import labels_of
from console.sources.promql.ranges import RANGE_FUNCTIONS, Window
from console.sources.promql.storage import LOOKBACK

NOON = datetime(2024, 1, 1, 12, 0, tzinfo=UTC)
MS = int(NOON.timestamp() * 1000)


@pytest.mark.parametrize(
    ("text", "name", "line", "column"),
    [
        ("holt_winters(x[5m], 0.1, 0.2)", "holt_winters", 1, 1),
        ("1 + predict_linear(x[5m], 60)", "predict_linear", 1, 5),
        ("sum(\n  topk(3, x)\n)", "topk", 2, 3),
        ('count_values("version", pod_info)', "count_values", 1, 1),
        ("no_such_function(x)", "no_such_function", 1, 1),
        ("max_over_time(rate(x[5m])[1h:1m])", "a subquery", 1, 26),
        ("x @ 1700000000", "the @ modifier", 1, 3),
        ("rate(x[5m] @ end())", "the @ modifier", 1, 12),
        ("x atan2 y", "atan2", 1, 3),
        ('{__name__="x", a="b" or c="d"}', "or between label matchers", 1, 22),
        ('label_replace(x, "a", "$1", "b", "(.*)")', "label_replace", 1, 1),
        ("sort_desc(x)", "sort_desc", 1, 1),
        ("minute()", "minute", 1, 1),
        ("x + fill(0) y", "fill", 1, 5),
        ('"holt_winters" == bool holt_winters(x)', "holt_winters", 1, 24),
        ('x{a=~"[[:alpha:]]+"}', "the regular expression '[[:alpha:]]+'", 1, 6),
        ('x{a=~"\\\\pL+"}', "the regular expression '\\\\pL+'", 1, 6),
        ("topk + topk by (topk) (1, y)", "topk", 1, 8),
        ("x # topk\n+ topk(1, y)", "topk", 2, 3),
    ],
)
def test_what_is_outside_of_the_subset_is_refused_by_name_and_place(
    text: str, name: str, line: int, column: int
) -> None:
    with pytest.raises(OutsideSubset) as refused:
        compile_query(text)
    error = refused.value
    assert (error.name, error.line, error.column) == (name, line, column)
    place = f"column {column}" if line == 1 else f"line {line} column {column}"
    assert str(error).startswith(f"promql: {name} at {place} is outside of what the console evaluates itself; ")
    assert "use" in str(error) or "server" in str(error) or "give" in str(error) or "write" in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    "text",
    ["", "sum(", "x[5m", "rate(x)", "x +", "sum by (a x", "1 > 2", "x and 1", '"text"', "x[5m]", "{}", "x{a=~'('}"],
)
def test_what_is_no_query_is_an_error_that_shows_it(text: str) -> None:
    with pytest.raises(PromqlError) as wrong:
        compile_query(text)
    assert not isinstance(wrong.value, OutsideSubset)
    assert str(wrong.value).startswith("promql: ")
    assert text in str(wrong.value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("x", 0),
        ("x offset 10m", 600),
        ("x offset -10m", 0),
        ("rate(x[5m])", 300),
        ("rate(x[5m] offset 1h)", 3900),
        ("rate(x[5m]) / rate(y[1h])", 3600),
        ("histogram_quantile(0.9, sum by (le) (rate(x[90s])))", 90),
        ("-clamp_max(x, scalar(sum_over_time(y[2d])))", 172_800),
    ],
)
def test_the_longest_range(text: str, seconds: int) -> None:
    assert compile_query(text).longest_range == timedelta(seconds=seconds)
    assert longest_range(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("max_over_time(rate(x[5m])[1h:1m] offset 1d)", 300 + 3600 + 86_400),
        ("holt_winters(x[1h30m], 0.1, 0.2)", 5400),
        ("topk(3, rate(x[10m]))", 600),
        ("new_function(x[1h:5m])", 3600),
        ("x @ 0", 0),
    ],
)
def test_the_longest_range_of_a_query_only_prometheus_evaluates(text: str, seconds: int) -> None:
    assert longest_range(text) == timedelta(seconds=seconds)


def test_the_longest_range_of_no_query_is_an_error() -> None:
    with pytest.raises(PromqlError):
        longest_range("rate(x[5m")


def test_the_names_that_a_query_reads() -> None:
    assert compile_query("a / on(x) (b offset 1m) + rate(c[5m])").names == frozenset("abc")
    assert compile_query('{__name__="a"}').names == frozenset("a")
    assert compile_query('{__name__=~"a|b"}').names is None
    assert compile_query("1 + 1").names == frozenset()


def test_a_scalar_is_a_number_and_a_vector_is_a_list() -> None:
    storage = Storage()
    storage.append(labels_of({"__name__": "a", "x": "y"}), MS, 2.0)
    assert compile_query("1 + 2").evaluate(storage, NOON) == 3.0
    assert compile_query("a + 1").evaluate(storage, NOON) == [((("x", "y"),), 3.0)]
    assert compile_query("1 + 2").values(storage, NOON) == [((), 3.0)]


@pytest.mark.parametrize(
    ("version", "dialect"),
    [
        ("2.42.0+ds", PROMETHEUS_2_42),
        ("2.51.2", PROMETHEUS_2_42),
        ("2.52.0", PROMETHEUS_2_52),
        ("2.55.1", PROMETHEUS_2_52),
        ("3.0.0-rc.0", PROMETHEUS_3),
        ("v3.14.1", PROMETHEUS_3),
    ],
)
def test_the_dialect_of_a_version(version: str, dialect: object) -> None:
    assert dialect_of(version) is dialect


def test_a_lookback_leaves_out_its_left_end_since_version_3() -> None:
    storage = Storage()
    storage.append(labels_of({"__name__": "a"}), MS - LOOKBACK, 1.0)
    assert compile_query("a", PROMETHEUS_2_42).values(storage, NOON)
    assert not compile_query("a", PROMETHEUS_3).values(storage, NOON)
    assert compile_query("a", PROMETHEUS_3).values(storage, NOON - timedelta(milliseconds=1))


def test_a_newer_prometheus_reaches_back_to_zero_for_half_a_distance_at_most() -> None:
    """A counter's first sample lies 10.5 s into the range, samples are 10 s apart, and it was zero 10.2 s before."""
    times, values = [10_500, 20_500, 30_500], [10.2, 20.2, 30.2]
    older = RANGE_FUNCTIONS["increase"](Window(0, 30_500, times, values, PROMETHEUS_2_42))
    newer = RANGE_FUNCTIONS["increase"](Window(0, 30_500, times, values, PROMETHEUS_2_52))
    assert older == newer == pytest.approx(20 + 10.2)
    times = [11_500, 21_500, 31_500]
    older = RANGE_FUNCTIONS["increase"](Window(0, 31_500, times, values, PROMETHEUS_2_42))
    newer = RANGE_FUNCTIONS["increase"](Window(0, 31_500, times, values, PROMETHEUS_2_52))
    assert older == pytest.approx(20 + 10.2)
    assert newer == pytest.approx(20 + 5)


def test_storage_forgets_and_refuses_what_is_not_newer() -> None:
    storage = Storage()
    one, two = labels_of({"__name__": "a", "x": "1"}), labels_of({"__name__": "a", "x": "2"})
    query = compile_query("count(a)")
    assert storage.append(one, MS, 1.0)
    assert not storage.append(one, MS, 2.0)
    assert not storage.append(one, MS - 1, 2.0)
    assert query.values(storage, NOON) == [((), 1.0)]
    storage.append(two, MS + 1000, 1.0)
    assert query.values(storage, NOON + timedelta(seconds=2)) == [((), 2.0)]
    storage.forget(MS + 1)
    assert query.values(storage, NOON + timedelta(seconds=2)) == [((), 1.0)]
    assert (len(storage), storage.samples()) == (1, 1)
    storage.mark_stale(labels_of({"__name__": "never"}), MS)
    assert len(storage) == 1


def test_a_regular_expression_matches_the_whole_value() -> None:
    storage = Storage()
    for value in ("api", "api-2", "my-api", "API", "é"):
        storage.append(labels_of({"__name__": "a", "x": value}), MS, 1.0)

    def count(pattern: str) -> int:
        return len(compile_query(f"a{{x=~'{pattern}'}}").values(storage, NOON))

    assert count("api") == 1
    assert count("api|my-api") == 2
    assert count("(?i)api") == 2
    assert count("[a-z]+") == 1
    assert count("\\\\w+") == 2, "letters of ASCII only, as in RE2"

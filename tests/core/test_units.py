"""Numbers with units, as people write them and as panes show them."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.core.units import (
    UNITS,
    Dimension,
    Quantity,
    Unit,
    UnitError,
    counted,
    parse_duration,
    parse_quantity,
    show,
    show_span,
    spell,
    unit,
)

TICKS = counted("ticks")


@pytest.mark.parametrize(
    ("text", "base", "dimension"),
    [
        ("500MB", 500e6, Dimension.BYTES),
        ("500 mb", 500e6, Dimension.BYTES),
        ("2GiB", 2 * 2**30, Dimension.BYTES),
        ("2Gi", 2 * 2**30, Dimension.BYTES),
        ("1 KB", 1000, Dimension.BYTES),
        ("200ms", 0.2, Dimension.SECONDS),
        ("48h", 172_800, Dimension.SECONDS),
        ("2 h", 7200, Dimension.SECONDS),
        ("1h30m", 5400, Dimension.SECONDS),
        ("1h 30m", 5400, Dimension.SECONDS),
        ("2 minutes", 120, Dimension.SECONDS),
        ("7 days", 604_800, Dimension.SECONDS),
        ("1000/h", 1000 / 3600, Dimension.RATE),
        ("1,000/h", 1000 / 3600, Dimension.RATE),
        ("1,000 / hour", 1000 / 3600, Dimension.RATE),
        ("10 rejections per minute", 10 / 60, Dimension.RATE),
        ("2k/s", 2000, Dimension.RATE),
        ("50 rps", 50, Dimension.RATE),
        ("0.1%", 0.001, Dimension.RATIO),
        ("5 percent", 0.05, Dimension.RATIO),
        ("5", 5, Dimension.COUNT),
        ("10,412", 10_412, Dimension.COUNT),
        ("1_000_000", 1e6, Dimension.COUNT),
        ("10k", 10_000, Dimension.COUNT),
        ("2M", 2e6, Dimension.COUNT),
        (".5", 0.5, Dimension.COUNT),
        ("-3", -3, Dimension.COUNT),
        ("1e6", 1e6, Dimension.COUNT),
        ("1e3ms", 1, Dimension.SECONDS),
    ],
)
def test_a_quantity_reads_as_people_write_it(text: str, base: float, dimension: Dimension) -> None:
    quantity = parse_quantity(text)
    assert quantity.base == pytest.approx(base, rel=1e-12)
    assert quantity.unit.dimension is dimension


@pytest.mark.parametrize(
    ("text", "wrong", "right"),
    [
        ("0,5%", "comma that separates no thousands", "0.5%"),
        ("1,00/h", "comma that separates no thousands", "1.00/h"),
        ("500Mb", "bits or bytes", "500MB"),
        ("5 MS", "no unit known", "5ms"),
        ("1 000/h", "blank inside its number", "1000/h"),
        ("5 furlongs", "`furlongs` is no unit", ""),
        ("5 MB/s", "only counts can be", ""),
        ("many", "does not begin with a number", ""),
        ("", "does not begin with a number", "5m"),
        ("1e999", "too large", ""),
        ("30m1h", "do not go from the largest", "1h30m"),
        ("1h30MB", "no unit of time", "1h30m"),
    ],
)
def test_what_is_no_quantity_is_refused_with_what_would_be_right(text: str, wrong: str, right: str) -> None:
    with pytest.raises(UnitError) as caught:
        parse_quantity(text)
    assert wrong in caught.value.wrong
    assert caught.value.right == right


@given(st.floats(allow_nan=False, allow_infinity=False, width=64), st.sampled_from([*UNITS.values(), TICKS]))
def test_a_quantity_parses_from_its_own_text(value: float, of: Unit) -> None:
    quantity = Quantity(value, of)
    assert parse_quantity(str(quantity), {"ticks": TICKS}) == quantity


@given(st.integers(0, 10**9), st.sampled_from(["s", "MB", "/h", "%", ""]))
def test_thousands_separators_change_nothing(number: int, symbol: str) -> None:
    assert parse_quantity(f"{number:,}{symbol}") == parse_quantity(f"{number}{symbol}")
    assert parse_quantity(f"{number:_}{symbol}") == parse_quantity(f"{number}{symbol}")


@given(st.text(max_size=20))
def test_any_text_is_a_quantity_or_refused_in_a_sentence(text: str) -> None:
    try:
        quantity = parse_quantity(text)
    except UnitError as error:
        assert str(error)
    else:
        assert math.isfinite(quantity.value)


def test_a_domain_has_counts_of_its_own() -> None:
    assert unit("count of ticks") == TICKS
    assert parse_quantity("8 ticks", {"ticks": TICKS}) == Quantity(8, TICKS)
    assert show(8, TICKS) == "8 ticks"
    with pytest.raises(UnitError, match="no unit known"):
        parse_quantity("8 ticks")
    with pytest.raises(UnitError) as caught:
        unit("ticks")
    assert caught.value.right == "count of ticks"
    with pytest.raises(UnitError, match="already is a unit"):
        counted("ms")
    with pytest.raises(UnitError, match="no name of a count"):
        counted("8")


@pytest.mark.parametrize("symbol", ["%", "ms", "MB", "GiB", "/h", "per hour", "/min", "count", "", "s", "req/s"])
def test_a_metric_names_its_unit_as_people_write_it(symbol: str) -> None:
    assert unit(symbol) in UNITS.values()


@given(st.timedeltas(timedelta(0), timedelta(days=10_000)))
def test_a_span_parses_from_its_spelling(span: timedelta) -> None:
    assert abs(parse_duration(spell(span)) - span) <= span * 1e-15


@pytest.mark.parametrize(
    ("text", "right"), [("5", "5m"), ("5MB", ""), ("-5m", "5m"), ("0.1ns", "1ms"), ("1e9w", ""), ("5/h", "")]
)
def test_what_is_no_span_is_refused(text: str, right: str) -> None:
    with pytest.raises(UnitError) as caught:
        parse_duration(text)
    assert caught.value.right == right


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(seconds=45.9), "45s"),
        (timedelta(minutes=12, seconds=30), "12m30s"),
        (timedelta(hours=41, minutes=12, seconds=59), "41h12m"),
        (timedelta(hours=72), "72h"),
        (timedelta(days=5, hours=3, minutes=7), "5d3h"),
        (timedelta(days=14, hours=5), "14d"),
        (timedelta(0), "0s"),
        (-timedelta(minutes=1), "-1m"),
    ],
)
def test_a_span_is_shown_cut_off_and_never_rounded_up(span: timedelta, text: str) -> None:
    assert show_span(span) == text


@pytest.mark.parametrize(
    ("base", "symbol", "text"),
    [
        (612e6, "MB", "612 MB"),
        (2e9, "B", "2 GB"),
        (1.25e9, "MB", "1.25 GB"),
        (999.6e6, "MB", "1 GB"),
        (3 * 2**30, "MiB", "3 GiB"),
        (1000 * 2**20, "MiB", "1,000 MiB"),
        (0, "MB", "0 MB"),
        (512, "MB", "512 B"),
        (0.143, "s", "143 ms"),
        (0.004, "ms", "4 ms"),
        (1.4349, "ms", "1.43 s"),
        (0.00025, "ms", "250 µs"),
        (90, "s", "1m30s"),
        (172_800, "s", "48h"),
        (0.0008, "%", "0.08 %"),
        (0.05, "ratio", "5 %"),
        (0.99996, "%", "99.996 %"),
        (0.000004, "%", "0.0004 %"),
        (1, "%", "100 %"),
        (1204 / 3600, "/h", "1,204/h"),
        (0.4 / 3600, "/h", "0.4/h"),
        (10_412, "", "10,412"),
        (-83, "", "-83"),
        (3.14159, "", "3.14"),
        (-0.0, "", "0"),
        (math.nan, "%", "NaN"),
        (math.inf, "/h", "∞"),
    ],
)
def test_numbers_are_shown_as_the_screens_say(base: float, symbol: str, text: str) -> None:
    assert show(base, unit(symbol)) == text


@given(st.floats(1e-6, 1e13), st.sampled_from(["B", "MB", "MiB", "ms", "s", "/h", "/s", ""]))
def test_what_is_shown_reads_back_to_about_the_same(base: float, symbol: str) -> None:
    of = unit(symbol)
    shown = parse_quantity(show(base, of))
    assert shown.unit.dimension is of.dimension
    coarse = 0.1 if of.dimension is Dimension.SECONDS else 0.006  # days are shown whole
    smallest = {Dimension.BYTES: 0.005, Dimension.RATE: 1e-8, Dimension.COUNT: 1e-8}.get(of.dimension, 0.0)
    assert shown.base == pytest.approx(base, rel=coarse, abs=smallest)

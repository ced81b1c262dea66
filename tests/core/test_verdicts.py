"""The verdict rules, one by one."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from console.core.verdicts import Evaluation, Mark, Sample, Series, Verdict, evaluate, grid_point, instant_grid
from tests.core.worlds import MINUTE, NOON, condition, series

NAN = math.nan
TEN = timedelta(minutes=10)


def verdict(text: str, *values: float | None) -> Verdict:
    return evaluate(condition(text), series(values), NOON).verdict


@pytest.mark.parametrize(
    ("text", "value", "holds"),
    [
        ("violations > 5", 5, False),
        ("violations > 5", 6, True),
        ("violations >= 5", 5, True),
        ("violations < 5", 5, False),
        ("violations <= 5", 5, True),
        ("violations = 5", 5, True),
        ("violations != 5", 5, False),
        ("violations != 5", 6, True),
        ("violations > 0", math.inf, True),
        ("violations < 0", -math.inf, True),
    ],
)
def test_a_bare_comparison_is_of_the_newest_point(text: str, value: float, holds: bool) -> None:
    assert verdict(text, value) is (Verdict.PASS if holds else Verdict.FAIL)


@pytest.mark.parametrize("operator", [">", ">=", "<", "<=", "==", "!="])
def test_nan_satisfies_nothing(operator: str) -> None:
    assert verdict(f"violations {operator} 5", NAN) is Verdict.FAIL
    assert verdict(f"violations {operator} 5 over 3m", 9, NAN, 9) is Verdict.FAIL
    assert verdict("violations stable within 5% over 3m", 9, NAN, 9) is Verdict.FAIL


@pytest.mark.parametrize(
    ("number", "symbol"), [(0.7, "%"), (57, "%"), (1200, "/h"), (1000, "/h"), (7, "/min"), (0.3, "ms")]
)
def test_a_number_that_only_unit_conversion_rounded_is_not_above_its_threshold(number: float, symbol: str) -> None:
    base = {"%": number / 100, "/h": number / 3600, "/min": number / 60, "ms": number / 1000}[symbol]
    name = {"%": "error_rate", "/h": "rejects", "/min": "rejects", "ms": "p99"}[symbol]
    at, after = series([base]), series([math.nextafter(base, math.inf)])
    for one in (at, after):
        assert evaluate(condition(f"{name} > {number}{symbol}"), one, NOON).verdict is Verdict.FAIL
        assert evaluate(condition(f"{name} >= {number}{symbol}"), one, NOON).verdict is Verdict.PASS
        assert evaluate(condition(f"{name} < {number}{symbol}"), one, NOON).verdict is Verdict.FAIL


def test_for_needs_the_truth_at_every_point_from_its_begin_to_now() -> None:
    assert verdict("violations > 0 for 3m", 0, 1, 1, 1, 1) is Verdict.PASS
    assert verdict("violations > 0 for 3m", 1, 0, 1, 1, 1) is Verdict.PENDING
    assert verdict("violations > 0 for 3m", 1, 1, 1, 1, 0) is Verdict.FAIL


def test_an_evaluation_says_since_when_how_long_and_how_much_is_known() -> None:
    pending = evaluate(condition("violations > 0 for 5m"), series([0, None, 1, 2, 3]), NOON)
    assert pending == Evaluation(
        Verdict.PENDING,
        3,
        NOON - 2 * MINUTE,
        2 * MINUTE,
        5 * MINUTE,
        4 / 6,
        (*(Mark.MISSING,) * 25, Mark.FALSE, Mark.MISSING, *(Mark.TRUE,) * 3),
        "true since 11:58:00Z, not yet for 5m",
    )


@pytest.mark.parametrize(
    ("on_gap", "outcomes"),
    [
        ("hold", (Verdict.PASS, Verdict.NODATA, Verdict.NODATA)),
        ("reset", (Verdict.PENDING, Verdict.NODATA, Verdict.PENDING)),
        ("trip", (Verdict.PASS, Verdict.PASS, Verdict.PASS)),
    ],
)
def test_a_missing_point_holds_resets_or_trips(on_gap: str, outcomes: tuple[Verdict, ...]) -> None:
    inside, newest, most = ([1, 1, 1, None, 1, 1], [1, 1, 1, 1, 1, None], [1, 1, None, None, None, 1])
    text = f"violations > 0 for 4m on gap {on_gap}"
    assert tuple(verdict(text, *values) for values in (inside, newest, most)) == outcomes


def test_eighty_percent_of_the_window_must_be_known() -> None:
    ten_points = "violations > 0 for 9m"
    assert verdict(ten_points, 1, 1, None, 1, 1, None, 1, 1, 1, 1) is Verdict.PASS
    evaluation = evaluate(condition(ten_points), series([1, 1, None, 1, None, 1, None, 1, 1, 1]), NOON)
    assert evaluation.verdict is Verdict.NODATA
    assert evaluation.known == 0.7
    assert evaluation.detail == "only 7 of 10 points of violations in the last 9m are known; 80 % are needed"


def test_a_metric_that_vanishes_trips_only_where_that_was_asked_and_only_once_it_was_seen() -> None:
    text = "violations > 0 for 2m on gap trip"
    assert verdict(text, 1, None, None) is Verdict.PASS
    assert verdict(text, 0, None, None) is Verdict.PENDING
    assert verdict(text, 0, None, None, None) is Verdict.PASS
    assert verdict(text, None, None, None) is Verdict.NODATA
    gone = series([1, None, None])
    assert evaluate(condition(text), replace(gone, error="prometheus answered 503"), NOON).verdict is Verdict.ERROR
    assert evaluate(condition(text), replace(gone, partial=True), NOON).verdict is Verdict.NODATA
    assert evaluate(condition(text), gone, NOON + TEN).verdict is Verdict.NODATA


@pytest.mark.parametrize("on_gap", ["hold", "reset", "trip"])
@pytest.mark.parametrize(
    "test", ["> 0", "> 0 for 2m", "> 0 over 2m", "stable within 5% over 2m", "fresh within 5m", "!= 7"]
)
def test_errors_warnings_and_silence_neither_trip_nor_pass(test: str, on_gap: str) -> None:
    options = f" on gap {on_gap}" if "over" not in test and "within" not in test else ""
    asked = condition(f"violations {test}{options}")
    good = series([1, 1, 1, 1])
    failed = evaluate(asked, replace(good, error="prometheus answered 503"), NOON)
    assert (failed.verdict, failed.detail, failed.value) == (Verdict.ERROR, "prometheus answered 503", 1)
    warned = evaluate(asked, replace(good, partial=True, note="a store did not answer"), NOON)
    assert (warned.verdict, warned.detail) == (
        Verdict.NODATA,
        "the answer for violations is incomplete: a store did not answer",
    )
    never = evaluate(asked, Series(MINUTE, end=NOON), NOON)
    assert (never.verdict, never.detail) == (Verdict.NODATA, "no sample of violations was ever seen")


def test_a_newest_point_that_is_not_fresh_says_nothing() -> None:
    asked, read = condition("violations > 0"), series([1, 1])
    limit = 2 * MINUTE + timedelta(seconds=5)
    assert evaluate(asked, read, NOON + limit).verdict is Verdict.PASS
    hung = evaluate(asked, read, NOON + limit + timedelta(seconds=1))
    assert (hung.verdict, hung.detail) == (Verdict.NODATA, "nothing was read of violations since 12:00:00Z")


def test_a_series_that_does_not_say_what_was_asked_is_read_by_its_newest_sample_while_that_is_fresh() -> None:
    asked = condition("violations > 0 for 2m on gap reset")
    read = replace(series([1, 1, 1]), end=None)
    assert evaluate(asked, read, NOON + 2 * MINUTE).verdict is Verdict.PASS
    assert evaluate(asked, read, NOON + 3 * MINUTE).verdict is Verdict.NODATA


def test_samples_from_the_future_are_of_no_account() -> None:
    assert evaluate(condition("violations > 0"), series([0, 1]), NOON - MINUTE).verdict is Verdict.FAIL


def test_what_a_verdict_says_does_not_tick_while_nothing_is_learned() -> None:
    asked = condition("violations > 0")
    gone = series([1, None])
    later = replace(gone, end=NOON + 5 * MINUTE)
    assert evaluate(asked, gone, NOON).detail == "violations has no sample since 11:59:00Z"
    assert evaluate(asked, later, NOON + 5 * MINUTE).detail == "violations has no sample since 11:59:00Z"
    tomorrow = replace(gone, end=NOON + timedelta(days=1))
    old = evaluate(asked, tomorrow, NOON + timedelta(days=1)).detail
    assert old == "violations has no sample since 2026-03-04 11:59:00Z"


def test_marks_tell_missing_from_failed_to_read() -> None:
    read = series([1, None, 0, None, None])
    marks = evaluate(condition("violations > 0"), read, NOON).strip[-5:]
    assert marks == (Mark.TRUE, Mark.MISSING, Mark.FALSE, Mark.MISSING, Mark.MISSING)
    marks = evaluate(condition("violations > 0"), replace(read, error="no answer"), NOON).strip[-5:]
    assert marks == (Mark.TRUE, Mark.MISSING, Mark.FALSE, Mark.ERROR, Mark.ERROR)


def test_points_from_before_the_phase_and_its_longest_range_do_not_count_against_it() -> None:
    asked, bad_before = condition("violations > 0 for 3m"), series([1] * 10)
    began, longest = NOON - 5 * MINUTE, 3 * MINUTE

    def phase(minutes: int) -> Evaluation:
        read = series([1] * (10 + minutes), until=NOON + minutes * MINUTE)
        return evaluate(asked, read, NOON + minutes * MINUTE, began=began, longest_range=longest)

    assert evaluate(asked, bad_before, NOON).verdict is Verdict.PASS
    assert phase(0).verdict is Verdict.PENDING
    assert phase(0).since == NOON - 2 * MINUTE
    assert phase(1).verdict is Verdict.PASS
    early = evaluate(asked, bad_before, NOON, began=NOON - MINUTE, longest_range=longest)
    assert early.verdict is Verdict.PENDING
    assert early.detail == "the first sample that counts for this phase is that of 12:02:00Z"


def test_a_criterion_that_saw_no_sample_in_its_phase_is_no_success() -> None:
    silent = evaluate(condition("violations < 1 for 3m"), series([0, 0, 0, None, None]), NOON, began=NOON - MINUTE)
    assert silent.verdict is Verdict.NODATA
    assert silent.detail == "no sample of violations was seen in this phase; the last is of 11:58:00Z"


def test_a_floor_keeps_a_quiet_canary_from_passing_on_nothing() -> None:
    asked = condition("error_rate < 0.1% for 3m if requests >= 100")
    rates = series([0, 0, 0, 0])
    assert evaluate(asked, rates, NOON, floor=series([200, 200, 200, 200])).verdict is Verdict.PASS
    assert evaluate(asked, rates, NOON, floor=series([200, 200, 200, 100])).verdict is Verdict.PASS
    quiet = evaluate(asked, rates, NOON, floor=series([200, 200, 200, 99]))
    assert quiet.verdict is Verdict.NODATA
    assert quiet.detail == "too little traffic to judge: requests >= 100 does not hold"
    assert evaluate(asked, rates, NOON, floor=series([200, 3, 3, 200])).verdict is Verdict.NODATA
    assert evaluate(asked, rates, NOON).verdict is Verdict.NODATA
    broken = evaluate(asked, rates, NOON, floor=replace(series([200] * 4), error="no answer"))
    assert (broken.verdict, broken.detail) == (Verdict.ERROR, "no answer")


def test_a_floor_is_not_a_gap_that_trips() -> None:
    asked = condition("error_rate > 1% for 2m if requests >= 100 on gap trip")
    bad = series([1, 1, 1, 1])
    assert evaluate(asked, bad, NOON, floor=series([200] * 4)).verdict is Verdict.PASS
    assert evaluate(asked, bad, NOON, floor=series([200, 200, 200, 5])).verdict is Verdict.NODATA


def test_a_floor_that_is_read_a_little_later_is_judged_by_its_newest_point() -> None:
    asked = condition("error_rate < 0.1% for 2m if requests >= 100")
    late = series([200, 200, 200], until=NOON - MINUTE)
    assert evaluate(asked, series([0, 0, 0, 0]), NOON, floor=late).verdict is Verdict.PASS
    long_ago = series([200, 200, 200], until=NOON - TEN)
    assert evaluate(asked, series([0, 0, 0, 0]), NOON, floor=long_ago).verdict is Verdict.NODATA


def test_over_compares_the_mean_of_what_is_known() -> None:
    asked = condition("violations > 5 over 5m")
    above = evaluate(asked, series([99, 4, 6, None, 7, 5]), NOON)
    assert (above.verdict, above.value, above.known) == (Verdict.PASS, 5.5, 0.8)
    assert evaluate(asked, series([4, 6, None, 7, 3]), NOON).verdict is Verdict.FAIL
    assert evaluate(asked, series([9, None, None, 9, 9]), NOON).verdict is Verdict.NODATA
    assert evaluate(asked, series([9, 9, 9, 9, None]), NOON).verdict is Verdict.NODATA


def test_a_window_that_is_longer_than_the_phase_is_pending_and_with_gaps_it_is_no_data() -> None:
    asked = condition("violations > 5 over 10m")
    young = evaluate(asked, series([9] * 20), NOON, began=NOON - 3 * MINUTE)
    assert young.verdict is Verdict.PENDING
    assert young.detail == "this phase is observed since 11:57:00Z, and 10m are needed"
    assert evaluate(asked, series([9] * 20), NOON, began=NOON - 9 * MINUTE).verdict is Verdict.PASS
    gaps = evaluate(asked, series([9, None, None, 9, 9]), NOON, began=NOON - 4 * MINUTE)
    assert gaps.verdict is Verdict.NODATA


@pytest.mark.parametrize(
    ("text", "values", "outcome"),
    [
        ("memory stable within 10% over 5m", (1e9, 1.05e9, 0.98e9, 1e9, 1e9), Verdict.PASS),
        ("memory stable within 5% over 5m", (1e9, 1.05e9, 0.98e9, 1e9, 1e9), Verdict.FAIL),
        ("memory stable within 70MB over 5m", (1e9, 1.05e9, 0.98e9, 1e9, 1e9), Verdict.PASS),
        ("memory stable within 69MB over 5m", (1e9, 1.05e9, 0.98e9, 1e9, 1e9), Verdict.FAIL),
        ("violations stable within 5% over 3m", (0, 0, 0), Verdict.PASS),
        ("violations stable within 5% over 3m", (math.inf, 1, 1), Verdict.FAIL),
        ("violations stable within 5% over 5m", (1, None, 1, 1, 1), Verdict.PASS),
        ("violations stable within 5% over 5m", (1, None, None, 1, 1), Verdict.NODATA),
    ],
)
def test_stable_is_the_spread_of_the_window(text: str, values: tuple[float | None, ...], outcome: Verdict) -> None:
    assert verdict(text, *values) is outcome


def test_fresh_looks_at_the_age_of_the_newest_number() -> None:
    asked = condition("violations fresh within 5m")
    assert evaluate(asked, series([1, None, None, NAN]), NOON).verdict is Verdict.PASS
    assert evaluate(asked, series([1, None, None, None]), NOON + 2 * MINUTE).verdict is Verdict.PASS
    assert evaluate(asked, series([1, NAN, NAN, NAN]), NOON + 3 * MINUTE).verdict is Verdict.FAIL
    assert evaluate(asked, series([NAN]), NOON).verdict is Verdict.NODATA
    young = evaluate(asked, series([1]), NOON + TEN, began=NOON + 6 * MINUTE)
    assert young.verdict is Verdict.PENDING
    assert evaluate(asked, series([1]), NOON + TEN, began=NOON + 5 * MINUTE).verdict is Verdict.FAIL


def test_a_check_fails_when_it_failed_often_enough_in_a_row() -> None:
    assert verdict("api fails 3 times", 0, 1, 2, 3) is Verdict.PASS
    assert verdict("api fails 3 times", 3, 0) is Verdict.FAIL
    assert verdict("api fails 3 times", 3, None) is Verdict.NODATA
    pending = evaluate(condition("api fails 3 times"), series([0, 1, 2]), NOON)
    assert (pending.verdict, pending.since) == (Verdict.PENDING, NOON - MINUTE)
    assert pending.detail == "api failed 2 times in a row since 11:59:00Z, of 3"


def test_since_reaches_back_beyond_the_window_and_stops_at_what_ended_the_truth() -> None:
    long = series([0, *[1.0] * 80])
    assert evaluate(condition("violations > 0 for 2m"), long, NOON).since == NOON - 79 * MINUTE
    gap = series([*[1.0] * 20, None, *[1.0] * 60])
    assert evaluate(condition("violations > 0 for 2m on gap reset"), gap, NOON).since == NOON - 59 * MINUTE
    assert evaluate(condition("violations > 0 for 2m"), gap, NOON).since == NOON - 80 * MINUTE


def test_raw_samples_come_to_the_grid_as_an_instant_query_gives_them() -> None:
    at = [NOON + timedelta(seconds=second) for second in (10, 70, 130)]
    raw = [Sample(at[0], 1.0), Sample(at[1], NAN), Sample(at[2], 3.0)]
    read = instant_grid(raw, [NOON + timedelta(seconds=200)], NOON - MINUTE, NOON + TEN, MINUTE)
    assert [(sample.at - NOON) // MINUTE for sample in read.samples] == [1, 2, 3]
    assert [str(sample.value) for sample in read.samples] == ["1.0", "nan", "3.0"]
    assert read.end == NOON + TEN
    held = instant_grid(raw[:1], [], NOON, NOON + TEN, MINUTE)
    assert [(sample.at - NOON) // MINUTE for sample in held.samples] == [1, 2, 3, 4, 5]
    own = instant_grid(raw, [], NOON, NOON + TEN, MINUTE, MINUTE - timedelta(microseconds=1))
    assert [sample.value for sample in own.samples if sample.value == sample.value] == [1.0, 3.0]
    assert grid_point(NOON + timedelta(seconds=59), MINUTE) == NOON


PROGRAM = """
from tests.core.worlds import *
from console.core.verdicts import evaluate
for text in ("violations > 0 for 5m", "violations > 1 over 5m", "violations stable within 9% over 5m",
             "api fails 3 times", "violations != 2 for 3m if requests >= 2 on gap trip", "violations fresh within 2m"):
    read = series([None, 0.1, 0.2, float("nan"), None, 0.7, 3.3, 1.1, None, 2.0, 2.0, 0.3])
    print(repr(evaluate(condition(text), read, NOON, began=NOON - 10 * MINUTE, floor=read)))
"""


def test_two_processes_give_the_same_verdicts_to_the_last_bit() -> None:
    root = Path(__file__).parent.parent.parent
    answers = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone},
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed, zone in (("1", "UTC"), ("2", "Asia/Kathmandu"))
    }
    assert len(answers) == 1
    assert answers.pop().count("Evaluation(") == 6

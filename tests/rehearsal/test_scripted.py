"""Scripted metrics, the values that are good, and who is at work when."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from console.core.conditions import Comparison, Operator
from console.core.units import parse_quantity, unit
from console.engine.scenario import NoSteadyValue, Scenario, Wanted, good_value, trip_value, wanted_of
from console.engine.scripted import FOREVER, Broken, Failing, Flap, Gone, Level, Piece, Ramp, Signal
from console.engine.scripted_people import People
from tests.rehearsal.plans import NINE, PLAN, minutes, run, small

STEP = timedelta(seconds=15)


def at(seconds: float) -> datetime:
    return NINE + timedelta(seconds=seconds)


def signal(*pieces: Piece, kept: bool = True) -> Signal:
    made = Signal(STEP, kept=kept)
    made.usually(NINE, 1.0)
    for piece in pieces:
        made.add(piece)
    return made


def values(made: Signal, now: datetime, count: int) -> list[float | None]:
    """The newest points of its series, None where one is missing."""
    found = {sample.at: sample.value for sample in made.series(now, STEP * count).samples}
    newest = made.series(now, STEP).end or now
    return [found.get(newest - STEP * place) for place in range(count - 1, -1, -1)]


def test_the_piece_that_began_last_speaks_and_then_the_usual_value() -> None:
    made = signal(Piece(at(60), at(180), Level(5.0)), Piece(at(90), at(120), Level(7.0)))
    assert values(made, at(210), 12) == [1.0, *[5.0] * 2, *[7.0] * 2, *[5.0] * 4, *[1.0] * 3]


def test_a_ramp_goes_in_a_straight_line_and_stays() -> None:
    made = signal(Piece(at(0), FOREVER, Ramp(0.0, 8.0, timedelta(seconds=60))))
    assert values(made, at(90), 7) == [0.0, 2.0, 4.0, 6.0, 8.0, 8.0, 8.0]
    assert made.sloping(at(0), at(10))
    assert not made.sloping(at(61), at(900))


def test_a_flapping_metric_turns_at_every_half_period() -> None:
    made = signal(Piece(at(0), at(120), Flap(9.0, 2.0, timedelta(seconds=60))))
    assert values(made, at(120), 9) == [9.0, 9.0, 2.0, 2.0, 9.0, 9.0, 2.0, 2.0, 1.0]
    assert made.edges(at(0), at(130)) == [at(30), at(60), at(90), at(120)]


def test_a_failing_check_counts_its_failures_in_a_row() -> None:
    assert values(signal(Piece(at(20), at(65), Failing())), at(75), 5) == [1.0, 1.0, 2.0, 3.0, 1.0]


def test_gone_leaves_points_without_samples_and_the_series_goes_on() -> None:
    made = signal(Piece(at(30), at(60), Gone()))
    assert values(made, at(75), 5) == [1.0, None, None, 1.0, 1.0]
    assert made.series(at(45), STEP).end == at(45)


def test_what_a_server_keeps_is_there_after_reading_failed_and_what_is_our_own_is_not() -> None:
    broken = Piece(at(30), at(60), Broken("connection refused"))
    kept, own = signal(broken), signal(broken, kept=False)
    during = kept.series(at(50), STEP * 4)
    assert (during.error, during.end) == ("connection refused", at(15))
    assert max(sample.at for sample in during.samples) == at(15)
    assert kept.series(at(60), STEP).error is None
    assert values(kept, at(60), 4) == [1.0, 1.0, 1.0, 1.0]
    assert [sample.at for sample in own.series(at(60), STEP * 3).samples] == [at(0), at(15), at(60)]


def test_what_is_added_later_is_seen_from_then_on() -> None:
    made = signal()
    assert values(made, at(300), 3) == [1.0, 1.0, 1.0]
    made.add(Piece(at(60), FOREVER, Level(4.0)))
    made.changed(at(60))
    assert values(made, at(75), 3) == [1.0, 4.0, 4.0]


def test_a_metric_that_is_gone_for_long_was_still_seen_once() -> None:
    made = signal(Piece(at(30), FOREVER, Gone()))
    assert [sample.at for sample in made.series(at(36_000), STEP * 4).samples] == [at(15)]


def wanted(text: str, holds: bool) -> Wanted:
    _, operator, number = text.split()
    quantity = parse_quantity(number)
    return Wanted(text, Comparison(Operator(operator), quantity), holds)


@pytest.mark.parametrize(
    ("symbol", "asked", "good"),
    [
        ("%", [("x > 5%", False)], 0.025),
        ("%", [("x > 5%", False), ("x < 1%", True)], 0.005),
        ("%", [("x < 50%", False), ("x > 80%", True)], 0.9),
        ("%", [("x >= 99.9%", True)], 0.9995),
        ("%", [("x == 100%", True)], 1.0),
        ("count", [("x > 0", False)], 0.0),
        ("count", [("x == 5", True)], 5.0),
        ("MB", [("x < 500MB", True), ("x > 2GB", False)], 250e6),
        ("ms", [], 0.001),
    ],
)
def test_a_good_value_satisfies_every_condition(symbol: str, asked: list[tuple[str, bool]], good: float) -> None:
    assert good_value("x", unit(symbol), [wanted(*one) for one in asked]) == pytest.approx(good)


def test_conditions_that_exclude_each_other_are_named() -> None:
    with pytest.raises(NoSteadyValue, match=r"no value of x .*: `x > 5%`, `x < 1%`"):
        good_value("x", unit("%"), [wanted("x > 5%", True), wanted("x < 1%", True)])


def test_phases_that_want_different_values_get_one_each(tmp_path: Path) -> None:
    plan, system = small(tmp_path, PLAN.replace("[error_rate < 1%, memory", "[error_rate > 2%, memory"))
    rehearsed, _ = run(plan, system, Scenario("well"))
    assert rehearsed.state.value == "completed"


def test_a_value_that_trips_is_past_every_kind_of_threshold(tmp_path: Path) -> None:
    plan, _ = small(tmp_path)
    for rule in plan.phases[0].criteria:
        value = trip_value(rule)
        if rule.text.startswith("gateway"):
            assert value is None
        else:
            assert value is not None
            (asked,) = [one for one in wanted_of(plan.phases, rule.condition.metric) if one.rule == rule.text][:1]
            assert not asked.met(value)


@pytest.mark.parametrize(
    ("asked", "at_work"),
    [
        ("2026-11-27T10:30", "2026-11-27T10:30"),
        ("2026-11-27T08:59", "2026-11-27T09:00"),
        ("2026-11-27T17:00", "2026-11-30T09:00"),
        ("2026-11-28T12:00", "2026-11-30T09:00"),
        ("2026-11-29T23:59", "2026-11-30T09:00"),
    ],
)
def test_people_are_at_work_in_their_hours_on_their_days(asked: str, at_work: str) -> None:
    people = People(not_on=frozenset({5, 6}), hours=(time(9), time(17)))
    parsed = [datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (asked, at_work)]
    assert people.at_work(parsed[0]) == parsed[1]
    assert People().at_work(parsed[0]) == parsed[0]


def test_no_go_holds_and_nobody_promotes(tmp_path: Path) -> None:
    text = PLAN.replace("checklist: [looked at]", "checklist: [looked at]\n    sign_offs: [lead]").replace(
        "phases:", "roles: [lead]\nphases:", 1
    )
    plan, system = small(tmp_path, text)
    scenario = Scenario("no", people=People(decision="no-go"), lasts=minutes(120))
    rehearsed, _ = run(plan, system, scenario)
    assert rehearsed.state.value == "held"
    assert "no-go" in rehearsed.why or "no go" in rehearsed.why

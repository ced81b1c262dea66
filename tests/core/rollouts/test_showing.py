"""What is shown of a rollout: the line, the schedule, how near a criterion is, and all of it as JSON."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.core.evaluation import Evaluation, Mark, Verdict
from console.core.rollouts.asking import ACTIONS
from console.core.rollouts.facts import Kind
from console.core.rollouts.plan import NOTHING, Phase, Preconditions, Promotion
from console.core.rollouts.showing import near, view_body, view_of
from console.core.rollouts.state import RolloutState
from console.core.rollouts.view import DriverView, RolloutView
from tests.core.rollouts.worlds import (
    ERRORS,
    FAST,
    HOUR,
    LEAK,
    MINUTE,
    NOON,
    SECOND,
    UNITS,
    Run,
    judged,
    phase,
    plan,
    rule,
    rules,
    says,
)

DRIVER = DriverView("watcher on bastion (pid 4711)", 1, NOON, True)
DAY = 24 * HOUR
THREE = (
    phase("canary", soak=72 * HOUR, checklist=("logs read", "users asked"), sign_offs=("security lead",), cadence=HOUR),
    phase("half", soak=24 * HOUR, interval=7 * DAY),
    phase("all", soak=48 * HOUR, not_before=NOON + 20 * DAY),
)


def run(*phases: Phase, hours: int = 0) -> Run:
    """A rollout that has soaked for so many hours."""
    begun = Run(plan(*(phases or THREE)), longest=2 * HOUR)
    if hours:
        begun.until(RolloutState.SOAKING, tick=SECOND)
        for _ in range(hours):
            begun.step(HOUR)
    return begun


def view(of: Run, driver: DriverView = DRIVER) -> RolloutView:
    return view_of(of.plan, of.rollout, of.verdicts, UNITS, driver, of.now)


def said(of: Run, text: str, verdict: Verdict, value: float = 0.1, detail: str = "") -> RolloutView:
    of.judged = judged(of.plan, {text: says(verdict, value, detail)})
    return view(of)


def test_a_soak_says_how_much_is_left_and_what_comes_then() -> None:
    begun = run(phase(soak=72 * HOUR), hours=41)
    begun.step(12 * MINUTE)
    assert view(begun).why == "every gate passes; 30h48m to go, then p promotes"
    begun = run(phase(soak=72 * HOUR, promotion=Promotion.AUTOMATIC), hours=41)
    assert view(begun).why == "every gate passes; 31h to go, then it goes on by itself"
    assert view(run(hours=41)).why.endswith("then sign-offs and checklist decide (Enter opens them)")


def test_a_soak_without_gates_says_what_it_is_watched_by() -> None:
    assert view(run(phase(gates=()), hours=1)).why.startswith("no criterion trips; 47h to go")
    assert view(run(phase(gates=(), criteria=()), hours=1)).why.startswith("it is watched; 47h to go")
    begun = run(phase(), hours=1)
    assert said(begun, FAST, Verdict.PENDING).why.startswith("no gate fails; 47h to go")


def test_flying_blind_says_what_cannot_be_judged_and_why() -> None:
    begun = run(phase(), hours=1)
    shown = said(begun, ERRORS, Verdict.ERROR, detail="prometheus answered 503")
    assert shown.why == ("cannot judge error_rate: prometheus answered 503; the soak stands, h holds, R rolls back")
    assert shown.blind
    assert shown.soak is not None
    assert shown.soak.blind


def test_waiting_says_for_whom_and_for_what() -> None:
    begun = run(hours=73)
    assert begun.state is RolloutState.WAITING
    assert view(begun).why == "waits for go of security lead and 2 checklist items; Enter opens them"
    begun.person(Kind.TICKED, item=0, done=True, note="clean")
    begun.person(Kind.TICKED, item=1, done=True, note="")
    begun.person(Kind.SIGNED, role="security lead", decision="go", note="fine")
    shown = view(begun)
    assert shown.why == "everything is met; p promotes (half is next), h holds, R rolls back"
    assert [(item.text, item.done, item.by, item.note) for item in shown.checklist] == [
        ("logs read", True, "ada@bastion", "clean"),
        ("users asked", True, "ada@bastion", ""),
    ]
    assert [(sign.role, sign.decision, sign.note) for sign in shown.sign_offs] == [("security lead", "go", "fine")]


def test_what_trips_is_said_before_the_driver_has_acted() -> None:
    begun = run(phase(), hours=1)
    shown = said(begun, ERRORS, Verdict.PASS, 0.06)
    assert shown.why == (
        "error_rate trips at 6 % (rolls back when > 5 % for 5m): the rollback follows at once, no key is needed"
    )


def test_every_state_has_a_line_with_its_keys() -> None:
    begun = Run(plan(phase(soak=HOUR, not_before=NOON + HOUR), phase("all", soak=MINUTE)))
    lines = {}

    def note(key: str) -> None:
        lines[key] = view(begun).why

    note("planned")
    begun.now = NOON + HOUR
    begun.judged = judged(begun.plan, unmet=("sticky sessions are off on hak-gal",))
    note("unmet")
    begun.judged = None
    note("due")
    begun.step()
    note("applying")
    begun.fails = "the image cannot be pulled"
    begun.step()
    note("failed")
    begun.fails = ""
    begun.person(Kind.RESUMED)
    begun.step()
    begun.person(Kind.HELD, why="lunch")
    note("held")
    begun.person(Kind.RESUMED)
    begun.ask("rollback", "users complain")
    note("asked")
    begun.step()
    note("rolling back")
    begun.fails = "neither side is healthy"
    begun.step()
    note("stuck")
    begun.fails = ""
    begun.person(Kind.RESUMED)
    begun.step()
    note("rolled back")
    begun.ask("retry")
    begun.until(RolloutState.WAITING)
    begun.ask("promote")
    begun.step()
    note("between")
    begun.until(RolloutState.WAITING)
    begun.ask("promote")
    begun.step()
    note("through")
    begun.step()
    note("completed")
    assert lines == {
        "planned": "canary begins at 2026-03-04 13:00Z, not before its date in the plan; h holds, A aborts",
        "unmet": "canary waits: sticky sessions are off on hak-gal; it begins when that is met; h holds, A aborts",
        "due": "canary is due and begins at once; h holds, A aborts",
        "applying": "5% of production is being applied; when that is confirmed it is watched for 1h; h holds, "
        "R rolls back",
        "failed": "held: the image cannot be pulled; h resumes (applying), t tries the phase again, R rolls back, "
        "A aborts; since 2026-03-04 13:00Z",
        "held": "held by ada@bastion: lunch; h resumes (soaking), t tries the phase again, R rolls back, A aborts; "
        "since 2026-03-04 13:00Z",
        "asked": "rollback, asked by ada@bastion, is not answered yet; every gate passes; 1h to go, then p promotes",
        "rolling back": "rolling back: ada@bastion asked for it: users complain; next the traffic is put back and "
        "verified; no key is needed",
        "stuck": "held: neither side is healthy; h tries the rollback again, A aborts; since 2026-03-04 13:00Z",
        "rolled back": "rolled back: ada@bastion asked for it: users complain; v2.3.2 serves everything; t tries again "
        "from canary or before, A aborts",
        "between": "all is due and begins at once; h holds, R rolls back, A aborts",
        "through": "every phase is promoted; next the autoscaler is let go and the rollout is completed",
        "completed": "every phase is promoted: v2.3.3 is released; S starts another rollout",
    }


def test_a_rollout_that_nobody_drives_says_so() -> None:
    shown = view(run(hours=1), replace(DRIVER, alive=False))
    assert shown.why.startswith("nobody watches it, w starts a watcher; every gate passes")


def test_the_schedule_has_dates_for_what_was_and_estimates_for_what_comes() -> None:
    begun = run(hours=10)
    confirmed = begun.attempt.confirmed_at
    assert confirmed is not None
    canary, half, last = view(begun).phases
    assert (canary.mark, canary.begins, canary.ends) == ("here", begun.attempt.began, begun.now + 62 * HOUR)
    assert (half.mark, half.begins, half.ends) == ("todo", confirmed + 7 * DAY, confirmed + 8 * DAY)
    assert (last.begins, last.ends) == (NOON + 20 * DAY, NOON + 22 * DAY)
    assert [one.estimated for one in (canary, half, last)] == [True, True, True]
    begun.ask("promote", "hurry")
    begun.step()
    promoted = begun.now
    begun.until(RolloutState.SOAKING, tick=HOUR)
    canary, half, last = view(begun).phases
    assert (canary.mark, canary.ends, canary.estimated) == ("done", promoted, False)
    assert (half.mark, half.begins, half.ends) == ("here", begun.attempt.began, begun.now + 24 * HOUR)


def test_an_interval_is_counted_from_the_confirmation_of_a_phase_that_is_done() -> None:
    begun = run(phase(soak=NOTHING, promotion=Promotion.AUTOMATIC), phase("half", interval=7 * DAY))
    begun.until(RolloutState.SOAKING)
    begun.until(RolloutState.PLANNED)
    first = begun.attempt
    assert first.confirmed_at is not None
    assert first.began < first.confirmed_at
    assert view(begun).phases[1].begins == first.confirmed_at + 7 * DAY


def test_a_late_phase_pushes_those_after_it() -> None:
    begun = run(phase(soak=HOUR), phase("half", soak=HOUR), phase("all", soak=HOUR, interval=3 * HOUR))
    begun.now = NOON + 9 * HOUR
    first, second, third = view(begun).phases
    assert (first.begins, first.ends) == (NOON + 9 * HOUR, NOON + 10 * HOUR)
    assert (second.begins, second.ends) == (NOON + 10 * HOUR, NOON + 11 * HOUR)
    assert (third.begins, third.ends) == (NOON + 13 * HOUR, NOON + 14 * HOUR)


def test_of_what_is_rolled_back_nothing_is_estimated() -> None:
    begun = run(hours=1)
    begun.ask("rollback")
    begun.until(RolloutState.ROLLED_BACK)
    canary, half, _ = view(begun).phases
    assert (canary.mark, canary.estimated, canary.ends) == ("failed", False, begun.attempt.ended)
    assert (half.mark, half.begins, half.ends) == ("todo", None, None)
    assert view(begun).applied == 0.0


def test_the_soak_is_shown_with_what_was_missed() -> None:
    begun = run(phase(soak=72 * HOUR), hours=41)
    begun.step(7 * MINUTE, passed=None)
    soak = view(begun).soak
    assert soak is not None
    assert (soak.observed, soak.needed, soak.unobserved, soak.left) == (41 * HOUR, 72 * HOUR, 7 * MINUTE, 31 * HOUR)


def test_gates_and_criteria_are_shown_in_the_metrics_own_unit() -> None:
    begun = run(phase(criteria=rules(ERRORS, LEAK, "api fails 3 times")), hours=1)
    verdicts = {
        FAST: replace(says(Verdict.PASS, 0.143), strip=(Mark.TRUE, Mark.MISSING)),
        ERRORS: replace(says(Verdict.PENDING, 0.06), true_for=3 * MINUTE, needed=5 * MINUTE, detail="true since 12:00"),
        LEAK: says(Verdict.FAIL, 6.12e8),
        "api fails 3 times": says(Verdict.NODATA),
    }
    begun.judged = judged(begun.plan, verdicts)
    shown = view(begun)
    (gate,) = shown.gates
    assert (gate.title, gate.now, gate.need, gate.verdict) == ("p99", "143 ms", "< 200 ms", Verdict.PASS)
    assert gate.strip == (Mark.TRUE, Mark.MISSING)
    errors, leak, api = shown.criteria
    assert (errors.now, errors.near, errors.true_for, errors.needed) == ("6 %", 1.0, 3 * MINUTE, 5 * MINUTE)
    assert (leak.now, leak.near) == ("612 MB", pytest.approx(0.612))
    assert (api.now, api.near) == ("—", None)


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("error_rate > 5%", 0.0, 0.0),
        ("error_rate > 5%", 0.04, 0.8),
        ("memory > 1GB for 5m", 2e9, 1.0),
        ("memory > 1GB over 5m", 0.5e9, 0.5),
        ("p99 < 100ms", 0.2, 0.5),
        ("error_rate < 99%", 0.999, 0.1),
        ("error_rate < 99%", 1.0, 0.0),
        ("api fails 4 times", 1.0, 0.25),
        ("p99 > 0ms", 0.0, 0.0),
        ("p99 == 5ms", 0.1, None),
        ("memory stable within 5% over 1h", 5e8, None),
        ("p99 > 100ms", math.nan, None),
        ("p99 > 100ms", math.inf, None),
    ],
)
def test_a_criterion_says_how_near_it_is(text: str, value: float, expected: float | None) -> None:
    found = near(rule(text), Evaluation(Verdict.FAIL, value, known=1.0))
    assert found == (expected if expected is None else pytest.approx(expected))


@settings(deadline=None)
@given(
    st.sampled_from(["error_rate > 5%", "error_rate < 99%", "p99 < 1ms", "memory >= 1GB", "api fails 3 times"]),
    st.floats(),
)
def test_nearness_is_a_part_or_unknown(text: str, value: float) -> None:
    for verdict in Verdict:
        found = near(rule(text), Evaluation(verdict, value, known=1.0))
        assert found is None or 0.0 <= found <= 1.0
        if verdict in (Verdict.NODATA, Verdict.ERROR):
            assert found is None


def test_a_look_is_due_a_cadence_after_the_last_one() -> None:
    begun = run(hours=1)
    confirmed = begun.attempt.confirmed_at
    assert confirmed is not None
    assert view(begun).look_due == confirmed + HOUR
    begun.person(Kind.LOOKED, note="")
    assert view(begun).look_due == begun.now + HOUR
    assert view(run(phase(), hours=1)).look_due is None


def test_what_can_be_done_is_what_may_says() -> None:
    shown = view(run(hours=1))
    assert tuple(name for name, _ in shown.can) == ACTIONS
    assert {name for name, why in shown.can if not why} == {
        "override",
        "hold",
        "abort",
        "rollout-rollback",
        "tick",
        "sign",
        "look",
    }
    assert shown.cannot("promote").startswith("not yet: 71h of 72h must still be observed good; go of security lead")


def test_before_a_phase_begins_its_conditions_and_its_checklist_are_shown() -> None:
    begun = run(
        phase(
            not_before=NOON + HOUR, checklist=("a",), preconditions=Preconditions(conditions=rules("backup_age < 25h"))
        )
    )
    shown = view(begun)
    assert [gate.text for gate in shown.gates] == ["backup_age < 25h"]
    assert [(item.text, item.done) for item in shown.checklist] == [("a", False)]
    assert shown.soak is None
    assert shown.criteria == ()


def test_the_history_keeps_what_each_attempt_came_to() -> None:
    begun = run(hours=1)
    begun.ask("promote", "ship it")
    begun.step()
    (first,) = view(begun).history
    assert (first.phase, first.number, first.outcome, first.observed) == ("canary", 1, "overridden: ship it", HOUR)
    assert first.evidence[0] == "p99 passes at 143 ms (must be < 200 ms)"


def test_the_share_is_the_one_confirmed_last_where_the_phase_is() -> None:
    begun = run(phase("staging", environment="staging", soak=NOTHING, promotion=Promotion.AUTOMATIC), phase("canary"))
    assert view(begun).applied is None
    begun.until(RolloutState.SOAKING)
    assert view(begun).applied == 0.05
    begun.until(RolloutState.PLANNED)
    assert view(begun).applied is None


def test_a_view_is_json_in_every_state() -> None:
    begun = run(
        phase(soak=HOUR, promotion=Promotion.AUTOMATIC), phase("all", soak=NOTHING, promotion=Promotion.AUTOMATIC)
    )
    begun.longest = MINUTE
    for _ in range(80):
        body: dict[str, Any] = json.loads(json.dumps(view_body(view(begun)), allow_nan=False))
        assert body["state"] == begun.state.value
        assert body["why"]
        assert body["can"]["hold"] == view(begun).cannot("hold")
        begun.step(MINUTE)
    assert begun.state is RolloutState.COMPLETED
    assert body["phases"][0]["mark"] == "done"
    assert body["soak"] is None

"""When a rollout goes back, once, and how it is tried again or given up."""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.core.evaluation import Verdict
from console.core.rollouts import decisions, machine
from console.core.rollouts.facts import Kind
from console.core.rollouts.state import RolloutState
from tests.core.rollouts.runs import AUTOMATIC, held, refused, rolled_back, run, seen, soaking, waiting
from tests.core.rollouts.worlds import (
    ERRORS,
    HOUR,
    LEAK,
    MINUTE,
    NOON,
    phase,
    rules,
)


@pytest.mark.parametrize("state", [RolloutState.ROLLED_BACK, RolloutState.COMPLETED, RolloutState.ABORTED])
def test_nothing_is_judged_when_nothing_can_come_of_it(state: RolloutState) -> None:
    begun = soaking()
    over = replace(begun.rollout, state=state)
    assert machine.needs_judging(begun.plan, over) is None
    assert machine.to_judge(begun.plan, over) == ()


@pytest.mark.parametrize("make", [soaking, waiting, held])
def test_a_criterion_that_trips_rolls_back_in_every_state_in_which_traffic_stands(make: object) -> None:
    begun = make()  # type: ignore[operator]
    seen(begun, ERRORS, Verdict.PASS, 0.06)
    decision = begun.step()
    assert isinstance(decision, decisions.RollBack)
    assert (decision.criterion, decision.by) == (ERRORS, "driver")
    assert decision.why == f"error_rate tripped: {ERRORS}, at 6 %"
    assert any("error_rate trips at 6 %" in line for line in decision.evidence)
    assert isinstance(begun.step(), decisions.PutBack)
    assert begun.state is RolloutState.ROLLED_BACK
    assert begun.attempt.outcome == f"rolled back: {decision.why}"


def test_a_criterion_trips_between_two_phases_for_the_traffic_that_stands() -> None:
    begun = soaking(phase(soak=MINUTE, promotion=AUTOMATIC), phase("all", not_before=NOON + 9 * HOUR))
    begun.until(RolloutState.PLANNED)
    seen(begun, ERRORS, Verdict.PASS)
    assert isinstance(begun.step(), decisions.RollBack)


def test_while_it_is_applied_a_criterion_trips_once_a_good_state_is_recorded() -> None:
    begun = run()
    begun.step()
    seen(begun, ERRORS, Verdict.PASS)
    assert isinstance(begun.decide(), decisions.Apply)
    begun.write(Kind.GOOD, environment="production", record={})
    assert isinstance(begun.decide(), decisions.RollBack)


def test_before_anything_was_changed_nothing_trips_and_nothing_is_rolled_back() -> None:
    begun = run(phase(not_before=NOON + HOUR))
    seen(begun, ERRORS, Verdict.PASS)
    assert isinstance(begun.step(), decisions.Stay)
    begun.ask("rollback")
    assert refused(begun) == "nothing was changed yet; A aborts"


def test_after_a_rollback_nothing_trips_until_the_next_try_changes_something() -> None:
    begun = rolled_back()
    seen(begun, ERRORS, Verdict.PASS)
    assert isinstance(begun.step(), decisions.Stay)
    begun.ask("retry", phase=0)
    assert begun.step() == decisions.Retry(0, begun.facts[-2].number, "ada@bastion")
    assert begun.step() == decisions.Begin(0, 2)


@pytest.mark.parametrize("verdict", [Verdict.NODATA, Verdict.ERROR, Verdict.FAIL, Verdict.PENDING])
def test_nothing_but_a_true_criterion_rolls_back(verdict: Verdict) -> None:
    begun = soaking()
    seen(begun, ERRORS, verdict)
    assert isinstance(begun.step(), decisions.Stay)


def test_a_key_and_a_criterion_roll_back_in_the_same_way() -> None:
    begun = waiting()
    begun.ask("rollback", "users complain")
    decision = begun.step()
    assert isinstance(decision, decisions.RollBack)
    assert (decision.why, decision.criterion, decision.by) == (
        "ada@bastion asked for it: users complain",
        "",
        "ada@bastion",
    )
    assert begun.rollout.asks == ()


def test_a_rollback_that_is_asked_for_does_not_queue_behind_other_asks() -> None:
    begun = soaking()
    begun.ask("promote")
    begun.ask("abort")
    begun.ask("rollback")
    assert isinstance(begun.step(), decisions.RollBack)


def test_a_rollback_is_decided_once() -> None:
    begun = soaking()
    begun.ask("rollback")
    begun.ask("rollback")
    seen(begun, ERRORS, Verdict.PASS)
    begun.until(RolloutState.ROLLED_BACK)
    begun.ask("rollback")
    assert refused(begun) == "it is rolled back already; t tries again, A aborts"
    assert sum(isinstance(decision, decisions.RollBack) for decision in begun.seen) == 1


def test_a_rollback_that_fails_is_held_and_goes_on_when_it_is_resumed() -> None:
    begun = soaking()
    begun.ask("rollback")
    begun.fails = "neither side is healthy"
    begun.until(RolloutState.HELD)
    seen(begun, ERRORS, Verdict.PASS)
    for what in ("rollback", "retry", "promote"):
        begun.ask(what)
        assert refused(begun)
    begun.fails = ""
    begun.person(Kind.RESUMED)
    assert isinstance(begun.step(), decisions.PutBack)
    assert begun.state is RolloutState.ROLLED_BACK


def test_a_criterion_that_trips_is_stronger_than_an_override() -> None:
    begun = soaking()
    seen(begun, ERRORS, Verdict.PASS)
    begun.ask("promote", "I know better")
    assert isinstance(begun.step(), decisions.RollBack)
    begun.until(RolloutState.ROLLED_BACK)
    assert refused(begun)


def test_a_failed_apply_is_held_and_can_be_resumed_tried_again_rolled_back_or_aborted() -> None:
    for what, expected in (("retry", decisions.Retry), ("rollback", decisions.RollBack), ("abort", decisions.Abort)):
        begun = run()
        begun.fails = "the image cannot be pulled"
        begun.until(RolloutState.HELD)
        begun.fails = ""
        begun.ask(what)
        assert isinstance(begun.step(), expected)
    begun = run()
    begun.fails = "the image cannot be pulled"
    begun.until(RolloutState.HELD)
    begun.fails = ""
    begun.person(Kind.RESUMED)
    assert begun.step() == decisions.Apply(0, 1)
    begun = run()
    begun.fails = "the image cannot be pulled"
    begun.until(RolloutState.HELD)
    begun.fails = ""
    begun.ask("retry")
    begun.step()
    assert begun.step() == decisions.Begin(0, 2)
    assert begun.step() == decisions.Apply(0, 2)


def test_a_retry_goes_back_to_a_phase_that_was_reached_and_to_no_other() -> None:
    begun = soaking(phase(soak=MINUTE, promotion=AUTOMATIC), phase("two"), phase("three"))
    begun.until(RolloutState.PLANNED)
    begun.until(RolloutState.SOAKING)
    begun.ask("rollback")
    begun.until(RolloutState.ROLLED_BACK)
    begun.ask("retry", phase=2)
    assert refused(begun) == "only a phase up to two can be tried again"
    begun.ask("retry", phase=0)
    assert isinstance(begun.step(), decisions.Retry)
    assert begun.step() == decisions.Begin(0, 3)


def test_a_rollback_after_the_last_promotion_does_not_complete() -> None:
    begun = waiting(phase(soak=MINUTE))
    begun.ask("promote")
    begun.step()
    seen(begun, ERRORS, Verdict.PASS)
    assert isinstance(begun.step(), decisions.RollBack)
    begun.until(RolloutState.ROLLED_BACK)
    begun.judged = None
    begun.ask("retry", phase=0)
    begun.step()
    assert begun.step() == decisions.Begin(0, 2)


def test_aborting_leaves_the_traffic_and_ends_it() -> None:
    begun = soaking()
    begun.ask("abort", "wrong version")
    decision = begun.step()
    assert isinstance(decision, decisions.Abort)
    assert (begun.state, begun.attempt.outcome, begun.rollout.why) == (RolloutState.ABORTED, "aborted", "wrong version")
    assert isinstance(begun.step(), decisions.Stay)


def test_the_first_of_several_criteria_that_trips_is_named() -> None:
    begun = soaking(phase(criteria=rules(ERRORS, LEAK)))
    seen(begun, LEAK, Verdict.PASS, 1.2e9)
    decision = begun.step()
    assert isinstance(decision, decisions.RollBack)
    assert decision.why == f"memory tripped: {LEAK}, at 1.2 GB"


def test_what_a_failed_apply_may_have_changed_can_still_be_rolled_back_before_it_is_tried_again() -> None:
    begun = run()
    begun.step()
    begun.write(Kind.GOOD, environment="production", record={})
    begun.write(Kind.HELD, why="the image cannot be pulled", kind="engine")
    begun.ask("retry")
    begun.step()
    assert begun.state is RolloutState.PLANNED
    seen(begun, ERRORS, Verdict.PASS)
    assert isinstance(begun.step(), decisions.RollBack)

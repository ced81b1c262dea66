"""What a person may do in each state, and the sentence why not."""

from __future__ import annotations

import pytest

from console.core.rollouts import machine
from console.core.rollouts.asking import ACTIONS
from console.core.rollouts.facts import Kind
from console.core.rollouts.plan import NOTHING
from console.core.rollouts.state import Judged, RolloutState
from tests.core.rollouts.runs import held, rolled_back, run, soaking, waiting
from tests.core.rollouts.worlds import HOUR, MINUTE, NOON, Run, phase, plan

CHECKED = phase(soak=HOUR, checklist=("a",), sign_offs=("lead",))
PERSONS = {"tick", "sign", "look"}
ALWAYS = {"abort"}


def planned() -> Run:
    return run(phase(not_before=NOON + HOUR))


def between() -> Run:
    begun = soaking(phase(soak=NOTHING), phase("all", not_before=NOON + 9 * HOUR))
    begun.ask("promote", "hurry")
    begun.until(RolloutState.PLANNED)
    return begun


def applying() -> Run:
    begun = run(CHECKED)
    begun.step()
    return begun


def rolling_back() -> Run:
    begun = soaking()
    begun.ask("rollback")
    begun.step()
    return begun


def stuck() -> Run:
    begun = rolling_back()
    begun.fails = "neither side is healthy"
    begun.step()
    return begun


def started_held() -> Run:
    begun = planned()
    begun.person(Kind.HELD, why="started held")
    return begun


def met() -> Run:
    begun = waiting(phase(soak=MINUTE), phase("all"))
    assert begun.state is RolloutState.WAITING
    return begun


def allowed(begun: Run) -> set[str]:
    return {what for what in ACTIONS if not machine.may(begun.plan, begun.rollout, begun.verdicts, what)}


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (planned, ALWAYS | {"hold"}),
        (between, ALWAYS | {"hold", "rollout-rollback"}),
        (applying, ALWAYS | PERSONS | {"hold", "rollout-rollback"}),
        (lambda: soaking(CHECKED), ALWAYS | PERSONS | {"hold", "rollout-rollback", "override"}),
        (lambda: waiting(CHECKED), ALWAYS | PERSONS | {"hold", "rollout-rollback", "override"}),
        (met, ALWAYS | {"hold", "rollout-rollback", "promote", "look"}),
        (lambda: held(CHECKED), ALWAYS | PERSONS | {"resume", "rollout-rollback", "retry"}),
        (started_held, ALWAYS | {"resume", "start"}),
        (rolling_back, set()),
        (stuck, ALWAYS | {"resume"}),
        (rolled_back, ALWAYS | {"retry"}),
    ],
)
def test_in_each_state_just_this_can_be_done(make: object, expected: set[str]) -> None:
    assert allowed(make()) == expected  # type: ignore[operator]


@pytest.mark.parametrize("what", ["abort", "promote"])
def test_of_a_rollout_that_is_over_only_another_can_be_started(what: str) -> None:
    begun = Run(plan(phase(soak=NOTHING, gates=(), criteria=())))
    begun.until(RolloutState.WAITING)
    begun.ask(what)
    begun.step()
    begun.step()
    assert begun.state.over
    assert allowed(begun) == {"start"}
    why = machine.may(begun.plan, begun.rollout, begun.verdicts, "hold")
    assert why == f"the rollout is {begun.state.value}; S starts another"


def test_where_there_is_no_rollout_one_can_be_started() -> None:
    nothing = {what: machine.may(plan(), None, Judged(), what) for what in ACTIONS}
    assert nothing.pop("start") == ""
    assert set(nothing.values()) == {"no rollout is under way; S starts one"}


def test_what_is_no_action_is_an_error() -> None:
    with pytest.raises(ValueError, match="`dance` is nothing that can be done"):
        machine.may(plan(), None, Judged(), "dance")


def test_a_phase_without_checklist_and_sign_offs_says_so() -> None:
    begun = met()
    assert machine.may(begun.plan, begun.rollout, begun.verdicts, "tick") == "canary has no checklist"
    assert machine.may(begun.plan, begun.rollout, begun.verdicts, "sign") == "canary asks for no sign-off"


def test_only_the_held_phase_itself_is_tried_again() -> None:
    begun = soaking(phase(soak=MINUTE), phase("all"))
    begun.until(RolloutState.WAITING)
    begun.ask("promote")
    begun.until(RolloutState.PLANNED)
    begun.until(RolloutState.SOAKING)
    begun.person(Kind.HELD, why="wait")
    assert machine.may(begun.plan, begun.rollout, begun.verdicts, "retry", phase=1) == ""
    why = machine.may(begun.plan, begun.rollout, begun.verdicts, "retry", phase=0)
    assert why == "only all can be tried again; R rolls back"


@pytest.mark.parametrize("odd", [-1, 2, 7])
def test_a_phase_that_was_not_reached_is_not_tried_again(odd: int) -> None:
    begun = rolled_back()
    assert machine.may(begun.plan, begun.rollout, begun.verdicts, "retry", phase=odd)
    assert machine.may(begun.plan, begun.rollout, begun.verdicts, "retry", phase=0) == ""

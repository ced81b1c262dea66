"""Each rollback criterion of each phase of each plan trips at the second it should; a shorter breach trips nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from console.core.rollouts.facts import Kind
from console.core.rollouts.plan import RolloutPlan
from console.core.rollouts.state import RolloutState
from console.core.system import System
from console.engine.scenario import Anchor, Entry, Scenario, When
from console.engine.scripted import Failing, Level
from tests.rehearsal.expecting import first_counted, told, trips_at
from tests.rehearsal.plans import NINE, label, run, shipped

OFFSET = timedelta(seconds=3)
"""Off every grid, so that a breach is seen at the next point."""

CASES = [
    pytest.param(plan, system, index, rule.text, id=f"{label(plan)}-{phase.name}-{rule.text}")
    for plan, system in shipped()
    for index, phase in enumerate(plan.phases)
    for rule in phase.criteria
]


def breaching(metric: str, phase: str, value: float | None, lasts: timedelta | None, rehearsed: timedelta) -> Scenario:
    shape = Failing() if value is None else Level(value)
    return Scenario(
        "breach",
        lasts=rehearsed,
        entries=(Entry(metric, Anchor(When.CONFIRMED, phase, OFFSET), shape, lasts),),
        applying=timedelta(seconds=20),
    )


def test_every_system_has_plans_with_criteria() -> None:
    assert {plan.system for plan, _ in shipped()} == {"genesis", "hak-gal", "knhk", "lexikon"}
    assert {case.values[0].system for case in CASES} == {"genesis", "hak-gal", "knhk", "lexikon"}
    assert len(CASES) > 300


@pytest.mark.parametrize(("plan", "system", "index", "text"), CASES)
def test_a_criterion_trips_at_the_second_it_should_and_not_for_a_shorter_breach(
    plan: RolloutPlan, system: System, index: int, text: str
) -> None:
    phase = plan.phases[index]
    asked = told(text, system, phase)
    value = None if asked.times else asked.breach
    starts = max(NINE, phase.not_before or NINE)
    scenario = breaching(asked.metric, phase.name, value, None, timedelta(days=1))

    rehearsed, facts = run(plan, system, scenario, here=index, first=index, starts=starts)

    confirmed = next(fact.at for fact in facts if fact.kind is Kind.CONFIRMED)
    begins = confirmed + OFFSET
    expected = trips_at(asked, confirmed, begins)
    assert [(trip.at, trip.phase, trip.criterion) for trip in rehearsed.trips] == [(expected, phase.name, text)]
    assert rehearsed.state is RolloutState.ROLLED_BACK
    # The traffic goes back in the same second, not at the next tick.
    assert next(fact.at for fact in facts if fact.kind is Kind.ROLL_BACK) == expected
    assert not any(fact.kind is Kind.PROMOTED for fact in facts)

    if expected == first_counted(asked, confirmed, begins):
        return
    short = expected - begins  # the point at which it would trip is good again
    lasts = short + timedelta(minutes=3)
    shorter = breaching(asked.metric, phase.name, value, short, lasts + timedelta(minutes=1))
    quiet, _ = run(plan, system, shorter, here=index, first=index, starts=starts)
    assert quiet.trips == ()
    assert quiet.state is not RolloutState.ROLLED_BACK

"""The scenarios that ship, on every plan that ships: what each is about happens, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from console.core.rollouts.facts import Fact, Kind
from console.core.rollouts.plan import RolloutPlan
from console.core.rollouts.state import RolloutState
from console.core.system import System
from console.engine.rehearsal import default_start, usual_phase
from console.engine.scenario import Scenario
from console.engine.scenarios import read_scenario, resolve_scenario, scenario_files
from console.engine.timeline import Rehearsed
from tests.rehearsal.plans import NINE, label, run, shipped

PLANS = [pytest.param(plan, system, id=label(plan)) for plan, system in shipped()]
ONE_A_SYSTEM = [
    pytest.param(plan, system, id=label(plan)) for plan, system in shipped() if plan.name in ("release", "canary")
]


def scenario(name: str, plan: RolloutPlan, system: System) -> Scenario:
    return read_scenario(resolve_scenario(name), plan, system, environ={})


def rehearse(name: str, plan: RolloutPlan, system: System, here: int) -> tuple[Rehearsed, list[Fact]]:
    asked = scenario(name, plan, system)
    starts = default_start(plan, asked, max(NINE, plan.phases[here].not_before or NINE))
    return run(plan, system, asked, here=here, first=here, starts=starts)


def confirmed_at(facts: list[Fact]) -> datetime:
    return next(fact.at for fact in facts if fact.kind is Kind.CONFIRMED)


def test_the_scenarios_that_ship_are_these() -> None:
    assert set(scenario_files()) == {
        "error-spike",
        "flapping",
        "happy-path",
        "metrics-gone",
        "slow-leak",
        "weekend",
    }


@pytest.mark.parametrize(("plan", "system"), PLANS)
@pytest.mark.parametrize("name", sorted(scenario_files()))
def test_every_scenario_fits_every_plan(name: str, plan: RolloutPlan, system: System) -> None:
    asked = scenario(name, plan, system)
    assert (asked.name, bool(asked.title), bool(asked.about)) == (name, True, True)


@pytest.mark.parametrize(("plan", "system"), ONE_A_SYSTEM)
def test_an_error_spike_rolls_back_each_phase_that_has_a_criterion(plan: RolloutPlan, system: System) -> None:
    for index, phase in enumerate(plan.phases):
        rehearsed, facts = rehearse("error-spike", plan, system, index)
        assert rehearsed.applies is bool(phase.criteria)
        if not phase.criteria:
            continue
        (trip,) = rehearsed.trips
        assert (trip.phase, rehearsed.state) == (phase.name, RolloutState.ROLLED_BACK)
        assert trip.at >= confirmed_at(facts) + phase.soak / 4
        assert trip.criterion in {rule.text for rule in phase.criteria}
        assert f"`{trip.criterion}`" in rehearsed.said[0]


@pytest.mark.parametrize(("plan", "system"), ONE_A_SYSTEM)
def test_metrics_that_are_gone_neither_promote_nor_roll_back(plan: RolloutPlan, system: System) -> None:
    here = usual_phase(plan)
    rehearsed, facts = rehearse("metrics-gone", plan, system, here)
    begin = confirmed_at(facts) + plan.phases[here].soak / 4
    end = begin + timedelta(minutes=40)
    during = [fact for fact in facts if begin <= fact.at < end]
    assert {fact.kind for fact in during} <= {Kind.SOAKED}
    assert any("flying blind" in moment.what for moment in rehearsed.moments if begin <= moment.at < end)
    assert rehearsed.trips == ()
    assert rehearsed.state is RolloutState.COMPLETED
    first = rehearsed.phases[0]
    over = first.ready or first.left
    assert first.confirmed is not None and over is not None
    # Forty minutes are within the tolerance: the clock stood still, and went on where it was.
    assert over - first.confirmed >= plan.phases[here].soak + timedelta(minutes=40)


@pytest.mark.parametrize(("plan", "system"), ONE_A_SYSTEM)
def test_metrics_that_stay_gone_hold_the_phase_for_ever(plan: RolloutPlan, system: System) -> None:
    here = usual_phase(plan)
    asked = scenario("metrics-gone", plan, system)
    (gone,) = asked.chosen
    forever = replace(asked, chosen=(replace(gone, lasts=None),), lasts=timedelta(days=9))
    rehearsed, facts = run(plan, system, forever, here=here, first=here, starts=plan.phases[here].not_before or NINE)
    assert rehearsed.state is RolloutState.SOAKING
    assert not any(fact.kind in (Kind.PROMOTED, Kind.READY, Kind.ROLLING_BACK) for fact in facts)


@pytest.mark.parametrize(("plan", "system"), ONE_A_SYSTEM)
def test_a_flapping_metric_neither_trips_nor_soaks(plan: RolloutPlan, system: System) -> None:
    here = usual_phase(plan)
    rehearsed, facts = rehearse("flapping", plan, system, here)
    assert rehearsed.applies, rehearsed.said
    assert rehearsed.trips == ()
    assert rehearsed.state is RolloutState.COMPLETED
    begin = confirmed_at(facts) + plan.phases[here].soak / 4
    flapping = [fact.kind for fact in facts if begin <= fact.at < begin + timedelta(minutes=60)]
    assert Kind.ROLLING_BACK not in flapping
    first = rehearsed.phases[0]
    over = first.ready or first.left
    assert first.bad > timedelta(0)
    assert over is not None and first.confirmed is not None
    assert over - first.confirmed >= plan.phases[here].soak + first.bad


@pytest.mark.parametrize(("plan", "system"), ONE_A_SYSTEM)
def test_a_slow_leak_ends_the_phase_it_reaches(plan: RolloutPlan, system: System) -> None:
    here = usual_phase(plan)
    rehearsed, facts = rehearse("slow-leak", plan, system, here)
    assert rehearsed.applies
    if rehearsed.trips:
        (trip,) = rehearsed.trips
        assert rehearsed.state is RolloutState.ROLLED_BACK
        assert trip.at > confirmed_at(facts)
    else:
        assert rehearsed.state is not RolloutState.ROLLED_BACK

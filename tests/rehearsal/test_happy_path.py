"""Every plan that ships runs to its end where all goes well, with the soaks, intervals and dates of its file."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from console.core.rollouts.facts import Fact, Kind
from console.core.rollouts.plan import Phase, Promotion, RolloutPlan
from console.core.rollouts.state import RolloutState
from console.core.system import System
from console.engine.rehearsal import Rehearsal, Setting, default_start
from console.engine.scenario import Scenario
from console.engine.scenarios import read_scenario, resolve_scenario
from console.engine.scripted_people import People
from tests.rehearsal.expecting import COMPARED, on_grid, told
from tests.rehearsal.plans import NINE, label, run, shipped

PLANS = [pytest.param(plan, system, id=label(plan)) for plan, system in shipped()]
PEOPLE = People(
    ticks_after=timedelta(minutes=5), signs_after=timedelta(minutes=10), promotes_after=timedelta(minutes=15)
)
ZERO = timedelta(0)


def at_of(facts: list[Fact], kind: Kind, phase: int) -> datetime:
    return next(fact.at for fact in facts if fact.kind is kind and fact.role == "note" and fact.body["phase"] == phase)


def rules_of(phase: Phase) -> list[str]:
    return [rule.text for rule in (*phase.gates, *phase.criteria)]


def soaked_at(phase: Phase, system: System, confirmed: datetime, tick: timedelta) -> datetime:
    """When the soak is over: counted from the tick before the one at which every rule has a sample of the phase."""
    if not phase.soak:
        return on_grid(confirmed, tick)
    seen = [confirmed]
    for text in rules_of(phase):
        steady = COMPARED.fullmatch(text) is None and " fails " not in text
        asked = told(f"{text.split()[0]} > 1" if steady else text, system, phase)
        seen.append(on_grid(confirmed + asked.reads, asked.step))
    first = on_grid(max(seen), tick)
    return on_grid(max(confirmed, first - tick) + phase.soak, tick)


@pytest.mark.parametrize(("plan", "system"), PLANS)
def test_a_plan_runs_to_its_end_by_its_own_figures(plan: RolloutPlan, system: System) -> None:
    starts = default_start(plan, Scenario("all well"), NINE)
    rehearsed, facts = run(plan, system, Scenario("all well", people=PEOPLE), starts=starts)
    tick = Rehearsal(plan, system, Scenario("all well"), Setting(starts)).tick

    assert rehearsed.state is RolloutState.COMPLETED
    assert rehearsed.trips == ()
    assert [one.phase for one in rehearsed.phases] == [phase.name for phase in plan.phases]
    for index, (phase, one) in enumerate(zip(plan.phases, rehearsed.phases, strict=True)):
        assert one.confirmed is not None and one.left is not None
        begins = at_of(facts, Kind.BEGUN, index)
        earliest = [starts if index == 0 else at_of(facts, Kind.PROMOTED, index - 1) + tick]
        if index:
            earliest.append(at_of(facts, Kind.CONFIRMED, index - 1) + phase.interval)
        if phase.not_before is not None:
            earliest.append(phase.not_before)
        assert begins == on_grid(max(earliest), tick), phase.name

        soaked = soaked_at(phase, system, one.confirmed, tick)
        over = one.ready or one.left
        assert over >= soaked
        assert one.observed >= phase.soak
        assert (one.unobserved, one.bad) == (ZERO, ZERO)
        windows = [rule.condition.window for rule in phase.gates]
        if max(windows, default=ZERO) < phase.soak:
            assert over == soaked, phase.name
        for place, settings in enumerate(phase.settings):
            if settings.after:
                set_at = [fact.at for fact in facts if fact.kind is Kind.SET and fact.body["index"] == place]
                assert ZERO <= min(set_at) - (one.confirmed + settings.after) <= 2 * tick

        by_person = phase.promotion is Promotion.PERSON
        if by_person:
            assert one.ready is not None
            # A person asks a quarter of an hour after the soak; the driver hears of it at its next tick.
            assert one.left == on_grid(one.ready + timedelta(minutes=15), tick)
        else:
            waits = bool(phase.checklist or phase.sign_offs)
            assert (one.ready is not None) is waits


def test_the_release_of_hak_gal_takes_its_weeks() -> None:
    plan, system = next(one for one in shipped() if one[0].system == "hak-gal")
    rehearsed, facts = run(plan, system, Scenario("all well", people=PEOPLE))
    confirmed = {phase.phase: phase.confirmed for phase in rehearsed.phases}
    assert {phase.phase: phase.soak for phase in rehearsed.phases if phase.soak} == {
        "staging-canary": timedelta(hours=48),
        "staging-scale-up": timedelta(hours=24),
        "production-canary": timedelta(hours=72),
        "production-5": timedelta(hours=48),
        "production-25": timedelta(hours=48),
        "production-50": timedelta(hours=48),
        "production-100": timedelta(hours=48),
    }
    for before, after in (("5", "25"), ("25", "50"), ("50", "100")):
        first, second = confirmed[f"production-{before}"], confirmed[f"production-{after}"]
        assert first is not None and second is not None
        assert timedelta(days=7) <= second - first < timedelta(days=7, minutes=5)
    info = next(fact for fact in facts if fact.kind is Kind.SET)
    scaled_up = confirmed["staging-scale-up"]
    assert scaled_up is not None
    assert timedelta(hours=24) <= info.at - scaled_up <= timedelta(hours=24, seconds=10)
    assert timedelta(days=28) < rehearsed.lasted < timedelta(days=31)


def test_what_persons_must_do_is_told_with_its_time() -> None:
    plan, system = next(one for one in shipped() if one[0].system == "genesis")
    starts = default_start(plan, Scenario("all well"), NINE)
    rehearsed, _ = run(plan, system, Scenario("all well", people=PEOPLE), starts=starts)
    final = [duty for duty in rehearsed.duties if duty.phase == "final-validation"]
    assert any("sign-off: security lead" in duty.what and "promote" in duty.what for duty in final)
    looks = [duty for duty in rehearsed.duties if duty.phase == "stage-1" and duty.what.startswith("look every 15m")]
    assert looks[0].what == "look every 15m (48 looks)"
    early = next(duty for duty in rehearsed.duties if duty.phase == plan.phases[0].name)
    assert early.by == plan.phases[1].not_before


def test_a_weekend_waits_until_monday() -> None:
    plan, system = next(one for one in shipped() if one[0].system == "hak-gal")
    scenario = read_scenario(resolve_scenario("weekend"), plan, system, environ={})
    starts = default_start(plan, scenario, NINE)
    assert starts == datetime(2026, 11, 27, 18, 0, tzinfo=NINE.tzinfo)  # the Friday after
    rehearsed, facts = run(plan, system, scenario, starts=starts)
    assert rehearsed.state is RolloutState.COMPLETED
    canary = rehearsed.phases[0]
    assert canary.ready is not None and canary.ready.date() == starts.date()
    # Ready on Friday evening, left on Monday at nine.
    assert canary.left == datetime(2026, 11, 30, 9, 0, tzinfo=NINE.tzinfo)
    for fact in facts:
        if fact.kind in (Kind.TICKED, Kind.SIGNED, Kind.ASKED):
            assert fact.at.weekday() < 5
            assert 9 <= fact.at.hour < 18


def test_nobody_there_is_waited_for_to_the_end() -> None:
    plan, system = next(one for one in shipped() if one[0].system == "hak-gal")
    rehearsed, facts = run(plan, system, Scenario("nobody", people=People(absent=True), lasts=timedelta(days=30)))
    assert rehearsed.state is RolloutState.WAITING
    assert not any(fact.kind is Kind.PROMOTED for fact in facts)
    assert rehearsed.lasted == timedelta(days=30)

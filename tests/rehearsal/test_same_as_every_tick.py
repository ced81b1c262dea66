"""A rehearsal that skips what stays the same writes the same facts at the same seconds as one that ticks everywhere."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from console.core.rollouts.plan import RolloutPlan
from console.core.system import System
from console.engine.scenario import Anchor, Deed, Entry, Outage, Scenario, When
from console.engine.scripted import Broken, Failing, Flap, Gone, Level, Ramp, Shape
from console.engine.scripted_people import People
from console.engine.timeline import Rehearsed
from tests.rehearsal.plans import minutes, run, small, told

GOOD = {"requests": 20.0, "error_rate": 0.005, "latency": 0.1, "hits": 0.8, "memory": 2e8}
BAD = {
    "requests": (0.0, 5.0),
    "error_rate": (0.02, 0.08),
    "latency": (0.3, 0.5),
    "hits": (0.4, 0.1),
    "memory": (3e8, 4.5e8, 6e8),
}


def seconds(*of: int) -> st.SearchStrategy[timedelta]:
    return st.sampled_from([timedelta(seconds=one) for one in of])


@st.composite
def shapes(draw: st.DrawFn, name: str) -> Shape:
    bad, good = draw(st.sampled_from(BAD[name])), GOOD[name]
    return draw(
        st.one_of(
            st.just(Level(bad)),
            st.builds(Ramp, st.just(good), st.just(bad), seconds(30, 240, 600)),
            st.builds(Flap, st.just(bad), st.just(good), seconds(20, 60, 130)),
            st.just(Gone()),
            st.just(Broken("no answer")),
        )
    )


@st.composite
def anchors(draw: st.DrawFn) -> Anchor:
    if draw(st.booleans()):
        return Anchor(When.START, after=timedelta(seconds=draw(st.integers(0, 2400))))
    when = draw(st.sampled_from([When.BEGUN, When.CONFIRMED, When.READY]))
    phase = draw(st.sampled_from(["first", "second"]))
    return Anchor(when, phase, draw(seconds(0, 3, 60, 61, 120, 200, 301, 444)))


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    entries = []
    for name in draw(st.lists(st.sampled_from([*BAD, "gateway"]), min_size=1, max_size=4)):
        shape = draw(st.sampled_from([Failing(), Gone()])) if name == "gateway" else draw(shapes(name))
        lasts = draw(st.one_of(st.none(), seconds(5, 17, 60, 90, 120, 121, 240, 600)))
        entries.append(Entry(name, draw(anchors()), shape, lasts))
    outages = [
        Outage(of, Anchor(When.START, after=timedelta(seconds=draw(st.integers(60, 2000)))), lasts, kept)
        for of, lasts, kept in draw(
            st.lists(
                st.tuples(st.sampled_from(["watcher", "prometheus"]), seconds(20, 60, 200, 700), st.booleans()),
                max_size=2,
            )
        )
    ]
    deeds = []
    if draw(st.integers(0, 2)) == 0:
        at = draw(st.integers(60, 1500))
        until = at + draw(st.sampled_from([7, 100, 400]))
        deeds = [
            Deed(Anchor(When.START, after=timedelta(seconds=at)), "hold"),
            Deed(Anchor(When.START, after=timedelta(seconds=until)), "resume"),
        ]
    return Scenario(
        "any",
        lasts=minutes(60),
        applying=draw(seconds(0, 45)),
        entries=tuple(entries),
        outages=tuple(outages),
        deeds=tuple(deeds),
        people=People(minutes(1), minutes(1), minutes(2), retries_after=draw(st.sampled_from([None, minutes(5)]))),
    )


def clocks(rehearsed: Rehearsed) -> list[tuple[object, ...]]:
    """The soak clocks, as they stood when each attempt was left."""
    return [(one.phase, one.observed, one.bad, one.unobserved, one.restarts) for one in rehearsed.phases]


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> tuple[RolloutPlan, System]:
    found, system = small(Path(tmp_path_factory.mktemp("small")))
    return replace(found, tolerance=minutes(5), grace=minutes(2)), system


def after(of: timedelta) -> Anchor:
    return Anchor(When.START, after=of)


CORNERS = {
    "held in the midst of a soak": Scenario(
        "x", deeds=(Deed(after(minutes(7.1)), "hold"), Deed(after(minutes(9.3)), "resume"))
    ),
    "a slope that passes a limit": Scenario(
        "x", entries=(Entry("memory", Anchor(When.CONFIRMED, "second", minutes(1)), Ramp(2e8, 6e8, minutes(4))),)
    ),
    "a mean that falls below its limit before it is judged": Scenario(
        "x", entries=(Entry("memory", Anchor(When.CONFIRMED, "first"), Level(6e8), timedelta(seconds=45)),)
    ),
    "nobody watches": Scenario("x", outages=(Outage("watcher", after(minutes(6.2)), minutes(3)),)),
    "prometheus is away, and back": Scenario("x", outages=(Outage("prometheus", after(minutes(5)), minutes(2)),)),
}


@pytest.mark.parametrize("corner", CORNERS)
def test_skipping_changes_nothing_in_a_corner(corner: str, plan: tuple[RolloutPlan, System]) -> None:
    same(replace(CORNERS[corner], lasts=minutes(45)), plan)


@given(scenario=scenarios())
@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
def test_skipping_changes_nothing(scenario: Scenario, plan: tuple[RolloutPlan, System]) -> None:
    same(scenario, plan)


def same(scenario: Scenario, plan: tuple[RolloutPlan, System]) -> None:
    """Both ways give the same facts, the same trips and the same clocks."""
    quick, quick_facts = run(*plan, scenario)
    slow, slow_facts = run(*plan, scenario, every_tick=True)
    assert told(quick_facts) == told(slow_facts)
    assert (quick.state, quick.trips, clocks(quick)) == (slow.state, slow.trips, clocks(slow))


def test_a_quiet_hour_takes_a_few_ticks_and_not_hundreds(plan: tuple[RolloutPlan, System]) -> None:
    quick, quick_facts = run(*plan, Scenario("well", lasts=minutes(60)))
    slow, slow_facts = run(*plan, Scenario("well", lasts=minutes(60)), every_tick=True)
    assert told(quick_facts) == told(slow_facts)
    assert quick.ticks < 50 < 300 < slow.ticks

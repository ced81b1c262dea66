"""The fold of a rollout: late, foreign and overtaken facts change nothing, and no fact whatever breaks it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.core.rollouts import machine
from console.core.rollouts.facts import Fact, Kind
from console.core.rollouts.folding import MOST_IGNORED
from console.core.rollouts.plan import NOTHING, Promotion
from console.core.rollouts.state import Judged, Rollout, RolloutState
from tests.core.rollouts.worlds import HOUR, MINUTE, NOON, SECOND, Run, judged, phase, plan
from tests.core.rollouts.worlds import settings as timed

TWO = plan(
    phase("one", soak=MINUTE, checklist=("a",), sign_offs=("lead",), settings=timed((NOTHING, "FULL"))),
    phase("two", soak=MINUTE, promotion=Promotion.AUTOMATIC),
)


def fact(kind: Kind, number: int = 100, *, by: str = "driver", role: str = "note", **body: Any) -> Fact:
    return Fact(kind, number, NOON + HOUR, by, body, role)


def soaking() -> Run:
    run = Run(TWO)
    run.until(RolloutState.SOAKING)
    return run


def after(run: Run, late: Fact) -> Rollout:
    rollout = machine.advance(run.plan, run.rollout, late)
    assert rollout is not None
    return rollout


def unchanged(run: Run, late: Fact) -> str:
    """Why a fact was ignored; it must have been."""
    before, rollout = run.rollout, after(run, late)
    assert replace(rollout, number=before.number, ignored=before.ignored) == before
    assert rollout.number == late.number
    assert len(rollout.ignored) == len(before.ignored) + 1
    return rollout.ignored[-1]


def test_nothing_is_a_rollout_before_it_is_started() -> None:
    assert machine.folded(TWO, []) is None
    assert machine.folded(TWO, [fact(Kind.BEGUN, phase=0, attempt=1), fact(Kind.DRIVEN, epoch=3)]) is None


def test_a_rollout_starts_where_it_is_told_to() -> None:
    rollout = machine.folded(TWO, [fact(Kind.STARTED, 7, rollout="r1", version="v2", phase=1, asked_by="ada@bastion")])
    assert rollout is not None
    assert (rollout.id, rollout.version, rollout.phase, rollout.by) == ("r1", "v2", 1, "ada@bastion")
    assert (rollout.state, rollout.started, rollout.number) == (RolloutState.PLANNED, NOON + HOUR, 7)


@pytest.mark.parametrize("odd", [-1, 2, "x", None, True])
def test_a_phase_that_is_not_there_starts_at_the_first(odd: object) -> None:
    rollout = machine.folded(TWO, [fact(Kind.STARTED, rollout="r1", phase=odd)])
    assert rollout is not None
    assert rollout.phase == 0


def test_another_rollouts_facts_are_ignored() -> None:
    run = soaking()
    assert "another rollout's" in unchanged(run, fact(Kind.HELD, rollout="r2", why="not mine"))


def test_a_second_start_is_ignored() -> None:
    assert "started already" in unchanged(soaking(), fact(Kind.STARTED, rollout="r1"))


def test_what_a_driver_of_an_older_epoch_writes_is_ignored() -> None:
    run = soaking()
    run.write(Kind.DRIVEN, epoch=3)
    for kind, body in (
        (Kind.ROLLING_BACK, {"why": "late"}),
        (Kind.SOAKED, {"phase": 0, "attempt": 1}),
        (Kind.READY, {"phase": 0, "attempt": 1}),
        (Kind.PROMOTED, {"phase": 0, "attempt": 1}),
        (Kind.COMPLETED, {}),
        (Kind.DRIVEN, {}),
    ):
        assert "epoch" in unchanged(run, fact(kind, epoch=2, **body))


def test_an_emergency_rollback_bumps_the_epoch_and_stops_the_driver() -> None:
    run = soaking()
    run.write(Kind.ROLLING_BACK, by="ada@bastion", why="emergency", epoch=9)
    assert (run.state, run.rollout.epoch) == (RolloutState.ROLLING_BACK, 9)
    assert "epoch" in unchanged(run, fact(Kind.ROLLED_BACK, epoch=1, says="an older driver says so"))
    run.write(Kind.ROLLED_BACK, epoch=9, says="v2.3.2 serves everything")
    assert (run.state, run.rollout.rolled_back) == (RolloutState.ROLLED_BACK, "v2.3.2 serves everything")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (Kind.BEGUN, {"phase": 0, "attempt": 2}),
        (Kind.CONFIRMED, {"phase": 0, "attempt": 1}),
        (Kind.SET, {"phase": 0, "attempt": 1, "index": 0}),
        (Kind.SET, {"phase": 0, "attempt": 1, "index": 7}),
        (Kind.SOAKED, {"phase": 0, "attempt": 1, "soak": {"observed": "much"}}),
        (Kind.SOAKED, {"phase": 0, "attempt": 2, "soak": {}}),
        (Kind.RESUMED, {}),
        (Kind.TICKED, {"phase": 0, "attempt": 1, "item": 1}),
        (Kind.TICKED, {"phase": 0, "attempt": 9, "item": 0}),
        (Kind.TICKED, {"phase": 0, "attempt": 1, "item": True}),
        (Kind.SIGNED, {"phase": 0, "attempt": 1, "role": "janitor", "decision": "go"}),
        (Kind.SIGNED, {"phase": 0, "attempt": 1, "role": "lead", "decision": "maybe"}),
        (Kind.ROLLED_BACK, {}),
        (Kind.RETRIED, {"phase": 0}),
        (Kind.COMPLETED, {}),
        (Kind.ASKED, {"what": "dance"}),
        (Kind.GOOD, {"environment": "mars", "record": {}}),
        (Kind.GOOD, {"environment": "production", "record": {}}),
    ],
)
def test_a_fact_that_does_not_fit_changes_nothing_and_is_told(kind: Kind, body: Mapping[str, Any]) -> None:
    unchanged(soaking(), fact(kind, **body))


def test_a_promotion_that_a_hold_overtook_does_not_count() -> None:
    run = soaking()
    run.person(Kind.HELD, why="wait")
    unchanged(run, fact(Kind.PROMOTED, phase=0, attempt=1))


def test_an_apply_that_ends_while_it_is_held_is_confirmed_and_stays_held() -> None:
    run = Run(TWO)
    run.step()
    run.person(Kind.HELD, why="wait")
    run.write(Kind.CONFIRMED, phase=0, attempt=1, applied=0.05)
    assert run.rollout.held is not None
    assert (run.state, run.rollout.held.back) == (RolloutState.HELD, RolloutState.SOAKING)
    assert run.attempt.confirmed_at == run.now


def test_a_phase_that_begins_as_a_person_holds_stays_held() -> None:
    run = Run(TWO)
    run.person(Kind.HELD, why="wait")
    run.write(Kind.BEGUN, phase=0, attempt=1)
    assert run.rollout.held is not None
    assert (run.state, run.rollout.held.back) == (RolloutState.HELD, RolloutState.APPLYING)


def test_the_engines_reason_replaces_a_persons_hold_and_not_the_other_way() -> None:
    run = soaking()
    run.person(Kind.HELD, why="lunch")
    run.write(Kind.HELD, why="settings could not be set", kind="engine")
    assert run.rollout.held is not None
    assert (run.rollout.held.why, run.rollout.held.kind) == ("settings could not be set", "engine")
    assert "held already" in unchanged(run, fact(Kind.HELD, why="lunch again"))


def test_a_second_hold_by_a_person_changes_nothing() -> None:
    run = soaking()
    run.person(Kind.HELD, why="lunch")
    assert "held already" in unchanged(run, fact(Kind.HELD, by="bob@bastion", why="coffee"))


def test_a_hold_without_a_reason_says_so() -> None:
    run = soaking()
    run.person(Kind.HELD)
    assert run.rollout.held is not None
    assert run.rollout.held.why == "ada@bastion holds it and gave no reason"


def test_a_rollback_that_is_under_way_is_not_held_by_a_person() -> None:
    run = soaking()
    run.write(Kind.ROLLING_BACK, why="x", epoch=1)
    unchanged(run, fact(Kind.HELD, by="ada@bastion", why="wait"))


def test_a_rollback_that_is_under_way_is_not_aborted() -> None:
    run = soaking()
    run.write(Kind.ROLLING_BACK, why="x", criterion="error_rate > 5% for 5m", epoch=1)
    assert run.rollout.criterion == "error_rate > 5% for 5m"
    unchanged(run, fact(Kind.ABORTED, reason="no"))


@pytest.mark.parametrize("odd", [-1, 1, None, True, "0"])
def test_a_retry_from_a_phase_that_was_not_reached_is_ignored(odd: object) -> None:
    run = soaking()
    run.ask("rollback")
    run.until(RolloutState.ROLLED_BACK)
    unchanged(run, fact(Kind.RETRIED, phase=odd))


def test_a_hold_is_tried_again_only_in_its_own_phase() -> None:
    run = soaking()
    run.person(Kind.TICKED, item=0, done=True, note="")
    run.person(Kind.SIGNED, role="lead", decision="go", note="")
    run.until(RolloutState.WAITING)
    run.ask("promote")
    run.until(RolloutState.PLANNED)
    run.until(RolloutState.SOAKING)
    run.person(Kind.HELD, why="wait")
    unchanged(run, fact(Kind.RETRIED, phase=0))


def test_nothing_changes_a_rollout_that_is_over() -> None:
    run = soaking()
    run.ask("abort")
    run.until(RolloutState.ABORTED)
    for kind in Kind:
        if kind not in (Kind.APPLY, Kind.ROLL_BACK, Kind.DRIVEN, Kind.REFUSED):
            unchanged(run, fact(kind, phase=0, attempt=1, what="promote", why="x", item=0, epoch=9, says="x"))


def test_intents_wait_for_their_results() -> None:
    run = soaking()
    one = after(run, fact(Kind.APPLY, 50, role="intent", epoch=1, what="share"))
    two = machine.advance(run.plan, one, fact(Kind.APPLY, 51, role="intent", epoch=1, what="settings:1"))
    assert two is not None
    assert two.dangling == (50, 51)
    result = Fact(Kind.APPLY, 52, NOON, "driver", {"epoch": 1, "outcome": "done"}, "result", 50)
    three = machine.advance(run.plan, two, result)
    assert three is not None
    assert three.dangling == (51,)
    unnamed = machine.advance(run.plan, three, replace(result, number=53, intent=None))
    assert unnamed is not None
    assert unnamed.dangling == ()


def test_the_result_of_an_overtaken_drivers_intent_still_ends_it() -> None:
    run = soaking()
    one = after(run, fact(Kind.APPLY, 50, role="intent", epoch=1))
    two = machine.advance(run.plan, one, fact(Kind.DRIVEN, 51, epoch=2))
    three = machine.advance(run.plan, two, Fact(Kind.APPLY, 52, NOON, "x", {"epoch": 1}, "result", 50))
    assert three is not None
    assert three.dangling == ()


def test_what_was_good_is_recorded_once() -> None:
    run = soaking()
    assert run.rollout.goods == {"production": {"replicas": 10}}
    unchanged(run, fact(Kind.GOOD, environment="production", record={"replicas": 0}))


def test_only_the_newest_misfits_are_told() -> None:
    run = soaking()
    for _ in range(MOST_IGNORED + 5):
        run.write(Kind.RESUMED)
    assert len(run.rollout.ignored) == MOST_IGNORED


def test_a_tick_can_be_taken_back_and_a_sign_changed() -> None:
    run = soaking()
    run.person(Kind.TICKED, item=0, done=True, note="seen")
    assert [(tick.item, tick.by, tick.note) for tick in run.attempt.ticks] == [(0, "ada@bastion", "seen")]
    run.person(Kind.TICKED, item=0, done=False, note="")
    assert run.attempt.ticks == ()
    run.person(Kind.SIGNED, role="lead", decision="go", note="")
    run.person(Kind.SIGNED, role="lead", decision="no-go", note="")
    assert [sign.decision for sign in run.attempt.signs] == ["no-go"]
    run.person(Kind.LOOKED, note="")
    assert run.attempt.looked_at == run.now


texts = st.sampled_from(
    ["", "r1", "promote", "abort", "rollback", "retry", "start", "lead", "go", "production", "engine"]
)
values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 4),
    st.floats(),
    texts,
    st.lists(st.integers(0, 2), max_size=2),
    st.dictionaries(texts, st.integers(), max_size=2),
    st.just({"observed": 5, "unobserved": 0, "bad": 0, "marked": None, "gaps": [], "grace": 0, "restarts": 0}),
)
KEYS = (
    "rollout",
    "phase",
    "attempt",
    "epoch",
    "what",
    "ask",
    "why",
    "by",
    "asked_by",
    "kind",
    "reason",
    "item",
    "done",
    "role",
    "decision",
    "soak",
    "evidence",
    "override",
    "index",
    "environment",
    "record",
    "applied",
    "says",
    "criterion",
    "note",
)
bodies = st.dictionaries(st.sampled_from(KEYS), values, max_size=5)
fitting = st.fixed_dictionaries({"phase": st.integers(0, 1), "attempt": st.integers(1, 2)}).flatmap(
    lambda place: bodies.map(lambda body: {**body, **place})
)
garbage = st.lists(
    st.tuples(st.sampled_from(list(Kind)), st.one_of(bodies, fitting), st.sampled_from(["note", "intent", "result"])),
    max_size=25,
)


@settings(deadline=None)
@given(garbage)
def test_the_fold_takes_whatever_facts_there_are_and_decides_something(rows: Sequence[tuple[Kind, dict, str]]) -> None:
    facts = [Fact(Kind.STARTED, 1, NOON, "ada", {"rollout": "r1"})]
    facts += [
        Fact(kind, place + 2, NOON + place * MINUTE, "ada", body, role) for place, (kind, body, role) in enumerate(rows)
    ]
    rollout = machine.folded(TWO, facts)
    assert rollout == machine.folded(TWO, facts)
    assert rollout is not None
    assert rollout.number == facts[-1].number
    assert rollout.state is not RolloutState.HELD or rollout.held is not None
    assert (rollout.held is None) or rollout.state is RolloutState.HELD
    assert 0 <= rollout.phase < len(TWO.phases)
    for now, seen in ((NOON, Judged()), (NOON + HOUR, judged(TWO))):
        decision = machine.decide(TWO, rollout, seen, now, passed=None, longest_tick=MINUTE)
        assert decision == machine.decide(TWO, rollout, seen, now, passed=None, longest_tick=MINUTE)
        assert machine.why_line(TWO, rollout, seen, now)
    attempt = rollout.attempt
    if attempt is not None:
        assert rollout.state not in (RolloutState.PLANNED, RolloutState.ROLLED_BACK)
        assert attempt.phase == rollout.phase
        assert attempt.number == len(rollout.attempts)
    if rollout.state in (RolloutState.APPLYING, RolloutState.SOAKING, RolloutState.WAITING):
        assert attempt is not None
        assert (attempt.confirmed_at is None) == (rollout.state is RolloutState.APPLYING)


@settings(deadline=None)
@given(garbage)
def test_folding_one_fact_at_a_time_is_folding_all_of_them(rows: Sequence[tuple[Kind, dict, str]]) -> None:
    facts = [
        Fact(kind, place + 1, NOON + place * SECOND, "ada", body, role) for place, (kind, body, role) in enumerate(rows)
    ]
    rollout = None
    for one in facts:
        rollout = machine.advance(TWO, rollout, one)
    assert rollout == machine.folded(TWO, facts)

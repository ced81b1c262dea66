"""What a rollout does next, from its start to its end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from console.core.evaluation import Verdict
from console.core.rollouts import decisions, machine
from console.core.rollouts.facts import Kind
from console.core.rollouts.plan import NOTHING, OnBad, Preconditions, RolloutPlan
from console.core.rollouts.soak import Mood
from console.core.rollouts.state import Judged, RolloutState
from tests.core.rollouts.runs import AUTOMATIC, refused, run, seen, soaking, waiting
from tests.core.rollouts.worlds import (
    ERRORS,
    FAST,
    HOUR,
    MINUTE,
    NOON,
    SECOND,
    Run,
    judged,
    phase,
    plan,
    rules,
    settings,
)


def test_a_rollout_goes_through_its_phases_to_the_end() -> None:
    begun = run(phase(soak=2 * HOUR, promotion=AUTOMATIC), phase("all", soak=HOUR))
    begun.until(RolloutState.WAITING)
    begun.ask("promote")
    begun.until(RolloutState.COMPLETED)
    assert [attempt.outcome for attempt in begun.rollout.attempts] == ["promoted", "promoted"]
    assert [
        attempt.soak.observed >= soak for attempt, soak in zip(begun.rollout.attempts, (2 * HOUR, HOUR), strict=True)
    ]
    kinds = [type(decision) for decision in begun.seen if not isinstance(decision, decisions.Stay)]
    one = [decisions.Begin, decisions.Apply]
    assert kinds == [*one, decisions.Promote, *one, decisions.Ready, decisions.Promote, decisions.Complete]


def test_the_soak_begins_when_the_share_is_confirmed() -> None:
    begun = run(phase(soak=HOUR))
    begun.step(MINUTE)
    begun.step(MINUTE)
    assert begun.attempt.confirmed_at == begun.attempt.soak.marked == begun.now
    assert begun.attempt.began == begun.now - MINUTE


def test_a_phase_waits_for_its_date() -> None:
    begun = run(phase(not_before=NOON + HOUR))
    assert isinstance(begun.step(HOUR - SECOND), decisions.Stay)
    assert begun.step(SECOND) == decisions.Begin(0, 1)


def test_a_phase_waits_for_its_interval_since_the_phase_before_was_confirmed() -> None:
    begun = soaking(phase(soak=MINUTE, promotion=AUTOMATIC), phase("all", interval=7 * 24 * HOUR))
    confirmed = begun.now
    begun.until(RolloutState.PLANNED)
    begun.now = confirmed + 7 * 24 * HOUR - 2 * SECOND
    assert isinstance(begun.step(), decisions.Stay)
    assert begun.step() == decisions.Begin(1, 2)


def test_a_phase_waits_for_its_preconditions_and_says_which() -> None:
    begun = run()
    begun.judged = judged(begun.plan, unmet=("the autoscaler is not frozen",))
    decision = begun.step()
    assert isinstance(decision, decisions.Stay)
    assert "the autoscaler is not frozen" in decision.why
    begun.judged = None
    assert begun.step() == decisions.Begin(0, 1)


def test_preconditions_are_judged_in_the_environment_to_come_and_criteria_where_the_traffic_is() -> None:
    first = phase("staging", environment="staging", soak=MINUTE, promotion=AUTOMATIC)
    second = phase(
        "canary", preconditions=Preconditions(conditions=rules("backup_age < 25h")), not_before=NOON + 9 * HOUR
    )
    begun = run(first, second)
    assert [(one.environment, one.rule.text) for one in machine.to_judge(begun.plan, begun.rollout)] == []
    begun.until(RolloutState.SOAKING)
    begun.until(RolloutState.PLANNED)
    confirmed = begun.attempt.confirmed_at
    assert [(one.environment, one.rule.text, one.began) for one in machine.to_judge(begun.plan, begun.rollout)] == [
        ("staging", ERRORS, confirmed),
        ("production", "backup_age < 25h", None),
    ]
    needed = machine.needs_judging(begun.plan, begun.rollout)
    assert needed is not None
    assert (needed.name, needed.gates, needed.criteria) == ("canary", (), ())


def test_samples_count_from_the_confirmation() -> None:
    begun = run()
    begun.step()
    assert {one.began for one in machine.to_judge(begun.plan, begun.rollout)} == {begun.attempt.began}
    begun.step(MINUTE)
    assert {one.began for one in machine.to_judge(begun.plan, begun.rollout)} == {begun.attempt.confirmed_at}


def test_blindness_stands_the_soak_and_passes_nothing() -> None:
    begun = soaking(phase(soak=HOUR, promotion=AUTOMATIC), phase("all"))
    seen(begun, FAST, Verdict.ERROR)
    for _ in range(180):
        begun.step(MINUTE)
    assert begun.state is RolloutState.SOAKING
    assert begun.attempt.soak.observed == timedelta(0)
    assert machine.why_line(begun.plan, begun.rollout, begun.verdicts, begun.now).startswith("cannot judge p99: ")


@pytest.mark.parametrize("text", [FAST, ERRORS])
@pytest.mark.parametrize("verdict", [Verdict.NODATA, Verdict.ERROR])
def test_a_rule_without_data_keeps_even_a_phase_without_a_soak(text: str, verdict: Verdict) -> None:
    begun = soaking(phase(soak=NOTHING, promotion=AUTOMATIC), phase("all"))
    seen(begun, text, verdict)
    assert isinstance(begun.step(), decisions.Stay)
    begun.judged = None
    assert isinstance(begun.step(), decisions.Promote | decisions.Stay)
    begun.until(RolloutState.PLANNED)


def test_a_rule_that_was_not_judged_counts_as_no_data() -> None:
    begun = soaking(phase(soak=NOTHING, promotion=AUTOMATIC))
    begun.judged = Judged()
    assert isinstance(begun.step(), decisions.Stay)
    assert machine.mood(begun.plan, begun.rollout, begun.judged) is Mood.BLIND


def test_a_phase_with_nothing_to_prove_passes_at_once() -> None:
    begun = soaking(phase(soak=NOTHING, gates=(), criteria=(), promotion=AUTOMATIC), phase("all"))
    begun.judged = Judged()
    assert isinstance(begun.step(), decisions.Promote)


@pytest.mark.parametrize(("value", "expected"), [(0.01, Mood.GOOD), (0.09, Mood.BAD)])
def test_a_criterion_over_a_span_is_judged_by_its_mean_while_the_phase_is_young(value: float, expected: Mood) -> None:
    begun = soaking(phase(criteria=rules("error_rate > 5% over 1h")))
    seen(begun, "error_rate > 5% over 1h", Verdict.PENDING, value)
    assert machine.mood(begun.plan, begun.rollout, begun.verdicts) is expected


def test_a_soak_that_begins_anew_when_it_was_bad_says_so() -> None:
    begun = soaking(phase(soak=HOUR, on_bad=OnBad.RESTART))
    for _ in range(30):
        begun.step(MINUTE)
    seen(begun, FAST, Verdict.FAIL, 0.243)
    decision = begun.step(MINUTE)
    assert isinstance(decision, decisions.Stay)
    assert decision.why == "the soak begins anew: p99 fails at 243 ms (must be < 200 ms); h holds, R rolls back"
    assert (begun.attempt.soak.observed, begun.attempt.soak.restarts) == (timedelta(0), 1)


def test_a_soak_that_is_over_waits_for_a_gate_that_does_not_pass_yet() -> None:
    begun = soaking(phase(soak=HOUR, promotion=AUTOMATIC), phase("all"))
    seen(begun, FAST, Verdict.PENDING)
    for _ in range(90):
        begun.step(MINUTE)
    assert begun.state is RolloutState.SOAKING
    begun.judged = None
    assert isinstance(begun.step(), decisions.Promote)


def test_an_outage_after_the_last_second_of_the_soak_is_settled_before_it_is_over() -> None:
    begun = soaking(phase(soak=HOUR))
    for _ in range(59):
        begun.step(MINUTE)
    begun.step(2 * HOUR, passed=None)
    for _ in range(10):
        begun.step(MINUTE)
    assert begun.state is RolloutState.SOAKING
    assert "an outage in its soak is still to be looked up" in machine.why_line(
        begun.plan, begun.rollout, begun.verdicts, begun.now
    )
    begun.until(RolloutState.WAITING)
    assert begun.attempt.soak.restarts == 1


def test_a_rollout_that_was_started_held_begins_when_it_is_asked_to() -> None:
    begun = run(phase(soak=HOUR))
    begun.person(Kind.HELD, why="started held")
    assert isinstance(begun.step(), decisions.Stay)
    begun.ask("start")
    assert begun.step() == decisions.Begin(0, 1)
    assert begun.state is RolloutState.APPLYING
    assert begun.rollout.asks == ()


def test_a_start_before_its_date_is_refused_with_the_date() -> None:
    begun = run(phase(not_before=NOON + HOUR))
    begun.person(Kind.HELD, why="started held")
    begun.ask("start")
    assert refused(begun) == "canary begins at 2026-03-04 13:00Z, not before its date in the plan; h resumes"


def test_the_soak_goes_on_while_settings_are_set() -> None:
    begun = soaking(phase(soak=9 * HOUR, settings=settings((NOTHING, "FULL"), (MINUTE, "INFO"))))
    decision = begun.step(MINUTE)
    assert isinstance(decision, decisions.ApplySettings)
    assert decision.soak is not None
    assert decision.soak.observed == MINUTE


def test_settings_add_up_to_the_one_that_is_due() -> None:
    some = phase(settings=settings((NOTHING, "FULL"), (HOUR, "INFO")))
    assert machine.settings_of(some, 0) == (("AUDIT_LEVEL", "FULL"),)
    assert machine.settings_of(some, 1) == (("AUDIT_LEVEL", "INFO"),)
    assert machine.settings_of(phase(), 0) == ()


def test_deciding_writes_nothing_and_is_the_same_twice() -> None:
    begun: Run = waiting()
    before = begun.rollout
    assert begun.decide() == begun.decide()
    assert begun.rollout == before


def test_a_plan_with_one_phase_is_completed_after_it() -> None:
    only: RolloutPlan = plan(phase(soak=NOTHING, gates=(), criteria=(), promotion=AUTOMATIC))
    begun = Run(only)
    begun.until(RolloutState.COMPLETED)
    assert begun.rollout.ended == begun.now


def test_a_clock_put_back_behind_the_confirmation_is_said_and_a_retry_gets_out_of_it() -> None:
    begun = run(phase(soak=HOUR))
    begun.step()
    begun.now += 24 * HOUR
    begun.step()
    begun.now = NOON
    begun.step(MINUTE)
    line = machine.why_line(begun.plan, begun.rollout, begun.verdicts, begun.now)
    assert line == (
        "the clock was put back to before this phase was confirmed; the soak goes on at 2026-03-05 12:00Z; "
        "h and then t tries the phase again"
    )
    begun.person(Kind.HELD, why="the clock")
    begun.ask("retry")
    begun.until(RolloutState.WAITING)
    assert begun.now < NOON + 2 * HOUR

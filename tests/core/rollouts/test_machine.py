"""What a rollout does next, state by state."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from console.core.evaluation import Verdict
from console.core.rollouts import decisions, machine
from console.core.rollouts.facts import Kind
from console.core.rollouts.plan import NOTHING, OnBad, Phase, Preconditions, Promotion, RolloutPlan
from console.core.rollouts.soak import Mood
from console.core.rollouts.state import Judged, RolloutState
from tests.core.rollouts.worlds import (
    ERRORS,
    FAST,
    HOUR,
    LEAK,
    MINUTE,
    NOON,
    SECOND,
    Run,
    judged,
    phase,
    plan,
    rules,
    says,
    settings,
)

AUTOMATIC = Promotion.AUTOMATIC
TRIPS = says(Verdict.PASS, 0.06)


def run(*phases: Phase, **changes: object) -> Run:
    return Run(plan(*phases, **changes))


def soaking(*phases: Phase) -> Run:
    """A rollout whose first phase has begun to soak."""
    begun = run(*(phases or (phase(soak=2 * HOUR), phase("all", soak=HOUR))))
    begun.until(RolloutState.SOAKING)
    return begun


def waiting(*phases: Phase) -> Run:
    begun = soaking(*phases)
    begun.until(RolloutState.WAITING)
    return begun


def held(*phases: Phase) -> Run:
    begun = soaking(*phases)
    begun.person(Kind.HELD, why="lunch")
    return begun


def rolled_back(*phases: Phase) -> Run:
    begun = soaking(*phases)
    begun.ask("rollback")
    begun.until(RolloutState.ROLLED_BACK)
    return begun


def seen(run: Run, text: str, verdict: Verdict, value: float | None = 0.1) -> Judged:
    """From now on this rule says so."""
    run.judged = judged(run.plan, {text: says(verdict, value)})
    return run.judged


def refused(run: Run) -> str:
    decision = run.step()
    assert isinstance(decision, decisions.Refuse), decision
    assert run.rollout.asks == ()
    return decision.why


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


def test_blindness_stands_the_soak_and_passes_nothing() -> None:
    begun = soaking(phase(soak=HOUR, promotion=AUTOMATIC), phase("all"))
    seen(begun, FAST, Verdict.ERROR)
    for _ in range(180):
        begun.step(MINUTE)
    assert begun.state is RolloutState.SOAKING
    assert begun.attempt.soak.observed == timedelta(0)
    assert machine.why_line(begun.plan, begun.rollout, begun.verdicts, begun.now).startswith("FLYING BLIND: p99: ")


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


@pytest.mark.parametrize(
    ("text", "verdict", "value", "expected"),
    [
        (FAST, Verdict.PASS, 0.1, Mood.GOOD),
        (FAST, Verdict.PENDING, 0.1, Mood.GOOD),
        (FAST, Verdict.FAIL, 0.3, Mood.BAD),
        (FAST, Verdict.NODATA, None, Mood.BLIND),
        (FAST, Verdict.ERROR, None, Mood.BLIND),
        (ERRORS, Verdict.FAIL, 0.0, Mood.GOOD),
        (ERRORS, Verdict.PENDING, 0.06, Mood.BAD),
        (ERRORS, Verdict.PENDING, None, Mood.EARLY),
        (ERRORS, Verdict.PASS, 0.06, Mood.BAD),
        (ERRORS, Verdict.NODATA, None, Mood.BLIND),
    ],
)
def test_a_second_is_good_when_every_gate_holds_and_every_criterion_is_quiet(
    text: str, verdict: Verdict, value: float | None, expected: Mood
) -> None:
    begun = soaking()
    seen(begun, text, verdict, value)
    assert machine.mood(begun.plan, begun.rollout, begun.verdicts) is expected


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


def test_a_person_promotes_when_everything_is_met() -> None:
    begun = waiting()
    begun.ask("promote")
    decision = begun.step()
    assert isinstance(decision, decisions.Promote)
    assert (decision.by, decision.override, decision.last) == ("ada@bastion", "", False)
    assert decision.evidence == (
        "p99 passes at 143 ms (must be < 200 ms)",
        "error_rate is quiet at 0.1 % (rolls back when > 5 % for 5m)",
    )
    assert begun.attempt.evidence == decision.evidence


def test_two_presses_promote_one_phase() -> None:
    begun = waiting(phase(soak=MINUTE), phase("two", soak=NOTHING), phase("three"))
    begun.ask("promote")
    begun.ask("promote")
    assert isinstance(begun.step(), decisions.Promote)
    assert refused(begun)
    begun.until(RolloutState.WAITING)
    assert begun.rollout.phase == 1


def test_a_promotion_asked_of_an_attempt_that_is_over_promotes_no_other() -> None:
    begun = waiting()
    begun.ask("promote", phase=0, attempt=7)
    assert refused(begun) == "it was asked of an attempt that is over"


def test_promotion_is_refused_with_everything_that_is_missing() -> None:
    begun = soaking(phase(soak=2 * HOUR, checklist=("a", "b"), sign_offs=("security lead",)))
    seen(begun, FAST, Verdict.FAIL, 0.243)
    begun.ask("promote")
    assert refused(begun) == (
        "not yet: p99 fails at 243 ms (must be < 200 ms); 2h of 2h must still be observed good; go of security lead; "
        "2 checklist items; a typed reason overrides"
    )


def test_a_reason_overrides_what_is_missing_and_is_recorded_with_the_evidence() -> None:
    begun = soaking(phase(soak=2 * HOUR, checklist=("a",)), phase("all"))
    seen(begun, FAST, Verdict.NODATA)
    begun.ask("promote", "the metric is known to be broken")
    decision = begun.step()
    assert isinstance(decision, decisions.Promote)
    assert decision.override == "the metric is known to be broken"
    assert begun.attempt.outcome == "overridden: the metric is known to be broken"
    assert any("has no data" in line for line in begun.attempt.evidence)


def test_a_reason_where_nothing_is_missing_is_no_override() -> None:
    begun = waiting()
    begun.ask("promote", "all is well")
    decision = begun.step()
    assert isinstance(decision, decisions.Promote)
    assert decision.override == ""
    assert begun.attempt.outcome == "promoted"


def test_a_criterion_that_trips_is_stronger_than_an_override() -> None:
    begun = soaking()
    seen(begun, ERRORS, Verdict.PASS)
    begun.ask("promote", "I know better")
    assert isinstance(begun.step(), decisions.RollBack)
    begun.until(RolloutState.ROLLED_BACK)
    assert refused(begun)


def test_nothing_is_promoted_while_it_is_applied_or_held_even_with_a_reason() -> None:
    begun = run()
    begun.step()
    begun.ask("promote", "hurry")
    assert refused(begun) == "it is still being applied; wait until it is confirmed"
    begun = held()
    begun.ask("promote", "hurry")
    assert refused(begun) == "it is held; h resumes it first"


def test_a_phase_waits_for_its_sign_offs_and_its_checklist_then_goes_on_by_itself() -> None:
    begun = waiting(
        phase(soak=MINUTE, checklist=("a", "b"), sign_offs=("lead", "ops"), promotion=AUTOMATIC), phase("all")
    )
    line = machine.why_line(begun.plan, begun.rollout, begun.verdicts, begun.now)
    assert line == "waits for go of lead and ops and 2 checklist items; Enter opens them"
    begun.person(Kind.TICKED, item=0, done=True, note="")
    begun.person(Kind.TICKED, item=1, done=True, note="")
    begun.person(Kind.TICKED, item=1, done=False, note="not really")
    begun.person(Kind.SIGNED, role="lead", decision="go", note="")
    assert isinstance(begun.step(), decisions.Stay)
    begun.person(Kind.TICKED, item=1, done=True, note="")
    assert isinstance(begun.step(), decisions.Stay)
    begun.person(Kind.SIGNED, role="ops", decision="go", note="")
    decision = begun.step()
    assert isinstance(decision, decisions.Promote)
    assert decision.by == "driver"


def test_ticks_and_signs_of_an_attempt_do_not_count_for_the_next() -> None:
    begun = soaking(phase(soak=MINUTE, checklist=("a",)), phase("all"))
    begun.person(Kind.TICKED, item=0, done=True, note="")
    begun.ask("rollback")
    begun.until(RolloutState.ROLLED_BACK)
    begun.ask("retry")
    begun.until(RolloutState.WAITING)
    begun.ask("promote")
    assert "1 checklist item" in refused(begun)


def test_a_no_go_holds_and_a_person_can_resume_over_it() -> None:
    begun = waiting(phase(soak=MINUTE, sign_offs=("lead",)))
    begun.person(Kind.SIGNED, role="lead", decision="no-go", note="latency")
    decision = begun.step()
    assert isinstance(decision, decisions.Hold)
    assert "lead says no-go" in decision.why
    assert "latency" in decision.why
    begun.person(Kind.RESUMED)
    assert isinstance(begun.step(), decisions.Stay)
    assert begun.state is RolloutState.WAITING
    begun.ask("promote")
    assert "go of lead" in refused(begun)
    begun.person(Kind.SIGNED, role="lead", decision="no-go", note="latency")
    assert isinstance(begun.step(), decisions.Hold)


def test_a_change_by_somebody_else_holds_until_a_person_resumes_over_it() -> None:
    begun = soaking()
    begun.judged = judged(begun.plan, drift=("hak-gal-canary has 3 replicas, not 1",))
    assert begun.step() == decisions.Hold("hak-gal-canary has 3 replicas, not 1")
    assert isinstance(begun.step(), decisions.Stay)
    begun.person(Kind.RESUMED)
    assert isinstance(begun.step(), decisions.Stay)
    assert begun.state is RolloutState.SOAKING
    begun.judged = judged(begun.plan, drift=("hak-gal-canary has 5 replicas, not 1",))
    assert isinstance(begun.step(), decisions.Hold)
    begun.ask("retry")
    begun.judged = None
    assert isinstance(begun.step(), decisions.Retry)


def test_its_own_changes_are_no_drift_while_it_applies_them() -> None:
    begun = run()
    begun.step()
    begun.judged = judged(begun.plan, drift=("hak-gal-canary has 0 replicas, not 1",))
    assert isinstance(begun.step(), decisions.Apply)


def test_holding_stops_the_soak_and_resuming_goes_on() -> None:
    begun = held(phase(soak=HOUR))
    for _ in range(180):
        assert isinstance(begun.step(MINUTE), decisions.Stay)
    assert begun.attempt.soak.observed == timedelta(0)
    begun.person(Kind.RESUMED)
    begun.step(MINUTE)
    assert (begun.attempt.soak.observed, begun.attempt.soak.unobserved) == (MINUTE, timedelta(0))


def test_a_hold_that_a_dead_driver_never_saw_is_no_soak_either() -> None:
    begun = soaking(phase(soak=9 * HOUR))
    begun.now += HOUR
    begun.person(Kind.HELD, why="lunch")
    begun.now += 5 * HOUR
    begun.person(Kind.RESUMED)
    begun.restart()
    begun.step(SECOND, passed=None)
    soak = begun.attempt.soak
    assert soak.unobserved == HOUR + SECOND
    assert all(gap.end <= NOON + 2 * HOUR or gap.begin >= NOON + 6 * HOUR for gap in soak.gaps)


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


def test_timed_settings_are_set_when_they_are_due_and_before_a_promotion() -> None:
    begun = soaking(phase(soak=2 * HOUR, settings=settings((NOTHING, "FULL"), (HOUR, "INFO"), (99 * HOUR, "WARN"))))
    begun.until(RolloutState.SOAKING)
    assert begun.attempt.settings == 1
    confirmed = begun.now
    while begun.attempt.settings == 1:
        begun.step(MINUTE)
    assert begun.now - confirmed == HOUR
    begun.until(RolloutState.WAITING)
    assert begun.attempt.settings == 2
    begun.ask("promote")
    assert isinstance(begun.step(), decisions.Promote)


def test_a_promotion_waits_for_settings_that_are_due() -> None:
    begun = soaking(phase(soak=9 * HOUR, settings=settings((NOTHING, "FULL"), (HOUR, "INFO"))))
    begun.now += HOUR
    begun.ask("promote", "hurry")
    decision = begun.step()
    assert isinstance(decision, decisions.ApplySettings)
    assert isinstance(begun.step(), decisions.Promote)


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


def test_a_promotion_is_no_answer_to_a_failing_gate_in_waiting() -> None:
    begun = waiting()
    seen(begun, FAST, Verdict.FAIL, 0.243)
    line = machine.why_line(begun.plan, begun.rollout, begun.verdicts, begun.now)
    assert line.startswith("the soak is over, but p99 fails at 243 ms")
    begun.ask("promote")
    assert "p99 fails" in refused(begun)
    begun.judged = None
    begun.ask("promote")
    assert isinstance(begun.step(), decisions.Promote)


def test_the_first_of_several_criteria_that_trips_is_named() -> None:
    begun = soaking(phase(criteria=rules(ERRORS, LEAK)))
    seen(begun, LEAK, Verdict.PASS, 1.2e9)
    decision = begun.step()
    assert isinstance(decision, decisions.RollBack)
    assert decision.why == f"memory tripped: {LEAK}, at 1.2 GB"


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

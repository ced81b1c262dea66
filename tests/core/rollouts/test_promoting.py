"""What promotes a phase, what overrides, and what a person holds and resumes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from console.core.evaluation import Verdict
from console.core.rollouts import decisions, machine
from console.core.rollouts.facts import Kind
from console.core.rollouts.plan import NOTHING
from console.core.rollouts.soak import Mood
from console.core.rollouts.state import RolloutState
from tests.core.rollouts.runs import AUTOMATIC, held, refused, run, seen, soaking, waiting
from tests.core.rollouts.worlds import (
    ERRORS,
    FAST,
    HOUR,
    MINUTE,
    NOON,
    SECOND,
    judged,
    phase,
    settings,
)


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


@pytest.mark.parametrize("text", [FAST, ERRORS])
@pytest.mark.parametrize("verdict", [Verdict.NODATA, Verdict.ERROR, Verdict.PENDING])
def test_what_cannot_be_judged_when_the_soak_is_over_is_not_promoted(text: str, verdict: Verdict) -> None:
    begun = waiting(phase(soak=MINUTE, checklist=("a",), promotion=AUTOMATIC), phase("all"))
    seen(begun, text, verdict, None if text == ERRORS else 0.1)
    begun.person(Kind.TICKED, item=0, done=True, note="")
    assert isinstance(begun.step(), decisions.Stay)
    begun.ask("promote")
    assert refused(begun).startswith("not yet: ")
    begun.judged = None
    assert isinstance(begun.step(), decisions.Promote)


def test_before_anything_was_changed_nothing_can_have_drifted() -> None:
    begun = run(phase(not_before=NOON + HOUR))
    begun.judged = judged(begun.plan, drift=("hak-gal has 3 replicas, not 10",))
    assert isinstance(begun.step(), decisions.Stay)


def test_its_own_changes_are_no_drift_while_it_applies_them() -> None:
    begun = run()
    begun.step()
    begun.write(Kind.GOOD, environment="production", record={})
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


def test_a_phase_without_a_soak_says_that_its_first_samples_are_awaited_and_never_that_a_soak_is_over() -> None:
    begun = soaking(phase(soak=NOTHING))
    seen(begun, FAST, Verdict.PENDING, None)
    line = machine.why_line(begun.plan, begun.rollout, begun.verdicts, begun.now)
    assert line.startswith("the first samples of this phase are not in yet; it is judged with them")
    seen(begun, FAST, Verdict.FAIL, 0.243)
    line = machine.why_line(begun.plan, begun.rollout, begun.verdicts, begun.now)
    assert line.startswith("p99 fails at 243 ms")

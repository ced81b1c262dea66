"""The release of Genesis is the one of its deployment decisions."""

from __future__ import annotations

import itertools
import re
from datetime import UTC, datetime, timedelta

import pytest

from console.core.rollouts.plan import Command, OnBad, Promotion, RedisFlags, RolloutPlan
from console.systems.catalog import shipped_folder
from console.systems.rollout_plans import load_plan
from tests.plans.shipped import HOUR, MINUTE, phase, plan, said, share, system, ticks

ON = (
    "htdag_enabled",
    "halo_enabled",
    "aop_enabled",
    "error_handling_enabled",
    "circuit_breaker_enabled",
    "otel_tracing_enabled",
    "otel_metrics_enabled",
    "performance_monitoring_enabled",
    "cost_optimization_enabled",
    "security_hardening_enabled",
)
OFF = ("aatc_system_enabled", "darwin_integration_enabled", "a2a_integration_enabled")
GO = {"error_rate < 0.1%", "p95_latency < 200ms"}


@pytest.fixture(scope="module")
def release() -> RolloutPlan:
    return plan("genesis", "release")


def october(day: int, hour: int) -> datetime:
    return datetime(2025, 10, day, hour, tzinfo=UTC)


# not before, share, soak, cadence, tier
STAGES = {
    "stage-1": (october(23, 9), "5%", 12 * HOUR, 15 * MINUTE, 0),
    "stage-2": (october(23, 21), "10%", 12 * HOUR, 15 * MINUTE, 0),
    "stage-3": (october(24, 9), "25%", 24 * HOUR, 1 * HOUR, 1),
    "stage-4": (october(25, 9), "50%", 24 * HOUR, 2 * HOUR, 1),
    "stage-5": (october(26, 9), "75%", 24 * HOUR, 4 * HOUR, 2),
    "stage-6": (october(27, 9), "100%", 24 * HOUR, 6 * HOUR, 2),
    "final-validation": (october(28, 9), "100%", 48 * HOUR, 12 * HOUR, 2),
}
TIERS = (
    {"error_rate > 0.5% for 5m", "p95_latency > 300ms for 5m", "genesis fails 3 times"},
    {"error_rate > 0.8% for 5m", "p95_latency > 400ms for 5m", "genesis fails 4 times"},
    {"error_rate > 1.0% for 5m", "p95_latency > 500ms for 5m", "genesis fails 5 times"},
)


@pytest.mark.parametrize("name", STAGES)
def test_each_stage_has_the_figures_of_the_decisions(release: RolloutPlan, name: str) -> None:
    begins, asked, soak, cadence, tier = STAGES[name]
    one = phase(release, name)
    assert (one.not_before, share(one), one.soak, one.cadence) == (begins, asked, soak, cadence)
    assert said(one.criteria) == TIERS[tier]
    assert said(one.gates) >= GO
    assert one.promotion is Promotion.PERSON and "deployment lead" in one.sign_offs


def test_the_stages_come_in_order_and_each_soak_ends_when_the_next_may_begin(release: RolloutPlan) -> None:
    assert [one.name for one in release.phases] == ["pre-deployment", *STAGES]
    stages = release.phases[1:]
    for one, following in itertools.pairwise(stages):
        assert one.not_before is not None and one.not_before + one.soak == following.not_before


def test_the_tiers_end_at_ten_fifty_and_a_hundred_percent(release: RolloutPlan) -> None:
    for asked, tier in (("1%", 0), ("10%", 0), ("11%", 1), ("50%", 1), ("51%", 2), ("100%", 2)):
        text = re.sub(r"    share: .*", f"    share: {asked}", release.text)
        moved = load_plan(release.path, system("genesis"), environ={}, text=text)
        assert all(said(phase(moved, name).criteria) == TIERS[tier] for name in STAGES), asked
    assert release.version == system("genesis").environments[0].target == "phase_4_deployment"


def test_day_one_is_a_setting() -> None:
    path = shipped_folder() / "genesis" / "release.rollout.yaml"
    moved = load_plan(path, system("genesis"), environ={"GENESIS_DAY_ONE": "2031-02-27"})
    assert phase(moved, "stage-4").not_before == datetime(2031, 3, 1, 9, tzinfo=UTC)


def test_ten_flags_are_on_and_three_off_at_every_stage(release: RolloutPlan) -> None:
    for name in STAGES:
        flags = phase(release, name).flags
        assert flags is not None and flags.store == RedisFlags("genesis:flags")
        assert (flags.on, flags.off) == (ON, OFF)


def test_the_final_validation_is_48_hours_without_a_bad_moment(release: RolloutPlan) -> None:
    final = phase(release, "final-validation")
    assert final.on_bad is OnBad.RESTART and final.soak == 48 * HOUR
    assert said(final.gates) == {*GO, "health_checks == 5"}
    assert final.sign_offs == release.roles == ("deployment lead", "on-call engineer", "security lead")
    for words in ("critical incidents", "feature flags operational", "User feedback", "audit by the security lead"):
        assert ticks(final, words), words
    assert all(one.on_bad is OnBad.PAUSE for one in release.phases if one is not final)


def test_each_day_has_its_stakeholder_update_and_the_stages_their_criteria_for_go(release: RolloutPlan) -> None:
    for name in STAGES:
        one = phase(release, name)
        daily = name != "stage-2"  # the second stage of day 1
        assert ticks(one, "Stakeholder update", "09:00 UTC") is daily
        assert ticks(one, "No critical alerts") is (name == "stage-1")
        assert ticks(one, "No rollback triggered") is (name in list(STAGES)[1:-1])
        if name != "final-validation":
            assert ticks(one, "alidation window complete", "12-hour" if one.soak == 12 * HOUR else "")
    before = phase(release, "pre-deployment")
    assert len([item for item in before.checklist if "audit" in item.lower()]) == 4
    assert before.share is None and not before.criteria


def test_traffic_moves_by_the_commands_of_the_decisions(release: RolloutPlan) -> None:
    found = {phase(release, name).strategy for name in STAGES}
    (strategy,) = found
    assert isinstance(strategy, Command)
    assert strategy.timeout >= timedelta(seconds=300)
    assert [check.name for check in phase(release, "stage-1").after] == ["health check"]
    assert all(phase(release, name).after == phase(release, "stage-1").after for name in STAGES)


def test_success_is_that_of_the_decisions(release: RolloutPlan) -> None:
    told = " ".join(release.success)
    for words in ("5, 10, 25, 50, 75 and 100 %", "0.1 % for 48 h", "200 ms for 48 h", "ten critical", "5 of 5"):
        assert words in told


def test_the_figures_of_go_and_of_the_strictest_stage_are_alerts() -> None:
    found = {rule.condition.text for rule in system("genesis").alerts}
    assert found >= TIERS[0] | {"error_rate >= 0.1% for 5m", "p95_latency >= 200ms for 5m", "tests_passed < 100%"}
    queries = {metric.name: metric.query for metric in system("genesis").metrics}
    assert queries["errors"] == "sum(rate(genesis_errors_total[5m]))"
    assert "genesis_tests_passed" in queries["tests_passed"] and "genesis_tests_total" in queries["tests_passed"]

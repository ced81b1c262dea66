"""The release of HAK_GAL is the one of its deployment protocol and its chaos report."""

from __future__ import annotations

from datetime import timedelta

import pytest

from console.core.rollouts.plan import Autoscaler, Canary, ClearKeys, OnBad, Phase, Promotion, RolloutPlan
from console.core.system import Severity
from tests.plans.shipped import DAY, HOUR, phase, plan, said, share, system, ticks

STAGING, PRODUCTION = "staging", "production"
SCALING = {"p99_latency < 200ms", "redis_memory < 2GB", "error_rate < 0.1%"}


@pytest.fixture(scope="module")
def release() -> RolloutPlan:
    return plan("hak-gal", "release")


# environment, share, soak, interval, gates
PHASES = {
    "pre-deployment": (STAGING, "-", 0, 0, set[str]()),
    "staging-canary": (
        STAGING, "5% or 1 pod", 48, 0,
        {
            "errors_logged == 0", "redis_memory < 500MB", "redis_memory stable within 10% over 1h",
            "rate_limit_rejections < 100/h",
        },
    ),
    "staging-scale-up": (
        STAGING, "50% or 2 pods", 24, 0,
        {"p99_latency < 200ms", "redis_memory < 1GB", "violations_now == 0"},
    ),
    "production-canary": (
        PRODUCTION, "1% or 1 pod", 72, 0,
        {"p99_latency < 200ms", "redis_memory < 1GB", "violations_now == 0"},
    ),
    "production-5": (PRODUCTION, "5% or 1 pod", 48, 0, SCALING),
    "production-25": (PRODUCTION, "25% or 1 pod", 48, 7, SCALING),
    "production-50": (PRODUCTION, "50% or 2 pods", 48, 7, SCALING),
    "production-100": (PRODUCTION, "100%", 48, 7, SCALING),
}  # fmt: skip


@pytest.mark.parametrize("name", PHASES)
def test_each_phase_has_the_figures_of_the_protocol(release: RolloutPlan, name: str) -> None:
    environment, asked, hours, days, gates = PHASES[name]
    one = phase(release, name)
    assert (one.environment, share(one)) == (environment, asked)
    assert (one.soak, one.interval) == (hours * HOUR, days * DAY)
    assert said(one.gates) == gates
    assert one.promotion is Promotion.PERSON and one.on_bad is OnBad.PAUSE
    assert one.checklist


def test_the_phases_come_in_the_order_of_the_protocol(release: RolloutPlan) -> None:
    assert [one.name for one in release.phases] == list(PHASES)
    assert [one.title[0] for one in release.phases] == list("01234444")


def with_traffic(release: RolloutPlan) -> list[Phase]:
    return [one for one in release.phases if one.share is not None]


def test_traffic_moves_by_a_canary_beside_the_stable_deployment(release: RolloutPlan) -> None:
    for one in with_traffic(release):
        assert one.strategy == Canary("hak-gal", "hak-gal-canary", "hak-gal")
    assert release.version is None
    assert {each.target for each in system("hak-gal").environments} == {"v2.3.3"}


def test_payloads_are_logged_for_48_hours_and_then_for_24_more(release: RolloutPlan) -> None:
    set_by = {
        one.name: [(step.after, dict(step.values)["AUDIT_LEVEL"]) for step in one.settings] for one in release.phases
    }
    nothing = timedelta(0)
    assert set_by["staging-canary"] == [(nothing, "FULL")]
    assert set_by["staging-scale-up"] == [(nothing, "FULL"), (24 * HOUR, "INFO")]
    assert not any(found for name, found in set_by.items() if not name.startswith("staging"))


def test_production_begins_with_sticky_sessions_a_redis_of_its_own_and_a_fixed_number_of_pods(
    release: RolloutPlan,
) -> None:
    canary = phase(release, "production-canary")
    assert canary.preconditions.sticky_sessions == "hak-gal"
    for one in with_traffic(release):
        assert one.autoscaler is Autoscaler.FREEZE
        if one.environment == PRODUCTION:
            assert one.preconditions.separate_redis == (STAGING,)
    # The first week of production: the canary and what follows until the first weekly step.
    assert canary.soak + phase(release, "production-25").interval > 7 * DAY


def test_it_rolls_back_on_what_is_an_incident_and_not_on_a_warning(release: RolloutPlan) -> None:
    for one in release.phases:
        found = said(one.criteria)
        assert {"violations_now > 0", "recovery_failures_now > 1%", "error_rate > 0.1% for 5m"} <= found
        assert not any("session_redis_p99" in text for text in found)
        scaled = one.name not in ("pre-deployment", "staging-canary")
        assert ("p99_latency > 200ms for 5m" in found) is scaled
    alerts = {rule.name: rule for rule in system("hak-gal").alerts}
    assert said_of(alerts["recovery_failures"]) == ("recovery_failure_rate > 1%", Severity.P1)
    assert said_of(alerts["session_redis_slow"]) == ("session_redis_p99 > 200ms", Severity.P2)


def said_of(rule: object) -> tuple[str, object]:
    return rule.condition.text, rule.severity  # type: ignore[attr-defined]


def test_criteria_look_back_no_further_than_five_minutes(release: RolloutPlan) -> None:
    """A longer range would leave a phase without the criterion for as long."""
    import re

    for rule in {rule for one in release.phases for rule in one.criteria}:
        metric = system("hak-gal").metric(rule.condition.metric)
        assert metric is not None
        assert set(re.findall(r"\[(\w+)\]", metric.query)) <= {"1m", "5m"}, metric.name


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("pre-deployment", ["Chaos test passed"]),
        ("pre-deployment", ["Redis Cloud connection tested"]),
        ("pre-deployment", ["REDIS_CLOUD_HOST", "REDIS_CLOUD_PORT", "REDIS_CLOUD_USERNAME", "REDIS_CLOUD_PASSWORD"]),
        ("pre-deployment", ["Log directory exists", "writable"]),
        ("staging-canary", ["Logs", "48 h"]),
        ("staging-canary", ["Redis memory stable"]),
        ("staging-scale-up", ["p99"]),
        ("staging-scale-up", ["Redis memory"]),
        ("staging-scale-up", ["No session violations"]),
        ("production-canary", ["Sticky sessions"]),
        ("production-canary", ["72 h"]),
        ("production-canary", ["Business metrics stable"]),
        ("production-canary", ["complaints"]),
        ("production-5", ["48 h"]),
        ("production-50", ["dedicated Redis"]),
        ("production-100", ["Nothing got worse"]),
    ],
)
def test_the_checklist_of_each_phase_is_the_protocols(release: RolloutPlan, name: str, words: list[str]) -> None:
    assert ticks(phase(release, name), *words)


def test_the_release_begins_only_where_redis_was_reached(release: RolloutPlan) -> None:
    assert said(phase(release, "pre-deployment").preconditions.conditions) == {"redis_ping fresh within 1m"}


def test_success_and_the_way_back_are_those_of_the_protocol(release: RolloutPlan) -> None:
    told = " ".join(release.success)
    for words in ("Chaos test", "48 h", "72 h", "No critical alerts", "200 ms", "Redis memory stable", "No data lost"):
        assert words in told
    assert not any(isinstance(step, ClearKeys) for step in release.then), "sessions are kept in this Redis"
    assert release.measured == "canary_share"

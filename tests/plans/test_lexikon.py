"""Lexikon's plans are those of its production deployment checklist."""

from __future__ import annotations

from datetime import timedelta

import pytest

from console.core.rollouts.plan import (
    Argo,
    BlueGreen,
    Canary,
    ClearKeys,
    Gateway,
    HttpCheck,
    Nothing,
    Promotion,
    Rolling,
    Strategy,
)
from console.core.system import System
from tests.plans.shipped import HOUR, MINUTE, phase, plan, said, share, system, ticks, urls

ROOT = "http://localhost:8000"
SMOKE = [f"{ROOT}/api/{name}" for name in ("health", "status", "metrics")]
STEPPED = ("canary", "gateway", "argo")
RELEASES = (*STEPPED, "blue-green", "rolling")
CRITERIA = {
    "error_rate > 5% for 5m",
    "auth_failure_rate > 10% for 2m",
    "cache_memory > 100MB",
    "p95_latency > 2000ms for 10m",
    "scan_longest > 5s",
    "cache_hit_rate < 50%",
}


@pytest.fixture
def lexikon() -> System:
    return system("lexikon")


STEADY = "cache_memory stable within 10% over 5m"
QUIET = {"error_rate == 0", "cache_rejections == 0", "auth_failure_rate == 0", "cache_memory < 60MB", "scan_p95 < 50ms"}
FINAL = {
    "error_rate == 0",
    "cache_memory < 60MB",
    "cache_hit_rate > 80%",
    "auth_success_rate == 100%",
    "p95_latency < 500ms",
}
# interval since the step before was there, share, soak, gates: T+0:00, T+0:20, T+0:30, T+1:00
STEPS = {
    "canary-10": (0, "10%", 10, QUIET),
    "canary-25": (20, "25%", 5, QUIET),
    "canary-50": (10, "50%", 5, QUIET | {STEADY, "p95_latency < 500ms"}),
    "full": (30, "100%", 5, QUIET | {STEADY, "p95_latency < 500ms"}),
}


@pytest.mark.parametrize("name", STEPPED)
def test_the_steps_of_the_canary_follow_the_timeline(name: str) -> None:
    found = plan("lexikon", name)
    stepped = [one for one in found.phases if one.share is not None]
    assert [one.name for one in stepped] == list(STEPS)
    for one in stepped:
        interval, asked, soak, gates = STEPS[one.name]
        assert (one.interval, share(one), one.soak) == (interval * MINUTE, asked, soak * MINUTE)
        assert said(one.gates) == gates
        assert one.promotion is Promotion.AUTOMATIC and not one.checklist and not one.sign_offs
    verification, stabilization = phase(found, "verification"), phase(found, "stabilization")
    assert verification.soak == 15 * MINUTE and stabilization.soak == 30 * MINUTE
    assert said(verification.gates) == {"cache_hit_rate > 80%", "error_rate == 0", "p95_latency < 500ms", STEADY}


@pytest.mark.parametrize(
    ("name", "strategy"),
    [
        ("canary", Canary("lexikon-api", "lexikon-api-canary", "api")),
        (
            "gateway",
            Gateway(
                "lexikon-api",
                "lexikon-api-stable",
                "lexikon-api-new",
                "lexikon-api-stable",
                "lexikon-api-new",
                "api",
            ),
        ),
        ("argo", Argo("lexikon-api", "api")),
        (
            "blue-green",
            BlueGreen("lexikon-api-live", "lexikon-api-blue", "lexikon-api-green", "slot", "blue", "green", "api"),
        ),
        ("rolling", Rolling("lexikon-api", "api", 10)),
    ],
)
def test_each_way_to_release_moves_its_own_objects(lexikon: System, name: str, strategy: Strategy) -> None:
    found = plan("lexikon", name)
    assert {one.strategy for one in found.phases if one.share is not None} == {strategy}
    assert {one.strategy for one in found.phases if one.share is None} == {Nothing()}
    assert found.measured == "canary_share"
    assert lexikon.environments[0].target == "security-v1.0"


@pytest.mark.parametrize("name", RELEASES)
def test_every_release_rolls_back_on_the_six_criteria(name: str) -> None:
    found = plan("lexikon", name)
    assert all(said(one.criteria) == CRITERIA for one in found.phases)
    told = " ".join(found.manual)
    assert "Unknown errors" in told and "cascade" in told and "Uncertain" in told
    assert len(found.manual) == 3 and len(found.success) == 8
    for words in ("critical alerts", "Error rate 0 %", "60 MB", "80 %", "100 %", "regression", "tests", "confidence"):
        assert any(words in text for text in found.success), words


@pytest.mark.parametrize("name", RELEASES)
def test_a_rollback_clears_the_caches_by_pattern_and_then_looks_at_health(name: str) -> None:
    caches, health = plan("lexikon", name).then
    assert isinstance(caches, ClearKeys) and caches.pattern == "lexikon:cache:*"
    assert isinstance(health, HttpCheck) and health.url == SMOKE[0]


@pytest.mark.parametrize("name", RELEASES)
def test_a_release_begins_a_day_after_what_is_to_be_ready_is_ready(name: str) -> None:
    found = plan("lexikon", name)
    before, flight = found.phases[:2]
    assert (before.name, flight.name) == ("pre-deployment", "pre-flight")
    assert before.promotion is Promotion.PERSON and before.sign_offs == ("database backup verifier",)
    for words in (
        ["restored", "5 minutes"],
        ["10 GB"],
        ["2 GB"],
        ["#incidents", "24 h"],
        ["Incident commander"],
        ["Monitoring watcher", "4 h"],
        ["Rollback executor"],
        ["On-call"],
        ["26 + 16"],
        ["daf8663", "75ef432", "0ff1345"],
        ["semgrep --config p/ci"],
        ["full test suite", "1 h"],
        ["100 concurrent users", "30 min"],
        ["old and new format"],
        ["oversized values"],
        ["SCAN p95", "50 ms"],
        ["alerts fire"],
    ):
        assert ticks(before, *words), words
    assert flight.interval == 24 * HOUR and flight.promotion is Promotion.AUTOMATIC and not flight.checklist
    assert flight.before == phase(plan("lexikon", "canary"), "pre-flight").before
    assert [check.name for check in flight.before] == [
        "commits",
        "nothing uncommitted",
        "API_KEY_SECRET set",
        "Redis",
        "database",
        "sanity test",
    ]


@pytest.mark.parametrize("name", RELEASES)
def test_roles_sign_before_the_release_is_called_a_success(name: str) -> None:
    found = plan("lexikon", name)
    roles = {"deployment lead", "incident commander", "monitoring watcher", "database backup verifier"}
    assert set(found.roles) == roles == {role for one in found.phases for role in one.sign_offs}
    last = next(one for one in found.phases if "deployment lead" in one.sign_offs)
    assert last.promotion is Promotion.PERSON
    assert said(last.gates) == FINAL


# soak, gates
WINDOWS = {
    "watch-10-min": (
        10 * MINUTE,
        {"error_rate == 0", "cache_memory <= 100MB", "auth_success_rate == 100%", "scan_longest <= 5s"},
    ),
    "watch-60-min": (
        50 * MINUTE,
        {"p95_latency < 500ms", "cache_hit_rate > 80%", "cache_memory < 60MB", "scan_p95 < 50ms"},
    ),
    "watch-4-h": (3 * HOUR, {"cache_memory stable within 10% over 1h", "auth_success_rate == 100%"}),
    "watch-24-h": (24 * HOUR, set[str]()),
}


@pytest.mark.parametrize("name", RELEASES)
def test_afterwards_it_is_watched_for_ten_minutes_an_hour_four_hours_and_a_day(name: str) -> None:
    found = plan("lexikon", name)
    last = found.phases[-4:]
    assert [one.name for one in last] == list(WINDOWS)
    for one in last:
        soak, gates = WINDOWS[one.name]
        assert one.share is None and one.soak == soak and said(one.gates) == gates
        assert one.criteria, "what rolls back stays armed while it is watched"
    assert sum((one.soak for one in last[:2]), timedelta(0)) == HOUR
    assert sum((one.soak for one in last[:3]), timedelta(0)) == 4 * HOUR
    for words in ("SECURITY.md", "API documentation", "Runbooks", "MONITORING_SETUP.md", "wiki"):
        assert ticks(last[-1], words), words


def test_smoke_tests_follow_the_full_rollout() -> None:
    for name in STEPPED:
        found = plan("lexikon", name)
        assert urls(phase(found, "full").after) == urls(phase(found, "verification").before) == SMOKE
    assert urls(phase(plan("lexikon", "rolling"), "all").after) == SMOKE


def test_blue_green_prepares_tests_and_switches() -> None:
    found = plan("lexikon", "blue-green")
    prepare, switch, monitor = (phase(found, name) for name in ("prepare", "switch", "monitor"))
    assert (share(prepare), share(switch), share(monitor)) == ("0%", "100%", "-")
    assert switch.interval == 15 * MINUTE
    assert (switch.soak, monitor.soak) == (5 * MINUTE, 10 * MINUTE)
    assert said(switch.gates) == QUIET and not prepare.gates
    slots = [url.replace(ROOT, "http://lexikon-api-$SLOT:8000") for url in SMOKE]
    assert urls(prepare.after) == urls(switch.before) == slots
    assert urls(switch.after) == SMOKE[:1]


def test_rolling_takes_a_quarter_of_an_hour() -> None:
    every = phase(plan("lexikon", "rolling"), "all")
    assert share(every) == "100%" and every.soak == 15 * MINUTE


def test_the_key_migration_has_checkpoints_at_hours_1_24_and_48() -> None:
    found = plan("lexikon", "api-key-migration")
    at, reached = timedelta(0), {}
    for one in found.phases:
        assert one.share is None
        at += one.soak
        reached[one.name] = at
    assert reached == {"pre-flight": 0 * HOUR, "hour-1": HOUR, "hour-24": 24 * HOUR, "hour-48": 48 * HOUR}
    assert ticks(phase(found, "hour-1"), "HMAC-SHA256 only") and ticks(phase(found, "hour-1"), "SHA-256", "work on")
    assert ticks(phase(found, "hour-24"), "old", "new keys are used")
    assert ticks(phase(found, "hour-48"), "revoked in 7 days") and ticks(phase(found, "hour-48"), "deprecation")


def test_alerts_stand_at_the_criteria_and_at_what_is_expected(lexikon: System) -> None:
    found = {rule.condition.text for rule in lexikon.alerts}
    assert found >= CRITERIA
    assert {
        "p95_latency > 500ms for 5m",
        "cache_hit_rate < 80% for 5m",
        "cache_memory > 60MB",
        "scan_p95 > 50ms for 5m",
    } <= found

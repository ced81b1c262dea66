"""The release of KNHK is the one of its production deployment guide."""

from __future__ import annotations

import re

import pytest

from console.core.rollouts.plan import BlueGreen, CommandCheck, Promotion, RolloutPlan
from console.core.system import Severity
from tests.plans.shipped import HOUR, MINUTE, phase, plan, said, share, system, ticks

TARGETS = {
    "availability": "availability >= 99.9%",
    "error_rate": "error_rate < 0.1%",
    "hot_path": "hot_path <= 8 ticks",
    "warm_path_p95": "warm_path_p95 < 100ms",
    "db_pool": "db_pool < 80%",
}
CRITICAL = {
    "availability": "availability < 99%",
    "error_rate": "error_rate > 1%",
    "hot_path": "hot_path > 10 ticks",
    "warm_path_p95": "warm_path_p95 > 200ms",
    "db_pool": "db_pool > 95%",
}
WHOLE = {"receipt_chain >= 1", "weaver >= 1"}


@pytest.fixture(scope="module")
def release() -> RolloutPlan:
    return plan("knhk", "release")


def test_the_other_side_is_prepared_tested_and_switched_to(release: RolloutPlan) -> None:
    assert [(one.name, share(one)) for one in release.phases] == [
        ("pre-deployment", "-"),
        ("prepare", "0%"),
        ("switch", "100%"),
        ("watch", "-"),
    ]
    strategy = BlueGreen("knhk-closed-loop", "knhk-closed-loop-blue", "knhk-closed-loop-green", "slot", "blue", "green")
    assert {one.strategy for one in release.phases if one.share is not None} == {strategy}
    prepare, switch = phase(release, "prepare"), phase(release, "switch")
    assert prepare.after == switch.before and prepare.promotion is switch.promotion is Promotion.AUTOMATIC
    smoke = prepare.after[0]
    assert isinstance(smoke, CommandCheck) and "./scripts/smoke-test.sh" in smoke.run
    assert release.then and release.measured == "live_share"
    assert system("knhk").environments[0].target == "v1.4.0"


@pytest.mark.parametrize("metric", TARGETS)
def test_a_key_metric_has_its_target_as_a_gate_and_its_critical_threshold_as_a_criterion(
    release: RolloutPlan, metric: str
) -> None:
    switch = phase(release, "switch")
    assert TARGETS[metric] in said(switch.gates)
    assert all(CRITICAL[metric] in said(one.criteria) for one in release.phases)
    assert CRITICAL[metric] in {rule.condition.text for rule in system("knhk").alerts}


def test_nothing_else_rolls_back_and_the_rest_is_a_gate(release: RolloutPlan) -> None:
    switch, watch = phase(release, "switch"), phase(release, "watch")
    assert said(switch.criteria) == set(CRITICAL.values())
    assert said(switch.gates) == {*TARGETS.values(), *WHOLE}
    hour = {"availability >= 99.9% over 1h", *(text for name, text in TARGETS.items() if name != "availability")}
    assert said(watch.gates) == hour | WHOLE


def test_success_is_every_target_reached(release: RolloutPlan) -> None:
    found = {"99.9 %", "0.1 %", "8 ticks", "100 ms", "80 %"}
    assert {figure for figure in found if any(f" {figure}" in text for text in release.success)} == found
    assert {text for text in release.success if not re.search(r"\d", text)} == {
        "Receipt chain intact",
        "Weaver validation passing",
    }


def test_dashboards_are_watched_for_five_minutes_and_availability_for_an_hour(release: RolloutPlan) -> None:
    assert phase(release, "switch").soak == 5 * MINUTE
    watch = phase(release, "watch")
    assert watch.soak == HOUR and watch.promotion is Promotion.PERSON
    for board in ("knhk-overview", "knhk-postgres", "knhk-mape-k"):
        assert ticks(watch, board)


def test_a_release_needs_fresh_backups(release: RolloutPlan) -> None:
    needed = {"full_backup_age <= 7d", "daily_backup_age <= 1d", "wal_age <= 5m"}
    for name in ("pre-deployment", "prepare"):
        assert said(phase(release, name).preconditions.conditions) == needed


def test_the_checklist_is_the_guides(release: RolloutPlan) -> None:
    before = phase(release, "pre-deployment")
    for words in ("cargo test --workspace", "weaver registry check -r registry/", "k6 run performance/load-test.js"):
        assert ticks(before, words)


# Availability is judged over windows of a minute, an hour and a day.
@pytest.mark.parametrize(
    ("alert", "severity"),
    [
        ("availability", Severity.P0),
        ("error_rate", Severity.P0),
        ("receipt_chain", Severity.P0),
        ("db_pool", Severity.P1),
        ("hot_path", Severity.P1),
        ("warm_path", Severity.P1),
        ("wal", Severity.P1),
        ("availability_1h", Severity.P2),
        ("weaver", Severity.P2),
        ("daily_backup", Severity.P2),
        ("full_backup", Severity.P2),
        ("availability_1d", Severity.P3),
    ],
)
def test_alerts_have_their_severity_and_a_runbook(alert: str, severity: Severity) -> None:
    rule = next(rule for rule in system("knhk").alerts if rule.name == alert)
    assert rule.severity is severity
    assert rule.runbook in system("knhk").runbooks


@pytest.mark.parametrize(
    ("runbook", "words"),
    [
        ("escalation", ["after 30 minutes", "after 1 hour", "within 4 hours", "within 24 hours"]),
        ("backups-and-retention", ["7 years", "90 days", "1 year", "30 days", "Sunday 02:00 UTC", "every 5 minutes"]),
        ("receipt-chain-integrity-failure", ["--replicas 0", "pgbackrest --stanza=knhk --type=full backup"]),
        ("database-connection-pool-exhausted", ["SELECT 1;", "pg_stat_activity", "pg_terminate_backend"]),
        ("manual-failover", ["SELECT 1;", "patronictl -c /etc/patroni/patroni.yaml failover"]),
        ("high-latency", ["pg_stat_statements", "cargo bench --bench hot_path", "localhost:9090/metrics"]),
        ("crash-loop", ["DATABASE_URL", "REDIS_URL", "Vault"]),
        ("system-outage", ["--replicas=6", "logs", "get pods"]),
    ],
)
def test_the_runbooks_hold_what_the_guide_says(runbook: str, words: list[str]) -> None:
    text = (system("knhk").path.parent / f"{runbook}.md").read_text()
    assert [word for word in words if word not in text] == []

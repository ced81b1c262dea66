"""The shipped HAK_GAL says what its protocol and its chaos report say."""

from __future__ import annotations

from datetime import timedelta

import pytest

from console.core.conditions import Comparison
from console.core.system import MetricSource, Secret, System, Tone
from console.systems.catalog import resolve_system
from console.systems.loader import check, load_system


@pytest.fixture(scope="module")
def hak_gal() -> System:
    return load_system(resolve_system("hak-gal"), environ={})


def test_it_has_no_fault() -> None:
    assert check(resolve_system("hak-gal"), environ={}) == ()


def test_staging_and_production_are_described_whole(hak_gal: System) -> None:
    assert [(each.name, each.tone) for each in hak_gal.environments] == [
        ("staging", Tone.STAGING),
        ("production", Tone.PRODUCTION),
    ]
    for each in hak_gal.environments:
        assert each.target == "v2.3.3"
        assert each.redis is not None and each.redis.tls
        assert (each.redis.host, each.redis.port, each.redis.username, each.redis.password) == tuple(
            Secret(f"REDIS_CLOUD_{name}") for name in ("HOST", "PORT", "USERNAME", "PASSWORD")
        )
        assert each.kubernetes is not None and each.kubernetes.workloads[0].deployment == "hak-gal"
        assert each.prometheus is not None and each.scrape is not None and each.health
        assert [log.file.name if log.file else "pods" for log in each.logs] == ["hak_gal.log", "pods"]


# Thresholds in base units: counts per second, ratios, seconds, bytes.
@pytest.mark.parametrize(
    ("alert", "threshold"),
    [
        ("rate_limit_storm", 1000 / 3600),
        ("session_bleeding", 0),
        ("guard_exceptions", 10 / 3600),
        ("high_block_rate", 0.30),
        ("recovery_failures", 0.01),
        ("session_redis_slow", 0.2),
        ("error_rate", 0.001),
        ("p99_latency", 0.2),
        ("redis_memory", 2e9),
    ],
)
def test_alerts_have_the_thresholds_of_the_documents(hak_gal: System, alert: str, threshold: float) -> None:
    rule = next(rule for rule in hak_gal.alerts if rule.name == alert)
    assert isinstance(rule.condition.test, Comparison)
    assert rule.condition.test.operator.value == ">"
    assert rule.condition.test.threshold.base == pytest.approx(threshold)
    assert rule.runbook in hak_gal.runbooks
    assert hak_gal.metric(rule.condition.metric) is not None


def test_the_session_scheme_and_the_bypass_are_those_of_the_documents(hak_gal: System) -> None:
    assert hak_gal.sessions is not None and hak_gal.bypass is not None
    assert hak_gal.sessions.pattern == "hakgal:tenant:{tenant}:session:{id}"
    assert hak_gal.bypass.variable == "HAK_GAL_EMERGENCY_BYPASS"
    assert hak_gal.bypass.ceiling == timedelta(minutes=15)
    assert hak_gal.bypass.log.parts[-2:] == ("logs", "emergency_bypass.log")


def test_log_patterns_find_what_the_protocol_greps_for(hak_gal: System) -> None:
    import re

    found = {pattern.name: re.compile(pattern.pattern) for pattern in hak_gal.log_patterns}
    assert found["errors"].search("21:04 ERROR something") and found["errors"].search("Exception in guard")
    assert not found["errors"].search("INFO session recovered")
    assert found["rate_limit_reject"].search("WARN rate_limit_reject tenant=acme limit=600/m")
    assert found["session_violation"].search("ERROR session_violation tenant=acme")
    assert found["session_violation"].search("session access violation")


def test_every_metric_has_a_title_and_its_series_are_the_systems_own(hak_gal: System) -> None:
    for metric in hak_gal.metrics:
        assert metric.title
        if metric.source is MetricSource.PROMQL:
            assert "hakgal_" in metric.query

"""The queries of the shipped systems mean what they are named for: by promtool, and by the console itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from console.core.system import MetricSource
from console.sources.promql import compile_query
from console.systems.measures import versioned
from tests.conftest import program
from tests.plans.shipped import SYSTEMS, system

VERSION = "v9.9.9"
END = "10m"


def query(name: str, metric: str) -> str:
    found = system(name).metric(metric)
    assert found is not None and found.source is MetricSource.PROMQL
    return versioned(found.query, VERSION)


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_query_can_be_evaluated_without_a_prometheus(name: str) -> None:
    queries = [metric for metric in system(name).metrics if metric.source is MetricSource.PROMQL]
    assert len(queries) >= 8
    for metric in queries:
        compile_query(query(name, metric.name))


def series(name: str, values: str, **labels: str) -> dict[str, str]:
    pairs = ",".join(f'{key}="{value}"' for key, value in labels.items())
    return {"series": f"{name}{{{pairs}}}", "values": values}


def steady(per_second: float) -> str:
    return f"0+{per_second * 15:g}x40"


def pods(prefix: str, new: int, old: int) -> list[dict[str, str]]:
    """Pods that answer 20 requests a second each, and say their version."""
    found = []
    for number in range(new + old):
        one = {"instance": f"10.0.0.{number}:80"}
        version = VERSION if number < new else "v9.9.8"
        found.append(series(f"{prefix}_build_info", "1x40", version=version, **one))
        found.append(series(f"{prefix}_requests_total", steady(19), code="200", **one))
        found.append(series(f"{prefix}_requests_total", steady(1), code="500", **one))
    return found


def histogram(name: str, **counts: float) -> list[dict[str, str]]:
    """Cumulative counts per second, by upper bound."""
    return [
        series(f"{name}_bucket", steady(count), le=bound.lstrip("b").replace("_", ".").replace("inf", "+Inf"))
        for bound, count in counts.items()
    ]


def errors(by_version: dict[str, tuple[float, float]]) -> list[dict[str, str]]:
    found = []
    for version, (requests, wrong) in by_version.items():
        found.append(series("genesis_requests_total", steady(requests), version=version))
        found.append(series("genesis_errors_total", steady(wrong), version=version))
    return found


SCANS = "lexikon_cache_scan_duration_seconds"
CASES = [
    ("hak-gal", "canary_share", pods("hakgal", 1, 9), 0.1),
    ("hak-gal", "canary_share", pods("hakgal", 0, 4), 0.0),
    ("lexikon", "canary_share", pods("lexikon", 3, 7), 0.3),
    ("lexikon", "canary_share", pods("lexikon", 2, 0), 1.0),
    ("knhk", "live_share", pods("knhk", 3, 3), 0.5),
    ("genesis", "rollout_share", errors({VERSION: (5, 0), "old": (95, 0)}), 0.05),
    ("genesis", "rollout_share", errors({"old": (95, 0)}), 0.0),
    ("genesis", "error_rate", errors({VERSION: (100, 1), "old": (100, 0)}), 0.005),
    ("lexikon", "error_rate", pods("lexikon", 1, 1), 0.05),
    ("knhk", "availability", pods("knhk", 1, 1), 0.95),
    (
        "lexikon",
        "auth_failure_rate",
        [
            series("lexikon_auth_total", steady(9), result="success"),
            series("lexikon_auth_total", steady(1), result="failure"),
        ],
        0.1,
    ),
    (
        "lexikon",
        "cache_hit_rate",
        [series("lexikon_cache_hits_total", steady(8)), series("lexikon_cache_misses_total", steady(2))],
        0.8,
    ),
    # The slowest SCAN: one of 5 s is not above 5 s, one of 6 s is.
    ("lexikon", "scan_longest", histogram(SCANS, b0_05=8, b2_5=9, b5=10, b10=10, binf=10), 5.0),
    ("lexikon", "scan_longest", histogram(SCANS, b0_05=8, b2_5=9, b5=9, b10=10, binf=10), 10.0),
    (
        "knhk",
        "daily_backup_age",
        [
            series("pgbackrest_backup_since_last_completion_seconds", "500000x40", stanza="knhk", backup_type="full"),
            series("pgbackrest_backup_since_last_completion_seconds", "3600x40", stanza="knhk", backup_type="incr"),
            series("pgbackrest_backup_since_last_completion_seconds", "60x40", stanza="other", backup_type="incr"),
        ],
        3600.0,
    ),
    (
        "knhk",
        "full_backup_age",
        [
            series("pgbackrest_backup_since_last_completion_seconds", "500000x40", stanza="knhk", backup_type="full"),
            series("pgbackrest_backup_since_last_completion_seconds", "3600x40", stanza="knhk", backup_type="incr"),
        ],
        500000.0,
    ),
    (
        "genesis",
        "tests_passed",
        [series("genesis_tests_passed", "1024x40"), series("genesis_tests_total", "1026x40")],
        1024 / 1026,
    ),
]


def test_promtool_finds_the_numbers_that_are_meant(tmp_path: Path) -> None:
    tests = []
    for name, metric, given, value in CASES:
        expected = [{"labels": "", "value": value}]
        asked = f"round({query(name, metric)}, 0.000001)"
        case = {"expr": asked, "eval_time": END, "exp_samples": [{**expected[0], "value": round(value, 6)}]}
        tests.append({"interval": "15s", "input_series": given, "promql_expr_test": [case]})
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"evaluation_interval": "15s", "tests": tests}))
    ran = subprocess.run([program("promtool"), "test", "rules", str(file)], capture_output=True, text=True, timeout=30)
    assert ran.returncode == 0, ran.stdout + ran.stderr

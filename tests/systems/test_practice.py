"""What a system.yaml says for rollouts: optional workloads, the version in PromQL, and the pace of practice worlds."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from console.core.pace import Pace
from console.core.system import MetricSource, WorkloadTarget
from console.systems.faults import BrokenFile
from console.systems.loader import check, load_system
from console.systems.measures import with_version
from tests.systems.plans import SYSTEM, line_of, system_in

SANDBOX = "name: demo\nenvironments:\n  one: {tone: sandbox}\n  two: {tone: sandbox}\n"
SINCE = "2026-11-20T17:00:00Z"


def test_a_workload_may_be_optional(tmp_path: Path) -> None:
    kubernetes = system_in(tmp_path).environments[0].kubernetes
    assert kubernetes is not None
    assert kubernetes.workloads == (
        WorkloadTarget("demo", "app"),
        WorkloadTarget("demo-canary", "app", optional=True),
    )


def test_the_version_is_put_into_promql_and_nowhere_else(tmp_path: Path) -> None:
    metrics = system_in(tmp_path, SYSTEM.replace("{pattern: error}", "{pattern: '$VERSION'}")).metrics
    changed = with_version(metrics, 'v2.3.3"} or x{a="')
    assert changed[-1].query == 'sum(rate(requests{version="v2.3.3\\"} or x{a=\\""}[1m])) / sum(rate(requests[1m]))'
    assert changed[:-1] == metrics[:-1]
    assert with_version(metrics, "v2")[-1].source is MetricSource.PROMQL
    other = system_in(tmp_path, SYSTEM.replace('"$VERSION"', '"${VERSION}"').replace("errors / requests", "$VERSIONS"))
    assert 'version="v2"' in with_version(other.metrics, "v2")[-1].query
    assert with_version(other.metrics, "v2")[0].query == "$VERSIONS"


def test_promql_is_checked_with_a_version_in_it(tmp_path: Path) -> None:
    system_in(tmp_path)
    assert check(tmp_path, environ={}) == ()
    text = SYSTEM.replace('"$VERSION"', "$VERSION")
    system_in(tmp_path, text)
    [fault] = check(tmp_path, environ={})
    assert fault.line == line_of(text, "canary_share") and "not PromQL" in fault.wrong


def test_a_practice_world_has_a_pace(tmp_path: Path) -> None:
    pace = system_in(tmp_path, f"{SANDBOX}pace: {{speed: 1440, since: {SINCE}}}\n").pace
    assert pace == Pace(1440, datetime(2026, 11, 20, 17, tzinfo=UTC))
    assert system_in(tmp_path, SANDBOX).pace is None


@pytest.mark.parametrize(
    ("pace", "wrong"),
    [
        (f"{{speed: 0.5, since: {SINCE}}}", "`speed`"),
        (f"{{speed: 1000001, since: {SINCE}}}", "`speed`"),
        (f"{{speed: fast, since: {SINCE}}}", "`speed`"),
        (f"{{since: {SINCE}}}", "no `speed`"),
        ("{speed: 60}", "no `since`"),
        ("{speed: 60, since: 2026-11-20T17:00:00}", "time zone"),
        ("{speed: 60, since: day 1 09:00}", "counts days"),
        (f"{{speed: 60, since: {SINCE}, until: x}}", "no key `until`"),
    ],
)
def test_a_pace_that_is_none_is_a_fault_of_its_line(pace: str, wrong: str, tmp_path: Path) -> None:
    (tmp_path / "system.yaml").write_text(f"{SANDBOX}pace: {pace}\n")
    with pytest.raises(BrokenFile) as broken:
        load_system(tmp_path, environ={})
    assert [(fault.line, wrong in fault.wrong) for fault in broken.value.faults] == [(5, True)]


def test_the_plans_of_a_folder_are_known_by_their_paths(tmp_path: Path) -> None:
    (tmp_path / "b.rollout.yaml").write_text("")
    (tmp_path / "a.rollout.yaml").write_text("")
    (tmp_path / "rollout.yaml").write_text("")
    assert [path.name for path in system_in(tmp_path).rollouts] == ["a.rollout.yaml", "b.rollout.yaml"]

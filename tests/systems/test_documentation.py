"""The documented format is the format: its examples load, and every key that is read is described."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from console.core.rollouts.plan import Rolling, RolloutPlan
from console.core.system import System
from console.systems import environments, loader, measures, rollout_phases, rollout_plans, rollout_rules
from console.systems import rollout_strategies as strategies
from console.systems.catalog import shipped_folder
from console.systems.loader import check, load_system
from console.systems.rollout_plans import load_plan

PLAN = "# release.rollout.yaml"


@pytest.fixture(scope="module")
def readme() -> str:
    return (shipped_folder() / "README.md").read_text()


@pytest.fixture(scope="module")
def blocks(readme: str) -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```$", readme, re.DOTALL | re.MULTILINE)


def documented(blocks: list[str], folder: Path) -> System:
    """The examples of a system.yaml as one system."""
    parts = [block for block in blocks if not block.startswith(PLAN)]
    assert len(parts) >= 4
    # The alert and the checks of the conditions need what other examples describe.
    text = "name: example\n" + "".join(parts).replace("block_rate > 30% for 5m", "p99_latency > 200ms for 5m")
    (folder / "system.yaml").write_text(text)
    (folder / "high-block-rate.md").write_text("# High block rate\n")
    (folder / "bin").mkdir(exist_ok=True)
    return load_system(folder, environ={})


def documented_plan(blocks: list[str], folder: Path) -> RolloutPlan:
    [text] = [block for block in blocks if block.startswith(PLAN)]
    (folder / "release.rollout.yaml").write_text(text)
    return load_plan(folder / "release.rollout.yaml", documented(blocks, folder), environ={})


def test_the_examples_load_as_one_system(blocks: list[str], tmp_path: Path) -> None:
    system = documented(blocks, tmp_path)
    assert system.environments and system.metrics and system.alerts and system.sessions and system.bypass


def test_the_example_of_a_plan_loads_and_has_no_fault(blocks: list[str], tmp_path: Path) -> None:
    plan = documented_plan(blocks, tmp_path)
    assert [phase.name for phase in plan.phases] == ["preflight", "staging-canary", "production"]
    assert plan.phases[2].strategy == Rolling("hak-gal", "hak-gal")
    assert check(tmp_path, environ={}) == ()


def test_the_example_of_a_plan_uses_every_key(blocks: list[str]) -> None:
    [text] = [block for block in blocks if block.startswith(PLAN)]
    keys = set(re.findall(r"(\w+):", text))
    wanted = {*rollout_plans.PLAN_KEYS, *rollout_phases.PHASE_KEYS, *rollout_phases.NEED_KEYS, *rollout_rules.RULE_KEYS}
    assert wanted | set(rollout_rules.CHECK_KEYS) <= keys


def test_every_key_and_every_redis_field_is_described(readme: str) -> None:
    words = set(re.findall(r"\w+", readme))
    assert {*loader.KEYS, *environments.KEYS, *measures.REDIS_FIELDS} <= words
    assert {*strategies.STRATEGY_KEYS} <= set(re.findall(r"[\w-]+", readme))
    assert {key for keys in strategies.STRATEGY_KEYS.values() for key in keys} | {*strategies.FLAG_KEYS} <= words


@pytest.mark.parametrize(
    "condition",
    [
        "p99_latency > 5ms",
        "p99_latency > 5ms for 5m",
        "p99_latency > 5ms over 5m",
        "p99_latency stable within 10% over 1h",
        "gateway fails 3 times",
        "p99_latency fresh within 1m",
        "p99_latency > 5ms for 5m on gap reset",
    ],
)
def test_every_documented_form_of_a_condition_is_read(condition: str, readme: str, tmp_path: Path) -> None:
    text = (shipped_folder() / "hak-gal" / "system.yaml").read_text()
    text = re.sub(r"    runbook: .*\n", "", text).replace("when: p99_latency > 200ms", f"when: {condition}")
    (tmp_path / "system.yaml").write_text(text)
    rule = next(rule for rule in load_system(tmp_path, environ={}).alerts if rule.name == "p99_latency")
    assert rule.condition.text == condition

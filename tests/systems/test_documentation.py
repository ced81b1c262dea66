"""The documented format is the format: its examples load, and every key that is read is described."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from console.systems import environments, loader, measures
from console.systems.catalog import shipped_folder
from console.systems.loader import load_system


@pytest.fixture(scope="module")
def readme() -> str:
    return (shipped_folder() / "README.md").read_text()


def test_the_examples_load_as_one_system(readme: str, tmp_path: Path) -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```$", readme, re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 4
    # The alert and the checks of the conditions need what other examples describe.
    text = "name: example\n" + "".join(blocks).replace("block_rate > 30% for 5m", "p99_latency > 200ms for 5m")
    (tmp_path / "system.yaml").write_text(text)
    (tmp_path / "high-block-rate.md").write_text("# High block rate\n")
    system = load_system(tmp_path, environ={})
    assert system.environments and system.metrics and system.alerts and system.sessions and system.bypass


def test_every_key_and_every_redis_field_is_described(readme: str) -> None:
    words = set(re.findall(r"\w+", readme))
    assert {*loader.KEYS, *environments.KEYS, *measures.REDIS_FIELDS} <= words


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

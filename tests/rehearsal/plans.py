"""Plans to rehearse: those that ship, and a short one of every kind of condition."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from console.core.rollouts.facts import Fact, Kind
from console.core.rollouts.plan import RolloutPlan
from console.core.system import System
from console.engine.rehearsal import Rehearsal, Setting
from console.engine.scenario import Scenario
from console.engine.timeline import Rehearsed
from console.systems.catalog import shipped_folder
from console.systems.loader import load_system
from console.systems.rollout_plans import load_plan

NINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
"""A Monday."""

SYSTEM = """
name: small
environments:
  staging:
    tone: staging
    kubernetes: {namespace: small, workloads: [{deployment: small}]}
    prometheus: {url: "http://127.0.0.1:9090"}
    redis: {host: 127.0.0.1, tls: false}
    health:
      gateway: {url: "http://127.0.0.1:8080/healthz", every: 10s, timeout: 2s}
metrics:
  requests: {unit: /s, promql: sum(requests), step: 5s}
  error_rate: {unit: "%", promql: sum(errors), step: 5s}
  latency: {unit: ms, promql: 'sum(rate(latency[2m]))', step: 10s}
  hits: {unit: "%", promql: sum(hits), step: 5s}
  memory: {unit: MB, redis: used, step: 15s}
"""

PLAN = """
name: short
phases:
  - name: first
    environment: staging
    soak: 10m
    gates: [error_rate < 1% for 2m, latency < 200ms over 3m, memory stable within 20% over 4m, hits fresh within 1m]
    rollback_when:
      - error_rate > 5% for 2m
      - latency > 400ms
      - hits < 50% for 90s if requests >= 10/s
      - memory > 500MB over 3m
      - gateway fails 3 times
      - requests == 0/s for 1m on gap trip
    checklist: [looked at]
  - name: second
    environment: staging
    soak: {for: 6m, on_bad: restart}
    gates: [error_rate < 1%, memory < 400MB for 1m on gap reset]
    rollback_when: [error_rate > 5% for 1m, latency > 400ms for 3m]
    interval: 20m
    promotion: automatic
"""


def small(folder: Path, plan: str = PLAN, system: str = SYSTEM) -> tuple[RolloutPlan, System]:
    """A system and a plan of its own, read from files."""
    (folder / "system.yaml").write_text(system)
    path = folder / f"{plan.split('name: ', 1)[1].split(maxsplit=1)[0]}.rollout.yaml"
    path.write_text(plan)
    loaded = load_system(folder, environ={})
    return load_plan(path, loaded, environ={}), loaded


@cache
def shipped() -> tuple[tuple[RolloutPlan, System], ...]:
    """Every plan that ships, with its system."""
    found = []
    for folder in sorted(path.parent for path in shipped_folder().glob("*/system.yaml")):
        system = load_system(folder, environ={})
        found += [(load_plan(path, system, environ={}), system) for path in system.rollouts]
    return tuple(found)


def label(plan: RolloutPlan) -> str:
    return f"{plan.system}-{plan.name}"


def run(
    plan: RolloutPlan,
    system: System,
    scenario: Scenario,
    *,
    here: int = 0,
    first: int = 0,
    starts: datetime = NINE,
    every_tick: bool = False,
) -> tuple[Rehearsed, list[Fact]]:
    """One run, with the facts it wrote."""
    rehearsal = Rehearsal(plan, system, scenario, Setting(starts, here, first, every_tick))
    return rehearsal.run(), rehearsal.facts


def told(facts: list[Fact]) -> list[tuple[object, ...]]:
    """What facts say, without how often the soak clock was written down in between, and without their numbers."""
    told = []
    for fact in facts:
        if fact.kind is not Kind.SOAKED:
            body = {key: value for key, value in fact.body.items() if key not in ("ask", "text")}
            told.append(
                (fact.kind.value, fact.role, f"{fact.at:%H:%M:%S.%f}", fact.by, tuple(sorted(map(str, body.items()))))
            )
    return told


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)

"""A small system and a plan for it, as files to be read and to be broken."""

from __future__ import annotations

from pathlib import Path

from console.core.rollouts.plan import RolloutPlan
from console.core.system import System
from console.systems.loader import load_system
from console.systems.rollout_plans import load_plan

SYSTEM = """\
name: demo
environments:
  staging:
    tone: staging
    target: v2
    kubernetes:
      namespace: demo
      workloads:
        - {deployment: demo, container: app}
        - {deployment: demo-canary, container: app, optional: true}
    redis: {host: 10.0.0.1, tls: false}
    prometheus: {url: "http://127.0.0.1:9090"}
    logs: [{file: demo.log}]
    health:
      front: {url: "http://127.0.0.1:8080/healthz"}
  production:
    tone: production
    target: v2
    kubernetes:
      namespace: demo
      workloads:
        - {deployment: demo, container: app}
        - {deployment: demo-canary, container: app, optional: true}
        - {deployment: demo-blue}
        - {deployment: demo-green}
    redis: {host: 10.0.0.2, tls: false}
    prometheus: {url: "http://127.0.0.1:9091"}
    health:
      front: {url: "http://127.0.0.1:8080/healthz"}
      back: {url: "http://127.0.0.1:8081/healthz"}
  bare:
    tone: production
    target: v2
metrics:
  error_rate: {title: error rate, unit: "%", promql: "errors / requests"}
  p99_latency: {title: p99, unit: ms, promql: latency}
  redis_memory: {title: redis memory, unit: MB, redis: used}
  errors_logged: {unit: /h, log: errors}
  front_failures: {unit: count, health: front}
  back_failures: {unit: count, health: back}
  canary_share: {unit: "%", promql: 'sum(rate(requests{version="$VERSION"}[1m])) / sum(rate(requests[1m]))'}
log_patterns:
  errors: {pattern: error}
sessions: {pattern: "demo:session:{tenant}:{id}"}
bypass: {key: "demo:bypass", variable: BYPASS, switches_off: [judging]}
"""

PLAN = """\
name: release
title: the release
about: From one to three.
day_one: 2025-10-23
roles: [lead, on-call]
measured: canary_share
strategy: {canary: {stable: demo, canary: demo-canary}}
flags: {redis: "demo:flags", on: [a, b], off: [c]}
rollback_when:
  - error_rate > 5% for 5m
tiers:
  - {up_to: 10%, rollback_when: [error_rate > 1% for 5m]}
  - {up_to: 100%, rollback_when: [p99_latency > 2s for 5m]}
after_rollback:
  - {name: caches, clear: "demo:cache:*"}
phases:
  - name: one
    title: The first
    about: It begins.
    environment: staging
    share: 5% or 1 pod
    set: {AUDIT_LEVEL: FULL}
    later:
      - {after: 24h, set: {AUDIT_LEVEL: INFO}}
    soak: 48h
    gates:
      - p99_latency < 200ms
      - redis_memory stable within 10% over 1h
    rollback_when: [front fails 3 times]
    checklist: [logs read]
    not_before: day 1 09:00
  - name: two
    environment: staging
    share: 50%
    soak: 24h
    sign_offs: [lead]
    interval: 7d
    not_before: day 3 09:00
    before:
      - {name: tree, run: git status, expect: "^$"}
    after:
      - {name: smoke, http: "http://127.0.0.1:8080/$VERSION"}
  - name: three
    environment: production
    needs:
      sticky_sessions: demo
      separate_redis: [staging]
      workload_ready: true
      conditions: [error_rate < 1%]
    promotion: automatic
"""


def system_in(folder: Path, text: str = SYSTEM) -> System:
    """The system, written into a folder."""
    (folder / "system.yaml").write_text(text)
    return load_system(folder, environ={})


def plan_in(folder: Path, text: str = PLAN, *, environ: dict[str, str] | None = None) -> RolloutPlan:
    """The plan, written into a folder beside its system."""
    path = folder / "release.rollout.yaml"
    path.write_text(text)
    return load_plan(path, system_in(folder), environ=environ or {})


def line_of(text: str, needle: str) -> int:
    """The line on which a text first stands."""
    return text[: text.index(needle)].count("\n") + 1

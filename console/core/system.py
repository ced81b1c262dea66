"""What is operated: a system, its environments, metrics, alerts and bypass, as read from its files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from pathlib import Path

from console.core.conditions import Condition
from console.core.pace import Pace
from console.core.states import Severity as Severity
from console.core.states import Tone as Tone
from console.core.units import Unit


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a secret comes from, never the secret. variable: the name of an environment variable."""

    variable: str


@dataclass(frozen=True, slots=True)
class RedisTarget:
    """Where Redis is. Each of host, port, username, password is a literal or (password: only) a Secret.

    password is never literal in a file. secrets_file: a dotenv file of mode 0600 read before the environment.
    timeout: per call. database: the number selected.
    """

    host: str | Secret
    port: int | Secret
    username: str | Secret | None
    password: Secret | None
    tls: bool
    database: int
    timeout: timedelta
    secrets_file: Path | None


@dataclass(frozen=True, slots=True)
class WorkloadTarget:
    """One Deployment the console operates. container: whose image is the version (the first one when None).

    optional: it may be missing, or have no pods, as a canary between two releases.
    """

    deployment: str
    container: str | None
    optional: bool = False


@dataclass(frozen=True, slots=True)
class KubernetesTarget:
    """kubeconfig: a file, or None for $KUBECONFIG, ~/.kube/config, then the in-cluster account. context: None is the
    current one.
    """

    kubeconfig: Path | None
    context: str | None
    namespace: str
    workloads: tuple[WorkloadTarget, ...]


@dataclass(frozen=True, slots=True)
class PrometheusTarget:
    """url: the root of its HTTP API. token: a bearer token, if it asks for one."""

    url: str
    token: Secret | None = None


@dataclass(frozen=True, slots=True)
class ScrapeTarget:
    """What is scraped where there is no Prometheus.

    urls: fixed /metrics addresses. pods: scrape every ready pod of the workloads at `http://<pod ip>:<port><path>`.
    discovery: an address or file answering Prometheus's HTTP service-discovery JSON ([{"targets": [...],
    "labels": {...}}]).
    """

    urls: tuple[str, ...]
    pod_port: int | None
    path: str
    discovery: str | None
    interval: timedelta


@dataclass(frozen=True, slots=True)
class LogTarget:
    """Exactly one of: file, a path that may not exist yet; pods, True for the logs of the workloads' pods."""

    file: Path | None
    pods: bool = False


@dataclass(frozen=True, slots=True)
class HealthTarget:
    """url is http(s)://… (any 2xx passes) or tcp://host:port (an accepted connection passes)."""

    name: str
    url: str
    every: timedelta
    timeout: timedelta


@dataclass(frozen=True, slots=True)
class Environment:
    """One place a system runs.

    target: the version a release is going to there (shown as `now → target`), or None. Every part may be missing.
    faults: a control address that lists and toggles faults; only practice worlds have one. secrets_file: the dotenv
    file of mode 0600 that its secrets are read from before the environment. tools: folders put in front of PATH for
    steps of runbooks and commands of plans, the first one first.
    """

    name: str
    tone: Tone
    target: str | None
    redis: RedisTarget | None
    kubernetes: KubernetesTarget | None
    prometheus: PrometheusTarget | None
    scrape: ScrapeTarget | None
    alertmanager: str | None
    logs: tuple[LogTarget, ...]
    health: tuple[HealthTarget, ...]
    faults: str | None = None
    secrets_file: Path | None = None
    tools: tuple[Path, ...] = ()


class MetricSource(Enum):
    """promql: asked of Prometheus, else evaluated over scraped samples. The rest are drawn from the console's own
    readings.
    """

    PROMQL = "promql"
    REDIS = "redis"
    LOG = "log"
    HEALTH = "health"


@dataclass(frozen=True, slots=True)
class Metric:
    """A named number. query: PromQL; a field (`redis: used`); a log pattern's name; a health check's name.

    unit: its dimension and how it is shown. step: the epoch-aligned grid its samples lie on.
    aggregate: `sum`, `avg`, `min`, `max` over several series, or None: more than one series is then an error.
    """

    name: str
    title: str
    unit: Unit
    source: MetricSource
    query: str
    step: timedelta
    aggregate: str | None = None


@dataclass(frozen=True, slots=True)
class AlertRule:
    """A condition that must not hold. action: what to do, in the system's words. runbook: a Markdown file."""

    name: str
    title: str
    severity: Severity
    condition: Condition
    action: str
    runbook: Path | None
    line: int


@dataclass(frozen=True, slots=True)
class LogPattern:
    """Lines to count. name: what metrics refer to. pattern: a Python regular expression, case ignored on request in
    it.
    """

    name: str
    title: str
    pattern: str


@dataclass(frozen=True, slots=True)
class SessionScheme:
    """How sessions are keyed, such as `hakgal:tenant:{tenant}:session:{id}`. Source: the chaos report's key schema.

    pattern: with exactly one `{tenant}` and one `{id}`. budget: keys looked at per second of a census.
    """

    pattern: str
    every: timedelta
    budget: int


@dataclass(frozen=True, slots=True)
class BypassRule:
    """The emergency bypass. key: the Redis key that holds the record. ceiling: at most 15 minutes whatever is
    configured.

    variable: what it stands for in the workload. log: the append-only file. off, on: what it switches off and
    what stays on.
    """

    key: str
    variable: str
    ceiling: timedelta
    a_day: int
    log: Path
    off: tuple[str, ...]
    on: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class System:
    """A system as its folder describes it. path: its system.yaml. name: what the engineer types to confirm.

    state: where its journal is kept instead of the usual place; practice worlds have one of their own. pace: how much
    faster than the wall its rollouts run; only practice worlds have one. rollouts: the plan files of its folder.
    """

    name: str
    title: str
    about: str
    path: Path
    environments: tuple[Environment, ...]
    metrics: tuple[Metric, ...]
    alerts: tuple[AlertRule, ...]
    log_patterns: tuple[LogPattern, ...]
    sessions: SessionScheme | None
    bypass: BypassRule | None
    runbooks: tuple[Path, ...]
    state: Path | None = None
    pace: Pace | None = None
    rollouts: tuple[Path, ...] = ()

    def environment(self, name: str) -> Environment | None:
        """The environment of that name."""
        return next((environment for environment in self.environments if environment.name == name), None)

    def metric(self, name: str) -> Metric | None:
        """The metric of that name."""
        return next((metric for metric in self.metrics if metric.name == name), None)

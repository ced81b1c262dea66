"""The frozen picture of everything the console knows; screens draw slices of it and decide nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from console.core.bypass import Grant
from console.core.operations import Operation
from console.core.readings import ClusterState, Health, LogCounts, Reading, RedisStats, SessionCensus
from console.core.rollouts.view import RolloutView
from console.core.states import AlertState as AlertState
from console.core.states import Severity, Tone
from console.core.states import SourceState as SourceState
from console.core.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """detail: what the header says when live (`0.4ms`, `3s`), else the sentence why not."""

    name: str
    state: SourceState
    detail: str


@dataclass(frozen=True, slots=True)
class VersionShare:
    """What is deployed of one version. share: its ready pods of all ready pods, 0 to 1. since: its ReplicaSet's
    creation.
    """

    version: str
    workload: str
    revision: int
    desired: int
    ready: int
    share: float
    since: datetime
    current: bool
    good: bool


@dataclass(frozen=True, slots=True)
class Deployed:
    """Phase progress without a plan: which versions run, with what share.

    now: the version with the largest share, empty where none is known. state: `SETTLED`, `PROGRESSING`, `STUCK`,
    `PAUSED`, `NOT READY` or `UNKNOWN`. why: the one line why here, what next, which keys.
    good: the version recorded good, with the time, or None.
    """

    now: str
    target: str | None
    state: str
    why: str
    versions: tuple[VersionShare, ...]
    good: str | None
    good_at: datetime | None


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule as it stands. value, threshold: as shown, with units. since: when this state began. detail: why for
    ERROR and NODATA.
    """

    name: str
    title: str
    severity: Severity
    state: AlertState
    since: datetime
    value: str
    threshold: str
    condition: str
    action: str
    runbook: Path | None
    verdict: Verdict
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Alerts:
    """All rules, worst first. checked_at: when they were last evaluated; None before the first time. cleared: titles
    that cleared at that check.
    """

    alerts: tuple[Alert, ...] = ()
    checked_at: datetime | None = None
    cleared: tuple[str, ...] = ()

    @property
    def firing(self) -> tuple[Alert, ...]:
        """Those that fire now."""
        return tuple(alert for alert in self.alerts if alert.state is AlertState.FIRING)


@dataclass(frozen=True, slots=True)
class Trend:
    """How a number moves. history: evenly spaced values, oldest first, None where unknown.

    change: over `window`, in the number's unit. per_hour: relative, 0.012 is +1.2 %/h; None where unknown.
    full_in: time until the limit at this pace, None where it does not grow or has no limit.
    """

    history: tuple[float | None, ...] = ()
    window: timedelta = timedelta(minutes=10)
    change: float | None = None
    per_hour: float | None = None
    full_in: timedelta | None = None


@dataclass(frozen=True, slots=True)
class BypassState:
    """The bypass as the store says. remaining: by the store's own clock when read. today: grants of the UTC day.

    warning: what is odd about the record, in one sentence, else empty; an odd one is not in force.
    A reading that failed means the grant is unknown: the workload fails closed and the pane says so.
    """

    grant: Grant | None
    remaining: timedelta
    today: int
    a_day: int
    warning: str = ""


@dataclass(frozen=True, slots=True)
class MetricValue:
    """One metric's newest sample, for panes and `status --json`. text: with its unit, or `—`."""

    name: str
    title: str
    value: float | None
    at: datetime | None
    text: str
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything at one moment. Equal slices mean nothing to repaint.

    rollout: the rollout under way, or the last one until another is started; None where there never was one.
    rollout_plans: names of the plans that could be started. rollout_error: why the rollout or the plans could not be
    read, else empty.
    """

    taken_at: datetime
    system: str
    title: str
    environment: str
    tone: Tone
    read_only: bool
    sources: tuple[SourceHealth, ...] = ()
    deployed: Deployed | None = None
    cluster: Reading[ClusterState] = field(default_factory=Reading)
    alerts: Alerts = Alerts()
    redis: Reading[RedisStats] = field(default_factory=Reading)
    memory_trend: Trend = Trend()
    sessions: Reading[SessionCensus] = field(default_factory=Reading)
    session_trend: Trend = Trend()
    logs: Reading[LogCounts] = field(default_factory=Reading)
    health: Reading[tuple[Health, ...]] = field(default_factory=Reading)
    bypass: Reading[BypassState] = field(default_factory=Reading)
    bypass_offered: bool = False
    metrics: tuple[MetricValue, ...] = ()
    operations: tuple[Operation, ...] = ()
    faults: Reading[tuple[tuple[str, bool], ...]] = field(default_factory=Reading)
    faults_offered: bool = False
    notices: tuple[str, ...] = ()
    rollout: RolloutView | None = None
    rollout_plans: tuple[str, ...] = ()
    rollout_error: str = ""

    @property
    def under_way(self) -> RolloutView | None:
        """The rollout that has not ended, or None."""
        return None if self.rollout is None or self.rollout.state.over else self.rollout

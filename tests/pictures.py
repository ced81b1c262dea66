"""Example pictures for tests of what is drawn: one moment, one system, and the ways it can stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from console.core.bypass import Grant
from console.core.operations import Operation
from console.core.picture import (
    Alert,
    Alerts,
    AlertState,
    BypassState,
    Deployed,
    MetricValue,
    Picture,
    SourceHealth,
    SourceState,
    Trend,
    VersionShare,
)
from console.core.readings import (
    ClusterEvent,
    ClusterState,
    Health,
    LogCounts,
    LogLine,
    Pod,
    Reading,
    RedisStats,
    Revision,
    SessionCensus,
    Workload,
)
from console.core.states import Outcome
from console.core.system import Severity, Tone
from console.core.verdicts import Verdict

T = TypeVar("T")
NOW = datetime(2026, 3, 14, 21, 4, 11, tzinfo=UTC)
NO_ANSWER = "redis 10.0.0.5: no answer in 1 s"


def before(**span: float) -> datetime:
    """A time before NOW."""
    return NOW - timedelta(**span)


def reading_of(value: T, at: datetime = NOW) -> Reading[T]:
    """A reading that succeeded."""
    fresh: Reading[T] = Reading()
    return fresh.good(value, at)


def failed(error: str) -> Reading[Any]:
    """A reading that never succeeded."""
    fresh: Reading[Any] = Reading()
    return fresh.failed(error, NOW)


STATS = RedisStats(
    version="7.2.4",
    role="master",
    uptime=timedelta(days=42, hours=3),
    used=612_000_000,
    peak=840_000_000,
    limit=2_000_000_000,
    fragmentation=1.08,
    clients=41,
    blocked_clients=0,
    ops_per_second=1204.0,
    keys=10_688,
    evicted=0,
    expired=48_210,
    rejected_connections=0,
    hits=981_204,
    misses=20_411,
    ping=0.0004,
    scan_page=0.0011,
)
MEMORY_TREND = Trend(
    history=tuple(float(570 + step * 2 + step % 3) for step in range(21)),
    window=timedelta(minutes=30),
    change=7_300_000.0,
    per_hour=0.012,
    full_in=timedelta(days=14, hours=5),
)
CENSUS = SessionCensus(
    total=10_412,
    tenants=(("acme", 6_120), ("globex", 3_882), ("initech", 410)),
    complete=True,
    scanned=10_688,
    keyspace=10_688,
    began=before(seconds=14),
    ended=before(seconds=12),
)
SESSION_TREND = Trend(history=(10_329.0, 10_400.0, 10_412.0), window=timedelta(minutes=10), change=83.0)
CLUSTER = ClusterState(
    context="prod-eu",
    namespace="hak-gal",
    workloads=(
        Workload(
            name="hak-gal",
            namespace="hak-gal",
            container="hak-gal",
            version="v2.3.3",
            image="registry.example/hak-gal:v2.3.3",
            current=12,
            desired=10,
            updated=2,
            ready=10,
            available=10,
            settled=False,
            paused=False,
            stuck="",
            resource_version="4711",
            generation=31,
            uid="5c1f",
            revisions=(
                Revision(12, "v2.3.3", "registry.example/hak-gal:v2.3.3", "{}", 2, 2, 2, before(hours=41, minutes=12)),
                Revision(11, "v2.3.2", "registry.example/hak-gal:v2.3.2", "{}", 8, 8, 8, before(days=6, hours=2)),
            ),
        ),
    ),
    pods=tuple(
        Pod(
            name=f"hak-gal-{'7f6d' if index < 2 else '5b9c'}-{index}x",
            phase="Running",
            ready=True,
            ready_containers=1,
            containers=1,
            restarts=0,
            version="v2.3.3" if index < 2 else "v2.3.2",
            image="",
            revision=12 if index < 2 else 11,
            created=before(hours=41),
            node=f"node-{index % 3}",
            ip=f"10.1.0.{index}",
            reason="",
            terminating=False,
        )
        for index in range(10)
    ),
    events=(ClusterEvent(before(minutes=3), "Normal", "ScalingReplicaSet", "Deployment/hak-gal", "Scaled up to 2", 1),),
)
DEPLOYED = Deployed(
    now="v2.3.2",
    target="v2.3.3",
    state="PROGRESSING",
    why="2 of 10 pods run v2.3.3; R returns to v2.3.2",
    versions=(
        VersionShare("v2.3.3", "hak-gal", 12, 2, 2, 0.2, before(hours=41, minutes=12), current=True, good=False),
        VersionShare("v2.3.2", "hak-gal", 11, 8, 8, 0.8, before(days=6, hours=2), current=False, good=True),
    ),
    good="v2.3.2",
    good_at=before(hours=9),
)


def alert(
    title: str,
    state: AlertState,
    value: str,
    threshold: str,
    *,
    severity: Severity = Severity.P2,
    since: timedelta = timedelta(minutes=4),
    detail: str = "",
) -> Alert:
    """An alert with a runbook of its own."""
    name = title.replace(" ", "-")
    return Alert(
        name=name,
        title=title,
        severity=severity,
        state=state,
        since=NOW - since,
        value=value,
        threshold=threshold,
        condition=f"{title.replace(' ', '_')} {threshold}",
        action=f"Look at {title} and follow the runbook.",
        runbook=Path(f"runbooks/{name}.md"),
        verdict=Verdict.FAIL if state is AlertState.FIRING else Verdict.PASS,
        detail=detail,
    )


QUIET = (
    alert("session violations", AlertState.QUIET, "0", "> 0", severity=Severity.P0),
    alert("rate limit storm", AlertState.QUIET, "204/h", "> 1,000/h", severity=Severity.P1),
    alert("redis latency", AlertState.QUIET, "4 ms", "> 200 ms for 5m"),
    alert("guard exceptions", AlertState.QUIET, "0.02 %", "> 1 %", severity=Severity.P3),
)
FIRING = (
    alert("rate limit storm", AlertState.FIRING, "1,204/h", "> 1,000/h", severity=Severity.P1),
    alert("redis latency", AlertState.PENDING, "180 ms", "> 200 ms for 5m", since=timedelta(seconds=70)),
    alert(
        "guard exceptions",
        AlertState.NODATA,
        "—",
        "> 1 %",
        severity=Severity.P3,
        detail="prometheus answered 503 at 21:03:58",
    ),
    QUIET[0],
)
LOG_COUNTS = LogCounts(
    lines=81_204,
    patterns=(("errors", 0, 12), ("rejects", 1_204, 6_120)),
    observed=timedelta(hours=1),
    origins=(("hak_gal.log", ""), *((f"hak-gal-7f-{index}", "") for index in range(4))),
)
METRICS = (
    MetricValue("p99", "p99 latency", 0.143, before(seconds=8), "143 ms"),
    MetricValue("error_rate", "error rate", 0.0008, before(seconds=8), "0.08 %"),
    MetricValue("guard_exceptions", "guard exceptions", None, None, "—", "prometheus answered 503 at 21:03:58"),
)
GRANT = Grant(
    id="g1",
    system="hak-gal",
    environment="production",
    reason="false positives after the rule push",
    actor="ines",
    host="bastion",
    granted_at=before(minutes=2, seconds=19),
    expires_at=NOW + timedelta(minutes=12, seconds=41),
)
LIVE = (
    SourceHealth("redis", SourceState.LIVE, "<1ms"),
    SourceHealth("prometheus", SourceState.LIVE, "live"),
    SourceHealth("kubernetes", SourceState.LIVE, "live"),
    SourceHealth("logs", SourceState.LIVE, "live"),
)


def bypass_state(*, left: timedelta | None = None) -> BypassState:
    """No grant open, or one with this much left."""
    return BypassState(GRANT if left else None, left or timedelta(0), 1 if left else 0, 3)


def unread() -> Picture:
    """Before any source has answered."""
    return Picture(
        taken_at=NOW,
        system="hak-gal",
        title="HAK_GAL",
        environment="production",
        tone=Tone.PRODUCTION,
        read_only=False,
        sources=tuple(SourceHealth(source.name, SourceState.READING, "reading…") for source in LIVE),
        bypass_offered=True,
    )


def healthy() -> Picture:
    """All is well, two versions run."""
    return replace(
        unread(),
        sources=LIVE,
        deployed=DEPLOYED,
        cluster=reading_of(CLUSTER),
        alerts=Alerts(QUIET, before(seconds=2)),
        redis=reading_of(STATS),
        memory_trend=MEMORY_TREND,
        sessions=replace(reading_of(CENSUS, before(seconds=12)), stale_after=timedelta(minutes=2)),
        session_trend=SESSION_TREND,
        logs=reading_of(LOG_COUNTS),
        health=reading_of((Health("api", True, 0.012, 0, "200 OK"),)),
        bypass=reading_of(bypass_state()),
        metrics=METRICS,
    )


def trouble() -> Picture:
    """An alert fires, another is pending, one is blind; a bypass is open."""
    return replace(
        healthy(),
        alerts=Alerts(FIRING, before(seconds=2)),
        bypass=reading_of(bypass_state(left=timedelta(minutes=12, seconds=41))),
    )


def rolling_back() -> Picture:
    """A rollback runs."""
    return replace(
        trouble(),
        deployed=replace(DEPLOYED, why="rolling back to v2.3.2; 9 of 10 pods are ready"),
        operations=(
            Operation(
                "o1",
                "rollback",
                "Roll back hak-gal",
                Outcome.RUNNING,
                before(seconds=12),
                None,
                ("patched hak-gal to the template of revision 11", "9 of 10 pods of v2.3.2 are ready"),
            ),
        ),
    )


def redis_stale() -> Picture:
    """Redis hangs: what was last seen stays, and says so."""
    fine = healthy()
    return replace(
        fine,
        sources=(SourceHealth("redis", SourceState.FAILED, NO_ANSWER), *LIVE[1:]),
        redis=reading_of(STATS, before(minutes=2, seconds=7)).failed(NO_ANSWER, NOW),
        sessions=reading_of(CENSUS, before(minutes=2, seconds=20)).failed(NO_ANSWER, NOW),
        bypass=reading_of(bypass_state(), before(minutes=2, seconds=7)).failed(NO_ANSWER, NOW),
    )


def all_failed() -> Picture:
    """Nothing has ever answered."""
    cluster = "kubernetes https://10.0.0.9:6443: GET deployments: 403 Forbidden; ask for `get deployments` in hak-gal"
    return replace(
        unread(),
        sources=(
            SourceHealth("redis", SourceState.FAILED, NO_ANSWER),
            SourceHealth("prometheus", SourceState.FAILED, "prometheus http://10.0.0.7:9090: connection refused"),
            SourceHealth("kubernetes", SourceState.FAILED, cluster),
            SourceHealth("logs", SourceState.FAILED, "/var/log/hak_gal.log: permission denied"),
        ),
        cluster=failed(cluster),
        redis=failed(NO_ANSWER),
        sessions=failed(NO_ANSWER),
        logs=failed("/var/log/hak_gal.log: permission denied"),
        bypass=failed(NO_ANSWER),
        alerts=Alerts(
            tuple(
                replace(
                    rule,
                    state=AlertState.ERROR,
                    value="—",
                    detail="prometheus http://10.0.0.7:9090: connection refused",
                )
                for rule in QUIET
            ),
            before(seconds=2),
        ),
    )


def read_only() -> Picture:
    """The same as healthy, and nothing can be changed."""
    return replace(healthy(), read_only=True)


_SAID = (
    ("WARN", "rate_limit_reject tenant=acme limit=600/m path=/v1/check"),
    ("INFO", "session recovered tenant=globex"),
    ("INFO", "request ok path=/v1/check ms=14"),
    ("ERROR", "guard exception rule=unicode_homoglyph tenant=initech: index out of range"),
    ("INFO", "request ok path=/v1/check ms=11"),
    ("DEBUG", "cache hit key=hakgal:tenant:acme:policy"),
)


def log_lines(count: int = 60, *, first: int = 1) -> Sequence[LogLine]:
    """Lines of two origins, a line every 300 ms until NOW, with one marker in the middle."""
    lines = []
    for index in range(count):
        level, text = _SAID[(first + index) % len(_SAID)]
        at = NOW - timedelta(milliseconds=300 * (count - index))
        origin = "hak-gal-7f" if index % 3 else "hak-gal-2c"
        raw = f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z {level} {text}"
        lines.append(LogLine(first + index, raw, level, origin, at))
    if count > 8:
        marker = "── hak_gal.log was rotated at 21:04:10, nothing lost ──"
        lines[-4] = LogLine(lines[-4].number, marker, "", "hak_gal.log", marker=True)
    return lines


def sandbox() -> Picture:
    """A practice world: other tone, faults offered, a notice, two deployments."""
    canary = VersionShare("v2.3.3", "hak-gal-canary", 2, 1, 0, 0.0, before(minutes=3), current=True, good=False)
    stable = VersionShare("v2.3.2", "hak-gal", 11, 9, 9, 1.0, before(days=6, hours=2), current=False, good=True)
    return replace(
        healthy(),
        environment="sandbox",
        tone=Tone.SANDBOX,
        deployed=replace(
            DEPLOYED,
            state="STUCK",
            why="hak-gal-canary: ProgressDeadlineExceeded; its pod crashes; R returns to v2.3.2",
            versions=(canary, stable),
        ),
        faults=reading_of((("error-spike", True), ("redis-stall", False))),
        faults_offered=True,
        notices=("redis comes from fakeredis: no redis-server is on PATH",),
    )

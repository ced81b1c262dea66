"""The sources of one environment, put together from its description; nothing here waits for any of them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from console.core.picture import BypassState
from console.core.readings import ClusterState, Health, Pod, Reading, RedisStats, SessionCensus
from console.core.system import Environment, Metric, MetricSource, System
from console.core.verdicts import Series
from console.engine.practice import fault_list
from console.sources.base import Clock, Poller, Source, SourceError
from console.systems.secrets import MissingSecret, RedisAccess, resolve_redis, resolve_secret

if TYPE_CHECKING:
    from redis import Redis

    from console.sources.logs import LogSource
    from console.systems.kubernetes_connection import KubernetesApi

T = TypeVar("T")


class Once(Generic[T]):
    """A value made at its first use, by whichever thread comes first; a failure is not kept."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: list[T] = []

    def __call__(self) -> T:
        with self._lock:
            if not self._made:
                self._made.append(self._make())
            return self._made[0]

    @property
    def made(self) -> T | None:
        """The value where it has been made."""
        return self._made[0] if self._made else None


@dataclass(slots=True)
class Sources:
    """Every source of an environment; None where it has none. metrics_are_scraped: their samples must be stored."""

    redis: Source[RedisStats] | None = None
    sessions: Source[SessionCensus] | None = None
    metrics: Source[Mapping[str, Series]] | None = None
    metrics_name: str = "prometheus"
    metrics_are_scraped: bool = False
    kubernetes: Source[ClusterState] | None = None
    logs: LogSource | None = None
    health: Source[tuple[Health, ...]] | None = None
    bypass: Source[BypassState] | None = None
    faults: Source[tuple[tuple[str, bool], ...]] | None = None
    open_redis: Once[Redis] | None = None
    open_kubernetes: Once[KubernetesApi] | None = None
    access: RedisAccess | None = None
    every: list[Source[Any]] = field(default_factory=list)

    def reading(self, source: Source[T] | None) -> Reading[T]:
        """What a source last said; an empty reading where there is no such source."""
        return Reading() if source is None else source.reading


def broken(name: str, why: str, clock: Clock) -> Poller[Any]:
    """A source that cannot even be asked, and says why."""

    def read() -> Any:
        raise SourceError(why)

    return Poller(name, read, clock=clock, interval=timedelta(seconds=30))


def assemble(
    system: System,
    environment: Environment,
    *,
    clock: Clock,
    windows: Mapping[str, timedelta],
    environ: Mapping[str, str] | None = None,
    interval: timedelta = timedelta(seconds=2),
    cluster: Once[KubernetesApi] | None = None,
) -> Sources:
    """Make every source of `environment`, not yet started.

    windows: for each PromQL metric, how far back its samples are wanted. environ: where secrets are looked up, by
    default the process's own. cluster: the connection where it was logged in already. A missing secret makes its source
    a failed one; the rest work.
    """
    environ = os.environ if environ is None else environ
    sources = Sources()
    _redis(sources, system, environment, clock=clock, environ=environ, interval=interval)
    _kubernetes(sources, environment, clock=clock, cluster=cluster)
    _metrics(sources, system, environment, clock=clock, windows=windows, environ=environ)
    _logs(sources, system, environment, clock=clock)
    if environment.health:
        from console.sources.health import HealthSource

        sources.health = HealthSource(environment.health, clock=clock)
    if environment.faults:
        sources.faults = fault_list(environment.faults, clock=clock, interval=interval)
    sources.every = [
        source
        for source in (
            sources.redis,
            sources.sessions,
            sources.metrics,
            sources.kubernetes,
            sources.logs,
            sources.health,
            sources.bypass,
            sources.faults,
        )
        if source is not None
    ]
    return sources


def _redis(
    sources: Sources,
    system: System,
    environment: Environment,
    *,
    clock: Clock,
    environ: Mapping[str, str],
    interval: timedelta,
) -> None:
    target = environment.redis
    if target is None:
        return
    try:
        access = resolve_redis(target, environ)
    except MissingSecret as error:
        sources.redis = broken("redis", str(error), clock)
        if system.sessions is not None:
            sources.sessions = broken("sessions", str(error), clock)
        if system.bypass is not None:
            sources.bypass = broken("bypass", str(error), clock)
        return
    sources.access = access

    def connect() -> Redis:
        from console.systems.redis_connection import open_redis

        return open_redis(access, name="hakgal-console-bypass")

    opened = sources.open_redis = Once(connect)
    from console.sources.redis import RedisSource

    sources.redis = RedisSource(access, clock=clock, interval=interval)
    if system.sessions is not None:
        from console.sources.sessions import SessionSource

        sources.sessions = SessionSource(access, system.sessions, clock=clock)
    if system.bypass is not None:
        rule = system.bypass

        def read() -> BypassState:
            from console.actions import bypass
            from console.systems.redis_connection import explain

            try:
                return bypass.read(opened(), rule, environment.name)
            except bypass.BypassRefused as error:
                raise SourceError(str(error)) from error
            except Exception as error:
                raise SourceError(explain(error, access, "GET")) from error

        sources.bypass = Poller("bypass", read, clock=clock, interval=timedelta(seconds=1))


def to_cluster(environment: Environment) -> Once[KubernetesApi] | None:
    """The connection to the environment's cluster, opened at its first use; None where it has none."""
    target = environment.kubernetes
    if target is None:
        return None

    def connect() -> KubernetesApi:
        from console.systems.kubernetes_connection import open_kubernetes

        return open_kubernetes(target)

    return Once(connect)


def _kubernetes(
    sources: Sources, environment: Environment, *, clock: Clock, cluster: Once[KubernetesApi] | None
) -> None:
    sources.open_kubernetes = cluster or to_cluster(environment)
    if sources.open_kubernetes is None or environment.kubernetes is None:
        return
    from console.sources.kubernetes import KubernetesSource

    sources.kubernetes = KubernetesSource(sources.open_kubernetes, environment.kubernetes, clock=clock)


def pods_of(sources: Sources) -> Sequence[Pod]:
    """The pods known now; none while Kubernetes has not answered."""
    value = sources.reading(sources.kubernetes).value
    return () if value is None else value.pods


def _metrics(
    sources: Sources,
    system: System,
    environment: Environment,
    *,
    clock: Clock,
    windows: Mapping[str, timedelta],
    environ: Mapping[str, str],
) -> None:
    wanted: list[tuple[Metric, timedelta]] = [
        (metric, windows.get(metric.name, timedelta(minutes=30)))
        for metric in system.metrics
        if metric.source is MetricSource.PROMQL
    ]
    if environment.prometheus is not None:
        from console.sources.prometheus import PrometheusSource

        try:
            secret = environment.prometheus.token
            token = resolve_secret(secret, environment.secrets_file, environ) if secret else None
        except MissingSecret as error:
            sources.metrics = broken("prometheus", str(error), clock)
        else:
            sources.metrics = PrometheusSource(environment.prometheus, wanted, token=token, clock=clock)
    elif environment.scrape is not None:
        from console.sources.scrape import ScrapeSource

        sources.metrics_name = "metrics"
        sources.metrics_are_scraped = True
        sources.metrics = ScrapeSource(environment.scrape, wanted, pods=lambda: pods_of(sources), clock=clock)


def _logs(sources: Sources, system: System, environment: Environment, *, clock: Clock) -> None:
    if not environment.logs:
        return
    from console.sources.logs import LogSource

    follow_pods = any(target.pods for target in environment.logs) and sources.open_kubernetes is not None

    def stream(pod: str, since: datetime | None) -> Iterator[bytes]:
        from console.sources.pod_logs import open_stream

        assert sources.open_kubernetes is not None and environment.kubernetes is not None
        return open_stream(sources.open_kubernetes(), environment.kubernetes.namespace, pod, since)

    sources.logs = LogSource(
        environment.logs,
        system.log_patterns,
        clock=clock,
        pods=(lambda: [pod.name for pod in pods_of(sources) if pod.phase == "Running"]) if follow_pods else None,
        open_stream=stream if follow_pods else None,
    )

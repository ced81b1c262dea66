"""The loop: observe, evaluate, fold; one tick every two seconds, and a new picture sooner when something changed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from console.core.alerts import fold
from console.core.deployed import deployed
from console.core.picture import Alerts, Deployed, Picture, SourceHealth, Trend
from console.core.readings import Reading
from console.core.rollouts.quick import quickened
from console.core.system import AlertRule, Environment, Metric, MetricSource, System
from console.core.terms import Condition
from console.core.trends import trend
from console.core.units import Dimension, Unit
from console.core.verdicts import Evaluation, Series, Verdict, evaluate
from console.engine import warming
from console.engine.assembly import Once, Sources, assemble
from console.engine.books import Books
from console.engine.folding import checks_health, metric_value, redis_word, source_health
from console.engine.operations import Operations
from console.engine.recovery import Recovery
from console.engine.rollouts import Rollouts
from console.engine.sampling import Readings, sample
from console.engine.watchfulness import Watchfulness
from console.engine.windows import MEMORY, SESSIONS, Windows, lengthened
from console.sources.base import Source

if TYPE_CHECKING:
    from console.systems.kubernetes_connection import KubernetesApi

SHORTEST_PAUSE = 0.1
TREND = timedelta(minutes=30)

log = logging.getLogger(__name__)


class Loop:
    """Owns the sources of one environment and makes the picture; decides nothing that changes the world.

    cluster: the connection to the cluster, where it was opened before the start.
    publish: called with every new picture, from the loop's thread. logged: called with the newest log line's number.
    conditions: those that will be judged besides the system's rules, so that their windows are kept. rollouts: what is
    known of rollouts, for the picture.
    """

    def __init__(
        self,
        system: System,
        environment: Environment,
        *,
        books: Books,
        operations: Operations,
        clock: Callable[[], datetime],
        environ: Mapping[str, str] | None,
        interval: timedelta,
        read_only: bool,
        publish: Callable[[Picture], None],
        logged: Callable[[int], None],
        conditions: Sequence[Condition] = (),
        rollouts: Rollouts | None = None,
    ) -> None:
        self.sources = Sources()
        self.cluster: Once[KubernetesApi] | None = None
        self.dirty = threading.Event()
        self.assembled = threading.Event()
        self._system = system
        self._environment = environment
        self._books = books
        self._operations = operations
        self._clock = clock
        self._environ = environ
        self._interval = interval.total_seconds()
        self._publish = publish
        self._logged = logged
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._alerts = Alerts()
        self._metrics = {metric.name: metric for metric in (*checks_of(environment), *system.metrics, MEMORY, SESSIONS)}
        self._rules = rules_of(system, environment)
        self._conditions = tuple(conditions)
        self._reaches: dict[str, timedelta] = {}
        self._rollouts = rollouts
        self._windows = Windows({}, None, clock())
        self._watchfulness = Watchfulness(system, environment, books, clock=clock)
        self._recovery = Recovery(books, environment.name)
        self.picture = Picture(
            taken_at=clock(),
            system=system.name,
            title=system.title,
            environment=environment.name,
            tone=environment.tone,
            read_only=read_only,
            bypass_offered=system.bypass is not None and environment.redis is not None,
            faults_offered=environment.faults is not None,
        )

    def start(self) -> None:
        """Begin, in a thread of its own; returns at once."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the loop and every source; waits at most two seconds."""
        self._stopped.set()
        self.dirty.set()
        for source in self.sources.every:
            source.stop()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(2)

    def _spans(self) -> dict[str, timedelta]:
        """How far back each metric's samples are wanted: the longest window of a rule on it, at least the trend's."""
        spans = dict.fromkeys(self._metrics, TREND)
        for condition in (*(rule.condition for rule in self._rules), *self._conditions):
            for name in condition.metrics:
                if name in spans:
                    spans[name] = max(spans[name], condition.window + self._metrics[name].step * 2)
        return spans

    def _run(self) -> None:
        try:
            self._begin()
        except Exception as error:  # without this the picture would say "reading…" for ever
            log.exception("the engine could not begin")
            trouble = f"the console's engine could not begin: {type(error).__name__}: {error}; see console.log"
            self.picture = replace(self.picture, notices=(trouble,))
            self._publish(self.picture)
            return
        due = time.monotonic()
        while not self._stopped.is_set():
            try:
                if time.monotonic() >= due or self._alerts.checked_at is None:
                    due = max(due + self._interval, time.monotonic())
                    self._tick()
            except Exception:  # the loop must outlive any one tick; the picture then keeps its age
                log.exception("tick")
            self._publish_now()
            self._stopped.wait(SHORTEST_PAUSE)
            self.dirty.wait(max(0.0, due - time.monotonic()))
            self.dirty.clear()

    def _begin(self) -> None:
        """Open the books, take up the samples that were kept, and start the sources."""
        self._books.open()
        now = self._clock()
        spans = self._spans()
        self._windows = Windows(spans, self._books.samples, now)
        self.sources = assemble(
            self._system,
            self._environment,
            clock=self._clock,
            windows=spans,
            environ=self._environ,
            interval=timedelta(seconds=self._interval),
            cluster=self.cluster,
        )
        self.assembled.set()
        if self.sources.logs is not None:
            self.sources.logs.subscribe(self._logged)
        threading.Thread(target=self._start_sources, name="warming", daemon=True).start()

    def _start_sources(self) -> None:
        """Start every source, the quick ones first, each after the libraries it needs have been imported."""
        sources, environment = self.sources, self._environment
        last: tuple[Source[Any] | None, ...] = (sources.metrics, sources.kubernetes)
        first = [source for source in sources.every if source not in last]
        stages = (
            (warming.light(environment), first),
            (warming.metrics(environment), [sources.metrics]),
            (warming.cluster(environment), [sources.kubernetes]),
        )
        for modules, started in stages:
            if self._stopped.is_set():
                return
            warming.warm(*modules)
            for source in started:
                if source is not None:
                    source.start(self.dirty.set)

    def _publish_now(self) -> None:
        try:
            self._fold()
        except Exception:  # the loop must outlive any one picture
            log.exception("fold")

    def _readings(self) -> Readings:
        sources = self.sources
        return Readings(
            sources.reading(sources.redis),
            sources.reading(sources.sessions),
            sources.reading(sources.logs),
            sources.reading(sources.health),
        )

    def _tick(self) -> None:
        """Take the samples that are due and judge every rule."""
        now = self._clock()
        for name, taken in sample(self._metrics.values(), self._readings(), self._windows.newest, now).items():
            self._windows.add(name, (taken,), now)
        if self.sources.metrics_are_scraped and self.sources.metrics is not None:
            for name, series in (self.sources.metrics.reading.value or {}).items():
                self._windows.add(name, series.samples, now)
        if not self._all_answered():
            return
        evaluations: dict[str, Evaluation] = {
            rule.name: evaluate(
                rule.condition,
                self._series(rule.condition.metric),
                now,
                floor=self._series(rule.condition.floor.metric) if rule.condition.floor else None,
            )
            for rule in self._rules
        }
        units = {name: metric.unit for name, metric in self._metrics.items()}
        self._alerts = fold(self._rules, evaluations, units, self._alerts, now)

    def judge(
        self,
        conditions: Iterable[Condition],
        began: datetime | None,
        at: datetime | None = None,
        *,
        speed: float = 1.0,
    ) -> dict[str, Evaluation]:
        """The verdict of each condition by its text. began: samples from before it do not count, None for all of them;
        what the metric's query reads back does not count either. at: judged as of then, by default now. speed: of a
        practice world, by which spans are shortened.
        """
        now = at or self._clock()
        told: dict[str, Evaluation] = {}
        for condition in conditions:
            unknown = [name for name in condition.metrics if name not in self._metrics]
            if unknown:
                detail = f"{', '.join(unknown)} is not measured in {self._environment.name}"
                told[condition.text] = Evaluation(Verdict.ERROR, detail=detail)
                continue
            told[condition.text] = evaluate(
                quickened(condition, speed, self._metrics[condition.metric].step),
                self._series(condition.metric),
                now,
                began=began,
                longest_range=self._reach(condition.metric) / speed if began is not None else timedelta(0),
                floor=self._series(condition.floor.metric) if condition.floor else None,
            )
        return told

    def _reach(self, name: str) -> timedelta:
        """How far back the query of a metric reads."""
        metric = self._metrics[name]
        if metric.source is not MetricSource.PROMQL:
            return timedelta(hours=1) if metric.source is MetricSource.LOG else timedelta(0)
        if name not in self._reaches:
            from console.sources.promql import longest_range

            self._reaches[name] = longest_range(metric.query)
        return self._reaches[name]

    def _all_answered(self) -> bool:
        """Whether every source has answered or failed once; before that, "no data" would be a false alarm."""
        return all(
            source.reading.value is not None or source.reading.error is not None for source in self.sources.every
        )

    def _series(self, name: str) -> Series:
        """A metric's samples, with the error of the source that should have given the newest."""
        metric = self._metrics[name]
        readings = self._readings()
        if metric.source is MetricSource.PROMQL:
            source = self.sources.metrics
            if source is None:
                return Series(metric.step, (), f"{metric.name}: neither Prometheus nor a scrape is configured")
            reading = source.reading
            newest = (reading.value or {}).get(name)
            if newest is None:
                held = self._windows.samples(name) if self.sources.metrics_are_scraped else ()
                return Series(metric.step, held, reading.error)
            held = newest.samples
            if self.sources.metrics_are_scraped:
                held = lengthened(self._windows.samples(name), newest.samples)
            return replace(newest, samples=held, error=reading.error or newest.error)
        of: dict[MetricSource, Reading[object]] = {
            MetricSource.REDIS: readings.sessions if metric.query == "sessions" else readings.redis,  # type: ignore[dict-item]
            MetricSource.LOG: readings.logs,  # type: ignore[dict-item]
            MetricSource.HEALTH: readings.health,  # type: ignore[dict-item]
        }
        return self._windows.series(metric, error=of[metric.source].error)

    def _fold(self) -> None:
        """Make the picture of what is known now and publish it."""
        now = self._clock()
        sources = self.sources
        redis = sources.reading(sources.redis)
        sessions = sources.reading(sources.sessions)
        cluster = sources.reading(sources.kubernetes)
        limit = redis.value.limit if redis.value is not None else None
        shown = self._deployed(now)
        picture = Picture(
            taken_at=now,
            system=self.picture.system,
            title=self.picture.title,
            environment=self.picture.environment,
            tone=self.picture.tone,
            read_only=self.picture.read_only,
            bypass_offered=self.picture.bypass_offered,
            faults_offered=self.picture.faults_offered,
            sources=self._health(now),
            deployed=shown,
            cluster=cluster,
            alerts=self._alerts,
            redis=redis,
            memory_trend=self._trend(MEMORY.name, now, float(limit) if limit else None),
            sessions=sessions,
            session_trend=self._trend(SESSIONS.name, now, None),
            logs=sources.reading(sources.logs),
            health=sources.reading(sources.health),
            bypass=sources.reading(sources.bypass),
            metrics=tuple(metric_value(metric, self._series(metric.name)) for metric in self._system.metrics),
            operations=self._operations.views,
            faults=sources.reading(sources.faults),
            notices=(
                *(trouble for trouble in (self._books.trouble, self._windows.trouble) if trouble),
                *self._recovery.said,
            ),
        )
        if self._rollouts is not None:
            picture = replace(
                picture,
                rollout=self._rollouts.view(),
                rollout_plans=self._rollouts.names,
                rollout_error=self._rollouts.error,
            )
        self.picture = picture
        self._watchfulness.look(picture)
        self._recovery.look(picture)
        self._publish(picture)

    def _deployed(self, now: datetime) -> Deployed | None:
        """What is deployed; None until the cluster has been read, so that the pane says why it has not been."""
        cluster = self.sources.reading(self.sources.kubernetes).value
        if cluster is None:
            return None
        good = self._watchfulness.way_back(cluster.workloads[0]) if cluster.workloads else None
        return deployed(
            cluster,
            self._environment.target,
            good.version if good else None,
            good.recorded_at if good else None,
            now,
        )

    def _trend(self, name: str, now: datetime, limit: float | None) -> Trend:
        return trend(self._windows.samples(name), now, timedelta(minutes=10), 30, limit)

    def _health(self, now: datetime) -> tuple[SourceHealth, ...]:
        sources = self.sources
        redis = sources.reading(sources.redis)
        every: tuple[tuple[str, Source[Any] | None, str], ...] = (
            ("redis", sources.redis, redis_word(redis)),
            (sources.metrics_name, sources.metrics, "live"),
            ("kubernetes", sources.kubernetes, "live"),
            ("logs", sources.logs, "live"),
        )
        checks = None if sources.health is None else sources.health.reading
        told = (
            source_health(name, None if source is None else source.reading, now, live) for name, source, live in every
        )
        return (*told, checks_health(checks, now))


def rules_of(system: System, environment: Environment) -> tuple[AlertRule, ...]:
    """The rules that apply here: those on a health check that only another environment has are left out."""
    here = {check.name for check in environment.health}
    metrics = {metric.name: metric for metric in system.metrics}

    def applies(name: str) -> bool:
        metric = metrics.get(name)
        if metric is None:
            return name in here
        return metric.source is not MetricSource.HEALTH or metric.query in here

    return tuple(rule for rule in system.alerts if all(applies(name) for name in rule.condition.metrics))


def checks_of(environment: Environment) -> tuple[Metric, ...]:
    """The failures in a row of each health check, as the metric that `check fails N times` is judged on."""
    unit = Unit("", Dimension.COUNT, 1.0)
    return tuple(
        Metric(check.name, check.name, unit, MetricSource.HEALTH, check.name, check.every)
        for check in environment.health
    )

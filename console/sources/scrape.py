"""`/metrics` as a source where there is no Prometheus: the console scrapes, keeps samples and evaluates queries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from console.core.readings import Pod, Reading
from console.core.system import Metric, ScrapeTarget
from console.core.verdicts import Series
from console.sources.base import Clock, Poller, SourceError
from console.sources.promql import PROMETHEUS_2_42, Dialect, PromqlError, Query, compile_query
from console.sources.promql.storage import LOOKBACK
from console.sources.sample_window import SampleWindow, SeveralSeries, from_ms, single, to_ms

if TYPE_CHECKING:
    from console.sources.scrape_rounds import Rounds

_ABOUT_TARGETS = frozenset({"up", "scrape_duration_seconds"})
_MS = timedelta(milliseconds=1)
_BLIND_AFTER = 12
"""Failed discoveries in a row after which the known targets are no longer taken for all targets."""


class ScrapeSource:
    """The wanted metrics, evaluated by the console over what it scrapes from the environment's targets.

    wanted: each metric with how much of its past is kept. pods: the pods of the environment's workloads. dialect: which
    Prometheus the evaluation equals. Every grid point is evaluated once, after the scrapes that began before it have
    ended. Targets that fail make the series that they feed partial and are named in `Series.note`; when all fail, the
    reading fails. A query outside of the subset is the error of its series alone.
    """

    def __init__(
        self,
        target: ScrapeTarget,
        wanted: Sequence[tuple[Metric, timedelta]],
        *,
        pods: Callable[[], Sequence[Pod]] | None,
        clock: Clock,
        dialect: Dialect = PROMETHEUS_2_42,
    ) -> None:
        self.name = "scrape"
        self._target = target
        self._pods = pods
        self._clock = clock
        self._dialect = dialect
        self._windows = [SampleWindow(metric, length) for metric, length in wanted]
        self._queries: dict[str, Query] = {}
        self._rounds: Rounds | None = None
        self._interval = max(target.interval // _MS, 100)
        self._evaluated: dict[str, int] = {}
        self._next_round = 0
        self._by_hand = False
        self._failure: str | None = None
        self._poller: Poller[Mapping[str, Series]] = Poller(
            self.name, self._read, clock=clock, interval=target.interval, pause=self._pause
        )

    @property
    def reading(self) -> Reading[Mapping[str, Series]]:
        """Metric name to series."""
        return self._poller.reading

    def start(self, changed: Callable[[], None]) -> None:
        """Begin to scrape."""
        self._poller.start(changed)

    def refresh(self) -> None:
        """Scrape now, besides the rounds that are due."""
        self._by_hand = True
        self._poller.refresh()

    def stop(self) -> None:
        """End after the round that runs."""
        self._poller.stop()

    def attempt(self) -> Reading[Mapping[str, Series]]:
        """Scrape and evaluate once in the calling thread."""
        self._by_hand = True
        return self._poller.attempt()

    def _read(self) -> Mapping[str, Series]:
        rounds = self._prepared()
        now = to_ms(self._clock())
        if rounds.last is not None and now < rounds.last:
            # The clock was set back: what was scraped lies in the future and can no longer be ordered.
            rounds.clear()
            self._evaluated.clear()
            self._next_round = now
        by_hand, self._by_hand = self._by_hand, False
        if by_hand or now >= self._next_round:
            if rounds.last is not None and now - rounds.last > 3 * self._interval:
                self._evaluate(rounds, rounds.last + self._interval)
                self._skip(now)
            self._scrape(rounds, now)
        if self._failure is not None:
            self._skip(to_ms(self._clock()) + 1)
            raise SourceError(self._failure)
        self._evaluate(rounds, to_ms(self._clock()))
        return {window.metric.name: window.series() for window in self._windows}

    def _scrape(self, rounds: Rounds, now: int) -> None:
        due = now - now % self._interval
        # A round that begins on its time, but for the thread's delay, counts as of that time, as in Prometheus.
        at = due if now - due <= self._interval // 100 and due != rounds.last else now
        self._next_round = due + self._interval
        self._failure = rounds.scrape(at)
        reach = max((query.longest_range // _MS for query in self._queries.values()), default=0)
        rounds.storage.forget(at - reach - LOOKBACK - max((window.step for window in self._windows), default=0))

    def _evaluate(self, rounds: Rounds, now: int) -> None:
        for window in self._windows:
            query = self._queries.get(window.metric.name)
            if query is None:
                continue
            window.forget(now)
            newest = window.newest_point(now)
            point = self._evaluated.get(window.metric.name, self._before_first(rounds, window)) + window.step
            note = self._note(rounds, query) if point <= newest else ""
            while point <= newest:
                self._evaluate_at(rounds, window, query, point, note)
                self._evaluated[window.metric.name] = point
                point += window.step

    def _evaluate_at(self, rounds: Rounds, window: SampleWindow, query: Query, point: int, note: str) -> None:
        try:
            values = [value for _, value in query.values(rounds.storage, from_ms(point))]
            window.add(point, single(window.metric, values) if values else None, note)
        except PromqlError as error:
            window.error = f"{window.metric.name}: {error}"
        except SeveralSeries as error:
            window.error = str(error)

    def _before_first(self, rounds: Rounds, window: SampleWindow) -> int:
        """The grid point before the first that is evaluated: nothing is known of the time before the first round."""
        return window.newest_point((rounds.first or 0) - 1)

    def _skip(self, end: int) -> None:
        """Leave the grid points before `end` that are not evaluated yet unknown: nobody was looking."""
        for window in self._windows:
            name = window.metric.name
            self._evaluated[name] = max(self._evaluated.get(name, 0), window.newest_point(end - 1))

    def _note(self, rounds: Rounds, query: Query) -> str:
        """Why the query's value is not of all targets; empty when it is."""
        if query.names is not None and query.names <= _ABOUT_TARGETS:
            return ""
        failed = [
            state.error or ""
            for state in rounds.states
            if state.error and (state.names is None or query.names is None or state.names & query.names)
        ]
        if rounds.targets.failures >= _BLIND_AFTER and rounds.targets.error:
            failed.append(rounds.targets.error.removeprefix("scrape: "))
        if not failed:
            return ""
        more = f" and {len(failed) - 3} more" if len(failed) > 3 else ""
        return f"scrape: {len(failed)} of {len(rounds.states)} targets failed: {'; '.join(failed[:3])}{more}"

    def _prepared(self) -> Rounds:
        """The rounds, made with the first read: the grammar and the HTTP client are not imported before."""
        if self._rounds is None:
            from console.sources.scrape_rounds import Rounds

            for window in self._windows:
                try:
                    self._queries[window.metric.name] = compile_query(window.metric.query, self._dialect)
                except PromqlError as error:
                    window.error = f"{window.metric.name}: {error}"
            names = [query.names for query in self._queries.values()]
            known = frozenset[str]().union(*(each for each in names if each is not None))
            every = any(each is None for each in names)
            seconds = min(self._interval / 1000 * 0.8, 10.0)
            self._rounds = Rounds(self._target, self._pods, None if every else known, seconds)
        return self._rounds

    def _pause(self) -> timedelta:
        """Until the next round or grid point, whichever is first."""
        now = to_ms(self._clock())
        points = [window.newest_point(now) + window.step for window in self._windows]
        # Never longer than the interval: a clock that was set back is noticed by reading.
        return min(max(min([self._next_round, *points]) - now, 1), self._interval) * _MS

"""Prometheus as a source: every metric's window of samples, fetched by range queries as time goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from console.core.readings import Reading
from console.core.system import Metric, PrometheusTarget
from console.core.verdicts import Series
from console.sources.base import Clock, Poller, SourceError
from console.sources.breaker import Breaker
from console.sources.sample_window import SampleWindow, SeveralSeries, single, to_ms

if TYPE_CHECKING:
    from console.sources.prometheus_api import Answered, PrometheusApi

_FASTEST, _SLOWEST = timedelta(seconds=1), timedelta(seconds=10)
_MOST_POINTS = 10_000
"""A range query may ask for 11,000 points. Source: Prometheus's API."""
_ASKED_AGAIN = 2
"""Points whose value may still change when they are read for the first time: samples arrive late."""
_HELD_BACK = timedelta(milliseconds=300)
"""Asked a moment later than due, so that the grid point lies in the past by the server's clock too."""

_LAG = _HELD_BACK // timedelta(milliseconds=1)


@dataclass(slots=True)
class _Asked:
    """What is known of one metric: up to which point its answers are complete, and when it was last asked, in ms."""

    window: SampleWindow
    complete_until: int | None = None
    asked_at: int | None = None


@dataclass(frozen=True, slots=True)
class PrometheusCheck:
    """What `doctor` says: the server's version and how long a query took, in seconds."""

    version: str
    seconds: float


class PrometheusSource:
    """The wanted metrics as one Prometheus gives them.

    wanted: each metric with how much of its past is kept. token: a bearer token. interval: the longest time between
    two calls. The reading fails when the server does not answer as Prometheus; a query that it refuses is the error of
    that metric's series alone. After three failures in a row the server is left alone for 2 to 30 s at a time;
    `refresh` asks at once.
    """

    def __init__(
        self,
        target: PrometheusTarget,
        wanted: Sequence[tuple[Metric, timedelta]],
        *,
        token: str | None = None,
        clock: Clock,
        interval: timedelta | None = None,
    ) -> None:
        self._interval = interval or _SLOWEST
        self.name = "prometheus"
        # A closure, so that no attribute holds the token.
        self._connect: Callable[[], PrometheusApi] = lambda: _connect(target.url, token)
        self._clock = clock
        self._asked = [_Asked(SampleWindow(metric, length)) for metric, length in wanted]
        self._breaker = Breaker(clock)
        self._api: PrometheusApi | None = None
        self._asked_by_hand = False
        self._last_failure = ""
        self._poller: Poller[Mapping[str, Series]] = Poller(
            self.name, self._read, clock=clock, interval=self._interval, pause=self._pause
        )

    @property
    def reading(self) -> Reading[Mapping[str, Series]]:
        """Metric name to series. `Series.error` is why that metric's query failed."""
        return self._poller.reading

    def start(self, changed: Callable[[], None]) -> None:
        """Begin to read."""
        self._poller.start(changed)

    def refresh(self) -> None:
        """Ask for every metric now, even of a server that is being left alone."""
        self._asked_by_hand = True
        self._poller.refresh()

    def stop(self) -> None:
        """End after the call that runs."""
        self._poller.stop()

    def attempt(self) -> Reading[Mapping[str, Series]]:
        """Read once in the calling thread."""
        return self._poller.attempt()

    def check(self) -> PrometheusCheck:
        """Version and answer time, in the calling thread. Raises SourceError."""
        api = self._connect()
        try:
            version = api.version()
            began = time.monotonic()
            api.value("vector(1)", self._clock())
            return PrometheusCheck(version, time.monotonic() - began)
        finally:
            api.close()

    def history(self, name: str, start: datetime, end: datetime) -> Series:
        """A metric's samples from `start` to `end`, both included, asked for now in the calling thread.

        On the metric's grid; `end` of the series is the newest point that was answered. Raises SourceError, KeyError.
        """
        from console.sources.prometheus_api import QueryRefused

        metric = next((asked.window.metric for asked in self._asked if asked.window.metric.name == name), None)
        if metric is None:
            raise KeyError(name)
        # A connection of its own: the source's belongs to the source's thread.
        api = self._connect()
        try:
            window = SampleWindow(metric, end - start + metric.step)
            newest, first = window.newest_point(to_ms(end)), window.newest_point(to_ms(start))
            while first <= newest:
                last = min(newest, first + (_MOST_POINTS - 1) * window.step)
                answer = api.range(metric.query, first / 1000, last / 1000, window.step / 1000)
                note = "; ".join(answer.warnings)
                window.replace(first, last, _by_point(metric, answer), note)
                if note:
                    raise SourceError(f"prometheus {api.host}: {note}")
                first = last + window.step
            return window.series()
        except (QueryRefused, SeveralSeries) as error:
            raise SourceError(f"{name}: {error}") from error
        finally:
            api.close()

    def _read(self) -> Mapping[str, Series]:
        by_hand, self._asked_by_hand = self._asked_by_hand, False
        if by_hand:
            self._breaker.try_now()
        if not self._breaker.lets_through():
            raise SourceError(self._last_failure)
        now = self._clock()
        try:
            due = [asked for asked in self._asked if by_hand or self._due(asked, to_ms(now))]
            # Something is always asked: a reading is good only if the server was heard.
            for asked in due or self._asked[:1]:
                self._ask(asked, to_ms(now - _HELD_BACK))
                asked.asked_at = to_ms(now)
        except SourceError as error:
            self._breaker.failed()
            again = self._breaker.next_trial
            self._last_failure = f"{error}; tried again at {again:%H:%M:%S}Z" if again else str(error)
            raise SourceError(self._last_failure) from None
        self._breaker.succeeded()
        return {asked.window.metric.name: asked.window.series() for asked in self._asked}

    def _due(self, asked: _Asked, now: int) -> bool:
        """Whether there is a new grid point, the last answer was not whole, or the interval is over."""
        if asked.asked_at is None or asked.window.error or asked.window.note or now < asked.asked_at:
            return True
        point = asked.window.newest_point
        return point(now - _LAG) > point(asked.asked_at - _LAG) or now - asked.asked_at >= to_ms_span(self._interval)

    def _pause(self) -> timedelta:
        """Until the next grid point of any metric, the breaker's next trial, or the interval's end."""
        now = self._clock()
        if trial := self._breaker.next_trial:
            return min(max(trial - now, _FASTEST), self._interval)
        at = to_ms(now) - _LAG
        nearest = min((each.window.newest_point(at) + each.window.step - at for each in self._asked), default=1000)
        return min(max(timedelta(milliseconds=nearest), _FASTEST), self._interval)

    def _ask(self, asked: _Asked, now: int) -> None:
        from console.sources.prometheus_api import QueryRefused

        window = asked.window
        newest = window.newest_point(now)
        start = window.oldest_point(now)
        if asked.complete_until is not None and asked.complete_until <= newest:
            start = max(start, asked.complete_until - (_ASKED_AGAIN - 1) * window.step)
        window.forget(now)
        while start <= newest:
            end = min(newest, start + (_MOST_POINTS - 1) * window.step)
            try:
                answer = self._server().range(window.metric.query, start / 1000, end / 1000, window.step / 1000)
                values = _by_point(window.metric, answer)
            except QueryRefused as error:
                window.error = f"{window.metric.name}: {error}"
                return
            except SeveralSeries as error:
                window.error = f"{error}"
                return
            note = "; ".join(answer.warnings)
            window.replace(start, end, values, f"prometheus {self._server().host}: {note}" if note else "")
            if note:
                return
            asked.complete_until = end
            start = end + window.step

    def _server(self) -> PrometheusApi:
        if self._api is None:
            self._api = self._connect()
        return self._api


def _connect(url: str, token: str | None) -> PrometheusApi:
    # Imported with the first read: requests takes longer than the first paint may.
    from console.sources.prometheus_api import PrometheusApi

    return PrometheusApi(url, token)


def to_ms_span(span: timedelta) -> int:
    """A span in whole milliseconds."""
    return span // timedelta(milliseconds=1)


def _by_point(metric: Metric, answer: Answered) -> dict[int, float]:
    """One value per point in time. Raises SeveralSeries."""
    columns: dict[int, list[float]] = {}
    for _, values in answer.series:
        for at, value in values.items():
            columns.setdefault(at, []).append(value)
    return {at: single(metric, values) for at, values in columns.items()}

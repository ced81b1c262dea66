"""Rounds of scraping: every target at once, each with its deadline, and what came of it put into the storage."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from console.core.readings import Pod
from console.core.system import ScrapeTarget
from console.sources.base import SourceError
from console.sources.promql.exposition import BrokenExposition, Exposed, Exposition
from console.sources.promql.labels import Labels
from console.sources.promql.storage import Storage
from console.sources.scrape_fetch import Fetcher
from console.sources.scrape_targets import Target, TargetList

log = logging.getLogger(__name__)

_MOST_AT_ONCE = 64
_MOST_SERIES = 20_000
_AHEAD = 600_000
"""How far into the future a sample's own time may lie, in ms. Source: Prometheus's scrape loop."""
_DISCOVERY_SECONDS = 3.0


@dataclass(slots=True)
class TargetState:
    """One target over time.

    error: why its newest scrape failed, else None. names: the metric names it last gave, None before it gave any.
    series: those of its newest scrape, which become stale when they do not come again. busy: a scrape still runs.
    """

    target: Target
    exposition: Exposition
    error: str | None = None
    names: frozenset[str] | None = None
    series: set[Labels] = field(default_factory=set)
    busy: bool = False


@dataclass(frozen=True, slots=True)
class _Scraped:
    state: TargetState
    found: list[Exposed]
    error: str | None
    seconds: float


class Rounds:
    """All targets of one environment and the samples scraped from them.

    wanted: the metric names that are kept, None for all. seconds: the deadline of one scrape.
    first, last: when the first and the newest round began, in ms.
    """

    def __init__(
        self,
        target: ScrapeTarget,
        pods: Callable[[], Sequence[Pod]] | None,
        wanted: frozenset[str] | None,
        seconds: float,
    ) -> None:
        self.storage = Storage()
        self.first: int | None = None
        self.last: int | None = None
        self._fetcher = Fetcher()
        self.targets = TargetList(target, pods, lambda url: self._discover(url))
        self._wanted: Callable[[str], bool] = (lambda _name: True) if wanted is None else wanted.__contains__
        self._seconds = seconds
        self._states: dict[Target, TargetState] = {}

    @property
    def states(self) -> list[TargetState]:
        """Every target as it stands."""
        return list(self._states.values())

    def clear(self) -> None:
        """Forget every sample, not the targets."""
        self.storage.clear()
        self.first = self.last = None
        for state in self._states.values():
            state.series.clear()

    def scrape(self, at: int) -> str | None:
        """Scrape every target; samples without a time of their own get `at`, in ms. The sentence when nothing came."""
        targets = self.targets.now()
        self._follow(targets, at)
        self.first = at if self.first is None else self.first
        self.last = at
        if not targets:
            return self.targets.why_none()
        for scraped in self._all():
            self._keep(scraped, at)
        failed = [state for state in self._states.values() if state.error is not None]
        if len(failed) < len(self._states):
            return None
        more = f", and {len(failed) - 1} more targets failed" if len(failed) > 1 else ""
        return f"scrape: {failed[0].error}{more}"

    def _discover(self, url: str) -> bytes:
        try:
            return self._fetcher.get(url, _DISCOVERY_SECONDS, accept="application/json")[0]
        except SourceError as error:
            raise SourceError(f"scrape: the list of targets could not be read: {error}") from None

    def _follow(self, targets: Sequence[Target], at: int) -> None:
        """Take up new targets; the series of those that are gone end now."""
        for gone in self._states.keys() - set(targets):
            state = self._states.pop(gone)
            ended = [*state.series, gone.about("up"), gone.about("scrape_duration_seconds")]
            for labels in ended:
                self.storage.mark_stale(labels, at)
        for target in targets:
            if target not in self._states:
                self._states[target] = TargetState(target, Exposition(self._wanted, target.finish))

    def _all(self) -> list[_Scraped]:
        """Scrape all at once. Whoever has not answered by the deadline has failed, and is left to its own time-out."""
        waiting: queue.SimpleQueue[TargetState] = queue.SimpleQueue()
        done: queue.SimpleQueue[_Scraped] = queue.SimpleQueue()
        asked = [state for state in self._states.values() if not state.busy]
        for state in asked:
            state.busy = True
            waiting.put(state)
        for number in range(min(len(asked), _MOST_AT_ONCE)):
            threading.Thread(target=self._work, args=(waiting, done), name=f"scrape-{number}", daemon=True).start()
        late = {id(state): state for state in self._states.values()}
        results: list[_Scraped] = []
        deadline = time.monotonic() + self._seconds
        while len(results) < len(asked):
            try:
                scraped = done.get(timeout=max(deadline - time.monotonic(), 0))
            except queue.Empty:
                break
            late.pop(id(scraped.state))
            results.append(scraped)
        for state in late.values():
            error = f"{state.target.instance} gave no answer in {self._seconds:g} s"
            results.append(_Scraped(state, [], error, self._seconds))
        return results

    def _work(self, waiting: queue.SimpleQueue[TargetState], done: queue.SimpleQueue[_Scraped]) -> None:
        while True:
            try:
                state = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                done.put(self._scrape_one(state))
            finally:
                state.busy = False

    def _scrape_one(self, state: TargetState) -> _Scraped:
        began = time.monotonic()
        found: list[Exposed] = []
        error = None
        try:
            answer = self._fetcher.scrape(state.target.url, self._seconds)
            found = state.exposition.read(answer.text, openmetrics=answer.openmetrics)
            if len(found) > _MOST_SERIES:
                error = f"{state.target.instance} gave {len(found)} samples, more than {_MOST_SERIES}"
        except SourceError as failed:
            error = str(failed)
        except BrokenExposition as broken:
            error = f"{state.target.instance} gave no metrics: {broken}"
        except Exception as unknown:  # the edge of the task: it becomes the target's error
            log.exception("scrape %s", state.target.instance)
            error = f"{state.target.instance}: {type(unknown).__name__}: {unknown}"
        return _Scraped(state, [] if error else found, error, time.monotonic() - began)

    def _keep(self, scraped: _Scraped, at: int) -> None:
        state, storage = scraped.state, self.storage
        seen: set[Labels] = set()
        for each in scraped.found:
            if each.at is None:
                storage.append(each.labels, at, each.value)
                seen.add(each.labels)
            elif each.at <= at + _AHEAD:
                storage.append(each.labels, each.at, each.value)
        for labels in state.series - seen:
            storage.mark_stale(labels, at)
        state.series = seen
        state.error = scraped.error
        if scraped.error is None:
            state.names = frozenset(dict(each.labels).get("__name__", "") for each in scraped.found)
        storage.append(state.target.about("up"), at, 0.0 if scraped.error else 1.0)
        storage.append(state.target.about("scrape_duration_seconds"), at, scraped.seconds)

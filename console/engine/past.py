"""Time that nobody watched, told afterwards: the rules judged at every grid point of a gap, on what Prometheus kept."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from console.core.evaluation import Verdict
from console.core.rollouts.soak import Gap
from console.core.rollouts.spans import merged
from console.core.series import Series, grid_point
from console.core.system import Metric, MetricSource
from console.core.terms import Condition
from console.core.verdicts import evaluate
from console.engine.driving import Filled
from console.sources.base import SourceError

if TYPE_CHECKING:
    from console.engine.engine import Engine
    from console.sources.prometheus import PrometheusSource

MOST_POINTS = 20_000
LATE = timedelta(seconds=3)


@dataclass(slots=True)
class _Asking:
    """A gap that is being asked for, or was."""

    answer: Filled | None = None
    thread: threading.Thread | None = None
    failed: bool = field(default=False)


class Past:
    """Asks for gaps in threads, one gap at a time; what cannot be told at all is answered at once with nothing."""

    def __init__(self) -> None:
        self._asking: dict[Gap, _Asking] = {}

    def told(
        self,
        engine: Engine,
        conditions: Sequence[Condition],
        gates: frozenset[str],
        began: datetime | None,
        gaps: Sequence[Gap],
        now: datetime,
    ) -> tuple[Filled, ...]:
        """The gaps of which everything is told that ever will be. gates: the texts of those that must hold; the others
        must not. A gap is asked for a little after its end, when its last samples have come in.
        """
        self._asking = {gap: asking for gap, asking in self._asking.items() if gap in gaps}
        step = max((metric.step for metric in engine.system.metrics), default=timedelta(0))
        for gap in gaps:
            if now - gap.end < max(step * 2, LATE):
                continue
            asking = self._asking.get(gap)
            if asking is not None and not (asking.failed and not _alive(asking)):
                continue
            if any(_alive(each) for each in self._asking.values()):
                continue
            self._begin(engine, conditions, gates, began, gap)
        return tuple(asking.answer for asking in self._asking.values() if asking.answer is not None)

    def _begin(
        self, engine: Engine, conditions: Sequence[Condition], gates: frozenset[str], began: datetime | None, gap: Gap
    ) -> None:
        source = engine.history
        if source is None and engine.environment.prometheus is not None:
            return  # it has not been opened yet
        asking = self._asking[gap] = _Asking()
        metrics = {metric.name: metric for metric in engine.system.metrics}
        wanted = {name for condition in conditions for name in condition.metrics}
        if source is None or any(
            name not in metrics or metrics[name].source is not MetricSource.PROMQL for name in wanted
        ):
            asking.answer = Filled(gap)
            return

        def work() -> None:
            try:
                asking.answer = _told(source, {name: metrics[name] for name in wanted}, conditions, gates, began, gap)
            except SourceError:
                asking.failed = True

        asking.thread = threading.Thread(target=work, name="past", daemon=True)
        asking.thread.start()


def _alive(asking: _Asking) -> bool:
    return asking.thread is not None and asking.thread.is_alive()


def _told(
    source: PrometheusSource,
    metrics: Mapping[str, Metric],
    conditions: Sequence[Condition],
    gates: Iterable[str],
    began: datetime | None,
    gap: Gap,
) -> Filled:
    """Judge every grid point of the gap. Raises SourceError where Prometheus does not answer."""
    step = max(metric.step for metric in metrics.values())
    step *= max(1, -(-((gap.end - gap.begin) // step) // MOST_POINTS))
    longest = max(condition.window for condition in conditions)
    kept = {
        name: source.history(name, gap.begin - longest - metric.step * 2, gap.end) for name, metric in metrics.items()
    }
    times = {name: [sample.at for sample in series.samples] for name, series in kept.items()}
    reach = {name: reach_of(metric) for name, metric in metrics.items()}
    must_hold = frozenset(gates)
    good: list[Gap] = []
    bad: list[Gap] = []

    def until(name: str, at: datetime) -> Series:
        end = bisect_right(times[name], at)
        start = bisect_right(times[name], at - longest - metrics[name].step * 2)
        return replace(kept[name], samples=kept[name].samples[start:end], end=grid_point(at, metrics[name].step))

    point = grid_point(gap.begin, step) + step
    while point - step < gap.end:
        verdicts = [
            (
                condition.text in must_hold,
                evaluate(
                    condition,
                    until(condition.metric, point),
                    point,
                    began=began,
                    longest_range=reach[condition.metric],
                    floor=until(condition.floor.metric, point) if condition.floor else None,
                ).verdict,
            )
            for condition in conditions
        ]
        stretch = Gap(max(gap.begin, point - step), min(gap.end, point))
        if not any(verdict in (Verdict.NODATA, Verdict.ERROR) for _, verdict in verdicts):
            is_good = all(
                verdict is not Verdict.FAIL if gate else verdict is Verdict.FAIL for gate, verdict in verdicts
            )
            (good if is_good else bad).append(stretch)
        point += step
    return Filled(gap, merged(good), merged(bad))


def reach_of(metric: Metric) -> timedelta:
    """How far back a metric's query reads."""
    from console.sources.promql import longest_range

    return longest_range(metric.query)

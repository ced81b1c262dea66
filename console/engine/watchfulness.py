"""What the loop journals of its own accord: versions that proved good, alerts that change, bypasses that end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from console.core.picture import AlertState, Picture
from console.core.plans import Good
from console.core.readings import Workload
from console.core.system import Environment, System
from console.engine.books import Books

PROVEN = timedelta(minutes=5)


class Watchfulness:
    """Looks at each picture and journals what has come to pass.

    A version is recorded good when its workload has been settled, with every rule judged and none firing or blind, for
    `PROVEN` without a break.
    """

    def __init__(
        self, system: System, environment: Environment, books: Books, *, clock: Callable[[], datetime]
    ) -> None:
        self._system = system
        self._environment = environment
        self._books = books
        self._clock = clock
        self._calm_since: dict[str, tuple[str, datetime]] = {}
        self._goods: dict[str, tuple[Good, ...]] = {}
        self._states: dict[str, AlertState] = {}

    def way_back(self, workload: Workload) -> Good | None:
        """The newest version recorded good that is not the one asked for now: what a rollback returns to."""
        running = workload.template
        return next((good for good in self.goods(workload) if good.template != running), None)

    def goods(self, workload: Workload) -> tuple[Good, ...]:
        """The versions recorded good, newest first; read from the journal once, and again after each record."""
        known = self._goods.get(workload.uid)
        if known is None:
            known = self._goods[workload.uid] = self._books.goods(workload)
        return known

    def look(self, picture: Picture) -> None:
        """Journal what changed since the last picture."""
        self._look_at_alerts(picture)
        cluster = picture.cluster
        if cluster.value is None or cluster.is_stale(picture.taken_at) or picture.read_only:
            return
        calm = picture.alerts.checked_at is not None and all(
            alert.state in (AlertState.QUIET, AlertState.PENDING) for alert in picture.alerts.alerts
        )
        for workload in cluster.value.workloads:
            self._look_at(workload, calm=calm, now=picture.taken_at)

    def _look_at_alerts(self, picture: Picture) -> None:
        for alert in picture.alerts.alerts:
            before = self._states.get(alert.name)
            self._states[alert.name] = alert.state
            if alert.state is before or (before is None and alert.state is not AlertState.FIRING):
                continue
            if AlertState.FIRING in (alert.state, before):
                self._books.note(
                    "alert.changed",
                    {
                        "alert": alert.name,
                        "from": before.value if before else "",
                        "to": alert.state.value,
                        "value": alert.value,
                        "threshold": alert.threshold,
                        "environment": picture.environment,
                    },
                )

    def _look_at(self, workload: Workload, *, calm: bool, now: datetime) -> None:
        current = workload.revision(workload.current)
        if not (calm and workload.settled and current is not None and workload.desired > 0):
            self._calm_since.pop(workload.name, None)
            return
        template, since = self._calm_since.get(workload.name, ("", now))
        if template != current.template:
            self._calm_since[workload.name] = (current.template, now)
            return
        newest = next(iter(self.goods(workload)), None)
        if now - since < PROVEN or (newest is not None and newest.template == current.template):
            return
        if self._books.record_good(workload, current, now - since):
            self._goods.pop(workload.uid, None)

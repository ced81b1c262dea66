"""The engine as a desk: one door for screens and commands to the loop, the hands and the books."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from console.core.evaluation import Evaluation
from console.core.operations import ActionFailed, Operation, Refused
from console.core.picture import Picture
from console.core.plans import BypassPlan, RollbackPlan
from console.core.readings import LogLine
from console.core.rollouts.plan import RolloutPlan
from console.core.rollouts.view import RolloutView
from console.core.system import Environment, System
from console.core.terms import Condition
from console.engine.acting import Hands, whoami
from console.engine.assembly import Once, Sources, to_cluster
from console.engine.books import Books
from console.engine.emergency import Emergency
from console.engine.loop import Loop
from console.engine.operations import Operations
from console.engine.practice import switch_fault
from console.engine.rollouts import Rollouts
from console.engine.runbook_surroundings import Surroundings
from console.engine.runbooks import Runbooks
from console.journal.journal import JournalError
from console.sources.base import SourceError
from console.systems.kubernetes_credentials import names_login
from console.systems.measures import with_version

if TYPE_CHECKING:
    from console.sources.prometheus import PrometheusSource
    from console.systems.kubernetes_connection import KubernetesApi

INTERVAL = timedelta(seconds=2)
ASSEMBLED = timedelta(seconds=10)


def utc_now() -> datetime:
    """The time, aware UTC."""
    return datetime.now(UTC)


class Engine:
    """Operates one environment of one system; screens and commands see it as a Desk.

    folder: where the journal and the samples are kept. environ: where secrets are looked up. interval: between ticks.
    conditions: what will be judged besides the system's rules. version: what `$VERSION` in queries stands for, by
    default the environment's target. Nothing is opened or asked before `start`.
    """

    def __init__(
        self,
        system: System,
        environment: Environment,
        *,
        folder: Path,
        read_only: bool = False,
        clock: Callable[[], datetime] = utc_now,
        environ: Mapping[str, str] | None = None,
        interval: timedelta = INTERVAL,
        conditions: Sequence[Condition] = (),
        version: str | None = None,
    ) -> None:
        environ = os.environ if environ is None else environ
        system = replace(system, metrics=with_version(system.metrics, version or environment.target or ""))
        self.system = system
        self.environment = environment
        self._listeners: list[Callable[[Picture], None]] = []
        self._log_listeners: list[Callable[[int], None]] = []
        self._environ = environ
        self._clock = clock
        self._books = Books(folder, system, environment, clock=clock)
        self._operations = Operations(clock=clock, changed=self._changed)
        actor, host = whoami()
        self._rollouts = Rollouts(
            system,
            self._books,
            folder=folder,
            person=f"{actor}@{host}",
            clock=clock,
            environ=environ,
            read_only=read_only,
        )
        self._loop = Loop(
            system,
            environment,
            books=self._books,
            operations=self._operations,
            clock=clock,
            environ=environ,
            interval=interval,
            read_only=read_only,
            publish=self._publish,
            logged=self._logged,
            conditions=conditions,
            rollouts=self._rollouts,
        )
        self._hands = Hands(
            system,
            environment,
            books=self._books,
            operations=self._operations,
            sources=lambda: self._loop.sources,
            clock=clock,
            read_only=read_only,
        )

        self.runbooks = Runbooks(
            Surroundings(
                system,
                environment,
                books=self._books,
                sources=lambda: self._loop.sources,
                picture=lambda: self._loop.picture,
                environ=environ,
            ),
            self._books,
            self._operations,
            clock=clock,
            read_only=read_only,
        )

    @property
    def picture(self) -> Picture:
        """The newest picture."""
        return self._loop.picture

    @property
    def asks_for_login(self) -> bool:
        """Whether the kubeconfig names a login command, which may ask on the terminal."""
        target = self.environment.kubernetes
        return target is not None and names_login(target.kubeconfig)

    def log_in(self, say: Callable[[str], None]) -> None:
        """Log in to the cluster now, where its kubeconfig names a login command.

        Called while the screen does not have the terminal. A login that fails is said, and said again by the cluster's
        pane: it is not tried again under the screen.
        """
        if not self.asks_for_login:
            return
        from console.systems.kubernetes_errors import KubernetesError

        say(f"logging in to the cluster of {self.environment.name} …")
        cluster = to_cluster(self.environment)
        try:
            if cluster is not None:
                cluster()
        except KubernetesError as error:
            failure = error
            say(str(failure))

            def refuse() -> KubernetesApi:
                raise failure

            cluster = Once(refuse)
        self._loop.cluster = cluster

    @property
    def rollout(self) -> RolloutView | None:
        """The newest rollout as it stands, read now; None where there is none, or it cannot be read."""
        return self._rollouts.view()

    @property
    def rollout_names(self) -> tuple[str, ...]:
        """The names of the plans that could be started."""
        return self._rollouts.names

    @property
    def rollout_error(self) -> str:
        """Why the rollout could not be read, else empty."""
        return self._rollouts.error

    def open_books(self) -> None:
        """Open the journal without observing anything, for a command that only writes or reads it."""
        self._books.open()

    def start(self) -> None:
        """Begin to observe; returns at once."""
        self._loop.start()

    def stop(self, reason: str) -> None:
        """Journal why, end every thread. Operations that run stay recorded as begun; a runbook's step has a process of
        its own, and goes on.
        """
        self._loop.stop()
        self._rollouts.close()
        self._books.close(reason)

    def observe(self, within: timedelta, until: Callable[[Picture], bool] | None = None) -> Picture:
        """Start, and block until `until` holds of a picture, or time is up; returns the newest picture.

        until: by default, that every source has answered or failed once and the alerts were judged.
        """
        wanted = until or (lambda picture: picture.alerts.checked_at is not None)
        held = threading.Event()
        leave = self.subscribe(lambda picture: held.set() if wanted(picture) else None)
        self._loop.start()
        if not wanted(self.picture):
            held.wait(within.total_seconds())
        leave()
        return self.picture

    def subscribe(self, listener: Callable[[Picture], None]) -> Callable[[], None]:
        """Call `listener` with every new picture, from the engine's thread."""
        return _subscribed(self._listeners, listener)

    def subscribe_logs(self, listener: Callable[[int], None]) -> Callable[[], None]:
        """Call `listener` with the newest line's number when log lines have come, from a thread of the log's."""
        return _subscribed(self._log_listeners, listener)

    def refresh(self) -> None:
        """Read every source now."""
        for source in self._loop.sources.every:
            source.refresh()

    def log_lines(self, after: int, most: int = 1000) -> tuple[Sequence[LogLine], int]:
        """Log lines numbered above `after`, and how many in between are no longer held."""
        logs = self._loop.sources.logs
        return ((), 0) if logs is None else logs.lines(after, most)

    @property
    def sources(self) -> Sources:
        """The environment's sources; none before the start."""
        return self._loop.sources

    def assembled(self) -> Sources:
        """The environment's sources, waited for where the engine has only just begun. Raises ActionFailed."""
        if not self._loop.assembled.wait(ASSEMBLED.total_seconds()):
            raise ActionFailed(
                f"the sources of {self.environment.name} are not there yet; see console.log, then try again"
            )
        return self._loop.sources

    @property
    def history(self) -> PrometheusSource | None:
        """Where the past of metrics can be asked for; None without a Prometheus."""
        from console.sources.prometheus import PrometheusSource

        metrics = self._loop.sources.metrics
        return metrics if isinstance(metrics, PrometheusSource) else None

    def judge(
        self,
        conditions: Iterable[Condition],
        began: datetime | None,
        *,
        speed: float = 1.0,
    ) -> dict[str, Evaluation]:
        """The verdict of each condition by its text; see Loop.judge."""
        return self._loop.judge(conditions, began, speed=speed)

    def plan_rollback(self, revision: int | None = None, workload: str | None = None) -> RollbackPlan:
        """What a rollback would do; of the rollout under way here, unless a revision is asked for. Raises Refused."""
        emergency = self._emergency
        if revision is None and workload is None and (whole := emergency.plan(self.picture)) is not None:
            return whole
        plan = self._hands.plan_rollback(self.picture, revision, workload)
        warning = emergency.warning(self.picture)
        return replace(plan, warnings=(warning, *plan.warnings)) if warning else plan

    def roll_back(self, plan: RollbackPlan, typed: str) -> Operation:
        """Begin a rollback. Raises Refused."""
        return self._emergency.roll_back(plan, typed) if plan.rollout else self._hands.roll_back(plan, typed)

    def rollout_plans(self) -> tuple[RolloutPlan, ...]:
        """The system's plans. Raises Refused."""
        return self._rollouts.plans()

    def foresee_start(self, plan: str, phase: str | None = None) -> tuple[str, ...]:
        """What starting a plan would do. Raises Refused."""
        return self._rollouts.foresee_start(plan, phase)

    def start_rollout(self, plan: str, typed: str, *, phase: str | None = None, version: str | None = None) -> str:
        """Start a plan. Raises Refused."""
        return self._steered(lambda: self._rollouts.start(plan, typed, phase=phase, version=version))

    def promote(self, typed: str, reason: str = "") -> str:
        """Ask for the next phase. Raises Refused."""
        return self._steered(lambda: self._rollouts.promote(typed, reason))

    def hold(self, reason: str) -> str:
        """Hold. Raises Refused."""
        return self._steered(lambda: self._rollouts.hold(reason))

    def resume(self) -> str:
        """End a hold. Raises Refused."""
        return self._steered(self._rollouts.resume)

    def abort(self, typed: str, reason: str) -> str:
        """End the rollout. Raises Refused."""
        return self._steered(lambda: self._rollouts.abort(typed, reason))

    def retry(self, phase: str, typed: str) -> str:
        """Try again from a phase. Raises Refused."""
        return self._steered(lambda: self._rollouts.retry(phase, typed))

    def tick(self, item: int, done: bool, note: str) -> str:
        """Tick a checklist item. Raises Refused."""
        return self._steered(lambda: self._rollouts.tick(item, done, note))

    def sign(self, role: str, decision: str, note: str, typed: str) -> str:
        """Sign for a role. Raises Refused."""
        return self._steered(lambda: self._rollouts.sign(role, decision, note, typed))

    def look(self, note: str) -> str:
        """Write down that a person looked. Raises Refused."""
        return self._steered(lambda: self._rollouts.look(note))

    def start_watcher(self) -> str:
        """Start a watcher where nobody drives. Raises Refused."""
        return self._steered(self._rollouts.start_watcher)

    def take_over(self, typed: str) -> str:
        """Have a watcher of this machine drive. Raises Refused."""
        return self._steered(lambda: self._rollouts.take_over(typed))

    def _steered(self, ask: Callable[[], str]) -> str:
        """Ask, and show at once what came of it."""
        try:
            return ask()
        except JournalError as error:
            raise Refused(str(error)) from error
        finally:
            self._changed()

    def plan_bypass(self) -> BypassPlan:
        """What a grant would do. Raises Refused."""
        return self._hands.plan_bypass(self.picture)

    def grant_bypass(self, reason: str, length: timedelta, typed: str) -> Operation:
        """Begin to grant. Raises Refused."""
        return self._hands.grant_bypass(reason, length, typed)

    def revoke_bypass(self) -> Operation:
        """Begin to revoke. Raises Refused."""
        return self._hands.revoke_bypass(self.picture)

    def cancel(self, operation: str) -> None:
        """Ask an operation to stop."""
        self._operations.cancel(operation)

    def wait(self, operation: str, within: timedelta) -> Operation:
        """Block until an operation is over, or time is up. Raises KeyError."""
        return self._operations.wait(operation, within)

    def set_fault(self, name: str, on: bool) -> None:
        """Switch a fault of a practice world. Raises Refused."""
        if self.environment.faults is None:
            raise Refused("faults can be switched in the sandbox only")
        try:
            switch_fault(self.environment.faults, name, on)
        except SourceError as error:
            raise Refused(str(error)) from error
        if self._loop.sources.faults is not None:
            self._loop.sources.faults.refresh()

    @property
    def _emergency(self) -> Emergency:
        """The rollback of a rollout, done in this process."""
        return Emergency(
            self._rollouts,
            self.environment,
            self._operations,
            sources=lambda: self._loop.sources,
            environ=self._environ,
            clock=self._clock,
        )

    def _changed(self) -> None:
        self._loop.dirty.set()

    def _publish(self, picture: Picture) -> None:
        self.runbooks.tick_over()
        for listener in tuple(self._listeners):
            listener(picture)

    def _logged(self, newest: int) -> None:
        for listener in tuple(self._log_listeners):
            listener(newest)


def _subscribed(listeners: list[Callable[..., None]], listener: Callable[..., None]) -> Callable[[], None]:
    listeners.append(listener)

    def leave() -> None:
        if listener in listeners:
            listeners.remove(listener)

    return leave

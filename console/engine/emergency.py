"""The rollback of a rollout on a person's word, done in the person's own process: it needs no lease, it takes one.

Taking it ends the epoch of whoever drives, so that the two never write against each other.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from console.actions.strategies.base import Fenced
from console.core.operations import ActionFailed, Operation, Refused, Unverified
from console.core.picture import Picture
from console.core.plans import RollbackPlan
from console.core.rollouts import machine
from console.core.rollouts.facts import Fact, Kind
from console.core.rollouts.plan import Phase
from console.core.rollouts.state import Judged, RolloutState
from console.core.system import Environment
from console.core.units import show_span
from console.engine.assembly import Sources, assemble
from console.engine.moving import Moving, deployments_of
from console.engine.operations import Operations, Say
from console.engine.processes import process_mark
from console.engine.rollouts import Current, Rollouts
from console.engine.tools import Tools
from console.journal.journal import JournalError
from console.journal.leases import Lease


class Emergency:
    """Plans and does it. sources: of the environment, asked at the time of the action."""

    def __init__(
        self,
        rollouts: Rollouts,
        environment: Environment,
        operations: Operations,
        *,
        sources: Callable[[], Sources],
        environ: Mapping[str, str],
        clock: Callable[[], datetime],
    ) -> None:
        self._rollouts = rollouts
        self._environment = environment
        self._operations = operations
        self._sources = sources
        self._environ = environ
        self._clock = clock

    def plan(self, picture: Picture) -> RollbackPlan | None:
        """What it would do, from memory; None where no rollout is to be rolled back. Raises Refused.

        The rollout under way, in the environment where its traffic stands, which may be another one than the console's.
        Of rollouts that are over, the newest whose version still runs here.
        """
        way = self._way(picture)
        if way is None:
            return None
        if not way.over and (why := machine.may(way.current.plan, way.current.rollout, Judged(), "rollout-rollback")):
            raise Refused(why)
        return self._described(picture, way)

    def warning(self, picture: Picture) -> str:
        """What must be minded where a rollback beside the rollout under way is planned; empty for nothing."""
        current = self._current()
        if current is None or current.rollout.state.over:
            return ""
        where = current.plan.phases[current.rollout.phase].environment
        return (
            f"{current.rollout.id} is {current.rollout.state.value} in {where.upper()}; this does not touch it, and "
            f"rolls {picture.environment.upper()} back from what runs there"
        )

    def _current(self) -> Current | None:
        try:
            return self._rollouts.current()
        except JournalError:
            return None

    def _way(self, picture: Picture) -> _Way | None:
        """Which rollout would be rolled back, and where."""
        current = self._current()
        if current is None:
            return None
        plan, rollout = current.plan, current.rollout
        if not rollout.state.over and rollout.state is not RolloutState.ROLLED_BACK and rollout.exposed:
            here = plan.phases[rollout.attempts[-1].phase].environment if rollout.attempts else ""
            if here in rollout.goods:
                return _Way(current, here, over=False)
        name = self._environment.name
        for one in self._rollouts.known():
            passed = one.rollout.id != rollout.id or rollout.state.over
            if name in one.rollout.goods and passed and self._runs(picture, one):
                return _Way(one, name, over=True)
        return None

    def _runs(self, picture: Picture, current: Current) -> bool:
        """Whether the version that a rollout released has pods here."""
        shown = picture.deployed
        names = deployments_of(_phase_of(current, self._environment.name))
        return shown is not None and any(
            each.version == current.rollout.version and each.ready and each.workload in names for each in shown.versions
        )

    def _described(self, picture: Picture, way: _Way) -> RollbackPlan:
        plan, rollout = way.current.plan, way.current.rollout
        good = rollout.goods[way.environment]
        phase = _phase_of(way.current, way.environment)
        environment = self._rollouts.system.environment(way.environment) or self._environment
        first = plan.phases[int(good.get("phase", rollout.phase))]
        names = deployments_of(first) or (getattr(first.strategy, "rollout", "") or "command",)
        shown = picture.deployed
        before = _version_before(good)
        does = [f"puts the traffic of {' and '.join(names)} back by {first.strategy.kind}, as it was recorded"]
        if good.get("flags") is not None:
            does.append("sets the feature flags back")
        if good.get("autoscalers"):
            does.append("gives autoscalers their bounds back")
        does += [f"then: {step.name}" for step in plan.then]
        state = rollout.attempt
        since = f", {show_span(self._rollouts.now() - state.confirmed_at)}" if state and state.confirmed_at else ""
        share = f"{state.applied:.1%} of traffic" if state and state.applied is not None else "being applied"
        if way.over:
            share, since = f"released by {rollout.id}, which is {rollout.state.value}", ""
        elif way.environment != self._environment.name:
            shown = None
        others = tuple(name for name in rollout.goods if name != way.environment)
        return RollbackPlan(
            target=self._rollouts.system.name,
            workload=names[0],
            namespace=environment.kubernetes.namespace if environment.kubernetes else "",
            now_version=rollout.version,
            now_revision=0,
            now_pods=f"{share}, {phase.shown}{since}",
            to_version=before or (shown.good if shown and shown.good else "what was recorded"),
            to_revision=0,
            to_template="",
            why=f"recorded good when {rollout.id} began here",
            diff=(),
            does=tuple(does),
            leaves=("data in Redis", *(f"{name}, where {rollout.version} was released too" for name in others)),
            choices=(),
            warnings=(),
            resource_version="",
            read_at=picture.cluster.taken_at or picture.taken_at,
            rollout=rollout.id,
            environment=way.environment,
        )

    def roll_back(self, plan: RollbackPlan, typed: str) -> Operation:
        """Begin it. Raises Refused."""
        self._rollouts.confirm(typed)
        chosen = next((one for one in self._rollouts.known() if one.rollout.id == plan.rollout), None)
        if chosen is None:
            raise Refused(f"{plan.rollout} is not known any more; press R again")
        current = self._current()
        newest = current is not None and chosen.rollout.id == current.rollout.id
        if current is not None and not newest and plan.environment in current.rollout.goods:
            raise Refused(f"{current.rollout.id} has written since; press R again")
        way = _Way(chosen, plan.environment, over=not newest or chosen.rollout.state.over)
        for operation in self._operations.running("rollback"):
            self._operations.cancel(operation.id)
        return self._operations.begin(
            "rollback",
            f"Roll back {way.environment}: {chosen.plan.title or chosen.plan.name} of {chosen.rollout.version}",
            lambda say, stopped: self._work(way, say, stopped),
            record=None,
            subject=f"{self._rollouts.system.name}/{way.environment}",
            body={},
        )

    def _tools(self, current: Current, environment: str) -> Tools:
        """The tools of an environment; of another one than the console's they are opened for this alone."""
        system, sources = self._rollouts.system, self._sources
        found = system.environment(environment)
        if found is None:
            raise ActionFailed(f"{system.name} has no environment {environment} any more")
        if found.name != self._environment.name:
            apart = assemble(system, found, clock=self._clock, windows={}, environ=self._environ)
            sources = partial(_same, apart)
        return Tools(system, found, sources, self._environ, self._rollouts.folder, current.plan.settings)

    def _work(self, way: _Way, say: Say, stopped: threading.Event) -> str:
        began = self._clock()
        current, rollout = way.current, way.current.rollout
        tools = self._tools(current, way.environment)
        records = _Records(self._rollouts, way, say)
        lease = records.take_lease()
        epoch = lease.epoch if lease else rollout.epoch + 1
        records.begun(epoch)
        good = rollout.goods[way.environment]
        moving = Moving(
            tools=tools,
            plan=current.plan,
            phase=_phase_of(current, way.environment),
            rollout=rollout.id,
            version=rollout.version,
            epoch=epoch,
            clock=self._clock,
            say=say,
            on_write=lambda _line: None,
            fence=lambda: records.fence(lease),
            stopped=stopped,
        )
        try:
            told = moving.put_back(good)
        except Unverified as error:
            records.ended("unknown", str(error))
            raise
        except (ActionFailed, Refused) as error:
            records.ended("failed", str(error))
            raise ActionFailed(f"{error}; press R to try again") from error
        else:
            records.ended("done", told)
        finally:
            records.let_go(lease)
        others = [name for name in rollout.goods if name != way.environment]
        kept = f"; {rollout.version} stays in {', '.join(others)}" if others else ""
        return f"ROLLED BACK and verified in {show_span(self._clock() - began)}: {told}{kept}"


@dataclass(frozen=True, slots=True)
class _Way:
    """What is rolled back where. over: the rollout has ended, so that its state is not to be moved any more."""

    current: Current
    environment: str
    over: bool


class _Records:
    """What is written down of it; where that cannot be, the rollback goes on and says so."""

    def __init__(self, rollouts: Rollouts, way: _Way, say: Say) -> None:
        self._rollouts = rollouts
        self._way = way
        self._rollout = way.current.rollout
        self._say = say
        self._intent: Fact | None = None

    def take_lease(self) -> Lease | None:
        """End the epoch of whoever drives."""
        holder = f"rollback by {self._rollouts.person} on {socket.gethostname()} (pid {os.getpid()})"
        try:
            return self._rollouts.leases.take_over(self._rollout.id, holder, process_mark())
        except JournalError as error:
            self._say(f"the lease could not be taken: {error}; going on without it")
            return None

    def begun(self, epoch: int) -> None:
        """Intent before anything is written to the world."""
        attempt = self._rollout.attempts[-1].number if self._rollout.attempts else 0
        place = {"phase": self._rollout.phase, "attempt": attempt, "epoch": epoch, "environment": self._way.environment}
        why = f"{self._rollouts.person} pressed R"
        try:
            ledger = self._rollouts.ledger(self._rollout.id)
            if not self._way.over:
                ledger.write(
                    Kind.ROLLING_BACK, {**place, "why": why, "criterion": "", "asked_by": self._rollouts.person}
                )
            self._intent = ledger.write(Kind.ROLL_BACK, {**place, "what": "roll back"}, intends="intent")
        except JournalError as error:
            self._say(f"not in the journal: {error}")

    def ended(self, outcome: str, summary: str) -> None:
        """The result, and what follows from it."""
        try:
            ledger = self._rollouts.ledger(self._rollout.id)
            if self._intent is not None:
                body = {"outcome": outcome, "summary": summary, "what": "roll back"}
                ledger.write(Kind.ROLL_BACK, body, intent=self._intent)
            if self._way.over:
                return
            if outcome == "done":
                ledger.write(Kind.ROLLED_BACK, {"says": summary})
            else:
                ledger.write(Kind.HELD, {"why": f"roll back: {summary}", "kind": "engine", "job": "roll back"})
        except JournalError as error:
            self._say(f"its result is not in the journal: {error}")

    def fence(self, lease: Lease | None) -> None:
        """Raises Fenced where another rollback has taken over."""
        with suppress(JournalError):
            if lease is not None and not self._rollouts.leases.holds(lease):
                raise Fenced("somebody else has taken this rollback over; look at pane 1")

    def let_go(self, lease: Lease | None) -> None:
        """Let the watcher have the lease again."""
        with suppress(JournalError):
            if lease is not None:
                self._rollouts.leases.give_up(lease)


def _same(sources: Sources) -> Sources:
    return sources


def _phase_of(current: Current, environment: str) -> Phase:
    """The last phase that was tried in an environment."""
    plan, rollout = current.plan, current.rollout
    tried = [plan.phases[attempt.phase] for attempt in rollout.attempts]
    here = [phase for phase in tried if phase.environment == environment and phase.share is not None]
    return here[-1] if here else plan.phases[int(rollout.goods[environment]["phase"])]


def _version_before(good: Mapping[str, Any]) -> str:
    """The version that served when the record was made, where the record names one."""
    traffic = good.get("traffic")
    if not isinstance(traffic, Mapping):
        return ""
    sides = traffic.get("sides")
    if isinstance(sides, Mapping):
        serving = sides.get(traffic.get("live"))
        return str(serving.get("version", "")) if isinstance(serving, Mapping) else ""
    for where in (traffic, *(traffic.get(name) for name in ("stable", "deployment", "rollout"))):
        if isinstance(where, Mapping) and where.get("version"):
            return str(where["version"])
    return ""

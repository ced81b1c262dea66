"""The rollback of a rollout on a person's word, done in the person's own process: it needs no lease, it takes one.

Taking it ends the epoch of whoever drives, so that the two never write against each other.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from console.actions.strategies.base import Fenced
from console.core.operations import ActionFailed, Operation, Refused, Unverified
from console.core.picture import Picture
from console.core.plans import RollbackPlan
from console.core.rollouts import machine
from console.core.rollouts.facts import Fact, Kind
from console.core.rollouts.plan import Phase, RolloutPlan
from console.core.rollouts.state import Judged, Rollout
from console.core.system import Environment
from console.core.units import show_span
from console.engine.assembly import Sources
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
        """What it would do, from memory; None where no rollout has written anything here. Raises Refused."""
        try:
            current = self._rollouts.current()
        except JournalError:
            return None
        if current is None or current.rollout.state.over:
            return None
        plan, rollout = current.plan, current.rollout
        phase = plan.phases[rollout.phase]
        good = rollout.goods.get(self._environment.name)
        if good is None or phase.environment != self._environment.name:
            return None
        if why := machine.may(plan, rollout, Judged(), "rollout-rollback"):
            raise Refused(why)
        return self._described(picture, plan, rollout, phase, good)

    def _described(
        self, picture: Picture, plan: RolloutPlan, rollout: Rollout, phase: Phase, good: Mapping[str, Any]
    ) -> RollbackPlan:
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
        return RollbackPlan(
            target=self._rollouts.system.name,
            workload=names[0],
            namespace=self._environment.kubernetes.namespace if self._environment.kubernetes else "",
            now_version=rollout.version,
            now_revision=0,
            now_pods=f"{share}, {phase.shown}{since}",
            to_version=before or (shown.good if shown and shown.good else "what was recorded"),
            to_revision=0,
            to_template="",
            why=f"recorded good when {rollout.id} began here",
            diff=(),
            does=tuple(does),
            leaves=("data in Redis", "other environments"),
            choices=(),
            warnings=(),
            resource_version="",
            read_at=picture.cluster.taken_at or picture.taken_at,
            rollout=rollout.id,
        )

    def roll_back(self, plan: RollbackPlan, typed: str) -> Operation:
        """Begin it. Raises Refused."""
        self._rollouts.confirm(typed)
        current = self._rollouts.current()
        if current is None or current.rollout.id != plan.rollout:
            raise Refused(f"{plan.rollout} is not under way any more; press R again")
        for operation in self._operations.running("rollback"):
            self._operations.cancel(operation.id)
        subject = f"{self._rollouts.system.name}/{self._environment.name}"
        return self._operations.begin(
            "rollback",
            f"Roll back {current.plan.title or current.plan.name} of {current.rollout.version}",
            lambda say, stopped: self._work(current, say, stopped),
            record=None,
            subject=subject,
            body={},
        )

    def _work(self, current: Current, say: Say, stopped: threading.Event) -> str:
        began = self._clock()
        records = _Records(self._rollouts, current.rollout, say)
        lease = records.take_lease()
        phase = current.plan.phases[current.rollout.phase]
        good = current.rollout.goods[phase.environment]
        records.begun(lease.epoch if lease else current.rollout.epoch + 1)
        moving = Moving(
            tools=Tools(
                self._rollouts.system,
                self._environment,
                self._sources,
                self._environ,
                self._rollouts.folder,
                current.plan.settings,
            ),
            plan=current.plan,
            phase=phase,
            rollout=current.rollout.id,
            version=current.rollout.version,
            epoch=lease.epoch if lease else current.rollout.epoch + 1,
            clock=self._clock,
            say=say,
            on_write=say,
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
        return f"ROLLED BACK and verified in {show_span(self._clock() - began)}: {told}"


class _Records:
    """What is written down of it; where that cannot be, the rollback goes on and says so."""

    def __init__(self, rollouts: Rollouts, rollout: Rollout, say: Say) -> None:
        self._rollouts = rollouts
        self._rollout = rollout
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
        place = {"phase": self._rollout.phase, "attempt": attempt, "epoch": epoch}
        why = f"{self._rollouts.person} pressed R"
        try:
            ledger = self._rollouts.ledger(self._rollout.id)
            ledger.write(Kind.ROLLING_BACK, {**place, "why": why, "criterion": "", "asked_by": self._rollouts.person})
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

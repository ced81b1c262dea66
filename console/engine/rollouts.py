"""Rollouts as persons see and steer them: folded from the journal, shown with the driver's verdicts."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from console.core.operations import Refused
from console.core.rollouts import machine
from console.core.rollouts.facts import Fact, Kind
from console.core.rollouts.plan import RolloutPlan
from console.core.rollouts.showing import view_of
from console.core.rollouts.state import Judged, Rollout, RolloutState
from console.core.rollouts.view import RolloutView
from console.core.system import System
from console.engine.books import Books
from console.engine.ledger import KINDS, JournalLedger, fact_of, paced
from console.engine.planning import first_phase, notes_of, plan_of, read_plan, sentence, version_of
from console.engine.processes import lives
from console.engine.status import driver_view, read_status
from console.journal.events import Role
from console.journal.journal import JournalError
from console.journal.leases import Leases

ANSWERED = timedelta(seconds=8)
DRIVEN = timedelta(seconds=15)
STALE_VERDICTS = timedelta(seconds=15)
FORMER = 5


@dataclass(frozen=True, slots=True)
class Current:
    """The newest rollout with its plan as the journal kept it."""

    plan: RolloutPlan
    rollout: Rollout


class Rollouts:
    """The rollouts of a system, as one process sees them. Usable from any thread.

    folder: the system's state. person: who asks, as `user@host`. environ: where a plan's settings are looked up.
    read_only: nothing may be asked.
    """

    def __init__(
        self,
        system: System,
        books: Books,
        *,
        folder: Path,
        person: str,
        clock: Callable[[], datetime],
        environ: Mapping[str, str],
        read_only: bool,
    ) -> None:
        self.system = system
        self.folder = folder
        self.error = ""
        self._books = books
        self.person = person
        self._clock = clock
        self._environ = environ
        self._read_only = read_only
        self._lock = threading.RLock()
        self._number = 0
        self._current: Current | None = None
        self._former: tuple[Current, ...] = ()
        self._lost = ""
        self._leases: Leases | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the plans that could be started, from their files' names."""
        return tuple(path.name.removesuffix(".rollout.yaml") for path in self.system.rollouts)

    def now(self) -> datetime:
        """Rollout time."""
        return paced(self._clock(), self.system.pace)

    @property
    def leases(self) -> Leases:
        """Who drives what. Raises JournalError."""
        with self._lock:
            if self._leases is None:
                self._leases = Leases.open(self.folder / "leases.db")
            return self._leases

    def close(self) -> None:
        """Close what was opened."""
        with self._lock:
            leases, self._leases = self._leases, None
        if leases is not None:
            leases.close()

    def current(self) -> Current | None:
        """The newest rollout with everything the journal has; None where none was ever started. Raises JournalError."""
        with self._lock:
            for event in self._books.journal.events(after=self._number, kinds=tuple(KINDS)):
                self._number = event.seq
                fact = fact_of(event, self.system.pace)
                if fact.kind is Kind.STARTED and event.role is Role.NOTE:
                    self._begin(str(event.body.get("rollout")), fact)
                elif self._current is not None and event.body.get("rollout") == self._current.rollout.id:
                    folded = machine.advance(self._current.plan, self._current.rollout, fact)
                    self._current = Current(self._current.plan, folded or self._current.rollout)
            return self._current

    def known(self) -> tuple[Current, ...]:
        """The newest rollout and some before it, newest first. Raises JournalError."""
        with self._lock:
            current = self.current()
            return () if current is None else (current, *self._former)

    def _begin(self, rollout: str, fact: Fact) -> None:
        """A rollout was started; one that is not over keeps its place, for two consoles may have started at once."""
        if self._current is not None and not self._current.rollout.state.over:
            return
        try:
            plan = plan_of(self.system, fact.body)
        except Refused as error:
            self._lost = f"rollout {rollout} cannot be read: {error}"
            return
        self._lost = ""
        if self._current is not None:
            self._former = (self._current, *self._former)[:FORMER]
        begun = machine.advance(plan, None, fact)
        self._current = None if begun is None else Current(plan, begun)

    def view(self) -> RolloutView | None:
        """What is shown of the newest rollout; None where there is none, and then `error` says why, or is empty."""
        try:
            current = self.current()
            self.error = self._lost
            if current is None:
                return None
            lease = self.leases.current(current.rollout.id)
        except JournalError as error:
            self.error = str(error)
            return None
        plan, rollout = current.plan, current.rollout
        judged, rollout, seen = self._as_driven(plan, rollout)
        notes = notes_of(plan, rollout)
        units = {metric.name: metric.unit for metric in self.system.metrics}
        speed = self.system.pace.speed if self.system.pace else 1.0
        return view_of(plan, rollout, judged, units, driver_view(lease, seen), self.now(), notes=notes, speed=speed)

    def _as_driven(self, plan: RolloutPlan, rollout: Rollout) -> tuple[Judged, Rollout, datetime | None]:
        """The driver's verdicts and its soak clock, where they are of this attempt and not old."""
        status = read_status(self.folder)
        attempt = rollout.attempt
        if status is None or status.rollout != rollout.id:
            return Judged(), rollout, None
        fresh = abs(self._clock() - status.taken_at) <= STALE_VERDICTS
        if (status.phase, status.attempt) != (rollout.phase, attempt.number if attempt is not None else 0):
            return Judged(), rollout, status.taken_at
        if attempt is not None and status.soak is not None and status.soak.observed >= attempt.soak.observed:
            rollout = replace(rollout, attempts=(*rollout.attempts[:-1], replace(attempt, soak=status.soak)))
        return status.judged if fresh else Judged(), rollout, status.taken_at

    def plans(self) -> tuple[RolloutPlan, ...]:
        """The system's plans as their files say now. Raises Refused with every fault."""
        return tuple(self.plan(name) for name in self.names)

    def plan(self, name: str) -> RolloutPlan:
        """The plan of that name, or in that file. Raises Refused."""
        return read_plan(self.system, name, self._environ)

    def foresee_start(self, name: str, phase: str | None = None) -> tuple[str, ...]:
        """What starting a plan would do, a sentence a phase. Raises Refused."""
        plan = self.plan(name)
        first = first_phase(plan, phase)
        version = version_of(self.system, plan, first)
        said = [f"releases {version} by {plan.path.name} in {len(plan.phases) - first} phases"]
        said += [sentence(plan, index) for index in range(first, len(plan.phases))]
        if self._under_way() is not None:
            raise Refused(self._bars())
        return tuple(said)

    def start(self, name: str, typed: str, *, phase: str | None = None, version: str | None = None) -> str:
        """Start a plan, and make sure that a watcher runs. Raises Refused."""
        plan = self.begin(name, typed, phase=phase, version=version)
        return f"started {plan.title or plan.name} of {self._now().rollout.version}; {self.ensure_watcher()}"

    def begin(self, name: str, typed: str, *, phase: str | None = None, version: str | None = None) -> RolloutPlan:
        """Write down that a plan is started; whoever watches drives it. Returns the plan. Raises Refused."""
        self.confirm(typed)
        plan = self.plan(name)
        first = first_phase(plan, phase)
        if self._under_way() is not None:
            raise Refused(self._bars())
        released = version or version_of(self.system, plan, first)
        id = f"{plan.name}-{released}-{self._clock():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        body = {
            "plan": plan.name,
            "path": str(plan.path),
            "digest": plan.digest,
            "text": plan.text,
            "settings": dict(plan.settings),
            "version": released,
            "system": self.system.name,
            "speed": self.system.pace.speed if self.system.pace else 1,
            "phase": first,
        }
        self._write(id, Kind.STARTED, body)
        current = self._now()
        if current.rollout.id != id:
            raise Refused(f"{current.rollout.id} was started a moment before; nothing more was started")
        return plan

    def promote(self, typed: str, reason: str = "") -> str:
        """Ask for the next phase; with a reason, whatever is not met. Raises Refused."""
        self.confirm(typed)
        return self._ask("promote", self._allowed("promote", reason), reason=reason.strip())

    def hold(self, reason: str) -> str:
        """Hold. Raises Refused."""
        current = self._allowed("hold", reason)
        if not reason.strip():
            raise Refused("say why: a hold without a reason helps nobody in the morning")
        self._write(current.rollout.id, Kind.HELD, {"why": reason.strip(), "kind": "person"})
        return f"held: {reason.strip()}; rollback criteria stay armed, h goes on"

    def resume(self) -> str:
        """End a hold. Raises Refused."""
        current = self._allowed("resume")
        self._write(current.rollout.id, Kind.RESUMED, {})
        return "goes on"

    def abort(self, typed: str, reason: str) -> str:
        """End the rollout where it is. Raises Refused."""
        self.confirm(typed)
        current = self._allowed("abort", reason)
        if not reason.strip():
            raise Refused("say why the rollout ends here")
        return self._ask("abort", current, reason=reason.strip())

    def retry(self, phase: str, typed: str) -> str:
        """Try again from a phase. Raises Refused."""
        self.confirm(typed)
        current = self._now()
        index = current.plan.index(phase)
        if index is None:
            known = ", ".join(each.name for each in current.plan.phases)
            raise Refused(f"{current.plan.name} has no phase {phase}; it has {known}")
        current = self._allowed("retry", phase=index)
        return self._ask("retry", current, reason="", phase=index)

    def tick(self, item: int, done: bool, note: str) -> str:
        """Tick a checklist item, or take the tick back. Raises Refused."""
        current = self._allowed("tick")
        items = current.plan.phases[current.rollout.phase].checklist
        if not 0 <= item < len(items):
            raise Refused(f"there is no item {item + 1}; this phase has {len(items)}")
        self._write(current.rollout.id, Kind.TICKED, {**_place(current), "item": item, "done": done, "note": note})
        return f"{'ticked' if done else 'not ticked any more'}: {items[item]}"

    def sign(self, role: str, decision: str, note: str, typed: str) -> str:
        """Sign for a role. Raises Refused."""
        self.confirm(typed)
        current = self._allowed("sign")
        roles = current.plan.phases[current.rollout.phase].sign_offs
        if role not in roles:
            raise Refused(f"nobody signs as {role} here; this phase asks for {', '.join(roles) or 'no signature'}")
        if decision not in ("go", "no-go"):
            raise Refused(f"`{decision}` is no decision; say go or no-go")
        if decision == "no-go" and not note.strip():
            raise Refused("say why it is a no-go")
        body = {**_place(current), "role": role, "decision": decision, "note": note.strip()}
        self._write(current.rollout.id, Kind.SIGNED, body)
        return f"{role}: {decision}"

    def look(self, note: str) -> str:
        """Write down that a person looked. Raises Refused."""
        current = self._allowed("look")
        self._write(current.rollout.id, Kind.LOOKED, {**_place(current), "note": note.strip()})
        return "looked; written down"

    def ensure_watcher(self, *, take_over: bool = False) -> str:
        """Make sure that somebody drives; returns who. Raises Refused where no watcher comes up."""
        from console.engine.watcher_process import spawn_watcher

        current = self._now()
        lease = self.leases.current(current.rollout.id)
        if not take_over and lease is not None and lease.fresh and lives(lease.process):
            return f"{lease.holder} drives it"
        before = lease.epoch if lease is not None else 0
        log = spawn_watcher(self.system.path, self.folder, take_over=take_over)
        deadline = time.monotonic() + DRIVEN.total_seconds()
        while time.monotonic() < deadline:
            lease = self.leases.current(current.rollout.id)
            if lease is not None and lease.epoch > before and lease.fresh:
                return f"{lease.holder} drives it"
            time.sleep(0.1)
        raise Refused(
            f"no watcher came up in {DRIVEN.total_seconds():.0f} s, see {log}; the rollout stands until one does: "
            f"hakgal-console watch --system {self.system.path}"
        )

    def start_watcher(self) -> str:
        """Start a watcher where nobody drives. Raises Refused."""
        self._writable()
        return self.ensure_watcher()

    def take_over(self, typed: str) -> str:
        """Have a watcher of this machine drive, whoever drives now. Raises Refused."""
        self.confirm(typed)
        return self.ensure_watcher(take_over=True)

    def ledger(self, rollout: str) -> JournalLedger:
        """The facts of a rollout, written as this person. Raises JournalError."""
        return JournalLedger(
            self._books.journal, rollout, subject=self.system.name, by=self.person, pace=self.system.pace
        )

    def _ask(self, what: str, current: Current, *, reason: str, phase: int | None = None) -> str:
        """Write an ask down and wait a little for what the driver makes of it."""
        rollout = current.rollout
        place = {**_place(current), **({"phase": phase} if phase is not None else {})}
        asked = self._write(rollout.id, Kind.ASKED, {**place, "what": what, "reason": reason})
        deadline = time.monotonic() + ANSWERED.total_seconds()
        while time.monotonic() < deadline:
            for fact in self.ledger(rollout.id).since(asked.number):
                if fact.body.get("ask") == asked.number and fact.role == "note":
                    if fact.kind is Kind.REFUSED:
                        raise Refused(f"not done: {fact.body.get('why')}")
                    return _ANSWERS.get(fact.kind) or str(fact.kind.value)
            time.sleep(0.05)
        lease = self.leases.current(rollout.id)
        if lease is not None and lease.fresh and lives(lease.process):
            raise Refused(f"asked, but {lease.holder} has not answered in {ANSWERED.total_seconds():.0f} s; look again")
        raise Refused("written down, but nobody drives; w starts a watcher, which will answer it")

    def _write(self, rollout: str, kind: Kind, body: Mapping[str, Any]) -> Fact:
        self._writable()
        try:
            return self.ledger(rollout).write(kind, body)
        except JournalError as error:
            raise Refused(f"nothing was asked, for it could not be written down: {error}") from error

    def _allowed(self, what: str, reason: str = "", *, phase: int | None = None) -> Current:
        """The current rollout where that may be done now. Raises Refused."""
        self._writable()
        current = self._now()
        judged, rollout, _ = self._as_driven(current.plan, current.rollout)
        if why := machine.may(current.plan, rollout, judged, what, reason, phase=phase):
            raise Refused(why)
        return current

    def _now(self) -> Current:
        try:
            current = self.current()
        except JournalError as error:
            raise Refused(str(error)) from error
        if current is None:
            raise Refused(self._lost or "no rollout was started; S starts one")
        return current

    def _under_way(self) -> Rollout | None:
        try:
            current = self.current()
        except JournalError as error:
            raise Refused(str(error)) from error
        return None if current is None or current.rollout.state.over else current.rollout

    def _bars(self) -> str:
        current = self._now().rollout
        end = "A ends it" if current.state is RolloutState.ROLLED_BACK else "finish or abort it first (A)"
        return f"{current.id} is {current.state.value}; {end}"

    def confirm(self, typed: str) -> None:
        """Whether the target was typed. Raises Refused."""
        self._writable()
        if typed.strip() != self.system.name:
            wrong = typed.strip() or "nothing"
            raise Refused(f"{wrong} was typed where {self.system.name} was asked for; nothing was done")

    def _writable(self) -> None:
        if self._read_only:
            raise Refused("this console only reads; start it without --read-only to act")


_ANSWERS = {
    Kind.PROMOTED: "promoted",
    Kind.ABORTED: "aborted; the traffic stays as it is, and R takes the new version away",
    Kind.RETRIED: "tries again",
    Kind.ROLLING_BACK: "rolling back",
}


def _place(current: Current) -> dict[str, Any]:
    attempt = current.rollout.attempt
    return {"phase": current.rollout.phase, "attempt": attempt.number if attempt else 0}

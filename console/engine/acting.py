"""What the engine does to the world, on a person's word only: rollback and bypass."""

from __future__ import annotations

import getpass
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from console.actions.table import READ_ONLY, bypass_disabled, revoke_disabled, rollback_disabled
from console.core.bypass import CEILING, Grant, reason_fault, shortened
from console.core.operations import ActionFailed, Operation, Refused
from console.core.picture import Picture
from console.core.plans import BypassPlan, RollbackPlan
from console.core.readings import Workload
from console.core.system import BypassRule, Environment, System
from console.core.templates import digest
from console.engine.assembly import Sources
from console.engine.books import Books
from console.engine.operations import Operations, Say


class Hands:
    """Every action of the engine. sources: asked for at the time of the action, for they come with the loop.

    An action begins only where its disabled reason is none and the typed target is right; both are checked here again,
    whatever a screen has checked.
    """

    def __init__(
        self,
        system: System,
        environment: Environment,
        *,
        books: Books,
        operations: Operations,
        sources: Callable[[], Sources],
        clock: Callable[[], datetime],
        read_only: bool,
    ) -> None:
        self._system = system
        self._environment = environment
        self._books = books
        self._operations = operations
        self._sources = sources
        self._clock = clock
        self._read_only = read_only
        self._one_rollback = threading.Lock()

    def plan_rollback(self, picture: Picture, revision: int | None, workload: str | None) -> RollbackPlan:
        """What a rollback would do, from the newest picture. Raises Refused."""
        from console.actions.rollback_plan import plan_rollback

        if why := rollback_disabled(picture):
            raise Refused(why)
        chosen = self._workload(picture, workload)
        plan = plan_rollback(
            chosen,
            picture.cluster.value.pods if picture.cluster.value else (),
            target_name=self._system.name,
            good=next((good for good in self._books.goods(chosen) if good.template != chosen.template), None),
            revision=revision,
            left=self._books.left(chosen),
            now=picture.cluster.taken_at or picture.taken_at,
        )
        under_way = self._operations.running("rollback")
        if not under_way:
            return plan
        warning = f"{under_way[0].title.lower()} is under way; this one takes its place"
        return replace(plan, warnings=(warning, *plan.warnings))

    def _workload(self, picture: Picture, name: str | None) -> Workload:
        workloads = picture.cluster.value.workloads if picture.cluster.value else ()
        for workload in workloads:
            if name is None or workload.name == name:
                return workload
        known = ", ".join(workload.name for workload in workloads) or "none"
        raise Refused(f"no deployment {name} is operated here; known: {known}")

    def roll_back(self, plan: RollbackPlan, typed: str) -> Operation:
        """Begin a rollback; it goes on when the journal cannot be written, for it is the way out. Raises Refused.

        One that is under way is followed no longer: a version that does not come up must not bar the way to another.
        """
        self._confirm(plan.target, typed)
        opened = self._sources().open_kubernetes
        if opened is None:
            raise Refused(f"no Kubernetes is configured for {self._environment.name}")
        for operation in self._operations.running("rollback"):
            self._operations.cancel(operation.id)

        def work(say: Say, stopped: threading.Event) -> str:
            from console.actions.rollback import roll_back
            from console.systems.kubernetes_errors import KubernetesError

            try:
                api = opened()
            except KubernetesError as error:
                raise ActionFailed(f"nothing was changed: {error}") from error
            return roll_back(api, plan, say=say, stopped=stopped, clock=self._clock)

        return self._operations.begin(
            "rollback",
            f"Roll back {plan.workload} from {plan.now_version} to {plan.to_version}",
            work,
            record=self._books,
            subject=f"{self._books.subject}/{plan.workload}",
            body={
                "environment": self._environment.name,
                "workload": plan.workload,
                "namespace": plan.namespace,
                "from": {"version": plan.now_version, "revision": plan.now_revision},
                "to": {
                    "version": plan.to_version,
                    "revision": plan.to_revision,
                    "digest": digest(plan.to_template),
                },
                "why": plan.why,
                "resource_version": plan.resource_version,
            },
            without_record=True,
        )

    def plan_bypass(self, picture: Picture) -> BypassPlan:
        """What a grant would do. Raises Refused."""
        if why := bypass_disabled(picture):
            raise Refused(why)
        rule = self._rule()
        state = picture.bypass.value
        access = self._sources().access
        where = f"redis {access.host}:{access.port}" if access else "redis"
        return BypassPlan(
            target=self._system.name,
            longest=min(rule.ceiling, CEILING),
            off=rule.off,
            on=rule.on,
            enforced=(f"key {rule.key} in {where}; it expires by itself",),
            today=state.today if state else 0,
            a_day=rule.a_day,
        )

    def grant_bypass(self, reason: str, length: timedelta, typed: str) -> Operation:
        """Begin to grant a bypass; nothing is granted that is not in the journal and the bypass log first."""
        rule = self._rule()
        self._confirm(self._system.name, typed)
        if fault := reason_fault(reason):
            raise Refused(fault)
        try:
            span = min(shortened(length), rule.ceiling)
        except ValueError as error:
            raise Refused(str(error)) from error
        opened = self._sources().open_redis
        if opened is None:
            raise Refused("the bypass needs a store that expires by itself, and no Redis is configured here")
        actor, host = whoami()

        def work(say: Say, _stopped: threading.Event) -> str:
            from console.actions import bypass

            self._log(rule, f"asked by {actor}@{host} for {int(span.total_seconds())} s: {reason}")
            try:
                grant = bypass.grant(
                    opened(),
                    rule,
                    system=self._system.name,
                    environment=self._environment.name,
                    reason=reason,
                    actor=actor,
                    host=host,
                    length=span,
                    say=say,
                )
            except bypass.BypassRefused as error:
                self._log(rule, f"refused: {error}")
                raise Refused(str(error)) from error
            self._books.note("bypass.granted", grant_body(grant))
            self._log(rule, f"granted {grant.id} until {grant.expires_at:%Y-%m-%dT%H:%M:%SZ} by the store's clock")
            self._look_again()
            return f"BYPASS ON until {grant.expires_at:%H:%M:%S}Z by the store's clock; B revokes it"

        return self._operations.begin(
            "bypass",
            f"Emergency bypass of {self._system.name} in {self._environment.name}",
            work,
            record=self._books,
            subject=self._books.subject,
            body={
                "environment": self._environment.name,
                "reason": reason,
                "seconds": int(span.total_seconds()),
                "key": rule.key,
            },
        )

    def revoke_bypass(self, picture: Picture) -> Operation:
        """Begin to revoke; goes on when the journal cannot be written, for it makes the world safer. Raises Refused."""
        if why := revoke_disabled(picture):
            raise Refused(why)
        rule = self._rule()
        opened = self._sources().open_redis
        if opened is None:
            raise Refused("no Redis is configured here, so no bypass can be open")
        grant = picture.bypass.value.grant if picture.bypass.value else None
        actor, host = whoami()

        def work(_say: Say, _stopped: threading.Event) -> str:
            from console.actions import bypass

            try:
                bypass.revoke(opened(), rule, self._environment.name, grant.id if grant else None)
            except bypass.BypassRefused as error:
                raise ActionFailed(f"the bypass was not revoked: {error}") from error
            self._look_again()
            if grant is not None:
                self._books.note("bypass.ended", {**grant_body(grant), "how": "revoked"})
            try:
                self._log(rule, f"revoked {grant.id if grant else 'whatever was open'} by {actor}@{host}")
            except ActionFailed as error:
                return f"BYPASS OFF; {error}"
            return "BYPASS OFF: revoked, and read back as gone"

        return self._operations.begin(
            "bypass-revoke",
            f"Revoke the bypass of {self._system.name} in {self._environment.name}",
            work,
            record=self._books,
            subject=self._books.subject,
            body={"environment": self._environment.name, "grant": grant.id if grant else None},
            without_record=True,
        )

    def _confirm(self, target: str, typed: str) -> None:
        if self._read_only:
            raise Refused(READ_ONLY)
        if typed.strip() != target:
            raise Refused(f"{typed.strip() or 'nothing'} was typed where {target} was asked for; nothing was done")

    def _rule(self) -> BypassRule:
        if self._system.bypass is None:
            raise Refused(f"{self._system.name} declares no bypass; see `bypass:` in {self._system.path}")
        return self._system.bypass

    def _log(self, rule: BypassRule, line: str) -> None:
        """Append to the bypass log. Raises ActionFailed: a bypass that cannot be logged is not granted."""
        from console.actions.bypass import append_log

        try:
            append_log(rule.log, f"{self._books.subject} {line}", at=self._clock())
        except OSError as error:
            raise ActionFailed(f"{rule.log}: the bypass log cannot be written: {error.strerror or error}") from error

    def _look_again(self) -> None:
        source = self._sources().bypass
        if source is not None:
            source.refresh()


def grant_body(grant: Grant) -> dict[str, str]:
    """A grant as the journal keeps it."""
    return {
        "grant": grant.id,
        "environment": grant.environment,
        "reason": grant.reason,
        "actor": grant.actor,
        "host": grant.host,
        "granted_at": grant.granted_at.isoformat(),
        "expires_at": grant.expires_at.isoformat(),
    }


def whoami() -> tuple[str, str]:
    """The person at the keyboard as the system knows them (through sudo as well), and this host."""
    try:
        actor = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        actor = f"uid {os.getuid()}"
    return actor, socket.gethostname()

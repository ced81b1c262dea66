"""Two Deployments behind one Service: the share is how many of the pods are the canary's."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from console.actions.strategies import autoscaler
from console.actions.strategies.base import ROLLOUT, Applied, Asked, Clock, Fenced, Foreseen, Say, Sides
from console.actions.strategies.canary_moves import MADE, Move, back, canary_labels, forward
from console.actions.strategies.recorded import (
    find,
    find_all,
    find_deployment,
    is_recorded,
    owner_warnings,
    ready_pods,
    record_of,
    replicas_of,
    sides_of,
    standing_of,
)
from console.actions.strategies.restoring import resized
from console.actions.strategies.writing import APPLYING, PUTTING_BACK, Patience, Writer, annotation
from console.core.operations import ActionFailed, Refused, Unverified
from console.core.rollouts.plan import Canary
from console.systems.kubernetes_connection import DEPLOYMENTS, REPLICA_SETS, Resource

if TYPE_CHECKING:
    from console.systems.kubernetes_connection import KubernetesApi

Json = dict[str, Any]

SERVICES = Resource("api/v1", "services")

_PASSES = 4


class CanaryStrategy:
    """Moves traffic by replica counts, as `Strategy` says. The sum of both stays what the stable one wanted when the
    rollout began; that number is kept as an annotation, so that it outlives any driver.
    """

    def __init__(
        self, api: KubernetesApi, namespace: str, spec: Canary, *, clock: Clock, patience: Patience | None = None
    ) -> None:
        self._api = api
        self._namespace = namespace
        self._spec = spec
        self._clock = clock
        self._patience = patience

    def record(self) -> Json:
        """stable: as `record_of`; canary: the same, or None where there was none; recorded_at: ISO UTC."""
        stable, canary = self._look()
        container = self._spec.container
        return {
            "kind": self._spec.kind,
            "recorded_at": self._clock().isoformat(),
            "stable": record_of(stable, container),
            "canary": record_of(canary, container) if canary is not None else None,
        }

    def foresee(self, asked: Asked) -> Foreseen:
        """As `Strategy`."""
        stable, canary = self._look()
        names = (self._spec.stable, self._spec.canary)
        minded = (*owner_warnings(stable, canary), *autoscaler.warnings(self._api, self._namespace, names))
        try:
            divided, moves = forward(self._spec, asked, stable, canary)
        except Refused as refused:
            return Foreseen((), 0.0, str(refused), minded)
        if divided.relabelled:
            minded = (f"{asked.share.text} is applied as {divided.relabelled}", *minded)
        there, total = replicas_of(stable) + replicas_of(canary), divided.new + divided.old
        if annotation(stable, ROLLOUT) == asked.rollout and there > total and divided.old:
            more = f"{there} pods are wanted of both sides where {total} were at the start; the others are taken away"
            minded = (*minded, more)
        refused_by = self._unserved(stable, canary) if divided.new and divided.old else ""
        does = tuple(move.says for move in moves if move.says)
        return Foreseen(() if refused_by else does, divided.share, refused_by, minded)

    def apply(
        self, asked: Asked, *, say: Say, on_write: Say, fence: Callable[[], None], stopped: threading.Event
    ) -> Applied:
        """As `Strategy`. The side that grows is raised and ready before the other one is lowered; all of it is looked
        at again until a pass has found nothing to write.
        """
        writer = self._writer(asked, say, on_write, fence, stopped)
        for _ in range(_PASSES):
            stable, canary = self._read(writer)
            divided, moves = forward(self._spec, asked, stable, canary)
            if divided.new and divided.old and (why := self._unserved(stable, canary)):
                raise Refused(why)
            before = writer.writes
            for move in moves:
                self._carry_out(writer, move)
            if writer.writes == before:
                total = divided.new + divided.old
                called = f" ({divided.relabelled})" if divided.relabelled else ""
                return Applied(
                    divided.share, f"{divided.new} of {total} pods run {asked.version}{called}", writer.writes
                )
        raise ActionFailed(
            f"{self._spec.stable} and {self._spec.canary} in {self._namespace} do not stay as they are written: an "
            "autoscaler or a GitOps controller changes them back; stop it, or write `autoscaler: freeze` in the plan, "
            "then resume (h)"
        )

    def sides(self) -> Sides:
        """As `Strategy`; by the pods there are, also while a Deployment replaces them."""
        return sides_of(self._api, self._namespace, self._look(), self._spec.container)

    def foresee_rollback(self, good: Mapping[str, Any]) -> Foreseen:
        """As `Strategy`."""
        stable, canary = self._look()
        minded = [*owner_warnings(stable, canary)]
        try:
            moves = back(self._spec, good, stable, canary, find_all(self._api, self._namespace, REPLICA_SETS))
        except ActionFailed as failed:
            return Foreseen((), 0.0, str(failed), tuple(minded))
        wants = replicas_of(stable)
        wanted = int(good["stable"]["replicas"]) + int((good["canary"] or {}).get("replicas") or 0)
        if wants > wanted:
            minded.append(f"{self._spec.stable} wants {wants} pods where {wanted} were recorded; they are kept")
        refused = ""
        if wants and is_recorded(good["stable"], stable["spec"]["template"]):
            standing = standing_of(self._api, self._namespace, stable)
            if (
                not standing.ready
                and standing.troubles
                and not ready_pods(self._api, self._namespace, canary, self._spec.container)
            ):
                refused = self._neither("; ".join(standing.troubles))
        return Foreseen(tuple(move.says for move in moves if move.says), 0.0, refused, tuple(minded))

    def roll_back(
        self,
        good: Mapping[str, Any],
        asked: Asked,
        *,
        say: Say,
        on_write: Say,
        fence: Callable[[], None],
        stopped: threading.Event,
    ) -> str:
        """As `Strategy`. The stable side is able to take everything before the canary loses anything."""
        writer = self._writer(asked, say, on_write, fence, stopped, PUTTING_BACK)
        stable, canary = self._read(writer)
        moves = back(self._spec, good, stable, canary, writer.read_all(REPLICA_SETS))
        try:
            ready = self._carry_out(writer, moves[0])
        except Fenced:
            raise
        except ActionFailed as failed:
            ready = self._make_room(writer, good, failed)
        # A driver that was overtaken may have made a canary meanwhile.
        canary = writer.read(DEPLOYMENTS, self._spec.canary)
        kept = int((good["canary"] or {}).get("replicas") or 0)
        notes = f"; {self._spec.canary} has its {kept} pods of {good['canary']['version']} again" if kept else ""
        try:
            for move in back(self._spec, good, ready or stable, canary, writer.read_all(REPLICA_SETS))[1:]:
                done = self._carry_out(writer, move)
                ready = done if move.name == self._spec.stable else ready
        except Fenced:
            raise
        except ActionFailed as failed:
            if not kept:
                raise
            notes = f"; {failed}"
        wanted = replicas_of(ready or stable)
        return f"{good['stable']['version']} serves everything: {wanted} of {wanted} pods ready{notes}"

    def _make_room(self, writer: Writer, good: Mapping[str, Any], failed: ActionFailed) -> Json:
        """The stable side when it is ready. Where nothing but room is missing for its pods (a quota, nodes), the canary
        gives up its own, a quarter at a time, as long as the stable side gains by it. Raises ActionFailed where
        something else is wrong; the canary then keeps what it has.
        """
        waited = False
        while True:
            stable, canary = self._read(writer)
            standing, pods = writer.standing(stable), replicas_of(canary)
            if not is_recorded(good["stable"], stable["spec"]["template"]) or not standing.ready:
                raise ActionFailed(self._stuck(str(failed))) from failed
            if not standing.troubles and not waited:
                waited = True
                try:
                    return writer.wait_ready(stable, self._spec.container)
                except Fenced:
                    raise
                except ActionFailed:
                    continue
            if not pods or not standing.troubles or not all(map(_lacks_room, standing.troubles)):
                raise ActionFailed(self._stuck(str(failed))) from failed
            fewer = pods - max(1, pods // 4)
            what = f"{pods} → {fewer} pods, for {self._spec.stable} has no room otherwise"
            writer.write(DEPLOYMENTS, self._spec.canary, partial(resized, size=fewer), what)
            self._gained(writer, stable, standing.ready, failed)
            waited = False

    def _gained(self, writer: Writer, stable: Json, before: int, failed: ActionFailed) -> None:
        """Wait until the stable side has more ready pods than before, or room for all of them."""
        patience = writer.patience
        ended = time.monotonic() + patience.trouble.total_seconds()
        while (standing := writer.standing(stable)).ready <= before and standing.troubles:
            if time.monotonic() > ended:
                raise ActionFailed(self._stuck(str(failed))) from failed
            if writer.stopped.wait(patience.every.total_seconds()):
                raise Unverified(f"waiting for {self._spec.stable} was stopped; the cluster goes on with it")

    def _carry_out(self, writer: Writer, move: Move) -> Json | None:
        """Bring one Deployment to where it is to be and wait for it; as it is then, None where there is none."""
        live = writer.read(DEPLOYMENTS, move.name)
        if live is None:
            if move.body is None:
                return None
            # There is no epoch on what is not there yet: the other side tells of a newer driver.
            writer.guard(writer.read(DEPLOYMENTS, self._spec.stable))
            live = writer.create(DEPLOYMENTS, move.body, move.what)
        written = writer.write(DEPLOYMENTS, move.name, move.change, move.what)
        ready = writer.wait_ready(written, self._spec.container)
        if not move.ends or not annotation(ready, MADE):
            return ready
        writer.delete(DEPLOYMENTS, move.name, "it was made for this rollout and has no pods left")
        return None

    def _look(self) -> tuple[Json, Json | None]:
        stable = find_deployment(self._api, self._namespace, self._spec.stable)
        return stable, find(self._api, self._namespace, DEPLOYMENTS, self._spec.canary)

    def _read(self, writer: Writer) -> tuple[Json, Json | None]:
        """Both sides, asked for until they are given; a newer driver is noticed on either."""
        stable = writer.read(DEPLOYMENTS, self._spec.stable)
        canary = writer.read(DEPLOYMENTS, self._spec.canary)
        if stable is None:
            raise ActionFailed(
                f"kubernetes {self._api.host}: there is no Deployment {self._spec.stable} in {self._namespace}; deploy "
                "it, or check its name in the plan, then resume (h)"
            )
        writer.guard(stable)
        writer.guard(canary)
        return stable, canary

    def _writer(
        self,
        asked: Asked,
        say: Say,
        on_write: Say,
        fence: Callable[[], None],
        stopped: threading.Event,
        patience: Patience = APPLYING,
    ) -> Writer:
        return Writer(
            self._api,
            self._namespace,
            asked,
            say=say,
            on_write=on_write,
            fence=fence,
            stopped=stopped,
            patience=self._patience or patience,
        )

    def _unserved(self, stable: Json, canary: Json | None) -> str:
        """Why the canary's pods would get no traffic; empty where a Service selects the pods of both."""
        if canary is None:
            return ""
        labels = dict((stable["spec"]["template"].get("metadata") or {}).get("labels") or {})
        try:
            services = find_all(self._api, self._namespace, SERVICES)
        except ActionFailed:
            # Who may not list Services can still release; the share that is measured tells.
            return ""
        served = [
            each
            for each in services
            if (selector := each["spec"].get("selector")) and selector.items() <= labels.items()
        ]
        theirs = canary_labels(stable, canary)
        if not served or any(each["spec"]["selector"].items() <= theirs.items() for each in served):
            return ""
        names = ", ".join(str(each["metadata"]["name"]) for each in served)
        return (
            f"no Service selects the pods of both {self._spec.stable} and {self._spec.canary} ({names} selects only "
            f"the former), so {self._spec.canary} would get no traffic; take the label that tells them apart out of "
            "the Service's selector"
        )

    def _stuck(self, failed: str) -> str:
        canary = find(self._api, self._namespace, DEPLOYMENTS, self._spec.canary)
        if serving := ready_pods(self._api, self._namespace, canary, self._spec.container):
            return (
                f"{failed}; {self._spec.canary} keeps its {serving} ready pods, for {self._spec.stable} cannot take "
                f"the traffic yet: mend {self._spec.stable}, then resume (h)"
            )
        return self._neither(failed)

    def _neither(self, why: str) -> str:
        return (
            f"neither side can take the traffic: {why}; {self._spec.canary} has no ready pod either. Nothing more is "
            "moved: hold, and page whoever is on call"
        )


def _lacks_room(trouble: str) -> bool:
    """Whether a trouble of `Standing` is that there is no place for a pod."""
    return "exceeded quota" in trouble or "no node can take it" in trouble

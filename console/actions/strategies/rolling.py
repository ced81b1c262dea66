"""One Deployment gets the new image, and its pods are replaced in its own order; the share is always the whole."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from console.actions.strategies import autoscaler
from console.actions.strategies.base import ROLLOUT, Applied, Asked, Clock, Fenced, Foreseen, Say, Sides
from console.actions.strategies.recorded import (
    find_all,
    find_deployment,
    is_recorded,
    owner_warnings,
    record_of,
    recorded_template,
    replicas_of,
    sides_of,
    standing_of,
    version_in,
)
from console.actions.strategies.restoring import resized
from console.actions.strategies.settings import (
    SETTINGS,
    annotated,
    released,
    retemplated,
    settings_of,
    settings_text,
)
from console.actions.strategies.writing import APPLYING, PUTTING_BACK, Operations, Patience, Writer, annotation
from console.core.operations import ActionFailed, Refused
from console.core.rollouts.plan import Rolling
from console.systems.kubernetes_connection import DEPLOYMENTS, REPLICA_SETS

if TYPE_CHECKING:
    from console.systems.kubernetes_connection import KubernetesApi

Json = dict[str, Any]

_PASSES = 4


class RollingStrategy:
    """Sets image, settings and (where the plan names them) replicas of one Deployment, as `Strategy` says."""

    def __init__(
        self, api: KubernetesApi, namespace: str, spec: Rolling, *, clock: Clock, patience: Patience | None = None
    ) -> None:
        self._api = api
        self._namespace = namespace
        self._spec = spec
        self._clock = clock
        self._patience = patience

    def record(self) -> Json:
        """deployment: as `record_of`; recorded_at: ISO UTC."""
        return {
            "kind": self._spec.kind,
            "recorded_at": self._clock().isoformat(),
            "deployment": record_of(self._look(), self._spec.container),
        }

    def foresee(self, asked: Asked) -> Foreseen:
        """As `Strategy`."""
        live = self._look()
        minded = list(owner_warnings(live))
        if self._spec.replicas is not None:
            minded += autoscaler.warnings(self._api, self._namespace, (self._spec.deployment,))
        try:
            self._check(asked)
            needed = self._change(asked)(live)
        except Refused as refused:
            return Foreseen((), 0.0, str(refused), tuple(minded))
        does = (f"{self._spec.deployment}: {self._what(asked, live)}",) if needed else ()
        return Foreseen(does, 1.0, "", tuple(minded))

    def apply(
        self, asked: Asked, *, say: Say, on_write: Say, fence: Callable[[], None], stopped: threading.Event
    ) -> Applied:
        """As `Strategy`."""
        self._check(asked)
        writer = self._writer(asked, say, on_write, fence, stopped)
        name = self._spec.deployment
        for _ in range(_PASSES):
            before = writer.writes
            live = writer.read(DEPLOYMENTS, name)
            what = self._what(asked, live) if live is not None else asked.version
            ready = writer.wait_ready(writer.write(DEPLOYMENTS, name, self._change(asked), what), self._spec.container)
            if writer.writes == before:
                pods = replicas_of(ready)
                return Applied(1.0, f"{pods} of {pods} pods run {asked.version}", writer.writes)
        raise ActionFailed(
            f"{name} in {self._namespace} does not stay as it is written: an autoscaler or a GitOps controller changes "
            "it back; stop it, then resume (h)"
        )

    def sides(self) -> Sides:
        """As `Strategy`; by the pods there are, also while they are being replaced."""
        return sides_of(self._api, self._namespace, (self._look(),), self._spec.container)

    def foresee_rollback(self, good: Mapping[str, Any]) -> Foreseen:
        """As `Strategy`. refused where the recorded template runs already and no pod of it is well: there is no other
        side that could serve.
        """
        live, record = self._look(), good["deployment"]
        minded = list(owner_warnings(live))
        try:
            needed = self._back(record, live, find_all(self._api, self._namespace, REPLICA_SETS))(live)
        except ActionFailed as failed:
            return Foreseen((), 0.0, str(failed), tuple(minded))
        refused = ""
        if is_recorded(record, live["spec"]["template"]) and replicas_of(live):
            standing = standing_of(self._api, self._namespace, live)
            if not standing.ready and standing.troubles:
                refused = self._unable("; ".join(standing.troubles))
        wanted = self._pods_back(record, live)
        says = f"{self._spec.deployment}: {version_in(live, self._spec.container)} → {record['version']}, {wanted} pods"
        return Foreseen((says,) if needed else (), 0.0, refused, tuple(minded))

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
        """As `Strategy`. Its pods are replaced in the Deployment's own order, so that those that serve go last."""
        writer = self._writer(asked, say, on_write, fence, stopped, PUTTING_BACK)
        name, record = self._spec.deployment, good["deployment"]
        live = writer.read(DEPLOYMENTS, name)
        if live is None:
            raise ActionFailed(
                f"kubernetes {self._api.host}: there is no Deployment {name} in {self._namespace}; deploy "
                f"{record['version']} from its manifest, then resume (h)"
            )
        change = self._back(record, live, writer.read_all(REPLICA_SETS))
        written = writer.write(DEPLOYMENTS, name, change, f"back to {record['version']}")
        try:
            ready = writer.wait_ready(written, self._spec.container)
        except Fenced:
            raise
        except ActionFailed as failed:
            raise ActionFailed(self._unable(str(failed))) from failed
        pods = replicas_of(ready)
        return f"{record['version']} serves everything: {pods} of {pods} pods ready"

    def _check(self, asked: Asked) -> None:
        """Raise Refused where another share than the whole is asked for; none at all means the whole."""
        if not asked.share.whole and asked.share.text:
            raise Refused(
                f"{asked.share.text} cannot be had by replacing the pods of {self._spec.deployment}: write "
                "`share: 100%`, or `strategy: {canary: …}` in the plan"
            )

    def _change(self, asked: Asked) -> Callable[[Json], Operations | None]:
        def change(live: Json) -> Operations | None:
            values = settings_of(live, asked)
            name, container = self._spec.deployment, self._spec.container
            template = released(live["spec"]["template"], container, asked.version, values, where=name)
            marks = annotated(live, {SETTINGS: settings_text(values)})
            wanted = replicas_of(live) if self._spec.replicas is None else self._spec.replicas
            operations = [*marks, *retemplated(live, template), *resized(live, wanted)]
            # Marks of another rollout would tell another version.
            return operations if operations or annotation(live, ROLLOUT) != asked.rollout else None

        return change

    def _back(self, record: Mapping[str, Any], live: Json, replica_sets: Any) -> Callable[[Json], Operations]:
        """At least the marks are written, so that a driver that was overtaken notices."""
        template = recorded_template(record, live, replica_sets)

        def change(live: Json) -> Operations:
            wanted = self._pods_back(record, live)
            return [*annotated(live, {SETTINGS: ""}), *retemplated(live, template), *resized(live, wanted)]

        return change

    def _pods_back(self, record: Mapping[str, Any], live: Json) -> int:
        """As recorded; more, where somebody else has answered load with them."""
        recorded, now = int(record["replicas"]), replicas_of(live)
        return recorded if now == self._spec.replicas else max(recorded, now)

    def _what(self, asked: Asked, live: Json) -> str:
        before, wanted = version_in(live, self._spec.container), self._spec.replicas
        parts = [asked.version if before == asked.version else f"{before} → {asked.version}"]
        if wanted is not None and wanted != replicas_of(live):
            parts.append(f"{replicas_of(live)} → {wanted} pods")
        return ", ".join([*parts, *(f"{key}={value}" for key, value in settings_of(live, asked).items())])

    def _look(self) -> Json:
        return find_deployment(self._api, self._namespace, self._spec.deployment)

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

    def _unable(self, why: str) -> str:
        return (
            f"{self._spec.deployment} cannot take the traffic: {why}. There is no other side: hold, and page whoever "
            "is on call"
        )

"""Blue-green: two Deployments, and a Service whose selector says which of them serves.

The side that is not live gets the new version and as many pods as the live one; the switch is one write of one label,
done when every one of those pods is ready. The side that was live is not touched, so the way back is as short.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from console.actions.strategies.base import VERSION, Applied, Asked, Fenced, Foreseen, Say, Sides
from console.actions.strategies.endpoints import matches, services, wait_for_endpoints
from console.actions.strategies.recorded import (
    find,
    find_deployment,
    is_recorded,
    owner_warnings,
    record_of,
    replicas_of,
    standing_of,
    version_in,
)
from console.actions.strategies.restoring import resized, restore
from console.actions.strategies.settings import (
    SETTINGS,
    annotated,
    released,
    retemplated,
    runs,
    settings_of,
    settings_text,
)
from console.actions.strategies.writing import Operations, Patience, Writer, annotation, pointer
from console.core.operations import ActionFailed, Refused
from console.core.rollouts.plan import BlueGreen

if TYPE_CHECKING:
    from console.systems.kubernetes_connection import KubernetesApi

Json = dict[str, Any]

_TRIES = 5


@dataclass(frozen=True, slots=True)
class _Scene:
    """The Service and both Deployments at one moment. live, idle: values of the selector's label."""

    service: Json
    deployments: Mapping[str, Json]
    live: str
    idle: str

    @property
    def serving(self) -> Json:
        """The Deployment that serves."""
        return self.deployments[self.live]

    @property
    def waiting(self) -> Json:
        """The Deployment that does not."""
        return self.deployments[self.idle]


class BlueGreenStrategy:
    """Switches a Service between two Deployments. A share of 0 % prepares the side that is not live, 100 % switches;
    anything between is refused. good: what was recorded, by which `sides` tells the new side from the old one.
    """

    def __init__(
        self,
        api: KubernetesApi,
        namespace: str,
        spec: BlueGreen,
        *,
        good: Mapping[str, Any] | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._api = api
        self._namespace = namespace
        self._spec = spec
        self._good = good
        self._patience = patience
        self._version = ""

    def record(self) -> Json:
        """Which side is live, and both Deployments as they are."""
        scene = self._scene()
        sides = {value: record_of(each, self._spec.container) for value, each in scene.deployments.items()}
        return {"live": scene.live, "sides": sides}

    def foresee(self, asked: Asked) -> Foreseen:
        """The writes of `apply`, a sentence each."""
        self._version = asked.version
        scene = self._scene()
        share = 1.0 if asked.share.whole else 0.0
        try:
            value = self._new_side(scene, asked)
            deployment = scene.deployments[value]
            template = self._template(deployment, asked)
            self._check(scene, value)
        except Refused as error:
            return Foreseen((), share, str(error))
        name = deployment["metadata"]["name"]
        does: list[str] = []
        if retemplated(deployment, template):
            does.append(f"puts {asked.version} on {name}, which is {'live' if value == scene.live else 'not live'}")
        if (size := self._size(scene, value)) != replicas_of(deployment):
            does.append(f"scales {name} from {replicas_of(deployment)} to {size} pods")
        if asked.share.whole and value != scene.live:
            does.append(f"switches Service {self._spec.service} from {scene.live} to {value}")
        return Foreseen(tuple(does), share, warnings=owner_warnings(scene.service, scene.serving, scene.waiting))

    def apply(
        self, asked: Asked, *, say: Say, on_write: Say, fence: Callable[[], None], stopped: threading.Event
    ) -> Applied:
        """Prepare the side that is not live, wait until it is ready, and at 100 % switch and look that it serves."""
        from console.systems.kubernetes_connection import DEPLOYMENTS

        self._version = asked.version
        writer = self._writer(asked, say, on_write, fence, stopped)
        scene = self._scene()
        value = self._new_side(scene, asked)
        self._check(scene, value)
        name = str(scene.deployments[value]["metadata"]["name"])
        size = self._size(scene, value)

        def change(live: Json) -> Operations | None:
            kept = settings_text(settings_of(live, asked))
            operations = [*annotated(live, {SETTINGS: kept}), *retemplated(live, self._template(live, asked))]
            return [*operations, *resized(live, size)] or None

        written = writer.write(DEPLOYMENTS, name, change, f"{asked.version}, {size} pods")
        ready = writer.wait_ready(written, self._spec.container)
        if not asked.share.whole:
            return Applied(0.0, f"{name} is ready with {size} pods of {asked.version} and not live", writer.writes)
        other = scene.idle if value == scene.live else scene.live
        self._switch(writer, other, value)
        count = wait_for_endpoints(writer, self._spec.service, ready)
        return Applied(1.0, f"{value} serves everything: {count} of {size} pods run {asked.version}", writer.writes)

    def sides(self) -> Sides:
        """Who serves. Without a record the new side is the one that runs the version asked for or written last."""
        scene = self._scene()
        if self._good is not None:
            live_is_new = scene.live != self._good["live"]
        else:
            version = self._version or annotation(scene.waiting, VERSION) or annotation(scene.serving, VERSION)
            live_is_new = bool(version) and version_in(scene.serving, self._spec.container) == version
        new, old = (scene.serving, scene.waiting) if live_is_new else (scene.waiting, scene.serving)
        (new_ready, new_wanted), (old_ready, old_wanted) = self._count(new), self._count(old)
        serving = version_in(scene.serving, self._spec.container)
        ready, wanted = (new_ready, new_wanted) if live_is_new else (old_ready, old_wanted)
        return Sides(
            1.0 if live_is_new else 0.0,
            version_in(new, self._spec.container),
            new_ready,
            new_wanted,
            version_in(old, self._spec.container),
            old_ready,
            old_wanted,
            f"{scene.live} serves everything: {ready} of {wanted} pods of {serving} are ready",
        )

    def foresee_rollback(self, good: Mapping[str, Any]) -> Foreseen:
        """The writes of `roll_back`; refused where neither side has a ready pod to serve with."""
        scene = self._scene()
        value = str(good["live"])
        does: list[str] = []
        for side in (value, self._other(value)):
            record, live = good["sides"][side], scene.deployments[side]
            if not is_recorded(record, live["spec"]["template"]):
                does.append(f"puts {record['version']} back on {record['name']}")
            if replicas_of(live) != record["replicas"]:
                does.append(f"scales {record['name']} from {replicas_of(live)} to {record['replicas']} pods")
        if scene.live != value:
            does.insert(0, f"switches Service {self._spec.service} back from {scene.live} to {value}")
        counts = {side: self._count(each)[0] for side, each in scene.deployments.items()}
        refused = ""
        if scene.live != value and not any(counts.values()):
            refused = (
                f"neither {value} nor {scene.live} has a ready pod, so nothing is switched: get {value} ready first "
                "(press 1 and Enter for pods and events)"
            )
        return Foreseen(tuple(does), 0.0, refused, owner_warnings(scene.service, scene.serving, scene.waiting))

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
        """Make the recorded side ready at its recorded size, switch back to it, then restore the other side."""
        self._version = asked.version
        writer = self._writer(asked, say, on_write, fence, stopped)
        scene = self._scene()
        value, other = str(good["live"]), self._other(str(good["live"]))
        record = good["sides"][value]
        try:
            ready = self._restore(writer, scene.deployments[value], record)
        except Fenced:
            raise
        except ActionFailed as error:
            if scene.live == value:
                raise
            count, wanted = self._count(scene.serving)
            raise ActionFailed(
                f"nothing was switched, {scene.live} serves on with {count} of {wanted} pods ready: {error}"
            ) from error
        self._switch(writer, other, value)
        count = wait_for_endpoints(writer, self._spec.service, ready) if record["replicas"] else 0
        told = f"{value} serves everything: {count} of {record['replicas']} pods of {record['version']} ready"
        try:
            self._restore(writer, scene.deployments[other], good["sides"][other])
        except Fenced:
            raise
        except ActionFailed as error:
            # It does not serve; that the traffic is back must not be called a failure for its sake.
            say(str(error))
            return f"{told}; {other} is not as it was recorded: {error}"
        return told

    def _restore(self, writer: Writer, live: Json, record: Mapping[str, Any]) -> Json:
        return restore(writer, live, record, self._spec.container, size=lambda _found: int(record["replicas"]))

    def _switch(self, writer: Writer, old: str, new: str) -> None:
        """Point the Service at the new value, if it is at the old one; a value of somebody else's is left alone."""
        service, label = self._spec.service, self._spec.label

        def change(live: Json) -> Operations | None:
            value = (live["spec"].get("selector") or {}).get(label)
            if value == new:
                return None
            if value != old:
                raise ActionFailed(
                    f"somebody has pointed Service {service} in {self._namespace} at {label}={value} meanwhile; "
                    "find out who, then resume (h) or roll back (R)"
                )
            path = pointer("spec", "selector", label)
            return [{"op": "test", "path": path, "value": old}, {"op": "replace", "path": path, "value": new}]

        for last in (*(False,) * (_TRIES - 1), True):
            try:
                writer.write(services(), service, change, f"{label} {old} → {new}")
            except ActionFailed as error:
                # A `test` that does not hold is answered 422, whatever the resourceVersion: read and decide again.
                if last or getattr(error.__cause__, "status", 0) != 422:
                    raise
            else:
                return

    def _scene(self) -> _Scene:
        spec = self._spec
        service = find(self._api, self._namespace, services(), spec.service)
        if service is None:
            raise ActionFailed(
                f"kubernetes {self._api.host}: there is no Service {spec.service} in {self._namespace}; "
                "check the plan's names and namespace"
            )
        live = (service["spec"].get("selector") or {}).get(spec.label)
        if live not in (spec.blue_value, spec.green_value):
            raise ActionFailed(
                f"Service {spec.service} in {self._namespace} selects {spec.label}={live or 'nothing'}, which is "
                f"neither {spec.blue_value} nor {spec.green_value}: check `label` and the values in the plan"
            )
        deployments = {
            spec.blue_value: find_deployment(self._api, self._namespace, spec.blue),
            spec.green_value: find_deployment(self._api, self._namespace, spec.green),
        }
        return _Scene(service, deployments, str(live), self._other(str(live)))

    def _other(self, value: str) -> str:
        return self._spec.green_value if value == self._spec.blue_value else self._spec.blue_value

    def _new_side(self, scene: _Scene, asked: Asked) -> str:
        """The value of the side that has, or gets, the version asked for. Raises Refused."""
        if asked.share.ratio not in (0.0, 1.0):
            raise Refused(
                f"blue-green serves 0 % or 100 % and not {asked.share.text or 'nothing'}; write `share: 0%` to prepare "
                "the side that is not live and `share: 100%` to switch"
            )
        if not runs(scene.serving["spec"]["template"], self._spec.container, asked.version):
            return scene.idle
        if asked.share.whole:
            return scene.live
        raise Refused(f"{scene.live} is live and runs {asked.version} already; roll back (R) before it is prepared")

    def _size(self, scene: _Scene, value: str) -> int:
        """As many pods as serve now; a side that serves keeps its own."""
        return replicas_of(scene.deployments[value] if value == scene.live else scene.serving)

    def _template(self, deployment: Json, asked: Asked) -> Json:
        template, where = deployment["spec"]["template"], str(deployment["metadata"]["name"])
        values = settings_of(deployment, asked)
        return released(template, self._spec.container, asked.version, values, where=where)

    def _check(self, scene: _Scene, value: str) -> None:
        """Raise Refused where the switched Service would lead to none of the side's pods."""
        if not self._size(scene, value):
            name = scene.serving["metadata"]["name"]
            raise Refused(f"{name} serves and wants no pods, so none would serve after it either; scale it first")
        selector = {**scene.service["spec"]["selector"], self._spec.label: value}
        deployment = scene.deployments[value]
        if not matches(selector, deployment["spec"]["template"]):
            text = ", ".join(f"{key}={text}" for key, text in selector.items())
            raise Refused(
                f"Service {self._spec.service} would select {text}, which the pods of "
                f"{deployment['metadata']['name']} do not carry: mend the labels or the plan's `label`"
            )

    def _count(self, deployment: Json) -> tuple[int, int]:
        standing = standing_of(self._api, self._namespace, deployment)
        return standing.ready, standing.desired

    def _writer(
        self, asked: Asked, say: Say, on_write: Say, fence: Callable[[], None], stopped: threading.Event
    ) -> Writer:
        return Writer(
            self._api,
            self._namespace,
            asked,
            say=say,
            on_write=on_write,
            fence=fence,
            stopped=stopped,
            patience=self._patience,
        )

    def slot(self, version: str) -> str:
        """The label's value of the side that runs the version, or gets it: `$SLOT` of checks."""
        scene = self._scene()
        is_live = runs(scene.serving["spec"]["template"], self._spec.container, version)
        return scene.live if is_live else scene.idle

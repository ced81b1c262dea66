"""Gateway API: weights of an HTTPRoute between a stable and a canary Service, each with a Deployment of its own.

The canary's pods run the new version and are ready endpoints before any weight goes to them, as many as the share of
the stable one's pods asks for; the stable side keeps all its pods until the end, so that the way back is one write.

At 100 % everything goes to the canary (grown to the stable one's size) first; then the stable Deployment, which serves
nobody by then, gets the new template; when it is ready the weight returns to it, and the canary to the size it had
before this rollout. So no version ever changes under traffic, and the route ends as it began.
Rolling back after that puts the old template on the stable Deployment while it serves: its controller keeps enough pods
available, and a second pass over the canary would take twice as long.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from console.actions.strategies import routes
from console.actions.strategies.base import ROLLOUT, VERSION, Applied, Asked, Fenced, Foreseen, Say, Sides
from console.actions.strategies.endpoints import wait_for_endpoints
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
from console.actions.strategies.routes import Weights, http_routes, wait_until_accepted
from console.actions.strategies.settings import (
    SETTINGS,
    annotated,
    released,
    retemplated,
    runs,
    settings_of,
    settings_text,
)
from console.actions.strategies.writing import Operations, Patience, Writer, annotation
from console.core.operations import ActionFailed, Refused
from console.core.rollouts.plan import Gateway

if TYPE_CHECKING:
    from console.systems.kubernetes_connection import KubernetesApi, Resource

Json = dict[str, Any]

SIZE = "hakgal-console/size"
"""Annotation of the canary Deployment: how many pods it had before this rollout."""


@dataclass(frozen=True, slots=True)
class _Scene:
    """The route and both Deployments at one moment."""

    route: Json
    weights: tuple[Weights, ...]
    stable: Json
    canary: Json

    @property
    def share(self) -> float:
        """The canary Service's; the least of all rules."""
        return min(each.share for each in self.weights)

    @property
    def carries(self) -> bool:
        """Whether the canary Service gets anything."""
        return any(each.share for each in self.weights)


class GatewayStrategy:
    """Moves weights of an HTTPRoute, in whole percent. good: what was recorded, by which `sides` tells the new version
    from the old one.
    """

    def __init__(
        self,
        api: KubernetesApi,
        namespace: str,
        spec: Gateway,
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
        """The route's weights, and both Deployments as they are."""
        scene = self._scene()
        return {
            "weights": [each.as_body() for each in scene.weights],
            "stable": record_of(scene.stable, self._spec.container),
            "canary": record_of(scene.canary, self._spec.container),
        }

    def foresee(self, asked: Asked) -> Foreseen:
        """The writes of `apply`, a sentence each."""
        self._version = asked.version
        spec = self._spec
        try:
            scene = self._scene()
            percent = self._percent(scene, asked)
            self._template(scene.canary, asked)
        except Refused as error:
            return Foreseen((), 0.0, str(error))
        does: list[str] = []
        now, then = routes.shown(scene.weights), routes.shown(routes.in_percent(scene.weights, percent))
        if percent == 100 and runs(scene.stable["spec"]["template"], spec.container, asked.version):
            does += self._foresee_end(scene, asked)
        else:
            if retemplated(scene.canary, self._template(scene.canary, asked)):
                does.append(f"puts {asked.version} on {spec.canary}")
            if (size := self._canary_size(scene, percent)) != replicas_of(scene.canary):
                does.append(f"scales {spec.canary} from {replicas_of(scene.canary)} to {size} pods")
            if routes.moved(
                scene.route, spec.stable_service, spec.canary_service, routes.in_percent(scene.weights, percent)
            ):
                does.append(f"sets the weights of HTTPRoute {spec.route} from {now} to {then}")
            if percent == 100:
                does.append(f"puts {asked.version} on {spec.stable} while it serves nobody")
                does.append(f"gives {spec.stable} all the weight back, and {spec.canary} the size it had before")
        warnings = owner_warnings(scene.route, scene.stable, scene.canary)
        return Foreseen(tuple(does), percent / 100, warnings=warnings)

    def apply(
        self, asked: Asked, *, say: Say, on_write: Say, fence: Callable[[], None], stopped: threading.Event
    ) -> Applied:
        """Make the canary ready, then move the weight; at 100 % the stable one takes over in the end."""
        self._version = asked.version
        writer = self._writer(asked, say, on_write, fence, stopped)
        scene = self._scene()
        percent = self._percent(scene, asked)
        spec = self._spec
        if percent == 100 and runs(scene.stable["spec"]["template"], spec.container, asked.version):
            return self._finish(writer, asked)
        if scene.carries and not runs(scene.canary["spec"]["template"], spec.container, asked.version):
            # Whatever version it carries traffic with, it must not be replaced under that traffic.
            self._move(writer, routes.in_percent(scene.weights, 0), scene.stable, spec.stable_service)
        size = self._canary_size(scene, percent)

        def change(live: Json) -> Operations | None:
            marks = {SETTINGS: settings_text(settings_of(live, asked))}
            if annotation(live, ROLLOUT) != asked.rollout or not annotation(live, SIZE):
                marks[SIZE] = str(replicas_of(live))
            operations = [*retemplated(live, self._template(live, asked)), *resized(live, size)]
            return [*annotated(live, marks), *operations] if operations else None

        canary = writer.write(
            _deployments(), spec.canary, change, f"{asked.version}, {size} pod{'' if size == 1 else 's'}"
        )
        canary = writer.wait_ready(canary, spec.container)
        self._move(writer, routes.in_percent(scene.weights, percent), canary, spec.canary_service)
        if percent == 100:
            return self._finish(writer, asked)
        return Applied(
            percent / 100,
            f"{percent} % of {spec.route} goes to {size} pod{'' if size == 1 else 's'} of {asked.version}",
            writer.writes,
        )

    def sides(self) -> Sides:
        """Who serves: the new version's share by the weights and by what each Deployment runs."""
        scene = self._scene()
        container = self._spec.container
        versions = version_in(scene.stable, container), version_in(scene.canary, container)
        if self._good is not None:
            is_new = [version != self._good["stable"]["version"] for version in versions]
        else:
            version = self._version or annotation(scene.canary, VERSION) or versions[1]
            is_new = [each == version for each in versions]
        share = sum(part for part, new in zip((1 - scene.share, scene.share), is_new, strict=True) if new)
        stable, canary = (versions[0], *self._count(scene.stable)), (versions[1], *self._count(scene.canary))
        new, old = (stable, canary) if is_new[0] else (canary, stable)
        if is_new == [True, True]:
            old = ("", 0, 0)
        services = f"{self._spec.stable_service}:{self._spec.canary_service}"
        says = f"HTTPRoute {self._spec.route} gives {services} {routes.shown(scene.weights)}"
        return Sides(share, *new, *old, f"{says}; the new version serves {share * 100:.0f} %")

    def foresee_rollback(self, good: Mapping[str, Any]) -> Foreseen:
        """The writes of `roll_back`; refused where neither side has a ready pod and the stable one is as recorded."""
        scene = self._scene()
        spec = self._spec
        does: list[str] = []
        for record, live in ((good["stable"], scene.stable), (good["canary"], scene.canary)):
            if not is_recorded(record, live["spec"]["template"]):
                does.append(f"puts {record['version']} back on {record['name']}")
            if self._size_back(record, live) != replicas_of(live):
                does.append(f"scales {record['name']} from {replicas_of(live)} to {self._size_back(record, live)} pods")
        wanted = [Weights.from_body(each) for each in good["weights"]]
        if routes.moved(scene.route, spec.stable_service, spec.canary_service, wanted):
            does.append(f"sets the weights of HTTPRoute {spec.route} back to {routes.shown(wanted)}")
        refused = ""
        served = is_recorded(good["stable"], scene.stable["spec"]["template"]) and replicas_of(scene.stable)
        if served and not self._count(scene.stable)[0] and not self._count(scene.canary)[0]:
            refused = (
                f"neither {spec.stable} nor {spec.canary} has a ready pod, so no weight is moved: get {spec.stable} "
                "ready first (press 1 and Enter for pods and events)"
            )
        return Foreseen(tuple(does), 0.0, refused, owner_warnings(scene.route, scene.stable, scene.canary))

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
        """Make the stable side ready as it was recorded, give it its weights back, then restore the canary."""
        self._version = asked.version
        spec, record = self._spec, good["stable"]
        writer = self._writer(asked, say, on_write, fence, stopped)
        scene = self._scene()
        wanted = tuple(Weights.from_body(each) for each in good["weights"])
        try:
            stable = self._restore(writer, scene.stable, record)
            self._move(writer, wanted, stable, spec.stable_service)
        except Fenced:
            raise
        except ActionFailed as error:
            now = self._scene()
            if now.weights == wanted:
                raise
            ready, pods = self._count(now.canary)
            raise ActionFailed(
                f"no weight was moved, the weights are {routes.shown(now.weights)} and {spec.canary} serves on with "
                f"{ready} of {pods} pods ready: {error}"
            ) from error
        told = (
            f"{record['version']} serves with the weights {routes.shown(wanted)}: {replicas_of(stable)} of "
            f"{replicas_of(stable)} pods ready"
        )
        try:
            self._restore(writer, scene.canary, good["canary"])
        except Fenced:
            raise
        except ActionFailed as error:
            # The traffic is back; that must not be called a failure for the canary's sake.
            say(str(error))
            return f"{told}; {spec.canary} is not as it was recorded: {error}"
        return told

    def _finish(self, writer: Writer, asked: Asked) -> Applied:
        """The stable Deployment takes the version over, then the weight, and the canary is given back its size."""
        spec = self._spec

        def take_over(live: Json) -> Operations | None:
            kept = settings_text(self._settings(live, asked))
            return [*annotated(live, {SETTINGS: kept}), *retemplated(live, self._final(live, asked))] or None

        stable = writer.write(_deployments(), spec.stable, take_over, f"{asked.version}, while it serves nobody")
        stable = writer.wait_ready(stable, spec.container)
        self._move(writer, routes.in_percent(self._scene().weights, 0), stable, spec.stable_service)

        def give_back(live: Json) -> Operations | None:
            before = annotation(live, SIZE)
            if annotation(live, VERSION) != asked.version or not before.isdigit():
                return None
            return [*annotated(live, {SIZE: ""}), *resized(live, int(before))]

        canary = writer.write(_deployments(), spec.canary, give_back, "the size it had before")
        writer.wait_ready(canary, spec.container)
        pods = replicas_of(stable)
        says = f"{asked.version} serves everything: {pods} of {pods} pods of {spec.stable}"
        return Applied(1.0, says, writer.writes)

    def _foresee_end(self, scene: _Scene, asked: Asked) -> list[str]:
        spec = self._spec
        does: list[str] = []
        if retemplated(scene.stable, self._final(scene.stable, asked)):
            does.append(f"puts {asked.version} with its settings on {spec.stable}")
        if scene.carries:
            does.append(f"gives {spec.stable} all the weight back")
        size = annotation(scene.canary, SIZE)
        if size.isdigit() and int(size) != replicas_of(scene.canary):
            does.append(f"scales {spec.canary} from {replicas_of(scene.canary)} to {size} pods")
        return does

    def _final(self, live: Json, asked: Asked) -> Json:
        values, where = self._settings(live, asked), self._spec.stable
        return released(live["spec"]["template"], self._spec.container, asked.version, values, where=where)

    def _settings(self, live: Json, asked: Asked) -> dict[str, str]:
        """What the canary was soaked with goes over to the stable one, once; from then on the stable one keeps it."""
        if runs(live["spec"]["template"], self._spec.container, asked.version):
            return settings_of(live, asked)
        return settings_of(find_deployment(self._api, self._namespace, self._spec.canary), asked)

    def _template(self, canary: Json, asked: Asked) -> Json:
        values, where = settings_of(canary, asked), self._spec.canary
        return released(canary["spec"]["template"], self._spec.container, asked.version, values, where=where)

    def _restore(self, writer: Writer, live: Json, record: Mapping[str, Any]) -> Json:
        def size(found: Json) -> int:
            return self._size_back(record, found)

        return restore(writer, live, record, self._spec.container, size=size, forget=(SIZE,))

    def _size_back(self, record: Mapping[str, Any], live: Json) -> int:
        """More stable pods than were recorded are somebody's answer to load: they are not taken away now."""
        size = int(record["replicas"])
        return max(size, replicas_of(live)) if record["name"] == self._spec.stable else size

    def _move(self, writer: Writer, wanted: tuple[Weights, ...], target: Json, service: str) -> None:
        """Give the route these weights once the Service that gains leads to ready pods, and see them accepted."""
        spec = self._spec
        live = self._scene()
        if routes.moved(live.route, spec.stable_service, spec.canary_service, wanted) and any(
            each.canary if service == spec.canary_service else each.stable for each in wanted
        ):
            wait_for_endpoints(writer, service, target)

        def change(route: Json) -> Operations | None:
            return routes.moved(route, spec.stable_service, spec.canary_service, wanted) or None

        writer.write(
            http_routes(), spec.route, change, f"weights {routes.shown(live.weights)} → {routes.shown(wanted)}"
        )
        wait_until_accepted(writer, spec.route)

    def _scene(self) -> _Scene:
        spec = self._spec
        route = find(self._api, self._namespace, http_routes(), spec.route)
        if route is None:
            raise ActionFailed(
                f"kubernetes {self._api.host}: there is no HTTPRoute {spec.route} in {self._namespace}; "
                "check the plan's names and namespace"
            )
        return _Scene(
            route,
            routes.weights_of(route, spec.stable_service, spec.canary_service),
            find_deployment(self._api, self._namespace, spec.stable),
            find_deployment(self._api, self._namespace, spec.canary),
        )

    def _percent(self, scene: _Scene, asked: Asked) -> int:
        """Whole percent. Raises Refused for anything else, and where the stable side runs the version itself."""
        ratio = asked.share.ratio
        if ratio is None or abs(ratio * 100 - round(ratio * 100)) > 1e-6:
            raise Refused(
                f"weights of HTTPRoute {self._spec.route} are set in whole percent, and "
                f"{asked.share.text or 'nothing'} is none; write such as `share: 5%`"
            )
        if not replicas_of(scene.stable):
            raise Refused(f"{self._spec.stable} wants no pods, of which a share could be had; scale it first")
        percent = round(ratio * 100)
        if percent < 100 and runs(scene.stable["spec"]["template"], self._spec.container, asked.version):
            raise Refused(
                f"{self._spec.stable} runs {asked.version} itself, so a share of it cannot be had; roll back (R) to "
                "the version before first"
            )
        return percent

    def _canary_size(self, scene: _Scene, percent: int) -> int:
        """Its share of the stable one's pods, rounded up, one at least; what it has is not taken away meanwhile."""
        return max(replicas_of(scene.canary), -(-replicas_of(scene.stable) * percent // 100), 1)

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


def _deployments() -> Resource:
    from console.systems.kubernetes_connection import DEPLOYMENTS

    return DEPLOYMENTS

"""The sandbox's cluster: a system deployed on the embedded Kubernetes server, with a past to return to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from console.sandbox.kube.errors import ApiError
from console.sandbox.kube.kinds import (
    AUTOSCALERS,
    CONFIG_MAPS,
    DEPLOYMENTS,
    ENDPOINTS,
    HTTP_ROUTES,
    NAMESPACES,
    PODS,
    ROLLOUTS,
    SECRETS,
    SERVICES,
)
from console.sandbox.kube.pods import Timing
from console.sandbox.kube.server import CONTEXT, KubeServer
from console.sandbox.kube.store import Change, ChangeType
from console.sandbox.manifests import CHANGE_CAUSE, Manifests
from console.sandbox.pods import Container, Pods
from console.sandbox.world_file import BrokenWorld, PlaceSpec, WorldFile
from console.sandbox.writes import Writes

__all__ = ["CONTEXT", "Cluster"]

CONFLICTS = 3
_SETTLED_WITHIN = 15.0
# Quicker than a real kubelet: a practised rollback should take seconds, and a crash loop should heal within some.
_TIMING = Timing(probe=0.2, backoff=2.0, backoff_most=6.0)

Json = dict[str, Any]


class Cluster:
    """The cluster with all environments of the sandbox, a namespace each.

    kubeconfig: where to write it. written: told of each effective write of a client: namespace, plural, name.
    """

    def __init__(
        self, world: WorldFile, pods: Pods, kubeconfig: Path, written: Callable[[str, str, str], None]
    ) -> None:
        self.writes = Writes()
        self._world = world
        self._pods = pods
        self._kubeconfig = kubeconfig
        self._written = written
        self._server = KubeServer(runtime=pods, timing=_TIMING)
        self._endpoints: dict[tuple[str, str], tuple[str, ...]] = {}
        self._kept: dict[tuple[str, str], Json] = {}
        self._is_down = False

    async def start(self) -> None:
        """Listen, and write the kubeconfig, whose namespace is the first environment's."""
        server = self._server
        await server.start()
        described = yaml.safe_load(server.kubeconfig())
        described["contexts"][0]["context"]["namespace"] = self._world.places[0].namespace
        self._kubeconfig.touch(mode=0o600)
        self._kubeconfig.chmod(0o600)
        self._kubeconfig.write_text(yaml.safe_dump(described, sort_keys=False))
        server.store.subscribe(self._changed)

    async def fill(self, place: PlaceSpec, redis: Mapping[str, str]) -> None:
        """Deploy one environment, and wait until it is ready. Raises RuntimeError where it does not get there.

        redis: what the pods' environment says of Redis. The past version is deployed with no replicas, so that it is in
        the history without having cost a start.
        """
        api, manifests, namespace = self._server.api, Manifests(self._world, place.namespace), place.namespace
        api.create(NAMESPACES, "", manifests.namespace())
        api.create(CONFIG_MAPS, namespace, manifests.settings())
        api.create(SECRETS, namespace, manifests.redis_secret(redis))
        for service in self._world.services:
            api.create(SERVICES, namespace, manifests.service(service))
        past = self._world.past
        for spec in self._world.deployments:
            version = spec.version or self._world.current
            replicas = place.replicas.get(spec.name, spec.replicas)
            api.create(DEPLOYMENTS, namespace, manifests.deployment(spec, past or version, 0 if past else replicas))
        names = [spec.name for spec in self._world.deployments]
        await self._until(namespace, names, lambda found: _revision(found) == 1, "the first revision")
        for spec in self._world.deployments:
            if past:
                replicas = place.replicas.get(spec.name, spec.replicas)
                self._release(namespace, spec.name, spec.version or self._world.current, replicas)
        for told in self._world.objects:
            self._create(manifests.own(told), namespace)
        await self._until(namespace, names, _settled, "ready pods")
        rollouts = [told["metadata"]["name"] for told in self._world.objects if told.get("kind") == "Rollout"]
        await self._until(namespace, rollouts, _argo_settled, "ready pods", ROLLOUTS)
        for autoscaler in place.autoscalers:
            api.create(AUTOSCALERS, namespace, manifests.autoscaler(autoscaler))
        if (database := self._world.extras.database) is not None:
            members = [f"{database.name}-{number}" for number in range(database.pods)]
            for member in members:
                api.create(PODS, namespace, manifests.bystander(member, database.image, database.name))
                self._kept[namespace, member] = manifests.bystander(member, database.image, database.name)
            await self._until(namespace, members, _runs, "running", PODS)

    def leads(self, app: str, leader: str) -> None:
        """Label the pods of a database by who leads, as Patroni does."""
        for (namespace, name), made in self._kept.items():
            if made["metadata"]["labels"]["app"] == app and self._server.api.find(PODS, namespace, name):
                self._server.api.change(PODS, namespace, name, _labelled("primary" if name == leader else "replica"))

    def endpoints(self, namespace: str, service: str) -> tuple[str, ...]:
        """The names of the ready pods that a Service selects."""
        return self._endpoints.get((namespace, service), ())

    def route(self, namespace: str, name: str) -> Json | None:
        """An HTTPRoute as it is, not to be changed."""
        return self._server.store.get(HTTP_ROUTES.stored_as, namespace, name)

    def of(self, namespace: str, name: str) -> list[Container]:
        """The serving containers of a Service's pods, else of a Deployment's or Rollout's of that name."""
        if (namespace, name) in self._endpoints:
            found = [self._pods.get(namespace, pod) for pod in self._endpoints[namespace, name]]
            return [container for container in found if container is not None]
        return [item for item in self._pods.running(namespace) if item.workload == name and item.serving]

    async def deploy(self, version: str) -> int:
        """Release a version to the main Deployment and give its revision.

        Raises RuntimeError where the controller does not take it up.
        """
        namespace, name = self._world.places[0].namespace, self._world.deployments[0].name
        generation = self._release(namespace, name, version, None)

        def taken_up(found: Json) -> bool:
            return bool((found.get("status") or {}).get("observedGeneration", 0) >= generation)

        await self._until(namespace, [name], taken_up, "the new revision")
        return _revision(self._server.api.get(DEPLOYMENTS, namespace, name))

    def conflict(self, on: bool) -> None:
        """Answer the next writes with 409, or no more of them."""
        if on:
            self._server.conflict(times=CONFLICTS)
        else:
            self._server.faults.clear()
            self.take_down(self._is_down)

    def take_down(self, on: bool) -> None:
        """Answer every request with 503, or answer again."""
        self._is_down = on
        if on:
            self._server.unavailable()
        else:
            self._server.faults.clear_outage()

    async def stop(self) -> None:
        """End the API server and every pod."""
        await self._server.stop()

    def _create(self, told: Json, namespace: str) -> None:
        kind = self._server.kinds.named(str(told.get("apiVersion")), str(told.get("kind")))
        if kind is None:
            raise BrokenWorld(
                f"{self._world.path}: objects: the practice cluster has no {told.get('kind')} of "
                f"{told.get('apiVersion')}; take it out."
            )
        try:
            self._server.api.create(kind, namespace, told)
        except ApiError as error:
            raise BrokenWorld(f"{self._world.path}: objects: {error}.") from error

    def _release(self, namespace: str, name: str, version: str, replicas: int | None) -> int:
        def edit(found: Json) -> Json:
            found["metadata"].setdefault("annotations", {})[CHANGE_CAUSE] = f"deploy {version}"
            for container in found["spec"]["template"]["spec"]["containers"]:
                if str(container["image"]).startswith(f"{self._world.image}:"):
                    container["image"] = f"{self._world.image}:{version}"
            if replicas is not None:
                found["spec"]["replicas"] = replicas
            return found

        return int(self._server.api.change(DEPLOYMENTS, namespace, name, edit)["metadata"]["generation"])

    async def _until(
        self, namespace: str, names: list[str], reached: Callable[[Json], bool], what: str, kind: Any = DEPLOYMENTS
    ) -> None:
        deadline = time.monotonic() + _SETTLED_WITHIN
        for name in names:
            while not reached(found := self._server.api.get(kind, namespace, name)):
                if time.monotonic() > deadline:
                    raise RuntimeError(
                        f"The sandbox's {kind.name} {namespace}/{name} did not come to {what} in "
                        f"{_SETTLED_WITHIN:.0f} s: {found.get('status') or {}}"
                    )
                await asyncio.sleep(0.02)

    def _changed(self, change: Change) -> None:
        if change.store == ENDPOINTS.stored_as:
            self._endpoints[change.key] = tuple(
                address["targetRef"]["name"]
                for subset in change.object.get("subsets") or ()
                for address in subset.get("addresses") or ()
            )
        if change.type is ChangeType.DELETED and change.store == PODS.stored_as and change.key in self._kept:
            # Pods of a StatefulSet come back under their name.
            made = self._kept[change.key]
            asyncio.get_running_loop().call_soon(self._server.api.create, PODS, change.key[0], made)
        verb = self._server.requests.get(_current_task())
        if verb is None or verb == "get":
            return
        namespace, name = change.key
        if change.type is ChangeType.DELETED:
            verb = "delete"
        self.writes.add(verb, change.store, namespace, name, str(change.object["metadata"]["resourceVersion"]))
        self._written(namespace, change.store.partition(".")[0], name)


def _current_task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


def _runs(found: Json) -> bool:
    return bool((found.get("status") or {}).get("phase") == "Running")


def _labelled(role: str) -> Callable[[Json], Json]:
    def edit(found: Json) -> Json:
        found["metadata"].setdefault("labels", {})["role"] = role
        return found

    return edit


def _revision(found: Json) -> int:
    return int((found["metadata"].get("annotations") or {}).get("deployment.kubernetes.io/revision", 0))


def _settled(found: Json) -> bool:
    status, wanted = found.get("status") or {}, found["spec"]["replicas"]
    observed = status.get("observedGeneration") == found["metadata"]["generation"]
    counts = {status.get(name, 0) for name in ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")}
    return observed and counts == {wanted}


def _argo_settled(found: Json) -> bool:
    status = found.get("status") or {}
    return bool(status.get("phase") == "Healthy" and status.get("readyReplicas", 0) == found["spec"]["replicas"])

"""The sandbox's cluster: hak-gal deployed on the embedded Kubernetes server, with a past to return to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from console.sandbox import manifests
from console.sandbox.kube.kinds import AUTOSCALERS, CONFIG_MAPS, DEPLOYMENTS, ENDPOINTS, NAMESPACES, SECRETS, SERVICES
from console.sandbox.kube.pods import Timing
from console.sandbox.kube.server import CONTEXT, KubeServer
from console.sandbox.kube.store import Change
from console.sandbox.pods import Container, Pods

__all__ = ["CONTEXT", "Cluster"]

CONFLICTS = 3
_SETTLED_WITHIN = 15.0
# Quicker than a real kubelet: a practised rollback should take seconds, and a crash loop should heal within some.
_TIMING = Timing(probe=0.2, backoff=2.0, backoff_most=6.0)
_KEY = (manifests.NAMESPACE, manifests.NAME)


class Cluster:
    """The cluster with its one Deployment. kubeconfig: where to write it."""

    def __init__(self, pods: Pods, kubeconfig: Path) -> None:
        self._pods = pods
        self._kubeconfig = kubeconfig
        self._server = KubeServer(runtime=pods, timing=_TIMING)
        self._endpoints: list[str] = []
        self._is_down = False

    async def start(self, redis: Mapping[str, str], first: str, current: str) -> None:
        """Deploy `first`, then `current`, and wait until it is ready. Raises RuntimeError where it does not get there.

        redis: what the pods' environment says of Redis. The first version is deployed with no replicas, so that it
        is in the history without having cost a start.
        """
        server = self._server
        await server.start()
        described = yaml.safe_load(server.kubeconfig())
        described["contexts"][0]["context"]["namespace"] = manifests.NAMESPACE
        self._kubeconfig.touch(mode=0o600)
        self._kubeconfig.chmod(0o600)
        self._kubeconfig.write_text(yaml.safe_dump(described, sort_keys=False))
        server.store.subscribe(self._changed)
        server.api.create(NAMESPACES, "", manifests.namespace())
        server.api.create(CONFIG_MAPS, manifests.NAMESPACE, manifests.settings())
        server.api.create(SECRETS, manifests.NAMESPACE, manifests.redis_secret(redis))
        server.api.create(SERVICES, manifests.NAMESPACE, manifests.service())
        server.api.create(DEPLOYMENTS, manifests.NAMESPACE, manifests.deployment(first, 0))
        await self._until(lambda found: _revision(found) == 1, "the first revision")
        self._release(current, manifests.REPLICAS)
        await self._until(_settled, "ready pods")
        server.api.create(AUTOSCALERS, manifests.NAMESPACE, manifests.autoscaler())

    def endpoints(self) -> list[Container]:
        """The containers that the Service routes to."""
        return [found for name in self._endpoints if (found := self._pods.get(name)) is not None]

    async def deploy(self, version: str) -> int:
        """Release a version and give its revision. Raises RuntimeError where the controller does not take it up."""
        generation = self._release(version, None)

        def taken_up(found: dict[str, Any]) -> bool:
            return bool((found.get("status") or {}).get("observedGeneration", 0) >= generation)

        return _revision(await self._until(taken_up, "the new revision"))

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

    def _release(self, version: str, replicas: int | None) -> int:
        def edit(found: dict[str, Any]) -> dict[str, Any]:
            found["metadata"].setdefault("annotations", {})[manifests.CHANGE_CAUSE] = f"deploy {version}"
            for container in found["spec"]["template"]["spec"]["containers"]:
                if container["name"] == manifests.NAME:
                    container["image"] = f"hak-gal:{version}"
            if replicas is not None:
                found["spec"]["replicas"] = replicas
            return found

        return int(self._server.api.change(DEPLOYMENTS, *_KEY, edit)["metadata"]["generation"])

    async def _until(self, reached: Any, what: str) -> dict[str, Any]:
        deadline = time.monotonic() + _SETTLED_WITHIN
        while True:
            found = self._server.api.get(DEPLOYMENTS, *_KEY)
            if reached(found):
                return found
            if time.monotonic() > deadline:
                status = found.get("status") or {}
                raise RuntimeError(
                    f"The sandbox's Deployment did not come to {what} in {_SETTLED_WITHIN:.0f} s: {status}"
                )
            await asyncio.sleep(0.02)

    def _changed(self, change: Change) -> None:
        if change.store == ENDPOINTS.stored_as and change.key == _KEY:
            self._endpoints = [
                address["targetRef"]["name"]
                for subset in change.object.get("subsets") or ()
                for address in subset.get("addresses") or ()
            ]


def _revision(found: dict[str, Any]) -> int:
    return int((found["metadata"].get("annotations") or {}).get("deployment.kubernetes.io/revision", 0))


def _settled(found: dict[str, Any]) -> bool:
    status, wanted = found.get("status") or {}, found["spec"]["replicas"]
    observed = status.get("observedGeneration") == found["metadata"]["generation"]
    counts = {status.get(name, 0) for name in ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")}
    return observed and counts == {wanted}

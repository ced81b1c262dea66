"""What the Kubernetes tests share: a namespace of the test's own, deployments in it, and ways to look at them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from console.core.readings import Pod, Workload
from console.systems.kubernetes_connection import (
    DEPLOYMENTS,
    JSON_PATCH,
    MERGE_PATCH,
    PODS,
    REPLICA_SETS,
    KubernetesApi,
    KubernetesError,
    Resource,
)
from console.systems.kubernetes_objects import owner, progressing, read_pod, read_workload
from tests.conftest import wait_until
from tests.kubernetes.kubelet import KubeletStandIn
from tests.kubernetes.proxy import Proxy

Json = dict[str, Any]

NAMESPACES = Resource("api/v1", "namespaces", namespaced=False)
SERVICE_ACCOUNTS = Resource("api/v1", "serviceaccounts")
CONFIG_MAPS = Resource("api/v1", "configmaps")
QUOTAS = Resource("api/v1", "resourcequotas")

OLD = "3.9"
NEW = "3.10"
BAD = "no-such-version"
REPOSITORY = "registry.k8s.io/pause"
NAME = "hak-gal"
# Real clusters pull images and end containers in their own time.
PATIENCE = 90.0


def image(version: str) -> str:
    return f"{REPOSITORY}:{version}"


def utc_now() -> datetime:
    return datetime.now(UTC)


def deployment(name: str = NAME, version: str = OLD, replicas: int = 2, **spec: Any) -> Json:
    """A Deployment as a strict API server accepts it. spec: further fields of its spec."""
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "automountServiceAccountToken": False,
                    "terminationGracePeriodSeconds": 0,
                    "containers": [{"name": "firewall", "image": image(version)}],
                },
            },
            **spec,
        },
    }


@dataclass
class World:
    """A namespace of the test's own. api: straight to the API server; proxy: in front of it. kubelet: the
    stand-in that makes pods run, None where real ones do."""

    api: KubernetesApi
    proxy: Proxy
    namespace: str
    made: list[str] = field(default_factory=list)
    kubelet: KubeletStandIn | None = None

    def deploy(self, name: str = NAME, version: str = OLD, replicas: int = 2, **spec: Any) -> Json:
        """Create a Deployment and wait until it has settled, where its version can."""
        self.api.create(DEPLOYMENTS, deployment(name, version, replicas, **spec))
        if version != BAD:
            self.settled(name)
        return self.live(name)

    def live(self, name: str = NAME) -> Json:
        return self.api.get(DEPLOYMENTS, name)

    def set_version(self, version: str, name: str = NAME) -> Json:
        """As `kubectl set image` does it."""
        operation = {"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": image(version)}
        return self.api.patch(DEPLOYMENTS, name, [operation], content_type=JSON_PATCH)

    def merge(self, body: Json, name: str = NAME) -> Json:
        return self.api.patch(DEPLOYMENTS, name, body, content_type=MERGE_PATCH)

    def workload(self, name: str = NAME) -> Workload:
        """Read anew from the API server."""
        return read_workload(self.live(name), self.api.list(REPLICA_SETS), None)

    def pods(self, name: str = NAME) -> tuple[Pod, ...]:
        sets = {each["metadata"]["uid"]: each for each in self.api.list(REPLICA_SETS)}
        pods = self.api.list(PODS, label_selector=f"app={name}")
        return tuple(read_pod(pod, sets.get(owner(pod, "ReplicaSet")), None, name) for pod in pods)

    def settled(self, name: str = NAME) -> Workload:
        def look() -> Workload | None:
            # The controller's last word on a rollout; after it the object does not change by itself any more.
            if progressing(self.live(name)).get("reason") != "NewReplicaSetAvailable":
                return None
            workload = self.workload(name)
            return workload if workload.settled and workload.current else None

        return wait_until(look, within=PATIENCE, what=f"{name} settled") or self.workload(name)

    def version(self, name: str = NAME) -> str:
        return self.workload(name).version

    def make_room_for(self, pods: int) -> None:
        """From now on no more pods than these run at once."""
        if self.kubelet is not None:
            self.kubelet.room = pods
            return
        body = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "room"}}
        self.api.create(QUOTAS, {**body, "spec": {"hard": {"pods": str(pods)}}})

    def delete(self, name: str = NAME) -> None:
        with suppress(KubernetesError):
            self.api.delete(DEPLOYMENTS, name)

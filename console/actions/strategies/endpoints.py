"""Where a Service's traffic goes: its ready endpoints, and waiting until they are the pods that are meant."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from console.actions.strategies.recorded import replicas_of
from console.actions.strategies.writing import Writer
from console.core.operations import ActionFailed, Unverified
from console.core.units import show_span
from console.systems.kubernetes_objects import owner, selector_text

if TYPE_CHECKING:
    from console.systems.kubernetes_connection import Resource

Json = dict[str, Any]

_SERVICE_NAME = "kubernetes.io/service-name"


def services() -> Resource:
    """Services of the core group."""
    from console.systems.kubernetes_connection import Resource

    return Resource("api/v1", "services")


def _slices() -> Resource:
    from console.systems.kubernetes_connection import Resource

    return Resource("apis/discovery.k8s.io/v1", "endpointslices")


def ready_pods(slices: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """The names of the pods that are ready endpoints; an endpoint whose readiness is not told counts as ready."""
    return frozenset(
        str((each.get("targetRef") or {}).get("name") or ",".join(each.get("addresses") or ()))
        for part in slices
        for each in part.get("endpoints") or ()
        if (each.get("conditions") or {}).get("ready") is not False
    )


def matches(selector: Mapping[str, str] | None, template: Mapping[str, Any]) -> bool:
    """Whether a Service of that selector leads to pods of the template; without a selector it leads to none."""
    labels = (template.get("metadata") or {}).get("labels") or {}
    return bool(selector) and all(labels.get(key) == value for key, value in (selector or {}).items())


def wait_for_endpoints(writer: Writer, service: str, deployment: Json) -> int:
    """Wait until the Service leads to every wanted pod of the Deployment and to no other; how many they are.

    Raises ActionFailed with what it leads to after `patience.trouble` without a change, Unverified when told to stop.
    """
    name, wanted = str(deployment["metadata"]["name"]), replicas_of(deployment)
    moved = time.monotonic()
    last: tuple[frozenset[str], frozenset[str]] | None = None
    while True:
        pods = _pods_of(writer, deployment)
        found = ready_pods(writer.read_all(_slices(), f"{_SERVICE_NAME}={service}"))
        if found and found <= pods and len(found) >= wanted:
            return len(found)
        if (pods, found) != last:
            last, moved = (pods, found), time.monotonic()
        if time.monotonic() - moved > writer.patience.trouble.total_seconds():
            others = f" and to {len(found - pods)} others, such as {min(found - pods)}" if found - pods else ""
            raise ActionFailed(
                f"Service {service} in {writer.namespace} leads to {len(found & pods)} of {wanted} ready pods of "
                f"{name}{others}, unchanged for {show_span(writer.patience.trouble)}: compare its selector with the "
                "pods' labels, then resume (h)"
            )
        if writer.stopped.wait(writer.patience.every.total_seconds()):
            raise Unverified(f"waiting for the endpoints of {service} was stopped; what is there is compared anew")


def _pods_of(writer: Writer, deployment: Json) -> frozenset[str]:
    from console.systems.kubernetes_connection import PODS, REPLICA_SETS

    selector = selector_text(deployment["spec"].get("selector") or {})
    uid = deployment["metadata"]["uid"]
    sets = {
        each["metadata"]["uid"] for each in writer.read_all(REPLICA_SETS, selector) if owner(each, "Deployment") == uid
    }
    return frozenset(_names(writer.read_all(PODS, selector), sets))


def _names(pods: Sequence[Json], sets: set[str]) -> Iterable[str]:
    return (str(pod["metadata"]["name"]) for pod in pods if owner(pod, "ReplicaSet") in sets)

"""Where the traffic of a Service goes: its Endpoints, and the same as an EndpointSlice."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from console.sandbox.kube.api import Api
from console.sandbox.kube.kinds import ENDPOINT_SLICES, ENDPOINTS, PODS, SERVICES
from console.sandbox.kube.objects import (
    Obj,
    is_ready,
    labels_of,
    name_of,
    namespace_of,
    object_reference,
    owner_reference,
)
from console.sandbox.kube.selectors import map_selector
from console.sandbox.kube.store import Change, Key

SERVICE_LABEL = "kubernetes.io/service-name"


class EndpointsController:
    """Keeps the Endpoints of every Service with a selector: the addresses of its pods, ready or not."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def existing(self) -> Iterable[Key]:
        """Every Service."""
        return [(namespace_of(obj), name_of(obj)) for obj in self._api.store.all(SERVICES.stored_as)]

    def keys(self, change: Change) -> Iterable[Key]:
        """The Service itself, or the Services whose selector a changed pod fits or fitted."""
        if change.store == SERVICES.stored_as:
            return [change.key]
        if change.store != PODS.stored_as:
            return []
        states = [state for state in (change.object, change.previous) if state is not None]
        return [
            (namespace_of(service), name_of(service))
            for service in self._api.store.all(SERVICES.stored_as, namespace_of(change.object))
            if any(map_selector(service["spec"].get("selector"))(state) for state in states)
        ]

    def reconcile(self, key: Key) -> float | None:
        """Write the Endpoints as the pods are now."""
        service = self._api.find(SERVICES, *key)
        existing = self._api.find(ENDPOINTS, *key)
        if service is None:
            if existing is not None:
                self._api.delete(ENDPOINTS, *key)
            return None
        if not service["spec"].get("selector"):
            return None
        subsets = self._subsets(service)
        if existing is None:
            wanted: Obj = {"metadata": {"name": name_of(service), "labels": dict(labels_of(service))}}
            if subsets:
                wanted["subsets"] = subsets
            self._api.create(ENDPOINTS, key[0], wanted)
        elif (existing.get("subsets") or []) != subsets:
            existing["subsets"] = subsets
            self._api.update(ENDPOINTS, existing)
        self._write_slice(service, subsets)
        return None

    def _write_slice(self, service: Obj, subsets: list[Obj]) -> None:
        """One slice for all: pods of one Service have the same ports but for named ones, which are rare."""
        namespace = namespace_of(service)
        labels = {SERVICE_LABEL: name_of(service), "endpointslice.kubernetes.io/managed-by": "endpointslice-controller"}
        endpoints = [
            {
                "addresses": [address["ip"]],
                "conditions": {"ready": ready, "serving": ready, "terminating": False},
                "targetRef": address["targetRef"],
                "nodeName": address["nodeName"],
            }
            for subset in subsets
            for field, ready in (("addresses", True), ("notReadyAddresses", False))
            for address in subset.get(field) or ()
        ]
        ports = [{"name": "", **port} for port in subsets[0].get("ports") or ()] if subsets else []
        content: Obj = {"addressType": "IPv4", "endpoints": endpoints, "ports": ports}
        mine = labels.items()
        found = next(
            (each for each in self._api.list(ENDPOINT_SLICES, namespace) if mine <= labels_of(each).items()), None
        )
        if found is None:
            metadata = {
                "generateName": f"{name_of(service)}-",
                "labels": labels,
                "ownerReferences": [owner_reference(service)],
            }
            self._api.create(ENDPOINT_SLICES, namespace, {"metadata": metadata, **content})
        elif any(found.get(field) != value for field, value in content.items()):
            self._api.update(ENDPOINT_SLICES, {**found, **content})

    def _subsets(self, service: Obj) -> list[Obj]:
        matches = map_selector(service["spec"]["selector"])
        by_ports: dict[str, Obj] = {}
        for pod in self._api.store.all(PODS.stored_as, namespace_of(service)):
            status = pod.get("status") or {}
            leaving = pod["metadata"].get("deletionTimestamp") or status.get("phase") in ("Succeeded", "Failed")
            if not matches(pod) or leaving or not status.get("podIP"):
                continue
            ports = [port for wanted in service["spec"].get("ports") or () if (port := _port(wanted, pod))]
            subset = by_ports.setdefault(repr(ports), {"addresses": [], "notReadyAddresses": [], "ports": ports})
            reference = object_reference(pod)
            target = {key: reference[key] for key in ("kind", "name", "namespace", "uid") if key in reference}
            address = {"ip": status["podIP"], "nodeName": pod["spec"].get("nodeName"), "targetRef": target}
            listed = is_ready(pod) or service["spec"].get("publishNotReadyAddresses")
            subset["addresses" if listed else "notReadyAddresses"].append(address)
        subsets = [{key: value for key, value in subset.items() if value} for _, subset in sorted(by_ports.items())]
        return [subset for subset in subsets if "addresses" in subset or "notReadyAddresses" in subset]


def _port(wanted: Obj, pod: Obj) -> Obj | None:
    target: Any = wanted.get("targetPort", wanted["port"])
    if isinstance(target, str):
        for container in pod["spec"]["containers"]:
            for port in container.get("ports") or ():
                if port.get("name") == target:
                    target = port["containerPort"]
        if isinstance(target, str):
            return None
    result: Obj = {"port": target, "protocol": wanted.get("protocol", "TCP")}
    return {"name": wanted["name"], **result} if wanted.get("name") else result

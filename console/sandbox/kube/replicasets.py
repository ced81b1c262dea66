"""The ReplicaSet controller: as many pods as asked, the least useful ones deleted first."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from console.sandbox.kube.api import Api
from console.sandbox.kube.controller import claim
from console.sandbox.kube.events import Recorder
from console.sandbox.kube.kinds import PODS, REPLICA_SETS
from console.sandbox.kube.objects import (
    Obj,
    annotations_of,
    clone,
    condition,
    controller_of,
    created_at,
    is_active,
    is_ready,
    labels_of,
    moment_of,
    name_of,
    namespace_of,
    owner_reference,
)
from console.sandbox.kube.rollouts import replicas
from console.sandbox.kube.selectors import object_selector
from console.sandbox.kube.store import Change, Key

MOST_AT_ONCE = 500
_PHASES = {"Pending": 0, "Unknown": 1, "Running": 2}


def ready_since(pod: Obj) -> str:
    """When the pod became ready; empty when it is not."""
    found = condition(pod, "Ready")
    return str(found.get("lastTransitionTime") or "") if found and found.get("status") == "True" else ""


def least_useful_first(pods: Iterable[Obj]) -> list[Obj]:
    """The order of deletion: unscheduled, pending, unready, cheap, lately ready, often restarted, young."""

    def rank(pod: Obj) -> tuple[object, ...]:
        status = pod.get("status") or {}
        restarts = max((item.get("restartCount", 0) for item in status.get("containerStatuses") or ()), default=0)
        cost = int(annotations_of(pod).get("controller.kubernetes.io/pod-deletion-cost", "0"))
        return (
            bool(pod["spec"].get("nodeName")),
            _PHASES.get(status.get("phase", "Pending"), 1),
            is_ready(pod),
            cost,
            _newest_first(ready_since(pod)),
            -restarts,
            _newest_first(created_at(pod)),
        )

    return sorted(pods, key=rank)


def _newest_first(text: str) -> tuple[int, ...]:
    return tuple(-ord(letter) for letter in text)


class ReplicaSetController:
    """Follows replica_set.go of Kubernetes 1.32, without expectations: its reads are never stale."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._events = Recorder(api, "replicaset-controller")

    def existing(self) -> Iterable[Key]:
        """Every ReplicaSet."""
        return [(namespace_of(obj), name_of(obj)) for obj in self._api.store.all(REPLICA_SETS.stored_as)]

    def keys(self, change: Change) -> Iterable[Key]:
        """The ReplicaSet itself, the owner of a pod, or those that an orphaned pod would fit."""
        if change.store == REPLICA_SETS.stored_as:
            return [change.key]
        if change.store != PODS.stored_as:
            return []
        found: list[Key] = []
        for pod in (change.object, change.previous):
            if pod is None:
                continue
            owner = controller_of(pod)
            if owner is not None and owner["kind"] == "ReplicaSet":
                found.append((namespace_of(pod), owner["name"]))
            elif owner is None:
                found += [
                    (namespace_of(item), name_of(item))
                    for item in self._api.store.all(REPLICA_SETS.stored_as, namespace_of(pod))
                    if object_selector(item["spec"]["selector"])(pod)
                ]
        return dict.fromkeys(found)

    def reconcile(self, key: Key) -> float | None:
        """Create or delete pods, then write the status."""
        found = self._api.find(REPLICA_SETS, *key)
        if found is None:
            return None
        if not found["metadata"].get("deletionTimestamp"):
            pods = self._pods(found)
            missing = replicas(found) - len(pods)
            for _ in range(min(missing, MOST_AT_ONCE)):
                pod = self._api.create(PODS, namespace_of(found), self._pod(found))
                self._events.normal(found, "SuccessfulCreate", f"Created pod: {name_of(pod)}")
            for pod in least_useful_first(pods)[: max(0, -missing)]:
                self._api.delete(PODS, namespace_of(pod), name_of(pod))
                self._events.normal(found, "SuccessfulDelete", f"Deleted pod: {name_of(pod)}")
        return self._write_status(found)

    def _pods(self, owner: Obj) -> list[Obj]:
        return [
            pod for pod in claim(self._api, PODS, owner, object_selector(owner["spec"]["selector"])) if is_active(pod)
        ]

    def _pod(self, owner: Obj) -> Obj:
        template: Obj = clone(owner["spec"]["template"])
        metadata = {
            "generateName": f"{name_of(owner)}-",
            "namespace": namespace_of(owner),
            "labels": (template.get("metadata") or {}).get("labels") or {},
            "ownerReferences": [owner_reference(owner)],
        }
        if annotations := (template.get("metadata") or {}).get("annotations"):
            metadata["annotations"] = annotations
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}

    def _write_status(self, owner: Obj) -> float | None:
        pods = self._pods(owner)
        template_labels = (owner["spec"]["template"].get("metadata") or {}).get("labels") or {}
        seconds = owner["spec"].get("minReadySeconds") or 0
        now = self._api.clock()
        ready = [moment_of(ready_since(pod)) for pod in pods if ready_since(pod)]
        waits = [(since + timedelta(seconds=seconds) - now).total_seconds() if seconds else 0.0 for since in ready]
        numbers = {
            "fullyLabeledReplicas": sum(template_labels.items() <= labels_of(pod).items() for pod in pods),
            "readyReplicas": len(ready),
            "availableReplicas": sum(wait <= 0 for wait in waits),
            "observedGeneration": owner["metadata"]["generation"],
        }
        status: Obj = {"replicas": len(pods), **{key: value for key, value in numbers.items() if value}}
        if conditions := (owner.get("status") or {}).get("conditions"):
            status["conditions"] = conditions
        current = self._api.get(REPLICA_SETS, namespace_of(owner), name_of(owner))
        if current.get("status") != status:
            current["status"] = status
            self._api.update_status(REPLICA_SETS, current)
        return min((wait for wait in waits if wait > 0), default=None)

"""A stand-in for kubelets, for clusters without a ready node: it reports the pods of one namespace as running."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from console.systems.kubernetes_connection import MERGE_PATCH, PODS, KubernetesApi, KubernetesError, Resource, Stream

Json = dict[str, Any]

NODES = Resource("api/v1", "nodes", namespaced=False)
# Labels of a namespace that takes plain pods on clusters that are strict by default.
ANY_POD = {f"pod-security.kubernetes.io/{mode}": "privileged" for mode in ("enforce", "audit", "warn")}
_TRIES = 20
_UNSCHEDULABLE = {
    "phase": "Pending",
    "conditions": [
        {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": "0/1 nodes are available: 1 Too many pods.",
        }
    ],
}


class KubeletStandIn:
    """Patches the status of every pod of the namespace to running and ready, except those with a bad image.

    room: how many pods run at once; those that come later wait until one is gone, as where no node can take them.
    Pods are not bound to a node: the API server deletes a pod without one at once.
    """

    def __init__(self, api: KubernetesApi, bad_images: frozenset[str]) -> None:
        self._api = api
        self._bad = bad_images
        self._ended = threading.Event()
        self.room: int | None = None
        self._done: dict[str, str] = {}
        self._waiting: dict[str, Json] = {}
        self._stream: Stream | None = None
        self._thread = threading.Thread(target=self._run, name="kubelet-stand-in", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        if self._stream is not None:
            self._stream.close()
        self._thread.join(5)

    def _run(self) -> None:
        version = ""
        while not self._ended.is_set():
            try:
                if not version:
                    for page in self._api.pages(PODS):
                        for pod in page.get("items") or ():
                            self._report(pod)
                        version = page["metadata"]["resourceVersion"]
                self._stream = self._api.watch(PODS, resource_version=version, seconds=20)
                if self._ended.is_set():
                    return
                for event in self._stream.events():
                    version = event["object"]["metadata"]["resourceVersion"]
                    if event["type"] in ("ADDED", "MODIFIED"):
                        self._report(event["object"])
                    elif event["type"] == "DELETED":
                        self._gone(event["object"]["metadata"]["uid"])
                    if self._ended.is_set():
                        return
            except KubernetesError:
                version = ""
                self._ended.wait(0.1)

    def _gone(self, uid: str) -> None:
        self._done.pop(uid, None)
        self._waiting.pop(uid, None)
        for pod in list(self._waiting.values()):
            self._report(pod)

    def _report(self, pod: Json) -> None:
        metadata = pod["metadata"]
        if metadata.get("deletionTimestamp") or metadata["uid"] in self._done:
            return
        if self.room is not None and len(self._done) >= self.room:
            if metadata["uid"] not in self._waiting:
                self._waiting[metadata["uid"]] = pod
                self._patch(pod, _UNSCHEDULABLE)
            return
        self._waiting.pop(metadata["uid"], None)
        self._done[metadata["uid"]] = metadata["name"]
        bad = any(each["image"] in self._bad for each in pod["spec"]["containers"])
        self._patch(pod, _status(pod, bad))

    def _patch(self, pod: Json, status: Json) -> None:
        metadata, body = pod["metadata"], {"status": status}
        for _ in range(_TRIES):
            try:
                self._api.patch(PODS, metadata["name"], body, content_type=MERGE_PATCH, subresource="status")
            except KubernetesError as error:
                if error.status == 404 or self._ended.wait(0.1):
                    return
            else:
                return


def _status(pod: Json, bad: bool) -> Json:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    well = "False" if bad else "True"
    octet = sum(pod["metadata"]["name"].encode()) % 250 + 1
    conditions = [
        {"type": kind, "status": state, "lastTransitionTime": now}
        | ({"reason": "ContainersNotReady", "message": "containers with unready status"} if state == "False" else {})
        for kind, state in (
            ("PodScheduled", "True"),
            ("Initialized", "True"),
            ("ContainersReady", well),
            ("Ready", well),
        )
    ]
    state = (
        {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}
        if bad
        else {"running": {"startedAt": now}}
    )
    return {
        "phase": "Pending" if bad else "Running",
        "startTime": now,
        "podIP": f"10.99.0.{octet}",
        "podIPs": [{"ip": f"10.99.0.{octet}"}],
        "conditions": conditions,
        "containerStatuses": [
            {
                "name": each["name"],
                "image": each["image"],
                "imageID": "" if bad else f"{each['image']}@sha256:{'0' * 64}",
                "ready": not bad,
                "started": not bad,
                "restartCount": 0,
                "state": state,
            }
            for each in pod["spec"]["containers"]
        ],
    }


def has_ready_node(api: KubernetesApi) -> bool:
    """Whether real kubelets will run the pods."""
    try:
        return takes_pods(api.list(NODES))
    except KubernetesError as error:
        if error.status in (403, 404):
            return False
        raise


def takes_pods(nodes: Iterable[Json]) -> bool:
    """Whether there is a node that is ready and open to pods without tolerations."""
    for node in nodes:
        spec = node.get("spec") or {}
        conditions = (node.get("status") or {}).get("conditions") or ()
        closed = spec.get("unschedulable") or any(
            taint.get("effect") in ("NoSchedule", "NoExecute") for taint in spec.get("taints") or ()
        )
        if not closed and any(each["type"] == "Ready" and each["status"] == "True" for each in conditions):
            return True
    return False

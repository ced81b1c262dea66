"""The one node: a scheduler that puts every pod on it, and a kubelet that runs them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from console.sandbox.kube.api import Api
from console.sandbox.kube.discovery import VERSION
from console.sandbox.kube.events import Recorder
from console.sandbox.kube.kinds import NODES, PODS
from console.sandbox.kube.objects import Obj, name_of, namespace_of, timestamp
from console.sandbox.kube.pods import PodWorker, Timing
from console.sandbox.kube.runtime import ContainerLog, PodRuntime, RunningContainer
from console.sandbox.kube.store import Change, ChangeType
from console.sandbox.kube.subresources import assign

NODE = "sandbox-node"
NODE_IP = "127.0.0.1"


class Kubelet:
    """Runs every pod there is by a PodRuntime."""

    def __init__(self, api: Api, runtime: PodRuntime, timing: Timing) -> None:
        self._api = api
        self._runtime = runtime
        self._timing = timing
        self._scheduler = Recorder(api, "default-scheduler")
        self._events = Recorder(api, "kubelet", host=NODE)
        self._workers: dict[str, PodWorker] = {}
        self._ended_logs: dict[str, PodWorker] = {}
        self._unsubscribe: Callable[[], None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Register the node and begin with the pods there are."""
        self._loop = asyncio.get_running_loop()
        self._api.create(NODES, "", _node(timestamp(self._api.clock())))
        status = _node(timestamp(self._api.clock()))["status"]
        self._api.change(NODES, "", NODE, lambda obj: {**obj, "status": status}, part="status")
        self._unsubscribe = self._api.store.subscribe(self._changed)
        for pod in self._api.store.all(PODS.stored_as):
            self._take(pod)

    async def stop(self) -> None:
        """End every container."""
        if self._unsubscribe is not None:
            self._unsubscribe()
        tasks = [worker.task for worker in self._workers.values() if worker.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def log(self, uid: str, container: str, *, previous: bool) -> ContainerLog | None:
        """The log of a container's current or previous run; None when there was none."""
        worker = self._workers.get(uid)
        state = worker.container(container) if worker is not None else None
        if state is None:
            return None
        return state.previous_log if previous else state.log

    def running(self, uid: str, container: str) -> RunningContainer | None:
        """A container as it runs; None where it does not."""
        worker = self._workers.get(uid)
        state = worker.container(container) if worker is not None else None
        return state.run if state is not None and "running" in state.state else None

    def _changed(self, change: Change) -> None:
        if change.store == NODES.stored_as and self._loop is not None:
            # It may take pods again.
            for pod in self._api.store.all(PODS.stored_as):
                if not pod["spec"].get("nodeName"):
                    self._loop.call_soon(self._take, pod)
        if change.store != PODS.stored_as:
            return
        worker = self._workers.get(change.object["metadata"]["uid"])
        if change.type is ChangeType.DELETED:
            if worker is not None:
                worker.removed()
            return
        if worker is not None:
            worker.changed(change.object)
        elif self._loop is not None:
            # Not inside the write that told of it: scheduling is a write of its own.
            self._loop.call_soon(self._take, change.object)

    def _take(self, pod: Obj) -> None:
        """Put a pod on the node and run it, once."""
        uid = pod["metadata"]["uid"]
        current = self._api.store.get(PODS.stored_as, namespace_of(pod), name_of(pod))
        finished = current is not None and (current.get("status") or {}).get("phase") in ("Succeeded", "Failed")
        if current is None or current["metadata"]["uid"] != uid or uid in self._workers or finished:
            return
        node = current["spec"].get("nodeName")
        if node not in (None, "", NODE):
            return
        if not node:
            if self._api.get(NODES, "", NODE)["spec"].get("unschedulable"):
                text = "0/1 nodes are available: 1 node(s) were unschedulable."
                self._scheduler.warning(current, "FailedScheduling", text)
                return
            assign(self._api, current, NODE)
            place = f"{namespace_of(pod)}/{name_of(pod)}"
            self._scheduler.normal(current, "Scheduled", f"Successfully assigned {place} to {NODE}")
        taken = self._api.get(PODS, namespace_of(pod), name_of(pod))
        worker = PodWorker(self._api, self._runtime, self._events, self._timing, taken, NODE_IP)
        self._workers[uid] = worker
        worker.start()
        assert worker.task is not None
        worker.task.add_done_callback(lambda _task: self._workers.pop(uid, None))
        if taken["metadata"].get("deletionTimestamp"):
            worker.changed(taken)


def _node(now: str) -> Obj:
    capacity = {"cpu": "8", "memory": "16Gi", "pods": "110", "ephemeral-storage": "100Gi"}
    conditions = [
        {
            "type": kind,
            "status": status,
            "lastHeartbeatTime": now,
            "lastTransitionTime": now,
            "reason": reason,
            "message": message,
        }
        for kind, status, reason, message in (
            ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
            ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
            ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
            ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
        )
    ]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": NODE,
            "labels": {"kubernetes.io/hostname": NODE, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"},
        },
        "spec": {},
        "status": {
            "capacity": capacity,
            "allocatable": capacity,
            "conditions": conditions,
            "addresses": [{"type": "InternalIP", "address": NODE_IP}, {"type": "Hostname", "address": NODE}],
            "nodeInfo": {
                "kubeletVersion": VERSION["gitVersion"],
                "kubeProxyVersion": "",
                "operatingSystem": "linux",
                "architecture": "amd64",
                "osImage": "sandbox",
                "kernelVersion": "",
                "containerRuntimeVersion": "sandbox://1",
                "machineID": "",
                "systemUUID": "",
                "bootID": "",
            },
        },
    }

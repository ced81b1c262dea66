"""One pod on the node: its containers started, probed, restarted and ended, and its status written as it goes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from console.sandbox.kube.api import Api, DeleteOptions
from console.sandbox.kube.environment import ConfigurationError, environment
from console.sandbox.kube.errors import ApiError
from console.sandbox.kube.events import Recorder
from console.sandbox.kube.kinds import PODS
from console.sandbox.kube.objects import Obj, clone, moment_of, name_of, namespace_of, timestamp
from console.sandbox.kube.runtime import ContainerLog, ImageError, PodRuntime, Probe, RunningContainer, StartError

# How long beyond its grace a container may take to be ended before the kubelet goes on without it.
STOP_WITHIN = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the kubelet takes, in seconds; the defaults are a real one's.

    probe: how often a container is asked whether it is ready, where that is shorter than its readinessProbe's period.
    backoff: the first pause before a restart; it doubles up to backoff_most, and a run of backoff_reset resets it.
    """

    probe: float = 1.0
    backoff: float = 10.0
    backoff_most: float = 300.0
    backoff_reset: float = 600.0


@dataclass(slots=True)
class ContainerState:
    """What the kubelet knows of one container."""

    name: str
    image: str
    state: Obj = field(default_factory=lambda: {"waiting": {"reason": "ContainerCreating"}})
    last_state: Obj = field(default_factory=dict)
    ready: bool = False
    restarts: int = 0
    log: ContainerLog | None = None
    previous_log: ContainerLog | None = None
    run: RunningContainer | None = None
    finished: bool = False

    def status(self, pod_uid: str) -> Obj:
        """The entry of status.containerStatuses."""
        started = "running" in self.state
        identity = f"containerd://{pod_uid}-{self.name}-{self.restarts}"
        body: Obj = {
            "name": self.name,
            "image": self.image,
            "imageID": self.image if self.run is not None or self.last_state else "",
            "ready": self.ready,
            "restartCount": self.restarts,
            "started": started,
            "state": clone(self.state),
            "lastState": clone(self.last_state),
        }
        if started or "terminated" in self.state:
            body["containerID"] = identity
        return body


class PodWorker:
    """Runs one pod until it has been deleted or has finished."""

    def __init__(self, api: Api, runtime: PodRuntime, events: Recorder, timing: Timing, pod: Obj, node_ip: str) -> None:
        self.uid: str = pod["metadata"]["uid"]
        self._api = api
        self._runtime = runtime
        self._events = events
        self._timing = timing
        self._key = (namespace_of(pod), name_of(pod))
        self._pod = pod
        self._node_ip = node_ip
        self._ip = ""
        self._annotations: dict[str, str] = {}
        self._started_at = timestamp(api.clock())
        self._containers = {
            item["name"]: ContainerState(item["name"], item["image"]) for item in pod["spec"]["containers"]
        }
        self._deleted = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, in a task of its own."""
        self.task = asyncio.create_task(self._run(), name=f"pod-{self._key[1]}")

    def changed(self, pod: Obj) -> None:
        """The pod object changed: it may be on its way out, or have another image."""
        self._pod = pod
        if pod["metadata"].get("deletionTimestamp"):
            self._deleted.set()
            return
        for item in pod["spec"]["containers"]:
            state = self._containers.get(item["name"])
            if state is not None and state.image != item["image"]:
                state.image = item["image"]
                message = f"Container {state.name} definition changed, will be restarted"
                self._events.normal(self._pod, "Killing", message, field=_field_path(state.name))
                if state.run is not None:
                    self._spawn(state.run.stop(self._grace()))

    def removed(self) -> None:
        """The pod object is gone, by force: end at once."""
        self._deleted.set()

    def container(self, name: str) -> ContainerState | None:
        """What is known of one of its containers."""
        return self._containers.get(name)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work))

    def _grace(self) -> float:
        metadata = self._pod["metadata"]
        if "deletionTimestamp" in metadata:
            left = moment_of(metadata["deletionTimestamp"]) - self._api.clock()
            return max(0.0, left.total_seconds())
        return float(self._pod["spec"].get("terminationGracePeriodSeconds", 30))

    async def _run(self) -> None:
        try:
            self._write()
            for name in self._containers:
                self._spawn(self._keep(name))
            await self._deleted.wait()
            await self._end()
        except asyncio.CancelledError:
            self._deleted.set()
            await self._stop_all(0.0)
            raise
        except Exception:
            log.exception("the pod %s/%s cannot be run", *self._key)

    async def _end(self) -> None:
        for state in self._containers.values():
            if state.run is not None:
                self._events.normal(
                    self._pod, "Killing", f"Stopping container {state.name}", field=_field_path(state.name)
                )
        await self._stop_all(self._grace())
        self._write()
        try:
            self._api.delete(PODS, *self._key, DeleteOptions(grace=0, uid=self.uid))
        except ApiError as error:
            if error.reason not in ("NotFound", "Conflict"):
                raise

    async def _stop_all(self, grace: float) -> None:
        runs = [(state, state.run) for state in self._containers.values() if state.run is not None]
        stops = (asyncio.wait_for(run.stop(grace), grace + STOP_WITHIN) for _, run in runs)
        await asyncio.gather(*stops, return_exceptions=True)
        for state, run in runs:
            code = 137
            try:
                code = await asyncio.wait_for(run.wait(), 1.0)
            except Exception:
                log.exception("the container %s of %s/%s did not end", state.name, *self._key)
            self._ended(state, code)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        for state in self._containers.values():
            if state.log is not None:
                state.log.close()

    async def _keep(self, name: str) -> None:
        """Start a container, and again whenever it ends, as the restart policy says."""
        state = self._containers[name]
        pause = self._timing.backoff
        loop = asyncio.get_running_loop()
        while not self._deleted.is_set():
            try:
                await self._start(state)
            except ImageError as error:
                await self._without_image(state, str(error), pause)
                pause = min(pause * 2, self._timing.backoff_most)
                continue
            except ConfigurationError as error:
                state.state = {"waiting": {"reason": "CreateContainerConfigError", "message": str(error)}}
                self._events.warning(self._pod, "Failed", f"Error: {error}", field=_field_path(name))
                self._write()
                await asyncio.sleep(min(pause, self._timing.backoff))
                continue
            except StartError as error:
                self._events.warning(self._pod, "Failed", f"Error: {error}", field=_field_path(name))
                self._ended(state, 128, str(error))
                code = 128
            else:
                began = loop.time()
                assert state.run is not None
                probing = asyncio.create_task(self._probe(state, state.run))
                try:
                    code = await state.run.wait()
                finally:
                    probing.cancel()
                self._ended(state, code)
                if loop.time() - began >= self._timing.backoff_reset:
                    pause = self._timing.backoff
            policy = self._pod["spec"].get("restartPolicy", "Always")
            if self._deleted.is_set():
                return
            if policy == "Never" or (policy == "OnFailure" and code == 0):
                state.finished = True
                self._write()
                return
            self._write()
            # The first restart is at once; only a container that goes on ending is made to wait.
            if state.restarts > 0:
                await self._back_off(state, pause)
                pause = min(pause * 2, self._timing.backoff_most)
            state.restarts += 1

    async def _start(self, state: ContainerState) -> None:
        container = next(item for item in self._pod["spec"]["containers"] if item["name"] == state.name)
        state.image = container["image"]
        env = environment(self._api, self._pod, container)
        output = ContainerLog(self._api.clock)
        starting = asyncio.ensure_future(
            self._runtime.start(clone(self._pod), clone(container), env, output, state.restarts)
        )
        try:
            run = await asyncio.shield(starting)
        except asyncio.CancelledError:
            # Deleted while it started: what has come up by then must not be left behind.
            with suppress(Exception):
                await (await starting).stop(0.0)
            raise
        if state.log is not None:
            state.previous_log = state.log
        state.log, state.run = output, run
        self._ip = run.ip
        self._annotations.update(run.annotations)
        where = _field_path(state.name)
        self._events.normal(
            self._pod, "Pulled", f'Container image "{state.image}" already present on machine', field=where
        )
        self._events.normal(self._pod, "Created", f"Created container: {state.name}", field=where)
        self._events.normal(self._pod, "Started", f"Started container {state.name}", field=where)
        if state.state.get("terminated"):
            state.last_state = {"terminated": state.state["terminated"]}
        state.state = {"running": {"startedAt": timestamp(self._api.clock())}}
        state.ready = False
        self._write()
        if state.image != container["image"]:  # another image was asked for while this one came up
            self._spawn(run.stop(self._grace()))

    def _ended(self, state: ContainerState, code: int, message: str = "") -> None:
        if "terminated" in state.state:
            return
        now = timestamp(self._api.clock())
        began = (state.state.get("running") or {}).get("startedAt", now)
        killed = code == 137 and not self._deleted.is_set()
        reason = "Completed" if code == 0 else "StartError" if message else "OOMKilled" if killed else "Error"
        ended: Obj = {"exitCode": code, "reason": reason, "startedAt": began, "finishedAt": now}
        if message:
            ended["message"] = message
        ended["containerID"] = f"containerd://{self.uid}-{state.name}-{state.restarts}"
        state.state = {"terminated": ended}
        state.ready = False
        state.run = None
        if state.log is not None:
            state.log.close()

    async def _without_image(self, state: ContainerState, why: str, pause: float) -> None:
        where = _field_path(state.name)
        self._events.normal(self._pod, "Pulling", f'Pulling image "{state.image}"', field=where)
        self._events.warning(self._pod, "Failed", f'Failed to pull image "{state.image}": {why}', field=where)
        self._events.warning(self._pod, "Failed", "Error: ErrImagePull", field=where)
        state.state = {"waiting": {"reason": "ErrImagePull", "message": why}}
        self._write()
        message = f'Back-off pulling image "{state.image}"'
        await asyncio.sleep(min(1.0, pause / 2))
        self._events.normal(self._pod, "BackOff", message, field=where)
        state.state = {"waiting": {"reason": "ImagePullBackOff", "message": f"{message}: ErrImagePull: {why}"}}
        self._write()
        await asyncio.sleep(pause)

    async def _back_off(self, state: ContainerState, pause: float) -> None:
        place = f"{self._key[1]}_{self._key[0]}({self.uid})"
        event = f"Back-off restarting failed container {state.name} in pod {place}"
        self._events.warning(self._pod, "BackOff", event, field=_field_path(state.name))
        state.last_state = {"terminated": state.state["terminated"]}
        shown = str(timedelta(seconds=pause)) if pause % 1 else f"{pause:.0f}s"
        message = f"back-off {shown} restarting failed container={state.name} pod={place}"
        state.state = {"waiting": {"reason": "CrashLoopBackOff", "message": message}}
        self._write()
        await asyncio.sleep(pause)

    async def _probe(self, state: ContainerState, run: RunningContainer) -> None:
        """Ask whether it is ready and alive, as long as it runs."""
        container = next(item for item in self._pod["spec"]["containers"] if item["name"] == state.name)
        readiness = container.get("readinessProbe") or {}
        period = min(self._timing.probe, float(readiness.get("periodSeconds", self._timing.probe)))
        limit = int(readiness.get("failureThreshold", 1))
        failures = 0
        while True:
            try:
                probe = await run.probe()
            except Exception as error:  # noqa: BLE001 - whatever a probe raises is the container not being ready
                probe = Probe(ready=False, message=f"{type(error).__name__}: {error}")
            failures = 0 if probe.ready else failures + 1
            where = _field_path(state.name)
            if not probe.ready and probe.message:
                self._events.warning(self._pod, "Unhealthy", f"Readiness probe failed: {probe.message}", field=where)
            if not probe.alive:
                self._events.warning(self._pod, "Unhealthy", f"Liveness probe failed: {probe.message}", field=where)
                text = f"Container {state.name} failed liveness probe, will be restarted"
                self._events.normal(self._pod, "Killing", text, field=where)
                await run.stop(self._grace())
                return
            # A ready container has as many tries as its probe says before it counts as not ready.
            ready = probe.ready or (state.ready and failures < limit)
            if ready != state.ready or any(self._annotations.get(k) != v for k, v in run.annotations.items()):
                state.ready = ready
                self._annotations.update(run.annotations)
                self._write()
            await asyncio.sleep(period)

    def _write(self) -> None:
        """Write the status as it is now; a pod that is gone is nobody's business any more."""

        def edit(obj: Obj) -> Obj:
            if obj["metadata"]["uid"] != self.uid:
                return obj
            if self._annotations:
                obj["metadata"].setdefault("annotations", {}).update(self._annotations)
            obj["status"] = self._status(obj.get("status") or {})
            return obj

        try:
            self._pod = self._api.change(PODS, *self._key, edit, part="status")
        except ApiError as error:
            if error.reason != "NotFound":
                raise

    def _status(self, old: Obj) -> Obj:
        states = list(self._containers.values())
        unready = [state.name for state in states if not state.ready]
        failed = any((state.state.get("terminated") or {}).get("exitCode") for state in states)
        finished = all(state.finished for state in states)
        if finished:
            phase = "Failed" if failed else "Succeeded"
        else:
            phase = (
                "Pending" if all(not state.last_state and "waiting" in state.state for state in states) else "Running"
            )
        status: Obj = {**old, "phase": phase, "startTime": self._started_at, "hostIP": self._node_ip}
        status["hostIPs"] = [{"ip": self._node_ip}]
        if self._ip:
            status |= {"podIP": self._ip, "podIPs": [{"ip": self._ip}]}
        status["containerStatuses"] = [state.status(self.uid) for state in states]
        ready: tuple[str, str, str] = ("True", "", "")
        if finished:
            ready = ("False", "PodCompleted", "")
        elif unready:
            ready = ("False", "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]")
        values: dict[str, tuple[str, str, str]] = {
            "PodReadyToStartContainers": ("True" if self._ip else "False", "", ""),
            "Initialized": ("True", "", ""),
            "Ready": ready,
            "ContainersReady": ready,
        }
        status["conditions"] = _conditions(old.get("conditions") or [], values, timestamp(self._api.clock()))
        return status


def _conditions(old: list[Obj], values: dict[str, tuple[str, str, str]], now: str) -> list[Obj]:
    result: list[Obj] = []
    for kind, (status, reason, message) in values.items():
        before = next((item for item in old if item["type"] == kind), None)
        same = before is not None and before["status"] == status
        item: Obj = {"type": kind, "status": status}
        item["lastTransitionTime"] = before["lastTransitionTime"] if before is not None and same else now
        if reason:
            item["reason"] = reason
        if message:
            item["message"] = message
        result.append(item)
    return result + [item for item in old if item["type"] not in values]


def _field_path(name: str) -> str:
    return f"spec.containers{{{name}}}"

"""Kubernetes as a source: the environment's workloads, their pods and events, kept by list and watch."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from console.core.readings import ClusterEvent, ClusterState, Pod, Reading, Workload
from console.core.system import KubernetesTarget
from console.sources.base import Clock
from console.systems.kubernetes_errors import KubernetesError
from console.systems.kubernetes_objects import owner, read_event, read_pod, read_workload

if TYPE_CHECKING:
    from console.sources.watching import ListWatch
    from console.systems.kubernetes_connection import KubernetesApi

log = logging.getLogger(__name__)

Json = Mapping[str, Any]

_STALE_AFTER = timedelta(seconds=6)
_BEAT_SECONDS = 2.0
_BEAT_DEADLINE = 2.0
_PUBLISH_AT_MOST_EVERY = 0.1
_OPEN_AGAIN_SECONDS = 5.0
_MOST_EVENTS = 200


class KubernetesSource:
    """`Reading[ClusterState]` of the workloads of one namespace.

    open_api: gives the connection; asked in the source's thread, and again every five seconds while it raises.
    A watch that brings nothing looks the same on a quiet cluster and on a dead one. So every two seconds the workloads
    are also read by themselves, with a deadline: an answer moves `taken_at`, no answer is an error, and an answer that
    the watch has not brought two seconds later makes it list again.
    """

    name = "kubernetes"

    def __init__(self, open_api: Callable[[], KubernetesApi], target: KubernetesTarget, *, clock: Clock) -> None:
        self._open = open_api
        self._target = target
        self._clock = clock
        self._reading: Reading[ClusterState] = Reading(stale_after=_STALE_AFTER)
        self._ended = threading.Event()
        self._beat = threading.Event()
        self._dirty = threading.Event()
        self._watches: dict[str, ListWatch] = {}
        self._fresh_at: datetime | None = None
        self._beat_error: str | None = None
        self._published: str | None = None

    @property
    def reading(self) -> Reading[ClusterState]:
        """What the cluster last said."""
        return self._reading

    def start(self, changed: Callable[[], None]) -> None:
        """Begin to list and watch."""
        threading.Thread(target=self._run, args=(changed,), name="source-kubernetes", daemon=True).start()

    def refresh(self) -> None:
        """Ask the workloads now, or try again to open the connection."""
        self._beat.set()

    def stop(self) -> None:
        """End every thread; returns at once."""
        self._ended.set()
        self._beat.set()
        self._dirty.set()
        for watch in list(self._watches.values()):
            watch.stop()

    def _run(self, changed: Callable[[], None]) -> None:
        api = self._opened(changed)
        if api is None:
            return
        from console.sources.watching import ListWatch
        from console.systems.kubernetes_connection import DEPLOYMENTS, EVENTS, PODS, REPLICA_SETS

        kinds = (DEPLOYMENTS, REPLICA_SETS, PODS, EVENTS)
        self._watches = {kind.plural: ListWatch(api, kind, changed=self._came) for kind in kinds}
        for watch in self._watches.values():
            watch.start()
        threading.Thread(target=self._live, args=(api,), name="source-kubernetes-live", daemon=True).start()
        while not self._ended.is_set():
            self._dirty.wait()
            self._dirty.clear()
            if self._ended.is_set():
                break
            self._publish(api)
            changed()
            self._ended.wait(_PUBLISH_AT_MOST_EVERY)
        for watch in self._watches.values():
            watch.stop()

    def _opened(self, changed: Callable[[], None]) -> KubernetesApi | None:
        while not self._ended.is_set():
            try:
                return self._open()
            except KubernetesError as error:
                sentence = str(error)
            except Exception as error:  # the edge of the task: it becomes a failed reading
                log.exception("source kubernetes")
                sentence = f"kubernetes: {type(error).__name__}: {error}"
            self._reading = self._reading.failed(sentence, self._clock())
            changed()
            self._beat.wait(_OPEN_AGAIN_SECONDS)
            self._beat.clear()
        return None

    def _came(self) -> None:
        """Something came from a watch."""
        self._confirm()
        self._dirty.set()

    def _confirm(self) -> None:
        if self._error() is None:
            self._fresh_at = self._clock()

    def _error(self) -> str | None:
        """Why what is held must not be taken for the present; events alone do not spoil the rest."""
        failing = (watch.error for kind, watch in list(self._watches.items()) if kind != "events")
        return self._beat_error or next((error for error in failing if error), None)

    def _live(self, api: KubernetesApi) -> None:
        """Ask the workloads every two seconds until stopped."""
        seen: dict[str, str] = {}
        while not self._ended.is_set():
            self._beat.clear()
            began = time.monotonic()
            failed_before = self._beat_error is not None
            try:
                behind = self._ask(api, seen)
            except KubernetesError as error:
                self._beat_error = str(error)
            else:
                self._beat_error = None
                if failed_before:
                    # A connection may have died in silence meanwhile; a watch on it would wait for its deadline.
                    for watch in self._watches.values():
                        watch.resume()
                if behind:
                    for watch in self._watches.values():
                        watch.relist()
                self._confirm()
            self._dirty.set()
            self._beat.wait(max(0.05, _BEAT_SECONDS - (time.monotonic() - began)))

    def _ask(self, api: KubernetesApi, seen: dict[str, str]) -> bool:
        """Read each workload; whether the watch has not brought by now what the last asking already saw."""
        from console.systems.kubernetes_connection import DEPLOYMENTS

        watch = self._watches["deployments"]
        behind = False
        for name in (each.deployment for each in self._target.workloads):
            held, before = _version(watch.find(name)), seen.pop(name, None)
            try:
                now = _version(api.get(DEPLOYMENTS, name, timeout=_BEAT_DEADLINE))
            except KubernetesError as error:
                if error.status != 404:
                    raise
                now = ""
            if watch.listed and before is not None:
                behind = behind or (held != now if before == now else _is_older(held, before))
            seen[name] = now
        if not self._target.workloads:
            api.version()
        return behind

    def _publish(self, api: KubernetesApi) -> None:
        now = self._clock()
        reading, error = self._reading, self._error()
        needed = [watch for kind, watch in self._watches.items() if kind != "events"]
        if all(watch.listed for watch in needed):
            state = self._state(api)
            if state == reading.value and reading.value is not None:
                state = reading.value
            self._fresh_at = self._fresh_at or now
            reading = reading.good(state, self._fresh_at)
            needed_names = {each.deployment for each in self._target.workloads if not each.optional}
            missing = needed_names - {each.name for each in state.workloads}
            if error is None and missing:
                error = (
                    f"kubernetes {api.host}: no deployment {', '.join(sorted(missing))} in {api.namespace}; "
                    f"check the names, the namespace and the context ({api.context}) in system.yaml"
                )
        if error is not None:
            reading = reading.failed(error, now)
        self._reading = replace(reading, stale_after=_STALE_AFTER)

    def _state(self, api: KubernetesApi) -> ClusterState:
        things = {kind: watch.objects() for kind, watch in self._watches.items()}
        replica_sets = list(things["replicasets"].values())
        wanted = {each.deployment: each for each in self._target.workloads}
        workloads = tuple(
            replace(read_workload(things["deployments"][name], replica_sets, each.container), optional=each.optional)
            for name, each in wanted.items()
            if name in things["deployments"]
        )
        events = self._watches["events"]
        return ClusterState(
            context=api.context,
            namespace=api.namespace,
            workloads=workloads,
            pods=tuple(_pods(workloads, replica_sets, things["pods"].values())),
            events=tuple(_events(wanted, things["events"].values())),
            events_error=events.error or "",
        )


def _version(thing: Json | None) -> str:
    """The object's resourceVersion, empty where there is none."""
    return str(thing["metadata"]["resourceVersion"]) if thing else ""


def _is_older(held: str, version: str) -> bool:
    """Whether the version held is older; versions that are no numbers are never taken to be."""
    return version.isdigit() and (held or "0").isdigit() and int(held or "0") < int(version)


def _pods(workloads: Iterable[Workload], replica_sets: Iterable[Json], pods: Iterable[Json]) -> list[Pod]:
    """The pods of the workloads, newest first."""
    known = {workload.uid: workload for workload in workloads}
    sets = {each["metadata"]["uid"]: each for each in replica_sets}
    found: list[Pod] = []
    for pod in pods:
        replica_set = sets.get(owner(pod, "ReplicaSet"))
        workload = known.get(owner(replica_set, "Deployment")) if replica_set else None
        if workload is not None:
            found.append(read_pod(pod, replica_set, workload.container, workload.name))
    return sorted(found, key=lambda pod: (-pod.created.timestamp(), pod.name))


def _events(names: Iterable[str], events: Iterable[Json]) -> list[ClusterEvent]:
    """Events about the workloads and what they made, newest first; what they made bears their name and a dash."""
    wanted = tuple(names)
    found: list[ClusterEvent] = []
    for event in events:
        about = str((event.get("involvedObject") or {}).get("name", ""))
        if any(about == name or about.startswith(f"{name}-") for name in wanted):
            found.append(read_event(event))
    found.sort(key=lambda event: (event.last_seen, event.about, event.reason), reverse=True)
    return found[:_MOST_EVENTS]

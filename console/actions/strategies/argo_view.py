"""An Argo Rollouts object with its ReplicaSets and pods, read; pure.

Relied upon, of Argo Rollouts 1.0 and newer: `status.observedGeneration` is the generation as text; `status.stableRS`
and `currentPodHash` are the values of the label `rollouts-pod-template-hash` of the ReplicaSets; `status.phase` is one
of Healthy, Progressing, Paused, Degraded; `controllerPause` without `pauseConditions` means that it is about to go on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from console.actions.strategies.recorded import replicas_of
from console.actions.strategies.writing import annotation
from console.core.rollouts.plan import Argo
from console.systems.kubernetes_objects import (
    condition,
    owner,
    pod_reason,
    pod_trouble,
    template_image,
    template_text,
    version_of,
)

if TYPE_CHECKING:
    from console.systems.kubernetes_connection import Resource

Json = dict[str, Any]

HASH = "rollouts-pod-template-hash"
STEPS = "hakgal-console/steps"
"""Annotation: the Rollout's own canary steps, as JSON, while ours stand in for them."""


def rollouts() -> Resource:
    """Argo's Rollouts."""
    from console.systems.kubernetes_connection import Resource

    return Resource("apis/argoproj.io/v1alpha1", "rollouts")


@dataclass(frozen=True, slots=True)
class View:
    """A Rollout at one moment. new, stable: the ReplicaSets of the newest and of the stable version, None where there
    is none (yet); they are the same when nothing is under way. living, ready: pods by ReplicaSet's uid. troubles:
    sentences of what keeps pods of the newest version from being ready.
    """

    rollout: Json
    new: Json | None
    stable: Json | None
    living: Mapping[str, int]
    ready: Mapping[str, int]
    troubles: tuple[str, ...]

    @property
    def status(self) -> Json:
        """The status, empty where there is none yet."""
        return self.rollout.get("status") or {}

    @property
    def observed(self) -> bool:
        """Whether the controller has seen the newest spec, and is not about to go on."""
        seen = str(self.status.get("observedGeneration") or "") == str(self.rollout["metadata"].get("generation"))
        unpausing = self.status.get("controllerPause") and not self.status.get("pauseConditions")
        return seen and not unpausing

    @property
    def phase(self) -> str:
        """Healthy, Progressing, Paused, Degraded; empty where nothing was said yet."""
        return str(self.status.get("phase") or "")

    @property
    def message(self) -> str:
        """What is said besides the phase."""
        return " ".join(str(self.status.get("message") or "").split()).rstrip(".")

    @property
    def settled(self) -> bool:
        """Whether the newest version is the stable one, by the controller's word."""
        return bool(self.status.get("stableRS")) and self.status.get("stableRS") == self.status.get("currentPodHash")

    @property
    def aborted(self) -> bool:
        """Whether an update was aborted."""
        return bool(self.status.get("abort")) and not self.settled

    @property
    def wanted(self) -> int:
        """Pods wanted of both versions together."""
        return replicas_of(self.rollout)

    def ready_of(self, replica_set: Json | None) -> int:
        """Ready pods of a ReplicaSet."""
        return self.ready.get(str(replica_set["metadata"]["uid"]), 0) if replica_set is not None else 0

    @property
    def share(self) -> float:
        """The newest version's: by the weights of the traffic router where there is one, else by the pods there are:
        one that is not ready for a moment does not change it.
        """
        if self.settled:
            return 1.0
        weights = (self.status.get("canary") or {}).get("weights") or {}
        if canary_of(self.rollout).get("trafficRouting"):
            return float((weights.get("canary") or {}).get("weight") or 0) / 100
        total = sum(self.living.values())
        newest = self.living.get(str(self.new["metadata"]["uid"]), 0) if self.new is not None else 0
        return newest / total if total else 0.0

    @property
    def moves(self) -> tuple[Any, ...]:
        """What changes while the controller gets on."""
        return self.phase, self.message, self.status.get("currentStepIndex"), tuple(sorted(self.ready.items()))

    def line(self, spec: Argo) -> str:
        """`hak-gal: Paused (CanaryPauseStep), 1 of 5 ready pods run v2.3.3`."""
        said = f" ({self.message})" if self.message else ""
        version = version_of(template_image(self.rollout["spec"]["template"], spec.container)[1])
        return (
            f"{spec.rollout}: {self.phase or 'not seen by its controller yet'}{said}, "
            f"{self.ready_of(self.new)} of {sum(self.ready.values())} ready pods run {version}"
        )


def view_of(rollout: Json, replica_sets: Sequence[Json], pods: Sequence[Json]) -> View:
    """The view. replica_sets, pods: of the namespace, or those that the Rollout's selector matches."""
    uid, status = str(rollout["metadata"].get("uid")), rollout.get("status") or {}
    own = {hash_of(each): each for each in replica_sets if owner(each, "Rollout") == uid}
    new, stable = own.get(str(status.get("currentPodHash") or "")), own.get(str(status.get("stableRS") or ""))
    ready = {str(each["metadata"]["uid"]): 0 for each in own.values()}
    living = dict(ready)
    troubles: dict[str, str] = {}
    for pod in pods:
        parent = owner(pod, "ReplicaSet")
        if parent not in ready or pod["metadata"].get("deletionTimestamp"):
            continue
        living[parent] += (pod.get("status") or {}).get("phase") not in ("Failed", "Succeeded")
        if condition(pod, "Ready").get("status") == "True":
            ready[parent] += 1
        elif new is not None and parent == new["metadata"]["uid"] and (reason := pod_reason(pod)):
            troubles.setdefault(reason, f"pod {pod['metadata']['name']}: {pod_trouble(pod)}")
    return View(rollout, new, stable, living, ready, tuple(troubles.values()))


def hash_of(replica_set: Mapping[str, Any]) -> str:
    """Argo's hash label of a ReplicaSet."""
    return str((replica_set["metadata"].get("labels") or {}).get(HASH, ""))


def template_in(replica_set: Mapping[str, Any]) -> Json:
    """The pod template of a ReplicaSet as a Rollout has it: without the hash."""
    template: Json = json.loads(template_text(replica_set["spec"]["template"]))
    template["metadata"]["labels"].pop(HASH, None)
    return template


def canary_of(rollout: Mapping[str, Any]) -> Json:
    """spec.strategy.canary, empty where it is absent."""
    return dict((rollout["spec"].get("strategy") or {}).get("canary") or {})


def steps_of(rollout: Mapping[str, Any]) -> list[Json]:
    """The canary steps."""
    return list(canary_of(rollout).get("steps") or ())


def own_steps_of(rollout: Mapping[str, Any]) -> list[Json]:
    """The Rollout's own canary steps, also while ours stand in for them."""
    try:
        kept = json.loads(annotation(dict(rollout), STEPS) or "null")
    except ValueError:
        kept = None
    return kept if isinstance(kept, list) else steps_of(rollout)


def stepped(rollout: Mapping[str, Any], steps: Sequence[Json]) -> list[Json]:
    """The operations that give a Rollout these canary steps; none where it has them."""
    if steps_of(rollout) == list(steps):
        return []
    path = "/spec/strategy/canary/steps"
    if not steps:
        return [{"op": "remove", "path": path}]
    return [{"op": "add", "path": path, "value": list(steps)}]


def is_taken_up(view: View) -> bool:
    """Whether the controller has made the newest template its current version."""
    return view.new is not None


def is_whole(view: View) -> bool:
    """Whether the newest version is stable, every wanted pod of it is ready, and no other runs."""
    ready = view.ready_of(view.new)
    return view.phase == "Healthy" and view.settled and ready == sum(view.ready.values()) == view.wanted

"""How a rollback stands, judged from a Deployment, its ReplicaSets and its pods; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from console.systems.kubernetes_objects import (
    condition,
    is_settled,
    owner,
    pod_reason,
    pod_trouble,
    progressing,
    template_text,
)

Json = Mapping[str, Any]

_IMAGE = ("ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull")
_CRASH = ("CrashLoopBackOff", "Error", "OOMKilled", "RunContainerError", "CreateContainerError")


@dataclass(frozen=True, slots=True)
class Standing:
    """A rollback at one moment.

    verified: observed by the controller, every desired pod is of the template put back and ready, none is left over
    and none is asked for: a controller may say that all is done while its own order for others is not seen yet.
    ready, desired, left: pods of the template, pods wanted, pods of other templates that do not end yet.
    troubles: sentences of what keeps pods from being ready. waiting: a sentence about pods that run and do not turn
    ready, as slow ones do not at first, else empty. gave_up: when the controller last said that the deadline
    for progress has passed (its own time), empty while it has not.
    """

    verified: bool
    ready: int
    desired: int
    left: int
    troubles: tuple[str, ...]
    waiting: str
    gave_up: str
    paused: bool

    def line(self, version: str) -> str:
        """`v2.3.2: 2 of 3 pods ready, 1 other pod left`."""
        others = f", {self.left} other pod{'s' if self.left != 1 else ''} left" if self.left else ""
        return f"{version}: {self.ready} of {self.desired} pods ready{others}"


def judge(deployment: Json, replica_sets: Iterable[Json], pods: Iterable[Json]) -> Standing:
    """The standing of the template that `deployment` asks for. pods: those its selector matches."""
    uid = deployment["metadata"]["uid"]
    wanted = template_text(deployment["spec"]["template"])
    own = [each for each in replica_sets if owner(each, "Deployment") == uid]
    newest = {each["metadata"]["uid"] for each in own if template_text(each["spec"]["template"]) == wanted}
    others = {each["metadata"]["uid"] for each in own} - newest
    asked = sum(int(each["spec"].get("replicas") or 0) for each in own if each["metadata"]["uid"] in others)
    living = [
        pod
        for pod in pods
        if not pod["metadata"].get("deletionTimestamp")
        and (pod.get("status") or {}).get("phase") not in ("Failed", "Succeeded")
    ]
    of_newest = [pod for pod in living if owner(pod, "ReplicaSet") in newest]
    ready = sum(1 for pod in of_newest if condition(pod, "Ready").get("status") == "True")
    left = sum(1 for pod in living if owner(pod, "ReplicaSet") in others)
    replicas = deployment["spec"].get("replicas")
    desired = 1 if replicas is None else int(replicas)
    observed = int((deployment.get("status") or {}).get("observedGeneration") or 0)
    current = observed >= int(deployment["metadata"].get("generation") or 0)
    progress = progressing(deployment)
    late = current and progress.get("status") == "False"
    return Standing(
        verified=is_settled(deployment) and bool(newest) and ready == desired and left == asked == 0,
        ready=ready,
        desired=desired,
        left=left,
        troubles=tuple(_troubles(deployment, of_newest, current)),
        waiting=_waiting(of_newest),
        gave_up=str(progress.get("lastUpdateTime") or "at a time unknown") if late else "",
        paused=bool(deployment["spec"].get("paused")),
    )


def _troubles(deployment: Json, pods: Iterable[Json], current: bool) -> list[str]:
    """Each once, the worst first; a pod stands for all that fail as it does."""
    found: dict[str, str] = {}
    failure = condition(deployment, "ReplicaFailure")
    if current and failure.get("status") == "True":
        message = " ".join(str(failure.get("message") or failure.get("reason") or "").split()).rstrip(".")
        cause = "the quota is used up: " if "exceeded quota" in message else ""
        found["ReplicaFailure"] = f"pods cannot be created: {cause}{message}"
    for pod in sorted(pods, key=lambda each: str(each["metadata"]["name"])):
        reason = pod_reason(pod)
        if reason and reason not in found and condition(pod, "Ready").get("status") != "True":
            found[reason] = f"pod {pod['metadata']['name']}: {_plain(reason)}{pod_trouble(pod)}"
    return list(found.values())


def _waiting(pods: Iterable[Json]) -> str:
    names = sorted(
        str(pod["metadata"]["name"])
        for pod in pods
        if (pod.get("status") or {}).get("phase") == "Running"
        and condition(pod, "Ready").get("status") != "True"
        and not pod_reason(pod)
    )
    if not names:
        return ""
    others = f" and {len(names) - 1} more run but are" if len(names) > 1 else " runs but is"
    return f"pod {names[0]}{others} not ready yet (readiness probe or gate)"


def _plain(reason: str) -> str:
    if reason in _IMAGE:
        return "its image cannot be pulled, "
    if reason in _CRASH:
        return "its container does not stay up, "
    return "no node can take it, " if reason == "Unschedulable" else ""

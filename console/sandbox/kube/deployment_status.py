"""The status of a Deployment: its numbers, and what its conditions say of availability and progress."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from console.sandbox.kube import rollouts
from console.sandbox.kube.objects import Obj, clone, name_of, timestamp


def condition(kind: str, status: str, reason: str, message: str, now: datetime) -> Obj:
    """A new DeploymentCondition of this moment."""
    return {
        "type": kind,
        "status": status,
        "lastUpdateTime": timestamp(now),
        "lastTransitionTime": timestamp(now),
        "reason": reason,
        "message": message,
    }


def calculate(deployment: Obj, sets: Sequence[Obj], new: Obj | None, now: datetime) -> Obj:
    """The numbers and the Available condition, from all ReplicaSets and the new one; other conditions are kept."""
    running = rollouts.available(sets)
    numbers = {
        "observedGeneration": deployment["metadata"]["generation"],
        "replicas": sum(rollouts.counted(item, "replicas") for item in sets),
        "updatedReplicas": rollouts.counted(new, "replicas") if new else 0,
        "readyReplicas": sum(rollouts.counted(item, "readyReplicas") for item in sets),
        "availableReplicas": running,
        "unavailableReplicas": max(0, rollouts.total(sets) - running),
    }
    old = deployment.get("status") or {}
    status: Obj = {key: value for key, value in numbers.items() if value}
    if old.get("collisionCount"):
        status["collisionCount"] = old["collisionCount"]
    status["conditions"] = clone(old.get("conditions") or [])
    if running >= rollouts.replicas(deployment) - rollouts.max_unavailable(deployment):
        reason, message = "MinimumReplicasAvailable", "Deployment has minimum availability."
        rollouts.set_condition(status, condition("Available", "True", reason, message, now))
    else:
        reason, message = "MinimumReplicasUnavailable", "Deployment does not have minimum availability."
        rollouts.set_condition(status, condition("Available", "False", reason, message, now))
    return status


def judge_progress(deployment: Obj, status: Obj, new: Obj | None, now: datetime) -> None:
    """Write the Progressing condition of a rollout into a calculated status: complete, moving, or out of time."""
    if not rollouts.has_deadline(deployment):
        rollouts.drop_condition(status, "Progressing")
        return
    current = rollouts.condition_of(deployment.get("status") or {}, "Progressing")
    was_complete = current is not None and current["reason"] == "NewReplicaSetAvailable"
    if was_complete and status.get("replicas", 0) == status.get("updatedReplicas", 0):
        return
    about = f'ReplicaSet "{name_of(new)}"' if new else f'Deployment "{name_of(deployment)}"'
    if rollouts.is_complete(deployment, status):
        message = f"{about} has successfully progressed."
        rollouts.set_condition(status, condition("Progressing", "True", "NewReplicaSetAvailable", message, now))
    elif rollouts.is_progressing(deployment, status):
        moving = condition("Progressing", "True", "ReplicaSetUpdated", f"{about} is progressing.", now)
        if current is not None and current["status"] == "True":
            moving["lastTransitionTime"] = current["lastTransitionTime"]
        # Progress moves lastUpdateTime on, which the deadline counts from, even where the reason stays.
        rollouts.drop_condition(status, "Progressing")
        rollouts.set_condition(status, moving)
    elif (due := rollouts.deadline(deployment, status)) is not None and due < now:
        message = f"{about} has timed out progressing."
        rollouts.set_condition(status, condition("Progressing", "False", "ProgressDeadlineExceeded", message, now))

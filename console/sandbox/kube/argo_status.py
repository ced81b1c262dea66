"""What an Argo Rollout's status says: its phase and conditions, and what of its spec cannot be followed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from console.sandbox.kube import argo_arithmetic as arithmetic
from console.sandbox.kube.deployment_status import condition
from console.sandbox.kube.objects import Obj, annotations_of, moment_of, name_of
from console.sandbox.kube.rollouts import condition_of, counted, drop_condition, set_condition
from console.sandbox.kube.selectors import object_selector

REVISION = "rollout.argoproj.io/revision"
DESIRED = "rollout.argoproj.io/desired-replicas"
HASH_LABEL = "rollouts-pod-template-hash"
PAUSE_STEP = "CanaryPauseStep"
DEADLINE = 600


def revision(obj: Obj) -> int:
    """The revision annotation; 0 where there is none."""
    text = annotations_of(obj).get(REVISION, "0")
    return int(text) if text.isdigit() else 0


def wrong(rollout: Obj) -> str:
    """Why the spec cannot be followed, as the InvalidSpec condition says it; empty where it can."""
    spec = rollout.get("spec") or {}
    head = f'The Rollout "{name_of(rollout)}" is invalid: '
    if not spec.get("selector"):
        return f"{head}spec.selector: Required value"
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    if not object_selector(spec["selector"])({"metadata": {"labels": labels}}):
        return f"{head}spec.template.metadata.labels: Invalid value: `selector` does not match template `labels`"
    if not ((spec.get("template") or {}).get("spec") or {}).get("containers"):
        return f"{head}spec.template.spec.containers: Required value"
    if "canary" not in (spec.get("strategy") or {}):
        return f"{head}spec.strategy: Required value: Rollout has missing field '.spec.strategy.canary'"
    for index, step in enumerate(arithmetic.steps(rollout)):
        at = f"{head}spec.strategy.canary.steps[{index}]"
        if set(step) - {"setWeight", "pause"} or len(step) != 1:
            return f"{at}: Invalid value: one of setWeight and pause is known here"
        if "setWeight" in step:
            if not isinstance(step["setWeight"], int) or not 0 <= step["setWeight"] <= 100:
                return f"{at}.setWeight: Invalid value: SetWeight needs to be between 0 and 100"
            continue
        try:
            arithmetic.seconds_of((step["pause"] or {}).get("duration", 0))
        except ValueError as error:
            return f"{at}.pause.duration: Invalid value: {error}"
    return ""


def phase(rollout: Obj, status: Obj) -> tuple[str, str]:
    """(phase, message) of a status, in the order in which Argo Rollouts looks."""
    for found in status.get("conditions") or ():
        if found["type"] == "InvalidSpec":
            return "Degraded", f"InvalidSpec: {found['message']}"
        if found["reason"] in ("RolloutAborted", "ProgressDeadlineExceeded"):
            return "Degraded", f"{found['reason']}: {found['message']}"
    if rollout["spec"].get("paused"):
        return "Paused", "manually paused"
    for pause in status.get("pauseConditions") or ():
        return "Paused", str(pause["reason"])
    updated = status.get("updatedReplicas", 0)
    if updated < arithmetic.wanted(rollout):
        return "Progressing", "more replicas need to be updated"
    if status.get("availableReplicas", 0) < updated:
        return "Progressing", "updated replicas are still becoming available"
    if status.get("replicas", 0) > updated:
        return "Progressing", "old replicas are pending termination"
    if not status.get("stableRS") or status["stableRS"] != status.get("currentPodHash"):
        return "Progressing", "waiting for all steps to complete"
    return "Healthy", ""


def numbers(sets: Sequence[Obj], new: Obj | None) -> Obj:
    """The counts of the status; those that are 0 are absent but for HPAReplicas."""
    found = {
        "replicas": sum(counted(item, "replicas") for item in sets),
        "updatedReplicas": counted(new, "replicas") if new else 0,
        "readyReplicas": sum(counted(item, "readyReplicas") for item in sets),
        "availableReplicas": sum(counted(item, "availableReplicas") for item in sets),
    }
    return {**{key: value for key, value in found.items() if value}, "HPAReplicas": found["replicas"]}


def is_complete(rollout: Obj, status: Obj) -> bool:
    """Whether only the stable version runs, whole and available."""
    counts = (status.get("updatedReplicas", 0), status.get("replicas", 0), status.get("availableReplicas", 0))
    return counts == (arithmetic.wanted(rollout),) * 3 and status.get("currentPodHash") == status.get("stableRS")


def judge(rollout: Obj, status: Obj, new: Obj | None, now: datetime) -> None:
    """Write the conditions Available, Progressing, Completed and Paused into a calculated status."""
    old = rollout.get("status") or {}
    enough = status.get("availableReplicas", 0) >= arithmetic.wanted(rollout)
    message = "Rollout has minimum availability" if enough else "Rollout does not have minimum availability"
    set_condition(status, condition("Available", str(enough), "AvailableReason", message, now))
    done = is_complete(rollout, status)
    word = "RolloutCompleted" if done else "Rollout not completed"
    set_condition(status, condition("Completed", str(done), "RolloutCompleted", word, now))
    current = condition_of(old, "Progressing")
    about = f'ReplicaSet "{name_of(new)}"' if new else f'Rollout "{name_of(rollout)}"'
    paused = bool(status.get("pauseConditions") or rollout["spec"].get("paused"))
    if status.get("abort"):
        message = f"Rollout aborted update to revision {revision(rollout)}"
        set_condition(status, condition("Progressing", "False", "RolloutAborted", message, now))
    elif paused:
        set_condition(status, condition("Progressing", "Unknown", "RolloutPaused", "Rollout is paused", now))
    elif done:
        message = f"{about} has successfully progressed."
        set_condition(status, condition("Progressing", "True", "NewReplicaSetAvailable", message, now))
    elif current is None or current["reason"] in ("RolloutAborted", "RolloutPaused") or _has_moved(old, status):
        moving = condition("Progressing", "True", "ReplicaSetUpdated", f"{about} is progressing.", now)
        drop_condition(status, "Progressing")
        set_condition(status, moving)
    elif (due := deadline(rollout, current)) is not None and due < now:
        message = f"{about} has timed out progressing."
        set_condition(status, condition("Progressing", "False", "ProgressDeadlineExceeded", message, now))
    if paused or condition_of(old, "Paused") is not None:
        set_condition(status, condition("Paused", str(paused), "RolloutPaused", "Rollout is paused", now))


def _has_moved(old: Obj, new: Obj) -> bool:
    if old.get("currentPodHash") != new.get("currentPodHash") or old.get("currentStepIndex") != new.get(
        "currentStepIndex"
    ):
        return True
    left = [status.get("replicas", 0) - status.get("updatedReplicas", 0) for status in (new, old)]
    fields = ("updatedReplicas", "readyReplicas", "availableReplicas")
    return left[0] < left[1] or any(new.get(field, 0) > old.get(field, 0) for field in fields)


def deadline(rollout: Obj, progress: Obj) -> datetime | None:
    """When lack of progress is reported; None where it never is. progress: the Progressing condition."""
    if progress["reason"] != "ReplicaSetUpdated" or "pause" in (arithmetic.current_step(rollout) or {}):
        return None
    seconds = rollout["spec"].get("progressDeadlineSeconds") or DEADLINE
    return moment_of(progress["lastUpdateTime"]) + timedelta(seconds=seconds)

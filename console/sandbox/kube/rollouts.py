"""The arithmetic of a Deployment's rollout, as pure functions over Deployments and ReplicaSets.

Source: pkg/controller/deployment/util of Kubernetes.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from console.sandbox.kube.objects import Obj, annotations_of, clone, created_at, moment_of, name_of

REVISION = "deployment.kubernetes.io/revision"
REVISION_HISTORY = "deployment.kubernetes.io/revision-history"
DESIRED = "deployment.kubernetes.io/desired-replicas"
MOST = "deployment.kubernetes.io/max-replicas"
HASH_LABEL = "pod-template-hash"
NOT_COPIED = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        REVISION,
        REVISION_HISTORY,
        DESIRED,
        MOST,
        "deprecated.deployment.rollback.to",
    }
)
NO_DEADLINE = 2**31 - 1
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


def replicas(obj: Obj) -> int:
    """spec.replicas."""
    return int(obj["spec"].get("replicas", 0))


def counted(obj: Obj, field: str) -> int:
    """A number of the status, 0 where it is absent."""
    return int((obj.get("status") or {}).get(field) or 0)


def is_rolling(deployment: Obj) -> bool:
    """Whether pods are replaced step by step."""
    return bool(deployment["spec"]["strategy"]["type"] == "RollingUpdate")


def _scaled(value: int | str, total: int, *, up: bool) -> int:
    if isinstance(value, int):
        return value
    share = int(value.rstrip("%")) * total
    return -(-share // 100) if up else share // 100


def fenceposts(deployment: Obj) -> tuple[int, int]:
    """How many pods may be surplus and how many unavailable: percent of surge rounds up, of unavailability down; never
    both 0."""
    rolling = deployment["spec"]["strategy"].get("rollingUpdate") or {}
    desired = replicas(deployment)
    surge = _scaled(rolling.get("maxSurge", 0), desired, up=True)
    unavailable = _scaled(rolling.get("maxUnavailable", 0), desired, up=False)
    return (surge, 1) if surge == 0 and unavailable == 0 else (surge, unavailable)


def max_surge(deployment: Obj) -> int:
    """How many pods there may be above spec.replicas."""
    return fenceposts(deployment)[0] if is_rolling(deployment) else 0


def max_unavailable(deployment: Obj) -> int:
    """How many of spec.replicas may be unavailable."""
    if not is_rolling(deployment) or replicas(deployment) == 0:
        return 0
    return min(fenceposts(deployment)[1], replicas(deployment))


def revision(obj: Obj) -> int:
    """The revision annotation; 0 where there is none."""
    text = annotations_of(obj).get(REVISION, "0")
    return int(text) if text.isdigit() else 0


def without_hash(template: Obj) -> Obj:
    """A pod template as the Deployment has it, for comparing."""
    result: Obj = clone(template)
    metadata = {key: value for key, value in (result.get("metadata") or {}).items() if value}
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key != HASH_LABEL}
    result["metadata"] = {**metadata, "labels": labels}
    return result


def template_hash(template: Obj, collisions: int) -> str:
    """The pod-template-hash; the number of collisions changes it."""
    text = json.dumps([without_hash(template), collisions], sort_keys=True, separators=(",", ":"))
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
    return "".join(_LETTERS[int(digit)] for digit in str(number))


def by_age(sets: Iterable[Obj]) -> list[Obj]:
    """Oldest first, then by name."""
    return sorted(sets, key=lambda item: (created_at(item), int(revision(item)), name_of(item)))


def new_set(deployment: Obj, sets: Sequence[Obj]) -> Obj | None:
    """The oldest ReplicaSet with the Deployment's own template."""
    wanted = without_hash(deployment["spec"]["template"])
    return next((item for item in by_age(sets) if without_hash(item["spec"]["template"]) == wanted), None)


def active(sets: Iterable[Obj]) -> list[Obj]:
    """Those that should have pods."""
    return [item for item in sets if replicas(item) > 0]


def total(sets: Iterable[Obj]) -> int:
    """The sum of spec.replicas."""
    return sum(replicas(item) for item in sets)


def available(sets: Iterable[Obj]) -> int:
    """The sum of status.availableReplicas."""
    return sum(counted(item, "availableReplicas") for item in sets)


def grown(deployment: Obj, sets: Sequence[Obj], new: Obj) -> int:
    """How many replicas the new ReplicaSet may have now."""
    desired = replicas(deployment)
    if not is_rolling(deployment):
        return desired
    room = desired + max_surge(deployment) - total(sets)
    return replicas(new) if room <= 0 else replicas(new) + min(room, desired - replicas(new))


def is_saturated(deployment: Obj, new: Obj | None) -> bool:
    """Whether the new ReplicaSet alone is all that is asked for."""
    if new is None or annotations_of(new).get(DESIRED) != str(replicas(deployment)):
        return False
    return replicas(new) == replicas(deployment) == counted(new, "availableReplicas")


def proportion(item: Obj, deployment: Obj, to_add: int, added: int) -> int:
    """How many of `to_add` replicas one ReplicaSet gets (or loses) when several are scaled together."""
    if replicas(item) == 0 or to_add == 0 or to_add == added:
        return 0
    fraction, allowed = _fraction(item, deployment), to_add - added
    return min(fraction, allowed) if to_add > 0 else max(fraction, allowed)


def _fraction(item: Obj, deployment: Obj) -> int:
    if replicas(deployment) == 0:
        return -replicas(item)
    annotated = annotations_of(item).get(MOST, "")
    before = int(annotated) if annotated.isdigit() else counted(deployment, "replicas")
    if before == 0:
        return 0
    share = replicas(item) * (replicas(deployment) + max_surge(deployment)) / before
    return math.floor(share + 0.5) - replicas(item)


def has_deadline(deployment: Obj) -> bool:
    """Whether lack of progress is to be reported."""
    return bool(deployment["spec"].get("progressDeadlineSeconds", NO_DEADLINE) != NO_DEADLINE)


def is_complete(deployment: Obj, status: Obj) -> bool:
    """Whether the rollout is done: only new pods, all of them, all available."""
    desired = replicas(deployment)
    numbers = (status.get("updatedReplicas", 0), status.get("replicas", 0), status.get("availableReplicas", 0))
    return numbers == (desired,) * 3 and status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]


def is_progressing(deployment: Obj, status: Obj) -> bool:
    """Whether the new status is nearer to the goal than the Deployment's own."""
    old = deployment.get("status") or {}

    def number(source: Obj, field: str) -> int:
        return int(source.get(field) or 0)

    def left(source: Obj) -> int:
        return number(source, "replicas") - number(source, "updatedReplicas")

    return left(status) < left(old) or any(
        number(status, field) > number(old, field)
        for field in ("updatedReplicas", "readyReplicas", "availableReplicas")
    )


def condition_of(status: Obj, kind: str) -> Obj | None:
    """The condition of this type."""
    return next((item for item in status.get("conditions") or () if item["type"] == kind), None)


def deadline(deployment: Obj, status: Obj) -> datetime | None:
    """When lack of progress will be reported, or was; None when it never will be."""
    found = condition_of(status, "Progressing")
    if not has_deadline(deployment) or found is None or found["reason"] == "NewReplicaSetAvailable":
        return None
    return moment_of(found["lastUpdateTime"]) + timedelta(seconds=deployment["spec"]["progressDeadlineSeconds"])


def set_condition(status: Obj, new: Obj) -> bool:
    """Put a condition into a status; one with the same status and reason stays as it is. Gives whether it changed."""
    current = condition_of(status, new["type"])
    if current is not None and (current["status"], current["reason"]) == (new["status"], new["reason"]):
        return False
    if current is not None and current["status"] == new["status"]:
        new = {**new, "lastTransitionTime": current["lastTransitionTime"]}
    drop_condition(status, new["type"])
    status.setdefault("conditions", []).append(new)
    return True


def drop_condition(status: Obj, kind: str) -> None:
    """Take a condition out of a status."""
    status["conditions"] = [item for item in status.get("conditions") or () if item["type"] != kind]

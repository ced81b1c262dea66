"""Kubernetes objects as plain JSON, and the few facts everyone asks of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

Obj = dict[str, Any]
Clock = Callable[[], datetime]


def clone(value: Any) -> Any:
    """A deep copy of a JSON value; much cheaper than copy.deepcopy."""
    if isinstance(value, dict):
        return {key: clone(item) for key, item in value.items()}
    if isinstance(value, list):
        return [clone(item) for item in value]
    return value


def utc_now() -> datetime:
    """The wall clock, aware."""
    return datetime.now(UTC)


def timestamp(moment: datetime) -> str:
    """metav1.Time: whole seconds, `2025-01-31T12:00:00Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_timestamp(moment: datetime) -> str:
    """metav1.MicroTime: microseconds, `2025-01-31T12:00:00.000000Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment_of(text: str) -> datetime:
    """The aware time of a metav1.Time or MicroTime, nanoseconds cut; raises ValueError."""
    head, dot, rest = text.replace("Z", "+00:00").partition(".")
    if dot:
        digits = rest.rstrip("+-:0123456789") or rest
        for index, letter in enumerate(rest):
            if letter in "+-":
                digits, zone = rest[:index], rest[index:]
                break
        else:
            zone = "+00:00"
        head = f"{head}.{digits[:6]:0<6}{zone}"
    moment = datetime.fromisoformat(head)
    if moment.tzinfo is None:
        raise ValueError(f"time {text!r} has no zone")
    return moment.astimezone(UTC)


def name_of(obj: Obj) -> str:
    """metadata.name."""
    return str(obj["metadata"]["name"])


def namespace_of(obj: Obj) -> str:
    """metadata.namespace, empty for what belongs to the cluster."""
    return str(obj["metadata"].get("namespace") or "")


def labels_of(obj: Obj) -> dict[str, str]:
    """metadata.labels, never None."""
    return obj["metadata"].get("labels") or {}


def annotations_of(obj: Obj) -> dict[str, str]:
    """metadata.annotations, never None."""
    return obj["metadata"].get("annotations") or {}


def created_at(obj: Obj) -> str:
    """metadata.creationTimestamp; the text sorts as the time does."""
    return str(obj["metadata"].get("creationTimestamp") or "")


def controller_of(obj: Obj) -> Obj | None:
    """The owner reference with `controller: true`."""
    for reference in obj["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            return dict(reference)
    return None


def is_controlled_by(obj: Obj, owner: Obj) -> bool:
    """Whether the controlling owner reference points at exactly this object."""
    reference = controller_of(obj)
    return reference is not None and reference.get("uid") == owner["metadata"]["uid"]


def owner_reference(owner: Obj) -> Obj:
    """The controlling owner reference to `owner`."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": name_of(owner),
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def object_reference(obj: Obj) -> Obj:
    """An ObjectReference such as an event's involvedObject."""
    reference = {
        "kind": obj["kind"],
        "name": name_of(obj),
        "uid": obj["metadata"].get("uid", ""),
        "apiVersion": obj["apiVersion"],
        "resourceVersion": obj["metadata"].get("resourceVersion", ""),
    }
    if namespace := namespace_of(obj):
        reference["namespace"] = namespace
    return reference


def condition(obj: Obj, kind: str) -> Obj | None:
    """The status condition of this type."""
    for item in (obj.get("status") or {}).get("conditions") or ():
        if item.get("type") == kind:
            return dict(item)
    return None


def is_ready(pod: Obj) -> bool:
    """Whether the pod's Ready condition is True."""
    ready = condition(pod, "Ready")
    return ready is not None and ready.get("status") == "True"


def is_active(pod: Obj) -> bool:
    """Whether a controller counts the pod: neither finished nor being deleted."""
    phase = (pod.get("status") or {}).get("phase")
    return phase not in ("Succeeded", "Failed") and not pod["metadata"].get("deletionTimestamp")

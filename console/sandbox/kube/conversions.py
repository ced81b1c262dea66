"""The same object in another API version: events as events.k8s.io/v1, autoscalers as autoscaling/v1."""

from __future__ import annotations

from console.sandbox.kube.kinds import AUTOSCALERS_V1, NEW_EVENTS, Kind
from console.sandbox.kube.objects import Obj, clone

_EVENT_FIELDS = {
    "involvedObject": "regarding",
    "message": "note",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
    "reportingComponent": "reportingController",
}


def present(kind: Kind, stored: Obj) -> Obj:
    """A stored object in the form of `kind`; a copy the caller may change."""
    obj: Obj = clone(stored)
    obj["kind"], obj["apiVersion"] = kind.name, kind.api_version
    if kind.resource == NEW_EVENTS.resource:
        return {_EVENT_FIELDS.get(key, key): value for key, value in obj.items()}
    if kind.api_version == AUTOSCALERS_V1.api_version and kind.plural == AUTOSCALERS_V1.plural:
        return _to_autoscaling_v1(obj)
    return obj


def absorb(kind: Kind, obj: Obj, stored_as: Kind) -> Obj:
    """An object in the form of `kind` in the form it is stored in; a copy."""
    result: Obj = clone(obj)
    if kind.resource == NEW_EVENTS.resource:
        back = {new: old for old, new in _EVENT_FIELDS.items()}
        result = {back.get(key, key): value for key, value in result.items()}
    elif kind.api_version == AUTOSCALERS_V1.api_version and kind.plural == AUTOSCALERS_V1.plural:
        result = _from_autoscaling_v1(result)
    result["kind"], result["apiVersion"] = stored_as.name, stored_as.api_version
    return result


def _cpu_target(metric: Obj) -> bool:
    resource = metric.get("resource") or {}
    return metric.get("type") == "Resource" and resource.get("name") == "cpu"


def _to_autoscaling_v1(obj: Obj) -> Obj:
    spec = obj.get("spec") or {}
    for metric in spec.pop("metrics", None) or ():
        target = (metric.get("resource") or {}).get("target") or {}
        if _cpu_target(metric) and target.get("type") == "Utilization":
            spec["targetCPUUtilizationPercentage"] = target.get("averageUtilization")
    status = obj.get("status") or {}
    for metric in status.pop("currentMetrics", None) or ():
        current = (metric.get("resource") or {}).get("current") or {}
        if _cpu_target(metric) and "averageUtilization" in current:
            status["currentCPUUtilizationPercentage"] = current["averageUtilization"]
    status.pop("conditions", None)
    status.setdefault("currentReplicas", 0)
    status.setdefault("desiredReplicas", 0)
    obj["status"] = status
    return obj


def _from_autoscaling_v1(obj: Obj) -> Obj:
    spec = obj.get("spec") or {}
    percentage = spec.pop("targetCPUUtilizationPercentage", None)
    if percentage is not None:
        target = {"type": "Utilization", "averageUtilization": percentage}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    status = obj.get("status") or {}
    percentage = status.pop("currentCPUUtilizationPercentage", None)
    if percentage is not None:
        resource = {"name": "cpu", "current": {"averageUtilization": percentage}}
        status["currentMetrics"] = [{"type": "Resource", "resource": resource}]
    return obj

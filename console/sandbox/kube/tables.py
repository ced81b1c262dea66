"""Objects as the rows that `kubectl get` prints."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from console.sandbox.kube.objects import Obj, condition, created_at, labels_of, moment_of, name_of
from console.sandbox.kube.selectors import selector_text

Cell = Callable[[Obj, datetime], Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column; a priority above 0 shows only with `-o wide`."""

    name: str
    cell: Cell
    type: str = "string"
    priority: int = 0


def age(text: str | None, now: datetime) -> str:
    """How long ago, as kubectl words it: `45s`, `5m30s`, `3h`, `2d`."""
    if not text:
        return "<unknown>"
    seconds = int((now - moment_of(text)).total_seconds())
    if seconds < 0:
        return "0s"
    if seconds < 120:
        return f"{seconds}s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes < 10:
        return f"{minutes}m{seconds % 60}s" if seconds % 60 else f"{minutes}m"
    if hours < 3:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return f"{days}d{hours % 24}h" if hours % 24 else f"{days}d"
    if days < 730:
        return f"{days}d"
    return f"{days // 365}y"


def _field(*path: str, default: Any = "") -> Cell:
    def cell(obj: Obj, _now: datetime) -> Any:
        value: Any = obj
        for part in path:
            value = value.get(part) if isinstance(value, dict) else None
        return default if value is None else value

    return cell


def _containers(part: str) -> Cell:
    def cell(obj: Obj, _now: datetime) -> str:
        spec = obj.get("spec") or {}
        return ",".join(
            item.get(part, "") for item in ((spec.get("template") or {}).get("spec") or {}).get("containers") or ()
        )

    return cell


def _selector(obj: Obj, _now: datetime) -> str:
    return selector_text(obj["spec"].get("selector")) or "<none>"


def _map_selector(obj: Obj, _now: datetime) -> str:
    selector = (obj.get("spec") or {}).get("selector") or {}
    return ",".join(f"{key}={value}" for key, value in sorted(selector.items())) or "<none>"


def _ready_deployment(obj: Obj, _now: datetime) -> str:
    return f"{(obj.get('status') or {}).get('readyReplicas', 0)}/{obj['spec']['replicas']}"


def _statuses(pod: Obj) -> list[Obj]:
    return list((pod.get("status") or {}).get("containerStatuses") or ())


def _pod_ready(pod: Obj, _now: datetime) -> str:
    return f"{sum(bool(item.get('ready')) for item in _statuses(pod))}/{len(pod['spec']['containers'])}"


def pod_status(pod: Obj, _now: datetime) -> str:
    """The STATUS column: the phase, or what stands in its way."""
    status = pod.get("status") or {}
    reason: str = status.get("reason") or status.get("phase") or ""
    running = False
    for item in reversed(_statuses(pod)):
        state = item.get("state") or {}
        waiting, terminated = state.get("waiting"), state.get("terminated")
        if waiting and waiting.get("reason"):
            reason = waiting["reason"]
        elif terminated:
            reason = terminated.get("reason") or f"ExitCode:{terminated.get('exitCode', 0)}"
        elif item.get("ready") and state.get("running"):
            running = True
    if reason == "Completed" and running:
        reason = "Running" if (condition(pod, "Ready") or {}).get("status") == "True" else "NotReady"
    return "Terminating" if pod["metadata"].get("deletionTimestamp") else reason


def _restarts(pod: Obj, now: datetime) -> str:
    total = sum(item.get("restartCount", 0) for item in _statuses(pod))
    ends = [(item.get("lastState") or {}).get("terminated", {}).get("finishedAt") for item in _statuses(pod)]
    latest = max((end for end in ends if end), default=None)
    return f"{total} ({age(latest, now)} ago)" if total and latest else str(total)


def _ports(obj: Obj, _now: datetime) -> str:
    ports = obj["spec"].get("ports") or ()
    texts = [
        f"{port['port']}{':' + str(port['nodePort']) if port.get('nodePort') else ''}/{port.get('protocol', 'TCP')}"
        for port in ports
    ]
    return ",".join(texts) or "<none>"


def _external_ip(obj: Obj, _now: datetime) -> str:
    spec = obj["spec"]
    if spec.get("type") == "ExternalName":
        return str(spec.get("externalName", ""))
    ingress = ((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    addresses = [item.get("ip") or item.get("hostname") or "" for item in ingress] + list(spec.get("externalIPs") or ())
    return ",".join(addresses) or ("<pending>" if spec.get("type") == "LoadBalancer" else "<none>")


def _endpoint_addresses(obj: Obj, _now: datetime) -> str:
    texts = [
        f"{address['ip']}:{port['port']}"
        for subset in obj.get("subsets") or ()
        for port in subset.get("ports") or ()
        for address in subset.get("addresses") or ()
    ]
    more = f" + {len(texts) - 3} more..." if len(texts) > 3 else ""
    return ",".join(texts[:3]) + more if texts else "<none>"


def _slice_ports(obj: Obj, _now: datetime) -> str:
    return ",".join(str(port.get("port", "*")) for port in obj.get("ports") or ()) or "<unset>"


def _slice_addresses(obj: Obj, _now: datetime) -> str:
    return ",".join(each for item in obj.get("endpoints") or () for each in item["addresses"]) or "<unset>"


def _event_seen(event: Obj, now: datetime) -> str:
    return age(event.get("lastTimestamp") or event.get("eventTime") or created_at(event), now)


def _event_object(event: Obj, _now: datetime) -> str:
    involved = event.get("involvedObject") or {}
    return f"{str(involved.get('kind', '')).lower()}/{involved.get('name', '')}"


def _node_status(node: Obj, _now: datetime) -> str:
    ready = "Ready" if (condition(node, "Ready") or {}).get("status") == "True" else "NotReady"
    return ready + (",SchedulingDisabled" if (node.get("spec") or {}).get("unschedulable") else "")


def _node_roles(node: Obj, _now: datetime) -> str:
    prefix = "node-role.kubernetes.io/"
    return ",".join(sorted(key.removeprefix(prefix) for key in labels_of(node) if key.startswith(prefix))) or "<none>"


def _node_address(node: Obj, _now: datetime) -> str:
    addresses = (node.get("status") or {}).get("addresses") or ()
    return next((item["address"] for item in addresses if item["type"] == "InternalIP"), "<none>")


def _reference(autoscaler: Obj, _now: datetime) -> str:
    target = autoscaler["spec"].get("scaleTargetRef") or {}
    return f"{target.get('kind', '')}/{target.get('name', '')}"


def _targets(autoscaler: Obj, _now: datetime) -> str:
    texts: list[str] = []
    current = (autoscaler.get("status") or {}).get("currentMetrics") or []
    for index, metric in enumerate(autoscaler["spec"].get("metrics") or ()):
        resource = metric.get("resource") or {}
        wanted = (resource.get("target") or {}).get("averageUtilization")
        have = None
        if index < len(current):
            have = ((current[index].get("resource") or {}).get("current") or {}).get("averageUtilization")
        shown = "<unknown>" if have is None else f"{have}%"
        texts.append(f"{resource.get('name', '')}: {shown}/{'<auto>' if wanted is None else f'{wanted}%'}")
    if not texts and "targetCPUUtilizationPercentage" in autoscaler["spec"]:
        texts.append(f"cpu: <unknown>/{autoscaler['spec']['targetCPUUtilizationPercentage']}%")
    return ", ".join(texts) or "<none>"


def _job_status(job: Obj, _now: datetime) -> str:
    for kind, word in (("Complete", "Complete"), ("Failed", "Failed"), ("Suspended", "Suspended")):
        if (condition(job, kind) or {}).get("status") == "True":
            return word
    return "Running"


def _completions(job: Obj, _now: datetime) -> str:
    return f"{(job.get('status') or {}).get('succeeded', 0)}/{job['spec'].get('completions', 1)}"


def _hosts(route: Obj) -> bool:
    return bool((route.get("spec") or {}).get("hostnames"))


_NAME = Column("Name", lambda obj, _now: name_of(obj))
_AGE = Column("Age", lambda obj, now: age(created_at(obj), now))


def _number(name: str, *path: str, priority: int = 0) -> Column:
    return Column(name, _field(*path, default=0), "integer", priority)


_TEMPLATE = (
    Column("Containers", _containers("name"), priority=1),
    Column("Images", _containers("image"), priority=1),
    Column("Selector", _selector, priority=1),
)
COLUMNS: dict[str, Sequence[Column]] = {
    "deployments.apps": (
        _NAME,
        Column("Ready", _ready_deployment),
        _number("Up-to-date", "status", "updatedReplicas"),
        _number("Available", "status", "availableReplicas"),
        _AGE,
        *_TEMPLATE,
    ),
    "replicasets.apps": (
        _NAME,
        _number("Desired", "spec", "replicas"),
        _number("Current", "status", "replicas"),
        _number("Ready", "status", "readyReplicas"),
        _AGE,
        *_TEMPLATE,
    ),
    "pods": (
        _NAME,
        Column("Ready", _pod_ready),
        Column("Status", pod_status),
        Column("Restarts", _restarts),
        _AGE,
        Column("IP", _field("status", "podIP", default="<none>"), priority=1),
        Column("Node", _field("spec", "nodeName", default="<none>"), priority=1),
        Column("Nominated Node", _field("status", "nominatedNodeName", default="<none>"), priority=1),
        Column("Readiness Gates", lambda _obj, _now: "<none>", priority=1),
    ),
    "services": (
        _NAME,
        Column("Type", _field("spec", "type")),
        Column("Cluster-IP", _field("spec", "clusterIP", default="<none>")),
        Column("External-IP", _external_ip),
        Column("Port(s)", _ports),
        _AGE,
        Column("Selector", _map_selector, priority=1),
    ),
    "endpoints": (_NAME, Column("Endpoints", _endpoint_addresses), _AGE),
    "endpointslices.discovery.k8s.io": (
        _NAME,
        Column("AddressType", _field("addressType")),
        Column("Ports", _slice_ports),
        Column("Endpoints", _slice_addresses),
        _AGE,
    ),
    "namespaces": (_NAME, Column("Status", _field("status", "phase")), _AGE),
    "events": (
        Column("Last Seen", _event_seen),
        Column("Type", _field("type")),
        Column("Reason", _field("reason")),
        Column("Object", _event_object),
        Column("Subobject", _field("involvedObject", "fieldPath"), priority=1),
        Column("Source", _field("source", "component"), priority=1),
        Column("Message", lambda event, _now: str(event.get("message", "")).strip()),
        Column("First Seen", lambda event, now: age(event.get("firstTimestamp") or created_at(event), now), priority=1),
        Column("Count", _field("count", default=1), "integer", priority=1),
        Column("Name", lambda event, _now: name_of(event), priority=1),
    ),
    "configmaps": (_NAME, Column("Data", lambda obj, _now: len(obj.get("data") or {}), "integer"), _AGE),
    "secrets": (
        _NAME,
        Column("Type", _field("type")),
        Column("Data", lambda obj, _now: len(obj.get("data") or {}), "integer"),
        _AGE,
    ),
    "serviceaccounts": (_NAME, Column("Secrets", lambda obj, _now: len(obj.get("secrets") or ()), "integer"), _AGE),
    "nodes": (
        _NAME,
        Column("Status", _node_status),
        Column("Roles", _node_roles),
        _AGE,
        Column("Version", _field("status", "nodeInfo", "kubeletVersion")),
        Column("Internal-IP", _node_address, priority=1),
    ),
    "horizontalpodautoscalers": (
        _NAME,
        Column("Reference", _reference),
        Column("Targets", _targets),
        Column("MinPods", _field("spec", "minReplicas", default="<unset>")),
        _number("MaxPods", "spec", "maxReplicas"),
        _number("Replicas", "status", "currentReplicas"),
        _AGE,
    ),
    "leases.coordination.k8s.io": (_NAME, Column("Holder", _field("spec", "holderIdentity")), _AGE),
    "rollouts.argoproj.io": (
        _NAME,
        _number("Desired", "spec", "replicas"),
        _number("Current", "status", "replicas"),
        _number("Up-to-date", "status", "updatedReplicas"),
        _number("Available", "status", "availableReplicas"),
        _AGE,
    ),
    "httproutes.gateway.networking.k8s.io": (
        _NAME,
        Column("Hostnames", lambda obj, _now: json.dumps(obj["spec"]["hostnames"]) if _hosts(obj) else ""),
        _AGE,
    ),
    "jobs.batch": (_NAME, Column("Status", _job_status), Column("Completions", _completions), _AGE, *_TEMPLATE[:2]),
}
_DEFAULT: Sequence[Column] = (_NAME, _AGE)


def table(store: str, objects: Sequence[Obj], metadata: Mapping[str, Any], now: datetime, include: str) -> Obj:
    """A meta.k8s.io/v1 Table. include: `None`, `Metadata` or `Object`, what each row carries of its object."""
    columns = COLUMNS.get(store, _DEFAULT)
    rows: list[Obj] = []
    for obj in objects:
        row: Obj = {"cells": [column.cell(obj, now) for column in columns]}
        if include == "Object":
            row["object"] = obj
        elif include != "None":
            row["object"] = partial_metadata(obj)
        rows.append(row)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": dict(metadata),
        "columnDefinitions": [
            {
                "name": column.name,
                "type": column.type,
                "format": "name" if column.name == "Name" else "",
                "description": column.name,
                "priority": column.priority,
            }
            for column in columns
        ],
        "rows": rows,
    }


def partial_metadata(obj: Obj) -> Obj:
    """The object's metadata alone, as a PartialObjectMetadata."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}

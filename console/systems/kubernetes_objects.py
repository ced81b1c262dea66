"""What a Kubernetes API server's JSON says of workloads, revisions, pods and events; nothing here asks for more."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from console.core.readings import ClusterEvent, Pod, Revision, Workload

Json = Mapping[str, Any]

REVISION = "deployment.kubernetes.io/revision"
CHANGE_CAUSE = "kubernetes.io/change-cause"
TEMPLATE_HASH = "pod-template-hash"

_SELECTED = {"In": "in", "NotIn": "notin"}
_ARGO = "Argo CD"
_FLUX = "Flux"
_BEGINNING = datetime.fromtimestamp(0, UTC)


def moment(text: Any) -> datetime | None:
    """An RFC 3339 time as aware UTC; None where there is none."""
    if not isinstance(text, str) or not text:
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return None


def version_of(image: str) -> str:
    """The tag of an image; the first twelve digits of its digest where it has no tag, else `latest`."""
    name, _, digest = image.partition("@")
    _, _, tag = name.rpartition("/")[2].partition(":")
    if tag:
        return tag
    algorithm, _, value = digest.partition(":")
    return f"{algorithm}:{value[:12]}" if value else "latest" if name else ""


def template_text(template: Json) -> str:
    """A pod template as JSON text with sorted keys, without `pod-template-hash`: equal templates give equal texts."""
    metadata = dict(template.get("metadata") or {})
    metadata.pop("creationTimestamp", None)
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key != TEMPLATE_HASH}
    metadata["labels"] = labels
    return json.dumps({**template, "metadata": metadata}, sort_keys=True, separators=(",", ":"))


def template_image(template: Json, container: str | None) -> tuple[str, str]:
    """(name, image) of the named container, the first one where `container` is None or not there."""
    containers = (template.get("spec") or {}).get("containers") or [{}]
    chosen = next((each for each in containers if each.get("name") == container), containers[0])
    return str(chosen.get("name", "")), str(chosen.get("image", ""))


def owner(thing: Json, kind: str) -> str:
    """The uid of the controller of that kind which owns `thing`, else empty."""
    for reference in (thing.get("metadata") or {}).get("ownerReferences") or ():
        if reference.get("kind") == kind and reference.get("controller"):
            return str(reference.get("uid", ""))
    return ""


def selector_text(selector: Json) -> str:
    """A label selector as a list call takes it: `app=hak-gal,tier in (a,b)`."""
    parts = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    for each in selector.get("matchExpressions") or ():
        key, values = each.get("key", ""), ",".join(each.get("values") or ())
        match each.get("operator"):
            case "Exists":
                parts.append(key)
            case "DoesNotExist":
                parts.append(f"!{key}")
            case operator:
                parts.append(f"{key} {_SELECTED.get(str(operator), 'in')} ({values})")
    return ",".join(parts)


def revision_number(thing: Json) -> int:
    """The revision annotation of a Deployment or ReplicaSet, 0 where there is none."""
    text = ((thing.get("metadata") or {}).get("annotations") or {}).get(REVISION, "")
    return int(text) if text.isdigit() else 0


def progressing(deployment: Json) -> Json:
    """The Progressing condition of a Deployment, empty where it has none."""
    return condition(deployment, "Progressing")


def condition(thing: Json, kind: str) -> Json:
    """The condition of that type, empty where there is none."""
    conditions = (thing.get("status") or {}).get("conditions") or ()
    return next((each for each in conditions if each.get("type") == kind), {})


def is_settled(deployment: Json) -> bool:
    """Whether the newest generation was observed, every desired pod is of it and available, and none is left over."""
    spec, status = deployment.get("spec") or {}, deployment.get("status") or {}
    desired = _desired(spec)
    return (
        int(status.get("observedGeneration") or 0) >= int((deployment.get("metadata") or {}).get("generation") or 0)
        and int(status.get("updatedReplicas") or 0) == desired
        and int(status.get("replicas") or 0) == desired
        and int(status.get("availableReplicas") or 0) == desired
    )


def managed_by(thing: Json) -> str:
    """The GitOps controller that owns an object, with the name of what it applies: `Argo CD (hak-gal)`."""
    metadata = thing.get("metadata") or {}
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    if name := labels.get("argocd.argoproj.io/instance") or annotations.get("argocd.argoproj.io/instance"):
        return f"{_ARGO} ({name})"
    if tracking := annotations.get("argocd.argoproj.io/tracking-id"):
        return f"{_ARGO} ({str(tracking).partition(':')[0]})"
    for kind in ("kustomize", "helm"):
        key = f"{kind}.toolkit.fluxcd.io/name"
        if name := labels.get(key) or annotations.get(key):
            return f"{_FLUX} ({kind} {name})"
    return ""


def read_revision(replica_set: Json, container: str | None) -> Revision:
    """One ReplicaSet of a Deployment."""
    metadata, spec, status = (replica_set.get(part) or {} for part in ("metadata", "spec", "status"))
    template = spec.get("template") or {}
    _, image = template_image(template, container)
    return Revision(
        number=revision_number(replica_set),
        version=version_of(image),
        image=image,
        template=template_text(template),
        desired=_desired(spec),
        pods=int(status.get("replicas") or 0),
        ready=int(status.get("readyReplicas") or 0),
        created=moment(metadata.get("creationTimestamp")) or _BEGINNING,
        change_cause=str((metadata.get("annotations") or {}).get(CHANGE_CAUSE, "")),
    )


def read_workload(deployment: Json, replica_sets: Iterable[Json], container: str | None) -> Workload:
    """A Deployment with the revisions kept of it, newest first. replica_sets: of the namespace, or only its own."""
    metadata, spec, status = (deployment.get(part) or {} for part in ("metadata", "spec", "status"))
    uid = str(metadata.get("uid", ""))
    template = spec.get("template") or {}
    name, image = template_image(template, container)
    revisions = [read_revision(each, container) for each in replica_sets if owner(each, "Deployment") == uid]
    progress = progressing(deployment)
    stuck = progress.get("status") == "False" and _observed(deployment)
    failure = condition(deployment, "ReplicaFailure")
    return Workload(
        name=str(metadata.get("name", "")),
        namespace=str(metadata.get("namespace", "")),
        container=name,
        version=version_of(image),
        image=image,
        current=revision_number(deployment),
        desired=_desired(spec),
        updated=int(status.get("updatedReplicas") or 0),
        ready=int(status.get("readyReplicas") or 0),
        available=int(status.get("availableReplicas") or 0),
        settled=is_settled(deployment),
        paused=bool(spec.get("paused")),
        stuck=_stuck(progress, failure) if stuck else "",
        resource_version=str(metadata.get("resourceVersion", "")),
        generation=int(metadata.get("generation") or 0),
        uid=uid,
        revisions=tuple(sorted(revisions, key=lambda revision: (-revision.number, revision.version))),
        managed_by=managed_by(deployment),
        template=template_text(template),
    )


def read_pod(pod: Json, replica_set: Json | None, container: str | None, workload: str = "") -> Pod:
    """One pod. replica_set: the one that owns it, by whose template its version is told; None where unknown."""
    metadata, spec, status = (pod.get(part) or {} for part in ("metadata", "spec", "status"))
    template = ((replica_set or {}).get("spec") or {}).get("template") or {"spec": spec}
    _, image = template_image({"spec": spec}, container)
    _, asked = template_image(template, container)
    sidecars = [each for each in spec.get("initContainers") or () if each.get("restartPolicy") == "Always"]
    counted = {each.get("name") for each in (*(spec.get("containers") or ()), *sidecars)}
    states = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    return Pod(
        name=str(metadata.get("name", "")),
        phase=str(status.get("phase", "Unknown")),
        ready=condition(pod, "Ready").get("status") == "True",
        ready_containers=sum(1 for state in states if state.get("ready") and state.get("name") in counted),
        containers=len(counted),
        restarts=sum(int(state.get("restartCount") or 0) for state in states if state.get("name") in counted),
        version=version_of(asked),
        image=image,
        revision=revision_number(replica_set or {}),
        created=moment(metadata.get("creationTimestamp")) or _BEGINNING,
        node=str(spec.get("nodeName", "")),
        ip=str(status.get("podIP", "")),
        reason=pod_reason(pod),
        terminating=bool(metadata.get("deletionTimestamp")),
        workload=workload,
    )


def pod_reason(pod: Json) -> str:
    """Why a pod is not well, in Kubernetes's word (`CrashLoopBackOff`, `Unschedulable`, `Evicted`), else empty."""
    status = pod.get("status") or {}
    if reason := status.get("reason"):
        return str(reason)
    for state in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        waiting = (state.get("state") or {}).get("waiting") or {}
        if (reason := waiting.get("reason")) and reason not in ("ContainerCreating", "PodInitializing"):
            return str(reason)
        ended = (state.get("state") or {}).get("terminated") or {}
        if ended and ended.get("exitCode", 0) != 0:
            return str(ended.get("reason") or f"exit code {ended.get('exitCode')}")
    scheduled = condition(pod, "PodScheduled")
    return str(scheduled.get("reason") or "") if scheduled.get("status") == "False" else ""


def pod_trouble(pod: Json) -> str:
    """Why a pod is not well with the message Kubernetes gives for it, in one line, else empty."""
    reason = pod_reason(pod)
    if not reason:
        return ""
    status = pod.get("status") or {}
    said = [str(status.get("message") or "")] if status.get("reason") == reason else []
    for state in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        parts = (state.get("state") or {}).values()
        said.extend(str(part.get("message") or "") for part in parts if part.get("reason") == reason)
    scheduled = condition(pod, "PodScheduled")
    said.append(str(scheduled.get("message") or "") if scheduled.get("reason") == reason else "")
    message = " ".join(next((text for text in said if text), "").split()).rstrip(".")
    return f"{reason}: {message[:300]}" if message else reason


def read_event(event: Json) -> ClusterEvent:
    """One Event of core/v1, whichever of its several time and count fields its maker filled."""
    about, series = event.get("involvedObject") or {}, event.get("series") or {}
    seen = (
        series.get("lastObservedTime"),
        event.get("lastTimestamp"),
        event.get("eventTime"),
        event.get("firstTimestamp"),
        (event.get("metadata") or {}).get("creationTimestamp"),
    )
    return ClusterEvent(
        last_seen=next((at for text in seen if (at := moment(text))), _BEGINNING),
        kind=str(event.get("type") or "Normal"),
        reason=str(event.get("reason", "")),
        about=f"{about.get('kind', '')}/{about.get('name', '')}",
        message=" ".join(str(event.get("message", "")).split()),
        count=int(series.get("count") or event.get("count") or 1),
    )


def _desired(spec: Json) -> int:
    replicas = spec.get("replicas")
    return 1 if replicas is None else int(replicas)


def _observed(deployment: Json) -> bool:
    generation = int((deployment.get("metadata") or {}).get("generation") or 0)
    return int((deployment.get("status") or {}).get("observedGeneration") or 0) >= generation


def _stuck(progress: Json, failure: Json) -> str:
    reason = str(progress.get("reason") or "not progressing")
    message = " ".join(str(failure.get("message") or "").split()).rstrip(".")
    return f"{reason}: {message}" if failure.get("status") == "True" and message else reason

"""The parts of an object with a path of their own: scale, log, eviction, binding."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Protocol

from aiohttp import web

from console.sandbox.kube.api import Api, DeleteOptions
from console.sandbox.kube.errors import ApiError, Cause, already_exists, bad_request, invalid
from console.sandbox.kube.kinds import PODS
from console.sandbox.kube.objects import Obj, clone, micro_timestamp, moment_of, timestamp
from console.sandbox.kube.runtime import ContainerLog, LogLine
from console.sandbox.kube.selectors import selector_text


class LogReader(Protocol):
    """Where container logs are found."""

    def log(self, uid: str, container: str, *, previous: bool) -> ContainerLog | None:
        """The log of a container's current or previous run; None when there was none."""


def scale_of(obj: Obj) -> Obj:
    """The autoscaling/v1 Scale of a workload."""
    metadata = {
        key: obj["metadata"][key]
        for key in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
        if key in obj["metadata"]
    }
    status: Obj = {"replicas": (obj.get("status") or {}).get("replicas", 0)}
    if selector := selector_text(obj["spec"].get("selector")):
        status["selector"] = selector
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": metadata,
        "spec": {"replicas": obj["spec"].get("replicas", 0)},
        "status": status,
    }


def with_scale(obj: Obj, scale: Obj) -> Obj:
    """The workload with the replicas of a Scale; the Scale's resourceVersion is its precondition. Raises ApiError."""
    replicas = (scale.get("spec") or {}).get("replicas", 0)
    if isinstance(replicas, bool) or not isinstance(replicas, int):
        raise bad_request("spec.replicas of a Scale is a whole number")
    if replicas < 0:
        detail = f"Invalid value: {replicas}: must be greater than or equal to 0"
        name = obj["metadata"]["name"]
        raise ApiError(
            422,
            "Invalid",
            f'Scale.autoscaling "{name}" is invalid: spec.replicas: {detail}',
            {
                "name": name,
                "group": "autoscaling",
                "kind": "Scale",
                "causes": [{"reason": "FieldValueInvalid", "message": detail, "field": "spec.replicas"}],
            },
        )
    result: Obj = clone(obj)
    result["spec"]["replicas"] = replicas
    metadata = scale.get("metadata") or {}
    for field in ("resourceVersion", "uid"):
        if metadata.get(field):
            result["metadata"][field] = metadata[field]
        else:
            result["metadata"].pop(field, None)
    return result


def evict(api: Api, namespace: str, name: str, body: Obj) -> Obj:
    """Delete a pod as an Eviction asks."""
    api.delete(PODS, namespace, name, DeleteOptions.parse(body.get("deleteOptions") or {}))
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}


def bind(api: Api, namespace: str, name: str, body: Obj) -> Obj:
    """Assign a pod to a node."""
    node = (body.get("target") or {}).get("name")
    if not node:
        raise invalid(PODS, name, [Cause("target.name", "FieldValueRequired", "Required value")])
    stored = api.get(PODS, namespace, name)
    if stored["spec"].get("nodeName"):
        raise already_exists(PODS, name)
    assign(api, stored, node)
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}


def assign(api: Api, pod: Obj, node: str) -> None:
    """Write the node a pod runs on and its PodScheduled condition; only the scheduler's binding may do that."""
    stored: Obj = clone(pod)
    stored["spec"]["nodeName"] = node
    condition = {"type": "PodScheduled", "status": "True", "lastProbeTime": None}
    condition["lastTransitionTime"] = timestamp(api.clock())
    status = stored.setdefault("status", {})
    others = [item for item in status.get("conditions") or () if item["type"] != "PodScheduled"]
    status["conditions"] = [*others, condition]
    api.store.write(PODS.stored_as, stored)


def _number(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name, "")
    if not text:
        return None
    if not text.lstrip("-").isdigit() or int(text) < 0:
        detail = f'Invalid value: "{text}": must be greater than or equal to 0'
        raise invalid(PODS, "", [Cause(name, "FieldValueInvalid", detail)])
    return int(text)


def container_of(pod: Obj, asked: str) -> str:
    """The container that is meant; the only one, or the default one, where none is named. Raises ApiError."""
    name = pod["metadata"]["name"]
    names = [item["name"] for item in pod["spec"]["containers"]]
    if not asked:
        annotated = (pod["metadata"].get("annotations") or {}).get("kubectl.kubernetes.io/default-container")
        if annotated in names:
            return str(annotated)
        if len(names) > 1:
            listed = " ".join(names)
            raise bad_request(f"a container name must be specified for pod {name}, choose one of: [{listed}]")
        return str(names[0])
    if asked not in names:
        raise bad_request(f"container {asked} is not valid for pod {name}")
    return asked


def _found(pod: Obj, logs: LogReader | None, container: str, *, previous: bool) -> ContainerLog | None:
    name = pod["metadata"]["name"]
    if not pod["spec"].get("nodeName") or logs is None:
        return None
    found = logs.log(pod["metadata"]["uid"], container, previous=previous)
    if found is not None:
        return found
    if previous:
        raise bad_request(f'previous terminated container "{container}" in pod "{name}" not found')
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    state = next((item.get("state") or {} for item in statuses if item["name"] == container), {})
    reason = (state.get("waiting") or {}).get("reason", "ContainerCreating")
    raise bad_request(f'container "{container}" in pod "{name}" is waiting to start: {reason}')


async def read_log(
    api: Api, logs: LogReader | None, request: web.Request, namespace: str, name: str, ended: asyncio.Event
) -> web.StreamResponse:
    """GET of pods/{name}/log, with every parameter of PodLogOptions but `stream` and `insecure...`."""
    query = request.query
    pod = api.get(PODS, namespace, name)
    container = container_of(pod, query.get("container", ""))
    log = _found(pod, logs, container, previous=query.get("previous") == "true")
    since: datetime | None = None
    if (seconds := _number(query, "sinceSeconds")) is not None:
        since = api.clock() - timedelta(seconds=seconds)
    elif text := query.get("sinceTime"):
        try:
            since = moment_of(text)
        except ValueError:
            raise bad_request(f"sinceTime {text!r} is not an RFC 3339 time") from None
    tail, limit = _number(query, "tailLines"), _number(query, "limitBytes")
    stamped = query.get("timestamps") == "true"

    def text_of(line: LogLine) -> bytes:
        stamp = f"{micro_timestamp(line.written_at)} " if stamped else ""
        return f"{stamp}{line.text}\n".encode()

    lines = [line for line in (log.lines() if log else ()) if since is None or line.written_at >= since]
    after = log.lines()[-1].number if log and log.lines() else -1
    if tail is not None:
        lines = lines[len(lines) - tail :] if 0 < tail < len(lines) else lines if tail else []
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    response.enable_chunked_encoding()
    body = b"".join(text_of(line) for line in lines)
    with suppress(ConnectionResetError):
        await response.prepare(request)
        await response.write(body[:limit] if limit is not None else body)
        if log is not None and query.get("follow") == "true" and (limit is None or len(body) < limit):
            await _follow(response, log, after, text_of, ended)
        await response.write_eof()
    return response


async def _follow(
    response: web.StreamResponse,
    log: ContainerLog,
    after: int,
    text_of: Callable[[LogLine], bytes],
    ended: asyncio.Event,
) -> None:
    async def copy() -> None:
        async for line in log.follow(after):
            await response.write(text_of(line))

    copying = asyncio.ensure_future(copy())
    ending = asyncio.ensure_future(ended.wait())
    try:
        await asyncio.wait({copying, ending}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (copying, ending):
            task.cancel()
        await asyncio.gather(copying, ending, return_exceptions=True)

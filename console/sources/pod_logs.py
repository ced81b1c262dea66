"""The log of a pod as it is written, over the Kubernetes API."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from console.sources.base import SourceError
from console.systems.kubernetes_errors import KubernetesError

if TYPE_CHECKING:
    from console.systems.kubernetes_connection import KubernetesApi

_DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
_IDLE_SECONDS = 3600.0
_FIRST_LINES = 200


def open_stream(api: KubernetesApi, namespace: str, pod: str, since: datetime | None) -> Iterator[bytes]:
    """The log of the pod's main container as bytes in pieces of any size, as they are written.

    since: only lines written at or after then, to the second as the API has it; None begins with the last 200 lines.
    The main container is the one kubectl would take: the annotated one, else the first. Opens at once, so a pod that
    has no log yet raises here; ends when the container ends or an hour was quiet. Closing the iterator ends the call.
    Raises SourceError, also on the way when the connection is lost.
    """
    from console.systems.kubernetes_connection import PODS

    query = {"follow": "true"}
    if since is None:
        query["tailLines"] = str(_FIRST_LINES)
    else:
        query["sinceTime"] = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    try:
        container = _main_container(api.get(PODS, pod, namespace=namespace))
        stream = api.follow(PODS, pod, "log", query | {"container": container}, _IDLE_SECONDS, namespace=namespace)
    except KubernetesError as error:
        raise SourceError(str(error)) from error

    def pieces() -> Iterator[bytes]:
        try:
            yield from stream.chunks()
        except KubernetesError as error:
            if error.reason != "Timeout":
                raise SourceError(str(error)) from error
        finally:
            stream.close()

    return pieces()


def _main_container(pod: dict[str, object]) -> str:
    metadata, spec = pod.get("metadata"), pod.get("spec")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    if isinstance(annotations, dict) and (named := annotations.get(_DEFAULT_CONTAINER)):
        return str(named)
    containers = spec.get("containers") if isinstance(spec, dict) else None
    return str(containers[0]["name"]) if isinstance(containers, list) and containers else ""

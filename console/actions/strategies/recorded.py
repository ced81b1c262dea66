"""Deployments as they are now, as they were recorded, and the template of a record found again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from console.actions.rollback_standing import Standing, judge
from console.actions.strategies.base import EPOCH, ROLLOUT, VERSION, Sides
from console.actions.strategies.writing import annotation, passes
from console.core.operations import ActionFailed, Unverified
from console.core.templates import digest, holds_secret
from console.systems.kubernetes_errors import KubernetesError
from console.systems.kubernetes_objects import (
    condition,
    managed_by,
    owner,
    selector_text,
    template_image,
    template_text,
    version_of,
)

if TYPE_CHECKING:
    from console.systems.kubernetes_connection import KubernetesApi, Resource

Json = dict[str, Any]
T = TypeVar("T")

_MOMENT = timedelta(seconds=5)
_PAUSE = timedelta(milliseconds=500)


def find(api: KubernetesApi, namespace: str, resource: Resource, name: str) -> Json | None:
    """The object, None where there is none; asked again for a moment where a server is busy or its answer lost. Raises
    ActionFailed, and Unverified where it stays away.
    """

    def get() -> Json | None:
        try:
            return api.get(resource, name, namespace=namespace)
        except KubernetesError as error:
            if error.status == 404 and f'"{name}" not found' in error.detail:
                return None
            raise

    return _asked(get)


def find_all(api: KubernetesApi, namespace: str, resource: Resource, label_selector: str = "") -> Sequence[Json]:
    """Every object of the kind. Asks and raises as `find`."""
    return _asked(lambda: api.list(resource, namespace=namespace, label_selector=label_selector))


def find_deployment(api: KubernetesApi, namespace: str, name: str) -> Json:
    """The Deployment; raises ActionFailed where there is none."""
    from console.systems.kubernetes_connection import DEPLOYMENTS

    found = find(api, namespace, DEPLOYMENTS, name)
    if found is None:
        raise ActionFailed(
            f"kubernetes {api.host}: there is no Deployment {name} in {namespace}; check the plan's names and namespace"
        )
    return found


def standing_of(api: KubernetesApi, namespace: str, deployment: Json) -> Standing:
    """How a Deployment stands now, by its pods. Asks and raises as `find`."""
    from console.systems.kubernetes_connection import PODS, REPLICA_SETS

    selector = selector_text(deployment["spec"].get("selector") or {})
    return judge(
        deployment,
        find_all(api, namespace, REPLICA_SETS, selector),
        find_all(api, namespace, PODS, selector),
    )


def replicas_of(deployment: Mapping[str, Any] | None) -> int:
    """Pods wanted; 0 where there is no Deployment."""
    if deployment is None:
        return 0
    replicas = deployment["spec"].get("replicas")
    return 1 if replicas is None else int(replicas)


def version_in(deployment: Mapping[str, Any], container: str | None) -> str:
    """The version its template names."""
    return version_of(template_image(deployment["spec"]["template"], container)[1])


def pods_by_version(
    api: KubernetesApi, namespace: str, deployment: Json | None, container: str | None
) -> dict[str, tuple[int, int]]:
    """(living, ready) pods of a Deployment by the version they are of, also while one replaces the other."""
    from console.systems.kubernetes_connection import PODS, REPLICA_SETS

    found: dict[str, tuple[int, int]] = {}
    if deployment is None:
        return found
    selector = selector_text(deployment["spec"].get("selector") or {})
    uid = deployment["metadata"]["uid"]
    sets = find_all(api, namespace, REPLICA_SETS, selector)
    versions = {
        each["metadata"]["uid"]: version_of(template_image(each["spec"]["template"], container)[1])
        for each in sets
        if owner(each, "Deployment") == uid
    }
    for pod in find_all(api, namespace, PODS, selector):
        version = versions.get(owner(pod, "ReplicaSet"))
        over = (pod.get("status") or {}).get("phase") in ("Failed", "Succeeded")
        if version is None or over or pod["metadata"].get("deletionTimestamp"):
            continue
        living, ready = found.get(version, (0, 0))
        found[version] = living + 1, ready + (condition(pod, "Ready").get("status") == "True")
    return found


def ready_pods(api: KubernetesApi, namespace: str, deployment: Json | None, container: str | None) -> int:
    """Ready pods of a Deployment, of whatever version."""
    return sum(ready for _, ready in pods_by_version(api, namespace, deployment, container).values())


def sides_of(api: KubernetesApi, namespace: str, deployments: Iterable[Json | None], container: str | None) -> Sides:
    """Who serves, of Deployments that share the traffic by the number of their pods. The share is that of the pods
    there are: one that is not ready for a moment does not change it. The new version is the one that a rollout wrote
    last, else the last Deployment's.
    """
    there = [each for each in deployments if each is not None]
    versions = [version_in(each, container) for each in there]
    new = _released_last(there) or versions[-1]
    wanted, living, ready = [0, 0], [0, 0], [0, 0]
    others = [each for each in versions if each != new]
    for each, version in zip(there, versions, strict=True):
        wanted[version == new] += replicas_of(each)
        for runs, (alive, well) in pods_by_version(api, namespace, each, container).items():
            living[runs == new] += alive
            ready[runs == new] += well
            others += [runs] if runs != new else []
    return Sides(
        share=living[1] / sum(living) if any(living) else None,
        new_version=new,
        new_ready=ready[1],
        new_wanted=wanted[1],
        old_version=others[0] if others else "",
        old_ready=ready[0],
        old_wanted=wanted[0],
        says=f"{living[1]} of {sum(living)} pods run {new}, {ready[1]} of them ready",
    )


def _released_last(deployments: Sequence[Json]) -> str:
    """The version that the newest mark names; empty where there is none. A rollout that is over leaves its marks: among
    those of several rollouts the last Deployment that wants pods tells.
    """
    marked = [each for each in deployments if annotation(each, VERSION)]
    if len({annotation(each, ROLLOUT) for each in marked}) > 1:
        marked = [each for each in marked if replicas_of(each)][-1:] or marked
    newest = max(marked, key=lambda each: int(annotation(each, EPOCH) or 0), default=None)
    return annotation(newest, VERSION)


def record_of(deployment: Mapping[str, Any], container: str | None) -> Json:
    """A Deployment as a rollback returns to it: name, version, image, replicas, and its template, as text or (where a
    literal secret is in it) as digest.
    """
    text = template_text(deployment["spec"]["template"])
    _, image = template_image(deployment["spec"]["template"], container)
    kept = {"digest": digest(text)} if holds_secret(text) else {"template": text}
    return {
        "name": deployment["metadata"]["name"],
        "version": version_of(image),
        "image": image,
        "replicas": replicas_of(deployment),
        **kept,
    }


def is_recorded(record: Mapping[str, Any], template: Mapping[str, Any]) -> bool:
    """Whether that is the template of the record."""
    text = template_text(dict(template))
    if "template" in record:
        return bool(text == template_text(json.loads(record["template"])))
    return bool(digest(text) == record["digest"])


def recorded_template(record: Mapping[str, Any], live: Mapping[str, Any], replica_sets: Iterable[Json]) -> Json:
    """The template of a record of `live`. One that is recorded by its digest is looked for in the Deployment and in the
    ReplicaSets kept of it. Raises ActionFailed where it is not there any more.
    """
    if "template" in record:
        return dict(json.loads(record["template"]))
    uid = live["metadata"]["uid"]
    own = [each for each in replica_sets if owner(each, "Deployment") == uid]
    for each in (live, *own):
        template = each["spec"]["template"]
        if is_recorded(record, template):
            return dict(json.loads(template_text(template)))
    raise ActionFailed(
        f"the template of {record['version']} was recorded by its digest only, for a secret is written into it, and "
        f"the cluster keeps no ReplicaSet of {record['name']} with it any more: deploy {record['version']} from its "
        "manifest, then resume (h)"
    )


def owner_warnings(*deployments: Mapping[str, Any] | None) -> tuple[str, ...]:
    """A sentence for each that a GitOps controller owns."""
    found: list[str] = []
    for each in deployments:
        if each is not None and (by := managed_by(each)):
            name = each["metadata"]["name"]
            found.append(f"{by} owns {name} and may undo what is written: stop its sync while the rollout lasts")
    return tuple(found)


def _asked(ask: Callable[[], T]) -> T:
    ended = time.monotonic() + _MOMENT.total_seconds()
    while True:
        try:
            return ask()
        except KubernetesError as error:
            if not passes(error):
                raise ActionFailed(str(error)) from error
            pause = error.retry_after or _PAUSE
            if time.monotonic() + pause.total_seconds() > ended:
                raise Unverified(f"{error}; try again when it answers") from error
            time.sleep(pause.total_seconds())

"""What must hold in a cluster before a phase changes anything: sticky sessions, no autoscaler, a workload ready."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from console.actions.strategies import autoscaler
from console.actions.strategies.recorded import find, replicas_of, standing_of, version_in
from console.core.operations import ActionFailed, Unverified
from console.systems.kubernetes_connection import DEPLOYMENTS, Resource

if TYPE_CHECKING:
    from console.systems.kubernetes_connection import KubernetesApi

SERVICES = Resource("api/v1", "services")


def unmet(
    api: KubernetesApi,
    namespace: str,
    *,
    sticky_sessions: str | None = None,
    autoscaler_absent: Iterable[str] = (),
    workload_ready: Iterable[str] = (),
) -> tuple[str, ...]:
    """A sentence for each that does not hold, with what to do; one that cannot be looked at does not hold.

    sticky_sessions: the Service whose sessionAffinity must be ClientIP. autoscaler_absent: Deployments that nothing may
    scale. workload_ready: Deployments of which every pod must be ready.
    """
    found: list[str] = []
    try:
        if sticky_sessions is not None:
            found += _not_sticky(api, namespace, sticky_sessions)
        if names := tuple(autoscaler_absent):
            found += autoscaler.absent(api, namespace, names)
        for name in workload_ready:
            found += _not_ready(api, namespace, name)
    except (ActionFailed, Unverified) as error:
        found.append(str(error))
    return tuple(found)


def _not_sticky(api: KubernetesApi, namespace: str, name: str) -> tuple[str, ...]:
    service = find(api, namespace, SERVICES, name)
    if service is None:
        return (f"there is no Service {name} in {namespace}; check `needs.sticky_sessions` in the plan",)
    affinity = service["spec"].get("sessionAffinity") or "None"
    if affinity == "ClientIP":
        return ()
    patch = '{"spec":{"sessionAffinity":"ClientIP"}}'
    return (
        f"Service {name} has no sticky sessions (sessionAffinity is {affinity}): "
        f"kubectl -n {namespace} patch service {name} -p '{patch}'",
    )


def _not_ready(api: KubernetesApi, namespace: str, name: str) -> tuple[str, ...]:
    deployment = find(api, namespace, DEPLOYMENTS, name)
    if deployment is None:
        return (f"there is no Deployment {name} in {namespace}; deploy it, or check its name in the plan",)
    if not replicas_of(deployment):
        return (f"{name} wants no pods; scale it to what it is to serve with",)
    standing = standing_of(api, namespace, deployment)
    if standing.verified:
        return ()
    reasons = [*standing.troubles, *([standing.waiting] if standing.waiting else [])]
    if standing.paused:
        reasons.append("its rollout is paused")
    why = f": {'; '.join(reasons)}" if reasons else ""
    return (f"{name} is not ready, {standing.line(version_in(deployment, None))}{why}; wait for it, or mend it",)

"""What a login must be allowed to do for the phases of plans in one environment."""

from __future__ import annotations

from collections.abc import Iterable

from console.core.rollouts.plan import Argo, Autoscaler, BlueGreen, Canary, Gateway, Phase, Rolling, Strategy

Permission = tuple[str, str, str]


def permissions_of(phases: Iterable[Phase]) -> tuple[Permission, ...]:
    """(verb, `group/resource`, what for), each once; core resources have no group."""
    needed: dict[tuple[str, str], str] = {}
    for phase in phases:
        for verb, resource, purpose in (*_traffic(phase.strategy), *_around(phase)):
            needed.setdefault((verb, resource), purpose)
    return tuple((verb, resource, purpose) for (verb, resource), purpose in needed.items())


def _traffic(strategy: Strategy) -> list[Permission]:
    deployments = [("get", "apps/deployments", "to see what runs"), ("patch", "apps/deployments", "to move traffic")]
    match strategy:
        case Canary():
            return [
                *deployments,
                ("create", "apps/deployments", "to make the canary"),
                ("delete", "apps/deployments", "to take a canary away that it made"),
                ("list", "services", "to see what leads to the canary"),
            ]
        case Rolling():
            return deployments
        case BlueGreen():
            return [
                *deployments,
                ("get", "services", "to see which side is live"),
                ("patch", "services", "to switch sides"),
                ("list", "discovery.k8s.io/endpointslices", "to see that a side can serve"),
            ]
        case Gateway():
            routes = "gateway.networking.k8s.io/httproutes"
            return [
                *deployments,
                ("get", routes, "to see the weights"),
                ("patch", routes, "to move weights"),
                ("list", "discovery.k8s.io/endpointslices", "to see that a side can serve"),
            ]
        case Argo():
            return [
                ("get", "argoproj.io/rollouts", "to see its phase"),
                ("patch", "argoproj.io/rollouts", "to set weights"),
                ("patch", "argoproj.io/rollouts/status", "to promote and abort"),
            ]
    return []


def _around(phase: Phase) -> list[Permission]:
    scaled = "autoscaling/horizontalpodautoscalers"
    found: list[Permission] = []
    if _traffic(phase.strategy):
        found.append(("list", scaled, "to find autoscalers that would undo a share"))
    if phase.autoscaler is Autoscaler.FREEZE:
        found.append(("patch", scaled, "to freeze them and to restore them"))
    if phase.preconditions.sticky_sessions is not None:
        found.append(("get", "services", "to see that sessions are sticky"))
    return found

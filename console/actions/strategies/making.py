"""From a phase of a plan to the strategy that carries it out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from console.actions.strategies.base import Clock, Strategy
from console.actions.strategies.command import Run
from console.core.operations import Refused
from console.core.rollouts.plan import Argo, BlueGreen, Canary, Command, Gateway, Nothing, Phase, Rolling

if TYPE_CHECKING:
    from console.systems.kubernetes_connection import KubernetesApi


def strategy_of(
    phase: Phase,
    api: KubernetesApi | None,
    namespace: str,
    *,
    run: Run,
    clock: Clock,
    good: Mapping[str, Any] | None = None,
) -> Strategy:
    """The strategy of a phase in one namespace. run: runs a shell command, for `command`. good: what was recorded good
    in this environment, where it was.

    Raises Refused for a phase that changes no traffic, and where the environment has no cluster and needs one.
    """
    spec = phase.strategy
    if isinstance(spec, Command):
        from console.actions.strategies.command import CommandStrategy

        return CommandStrategy(spec, run=run)
    if isinstance(spec, Nothing):
        raise Refused(f"phase {phase.name} changes no traffic")
    if api is None:
        raise Refused(
            f"phase {phase.name} is {spec.kind} and needs Kubernetes, which {phase.environment} does not have; "
            "add `kubernetes` to that environment in system.yaml"
        )
    match spec:
        case Canary():
            from console.actions.strategies.canary import CanaryStrategy

            return CanaryStrategy(api, namespace, spec, clock=clock)
        case Rolling():
            from console.actions.strategies.rolling import RollingStrategy

            return RollingStrategy(api, namespace, spec, clock=clock)
        case BlueGreen():
            from console.actions.strategies.blue_green import BlueGreenStrategy

            return BlueGreenStrategy(api, namespace, spec, good=good)
        case Gateway():
            from console.actions.strategies.gateway import GatewayStrategy

            return GatewayStrategy(api, namespace, spec, good=good)
        case Argo():
            from console.actions.strategies.argo import ArgoStrategy

            return ArgoStrategy(api, namespace, spec, good=good)


def slot_of(phase: Phase, api: KubernetesApi | None, namespace: str, version: str) -> str:
    """`$SLOT` of a phase's checks: the side that runs the version, or gets it; empty where there are no sides. Raises
    ActionFailed, Unverified.
    """
    if not isinstance(phase.strategy, BlueGreen) or api is None:
        return ""
    from console.actions.strategies.blue_green import BlueGreenStrategy

    return BlueGreenStrategy(api, namespace, phase.strategy).slot(version)

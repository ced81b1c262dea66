"""A canary strategy on a test's own namespace, and what its tests ask of it."""

from __future__ import annotations

from typing import Any

from console.actions.strategies.canary import CanaryStrategy
from console.core.rollouts.plan import Canary, Share
from console.systems.kubernetes_connection import DEPLOYMENTS, KubernetesApi
from console.systems.kubernetes_objects import template_image, version_of
from tests.kubernetes.cluster import NAME, World, utc_now
from tests.kubernetes.driving import QUICK, WRITES

Json = dict[str, Any]

NEWEST = "3.10.1"
CANARY = f"{NAME}-canary"
SPEC = Canary(NAME, CANARY, "firewall")
ONE_POD = Share(pods=1)
HALF = Share(ratio=0.5)
WHOLE = Share(ratio=1.0)


def strategy(world: World, api: KubernetesApi | None = None) -> CanaryStrategy:
    return CanaryStrategy(api or world.api, world.namespace, SPEC, clock=utc_now, patience=QUICK)


def shape(world: World) -> dict[str, tuple[str, int]]:
    """Version and pods wanted of every Deployment."""
    return {
        each["metadata"]["name"]: (
            version_of(template_image(each["spec"]["template"], None)[1]),
            each["spec"]["replicas"],
        )
        for each in world.api.list(DEPLOYMENTS)
    }


def env(world: World, name: str) -> dict[str, str]:
    container = world.live(name)["spec"]["template"]["spec"]["containers"][0]
    return {each["name"]: each.get("value", "") for each in container.get("env") or ()}


def writes(world: World) -> int:
    return len([each for each in world.proxy.forwarded if each.method in WRITES])

"""A Rollout of four pods for the tests of the strategy that drives it, and what other people do to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from console.actions.strategies.argo import ArgoStrategy
from console.actions.strategies.argo_view import rollouts
from console.actions.strategies.base import Asked
from console.core.rollouts.plan import Argo, Share
from console.systems.kubernetes_connection import MERGE_PATCH, REPLICA_SETS
from tests.kubernetes.cluster import NEW, OLD, World, deployment
from tests.kubernetes.custom import ROLLOUTS, until
from tests.kubernetes.driving import QUICK, Driver, ask

Json = dict[str, Any]

NOTHING, TWENTY, HALF, EVERYTHING = (Share(ratio=each) for each in (0.0, 0.25, 0.5, 1.0))
OWN: list[Json] = [{"setWeight": 50}, {"pause": {}}, {"setWeight": 75}, {"pause": {"duration": "1h"}}]


def rollout(version: str = OLD, replicas: int = 4, **canary: Any) -> Json:
    body = deployment("api", version, replicas)
    body["apiVersion"], body["kind"] = ROLLOUTS.api_version, "Rollout"
    body["spec"]["strategy"] = {"canary": {"steps": OWN, "maxSurge": 1, "maxUnavailable": 1, **canary}}
    return body


class Argos:
    """A Rollout of four pods, healthy on the old version."""

    def __init__(self, world: World, body: Json) -> None:
        self.world = world
        world.api.create(rollouts(), body)
        self.healthy()
        self.patience = replace(QUICK, trouble=timedelta(seconds=10))
        self.good = self.strategy().record()

    def strategy(self, name: str = "api") -> ArgoStrategy:
        api = self.world.proxy.api() if self.world.proxy.rules else self.world.api
        return ArgoStrategy(api, self.world.namespace, Argo(name, "firewall"), patience=self.patience)

    @property
    def live(self) -> Json:
        return self.world.api.get(rollouts(), "api")

    @property
    def steps(self) -> list[Json]:
        return list(self.live["spec"]["strategy"]["canary"].get("steps") or ())

    def healthy(self) -> None:
        def look() -> bool:
            live = self.live
            status = live.get("status") or {}
            seen = status.get("observedGeneration") == str(live["metadata"]["generation"])
            return seen and status.get("phase") == "Healthy"

        until(look, "the Rollout being healthy")

    def sizes(self) -> dict[str, int]:
        """Available pods by version."""
        return {
            each["spec"]["template"]["spec"]["containers"][0]["image"].rpartition(":")[2]: count
            for each in self.world.api.list(REPLICA_SETS)
            if (count := (each.get("status") or {}).get("availableReplicas", 0))
        }

    def status(self, **fields: Any) -> None:
        """As Argo's kubectl plugin writes it."""
        self.world.api.patch(rollouts(), "api", {"status": fields}, content_type=MERGE_PATCH, subresource="status")

    def apply(self, asked: Asked, **driver: Any) -> tuple[str, Driver]:
        made = Driver(epoch=asked.epoch, **driver)
        return made.apply(self.strategy(), asked).says, made

    def back(self, asked: Asked | None = None, **driver: Any) -> tuple[str, Driver]:
        made = Driver(epoch=asked.epoch if asked else 1, **driver)
        return made.roll_back(self.strategy(), self.good, asked or ask(EVERYTHING)), made

    def state(self) -> tuple[dict[str, int], list[Json]]:
        return self.sizes(), self.steps


START = ({OLD: 4}, OWN)
QUARTER = ({OLD: 3, NEW: 1}, [{"setWeight": 25}, {"pause": {}}])
DONE = ({NEW: 4}, OWN)

"""Autoscalers frozen while a rollout moves pods, and restored to what they were."""

from __future__ import annotations

import json
from typing import Any

import pytest

from console.actions.strategies import autoscaler
from console.actions.strategies.autoscaler import AUTOSCALERS, FROZEN
from console.actions.strategies.base import Fenced
from console.actions.strategies.canary import CanaryStrategy
from console.actions.strategies.writing import annotation
from console.core.rollouts.plan import Canary, Share
from console.systems.kubernetes_connection import DEPLOYMENTS, MERGE_PATCH
from tests.conftest import wait_until
from tests.kubernetes.cluster import NAME, NEW, PATIENCE, World, utc_now
from tests.kubernetes.driving import QUICK, ROLLOUT, Driver, ask

Json = dict[str, Any]

SCALER = "hak-gal-hpa"


def scale(world: World, low: int, high: int, name: str = SCALER, **metadata: Any) -> Json:
    """An autoscaler as a strict API server takes it."""
    body = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, **metadata},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME},
            "minReplicas": low,
            "maxReplicas": high,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
                }
            ],
        },
    }
    world.api.create(AUTOSCALERS, body)

    def seen() -> Json:
        live = world.api.get(AUTOSCALERS, name)
        return live if (live.get("status") or {}).get("currentReplicas") else {}

    return wait_until(seen, within=PATIENCE, what="the autoscaler's first look")


def live(world: World) -> Json:
    return world.api.get(AUTOSCALERS, SCALER)


def freeze(world: World, driver: Driver) -> list[Json]:
    return autoscaler.freeze(
        world.api, world.namespace, [NAME], rollout=ROLLOUT, epoch=driver.epoch, patience=QUICK, **driver.hands
    )


def restore(world: World, driver: Driver, records: list[Json]) -> tuple[str, ...]:
    return autoscaler.restore(
        world.api, world.namespace, records, rollout=ROLLOUT, epoch=driver.epoch, patience=QUICK, **driver.hands
    )


def test_frozen_it_lets_a_canary_move_pods_and_is_restored_as_it_was(world: World) -> None:
    world.deploy(replicas=3)
    before = scale(world, 3, 5)["spec"]
    spec = Canary(NAME, f"{NAME}-canary")
    told = CanaryStrategy(world.api, world.namespace, spec, clock=utc_now, patience=QUICK)
    assert any("autoscaler hak-gal-hpa scales hak-gal between 3 and 5 pods" in each for each in _warnings(told))
    driver = Driver()
    records = json.loads(json.dumps(freeze(world, driver)))
    assert records == [{"name": SCALER, "deployment": NAME, "minReplicas": 3, "maxReplicas": 5, "behavior": None}]
    assert _warnings(told) == ()
    good = told.record()
    Driver().apply(told, ask(Share(pods=2)))
    assert world.live()["spec"]["replicas"] == 1
    assert freeze(world, driver) == records
    assert autoscaler.record(world.api, world.namespace, [NAME]) == records
    assert len(driver.writes) == 1
    Driver(epoch=2).roll_back(told, good, ask(Share(pods=2)))
    last = Driver(epoch=2)
    assert restore(world, last, records) == ("autoscaler hak-gal-hpa scales hak-gal between 3 and 5 pods again",)
    assert restore(world, last, records) == ()
    assert len(last.writes) == 1
    assert live(world)["spec"] == before
    assert annotation(live(world), FROZEN) == ""
    with pytest.raises(Fenced):
        freeze(world, Driver(epoch=1))


def _warnings(told: CanaryStrategy) -> tuple[str, ...]:
    return told.foresee(ask(Share(pods=1), version=NEW)).warnings


def test_frozen_it_scales_in_neither_direction_and_keeps_its_other_rules(world: World) -> None:
    world.deploy(replicas=2)
    scale(world, 1, 4)
    rules = {"scaleDown": {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}]}}
    world.api.patch(AUTOSCALERS, SCALER, {"spec": {"behavior": rules}}, content_type=MERGE_PATCH)
    before = live(world)["spec"]
    records = freeze(world, Driver())
    frozen = live(world)["spec"]
    assert {frozen["behavior"][each]["selectPolicy"] for each in ("scaleUp", "scaleDown")} == {"Disabled"}
    assert frozen["behavior"]["scaleDown"]["policies"] == rules["scaleDown"]["policies"]
    assert (frozen["minReplicas"], frozen["maxReplicas"]) == (1, 4)
    assert frozen["metrics"] == before["metrics"]
    restore(world, Driver(), records)
    assert live(world)["spec"] == before


def test_what_somebody_changes_meanwhile_is_left_and_said(world: World) -> None:
    world.deploy(replicas=2)
    scale(world, 2, 4)
    records = freeze(world, Driver())
    world.api.patch(AUTOSCALERS, SCALER, {"spec": {"maxReplicas": 9}}, content_type=MERGE_PATCH)
    assert restore(world, Driver(), records) == (
        "autoscaler hak-gal-hpa was changed while it was frozen and is left at 1 and 9 pods",
    )
    assert "behavior" not in live(world)["spec"]
    world.api.delete(AUTOSCALERS, SCALER)
    assert restore(world, Driver(), records) == (
        "autoscaler hak-gal-hpa is gone; it scaled hak-gal between 2 and 4 pods",
    )


def test_one_that_is_to_be_absent_is_named_and_another_deployments_is_not(world: World) -> None:
    world.deploy(replicas=2)
    assert autoscaler.absent(world.api, world.namespace, [NAME]) == ()
    scale(world, 1, 3)
    assert autoscaler.absent(world.api, world.namespace, ["other"]) == ()
    assert autoscaler.absent(world.api, world.namespace, [NAME]) == (
        "autoscaler hak-gal-hpa scales hak-gal between 1 and 3 pods: delete it, or write `autoscaler: freeze` in "
        "the plan",
    )
    freeze(world, Driver())
    assert autoscaler.absent(world.api, world.namespace, [NAME]) == ()


def test_an_autoscaler_of_keda_is_warned_of(world: World) -> None:
    deployment = world.deploy(replicas=1)
    # Any owner that is there keeps the garbage collector off; the kind is what is looked at.
    owner = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "firewall", "uid": _uid(deployment)}
    scale(world, 1, 3, ownerReferences=[owner])
    told = autoscaler.warnings(world.api, world.namespace, [NAME])
    assert any("KEDA's ScaledObject firewall owns autoscaler hak-gal-hpa" in each for each in told)
    driver = Driver()
    freeze(world, driver)
    assert any("autoscaling.keda.sh/paused=true" in line for line in driver.lines)
    world.api.delete(DEPLOYMENTS, NAME)


def _uid(thing: Json) -> str:
    return str(thing["metadata"]["uid"])

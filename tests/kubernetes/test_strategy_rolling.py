"""The rolling strategy against an API server, and the settings that it puts on the container."""

from __future__ import annotations

from typing import Any

import pytest

from console.actions.strategies.base import Fenced
from console.actions.strategies.rolling import RollingStrategy
from console.core.operations import ActionFailed, Refused
from console.core.rollouts.plan import Rolling, Share
from console.systems.kubernetes_connection import DEPLOYMENTS, JSON_PATCH, KubernetesApi
from tests.kubernetes.cluster import BAD, CONFIG_MAPS, NAME, NEW, OLD, World, utc_now
from tests.kubernetes.driving import QUICK, WRITES, Driver, Killed, ask

Json = dict[str, Any]

WHOLE = Share(ratio=1.0)


def strategy(world: World, replicas: int | None = None, api: KubernetesApi | None = None) -> RollingStrategy:
    spec = Rolling(NAME, "firewall", replicas)
    return RollingStrategy(api or world.api, world.namespace, spec, clock=utc_now, patience=QUICK)


def variables(world: World) -> list[Json]:
    found: list[Json] = world.live()["spec"]["template"]["spec"]["containers"][0].get("env") or []
    return found


def shape(world: World) -> tuple[str, int]:
    return world.version(), world.live()["spec"]["replicas"]


def set_variables(world: World, *found: Json) -> None:
    operation = {"op": "add", "path": "/spec/template/spec/containers/0/env", "value": list(found)}
    world.api.patch(DEPLOYMENTS, NAME, [operation], content_type=JSON_PATCH)
    world.settled()


def test_everything_is_replaced_once_and_put_back_as_it_was(world: World) -> None:
    before = world.deploy(replicas=1)
    told = strategy(world, replicas=3, api=world.proxy.api())
    good = told.record()
    asked = ask(WHOLE, AUDIT_LEVEL="FULL")
    assert told.foresee(asked).does == (f"{NAME}: {OLD} → {NEW}, 1 → 3 pods, AUDIT_LEVEL=FULL",)
    done = Driver().apply(told, asked)
    assert (done.share, done.says, done.writes) == (1.0, f"3 of 3 pods run {NEW}", 1)
    assert shape(world) == (NEW, 3)
    assert variables(world) == [{"name": "AUDIT_LEVEL", "value": "FULL"}]
    assert Driver().apply(told, asked).writes == 0
    assert told.foresee(asked).does == ()
    sides = told.sides()
    assert (sides.share, sides.new_version, sides.new_ready, sides.old_ready) == (1.0, NEW, 3, 0)
    assert told.foresee_rollback(good).does == (f"{NAME}: {NEW} → {OLD}, 1 pods",)
    assert Driver(epoch=2).roll_back(told, good, asked) == f"{OLD} serves everything: 1 of 1 pods ready"
    assert world.live()["spec"] == before["spec"]
    assert told.sides().share == 0.0
    assert Driver(epoch=2).roll_back(told, good, asked) == f"{OLD} serves everything: 1 of 1 pods ready"
    assert len([each for each in world.proxy.forwarded if each.method in WRITES]) == 2


def test_a_share_is_refused_and_none_means_everything(world: World) -> None:
    world.deploy(replicas=1)
    told = strategy(world)
    assert "10% cannot be had by replacing the pods" in told.foresee(ask(Share(ratio=0.1))).refused
    with pytest.raises(Refused):
        Driver().apply(told, ask(Share(pods=1)))
    assert shape(world) == (OLD, 1)
    assert Driver().apply(told, ask(Share())).share == 1.0


def test_a_version_that_does_not_start_leaves_the_old_pods_serving(world: World) -> None:
    world.deploy(replicas=1)
    told = strategy(world)
    good = told.record()
    with pytest.raises(ActionFailed, match=r"does not get ready: .*its image cannot be pulled"):
        Driver().apply(told, ask(WHOLE, version=BAD))
    assert [pod.version for pod in world.pods() if pod.ready and not pod.terminating] == [OLD]
    assert told.foresee_rollback(good).refused == ""
    Driver(epoch=2).roll_back(told, good, ask(WHOLE, version=BAD))
    assert shape(world) == (OLD, 1)
    with pytest.raises(Fenced):
        Driver(epoch=1).apply(told, ask(WHOLE))


def test_a_good_version_that_does_not_start_any_more_pages_a_person(world: World) -> None:
    world.deploy(version=BAD, replicas=1)
    told = strategy(world)
    with pytest.raises(ActionFailed, match=r"There is no other side: hold, and page"):
        Driver().roll_back(told, told.record(), ask(WHOLE))
    assert "hold, and page" in told.foresee_rollback(told.record()).refused


def test_killed_right_after_the_write_the_next_driver_only_waits(world: World) -> None:
    world.deploy(replicas=1)
    told = strategy(world)

    def die(line: str) -> None:
        if line.startswith(NAME):
            raise Killed

    with pytest.raises(Killed):
        Driver(when=die).apply(told, ask(WHOLE))
    assert Driver(epoch=2).apply(told, ask(WHOLE)).writes == 0
    assert shape(world) == (NEW, 1)


def test_a_template_with_a_secret_is_recorded_by_its_digest_and_found_again(world: World) -> None:
    world.deploy(replicas=1)
    set_variables(world, {"name": "REDIS_PASSWORD", "value": "hunter2"})
    before = world.live()["spec"]
    told = strategy(world)
    good = told.record()
    assert "hunter2" not in str(good)
    Driver().apply(told, ask(WHOLE))
    Driver(epoch=2).roll_back(told, good, ask(WHOLE))
    assert world.live()["spec"] == before
    good["deployment"]["digest"] = "0" * 64
    assert "deploy 3.9 from its manifest" in told.foresee_rollback(good).refused


def test_more_pods_than_were_recorded_are_kept_and_fewer_are_not(world: World) -> None:
    world.deploy(replicas=2)
    told = strategy(world)
    good = told.record()
    world.merge({"spec": {"replicas": 3}})
    Driver().roll_back(told, good, ask(WHOLE))
    assert shape(world) == (OLD, 3)
    world.merge({"spec": {"replicas": 1}})
    Driver().roll_back(told, good, ask(WHOLE))
    assert shape(world) == (OLD, 2)


def test_a_variable_that_is_read_from_elsewhere_is_not_hidden_by_a_literal(world: World) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "audit"}, "data": {"level": "INFO"}}
    world.api.create(CONFIG_MAPS, body)
    world.deploy(replicas=1)
    source = {"configMapKeyRef": {"name": "audit", "key": "level"}}
    set_variables(world, {"name": "LEVEL", "value": "1"}, {"name": "AUDIT_LEVEL", "valueFrom": source})
    told = strategy(world)
    assert told.foresee(ask(WHOLE, AUDIT_LEVEL="FULL")).refused == (
        f"AUDIT_LEVEL of container firewall of {NAME} is read from ConfigMap audit (level), and a literal value would "
        "hide that; change it there, or give it a plain value in the manifest first"
    )
    Driver().apply(told, ask(WHOLE, LEVEL="2", LIMIT="5"))
    assert variables(world) == [
        {"name": "LEVEL", "value": "2"},
        {"name": "AUDIT_LEVEL", "valueFrom": source},
        {"name": "LIMIT", "value": "5"},
    ]


def test_a_container_that_is_not_there_is_refused_by_name(world: World) -> None:
    world.deploy(replicas=1)
    told = RollingStrategy(world.api, world.namespace, Rolling(NAME, "wall"), clock=utc_now, patience=QUICK)
    assert told.foresee(ask(WHOLE)).refused.startswith("there is no container wall; there are firewall")


def test_timed_settings_are_set_later_and_kept_by_what_follows(world: World) -> None:
    world.deploy(replicas=1)
    told = strategy(world)
    Driver().apply(told, ask(WHOLE, AUDIT_LEVEL="FULL", LIMIT="5"))
    assert Driver().apply(told, ask(WHOLE, AUDIT_LEVEL="INFO")).writes == 1
    assert Driver(epoch=2).apply(told, ask(WHOLE)).writes == 0
    assert variables(world) == [{"name": "AUDIT_LEVEL", "value": "INFO"}, {"name": "LIMIT", "value": "5"}]

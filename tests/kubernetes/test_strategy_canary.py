"""The canary strategy against an API server: shares up and down, and every way in which it is interrupted."""

from __future__ import annotations

import pytest

from console.actions.strategies.base import Fenced
from console.actions.strategies.canary import SERVICES
from console.actions.strategies.canary_moves import TRACK
from console.core.operations import Refused
from console.core.rollouts.plan import Share
from console.systems.kubernetes_connection import DEPLOYMENTS, JSON_PATCH, PODS
from tests.kubernetes.canary_run import CANARY, HALF, ONE_POD, WHOLE, env, shape, strategy, writes
from tests.kubernetes.cluster import NAME, NEW, OLD, World
from tests.kubernetes.driving import Driver, Killed, ask
from tests.kubernetes.proxy import status_body


def test_from_one_pod_over_half_to_everything_and_nothing_is_written_twice(world: World) -> None:
    world.deploy(replicas=4)
    told = strategy(world, world.proxy.api())
    for share, after, applied in (
        (ONE_POD, {NAME: (OLD, 3), CANARY: (NEW, 1)}, 0.25),
        (HALF, {NAME: (OLD, 2), CANARY: (NEW, 2)}, 0.5),
        (WHOLE, {NAME: (NEW, 4)}, 1.0),
    ):
        asked = ask(share)
        foreseen = told.foresee(asked)
        assert foreseen.share == applied
        assert foreseen.does
        done = Driver().apply(told, asked)
        assert shape(world) == after
        assert done.share == applied
        assert done.writes > 0
        assert done.says.startswith(f"{round(applied * 4)} of 4 pods run {NEW}")
        sides = told.sides()
        assert (sides.share, sides.new_version, sides.new_ready) == (applied, NEW, round(applied * 4))
        before = writes(world)
        again = Driver()
        assert again.apply(told, asked).writes == 0
        assert again.writes == []
        assert writes(world) == before
        assert told.foresee(asked).does == ()


def test_the_canary_is_made_from_the_stable_one_and_takes_its_settings_along(world: World) -> None:
    world.deploy(replicas=2, minReadySeconds=0, revisionHistoryLimit=4)
    told = strategy(world)
    Driver().apply(told, ask(ONE_POD, AUDIT_LEVEL="FULL"))
    made = world.live(CANARY)
    assert made["spec"]["selector"]["matchLabels"] == {"app": NAME, TRACK: "canary"}
    assert made["spec"]["template"]["metadata"]["labels"] == {"app": NAME, TRACK: "canary"}
    assert made["spec"]["revisionHistoryLimit"] == 4
    stable = world.live()["spec"]["template"]["spec"]
    assert {**made["spec"]["template"]["spec"], "containers": 0} == {**stable, "containers": 0}
    assert env(world, CANARY) == {"AUDIT_LEVEL": "FULL"}
    assert env(world, NAME) == {}
    Driver().apply(told, ask(ONE_POD, AUDIT_LEVEL="INFO"))
    assert env(world, CANARY) == {"AUDIT_LEVEL": "INFO"}
    Driver().apply(told, ask(WHOLE, LIMIT="5"))
    assert env(world, NAME) == {"AUDIT_LEVEL": "INFO", "LIMIT": "5"}
    assert TRACK not in world.live()["spec"]["template"]["metadata"]["labels"]


def test_the_side_that_grows_is_ready_before_the_other_one_is_lowered(world: World) -> None:
    world.deploy(replicas=4)

    def serving() -> int:
        pods = world.api.list(PODS, label_selector=f"app={NAME}")
        return sum(
            1
            for pod in pods
            if not pod["metadata"].get("deletionTimestamp")
            and any(
                each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions") or ()
            )
        )

    least: list[int] = []
    told = strategy(world)
    for share in (ONE_POD, HALF, ONE_POD, WHOLE):
        Driver(on_write=lambda _line: least.append(serving())).apply(told, ask(share))
    assert len(least) == 9
    assert min(least) >= 4


def test_a_share_that_the_pods_cannot_reach_is_refused_or_called_by_its_name(world: World) -> None:
    world.deploy(replicas=2)
    told = strategy(world, world.proxy.api())
    foreseen = told.foresee(ask(Share(ratio=0.05)))
    assert "5% of 2 pods cannot be had" in foreseen.refused
    assert foreseen.does == ()
    with pytest.raises(Refused):
        Driver().apply(told, ask(Share(ratio=0.05)))
    assert writes(world) == 0
    foreseen = told.foresee(ask(Share(ratio=0.05, pods=1)))
    assert foreseen.warnings[0] == "5% or 1 pod is applied as 1 pod of 2, 50%"
    assert Driver().apply(told, ask(Share(ratio=0.05, pods=1))).says == f"1 of 2 pods run {NEW} (1 pod of 2, 50%)"


@pytest.mark.parametrize("kill", [1, 2, 3, 4])
def test_a_driver_killed_before_any_write_is_followed_by_one_that_reaches_the_same(world: World, kill: int) -> None:
    world.deploy(replicas=3)
    told = strategy(world, world.proxy.api())
    total, epoch, done = 0, 1, []
    for share in (ONE_POD, WHOLE):
        first = Driver(epoch, dies_before=kill - total)
        try:
            first.apply(told, ask(share, AUDIT_LEVEL="FULL"))
        except Killed:
            epoch = 2
            Driver(epoch).apply(told, ask(share, AUDIT_LEVEL="FULL"))
        total += len(first.writes)
        done.append(shape(world))
    assert epoch == 2
    assert done == [{NAME: (OLD, 2), CANARY: (NEW, 1)}, {NAME: (NEW, 3)}]
    assert env(world, NAME) == {"AUDIT_LEVEL": "FULL"}
    assert writes(world) == 5


@pytest.mark.parametrize("away", [1, 2])
def test_a_server_that_is_away_for_a_while_is_waited_for(world: World, away: int) -> None:
    world.deploy(replicas=2)
    told = strategy(world, world.proxy.api())

    def leave(_line: str) -> None:
        if len(driver.writes) == away:
            world.proxy.answer(lambda _request: True, 503, status_body(503, "Busy", "etcd has no leader"), times=4)

    driver = Driver(on_write=leave)
    assert driver.apply(told, ask(ONE_POD)).writes == 2
    assert shape(world) == {NAME: (OLD, 1), CANARY: (NEW, 1)}
    assert any("etcd has no leader; trying again" in line for line in driver.lines)


@pytest.mark.parametrize("lost", ["POST", "PATCH", "DELETE"])
def test_a_lost_answer_is_not_written_twice(world: World, lost: str) -> None:
    world.deploy(replicas=2)
    told = strategy(world, world.proxy.api())
    if lost == "DELETE":
        Driver().apply(told, ask(ONE_POD))
    world.proxy.lose_answer(lambda request: request.method == lost)
    Driver().apply(told, ask(WHOLE if lost == "DELETE" else ONE_POD))
    assert writes(world) == (5 if lost == "DELETE" else 2)


def test_a_second_driver_ends_the_first_one_at_its_next_write(world: World) -> None:
    world.deploy(replicas=4)
    told = strategy(world)
    good = told.record()

    def overtake(_line: str) -> None:
        if len(first.writes) == 2:
            Driver(epoch=2).roll_back(told, good, ask(HALF))

    first = Driver(on_write=overtake)
    with pytest.raises(Fenced):
        first.apply(told, ask(HALF))
    assert shape(world) == {NAME: (OLD, 4)}


def test_a_part_that_would_be_everything_is_refused(world: World) -> None:
    world.deploy(replicas=1)
    foreseen = strategy(world).foresee(ask(Share(ratio=0.05, pods=1)))
    assert foreseen.refused.startswith("5% or 1 pod of 1 pod would be 100%")
    with pytest.raises(Refused):
        Driver().apply(strategy(world), ask(Share(ratio=0.05, pods=1)))
    assert shape(world) == {NAME: (OLD, 1)}


def test_who_else_may_undo_it_is_warned_of(world: World) -> None:
    world.deploy(replicas=2)
    world.merge({"metadata": {"labels": {"argocd.argoproj.io/instance": "firewall"}}})
    told = strategy(world)
    assert told.foresee(ask(ONE_POD)).warnings[-1] == (
        f"Argo CD (firewall) owns {NAME} and may undo what is written: stop its sync while the rollout lasts"
    )
    assert told.foresee_rollback(told.record()).warnings
    Driver().apply(told, ask(ONE_POD))
    assert "argocd.argoproj.io/instance" not in world.live(CANARY)["metadata"]["labels"]


def test_a_canary_that_no_service_selects_is_refused(world: World) -> None:
    world.deploy(replicas=2)
    labels = {"app": "another"}
    template = world.live()["spec"]["template"]
    template["metadata"]["labels"] = labels
    world.deploy(CANARY, replicas=0, selector={"matchLabels": labels}, template=template)
    told = strategy(world)
    assert told.foresee(ask(ONE_POD)).refused == ""
    spec = {"selector": {"app": NAME}, "ports": [{"port": 80}]}
    world.api.create(SERVICES, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "wall"}, "spec": spec})
    with pytest.raises(Refused, match=rf"no Service selects the pods of both {NAME} and {CANARY} \(wall selects only"):
        Driver().apply(told, ask(ONE_POD))
    assert shape(world) == {NAME: (OLD, 2), CANARY: (OLD, 0)}


def test_the_stable_sides_own_change_goes_over_to_the_canary(world: World) -> None:
    world.deploy(replicas=2)
    told = strategy(world)
    Driver().apply(told, ask(ONE_POD, AUDIT_LEVEL="FULL"))
    variable = [{"name": "LIMIT", "value": "7"}]
    operation = {"op": "add", "path": "/spec/template/spec/containers/0/env", "value": variable}
    world.api.patch(DEPLOYMENTS, NAME, [operation], content_type=JSON_PATCH)
    assert told.foresee(ask(ONE_POD)).does == (f"{CANARY}: as it was, AUDIT_LEVEL=FULL",)
    Driver().apply(told, ask(ONE_POD))
    assert env(world, CANARY) == {"LIMIT": "7", "AUDIT_LEVEL": "FULL"}

"""The canary strategy against an API server: shares up and down, and every way in which it is interrupted."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from console.actions.strategies.base import Fenced
from console.actions.strategies.canary import SERVICES, CanaryStrategy
from console.actions.strategies.canary_moves import TRACK
from console.core.operations import ActionFailed, Refused
from console.core.rollouts.plan import Canary, Share
from console.systems.kubernetes_connection import DEPLOYMENTS, JSON_PATCH, PODS, KubernetesApi
from console.systems.kubernetes_objects import template_image, version_of
from tests.kubernetes.cluster import BAD, NAME, NEW, OLD, World, utc_now
from tests.kubernetes.driving import QUICK, WRITES, Driver, Killed, ask
from tests.kubernetes.proxy import Handler, Request, status_body

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


def test_a_canary_that_cannot_start_takes_nothing_from_the_stable_side(world: World) -> None:
    world.deploy(replicas=2)
    told = strategy(world)
    good = told.record()
    with pytest.raises(ActionFailed, match=r"hak-gal-canary .* does not get ready: .*its image cannot be pulled"):
        Driver().apply(told, ask(ONE_POD, version=BAD))
    assert shape(world) == {NAME: (OLD, 2), CANARY: (BAD, 1)}
    said = Driver().roll_back(told, good, ask(ONE_POD, version=BAD))
    assert said == f"{OLD} serves everything: 2 of 2 pods ready"
    assert shape(world) == {NAME: (OLD, 2)}


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


def test_a_rollback_fences_a_driver_that_was_about_to_make_the_canary(world: World) -> None:
    world.deploy(replicas=2)
    told = strategy(world)
    good = told.record()
    Driver(epoch=2).roll_back(told, good, ask(HALF))
    with pytest.raises(Fenced):
        Driver(epoch=1).apply(told, ask(HALF))
    assert shape(world) == {NAME: (OLD, 2)}


def test_a_canary_is_not_made_after_a_rollback_that_came_between_looking_and_making(world: World) -> None:
    world.deploy(replicas=2)
    told = strategy(world)
    good = told.record()

    def act(handler: Handler, request: Request) -> None:
        Driver(epoch=2).roll_back(told, good, ask(HALF))
        handler.pass_on(request)

    world.proxy.rule(lambda request: request.path.endswith(f"/{CANARY}"), act)
    with pytest.raises(Fenced):
        Driver(epoch=1).apply(strategy(world, world.proxy.api()), ask(HALF))
    assert shape(world) == {NAME: (OLD, 2)}


@pytest.mark.parametrize("kill", [2, 3, 4, 5])
def test_rolled_back_from_every_point(world: World, kill: int) -> None:
    before = world.deploy(replicas=3)
    told = strategy(world)
    good = json.loads(json.dumps(told.record()))
    total = 0
    for share in (ONE_POD, WHOLE):
        first = Driver(dies_before=kill - total)
        try:
            first.apply(told, ask(share, AUDIT_LEVEL="FULL"))
        except Killed:
            break
        total += len(first.writes)
    foreseen = told.foresee_rollback(good)
    assert foreseen.does
    assert foreseen.refused == ""
    killed = Driver(epoch=2, dies_before=2)
    with pytest.raises(Killed):
        killed.roll_back(told, good, ask(WHOLE))
    assert Driver(epoch=3).roll_back(told, good, ask(WHOLE)) == f"{OLD} serves everything: 3 of 3 pods ready"
    assert shape(world) == {NAME: (OLD, 3)}
    assert world.live()["spec"] == before["spec"]
    assert told.sides().share == 0
    last = Driver(epoch=3)
    last.roll_back(told, good, ask(WHOLE))
    assert last.writes == []


def test_rolled_back_from_a_bad_version_that_nobody_is_served_by(world: World) -> None:
    world.deploy(replicas=2)
    told = strategy(world)
    good = told.record()
    with pytest.raises(ActionFailed):
        Driver().apply(told, ask(WHOLE, version=BAD))
    assert told.foresee_rollback(good).refused == ""
    Driver().roll_back(told, good, ask(WHOLE, version=BAD))
    assert shape(world) == {NAME: (OLD, 2)}


def test_with_no_side_that_could_serve_nothing_is_moved_and_a_person_is_paged(world: World) -> None:
    world.deploy(replicas=2)
    told = strategy(world)
    good = told.record()
    good["stable"]["template"] = good["stable"]["template"].replace(OLD, BAD)
    with pytest.raises(ActionFailed):
        Driver().apply(told, ask(HALF, version=BAD))
    with pytest.raises(ActionFailed, match=r"^neither side can take the traffic: .*: hold, and page") as failed:
        Driver().roll_back(told, good, ask(HALF, version=BAD))
    assert CANARY in str(failed.value)
    assert shape(world)[CANARY] == (BAD, 1)


def test_an_unhealthy_stable_side_leaves_the_canary_what_it_has(world: World) -> None:
    world.deploy(replicas=2)
    told = strategy(world)
    good = told.record()
    good["stable"]["template"] = good["stable"]["template"].replace(OLD, BAD)
    Driver().apply(told, ask(HALF))
    with pytest.raises(ActionFailed, match=rf"{CANARY} keeps its 1 ready pods, for {NAME} cannot take the traffic"):
        Driver().roll_back(told, good, ask(HALF))
    assert shape(world)[CANARY] == (NEW, 1)


def test_where_there_is_no_room_for_both_the_canary_gives_up_its_pods_one_by_one(world: World) -> None:
    world.deploy(replicas=4)
    told = strategy(world)
    good = told.record()
    Driver().apply(told, ask(HALF))
    world.make_room_for(4)
    driver = Driver(epoch=2)
    assert driver.roll_back(told, good, ask(HALF)) == f"{OLD} serves everything: 4 of 4 pods ready"
    assert shape(world) == {NAME: (OLD, 4)}
    assert [line.partition(": ")[2] for line in driver.writes if f"/{CANARY} " in line] == [
        f"2 → 1 pods, for {NAME} has no room otherwise",
        f"1 → 0 pods, for {NAME} has no room otherwise",
        "it was made for this rollout and has no pods left",
    ]


def test_a_canary_that_was_there_is_put_back_and_never_deleted(world: World) -> None:
    world.deploy(replicas=2)
    labels = {"app": NAME, "track": "canary"}
    template = world.live()["spec"]["template"]
    template["metadata"]["labels"] = labels
    world.deploy(CANARY, replicas=0, selector={"matchLabels": labels}, template=template)
    told = strategy(world)
    good = told.record()
    Driver().apply(told, ask(HALF, AUDIT_LEVEL="FULL"))
    assert shape(world) == {NAME: (OLD, 1), CANARY: (NEW, 1)}
    assert world.live(CANARY)["spec"]["template"]["metadata"]["labels"] == labels
    Driver().roll_back(told, good, ask(HALF))
    assert shape(world) == {NAME: (OLD, 2), CANARY: (OLD, 0)}
    assert env(world, CANARY) == {}
    Driver().apply(told, ask(WHOLE))
    assert shape(world) == {NAME: (NEW, 2), CANARY: (OLD, 0)}


def test_a_canary_that_served_before_counts_and_gets_its_pods_back(world: World) -> None:
    world.deploy(replicas=2)
    told = strategy(world)
    Driver().apply(told, replace(ask(HALF), rollout="release-0"))
    good = told.record()
    before = {NAME: (OLD, 1), CANARY: (NEW, 1)}
    assert shape(world) == before
    newest = ask(Share(pods=1), version=NEWEST)
    assert Driver().apply(told, newest).says.startswith(f"1 of 2 pods run {NEWEST}")
    Driver().apply(told, ask(WHOLE, version=NEWEST))
    assert shape(world) == {NAME: (NEWEST, 2), CANARY: (NEWEST, 0)}
    least: list[int] = []
    driver = Driver(epoch=2, on_write=lambda line: least.append(world.live()["spec"]["replicas"]))
    assert driver.roll_back(told, good, newest) == (
        f"{OLD} serves everything: 1 of 1 pods ready; {CANARY} has its 1 pods of {NEW} again"
    )
    assert shape(world) == before
    assert least == [2, 2, 2]
    again = Driver(epoch=2)
    again.roll_back(told, good, newest)
    assert again.writes == []


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

"""A canary rolled back from every point, and what is done where no side, or only one, can serve."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from console.actions.strategies.base import Fenced
from console.core.operations import ActionFailed
from console.core.rollouts.plan import Share
from tests.kubernetes.canary_run import CANARY, HALF, NEWEST, ONE_POD, WHOLE, env, shape, strategy
from tests.kubernetes.cluster import BAD, NAME, NEW, OLD, World
from tests.kubernetes.driving import Driver, Killed, ask
from tests.kubernetes.proxy import Handler, Request


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

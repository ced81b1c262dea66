"""The writer of rollouts: conflicts, lost answers, refusals, fences and waiting, against an API server."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from console.actions.strategies.base import EPOCH, ROLLOUT, VERSION, Fenced
from console.actions.strategies.writing import annotation
from console.core.operations import ActionFailed, Unverified
from console.systems.kubernetes_connection import DEPLOYMENTS
from tests.kubernetes.cluster import BAD, CONFIG_MAPS, NAME, NEW, OLD, World
from tests.kubernetes.driving import QUICK, Driver
from tests.kubernetes.driving import ROLLOUT as RELEASE
from tests.kubernetes.proxy import Request, status_body

Json = dict[str, Any]


def scaled(to: int) -> Callable[[Json], list[Json] | None]:
    def change(live: Json) -> list[Json] | None:
        if live["spec"]["replicas"] == to:
            return None
        return [{"op": "replace", "path": "/spec/replicas", "value": to}]

    return change


def is_method(*methods: str) -> Callable[[Request], bool]:
    return lambda request: request.method in methods


def test_a_write_is_marked_and_a_second_one_writes_nothing(world: World) -> None:
    world.deploy(replicas=1)
    driver = Driver(epoch=3)
    writer = driver.writer(world.proxy.api())
    written = writer.write(DEPLOYMENTS, NAME, scaled(2), "1 → 2 pods")
    assert written["spec"]["replicas"] == 2
    assert [annotation(world.live(), key) for key in (ROLLOUT, EPOCH, VERSION)] == [RELEASE, "3", NEW]
    writer.write(DEPLOYMENTS, NAME, scaled(2), "1 → 2 pods")
    assert writer.writes == len(driver.writes) == 1
    assert driver.lines == [f"PATCH deployments/{NAME} in {world.namespace}: 1 → 2 pods"]


def test_a_claim_marks_an_object_once_and_changes_nothing_else(world: World) -> None:
    before = world.deploy(replicas=1)
    writer = Driver(epoch=2).writer(world.api)
    for _ in range(2):
        writer.write(DEPLOYMENTS, NAME, lambda _live: [], "claimed")
    assert writer.writes == 1
    assert world.live()["spec"] == before["spec"]
    with pytest.raises(Fenced, match="epoch 2 of rollout release-1"):
        Driver(epoch=1).writer(world.api).write(DEPLOYMENTS, NAME, scaled(0), "1 → 0 pods")


def test_a_storm_of_conflicts_is_written_through_and_keeps_what_the_others_wrote(world: World) -> None:
    world.deploy(replicas=1)
    storms = 6

    def interfere(_line: str) -> None:
        if len(driver.writes) <= storms:
            world.merge({"metadata": {"annotations": {"another": str(len(driver.writes))}}})

    driver = Driver(on_write=interfere)
    writer = driver.writer(world.api)
    writer.write(DEPLOYMENTS, NAME, scaled(2), "1 → 2 pods")
    assert writer.writes == 1
    assert len(driver.writes) == storms + 1
    assert world.live()["spec"]["replicas"] == 2
    assert annotation(world.live(), "another") == str(storms)


def test_a_conflict_decides_again_and_sees_that_somebody_has_done_it(world: World) -> None:
    world.deploy(replicas=1)
    driver = Driver(on_write=lambda _line: world.merge({"spec": {"replicas": 2}}))
    writer = driver.writer(world.api)
    writer.write(DEPLOYMENTS, NAME, scaled(2), "1 → 2 pods")
    assert writer.writes == 0
    assert len(driver.writes) == 1


def test_a_conflict_with_a_newer_driver_ends_this_one(world: World) -> None:
    world.deploy(replicas=1)

    def overtake(_line: str) -> None:
        Driver(epoch=2).writer(world.api).write(DEPLOYMENTS, NAME, scaled(3), "1 → 3 pods")

    with pytest.raises(Fenced):
        Driver(epoch=1, on_write=overtake).writer(world.api).write(DEPLOYMENTS, NAME, scaled(2), "1 → 2 pods")
    assert world.live()["spec"]["replicas"] == 3


def test_another_rollouts_epoch_does_not_fence(world: World) -> None:
    world.deploy(replicas=1)
    world.merge({"metadata": {"annotations": {ROLLOUT: "an-older-one", EPOCH: "9"}}})
    Driver(epoch=1).writer(world.api).write(DEPLOYMENTS, NAME, scaled(2), "1 → 2 pods")
    assert annotation(world.live(), EPOCH) == "1"


def test_the_fence_is_asked_right_before_the_write(world: World) -> None:
    world.deploy(replicas=1)
    driver = Driver(overtaken=True)
    with pytest.raises(Fenced, match="another watcher"):
        driver.writer(world.api).write(DEPLOYMENTS, NAME, scaled(2), "1 → 2 pods")
    assert driver.writes == []
    assert world.live()["spec"]["replicas"] == 1


def test_a_lost_answer_is_looked_for_and_not_written_again(world: World) -> None:
    world.deploy(replicas=1)
    world.proxy.lose_answer(is_method("PATCH"))
    driver = Driver()
    writer = driver.writer(world.proxy.api())
    writer.write(DEPLOYMENTS, NAME, scaled(2), "1 → 2 pods")
    assert writer.writes == 1
    assert len([each for each in world.proxy.forwarded if each.method == "PATCH"]) == 1
    assert driver.lines[-1].endswith("1 → 2 pods; only the answer was lost")


@pytest.mark.parametrize("code", [429, 503])
def test_a_server_that_refuses_for_the_moment_is_asked_again(world: World, code: int) -> None:
    world.deploy(replicas=1)
    world.proxy.answer(is_method("PATCH"), code, status_body(code, "Busy", "wait a little"), times=2)
    world.proxy.lose_request(is_method("PATCH"))
    writer = Driver().writer(world.proxy.api())
    writer.write(DEPLOYMENTS, NAME, scaled(2), "1 → 2 pods")
    assert writer.writes == 1
    assert world.live()["spec"]["replicas"] == 2


@pytest.mark.parametrize(
    ("code", "message", "said"),
    [
        (403, 'deployments.apps "x" is forbidden: User "eve" cannot patch', "ask for the right to patch deployments"),
        (422, "spec.replicas: Invalid value", "answered 422: spec.replicas: Invalid value"),
    ],
)
def test_a_write_that_is_refused_for_good_says_by_whom(world: World, code: int, message: str, said: str) -> None:
    world.deploy(replicas=1)
    world.proxy.answer(is_method("PATCH"), code, status_body(code, "No", message), times=None)
    with pytest.raises(ActionFailed) as failed:
        Driver().writer(world.proxy.api()).write(DEPLOYMENTS, NAME, scaled(2), "1 → 2 pods")
    assert str(failed.value).startswith(
        f"PATCH deployments/{NAME} in {world.namespace}: 1 → 2 pods: it was not written"
    )
    assert said in str(failed.value)
    assert str(failed.value).endswith("then resume (h)")


def test_an_object_that_is_not_there_is_said_to_be_so(world: World) -> None:
    with pytest.raises(ActionFailed, match=f"there is no deployments/{NAME}; check the name"):
        Driver().writer(world.api).write(DEPLOYMENTS, NAME, scaled(2), "1 → 2 pods")


def test_a_server_that_stays_away_leaves_it_unverified(world: World) -> None:
    world.deploy(replicas=1)
    world.proxy.answer(is_method("PATCH"), 503, status_body(503, "Busy", "later"), times=None)
    short = replace(QUICK, contact=timedelta(milliseconds=300))
    with pytest.raises(Unverified, match=r"1 → 2 pods: it may have been written"):
        Driver().writer(world.proxy.api(), short).write(DEPLOYMENTS, NAME, scaled(2), "1 → 2 pods")


def test_created_once_and_deleted_once_though_the_answers_are_lost(world: World) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "made"}, "data": {"a": "1"}}
    world.proxy.lose_answer(is_method("POST"))
    writer = Driver().writer(world.proxy.api())
    for _ in range(2):
        made = writer.create(CONFIG_MAPS, body, "made")
        assert annotation(made, ROLLOUT) == RELEASE
    world.proxy.lose_answer(is_method("DELETE"))
    for _ in range(2):
        writer.delete(CONFIG_MAPS, "made", "no longer needed")
    assert writer.writes == 2
    assert [each.method for each in world.proxy.forwarded if each.method != "GET"] == ["POST", "DELETE"]


def test_waiting_ends_when_every_pod_is_of_the_newest_template(world: World) -> None:
    world.deploy(replicas=2)
    driver = Driver()
    ready = driver.writer(world.api).wait_ready(world.set_version(NEW))
    assert ready["status"]["updatedReplicas"] == ready["status"]["availableReplicas"] == 2
    assert {pod.version for pod in world.pods() if not pod.terminating} == {NEW}
    assert driver.lines[-1] == f"{NAME}: {NEW}: 2 of 2 pods ready"


def test_waiting_for_an_image_that_is_not_there_says_why(world: World) -> None:
    world.deploy(replicas=1)
    with pytest.raises(ActionFailed) as failed:
        Driver().writer(world.api).wait_ready(world.set_version(BAD))
    assert f"{NAME} in {world.namespace} does not get ready: nothing has moved for " in str(failed.value)
    assert "its image cannot be pulled" in str(failed.value)


def test_waiting_notices_another_template_and_another_driver(world: World) -> None:
    world.deploy(replicas=1)
    written = world.set_version(BAD)
    driver = Driver(when=lambda _line: world.set_version(OLD))
    with pytest.raises(ActionFailed, match=f"somebody has put another template \\({OLD}\\) on {NAME}"):
        driver.writer(world.api).wait_ready(written)
    written = world.set_version(BAD)
    overtake = Driver(epoch=2)
    first = Driver(when=lambda _line: overtake.writer(world.api).write(DEPLOYMENTS, NAME, scaled(2), "x"))
    with pytest.raises(Fenced):
        first.writer(world.api).wait_ready(written)


def test_told_to_stop_waiting_says_how_it_stood(world: World) -> None:
    world.deploy(replicas=1)
    driver = Driver(when=lambda _line: driver.stopped.set())
    with pytest.raises(Unverified, match=r"stopped: .* 0 of 1 pods ready"):
        driver.writer(world.api).wait_ready(world.set_version(BAD))


def test_a_server_that_is_lost_while_waiting_leaves_it_unverified(world: World) -> None:
    world.deploy(replicas=1)
    written = world.set_version(BAD)
    driver = Driver(when=lambda _line: world.proxy.answer(lambda _request: True, 503, b"", times=None))
    short = replace(QUICK, contact=timedelta(milliseconds=300))
    with pytest.raises(Unverified, match=rf"GET .* in {world.namespace}: it cannot be read: kubernetes 127"):
        driver.writer(world.proxy.api(), short).wait_ready(written)


def test_marks_are_put_on_objects_without_annotations(world: World) -> None:
    world.api.create(CONFIG_MAPS, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "bare"}, "data": {}})
    change = [{"op": "add", "path": "/data", "value": {"a": "1"}}]
    written = Driver().writer(world.api).write(CONFIG_MAPS, "bare", lambda _live: change, "a")
    assert json.dumps(written["data"]) == '{"a": "1"}'
    assert annotation(written, EPOCH) == "1"

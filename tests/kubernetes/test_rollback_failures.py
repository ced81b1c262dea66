"""Rollbacks that are refused, do not get ready, or cannot be verified: what is said of them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from console.actions.rollback import permissions_needed
from console.core.operations import ActionFailed, Unverified
from console.core.plans import Good
from console.systems.kubernetes_connection import DEPLOYMENTS
from tests.conftest import wait_until
from tests.kubernetes.cluster import BAD, NAME, NEW, OLD, PATIENCE, World
from tests.kubernetes.proxy import Request, status_body
from tests.kubernetes.rollback_run import QUICK, Run, good, is_patch, is_written, plan, wait_until_forgotten


@pytest.mark.parametrize(
    ("code", "reason", "message", "said"),
    [
        (
            403,
            "Forbidden",
            f'deployments.apps "{NAME}" is forbidden: User "eve" cannot patch resource "deployments"',
            "ask for the right to patch deployments in namespace",
        ),
        (
            403,
            "Forbidden",
            'admission webhook "policy.example.org" denied the request: change freeze until Monday',
            "an admission rule of the cluster refuses it",
        ),
        (401, "Unauthorized", "Unauthorized", "log in to the cluster again"),
        (422, "Invalid", "spec.template: Invalid value", "press R to pick another revision"),
    ],
)
def test_a_write_that_is_refused_says_by_whom_and_that_nothing_was_changed(
    world: World, upgraded: Good, code: int, reason: str, message: str, said: str
) -> None:
    world.proxy.answer(is_patch, code, status_body(code, reason, message), times=None)
    with pytest.raises(ActionFailed) as failed:
        Run(world, plan(world, upgraded)).go()
    assert str(failed.value).startswith("nothing was changed: kubernetes ")
    assert message in str(failed.value)
    assert said in str(failed.value)
    assert world.version() == NEW


def test_a_template_that_the_server_finds_invalid_is_refused_in_its_words(world: World, upgraded: Good) -> None:
    template = json.loads(upgraded.template)
    template["metadata"]["labels"] = {"app": "another"}
    broken = replace(upgraded, template=json.dumps(template))
    with pytest.raises(ActionFailed, match=r"answered 422: .*selector"):
        Run(world, plan(world, broken)).go()
    assert world.version() == NEW


def test_a_version_whose_image_is_gone_is_said_to_be_so(world: World) -> None:
    world.deploy(version=BAD, replicas=2)
    wait_until(lambda: world.workload().current, within=PATIENCE, what="the first revision")
    world.set_version(NEW)
    world.settled()
    with pytest.raises(ActionFailed) as failed:
        Run(world, plan(world), replace(QUICK, trouble=timedelta(seconds=1))).go()
    said = str(failed.value)
    assert said.startswith(f"{BAD} was written, but nothing has moved for ")
    assert f"{BAD}: 0 of 2 pods ready" in said
    assert "its image cannot be pulled, " in said
    assert said.endswith("press 1 and Enter for pods and events, R to pick another revision")
    assert world.version() == BAD


def test_pods_that_run_and_do_not_turn_ready_are_named_and_waited_for(world: World, upgraded: Good) -> None:
    made = plan(world, upgraded)

    def act(handler: Any, request: Request) -> None:
        answer = json.loads(handler.forward(request).read())
        for pod in answer["items"]:
            for condition in pod["status"].get("conditions") or ():
                condition["status"] = "False" if condition["type"] == "Ready" else condition["status"]
        handler.give(200, json.dumps(answer).encode(), "application/json", {})

    rule = world.proxy.rule(lambda request: request.path.endswith("/pods"), act, times=None)
    run = Run(world, made, replace(QUICK, quiet=timedelta(milliseconds=100)))

    def then(line: str) -> None:
        if "not ready yet" in line:
            world.proxy.remove(rule)

    run.when = then
    assert run.go().startswith("ROLLED BACK")
    assert len([line for line in run.lines if "not ready yet (readiness probe or gate)" in line]) == 1


def test_a_controller_that_gives_up_ends_it(world: World) -> None:
    # Of a ReplicaSet that it finds and has not made, a controller may not notice that it does not progress.
    world.deploy(version=BAD, replicas=1, progressDeadlineSeconds=1, revisionHistoryLimit=0)
    wait_until(lambda: world.workload().current, within=PATIENCE, what="the first revision")
    known = good(world)
    world.set_version(NEW)
    world.settled()
    wait_until_forgotten(world, BAD)
    with pytest.raises(ActionFailed, match=r"the controller gave up \(ProgressDeadlineExceeded\)"):
        Run(world, plan(world, known), replace(QUICK, trouble=timedelta(seconds=PATIENCE))).go()


def test_what_the_controller_said_of_the_version_before_does_not_end_it(world: World) -> None:
    world.deploy(replicas=2, progressDeadlineSeconds=2)
    known = good(world)
    world.set_version(BAD)
    wait_until(lambda: world.workload().stuck, within=PATIENCE, what="the stuck rollout")
    word = next(each for each in world.live()["status"]["conditions"] if each["type"] == "Progressing")

    def act(handler: Any, request: Request) -> None:
        live = json.loads(handler.forward(request).read())
        live["status"]["observedGeneration"] = live["metadata"]["generation"]
        live["status"] |= {"conditions": [word], "updatedReplicas": 1}
        handler.give(200, json.dumps(live).encode(), "application/json", {})

    rule = world.proxy.rule(lambda request: request.method == "GET" and request.path.endswith(NAME), act, times=3)
    made = plan(world, known)
    assert Run(world, made, replace(QUICK, trouble=timedelta(seconds=PATIENCE))).go().startswith("ROLLED BACK")
    assert rule.hits


def test_somebody_who_puts_another_template_there_afterwards_is_reported(world: World, upgraded: Good) -> None:
    run = Run(world, plan(world, upgraded))

    def then(line: str) -> None:
        if is_written(line):
            world.set_version(BAD)

    run.when = then
    with pytest.raises(ActionFailed) as failed:
        run.go()
    assert str(failed.value) == (
        f"{OLD} was written, but somebody has put another template ({BAD}) on {NAME} since; "
        "press R to plan from what runs now"
    )


def test_somebody_who_deletes_it_afterwards_is_reported(world: World, upgraded: Good) -> None:
    run = Run(world, plan(world, upgraded))

    def then(line: str) -> None:
        if is_written(line):
            world.api.delete(DEPLOYMENTS, NAME)

    run.when = then
    with pytest.raises(ActionFailed, match=f"{NAME} has been deleted since"):
        run.go()


def test_stopping_ends_the_following_and_says_that_the_cluster_goes_on(world: World, upgraded: Good) -> None:
    run = Run(world, plan(world, upgraded))
    run.when = lambda line: run.stopped.set() if is_written(line) else None
    world.proxy.answer(
        lambda request: request.method == "GET", 503, status_body(503, "ServiceUnavailable", "busy"), times=None
    )
    with pytest.raises(Unverified, match=f"following was stopped; {OLD} was written and the cluster goes on with it"):
        run.go()
    assert world.version() == OLD


def test_a_server_that_stays_away_before_the_write_leaves_nothing_changed(world: World, upgraded: Good) -> None:
    made = plan(world, upgraded)
    body = status_body(429, "TooManyRequests", "busy")
    world.proxy.answer(is_patch, 429, body, times=None)
    with pytest.raises(ActionFailed, match=r"nothing was changed: gave up: .*; press R to begin again"):
        Run(world, made, replace(QUICK, contact=timedelta(milliseconds=300))).go()
    assert world.version() == NEW


def test_a_lost_answer_that_cannot_be_looked_up_is_called_unknown(world: World, upgraded: Good) -> None:
    made = plan(world, upgraded)
    world.proxy.lose_answer(is_patch)
    world.proxy.answer(
        lambda request: request.method == "GET", 503, status_body(503, "ServiceUnavailable", "busy"), times=None
    )
    with pytest.raises(Unverified, match=f"{OLD} may have been written, and it cannot be read whether"):
        Run(world, made, replace(QUICK, contact=timedelta(milliseconds=500))).go()


def test_a_write_that_cannot_be_verified_is_called_unverified(world: World, upgraded: Good) -> None:
    made = plan(world, upgraded)
    world.proxy.answer(
        lambda request: request.method == "GET", 503, status_body(503, "ServiceUnavailable", "busy"), times=None
    )
    with pytest.raises(Unverified, match=f"{OLD} was written, but it cannot be verified: .* answered 503"):
        Run(world, made, replace(QUICK, contact=timedelta(milliseconds=500))).go()


def test_the_permissions_it_needs_are_those_it_uses(world: World) -> None:
    needed = {(verb, what) for verb, what, _ in permissions_needed()}
    assert ("patch", "apps/deployments") in needed
    assert ("watch", "events") in needed
    assert ("get", "pods/log") in needed
    assert len(needed) == len(permissions_needed())

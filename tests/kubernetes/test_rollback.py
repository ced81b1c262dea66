"""Rolling back: the write, what may come between, and how its end is verified."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from console.actions.rollback import Patience, permissions_needed, plan_rollback, roll_back
from console.core.actions import ActionFailed, Unverified
from console.core.plans import Good, RollbackPlan
from console.systems.kubernetes_connection import DEPLOYMENTS, REPLICA_SETS
from tests.conftest import wait_until
from tests.kubernetes.cluster import BAD, NAME, NEW, OLD, PATIENCE, World, image, utc_now
from tests.kubernetes.proxy import Request, status_body

QUICK = Patience(
    every=timedelta(milliseconds=50),
    contact=timedelta(seconds=20),
    trouble=timedelta(seconds=1),
    whole=timedelta(seconds=PATIENCE),
)


@dataclass
class Run:
    """One rollback through the proxy. before_write: called right before the first write goes out."""

    world: World
    plan: RollbackPlan
    patience: Patience = QUICK
    lines: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    when: Callable[[str], None] = lambda _line: None

    def go(self) -> str:
        api = self.world.proxy.api()

        def say(line: str) -> None:
            self.lines.append(line)
            self.when(line)

        return roll_back(
            api,
            self.plan,
            say=say,
            stopped=self.stopped,
            clock=utc_now,
            on_write=self.writes.append,
            patience=self.patience,
        )


def plan(world: World, known: Good | None = None, pick: int | None = None) -> RollbackPlan:
    return plan_rollback(world.workload(), world.pods(), target_name=NAME, good=known, revision=pick, now=utc_now())


def good(world: World) -> Good:
    """What runs now, recorded good."""
    workload = world.workload()
    return Good(workload.version, workload.image, workload.template, utc_now())


def is_patch(request: Request) -> bool:
    return request.method == "PATCH"


def is_written(line: str) -> bool:
    """Whether a rollback says with it that its write has arrived."""
    return line.startswith("PATCH") and not line.endswith("writing again")


def patches(world: World) -> list[Request]:
    return [request for request in world.proxy.forwarded if is_patch(request)]


def wait_until_forgotten(world: World, version: str) -> None:
    """Wait until the cluster keeps no ReplicaSet of the version."""

    def kept() -> list[Any]:
        return [each for each in world.api.list(REPLICA_SETS) if f'"{image(version)}"' in json.dumps(each["spec"])]

    wait_until(lambda: not kept(), within=PATIENCE, what=f"the end of the ReplicaSet of {version}")


@pytest.fixture
def upgraded(world: World) -> Good:
    """A Deployment on its second version; the first one is recorded good."""
    world.deploy(replicas=2)
    known = good(world)
    world.set_version(NEW)
    world.settled()
    return known


def test_it_goes_back_to_what_was_recorded_good_and_says_so_only_when_it_is_so(world: World, upgraded: Good) -> None:
    run = Run(world, plan(world, upgraded))
    summary = run.go()
    assert summary.startswith("ROLLED BACK and verified in ")
    workload = world.workload()
    assert (workload.version, workload.settled, workload.template) == (OLD, True, upgraded.template)
    running = [pod for pod in world.pods() if not pod.terminating]
    assert {pod.version for pod in running} == {OLD}
    assert sum(pod.ready for pod in running) == 2
    assert run.lines[0] == f"PATCH deployments/{NAME} in {world.namespace}: {NEW} → {OLD}"
    assert run.lines[-1] == f"{OLD}: 2 of 2 pods ready"
    cause = world.live()["metadata"]["annotations"]["kubernetes.io/change-cause"]
    assert cause.startswith(f"hakgal-console: rolled back from {NEW} to {OLD} at 20")
    assert [(each.number, each.version) for each in workload.revisions] == [(3, OLD), (2, NEW)]


def test_the_first_request_after_the_word_is_the_write(world: World, upgraded: Good) -> None:
    run = Run(world, plan(world, upgraded))
    assert not world.proxy.requests
    run.go()
    assert world.proxy.requests[0].method == "PATCH"
    assert world.proxy.requests[0].path.endswith(f"/deployments/{NAME}")
    assert len(patches(world)) == 1
    assert len(run.writes) == 1


def test_the_whole_template_is_put_back_and_nothing_of_the_new_one_stays(world: World) -> None:
    world.deploy(replicas=1)
    known = good(world)
    container = {"name": "firewall", "image": image(NEW), "env": [{"name": "AUDIT_LEVEL", "value": "FULL"}]}
    template = {"metadata": {"annotations": {"new": "yes"}}, "spec": {"containers": [container]}}
    world.merge({"spec": {"template": template}})
    world.settled()
    Run(world, plan(world, known)).go()
    assert world.workload().template == known.template
    assert "AUDIT_LEVEL" not in json.dumps(world.live()["spec"]["template"])


def test_it_breaks_off_a_rollout_that_is_stuck(world: World) -> None:
    world.deploy(replicas=2, progressDeadlineSeconds=2)
    known = good(world)
    world.set_version(BAD)
    wait_until(lambda: world.workload().stuck, within=PATIENCE, what="the stuck rollout")
    made = plan(world, known)
    assert f"breaks off the rollout of {BAD} that is under way" in made.does
    Run(world, made).go()
    assert (world.version(), world.workload().settled, world.workload().stuck) == (OLD, True, "")


def test_it_breaks_off_a_rollout_that_progresses_while_its_object_changes(world: World) -> None:
    world.deploy(replicas=4)
    known = good(world)
    world.set_version(NEW)
    run = Run(world, plan(world, known))
    run.go()
    assert (world.version(), world.workload().settled) == (OLD, True)


def test_a_good_version_whose_replicaset_is_gone_is_put_back_from_the_record(world: World) -> None:
    world.deploy(replicas=1, revisionHistoryLimit=0)
    known = good(world)
    world.set_version(NEW)
    world.settled()
    wait_until_forgotten(world, OLD)
    made = plan(world, known)
    assert made.to_revision == 0
    Run(world, made).go()
    assert world.version() == OLD


def test_a_paused_rollout_is_resumed_by_the_same_write(world: World, upgraded: Good) -> None:
    world.merge({"spec": {"paused": True}})
    wait_until(lambda: world.workload().paused, what="the pause")
    Run(world, plan(world, upgraded)).go()
    workload = world.workload()
    assert (workload.version, workload.paused, workload.settled) == (OLD, False, True)
    assert all(any(each["path"] == "/spec/paused" for each in request.body) for request in patches(world))


def test_a_conflict_by_a_change_of_size_is_not_the_end(world: World, upgraded: Good) -> None:
    made = plan(world, upgraded)
    world.merge({"spec": {"replicas": 3}})
    run = Run(world, made)
    run.go()
    workload = world.workload()
    assert (workload.version, workload.ready) == (OLD, 3)
    assert [request.method for request in world.proxy.requests][:3] == ["PATCH", "GET", "PATCH"]
    assert any("it had changed in between and still needs it; writing again" in line for line in run.lines)


def test_one_conflict_after_another_is_not_the_end(world: World, upgraded: Good) -> None:
    body = status_body(409, "Conflict", "the object has been modified; please apply your changes to the latest version")
    world.proxy.answer(is_patch, 409, body, times=5)
    run = Run(world, plan(world, upgraded))
    assert run.go().startswith("ROLLED BACK")
    assert len(run.writes) == 6


def test_a_third_template_that_somebody_put_there_meanwhile_is_not_overwritten(world: World, upgraded: Good) -> None:
    made = plan(world, upgraded)
    world.set_version(BAD)
    with pytest.raises(ActionFailed) as failed:
        Run(world, made).go()
    assert str(failed.value) == (
        f"nothing was changed: somebody put another template ({BAD}) on {NAME} while this was confirmed; "
        "press R to plan again from what runs now"
    )
    assert world.version() == BAD


def test_what_somebody_else_has_put_back_already_is_followed_and_not_written_again(
    world: World, upgraded: Good
) -> None:
    made = plan(world, upgraded)
    world.set_version(OLD)
    run = Run(world, made)
    assert run.go().startswith("ROLLED BACK")
    assert f"somebody has put {OLD} back already; following that" in run.lines
    assert len(patches(world)) == 1
    assert "kubernetes.io/change-cause" not in world.live()["metadata"]["annotations"]


def test_a_write_whose_answer_is_lost_is_found_and_not_repeated(world: World, upgraded: Good) -> None:
    world.proxy.lose_answer(is_patch)
    run = Run(world, plan(world, upgraded))
    assert run.go().startswith("ROLLED BACK")
    assert len(patches(world)) == 1
    assert f"{OLD} was written; only the answer was lost" in run.lines


def test_a_write_that_never_arrived_is_looked_for_and_then_repeated(world: World, upgraded: Good) -> None:
    world.proxy.lose_request(is_patch)
    run = Run(world, plan(world, upgraded))
    assert run.go().startswith("ROLLED BACK")
    assert [request.method for request in world.proxy.requests][:3] == ["PATCH", "GET", "PATCH"]
    assert len(patches(world)) == 1


@pytest.mark.parametrize(
    ("code", "body", "kind"),
    [
        (
            503,
            status_body(503, "ServiceUnavailable", "the server is currently unable to handle the request"),
            "application/json",
        ),
        (502, b"<html><title>Bad Gateway</title></html>", "text/html"),
        (200, b"<html><title>Sign in</title></html>", "text/html"),
    ],
)
def test_an_api_server_that_fails_in_the_middle_is_asked_again(
    world: World, upgraded: Good, code: int, body: bytes, kind: str
) -> None:
    world.proxy.answer(is_patch, code, body, kind=kind)
    made = plan(world, upgraded)
    run = Run(world, made)

    def then(line: str) -> None:
        if is_written(line):
            world.proxy.answer(lambda request: request.method == "GET", code, body, kind=kind, times=3)
            world.proxy.lose_request(lambda request: request.method == "GET")

    run.when = then
    assert run.go().startswith("ROLLED BACK")
    assert (world.version(), len(patches(world))) == (OLD, 1)
    assert any(f"answered {code}" in line and line.endswith("; still trying") for line in run.lines)


def test_an_overloaded_server_is_waited_for_as_long_as_it_asks(world: World, upgraded: Good) -> None:
    world.proxy.answer(is_patch, 429, status_body(429, "TooManyRequests", "too many"), Retry_After="1")
    Run(world, plan(world, upgraded)).go()
    first, second = [request.at for request in world.proxy.requests if is_patch(request)]
    assert second - first >= 1


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

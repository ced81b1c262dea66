"""Rolling back: the write, what may come between, and how its end is verified."""

from __future__ import annotations

import json

import pytest

from console.core.operations import ActionFailed
from console.core.plans import Good
from tests.conftest import wait_until
from tests.kubernetes.cluster import BAD, NAME, NEW, OLD, PATIENCE, World, image
from tests.kubernetes.proxy import status_body
from tests.kubernetes.rollback_run import Run, good, is_patch, is_written, patches, plan, wait_until_forgotten


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

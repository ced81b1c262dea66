"""Pods that run: readiness, restarts, images that cannot be had, environment, logs, and their end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest

from console.sandbox.kube.api import DeleteOptions
from console.sandbox.kube.kinds import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    EVENTS,
    NODES,
    PODS,
    SECRETS,
)
from console.sandbox.kube.runtime import ImageError, PretendingRuntime, Probe, StartError
from console.sandbox.kube.server import KubeServer
from tests.sandbox.kube_cluster import Json, condition, container, deployment
from tests.sandbox.kube_runtime import TIMING, Runtime, World

pytestmark = pytest.mark.xdist_group("kube-kubelet")


@pytest.fixture
async def world() -> AsyncIterator[World]:
    runtime = Runtime()
    server = KubeServer(runtime=runtime, timing=TIMING)
    await server.start()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as http:
        yield World(server, runtime, http)
    await server.stop()


async def test_a_pod_is_scheduled_started_and_ready_when_its_container_says_so(world: World) -> None:
    world.runtime.health = Probe(ready=False, message="warming up")
    world.create()
    await world.until(lambda: "Unhealthy" in world.reasons())
    pod = world.pod()
    assert pod["spec"]["nodeName"] == world.server.api.list(NODES)[0]["metadata"]["name"]
    assert pod["status"]["phase"] == "Running"
    assert pod["status"]["podIP"] == "127.0.0.9"
    assert condition(pod, "Ready")["reason"] == "ContainersNotReady"
    assert world.status()["started"] is True
    assert world.status()["ready"] is False
    world.runtime.runs[0].health = Probe(ready=True)
    await world.until(lambda: condition(world.pod(), "Ready").get("status") == "True")
    assert {"Scheduled", "Pulled", "Created", "Started", "Unhealthy"} == set(world.reasons())
    assert world.reasons()["Unhealthy"]["message"] == "Readiness probe failed: warming up"
    world.runtime.runs[0].health = Probe(ready=False, message="overloaded")
    await world.until(lambda: condition(world.pod(), "Ready").get("status") == "False")
    assert world.status()["restartCount"] == 0


async def test_a_node_out_of_service_takes_no_pods_until_it_is_back(world: World) -> None:
    (node,) = world.server.api.list(NODES)

    def mark(unschedulable: bool) -> None:
        def edit(found: Json) -> Json:
            found["spec"]["unschedulable"] = unschedulable
            return found

        world.server.api.change(NODES, "", node["metadata"]["name"], edit)

    mark(True)
    world.create()
    await world.until(lambda: "FailedScheduling" in world.reasons())
    assert not world.pod()["spec"].get("nodeName")
    mark(False)
    await world.until(lambda: condition(world.pod(), "Ready").get("status") == "True")


async def test_repeated_events_are_counted_and_not_repeated(world: World) -> None:
    world.runtime.health = Probe(ready=False, message="no")
    world.create()
    event = await world.until(lambda: world.reasons().get("Unhealthy", {}).get("count", 0) >= 5)
    assert event
    about = [each for each in world.server.api.list(EVENTS) if each["reason"] == "Unhealthy"]
    assert len(about) == 1
    # A hundred failures a second are written once a second.
    changes = [each for each in world.server.store.since("events", 0) if each.object["reason"] == "Unhealthy"]
    assert len(changes) <= 3


async def test_a_crashing_container_restarts_at_once_and_then_backs_off(world: World) -> None:
    world.create()
    await world.until(lambda: world.runtime.runs)
    world.runtime.runs[0].log.write("panic: first")
    world.runtime.runs[0].end(1)
    await world.until(lambda: len(world.runtime.runs) == 2)
    assert world.reasons().keys() & {"BackOff"} == set()
    await world.until(lambda: world.status()["restartCount"] == 1 and "running" in world.status()["state"])
    last = world.status()["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"]) == (1, "Error")
    assert await world.log(previous="true") == "panic: first\n"
    world.runtime.runs[1].end(2)
    state = await world.until(lambda: world.status()["state"].get("waiting"))
    assert state["reason"] == "CrashLoopBackOff"
    assert state["message"].startswith("back-off ")
    assert world.pod()["status"]["phase"] == "Running"
    await world.until(lambda: len(world.runtime.runs) == 3)
    assert [run.attempt for run in world.runtime.runs] == [0, 1, 2]
    assert world.reasons()["BackOff"]["message"].startswith(
        "Back-off restarting failed container app in pod lone_default"
    )
    assert world.reasons()["BackOff"]["type"] == "Warning"


async def test_an_image_that_cannot_be_had_keeps_the_pod_pending(world: World) -> None:
    world.runtime.refusal = ImageError("not found")
    world.create()
    seen: set[str] = set()

    def both() -> bool:
        seen.add(world.status().get("state", {}).get("waiting", {}).get("reason", ""))
        return {"ErrImagePull", "ImagePullBackOff"} <= seen

    await world.until(both)
    assert world.pod()["status"]["phase"] == "Pending"
    assert {"Pulling", "Failed", "BackOff"} <= set(world.reasons())
    world.runtime.refusal = None
    await world.until(lambda: condition(world.pod(), "Ready").get("status") == "True")


async def test_a_container_that_cannot_be_started_ends_with_128_and_is_tried_again(world: World) -> None:
    world.runtime.refusal = StartError("no such command")
    world.create()
    await world.until(lambda: (world.status().get("lastState") or {}).get("terminated"))
    last = world.status()["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"], last["message"]) == (128, "StartError", "no such command")
    world.runtime.refusal = None
    await world.until(lambda: condition(world.pod(), "Ready").get("status") == "True")


async def test_a_container_that_is_not_alive_is_killed_and_restarted(world: World) -> None:
    world.create()
    await world.until(lambda: world.runtime.runs)
    world.runtime.runs[0].health = Probe(ready=False, alive=False, message="deadlock")
    await world.until(lambda: len(world.runtime.runs) == 2)
    assert world.reasons()["Killing"]["message"] == "Container app failed liveness probe, will be restarted"


@pytest.mark.parametrize(
    ("policy", "code", "phase"), [("Never", 0, "Succeeded"), ("Never", 3, "Failed"), ("OnFailure", 0, "Succeeded")]
)
async def test_a_pod_that_need_not_run_on_finishes(world: World, policy: str, code: int, phase: str) -> None:
    world.create(restartPolicy=policy)
    await world.until(lambda: world.runtime.runs)
    world.runtime.runs[0].end(code)
    await world.until(lambda: world.pod()["status"]["phase"] == phase)
    assert world.status()["state"]["terminated"]["exitCode"] == code
    assert world.status()["restartCount"] == 0


async def test_a_deleted_pod_gets_its_grace_and_is_then_gone(world: World) -> None:
    world.create(terminationGracePeriodSeconds=7)
    await world.until(lambda: world.runtime.runs)
    run = world.runtime.runs[0]
    url = f"{world.server.url}/api/v1/namespaces/default/pods/lone"
    async with world.http.delete(url) as answer:
        body = await answer.json()
    assert body["metadata"]["deletionGracePeriodSeconds"] == 7
    assert body["metadata"]["deletionTimestamp"]
    await world.until(lambda: world.server.api.find(PODS, "default", "lone") is None)
    assert run.grace is not None
    assert 5 < run.grace <= 7
    assert world.reasons()["Killing"]["message"] == "Stopping container app"


async def test_a_pod_deleted_by_force_is_gone_at_once_and_its_container_ended(world: World) -> None:
    world.create()
    await world.until(lambda: world.runtime.runs)
    world.server.api.delete(PODS, "default", "lone", DeleteOptions(grace=0))
    assert world.server.api.find(PODS, "default", "lone") is None
    await world.until(lambda: world.runtime.runs[0].ended.done())


async def test_the_environment_is_made_from_maps_secrets_fields_and_other_variables(world: World) -> None:
    data = {"metadata": {"name": "settings"}, "data": {"LEVEL": "FULL", "MODE": "x"}}
    world.server.api.create(CONFIG_MAPS, "default", data)
    secret = {"metadata": {"name": "key"}, "stringData": {"word": "hush"}}
    world.server.api.create(SECRETS, "default", secret)
    env = [
        {"name": "WORD", "valueFrom": {"secretKeyRef": {"name": "key", "key": "word"}}},
        {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "TIER", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['tier']"}}},
        {"name": "URL", "value": "$(LEVEL)://$(POD)/$$(POD)/$(NONE)"},
        {"name": "GONE", "valueFrom": {"configMapKeyRef": {"name": "none", "key": "x", "optional": True}}},
        {"name": "MODE", "value": "own"},
    ]
    world.create(containers=[container(env=env, envFrom=[{"configMapRef": {"name": "settings"}}])])
    await world.until(lambda: world.runtime.runs)
    assert world.runtime.runs[0].env == {
        "LEVEL": "FULL",
        "WORD": "hush",
        "POD": "lone",
        "TIER": "",
        "URL": "FULL://lone/$(POD)/$(NONE)",
        "MODE": "own",
    }


async def test_a_missing_config_map_holds_the_container_until_it_is_there(world: World) -> None:
    world.create(containers=[container(envFrom=[{"configMapRef": {"name": "settings"}}])])
    state = await world.until(lambda: world.status().get("state", {}).get("waiting", {}).get("message"))
    assert state == 'configmap "settings" not found'
    assert world.status()["state"]["waiting"]["reason"] == "CreateContainerConfigError"
    world.server.api.create(CONFIG_MAPS, "default", {"metadata": {"name": "settings"}, "data": {"A": "1"}})
    await world.until(lambda: world.runtime.runs)
    assert world.runtime.runs[0].env == {"A": "1"}


async def test_logs_are_cut_stamped_and_followed_to_their_end(world: World) -> None:
    world.create()
    await world.until(lambda: world.runtime.runs)
    log = world.runtime.runs[0].log
    for number in range(5):
        log.write(f"line {number}")
    assert await world.log() == "".join(f"line {number}\n" for number in range(5))
    assert await world.log(tailLines="2") == "line 3\nline 4\n"
    assert await world.log(tailLines="0") == ""
    assert await world.log(limitBytes="6") == "line 0"
    stamp, _, text = (await world.log(tailLines="1", timestamps="true")).partition(" ")
    assert text == "line 4\n"
    assert await world.log(sinceTime="2999-01-01T00:00:00Z") == ""
    assert len((await world.log(sinceTime=stamp)).splitlines()) >= 1
    url = f"{world.server.url}/api/v1/namespaces/default/pods/lone/log"
    async with world.http.get(url, params={"follow": "true", "tailLines": "1"}) as answer:
        assert await answer.content.readline() == b"line 4\n"
        log.write("line 5\nline 6")
        assert await answer.content.readline() == b"line 5\n"
        assert await answer.content.readline() == b"line 6\n"
        world.runtime.runs[0].end(0)
        assert await answer.content.read() == b""
    for query, code in (({"container": "none"}, 400), ({"tailLines": "-1"}, 422)):
        async with world.http.get(url, params=query) as answer:
            assert answer.status == code
    async with world.http.get(url, params={"previous": "true", "container": "app"}) as answer:
        assert answer.status in (200, 400)


async def test_a_log_of_what_did_not_start_says_so(world: World) -> None:
    world.runtime.refusal = ImageError("not found")
    world.create()
    await world.until(lambda: world.status().get("state", {}).get("waiting", {}).get("reason") == "ImagePullBackOff")
    url = f"{world.server.url}/api/v1/namespaces/default/pods/lone/log"
    async with world.http.get(url) as answer:
        assert answer.status == 400
        message = (await answer.json())["message"]
    assert message == 'container "app" in pod "lone" is waiting to start: ImagePullBackOff'
    async with world.http.get(url, params={"previous": "true"}) as answer:
        message = (await answer.json())["message"]
    assert message == 'previous terminated container "app" in pod "lone" not found'


async def test_what_the_runtime_tells_of_a_container_is_written_onto_its_pod(world: World) -> None:
    world.create()
    await world.until(lambda: world.runtime.runs)
    world.runtime.runs[0].annotations = {"sandbox/metrics": "http://127.0.0.1:1/metrics"}
    await world.until(lambda: world.pod()["metadata"].get("annotations"))
    assert world.pod()["metadata"]["annotations"] == {"sandbox/metrics": "http://127.0.0.1:1/metrics"}


async def test_a_pods_new_image_restarts_its_container(world: World) -> None:
    world.create()
    # The runtime has begun it a moment before the kubelet knows that it runs.
    await world.until(lambda: "running" in world.status().get("state", {}))

    def edit(pod: Json) -> Json:
        pod["spec"]["containers"][0]["image"] = "registry.k8s.io/pause:2"
        return pod

    world.server.api.change(PODS, "default", "lone", edit)
    await world.until(lambda: len(world.runtime.runs) == 2)
    assert world.runtime.runs[1].pod["spec"]["containers"][0]["image"] == "registry.k8s.io/pause:2"


async def test_stopping_the_server_stops_every_container() -> None:
    runtime = Runtime()
    server = KubeServer(runtime=runtime, timing=TIMING)
    await server.start()
    server.api.create(DEPLOYMENTS, "default", deployment(replicas=3))
    world = World(server, runtime, None)  # type: ignore[arg-type]
    await world.until(lambda: len(runtime.runs) == 3)
    await server.stop()
    assert len(runtime.runs) == 3
    assert all(run.ended.done() for run in runtime.runs)


async def test_a_container_that_comes_up_while_its_pod_is_deleted_is_not_left_behind(world: World) -> None:
    slow = asyncio.Event()
    world.runtime.gate = slow
    world.create()
    await world.until(lambda: world.runtime.starting)
    world.server.api.delete(PODS, "default", "lone", DeleteOptions(grace=0))
    slow.set()
    await world.until(lambda: world.runtime.runs and world.runtime.runs[0].ended.done())


async def test_pretended_containers_are_ready_broken_crashing_or_missing_by_their_tag() -> None:
    server = KubeServer(runtime=PretendingRuntime(ready_after=0.05), timing=TIMING)
    await server.start()
    world = World(server, Runtime(), None)  # type: ignore[arg-type]
    for tag in ("good", "broken", "crash", "missing"):
        world.create(tag, containers=[{"name": "app", "image": f"web:{tag}"}])
    await world.until(lambda: condition(world.pod("good"), "Ready").get("status") == "True")
    await world.until(lambda: world.status("crash").get("restartCount", 0) >= 2)
    await world.until(lambda: "Unhealthy" in world.reasons())
    assert condition(world.pod("broken"), "Ready")["status"] == "False"
    assert world.pod("missing")["status"]["phase"] == "Pending"
    assert json.dumps(world.server.api.list(PODS))
    await server.stop()

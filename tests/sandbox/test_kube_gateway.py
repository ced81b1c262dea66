"""HTTPRoutes in the practice world: defaults, refusals, what their status says, and kubectl."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from console.sandbox.kube.kinds import HTTP_ROUTES, SERVICES
from console.sandbox.kube.server import KubeServer
from tests.conftest import wait_until
from tests.sandbox.kube_cluster import JSON_PATCH, MERGE, STRATEGIC, Json, own_namespace, sandbox_cluster
from tests.sandbox.kube_runtime import Runtime, World

pytestmark = pytest.mark.xdist_group("kube-argo")


def route(*weights: int | None, **rule: Any) -> Json:
    names = ("web", "web-canary")
    backends: list[Json] = [{"name": name, "port": 80} for name in names[: len(weights)]]
    for backend, weight in zip(backends, weights, strict=True):
        if weight is not None:
            backend["weight"] = weight
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "web"},
        "spec": {"parentRefs": [{"name": "edge"}], "rules": [{"backendRefs": backends, **rule}]},
    }


def service(name: str) -> Json:
    return {"metadata": {"name": name}, "spec": {"selector": {"app": name}, "ports": [{"port": 80}]}}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    runtime = Runtime()
    server = KubeServer(runtime=runtime)
    await server.start()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as http:
        yield World(server, runtime, http)
    await server.stop()


async def sent(world: World, method: str, path: str, body: Any, media: str = "application/json") -> tuple[int, Json]:
    root = f"{world.server.url}/apis/gateway.networking.k8s.io/v1/namespaces/default/httproutes"
    async with world.http.request(method, root + path, json=body, headers={"Content-Type": media}) as answer:
        return answer.status, await answer.json()


def conditions(world: World) -> dict[str, str]:
    status = world.server.api.get(HTTP_ROUTES, "default", "web").get("status") or {}
    return {each["type"]: each["reason"] for parent in status.get("parents") or () for each in parent["conditions"]}


async def test_a_route_gets_the_defaults_of_its_definition_and_is_accepted(world: World) -> None:
    for name in ("web", "web-canary"):
        world.server.api.create(SERVICES, "default", service(name))
    code, made = await sent(world, "POST", "", route(None, 0))
    assert code == 201
    (rule,) = made["spec"]["rules"]
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": "/"}}]
    assert [each["weight"] for each in rule["backendRefs"]] == [1, 0]
    assert made["spec"]["parentRefs"] == [{"name": "edge", "group": "gateway.networking.k8s.io", "kind": "Gateway"}]
    await world.until(lambda: conditions(world) == {"Accepted": "Accepted", "ResolvedRefs": "ResolvedRefs"})
    live = world.server.api.get(HTTP_ROUTES, "default", "web")
    assert live["metadata"]["generation"] == 1
    assert {each["observedGeneration"] for each in live["status"]["parents"][0]["conditions"]} == {1}


async def test_a_backend_that_is_not_there_is_said_until_it_comes(world: World) -> None:
    await sent(world, "POST", "", route(100))
    await world.until(lambda: conditions(world).get("ResolvedRefs") == "BackendNotFound")
    world.server.api.create(SERVICES, "default", service("web"))
    await world.until(lambda: conditions(world).get("ResolvedRefs") == "ResolvedRefs")


async def test_weights_are_whole_and_not_negative(world: World) -> None:
    for weight, said in ((-1, "greater than or equal to 0"), (1_000_001, "less than or equal to 1000000")):
        code, status = await sent(world, "POST", "", route(weight))
        assert (code, said in status["message"]) == (422, True)
    body = route(1)
    body["spec"]["rules"][0]["backendRefs"][0]["weight"] = 0.5
    assert (await sent(world, "POST", "", body))[0] == 422
    del body["spec"]["rules"][0]["backendRefs"][0]["port"]
    code, status = await sent(world, "POST", "", body)
    assert "Must have port for Service reference" in status["message"]


async def test_a_json_patch_moves_weights_and_a_strategic_one_is_refused(world: World) -> None:
    _, made = await sent(world, "POST", "", route(100, 0))
    version = made["metadata"]["resourceVersion"]
    weights = [
        {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
        {"op": "test", "path": "/spec/rules/0/backendRefs/1/name", "value": "web-canary"},
        {"op": "replace", "path": "/spec/rules/0/backendRefs/1/weight", "value": 10},
    ]
    await world.until(lambda: conditions(world))
    assert (await sent(world, "PATCH", "/web", weights, JSON_PATCH))[0] == 409
    code, patched = await sent(world, "PATCH", "/web", weights[1:], JSON_PATCH)
    assert (code, patched["metadata"]["generation"]) == (200, 2)
    assert (await sent(world, "PATCH", "/web", {"spec": {}}, STRATEGIC))[0] == 415
    assert (await sent(world, "PATCH", "/web", {"metadata": {"labels": {"a": "b"}}}, MERGE))[1]["metadata"][
        "generation"
    ] == 2


if shutil.which("kubectl"):

    def test_kubectl_shows_and_patches_a_route(tmp_path: Path) -> None:
        with sandbox_cluster(tmp_path, "--no-pods") as client, own_namespace(client) as namespace:
            command = ["kubectl", "--kubeconfig", str(client.kubeconfig), "-n", namespace.name]

            def run(*words: str, text: str | None = None) -> str:
                done = subprocess.run(
                    [*command, *words], input=text, capture_output=True, text=True, timeout=60, check=False
                )
                assert done.returncode == 0, done.stderr
                return done.stdout

            body = route(100, 0)
            body["spec"]["hostnames"] = ["api.example.org"]
            run("apply", "-f", "-", text=yaml.safe_dump(body))

            def shown() -> Json:
                return dict(yaml.safe_load(run("get", "httproute", "web", "-o", "yaml")))

            wait_until(lambda: shown().get("status", {}).get("parents"), what="the status")
            assert [each["weight"] for each in shown()["spec"]["rules"][0]["backendRefs"]] == [100, 0]
            assert run("get", "httproute", "--no-headers").split()[:2] == ["web", '["api.example.org"]']
            body["spec"]["rules"][0]["backendRefs"][1]["weight"] = 25
            run("patch", "httproute", "web", "--type", "merge", "-p", yaml.safe_dump({"spec": body["spec"]}))
            assert [each["weight"] for each in shown()["spec"]["rules"][0]["backendRefs"]] == [100, 25]

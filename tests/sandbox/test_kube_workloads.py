"""Deployments and Services whose pods really run, fall ill and take their time to end."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from console.sandbox.kube.kinds import DEPLOYMENTS, ENDPOINT_SLICES, ENDPOINTS, PODS, SERVICES
from console.sandbox.kube.runtime import Probe
from console.sandbox.kube.server import KubeServer
from tests.sandbox.kube_cluster import Json, deployment
from tests.sandbox.kube_runtime import TIMING, Runtime, World

pytestmark = pytest.mark.xdist_group("kube-workloads")


@pytest.fixture
async def world() -> AsyncIterator[World]:
    runtime = Runtime()
    server = KubeServer(runtime=runtime, timing=TIMING)
    await server.start()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as http:
        yield World(server, runtime, http)
    await server.stop()


async def test_scaling_down_deletes_the_pod_that_is_not_ready(world: World) -> None:
    world.server.api.create(DEPLOYMENTS, "default", deployment(replicas=3))
    await world.until(lambda: world.available() == 3)
    sick = world.runtime.runs[1]
    sick.health = Probe(ready=False, message="ill")
    await world.until(lambda: world.available() == 2)

    def edit(found: Json) -> Json:
        found["spec"]["replicas"] = 2
        return found

    world.server.api.change(DEPLOYMENTS, "default", "web", edit)
    await world.until(lambda: len(world.server.api.list(PODS)) == 2)
    assert sick.ended.done()
    assert not any(run.ended.done() for run in world.runtime.runs if run is not sick)


async def test_a_service_leads_to_ready_pods_only(world: World) -> None:
    spec = {"selector": {"app": "web"}, "ports": [{"port": 80}]}
    world.server.api.create(SERVICES, "default", {"metadata": {"name": "web"}, "spec": spec})
    world.server.api.create(DEPLOYMENTS, "default", deployment(replicas=2))
    await world.until(lambda: world.available() == 2)
    ill = world.runtime.runs[0]
    ill.health = Probe(ready=False, message="ill")
    await world.until(lambda: world.available() == 1)

    def subset() -> Json:
        return dict((world.server.api.get(ENDPOINTS, "default", "web").get("subsets") or [{}])[0])

    await world.until(lambda: "notReadyAddresses" in subset())
    (left,), (out,) = subset()["addresses"], subset()["notReadyAddresses"]
    assert out["targetRef"]["name"] == ill.pod["metadata"]["name"] != left["targetRef"]["name"]
    (slice_,) = world.server.api.list(ENDPOINT_SLICES, "default")
    assert sorted(each["conditions"]["ready"] for each in slice_["endpoints"]) == [False, True]
    assert slice_["metadata"]["labels"]["kubernetes.io/service-name"] == "web"


async def test_a_recreated_deployment_waits_for_old_pods_that_are_slow_to_end(world: World) -> None:
    world.server.api.create(DEPLOYMENTS, "default", deployment(replicas=2, strategy={"type": "Recreate"}))
    await world.until(lambda: world.available() == 2)
    for run in world.runtime.runs:
        run.is_stubborn = True

    def edit(found: Json) -> Json:
        found["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.k8s.io/pause:2"
        return found

    world.server.api.change(DEPLOYMENTS, "default", "web", edit)
    await world.until(lambda: all(run.grace is not None for run in world.runtime.runs))
    world.runtime.runs[0].end(143)
    await world.until(lambda: len(world.server.api.list(PODS)) == 1)
    assert len(world.runtime.runs) == 2
    world.runtime.runs[1].end(143)
    await world.until(lambda: world.available() == 2)
    assert len(world.runtime.runs) == 4

"""Argo Rollouts in the practice world: steps, pauses, promotion, abort, and what a changed spec begins anew."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from console.sandbox.kube import argo_arithmetic as arithmetic
from console.sandbox.kube.kinds import EVENTS, REPLICA_SETS, ROLLOUTS
from console.sandbox.kube.runtime import Probe
from console.sandbox.kube.server import KubeServer
from tests.conftest import wait_until
from tests.sandbox.kube_cluster import (
    JSON_PATCH,
    MERGE,
    STRATEGIC,
    Json,
    container,
    own_namespace,
    running_pods,
    sandbox_cluster,
)
from tests.sandbox.kube_runtime import TIMING, Runtime
from tests.sandbox.kube_runtime import World as KubeWorld

pytestmark = pytest.mark.xdist_group("kube-argo")

TWENTY = [{"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {}}]
ALL_STEPS: list[Json] = TWENTY


def rollout(replicas: int = 5, version: str = "3.9", steps: list[Json] | None = None, **spec: Any) -> Json:
    canary: Json = {"maxSurge": 1, "maxUnavailable": 0, "steps": ALL_STEPS if steps is None else steps}
    labels = {"app": "web"}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container(version)]}},
            "strategy": {"canary": canary},
            **spec,
        },
    }


class World(KubeWorld):
    """The cluster with one Rollout, and what people do to it."""

    @property
    def live(self) -> Json:
        return self.server.api.get(ROLLOUTS, "default", "web")

    @property
    def told(self) -> Json:
        return dict(self.live.get("status") or {})

    async def patch(self, body: Any, part: str = "", media: str = MERGE) -> int:
        path = f"{self.server.url}/apis/argoproj.io/v1alpha1/namespaces/default/rollouts/web"
        async with self.http.patch(path + part, json=body, headers={"Content-Type": media}) as answer:
            return answer.status

    async def set_version(self, version: str) -> None:
        operation = {
            "op": "replace",
            "path": "/spec/template/spec/containers/0/image",
            "value": container(version)["image"],
        }
        assert await self.patch([operation], media=JSON_PATCH) == 200

    async def status(self, **fields: Any) -> None:
        assert await self.patch({"status": fields}, "/status") == 200

    def sizes(self) -> dict[str, int]:
        """Available pods by version."""
        return {
            each["spec"]["template"]["spec"]["containers"][0]["image"].rpartition(":")[2]: count
            for each in self.server.api.list(REPLICA_SETS)
            if (count := (each.get("status") or {}).get("availableReplicas", 0))
        }

    async def phase(self, word: str, **sizes: int) -> Json:
        """Wait for the phase, and for these counts of available pods: v3_9=4."""
        wanted = {key.replace("v", "").replace("_", "."): value for key, value in sizes.items()}

        def look() -> bool:
            seen = self.told.get("observedGeneration") == str(self.live["metadata"]["generation"])
            return seen and self.told.get("phase") == word and (not sizes or self.sizes() == wanted)

        try:
            await self.until(look)
        except AssertionError:
            raise AssertionError(f"{word} {wanted}: {self.sizes()} {self.told}") from None
        return self.told


@pytest.fixture
async def world() -> AsyncIterator[World]:
    runtime = Runtime()
    server = KubeServer(runtime=runtime, timing=TIMING)
    await server.start()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as http:
        yield World(server, runtime, http)
    await server.stop()


@pytest.fixture
async def running(world: World) -> World:
    world.server.api.create(ROLLOUTS, "default", rollout())
    await world.phase("Healthy", v3_9=5)
    return world


@pytest.fixture
async def paused(running: World) -> World:
    """At 20 %, waiting for a person."""
    await running.set_version("3.10")
    await running.phase("Paused", v3_9=4, v3_10=1)
    return running


async def test_the_first_version_is_there_at_once_whatever_the_steps(running: World) -> None:
    told = running.told
    assert told["stableRS"] == told["currentPodHash"]
    assert (told["currentStepIndex"], told["replicas"], told["updatedReplicas"]) == (4, 5, 5)
    assert (told["observedGeneration"], "message" in told) == ("1", False)
    (only,) = running.server.api.list(REPLICA_SETS)
    assert only["metadata"]["name"] == f"web-{told['stableRS']}"
    assert only["metadata"]["labels"]["rollouts-pod-template-hash"] == told["stableRS"]
    assert running.live["metadata"]["annotations"]["rollout.argoproj.io/revision"] == "1"


async def test_a_new_image_goes_to_the_first_weight_and_pauses(paused: World) -> None:
    told = await paused.phase("Paused")
    assert told["message"] == "CanaryPauseStep"
    assert (told["currentStepIndex"], told["controllerPause"]) == (1, True)
    assert [each["reason"] for each in told["pauseConditions"]] == ["CanaryPauseStep"]
    assert told["stableRS"] != told["currentPodHash"]
    assert (told["replicas"], told["updatedReplicas"], told["availableReplicas"]) == (5, 1, 5)


async def test_promote_goes_to_the_next_pause_and_in_the_end_the_new_version_is_stable(paused: World) -> None:
    await paused.status(pauseConditions=None)
    told = await paused.phase("Paused", v3_9=2, v3_10=3)
    assert told["currentStepIndex"] == 3
    await paused.status(pauseConditions=None)
    told = await paused.phase("Healthy", v3_10=5)
    assert (told["currentStepIndex"], told["stableRS"]) == (4, told["currentPodHash"])
    reasons = {each["reason"] for each in paused.server.api.list(EVENTS, "default")}
    assert {"RolloutStepCompleted", "RolloutPaused", "RolloutCompleted", "ScalingReplicaSet"} <= reasons


async def test_full_promotion_skips_the_steps(paused: World) -> None:
    await paused.status(promoteFull=True)
    told = await paused.phase("Healthy", v3_10=5)
    assert "promoteFull" not in told
    assert "pauseConditions" not in told


async def test_an_abort_returns_to_the_stable_version_and_a_retry_begins_anew(paused: World) -> None:
    await paused.status(abort=True)
    told = await paused.phase("Degraded", v3_9=5)
    assert told["message"] == "RolloutAborted: Rollout aborted update to revision 2"
    assert (told["currentStepIndex"], told["abort"]) == (0, True)
    assert told["stableRS"] != told["currentPodHash"]
    await paused.status(abort=False)
    told = await paused.phase("Paused", v3_9=4, v3_10=1)
    assert (told["currentStepIndex"], "abort" in told) == (1, False)


async def test_other_steps_on_the_way_go_to_their_weight_without_a_dip(paused: World) -> None:
    steps = [{"op": "replace", "path": "/spec/strategy/canary/steps", "value": [{"setWeight": 60}, {"pause": {}}]}]
    least = 5

    def look() -> bool:
        nonlocal least
        least = min(least, paused.sizes().get("3.10", 0))
        return paused.sizes() == {"3.9": 2, "3.10": 3} and paused.told["phase"] == "Paused"

    assert await paused.patch(steps, media=JSON_PATCH) == 200
    await paused.until(look)
    assert least == 1
    assert paused.told["currentStepIndex"] == 1


async def test_other_steps_take_an_abort_back(paused: World) -> None:
    await paused.status(abort=True)
    await paused.phase("Degraded", v3_9=5)
    assert await paused.patch({"spec": {"strategy": {"canary": {"steps": [{"setWeight": 40}, {"pause": {}}]}}}}) == 200
    await paused.phase("Paused", v3_9=3, v3_10=2)


async def test_the_stable_image_again_skips_the_steps(paused: World) -> None:
    await paused.set_version("3.9")
    told = await paused.phase("Healthy", v3_9=5)
    assert (told["currentStepIndex"], told["stableRS"]) == (4, told["currentPodHash"])
    assert paused.live["metadata"]["annotations"]["rollout.argoproj.io/revision"] == "3"
    numbers = {
        each["metadata"]["labels"]["rollouts-pod-template-hash"]: each["metadata"]["annotations"][
            "rollout.argoproj.io/revision"
        ]
        for each in paused.server.api.list(REPLICA_SETS)
    }
    assert numbers.pop(told["stableRS"]) == "3"
    assert list(numbers.values()) == ["2"]


async def test_pods_of_a_version_between_that_never_got_ready_make_room(running: World) -> None:
    running.runtime.health = Probe(ready=False, message="ill")
    await running.set_version("3.10")
    await running.until(lambda: running.told.get("updatedReplicas") == 1)
    running.runtime.health = Probe(ready=True)
    await running.set_version("3.11")
    await running.phase("Paused", v3_9=4, v3_11=1)


async def test_other_steps_on_a_healthy_rollout_change_nothing(running: World) -> None:
    before = {each["metadata"]["uid"] for each in running.server.api.list(REPLICA_SETS)}
    assert await running.patch({"spec": {"strategy": {"canary": {"steps": [{"setWeight": 1}, {"pause": {}}]}}}}) == 200
    told = await running.phase("Healthy", v3_9=5)
    assert told["currentStepIndex"] == 2
    assert {each["metadata"]["uid"] for each in running.server.api.list(REPLICA_SETS)} == before


async def test_a_version_whose_pods_do_not_get_ready_stays_at_its_step_and_is_degraded_in_the_end(world: World) -> None:
    world.server.api.create(ROLLOUTS, "default", rollout(progressDeadlineSeconds=1))
    await world.phase("Healthy", v3_9=5)
    world.runtime.health = Probe(ready=False, message="ill")
    await world.set_version("3.10")
    told = await world.phase("Degraded", v3_9=5)
    assert told["message"].startswith("ProgressDeadlineExceeded: ReplicaSet")
    assert (told["currentStepIndex"], told["updatedReplicas"]) == (0, 1)


async def test_a_paused_spec_stops_and_goes_on(running: World) -> None:
    assert await running.patch({"spec": {"paused": True}}) == 200
    await running.set_version("3.10")
    told = await running.phase("Paused", v3_9=5)
    assert told["message"] == "manually paused"
    await running.until(lambda: len(running.server.api.list(REPLICA_SETS)) == 2)
    assert sorted(each["spec"]["replicas"] for each in running.server.api.list(REPLICA_SETS)) == [0, 5]
    assert await running.patch({"spec": {"paused": False}}) == 200
    await running.phase("Paused", v3_9=4, v3_10=1)


async def test_a_pause_with_a_duration_ends_by_itself(running: World) -> None:
    steps = [{"setWeight": 20}, {"pause": {"duration": "1s"}}]
    assert await running.patch({"spec": {"strategy": {"canary": {"steps": steps}}}}) == 200
    await running.phase("Healthy")
    await running.set_version("3.10")
    await running.phase("Paused", v3_9=4, v3_10=1)
    await running.phase("Healthy", v3_10=5)


async def test_scaling_keeps_the_weight(paused: World) -> None:
    assert await paused.patch({"spec": {"replicas": 10}}) == 200
    await paused.phase("Paused", v3_9=8, v3_10=2)


async def test_a_spec_that_cannot_be_followed_is_said_to_be_so(world: World) -> None:
    body = rollout(steps=[{"setWeight": 101}])
    world.server.api.create(ROLLOUTS, "default", body)
    told = await world.phase("Degraded")
    assert "setWeight: Invalid value" in told["message"]
    assert not world.server.api.list(REPLICA_SETS)
    assert await world.patch({"spec": {"strategy": {"canary": {"steps": TWENTY}}}}) == 200
    await world.phase("Healthy", v3_9=5)


async def test_a_strategic_patch_is_no_patch_of_a_custom_object(running: World) -> None:
    assert await running.patch({"spec": {"paused": True}}, media=STRATEGIC) == 415


async def test_the_status_is_only_written_by_its_own_path(running: World) -> None:
    assert await running.patch({"status": {"abort": True}}) == 200
    assert "abort" not in running.told
    before = running.live
    assert await running.patch({"metadata": {"resourceVersion": "1"}, "status": {"abort": True}}, "/status") == 409
    assert running.live == before


@pytest.mark.parametrize(
    ("size", "percent", "surge", "result"),
    [
        (10, 5, 1, (1, 10)),
        (10, 5, 0, (1, 9)),
        (10, 10, 1, (1, 9)),
        (5, 20, 1, (1, 4)),
        (1, 5, 1, (1, 1)),
        (1, 5, 0, (0, 1)),
        (3, 50, 0, (2, 1)),
        (3, 50, 1, (2, 2)),
        (4, 99, 0, (3, 1)),
        (10, 0, 1, (0, 10)),
        (10, 100, 1, (10, 0)),
        (0, 50, 1, (0, 0)),
    ],
)
def test_a_weight_becomes_the_nearest_counts(size: int, percent: int, surge: int, result: tuple[int, int]) -> None:
    assert arithmetic.split(size, percent, surge) == result


@pytest.mark.parametrize("size", range(1, 21))
def test_every_weight_leaves_pods_on_both_sides_where_there_can_be(size: int) -> None:
    for percent in range(1, 100):
        for surge in (0, 1):
            newest, stable = arithmetic.split(size, percent, surge)
            assert size <= newest + stable <= size + min(surge, 1)
            if size > 1 or surge:
                assert newest >= 1
                assert stable >= 1


def replica_set(uid: str, size: int) -> Json:
    return {"metadata": {"uid": uid}, "spec": {"replicas": size}, "status": {"availableReplicas": size}}


@pytest.mark.parametrize(("surge", "unavailable"), [(1, 0), (0, 1), (2, 2), ("25%", "25%")])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 10])
def test_the_way_from_one_weight_to_another_keeps_its_limits(size: int, surge: Any, unavailable: Any) -> None:
    limits = {"maxSurge": surge, "maxUnavailable": unavailable}
    for begin, end in ((0, 20), (20, 75), (75, 10), (50, 100), (100, 0)):
        most = size + arithmetic.limits(rollout(size, strategy={"canary": limits}))[0]
        least = size - arithmetic.limits(rollout(size, strategy={"canary": limits}))[1]
        canary = {**limits, "steps": [{"setWeight": end}, {"pause": {}}]}
        status = {"stableRS": "old", "currentPodHash": "new", "currentStepIndex": 0}
        body = {**rollout(size, strategy={"canary": canary}), "status": status}
        new, old = arithmetic.split(size, begin, most - size)
        for _ in range(4 * size):
            sides = replica_set("new", new), replica_set("old", old)
            if arithmetic.is_at_goal(body, *sides, ()):
                break
            grown, shrunk = arithmetic.next_sizes(body, *sides, ())
            assert grown + shrunk <= most
            # What is taken away goes before what is new is available.
            assert min(grown, new) + min(shrunk, old) >= least
            new, old = grown, shrunk
        assert (new, old) == arithmetic.split(size, end, most - size), (begin, end)


if shutil.which("kubectl"):

    def test_kubectl_gets_patches_and_explains_its_refusal(tmp_path: Path) -> None:
        with sandbox_cluster(tmp_path, "--no-pods") as client, own_namespace(client) as namespace:
            command = ["kubectl", "--kubeconfig", str(client.kubeconfig), "-n", namespace.name]

            def run(*words: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
                return subprocess.run(
                    [*command, *words],
                    input=text,
                    capture_output=True,
                    text=True,
                    timeout=60,
                    env={"PATH": "/usr/bin:/bin:/usr/local/bin", "HOME": str(tmp_path)},
                    check=False,
                )

            with running_pods(namespace):
                done = run("apply", "-f", "-", text=yaml.safe_dump(rollout(replicas=1)))
                assert done.returncode == 0, done.stderr

                def told(path: str) -> str:
                    return run("get", "rollouts.argoproj.io", "web", "-o", f"jsonpath={path}").stdout

                wait_until(lambda: told("{.status.phase}") == "Healthy", what="the Rollout being healthy")
                assert run("get", "ro", "--no-headers").stdout.split()[:5] == ["web", "1", "1", "1", "1"]
                done = run("patch", "rollout", "web", "--type", "merge", "-p", '{"spec":{"paused":true}}')
                assert done.returncode == 0, done.stderr
                wait_until(lambda: told("{.status.message}") == "manually paused", what="the pause")
                abort = ("--subresource", "status", "--type", "merge", "-p", '{"status":{"abort":true}}')
                assert run("patch", "rollout", "web", *abort).returncode == 0
                wait_until(lambda: told("{.status.phase}") == "Degraded", what="the abort")
                refused = run("patch", "rollout", "web", "-p", '{"spec":{"paused":false}}', "--type", "strategic")
                assert refused.returncode != 0
                assert "application/strategic-merge-patch+json is not supported" in refused.stderr

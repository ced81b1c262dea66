"""The server as a process and on a bad day: who is let in, what it writes, its faults, and its end."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import aiohttp
import pytest
import yaml

from console.sandbox.kube.faults import Outage
from console.sandbox.kube.kinds import CONFIG_MAPS, Kind
from console.sandbox.kube.server import KubeServer
from tests.conftest import wait_until
from tests.sandbox.kube_cluster import MERGE, Json

pytestmark = pytest.mark.xdist_group("kube-server")

COMMAND = [sys.executable, "-m", "console.sandbox.kube"]


@pytest.fixture
async def server() -> AsyncIterator[KubeServer]:
    server = KubeServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
        yield session


def origin(server: KubeServer) -> str:
    return server.url.rpartition("/")[0]


async def test_a_client_without_the_token_or_the_secret_path_is_not_let_in(
    server: KubeServer, http: aiohttp.ClientSession
) -> None:
    bare = f"{origin(server)}/api/v1/namespaces"
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {server.token}"}):
        async with http.get(bare, headers=headers) as answer:
            assert answer.status == 401
            assert (await answer.json())["reason"] == "Unauthorized"
    async with http.get(f"{server.url}x/api/v1/namespaces") as answer:
        assert answer.status == 401
    async with http.get(bare, headers={"Authorization": f"Bearer {server.token}"}) as answer:
        assert answer.status == 200
    async with http.get(f"{server.url}/api/v1/namespaces") as answer:
        assert answer.status == 200


async def test_the_next_writes_conflict_on_order_and_reads_do_not(
    server: KubeServer, http: aiohttp.ClientSession
) -> None:
    server.api.create(CONFIG_MAPS, "default", {"metadata": {"name": "a"}})
    url = f"{server.url}/api/v1/namespaces/default/configmaps/a"
    server.conflict("*/configmaps/a", times=2)
    codes: list[int] = []
    for _ in range(3):
        async with http.get(url) as answer:
            assert answer.status == 200
        patch = json.dumps({"data": {"x": "1"}})
        async with http.patch(url, data=patch, headers={"Content-Type": MERGE}) as answer:
            codes.append(answer.status)
    assert codes == [409, 409, 200]
    server.conflict("*/secrets/*")
    async with http.patch(url, data="{}", headers={"Content-Type": MERGE}) as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    ("outage", "code", "kind"), [(Outage.REFUSED, 503, "application/json"), (Outage.HTML, 502, "text/html")]
)
async def test_an_outage_fails_every_request_and_ends_watches_until_it_is_over(
    server: KubeServer, http: aiohttp.ClientSession, outage: Outage, code: int, kind: str
) -> None:
    url = f"{server.url}/api/v1/namespaces/default/configmaps"
    async with http.get(url, params={"watch": "true", "resourceVersion": str(server.store.revision)}) as watch:
        server.unavailable(outage)
        await watch.content.read()
    async with http.get(url) as answer:
        assert (answer.status, answer.content_type) == (code, kind)
    server.faults.clear()
    async with http.get(url) as answer:
        assert answer.status == 200
    server.unavailable(outage, seconds=0.05)
    deadline = time.monotonic() + 10
    while (await http.get(url)).status != 200:
        assert time.monotonic() < deadline


async def test_a_hanging_server_answers_nothing_until_it_goes_on(
    server: KubeServer, http: aiohttp.ClientSession
) -> None:
    server.unavailable(Outage.HANG)
    with pytest.raises(TimeoutError):
        await http.get(f"{server.url}/version", timeout=aiohttp.ClientTimeout(total=0.2))
    server.faults.clear()
    async with http.get(f"{server.url}/version") as answer:
        assert answer.status == 200
    server.unavailable(Outage.HANG, seconds=0.1)
    async with http.get(f"{server.url}/version") as answer:
        assert answer.status == 200


async def test_a_right_taken_away_is_403_and_told_by_reviews(server: KubeServer, http: aiohttp.ClientSession) -> None:
    server.access.forbid("patch", "apps", "deployments", "default")
    server.access.forbid("*", "", "secrets")
    root = f"{server.url}/apis/apps/v1/namespaces"
    async with http.patch(f"{root}/default/deployments/x", data="{}", headers={"Content-Type": MERGE}) as answer:
        assert answer.status == 403
        status = await answer.json()
    assert status["reason"] == "Forbidden"
    assert status["message"] == (
        'deployments.apps "x" is forbidden: User "sandbox" cannot patch resource "deployments" in API group "apps" '
        'in the namespace "default"'
    )
    async with http.patch(f"{root}/kube-system/deployments/x", data="{}", headers={"Content-Type": MERGE}) as answer:
        assert answer.status == 404
    async with http.get(f"{server.url}/api/v1/secrets") as answer:
        assert answer.status == 403

    async def allowed(**attributes: str) -> bool:
        url = f"{server.url}/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        async with http.post(url, json={"spec": {"resourceAttributes": attributes}}) as answer:
            assert answer.status == 201
            return bool((await answer.json())["status"]["allowed"])

    wanted = {"verb": "patch", "group": "apps", "resource": "deployments"}
    assert await allowed(**wanted, namespace="default") is False
    assert await allowed(**wanted, namespace="kube-system") is True
    assert await allowed(**{**wanted, "subresource": "scale"}, namespace="default") is True
    server.access.allow_all()
    assert await allowed(**wanted, namespace="default") is True


async def test_a_kind_added_later_is_served_watched_and_discovered(
    server: KubeServer, http: aiohttp.ClientSession
) -> None:
    server.kinds.add(Kind("argoproj.io", "v1alpha1", "Rollout", "rollouts", subresources=("status",), strategic=False))
    url = f"{server.url}/apis/argoproj.io/v1alpha1"
    async with http.get(url) as answer:
        assert "rollouts/status" in {each["name"] for each in (await answer.json())["resources"]}
    body = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": "web"},
        "spec": {"weight": 5},
        "status": {"phase": "mine"},
    }
    async with http.post(f"{url}/namespaces/default/rollouts", json=body) as answer:
        assert answer.status == 201
    async with http.get(f"{url}/rollouts") as answer:
        (item,) = (await answer.json())["items"]
    assert (item["kind"], item["spec"]) == ("Rollout", {"weight": 5})
    one = f"{url}/namespaces/default/rollouts/web"
    strategic = {"Content-Type": "application/strategic-merge-patch+json"}
    async with http.patch(one, data="{}", headers=strategic) as answer:
        assert answer.status == 415
    async with http.patch(one, data='{"spec":{"weight":10}}', headers={"Content-Type": MERGE}) as answer:
        assert (await answer.json())["spec"] == {"weight": 10}


def start(folder: Path, *options: str) -> subprocess.Popen[str]:
    command = [*COMMAND, "--kubeconfig", str(folder / "kubeconfig"), "--no-pods", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@contextmanager
def started(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], Json]]:
    process = start(folder, *options)
    try:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


def test_the_process_says_where_it_is_hides_its_kubeconfig_and_ends_when_told(tmp_path: Path) -> None:
    with started(tmp_path) as (process, told):
        path = Path(told["kubeconfig"])
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        config = yaml.safe_load(path.read_text())
        assert config["clusters"][0]["cluster"]["server"] == told["url"]
        assert len(config["users"][0]["user"]["token"]) >= 32
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert process.communicate()[1] == ""


def test_a_port_that_is_taken_is_said_in_a_sentence(tmp_path: Path) -> None:
    with started(tmp_path) as (_, told):
        port = told["url"].split(":")[2].partition("/")[0]
        (tmp_path / "other").mkdir()
        second = start(tmp_path / "other", "--port", port)
        _, errors = second.communicate(timeout=20)
        assert second.returncode == 1
        assert errors.startswith(f"127.0.0.1:{port}: cannot listen: ")
        assert "Traceback" not in errors


def test_the_process_ends_when_its_parent_is_gone(tmp_path: Path) -> None:
    command = [*COMMAND, "--kubeconfig", str(tmp_path / "kubeconfig"), "--no-pods"]
    script = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen({command!r}, stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()

    def gone() -> bool:
        with suppress(ProcessLookupError, FileNotFoundError):
            os.kill(child, 0)
            # Nobody may be there to reap it.
            return Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        return True

    wait_until(gone, within=10, what="the end of the orphaned server")

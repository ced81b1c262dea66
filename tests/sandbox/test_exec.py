"""Commands in a pod's container, as kubectl runs them and as an API server refuses them."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from console.sandbox.inside import furnished
from console.sandbox.kube.exec import CLOSE, ERROR, RESIZE, STDIN, STDOUT
from console.sandbox.kube.runtime import ContainerLog, ImageError, Inside, Probe
from console.sandbox.kube.server import KubeServer
from tests.conftest import program
from tests.sandbox.kube_cluster import Json, container
from tests.sandbox.kube_runtime import TIMING, Run, Runtime, World

pytestmark = pytest.mark.xdist_group("kube-exec")


@dataclass
class Entered(Run):
    """A container that commands can be run in."""

    home: Path = Path()

    def inside(self) -> Inside:
        return furnished(self.home, self.pod["metadata"]["name"], self.env, None)


class EnteredRuntime(Runtime):
    def __init__(self, home: Path) -> None:
        super().__init__()
        self._home = home

    async def start(
        self, pod: Json, container: Json, env: Mapping[str, str], log: ContainerLog, attempt: int
    ) -> Entered:
        if self.refusal is not None:
            raise self.refusal
        run = Entered(env, log, attempt, pod, health=Probe(ready=True), home=self._home)
        self.runs.append(run)
        return run


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    runtime = EnteredRuntime(tmp_path / "pods")
    server = KubeServer(runtime=runtime, timing=TIMING)
    await server.start()
    server.write_kubeconfig(tmp_path / "kubeconfig")
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as http:
        world = World(server, runtime, http)
        world.create("web", containers=[{**container(), "env": [{"name": "MOOD", "value": "calm"}]}])
        await world.until(lambda: "running" in (world.status("web").get("state") or {}))
        yield world
    await server.stop()


async def kubectl(folder: Path, *arguments: str, given: str | None = None) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        program("kubectl"), "--kubeconfig", str(folder / "kubeconfig"), "exec", *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(None if given is None else given.encode()), 20)
    return int(process.returncode or 0), out.decode(), err.decode()


async def test_a_command_runs_in_the_pods_folder_with_its_environment_and_its_own_exit_code(
    world: World, tmp_path: Path
) -> None:
    code, out, err = await kubectl(
        tmp_path, "web", "--", "sh", "-c", 'pwd; echo "$MOOD $HOSTNAME"; echo oh >&2; echo kept >note; exit 7'
    )
    folder = tmp_path / "pods" / "web"
    assert (code, out) == (7, f"{folder}\ncalm web\n")
    assert err == "oh\ncommand terminated with exit code 7\n"
    assert (folder / "note").read_text() == "kept\n"
    assert await kubectl(tmp_path, "web", "--", "cat", "note") == (0, "kept\n", "")


async def test_input_goes_in_until_its_end_and_much_output_comes_out_whole(world: World, tmp_path: Path) -> None:
    lines = "".join(f"line {number}\n" for number in range(40_000))
    code, out, err = await kubectl(tmp_path, "-i", "web", "--", "cat", given=lines)
    assert (code, err) == (0, "") and out == lines


async def test_what_cannot_be_entered_is_refused_as_an_api_server_does(world: World, tmp_path: Path) -> None:
    refused = {
        ("nobody", "--", "ls"): 'Error from server (NotFound): pods "nobody" not found',
        ("web", "-c", "other", "--", "ls"): "container other is not valid for pod web",
        ("web", "--", "no-such-program"): 'exec: "no-such-program": executable file not found in $PATH',
    }
    for arguments, why in refused.items():
        code, out, err = await kubectl(tmp_path, *arguments)
        assert (code, out) == (1, "") and why in err, arguments
    world.server.access.forbid("*", "", "pods/exec")
    code, out, err = await kubectl(tmp_path, "web", "--", "ls")
    assert code == 1 and 'resource "pods/exec" in API group ""' in err and "Forbidden" in err


async def test_a_container_that_does_not_run_is_not_found(world: World, tmp_path: Path) -> None:
    world.runtime.refusal = ImageError("it is gone")
    world.runtime.runs[0].end(1)
    await world.until(lambda: "running" not in world.status("web")["state"])
    url = f"{world.server.url}/api/v1/namespaces/default/pods/web/exec"
    async with world.http.get(url, params={"command": "ls"}) as answer:
        assert answer.status == 500
        assert 'container not found ("' in (await answer.json())["message"]


async def test_a_plain_request_is_told_to_upgrade(world: World) -> None:
    url = f"{world.server.url}/api/v1/namespaces/default/pods/web/exec"
    async with world.http.get(url, params={"command": "ls"}) as answer:
        assert answer.status == 400 and "Upgrade request required" in (await answer.json())["message"]


@pytest.mark.parametrize("protocol", ["v4.channel.k8s.io", "v5.channel.k8s.io"])
async def test_both_protocols_carry_streams_and_the_status_of_the_end(world: World, protocol: str) -> None:
    url = f"{world.server.url}/api/v1/namespaces/default/pods/web/exec"
    asked = {"command": "false", "stdout": "true", "stderr": "true"}
    async with world.http.ws_connect(url, params=asked, protocols=(protocol,)) as socket:
        assert socket.protocol == protocol
        told = [message.data async for message in socket]
    assert told[-1][0] == ERROR
    status = json.loads(told[-1][1:])
    assert status["reason"] == "NonZeroExitCode"
    assert status["details"]["causes"] == [{"reason": "ExitCode", "message": "1"}]


async def test_a_terminal_is_a_terminal_of_the_size_that_was_told(world: World) -> None:
    url = f"{world.server.url}/api/v1/namespaces/default/pods/web/exec"
    asked = [("command", "sh"), ("command", "-c"), ("command", "read x; test -t 0 && stty size"), ("tty", "true"),
             ("stdin", "true"), ("stdout", "true")]  # fmt: skip
    async with world.http.ws_connect(url, params=asked, protocols=("v5.channel.k8s.io",)) as socket:
        await socket.send_bytes(bytes([RESIZE]) + b'{"Width": 97, "Height": 31}')
        await socket.send_bytes(bytes([STDIN]) + b"go\n")
        told = [message.data async for message in socket]
    assert b"31 97" in b"".join(data[1:] for data in told if data[0] == STDOUT)
    assert json.loads(told[-1][1:])["status"] == "Success"


async def test_the_end_of_the_input_alone_is_told_by_v5(world: World) -> None:
    url = f"{world.server.url}/api/v1/namespaces/default/pods/web/exec"
    asked = {"command": "cat", "stdin": "true", "stdout": "true"}
    async with world.http.ws_connect(url, params=asked, protocols=("v5.channel.k8s.io",)) as socket:
        await socket.send_bytes(bytes([STDIN]) + b"all of it")
        await socket.send_bytes(bytes([CLOSE, STDIN]))
        told = [message.data async for message in socket]
    assert [data[1:] for data in told if data[0] == STDOUT] == [b"all of it"]


async def test_a_command_ends_with_its_client(world: World, tmp_path: Path) -> None:
    url = f"{world.server.url}/api/v1/namespaces/default/pods/web/exec"
    asked = [("command", "sh"), ("command", "-c"), ("command", "echo $$ >pid; exec sleep 600"), ("stdout", "true")]
    note = tmp_path / "pods" / "web" / "pid"
    async with world.http.ws_connect(url, params=asked, protocols=("v5.channel.k8s.io",)):
        await world.until(lambda: note.is_file() and note.read_text().endswith("\n"))
    process = int(note.read_text())
    await world.until(lambda: not Path(f"/proc/{process}").exists())

"""The practice Docker host: networks, ports and mounts mean what they mean on a real one."""

from __future__ import annotations

import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from console.sandbox.tools.calls import Answer, Call, Failed
from console.sandbox.tools.docker import ContainerSpec, DockerHost, ImageSpec
from console.sandbox.tools.docker_cli import Docker
from tests.conftest import program

NEEDED = "/etc/prometheus/prometheus.yml"
PROMETHEUS = ImageSpec("prom/prometheus:latest", 9090, "/-/healthy", "Healthy.", (NEEDED,))
GRAFANA = ImageSpec("grafana/grafana:latest", 3000, "/api/health", "ok")


class Desk:
    def __init__(self, docker: Docker, published: Path) -> None:
        self._docker = docker
        self._published = published

    async def run(self, *arguments: str, passed: tuple[tuple[str, str], ...] = ()) -> Answer:
        return await self._docker(Call(arguments, passed=passed))

    async def network(self, name: str) -> str:
        return (await self.run("inspect", "-f", "{{.HostConfig.NetworkMode}}", name)).out.strip()

    def published(self, port: int) -> str:
        """Where curl is led for a port of localhost."""
        lines = [line for line in self._published.read_text().splitlines() if f'"localhost:{port}:' in line]
        return lines[0].rpartition(":")[2].strip('"') if lines else ""


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    config = tmp_path / "prometheus.yml"
    config.write_text("global: {}\n")
    first = (
        ContainerSpec("prometheus", PROMETHEUS, "host", mounts={NEEDED: str(config)}),
        ContainerSpec("grafana", GRAFANA, "host"),
    )
    host = DockerHost((PROMETHEUS, GRAFANA), first, tmp_path / "published.curlrc")
    await host.begin()
    yield Desk(Docker(host), tmp_path / "published.curlrc")
    await host.end()


def test_curl_is_led_to_a_container_while_it_runs_and_is_published(tmp_path: Path) -> None:
    import asyncio

    curl = program("curl")
    published = tmp_path / "published.curlrc"

    async def asked(port: int, path: str) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            curl, "--config", str(published), "-fsS", f"localhost:{port}{path}", stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        out, _ = await process.communicate()
        return int(process.returncode or 0), out.decode()

    async def live() -> None:
        host = DockerHost((GRAFANA,), (ContainerSpec("grafana", GRAFANA, "host"),), published)
        await host.begin()
        docker = Docker(host)
        assert await asked(3000, "/api/health") == (0, "ok\n")
        await docker(Call(("rm", "-f", "grafana")))
        assert (await asked(3000, "/api/health"))[0] == 7
        # Without its port published, a container on the bridge is not reached.
        await docker(Call(("run", "-d", "--name", "grafana", "grafana/grafana:latest")))
        assert (await asked(3000, "/api/health"))[0] == 7
        await docker(Call(("rm", "-f", "grafana")))
        await docker(Call(("run", "-d", "--name", "grafana", "-p", "3001:3000", "grafana/grafana:latest")))
        assert await asked(3001, "/api/health") == (0, "ok\n")
        await host.end()

    asyncio.run(live())


async def test_a_container_is_replaced_on_a_bridge_network(desk: Desk, tmp_path: Path) -> None:
    assert await desk.network("grafana") == "host"
    with pytest.raises(Failed, match="already in use") as refused:
        await desk.run("run", "-d", "--name", "grafana", "-p", "3000:3000", "grafana/grafana:latest")
    assert refused.value.code == 125
    told = await desk.run("rm", "grafana")
    assert told.code == 1 and "container is running" in told.err
    assert (await desk.run("stop", "grafana")).out == "grafana\n"
    assert desk.published(3000) == "1"
    assert (await desk.run("rm", "grafana")).code == 0
    told = await desk.run(
        "run", "-d", "--name", "grafana", "-p", "3000:3000", "-e", "GF_PASSWORD", "-e", "A=b", "grafana/grafana:latest",
        passed=(("GF_PASSWORD", "s3"),),
    )  # fmt: skip
    assert len(told.out.strip()) == 64
    assert await desk.network("grafana") == "bridge"
    assert desk.published(3000) not in ("", "1")
    seen = json.loads((await desk.run("inspect", "grafana")).out)[0]
    assert seen["Config"]["Env"] == ["GF_PASSWORD=s3", "A=b"] and seen["State"]["Running"] is True
    listed = (await desk.run("ps", "--format", "table {{.Names}}\\t{{.Status}}\\t{{.Ports}}")).out.splitlines()
    assert listed[0].split() == ["NAMES", "STATUS", "PORTS"]
    assert any(line.startswith("grafana") and "0.0.0.0:3000->3000/tcp" in line for line in listed)


async def test_a_port_that_is_taken_and_an_image_that_is_not_there_are_refused(desk: Desk) -> None:
    with pytest.raises(Failed, match="port is already allocated"):
        await desk.run("run", "-d", "--name", "second", "-p", "3000:3000", "grafana/grafana:latest")
    with pytest.raises(Failed, match="pull access denied"):
        await desk.run("run", "-d", "--name", "third", "busybox")
    with pytest.raises(Failed, match="No such container"):
        await desk.run("inspect", "fourth")
    with pytest.raises(Failed, match="not a docker command of this stand-in"):
        await desk.run("swarm", "init")


async def test_without_the_file_that_it_needs_a_container_ends_at_once_and_says_why(desk: Desk, tmp_path: Path) -> None:
    await desk.run("rm", "-f", "prometheus")
    await desk.run("run", "-d", "--name", "prometheus", "-p", "9090:9090", "-v", f"{tmp_path}/no.yml:{NEEDED}",
                   "prom/prometheus:latest", f"--config.file={NEEDED}")  # fmt: skip
    assert "prometheus" not in (await desk.run("ps")).out
    assert "Exited (2)" in (await desk.run("ps", "-a")).out
    assert f"{tmp_path}/no.yml is no file" in (await desk.run("logs", "prometheus")).out
    assert desk.published(9090) == "1"


async def test_a_template_that_is_not_known_is_refused_and_not_printed(desk: Desk) -> None:
    for template in ("{{.HostConfig.Nothing}}", "{{range .Mounts}}{{.Source}}{{end}}"):
        with pytest.raises(Failed, match="template parsing error"):
            await desk.run("inspect", "-f", template, "grafana")

"""A practice Docker host: containers that answer over HTTP while they run, on the host's network or a bridge."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from console.sandbox.tools.calls import Failed

HOST_NETWORK, BRIDGE = "host", "bridge"
_NOBODY = 1  # a port that nothing listens on
GATEWAY, SUBNET = "172.17.0.1", "172.17.0.0/16"


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """What an image runs. port: where it answers. health: the path that says that it is well. needs: paths in the
    container that must be mounted from files that are there, for it to start.
    """

    image: str
    port: int
    health: str
    says: str
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """A container that runs from the start."""

    name: str
    image: ImageSpec
    network: str
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    mounts: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Running:
    """A container. ports: of the host, by those of the container. mounts: of the container's paths by the host's."""

    name: str
    image: str
    network: str
    ports: dict[int, int]
    env: dict[str, str]
    mounts: dict[str, str]
    command: tuple[str, ...]
    restart: str
    identity: str = field(default_factory=lambda: secrets.token_hex(32))
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    started: datetime | None = None
    ended: datetime | None = None
    code: int = 0
    log: list[str] = field(default_factory=list)
    runner: web.AppRunner | None = None
    listens: int = 0

    @property
    def runs(self) -> bool:
        """Whether it runs."""
        return self.runner is not None

    def seen(self, spec: ImageSpec) -> dict[str, Any]:
        """What `docker inspect` says."""
        ports = {f"{inner}/tcp": [{"HostIp": "0.0.0.0", "HostPort": str(outer)}] for inner, outer in self.ports.items()}
        address = f"172.17.0.{2 + int(self.identity[:2], 16) % 200}" if self.network == BRIDGE and self.runs else ""
        return {
            "Id": self.identity,
            "Name": f"/{self.name}",
            "Created": self.created.isoformat(),
            "State": {
                "Status": "running" if self.runs else ("exited" if self.started else "created"),
                "Running": self.runs,
                "ExitCode": self.code,
                "StartedAt": self.started.isoformat() if self.started else "0001-01-01T00:00:00Z",
            },
            "RestartCount": 0,
            "Config": {
                "Image": self.image,
                "Env": [f"{name}={value}" for name, value in self.env.items()],
                "Cmd": list(self.command),
                "ExposedPorts": {f"{spec.port}/tcp": {}},
            },
            "HostConfig": {
                "NetworkMode": self.network,
                "PortBindings": ports,
                "Binds": [f"{outer}:{inner}" for inner, outer in self.mounts.items()],
                "RestartPolicy": {"Name": self.restart},
            },
            "Mounts": [{"Source": outer, "Destination": inner} for inner, outer in self.mounts.items()],
            "NetworkSettings": {
                "Ports": ports if self.runs else {},
                "IPAddress": address,
                "Networks": {self.network: {"IPAddress": address}},
            },
        }


class DockerHost:
    """The host. published: a file of curl options that leads `localhost:PORT` to where a container really listens, for
    the ports of this machine are not the practice world's to take.
    """

    def __init__(self, images: tuple[ImageSpec, ...], first: tuple[ContainerSpec, ...], published: Path) -> None:
        self.containers: dict[str, Running] = {}
        self._images = {_bare(spec.image): spec for spec in images}
        self._first = first
        self._published = published

    async def begin(self) -> None:
        """Start the containers that run from the beginning."""
        for spec in self._first:
            made = Running(
                spec.name, spec.image.image, spec.network, {}, dict(spec.env), dict(spec.mounts), spec.command, "no"
            )
            self.containers[spec.name] = made
            await self.start(made)
        self._publish()

    async def end(self) -> None:
        """Stop all of them."""
        await asyncio.gather(*(self.stop(container) for container in self.containers.values()))

    def image(self, name: str) -> ImageSpec:
        """What an image runs. Raises Failed where there is none of that name."""
        if (spec := self._images.get(_bare(name))) is None:
            known = ", ".join(sorted(spec.image for spec in self._images.values()))
            raise Failed(
                f"Unable to find image '{name}' locally\ndocker: Error response from daemon: pull access denied for "
                f"{_bare(name)}, repository does not exist or may require 'docker login'. "
                f"(This practice host has: {known}.)",
                125,
            )
        return spec

    def images(self) -> list[ImageSpec]:
        """The images there are."""
        return list(self._images.values())

    def found(self, name: str) -> Running:
        """A container by its name or the beginning of its id. Raises Failed."""
        if container := self.containers.get(name.lstrip("/")):
            return container
        for container in self.containers.values():
            if len(name) >= 3 and container.identity.startswith(name):
                return container
        raise Failed(f"Error response from daemon: No such container: {name}")

    async def create(self, made: Running) -> None:
        """Take a new container in and start it. Raises Failed with 125 where its name or a port is taken."""
        self.image(made.image)
        if other := self.containers.get(made.name):
            raise Failed(
                f'docker: Error response from daemon: Conflict. The container name "/{made.name}" is already in use by '
                f'container "{other.identity}". You have to remove (or rename) that container to be able to reuse that '
                "name.",
                125,
            )
        self.containers[made.name] = made
        await self.start(made)

    async def start(self, made: Running) -> None:
        """Start it: it listens, or ends at once where a file that it needs is missing. Raises Failed with 125."""
        if made.runs:
            return
        spec = self.image(made.image)
        wanted = {spec.port} if made.network == HOST_NETWORK else set(made.ports.values())
        for other in self.containers.values():
            if other is not made and other.runs and wanted & self._taken(other):
                port = min(wanted & self._taken(other))
                raise Failed(
                    "docker: Error response from daemon: driver failed programming external connectivity on endpoint "
                    f"{made.name}: Bind for 0.0.0.0:{port} failed: port is already allocated.",
                    125,
                )
        made.started, made.ended, made.code = datetime.now(UTC), None, 0
        for inner in spec.needs:
            outer = made.mounts.get(inner)
            if outer is None or not _is_file(outer):
                why = f"{outer} is no file on this host" if outer else "nothing is mounted there"
                made.log.append(f'level=error msg="cannot read {inner}" err="{why}"')
                made.ended, made.code = datetime.now(UTC), 2
                self._publish()
                return

        async def answer(request: web.Request) -> web.Response:
            if request.path == spec.health:
                return web.Response(text=spec.says + "\n")
            return web.Response(status=404, text="not found\n")

        site = web.Application()
        site.router.add_route("*", "/{path:.*}", answer)
        made.runner = web.AppRunner(site, access_log=None, handle_signals=False, shutdown_timeout=0.2)
        await made.runner.setup()
        await web.TCPSite(made.runner, "127.0.0.1", 0).start()
        made.listens = int(made.runner.addresses[-1][1])
        made.log.append(f'level=info msg="listening" address=0.0.0.0:{spec.port}')
        self._publish()

    async def stop(self, made: Running) -> None:
        """Stop it; nothing where it does not run."""
        if made.runner is None:
            return
        runner, made.runner = made.runner, None
        await runner.cleanup()
        made.ended, made.code = datetime.now(UTC), 0
        made.log.append('level=info msg="stopping" reason=SIGTERM')
        self._publish()

    async def remove(self, made: Running) -> None:
        """Take it away; it must not run. Raises Failed."""
        if made.runs:
            raise Failed(
                f'Error response from daemon: cannot remove container "/{made.name}": container is running: stop the '
                "container before removing or force remove"
            )
        del self.containers[made.name]

    def _taken(self, container: Running) -> set[int]:
        """The ports of the host that it listens on."""
        if container.network == HOST_NETWORK:
            return {self.image(container.image).port}
        return set(container.ports.values())

    def _publish(self) -> None:
        # Whatever else listens on a port of this machine is none of the practice host's.
        led = {spec.port: _NOBODY for spec in self._images.values()}
        for container in self.containers.values():
            inner = self.image(container.image).port
            if not container.runs:
                continue
            if container.network == HOST_NETWORK:
                led[inner] = container.listens
            elif inner in container.ports:
                led[container.ports[inner]] = container.listens
        lines = [
            f'connect-to = "{host}:{port}:127.0.0.1:{listens}"\n'
            for port, listens in sorted(led.items())
            for host in ("localhost", "127.0.0.1")
        ]
        self._published.write_text("".join(lines), encoding="utf-8")


def _is_file(path: str) -> bool:
    return Path(path).is_file()


def _bare(image: str) -> str:
    """An image's name without its tag or digest."""
    head, _, last = image.partition("@")[0].rpartition("/")
    last = last.partition(":")[0]
    return f"{head}/{last}" if head else last

"""The runtime of the sandbox's cluster: every container is a firewall that serves HTTP on an address of its own."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import random
import re
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from console.sandbox import metrics
from console.sandbox.bypass_watch import BypassWatch
from console.sandbox.faults import Fault, Faults
from console.sandbox.firewall import Firewall
from console.sandbox.kube.runtime import ContainerLog, ImageError, Probe, StartError
from console.sandbox.logs import PodLog, SharedLog
from console.sandbox.manifests import HTTP_PORT, METRICS_PORT

FIRST_VERSION = "v2.3.2"
_TICK = 0.5
_REDIS_DEADLINE = 0.25
_LOAD = (0.5, 1.0)  # seconds that a new container loads its model, once the sandbox is up
_DRAIN = 0.3  # seconds between being told to end and ending, in which clients turn away
_IMAGE = re.compile(r"(?:.*/)?hak-gal:(?P<version>v\d+(?:\.\d+)*[\w.-]*)\Z")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all containers of a sandbox share. bypass_key, bypass_variable: as the system's file names them."""

    faults: Faults
    log: SharedLog
    bypass_key: str
    bypass_variable: str
    chance: random.Random


class Addresses:
    """Loopback addresses, one per container where the machine has a whole network of them (Linux), else ports."""

    def __init__(self, chance: random.Random) -> None:
        self._network = f"127.{chance.randint(20, 250)}.{chance.randint(0, 250)}"
        self._next = 0
        self._chance = chance

    async def serve(self, runner: web.AppRunner) -> tuple[str, int, int]:
        """Open the two ports of a container; gives its address, its port for requests and its port for metrics."""
        if sys.platform == "linux":
            for _ in range(500):
                self._next += 1
                if self._next > 254:
                    self._network, self._next = f"127.{self._chance.randint(20, 250)}.{self._chance.randint(0, 250)}", 1
                host = f"{self._network}.{self._next}"
                try:
                    await web.TCPSite(runner, host, HTTP_PORT).start()
                    await web.TCPSite(runner, host, METRICS_PORT).start()
                except OSError as error:
                    if error.errno == errno.EADDRINUSE:
                        for site in list(runner.sites):
                            await site.stop()
                        continue
                    break
                return host, HTTP_PORT, METRICS_PORT
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = int(runner.addresses[-1][1])
        return "127.0.0.1", port, port


def version_of(image: str) -> str | None:
    """The tag of an image of the sample app, None for any other image."""
    found = _IMAGE.match(image)
    return found["version"] if found else None


def is_newer(version: str) -> bool:
    """Whether a version is newer than the first one the sandbox ran."""
    return _numbers(version) > _numbers(FIRST_VERSION)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


class Container:
    """One run of one container: an HTTP server, its tick, and its end."""

    def __init__(
        self, pod: str, version: str, app: Firewall, around: Surroundings, client: Any, load: tuple[float, float]
    ) -> None:
        self.pod = pod
        self._load = load
        self.version = version
        self.app = app
        self.ip = ""
        self.port = 0
        self.metrics_port = 0
        self.ready = False
        self.stopping = False
        self._around = around
        self._client = client
        self._began = time.monotonic()
        self._crash_after = around.chance.uniform(0.8, 2.0)
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        site = web.Application()
        site.add_routes(
            [
                web.get("/healthz", self._health),
                web.get("/metrics", self._metrics),
                web.get("/", self._about),
                web.post("/", self._request),
            ]
        )
        self._runner = web.AppRunner(site, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        self._life: asyncio.Task[None] | None = None

    @property
    def annotations(self) -> Mapping[str, str]:
        """Where it is scraped."""
        return {"prometheus.io/scrape": "true", "prometheus.io/port": str(self.metrics_port)}

    @property
    def url(self) -> str:
        """Where it takes requests."""
        return f"http://{self.ip}:{self.port}/"

    @property
    def metrics_url(self) -> str:
        """Where it is scraped."""
        return f"http://{self.ip}:{self.metrics_port}/metrics"

    @property
    def serving(self) -> bool:
        """Whether it takes requests: started, not told to end, not ended."""
        return self.ready and not self.stopping and not self._ended.done()

    async def open(self, addresses: Addresses) -> None:
        """Open its ports and begin to live."""
        await self._runner.setup()
        self.ip, self.port, self.metrics_port = await addresses.serve(self._runner)
        self._life = asyncio.create_task(self._live(), name=f"pod {self.pod}")

    async def probe(self) -> Probe:
        """Whether it has warmed up and is not about to end."""
        if self._ended.done():
            return Probe(ready=False, message="dial tcp: connection refused")
        return Probe(ready=self.serving)  # warming up and draining are no failures worth an event

    async def wait(self) -> int:
        """Its exit code, when it has ended."""
        return await asyncio.shield(self._ended)

    async def stop(self, grace: float) -> None:
        """Turn clients away, finish what is being answered, and end with 0."""
        if self._ended.done():
            return
        self.stopping = True
        self.app.log.tell("INFO", "stopping", reason="SIGTERM")
        await asyncio.sleep(min(_DRAIN, grace))
        await self._close(0)

    async def _live(self) -> None:
        try:
            await self._serve()
        except Exception as error:  # noqa: BLE001 - the edge of the task: it becomes the container's end
            self.app.log.tell("FATAL", "crashed", reason=f"{type(error).__name__}: {error}")
            await self._close(1)

    async def _serve(self) -> None:
        await asyncio.sleep(self._around.chance.uniform(*self._load))
        await self.app.warm_up()
        await self.app.look_at_bypass()
        self.app.log.tell("INFO", "ready", version=self.version, address=f"{self.ip}:{self.port}")
        self.ready = True
        while not self.stopping:
            await asyncio.sleep(_TICK * self._around.chance.uniform(0.9, 1.1))
            await self.app.look_at_bypass()
            old = time.monotonic() - self._began > self._crash_after
            if old and is_newer(self.version) and self._around.faults.on(Fault.CRASH_LOOP):
                self.app.log.tell("FATAL", "guard model is corrupt", exit=1)
                await self._close(1)
                return

    async def _close(self, code: int) -> None:
        self.ready, self.stopping = False, True
        if self._life and self._life is not asyncio.current_task():
            # A call to Redis that times out at the very moment can swallow the cancellation, so once may not do.
            while not self._life.done():
                self._life.cancel()
                await asyncio.wait([self._life], timeout=2 * _REDIS_DEADLINE)
        await self._runner.cleanup()
        with contextlib.suppress(Exception):  # the connection is of no more use, however it ends
            await asyncio.wait_for(self._client.aclose(), 2 * _REDIS_DEADLINE)
        if not self._ended.done():
            self._ended.set_result(code)

    async def _health(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok\n") if self.serving else web.Response(status=503, text="not ready\n")

    async def _metrics(self, _request: web.Request) -> web.Response:
        if self._around.faults.on(Fault.METRICS_GONE):
            return web.Response(status=503, text="metrics are not available\n")
        return web.Response(body=self.app.meters.page().encode(), headers={"Content-Type": metrics.CONTENT_TYPE})

    async def _about(self, _request: web.Request) -> web.Response:
        return web.json_response({"app": "hak-gal", "version": self.version, "pod": self.pod})

    async def _request(self, request: web.Request) -> web.Response:
        try:
            asked = await request.json()
            tenant, session, text = str(asked["tenant"]), str(asked["session"]), str(asked["text"])
        except (ValueError, KeyError, TypeError):
            return web.json_response({"error": 'send {"tenant": …, "session": …, "text": …}'}, status=400)
        answer = await self.app.answer(tenant, session, text)
        told = {"verdict": answer.verdict, "tx_count_1h": answer.tx_count_1h, "pod": self.pod}
        return web.json_response(told, status=answer.status)


class Pods:
    """The container runtime: starts containers for the kubelet and knows those that run."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._addresses = Addresses(around.chance)
        self._running: dict[str, Container] = {}
        self._load = (0.0, 0.0)

    def take_time(self) -> None:
        """From now on, new containers take as long to load as real ones would; the first ones did not."""
        self._load = _LOAD

    @property
    def serving(self) -> list[Container]:
        """The containers that take requests, by pod name."""
        return [container for _, container in sorted(self._running.items()) if container.serving]

    @property
    def running(self) -> list[Container]:
        """The containers that have not ended, by pod name."""
        return [container for _, container in sorted(self._running.items()) if not container._ended.done()]

    def get(self, pod: str) -> Container | None:
        """The container of a pod, None where none runs."""
        return self._running.get(pod)

    async def start(
        self, pod: dict[str, Any], container: dict[str, Any], env: Mapping[str, str], log: ContainerLog, attempt: int
    ) -> Container:
        """Start one container, as the kubelet's runtime protocol says. Raises ImageError or StartError."""
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        image = str(container["image"])
        version = version_of(image)
        if version is None:
            raise ImageError(
                f'failed to pull and unpack image "{image}": not found; this cluster has hak-gal:vX.Y.Z images only'
            )
        try:
            host, port, password = env["REDIS_CLOUD_HOST"], int(env["REDIS_CLOUD_PORT"]), env["REDIS_CLOUD_PASSWORD"]
        except (KeyError, ValueError) as error:
            raise StartError(f"the environment variable {error} is missing or is not what it should be") from error
        name = str(pod["metadata"]["name"])
        client = Redis(
            host=host,
            port=port,
            username=env.get("REDIS_CLOUD_USERNAME"),
            password=password,
            socket_timeout=_REDIS_DEADLINE,
            socket_connect_timeout=_REDIS_DEADLINE,
            retry=Retry(NoBackoff(), 0),
            client_name=name,
        )
        bypass = BypassWatch(self._around.bypass_key, self._around.bypass_variable, env, _created(pod))
        pod_log = PodLog(name, self._around.log, log.write)
        app = Firewall(
            version=version,
            newer=is_newer(version),
            env=env,
            client=client,
            bypass=bypass,
            log=pod_log,
            faults=self._around.faults,
            chance=self._around.chance,
        )
        pod_log.tell("INFO", "starting", version=version, audit_level=env.get("AUDIT_LEVEL", "INFO"), attempt=attempt)
        started = Container(name, version, app, self._around, client, self._load)
        await started.open(self._addresses)
        self._running[name] = started
        started._ended.add_done_callback(lambda _: self._forget(started))
        return started

    async def stop_all(self) -> None:
        """End every container at once."""
        await asyncio.gather(*(container._close(137) for container in list(self._running.values())))

    def _forget(self, ended: Container) -> None:
        if self._running.get(ended.pod) is ended:
            del self._running[ended.pod]


def _created(pod: dict[str, Any]) -> datetime:
    told = pod["metadata"].get("creationTimestamp")
    return datetime.fromisoformat(str(told).replace("Z", "+00:00")) if told else datetime.now(UTC)

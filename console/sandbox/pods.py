"""The runtime of the sandbox's cluster: every container is a sample app that serves HTTP on an address of its own."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import random
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from aiohttp import web

from console.sandbox import metrics
from console.sandbox.bypass_watch import BypassWatch
from console.sandbox.bystanders import Bystander
from console.sandbox.faults import Fault, Faults
from console.sandbox.firewall import Firewall
from console.sandbox.inside import furnished
from console.sandbox.knobs import Knobs
from console.sandbox.kube.runtime import ContainerLog, ImageError, Inside, Probe, RunningContainer, StartError
from console.sandbox.logs import PodLog, SharedLog
from console.sandbox.manifests import HTTP_PORT, METRICS_PORT
from console.sandbox.quantities import quantity
from console.sandbox.rows import Row
from console.sandbox.sample import Sample, Share
from console.sandbox.versions import Versions, version_of

_TICK = 0.5
_REDIS_DEADLINE = 0.25
_LOAD = (0.5, 1.0)  # seconds that a new container loads its model, once the sandbox is up
_DRAIN = 0.3  # seconds between being told to end and ending, in which clients turn away


class App(Protocol):
    """What a container runs."""

    log: PodLog

    @property
    def bypassed(self) -> bool:
        """Whether an emergency bypass is in force in it."""

    @property
    def healthy(self) -> bool:
        """Whether its health paths answer 200 while it serves."""

    async def warm_up(self) -> None:
        """What it does before it takes traffic."""

    async def tick(self) -> None:
        """What it does twice a second."""

    async def respond(self, request: web.Request) -> web.Response:
        """Its answer to one request."""

    def page(self) -> str:
        """Its page of `/metrics`."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all containers of one environment share.

    app, image: as the sandbox.yaml has them. bypass_key, bypass_variable: as the system's file names them.
    rows, answers, caches, share: of the sample app. home: the folder of its pods. programs: what is on their PATH.
    others: images that are not the app, each with what is on its pods' PATH and what they log.
    """

    faults: Faults
    log: SharedLog
    chance: random.Random
    versions: Versions
    knobs: Knobs
    app: str = "firewall"
    image: str = "hak-gal"
    health: tuple[str, ...] = ("/healthz",)
    bypass_key: str = "hakgal:emergency_bypass"
    bypass_variable: str = "HAK_GAL_EMERGENCY_BYPASS"
    rows: tuple[Row, ...] = ()
    answers: Mapping[str, float] = field(default_factory=dict)
    caches: Mapping[str, int] = field(default_factory=dict)
    share: Share = field(default_factory=Share)
    home: Path = Path("pods")
    programs: Path | None = None
    others: Mapping[str, tuple[Path, str]] = field(default_factory=dict)


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


class Container:
    """One run of one container: an HTTP server, its tick, and its end."""

    def __init__(
        self, pod: str, workload: str, version: str, app: App, around: Surroundings, client: Any,
        load: tuple[float, float], env: Mapping[str, str], memory: float,
    ) -> None:  # fmt: skip
        self.pod = pod
        self.workload = workload
        self._load = load
        self._env = env
        self.memory = memory
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
        site.add_routes([web.get(path, self._health) for path in around.health])
        site.add_routes([web.get("/metrics", self._metrics), web.get("/{path:.+}/metrics", self._metrics)])
        site.router.add_route("*", "/{path:.*}", app.respond)
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

    @property
    def _runs_newest(self) -> bool:
        """Whether the faults of a release hit it: by its image, or by what it answers some requests as."""
        share, versions = self._around.share, self._around.versions
        return versions.hit(self.version) or (share.ratio > 0 and versions.hit(share.version))

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

    async def die(self) -> None:
        """Be killed, as one that has no memory left."""
        if not self._ended.done():
            self.app.log.tell("FATAL", "out of memory", exit=137)
            await self._close(137)

    def inside(self) -> Inside:
        """Where commands run in it. Raises OSError."""
        around = self._around
        return furnished(around.home, self.pod, self._env, around.programs, f"{self.ip}:{self.port}")

    async def _live(self) -> None:
        try:
            await self._serve()
        except Exception as error:  # noqa: BLE001 - the edge of the task: it becomes the container's end
            self.app.log.tell("FATAL", "crashed", reason=f"{type(error).__name__}: {error}")
            await self._close(1)

    async def _serve(self) -> None:
        await asyncio.sleep(self._around.chance.uniform(*self._load))
        await self.app.warm_up()
        self.app.log.tell("INFO", "ready", version=self.version, address=f"{self.ip}:{self.port}")
        self.ready = True
        while not self.stopping:
            await asyncio.sleep(_TICK * self._around.chance.uniform(0.9, 1.1))
            await self.app.tick()
            old = time.monotonic() - self._began > self._crash_after
            if old and self._around.faults.on(Fault.CRASH_LOOP) and self._runs_newest:
                self.app.log.tell("FATAL", "model is corrupt", exit=1)
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
        if self.serving and self.app.healthy:
            return web.Response(text="ok\n")
        return web.Response(status=503, text="not ready\n" if not self.serving else "not healthy\n")

    async def _metrics(self, _request: web.Request) -> web.Response:
        if self._around.faults.on(Fault.METRICS_GONE):
            return web.Response(status=503, text="metrics are not available\n")
        return web.Response(body=self.app.page().encode(), headers={"Content-Type": metrics.CONTENT_TYPE})


class Pods:
    """The container runtime: starts containers for the kubelet and knows those that run.

    places: what surrounds the containers of each namespace.
    """

    def __init__(self, places: Mapping[str, Surroundings], chance: random.Random) -> None:
        self._places = places
        self._addresses = Addresses(chance)
        self._running: dict[tuple[str, str], Container] = {}
        self._load = (0.0, 0.0)

    def take_time(self) -> None:
        """From now on, new containers take as long to load as real ones would; the first ones did not."""
        self._load = _LOAD

    def running(self, namespace: str) -> list[Container]:
        """The containers of a namespace that have not ended, by pod name."""
        found = [item for (place, _), item in sorted(self._running.items()) if place == namespace]
        return [container for container in found if not container._ended.done()]

    def get(self, namespace: str, pod: str) -> Container | None:
        """The container of a pod, None where none runs."""
        return self._running.get((namespace, pod))

    async def start(
        self, pod: dict[str, Any], container: dict[str, Any], env: Mapping[str, str], log: ContainerLog, attempt: int
    ) -> RunningContainer:
        """Start one container, as the kubelet's runtime protocol says. Raises ImageError or StartError."""
        key = str(pod["metadata"].get("namespace", "")), str(pod["metadata"]["name"])
        around = self._places.get(key[0])
        if around is None:
            raise StartError(f"the practice world has no app for the namespace {key[0]}")
        image = str(container["image"])
        if image in around.others:
            programs, says = around.others[image]
            return Bystander(key[1], env, around.home, programs, log, says)
        version = version_of(image, around.image)
        if version is None:
            raise ImageError(
                f'failed to pull and unpack image "{image}": not found; this cluster has {around.image}:VERSION images '
                "only"
            )
        client = _client(env, key[1])
        pod_log = PodLog(key[1], around.log, log.write)
        around.versions.note(version)
        workload = _workload(pod)
        app = _app(around, version, workload, env, client, pod_log, pod)
        told = {"audit_level": env.get("AUDIT_LEVEL", "INFO")} if around.app == "firewall" else {}
        pod_log.tell("INFO", "starting", version=version, **told, attempt=attempt)
        started = Container(key[1], workload, version, app, around, client, self._load, env, _memory(container))
        await started.open(self._addresses)
        self._running[key] = started
        started._ended.add_done_callback(lambda _: self._forget(key, started))
        return started

    def _forget(self, key: tuple[str, str], ended: Container) -> None:
        if self._running.get(key) is ended:
            del self._running[key]


def _client(env: Mapping[str, str], name: str) -> Any:
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    try:
        host, port, password = env["REDIS_CLOUD_HOST"], int(env["REDIS_CLOUD_PORT"]), env["REDIS_CLOUD_PASSWORD"]
    except (KeyError, ValueError) as error:
        raise StartError(f"the environment variable {error} is missing or is not what it should be") from error
    return Redis(
        host=host,
        port=port,
        username=env.get("REDIS_CLOUD_USERNAME"),
        password=password,
        socket_timeout=_REDIS_DEADLINE,
        socket_connect_timeout=_REDIS_DEADLINE,
        retry=Retry(NoBackoff(), 0),
        client_name=name,
    )


def _app(
    around: Surroundings, version: str, workload: str, env: Mapping[str, str], client: Any, log: PodLog,
    pod: dict[str, Any],
) -> App:  # fmt: skip
    if around.app == "firewall":
        return Firewall(
            version=version,
            hit=lambda: around.versions.hit(version),
            env=env,
            client=client,
            bypass=BypassWatch(around.bypass_key, around.bypass_variable, env, _created(pod)),
            log=log,
            faults=around.faults,
            hand=around.knobs.hand,
            chance=around.chance,
        )
    return Sample(
        version=version,
        workload=workload,
        rows=around.rows,
        answers=around.answers,
        caches=around.caches,
        knobs=around.knobs,
        versions=around.versions,
        share=around.share,
        client=client,
        log=log,
        chance=around.chance,
    )


def _memory(container: dict[str, Any]) -> float:
    """Its limit in bytes; none is more than any."""
    told = ((container.get("resources") or {}).get("limits") or {}).get("memory")
    if told is None:
        return float("inf")
    return quantity(f"{told}B" if str(told)[-1].isalpha() else told)


def _workload(pod: dict[str, Any]) -> str:
    """What the pod belongs to: its ReplicaSet's name without the hash."""
    owners = pod["metadata"].get("ownerReferences") or ()
    owner = next((str(owner["name"]) for owner in owners if owner.get("controller")), "")
    return owner.rpartition("-")[0] or owner


def _created(pod: dict[str, Any]) -> datetime:
    told = pod["metadata"].get("creationTimestamp")
    return datetime.fromisoformat(str(told).replace("Z", "+00:00")) if told else datetime.now(UTC)

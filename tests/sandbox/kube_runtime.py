"""A container runtime at a test's command, and a cluster that runs its pods by it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import aiohttp

from console.sandbox.kube.kinds import DEPLOYMENTS, EVENTS, PODS
from console.sandbox.kube.pods import Timing
from console.sandbox.kube.runtime import ContainerLog, Probe
from console.sandbox.kube.server import KubeServer
from tests.sandbox.kube_cluster import Json, container

T = TypeVar("T")
TIMING = Timing(probe=0.01, backoff=0.05, backoff_most=0.4, backoff_reset=5.0)


@dataclass
class Run:
    """One run of a container, at the test's command."""

    env: Mapping[str, str]
    log: ContainerLog
    attempt: int
    pod: Json
    ip: str = "127.0.0.9"
    annotations: Mapping[str, str] = field(default_factory=dict)
    health: Probe = field(default_factory=lambda: Probe(ready=False, message="not yet"))
    grace: float | None = None
    is_stubborn: bool = False
    ended: asyncio.Future[int] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    async def probe(self) -> Probe:
        return self.health

    async def wait(self) -> int:
        return await asyncio.shield(self.ended)

    async def stop(self, grace: float) -> None:
        self.grace = grace
        if self.is_stubborn:
            await asyncio.wait_for(self.wait(), 10)
        self.end(143)

    def end(self, code: int) -> None:
        if not self.ended.done():
            self.ended.set_result(code)


class Runtime:
    """Starts what the test steers."""

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.refusal: Exception | None = None
        self.health = Probe(ready=True)
        self.gate: asyncio.Event | None = None
        self.starting = False

    async def start(self, pod: Json, container: Json, env: Mapping[str, str], log: ContainerLog, attempt: int) -> Run:
        self.starting = True
        if self.gate is not None:
            await self.gate.wait()
        if self.refusal is not None:
            raise self.refusal
        run = Run(env, log, attempt, pod, health=self.health)
        self.runs.append(run)
        return run


@dataclass
class World:
    server: KubeServer
    runtime: Runtime
    http: aiohttp.ClientSession

    def create(self, name: str = "lone", **spec: Any) -> Json:
        body = {"metadata": {"name": name}, "spec": {"containers": [container()], **spec}}
        return self.server.api.create(PODS, "default", body)

    def pod(self, name: str = "lone") -> Json:
        return self.server.api.get(PODS, "default", name)

    def status(self, name: str = "lone") -> Json:
        (status,) = self.pod(name)["status"].get("containerStatuses") or [{}]
        return dict(status)

    def available(self) -> int:
        """How many pods of the Deployment `web` are available."""
        status = self.server.api.get(DEPLOYMENTS, "default", "web").get("status") or {}
        return int(status.get("availableReplicas", 0))

    def reasons(self) -> dict[str, Json]:
        events = self.server.api.list(EVENTS, "default")
        return {event["reason"]: event for event in events if event["involvedObject"]["kind"] == "Pod"}

    async def until(self, look: Callable[[], T], within: float = 10.0) -> T:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within
        while not (value := look()):
            assert loop.time() < deadline, f"it did not come true; the pods are {self.server.api.list(PODS)}"
            await asyncio.sleep(0.005)
        return value

    async def log(self, name: str = "lone", **query: str) -> str:
        url = f"{self.server.url}/api/v1/namespaces/default/pods/{name}/log"
        async with self.http.get(url, params=query) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.text()

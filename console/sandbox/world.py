"""The sandbox's one event loop: cluster, traffic, control address and faults, on the servers started before it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import socket
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from console.sandbox import manifests, mischief
from console.sandbox.children import Children
from console.sandbox.cluster import CONTEXT, Cluster
from console.sandbox.control import Control
from console.sandbox.faults import Fault, Faults
from console.sandbox.gateway import Gateway
from console.sandbox.logs import SharedLog
from console.sandbox.monitoring import Server
from console.sandbox.pods import FIRST_VERSION, Pods, Surroundings, version_of
from console.sandbox.sessions import seed_sessions
from console.sandbox.store import HOST, USERNAME, Store, wait_for_store
from console.sandbox.system_file import Places, write_system
from console.sandbox.traffic import Traffic

CURRENT_VERSION = "v2.3.3"
SEEDED_SESSIONS = 600
_MONITORING_WITHIN = 10.0


class World:
    """Everything that lives in the process itself.

    system, source: the shipped system's values and where they were read. servers: monitoring programs under way.
    """

    def __init__(
        self,
        *,
        folder: Path,
        system: dict[str, Any],
        source: Path,
        store: Store,
        servers: dict[str, Server],
        children: Children,
        notices: list[str],
        began: float,
    ) -> None:
        self.faults = Faults()
        self._folder = folder
        self._system = system
        self._source = source
        self._store = store
        self._servers = servers
        self._children = children
        self._notices = notices
        self._began = began
        self._ready_in = 0.0
        self._chance = random.Random()
        self._log = SharedLog(folder / "logs" / "hak_gal.log")
        bypass = system.get("bypass") or {}
        around = Surroundings(
            faults=self.faults,
            log=self._log,
            bypass_key=str(bypass.get("key", "hakgal:emergency_bypass")),
            bypass_variable=str(bypass.get("variable", "HAK_GAL_EMERGENCY_BYPASS")),
            chance=self._chance,
        )
        self._pods = Pods(around)
        self._cluster = Cluster(self._pods, folder / "kubeconfig")
        self._gateway = Gateway(self._cluster.endpoints)
        self._control = Control(self)
        self._traffic: Traffic | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._over = asyncio.Event()
        self._failure: BaseException | None = None

    async def run(self, control: socket.socket, begin_with: list[Fault]) -> None:
        """Bring everything up, print the JSON object, and run until `end` is called. Raises RuntimeError."""
        import redis.asyncio

        client = redis.asyncio.Redis(
            host=HOST, port=self._store.port, username=USERNAME, password=self._store.password, socket_timeout=1
        )
        try:
            await self._control.start(control)
            gateway, _ = await asyncio.gather(self._gateway.start(), self._begin_cluster(client))
            await self._wait_for_servers()
            self._arm()
            self._run_on(mischief.storm(self.faults, lambda: self._pods.running))
            self._run_on(mischief.fill(self.faults, client, self._store.limit))
            for fault in begin_with:
                self.faults.switch(fault, True)
            told = self._describe(f"http://{control.getsockname()[0]}:{control.getsockname()[1]}", gateway)
            self._ready_in = time.monotonic() - self._began
            sys.stdout.write(json.dumps(told) + "\n")
            sys.stdout.flush()
            await self._over.wait()
            if self._failure:
                raise self._failure
        finally:
            await self._close()
            with contextlib.suppress(Exception):
                await client.aclose()

    def end(self) -> None:
        """Let `run` come to its end."""
        self._over.set()

    def state(self) -> dict[str, Any]:
        """What is going on, for people and tests."""
        traffic = self._traffic
        by_version: dict[str, dict[str, int]] = {}
        for (version, status), count in (traffic.by_version if traffic else {}).items():
            by_version.setdefault(version, {})[status] = count
        return {
            "pid": os.getpid(),
            "children": self._children.pids,
            "ready_in_s": round(self._ready_in, 2),
            "redis": self._store.kind,
            "pods": [
                {
                    "name": container.pod,
                    "version": container.version,
                    "url": container.url,
                    "metrics_url": container.metrics_url,
                    "serving": container.serving,
                    "bypassed": container.app.bypassed,
                }
                for container in self._pods.running
            ],
            "service": [container.pod for container in self._cluster.endpoints()],
            "traffic": {
                "sent": traffic.sent if traffic else 0,
                "dropped": traffic.dropped if traffic else 0,
                "statuses": dict(traffic.statuses) if traffic else {},
                "by_version": by_version,
            },
            "log": {"path": str(self._log.path), "lines": self._log.lines, "rotations": self._log.rotations},
            "faults": [state.fault.value for state in self.faults.states() if state.on],
        }

    def targets(self) -> list[dict[str, Any]]:
        """Prometheus's HTTP service discovery of the pods that run."""
        return [
            {
                "targets": [f"{container.ip}:{container.metrics_port}"],
                "labels": {"namespace": manifests.NAMESPACE, "pod": container.pod, "version": container.version},
            }
            for container in self._pods.running
        ]

    def rotate_log(self, how: str) -> str:
        """Rotate the shared log by `rename` or `copytruncate`; gives the old file's path. Raises ValueError."""
        ways: dict[str, Callable[[], Path]] = {"rename": self._log.rotate, "copytruncate": self._log.copy_and_truncate}
        if how not in ways:
            raise ValueError(f'A log is rotated by "rename" or by "copytruncate", not by {how!r}.')
        return str(ways[how]())

    async def deploy(self, version: str) -> dict[str, Any]:
        """Release a version. Raises ValueError where it is not one."""
        if version_of(f"hak-gal:{version}") is None:
            raise ValueError(f'{version!r} is not a version; send one such as {{"version": "v2.3.4"}}.')
        return {"version": version, "revision": await self._cluster.deploy(version)}

    async def _begin_cluster(self, client: Any) -> None:
        await wait_for_store(self._store)
        old = await seed_sessions(client, SEEDED_SESSIONS, time.time(), self._chance)
        secret = {
            "REDIS_CLOUD_HOST": HOST,
            "REDIS_CLOUD_PORT": str(self._store.port),
            "REDIS_CLOUD_USERNAME": USERNAME,
            "REDIS_CLOUD_PASSWORD": self._store.password,
        }
        secrets_file = self._folder / "secrets.env"
        secrets_file.touch(mode=0o600)
        secrets_file.chmod(0o600)
        secrets_file.write_text("".join(f"{name}={value}\n" for name, value in secret.items()))
        await self._cluster.start(secret, FIRST_VERSION, CURRENT_VERSION)
        self._pods.take_time()
        self._traffic = Traffic(self._cluster.endpoints, self.faults, self._chance, old)
        self._run_on(self._traffic.run())

    async def _wait_for_servers(self) -> None:
        import aiohttp

        async with aiohttp.ClientSession() as http:
            found = await asyncio.gather(*(server.ready(http, _MONITORING_WITHIN) for server in self._servers.values()))
        for name, why in zip(list(self._servers), found, strict=True):
            if why:
                self._notices.append(f"{why} The sandbox goes on without it.")
                self._children.end(self._servers.pop(name).child)

    def _arm(self) -> None:
        faults, prometheus = self.faults, self._servers.get("prometheus")
        faults.when(Fault.REDIS_STALL, lambda on: self._store.freeze() if on else self._store.thaw())
        faults.when(Fault.API_CONFLICT, self._cluster.conflict)
        faults.when(Fault.API_DOWN, self._cluster.take_down)
        if prometheus:
            child = prometheus.child
            faults.when(Fault.PROMETHEUS_STALL, lambda on: child.freeze() if on else child.thaw())
        else:
            faults.rule_out(Fault.PROMETHEUS_STALL, "no Prometheus runs in this sandbox")

    def _describe(self, control_url: str, gateway_url: str) -> dict[str, Any]:
        """The JSON object of the sandbox, and the system.yaml that it names."""
        urls = {name: server.url for name, server in self._servers.items()}
        system = self._folder / "system.yaml"
        places = Places(
            kubeconfig=self._folder / "kubeconfig",
            context=CONTEXT,
            namespace=manifests.NAMESPACE,
            secrets_file=self._folder / "secrets.env",
            log=self._log.path,
            control_url=control_url,
            gateway_url=gateway_url,
            prometheus_url=urls.get("prometheus"),
            alertmanager_url=urls.get("alertmanager"),
            target=CURRENT_VERSION,
        )
        write_system(self._system, self._source, places, system)
        return {
            "redis_url": self._store.url,
            "metrics_urls": [container.metrics_url for container in self._pods.running],
            "prometheus_url": urls.get("prometheus"),
            "alertmanager_url": urls.get("alertmanager"),
            "kubeconfig": str(places.kubeconfig),
            "log_path": str(self._log.path),
            "control_url": control_url,
            "gateway_url": gateway_url,
            "system": str(system),
            "folder": str(self._folder),
            "pid": os.getpid(),
            "notices": [*self._store.notices, *self._notices],
        }

    def _run_on(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        task.add_done_callback(self._notice_failure)
        self._tasks.append(task)

    def _notice_failure(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            self._failure = error
            self._over.set()

    async def _close(self) -> None:
        self._store.thaw()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=2)
        for part in (self._gateway.stop(), self._cluster.stop(), self._control.stop()):
            with contextlib.suppress(Exception):  # the process ends; nothing here may keep it
                await asyncio.wait_for(part, 2)
        self._log.close()

"""The sandbox's one event loop: cluster, environments, control address and faults, on the servers started before it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import shlex
import socket
import sys
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from console.sandbox import mischief, practice
from console.sandbox.children import Child, Children
from console.sandbox.cluster import CONTEXT, Cluster
from console.sandbox.control import Control
from console.sandbox.faults import OF_THE_APP, Fault, Faults
from console.sandbox.firewall import Meters
from console.sandbox.knobs import Knobs
from console.sandbox.metrics import Hand
from console.sandbox.monitoring import Server
from console.sandbox.place import Place
from console.sandbox.pods import Pods
from console.sandbox.store import HOST, USERNAME, Store
from console.sandbox.system_file import Places, write_plans, write_system
from console.sandbox.tools.bench import Bench
from console.sandbox.versions import version_of
from console.sandbox.world_file import WorldFile

_MONITORING_WITHIN = 10.0
_PART_OF = {
    Fault.API_CONFLICT: "kubernetes", Fault.API_DOWN: "kubernetes",
    Fault.REDIS_STALL: "redis", Fault.REDIS_MEMORY: "redis",
}  # fmt: skip
_DAY_BEGINS = timedelta(hours=9)  # when a plan's first day begins


class World:
    """Everything that lives in the process itself.

    described: the sandbox.yaml. system, source: the shipped system's values and where they were read. stores,
    prometheuses: by environment. alertmanager: None where none runs. speed: of the engine's clock, or None.
    """

    def __init__(
        self,
        *,
        described: WorldFile,
        folder: Path,
        system: dict[str, Any],
        source: Path,
        stores: dict[str, Store],
        prometheuses: dict[str, Server],
        alertmanager: Server | None,
        children: Children,
        notices: list[str],
        began: float,
        speed: int | None,
    ) -> None:
        self.faults = Faults(described.about)
        self._described = described
        self._folder = folder
        self._system = system
        self._source = source
        self._prometheuses = prometheuses
        self._alertmanager = alertmanager
        self._children = children
        self._notices = notices
        self._began = began
        self._speed = speed
        self._ready_in = 0.0
        self._chance = random.Random()
        self._hand = Hand()
        knobs = Knobs(self.faults, described.faults, self._hand)
        self._bench = Bench(described.extras, folder, self.faults, self._hand)
        self._places = {
            spec.name: Place(
                spec,
                described,
                folder=folder,
                log=folder / "logs" / ("" if spec is described.places[0] else spec.name) / described.log,
                store=stores[spec.name],
                prometheus=prometheuses.get(spec.name),
                faults=self.faults,
                knobs=knobs,
                bypass=system.get("bypass") or {},
                chance=self._chance,
                bench=self._bench,
            )
            for spec in described.places
        }
        self._first = next(iter(self._places.values()))
        self._pods = Pods({place.spec.namespace: place.around for place in self._places.values()}, self._chance)
        self._cluster = Cluster(described, self._pods, folder / "kubeconfig", self._written)
        for place in self._places.values():
            place.settle(self._cluster, self._pods)
        self._control = Control(self)
        self._tasks: list[asyncio.Task[None]] = []
        self._clients: list[Any] = []
        self._over = asyncio.Event()
        self._failure: BaseException | None = None

    async def run(self, control: socket.socket, begin_with: list[str]) -> None:
        """Bring everything up, print the JSON object, and run until `end` is called.

        Raises RuntimeError, NoSystem or BrokenWorld.
        """
        try:
            await self._control.start(control)
            await self._cluster.start()
            await asyncio.gather(*(self._begin(place) for place in self._places.values()))
            await self._bench.begin(f"http://{self._control.address}", self._fills())
            self._keep_database()
            self._pods.take_time()
            await self._wait_for_servers()
            self._arm()
            for fault in begin_with:
                self.faults.switch(fault, True)
            host, port = control.getsockname()[:2]
            told = self._describe(f"http://{host}:{port}")
            self._ready_in = time.monotonic() - self._began
            sys.stdout.write(json.dumps(told) + "\n")
            sys.stdout.flush()
            await self._over.wait()
            if self._failure:
                raise self._failure
        finally:
            await self._close()

    def end(self) -> None:
        """Let `run` come to its end."""
        self._over.set()

    def state(self) -> dict[str, Any]:
        """What is going on, for people and tests; of the first environment at the top, and of each by its name."""
        places = {name: place.state() for name, place in self._places.items()}
        return {
            "pid": os.getpid(),
            "children": self._children.pids,
            "ready_in_s": round(self._ready_in, 2),
            **places[self._first.spec.name],
            "faults": [state.name for state in self.faults.states() if state.on],
            "by_hand": self._hand.values,
            "writes": self._cluster.writes.told(),
            "environments": places,
        }

    def targets(self, place: str | None) -> list[dict[str, Any]]:
        """Prometheus's HTTP service discovery of one environment, the first for None. Raises ValueError."""
        return self._place(place).targets(self._control.address)

    def exporter(self, place: str) -> str:
        """The page of the metrics that belong to an environment and not to a pod. Raises ValueError."""
        return self._place(place).exporter()

    def set_metrics(self, values: dict[str, Any]) -> dict[str, float]:
        """Set values by hand, or clear them with None; gives those that are set. Raises ValueError."""
        known = self._known_values()
        for name, value in values.items():
            if name.partition("{")[0] not in known and name not in known:
                raise ValueError(f"There is no value {name!r}; there are: {', '.join(sorted(known))}.")
            if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
                raise ValueError(f"{name} is set to {value!r}; send a number in base units, or null to clear it.")
        for name, value in values.items():
            self._hand.set(name, None if value is None else float(value))
        return self._hand.values

    def share(self, told: dict[str, Any], place: str | None) -> dict[str, Any]:
        """What share of requests is answered as which version; sets it where `told` says one. Raises ValueError."""
        where = self._place(place)
        now = where.around.share
        if told:
            try:
                version, percent = str(told["version"]), float(told["percent"])
            except (KeyError, TypeError, ValueError):
                raise ValueError('Say which share of which version: {"version": "v2", "percent": 5}.') from None
            if not 0 <= percent <= 100:
                raise ValueError(f"A share is 0 to 100 percent, not {percent:g}.")
            if (version, percent / 100) != (now.version, now.ratio):
                where.share(version, percent / 100)
                self._cluster.writes.add("share", "share", where.spec.namespace, version, f"{percent:g}")
        return {"version": now.version, "percent": round(now.ratio * 100, 6)}

    def rotate_log(self, how: str, place: str | None) -> str:
        """Rotate the shared log by `rename` or `copytruncate`; gives the old file's path. Raises ValueError."""
        log = self._place(place).log
        ways: dict[str, Callable[[], Path]] = {"rename": log.rotate, "copytruncate": log.copy_and_truncate}
        if how not in ways:
            raise ValueError(f'A log is rotated by "rename" or by "copytruncate", not by {how!r}.')
        return str(ways[how]())

    async def tool(self, name: str, told: dict[str, Any]) -> dict[str, Any]:
        """What a stand-in answers to one call. Raises ValueError where there is none of that name."""
        return await self._bench.call(name, told)

    async def deploy(self, version: str) -> dict[str, Any]:
        """Release a version. Raises ValueError where it is not one."""
        image = self._described.image
        if version_of(f"{image}:{version}", image) is None:
            raise ValueError(f'{version!r} is not a version; send one such as {{"version": "v2.3.4"}}.')
        return {"version": version, "revision": await self._cluster.deploy(version)}

    async def _begin(self, place: Place) -> None:
        import redis.asyncio
        from redis.backoff import NoBackoff

        store = place.store
        client = redis.asyncio.Redis(
            host=HOST, port=store.port, username=USERNAME, password=store.password, socket_timeout=1
        )
        self._clients.append(client)
        await place.begin(client)
        self._run_on(place.traffic.run())
        self._run_on(mischief.storm(self.faults, lambda: place.running))
        writer = redis.asyncio.Redis(
            host=HOST, port=store.port, username=USERNAME, password=store.password, socket_timeout=1,
            client_name=mischief.WRITER, retry=redis.asyncio.retry.Retry(NoBackoff(), 0),
        )  # fmt: skip
        self._clients.append(writer)
        self._run_on(mischief.fill(self.faults, writer, store.limit))
        self._run_on(mischief.kill(self.faults, lambda: place.running, self._chance))
        self._run_on(mischief.relieve(self.faults, self._described.faults, lambda: place.running))

    async def _wait_for_servers(self) -> None:
        import aiohttp

        servers = dict(self._prometheuses)
        every = [*servers.values(), *([self._alertmanager] if self._alertmanager else [])]
        async with aiohttp.ClientSession() as http:
            found = await asyncio.gather(*(server.ready(http, _MONITORING_WITHIN) for server in every))
        for server, why in zip(every, found, strict=True):
            if not why:
                continue
            self._notices.append(f"{why} The sandbox goes on without it.")
            self._children.end(server.child)
            if server is self._alertmanager:
                self._alertmanager = None
            for name in [name for name, other in servers.items() if other is server]:
                del self._prometheuses[name]
                self._places[name].prometheus = None

    def _arm(self) -> None:
        faults = self.faults
        for place in self._places.values():
            faults.when(Fault.REDIS_STALL, _stalling(place.store))
        faults.when(Fault.API_CONFLICT, self._cluster.conflict)
        faults.when(Fault.API_DOWN, self._cluster.take_down)
        for server in self._prometheuses.values():
            faults.when(Fault.PROMETHEUS_STALL, _stalling(server.child))
        if not self._prometheuses:
            faults.rule_out(Fault.PROMETHEUS_STALL, "no Prometheus runs in this sandbox")
        for fault, part in _PART_OF.items():
            if not any(part in environment for environment in self._sources()):
                faults.rule_out(fault, f"the console uses no {part} of {self._system['name']}")
        if self._described.app != "firewall":
            for fault in set(OF_THE_APP) - {spec.name for spec in self._described.faults}:
                faults.rule_out(fault, f"{self._system['name']}'s sample app has nothing that could do it")

    def _describe(self, control_url: str) -> dict[str, Any]:
        """The JSON object of the sandbox; writes the system.yaml that it names, and the plans beside it."""
        system = self._folder / "system.yaml"
        places = Places(
            kubeconfig=self._folder / "kubeconfig",
            context=CONTEXT,
            control_url=control_url,
            alertmanager_url=self._alertmanager.url if self._alertmanager else None,
            environments=tuple(place.address() for place in self._places.values()),
            tools=self._bench.programs,
            speed=self._speed,
        )
        write_system(self._system, self._source, self._described, places, system)
        practice.write(self._folder, control_url, self._first.secrets_file)
        write_plans(self._source, self._described, self._fills(), self._folder)
        stores = [notice for place in self._places.values() for notice in place.store.notices]
        return {
            **self._first.told(),
            "alertmanager_url": places.alertmanager_url,
            "kubeconfig": str(places.kubeconfig),
            "control_url": control_url,
            "system": str(system),
            "folder": str(self._folder),
            "target": self._described.target,
            "speed": self._speed or 1,
            "pid": os.getpid(),
            "environments": {name: place.told() for name, place in self._places.items()},
            "notices": [*dict.fromkeys(stores), *self._notices],
        }

    def _fills(self) -> dict[str, str]:
        """What `{gateway}` and the like are in texts of the sandbox.yaml."""
        script = self._folder / practice.NAME
        return {
            "control": f"http://{self._control.address}",
            "folder": str(self._folder),
            "checkout": str(self._bench.checkout),
            "practice": f"{shlex.quote(sys.executable)} {shlex.quote(str(script))}",
            "gateway": self._first.gateway_url,
            "target": self._described.target,
            "day_one": (datetime.now(UTC) - _DAY_BEGINS).strftime("%Y-%m-%d"),
            **{f"gateway:{name}": place.gateway_url for name, place in self._places.items()},
        }

    def _keep_database(self) -> None:
        if (database := self._bench.database) is not None:
            database.when_led = lambda leader: self._cluster.leads(database.spec.name, leader)
            database.when_led(database.leader)

    def _place(self, name: str | None) -> Place:
        if name is None:
            return self._first
        if name not in self._places:
            raise ValueError(f"There is no environment {name!r}; there are: {', '.join(self._places)}.")
        return self._places[name]

    def _sources(self) -> list[dict[str, Any]]:
        """The system's environments that this world stands for."""
        environments = self._system.get("environments") or {}
        return [environments.get(place.spec.stands_for) or {} for place in self._places.values()]

    def _known_values(self) -> set[str]:
        if self._described.app == "firewall":
            return {metric.name for metric in Meters("").all} | {"healthy"}
        return {row.knob for row in self._first.known} | {"seconds", "errors", "healthy"}

    def _written(self, namespace: str, plural: str, name: str) -> None:
        for place in self._places.values():
            if place.spec.namespace == namespace:
                place.ways.written(plural, name)

    def _run_on(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        task.add_done_callback(self._notice_failure)
        self._tasks.append(task)

    def _notice_failure(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            self._failure = error
            self._over.set()

    async def _close(self) -> None:
        for place in self._places.values():
            place.store.thaw()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=2)
        parts = [place.end() for place in self._places.values()]
        for part in (*parts, self._bench.end(), self._cluster.stop(), self._control.stop()):
            with contextlib.suppress(Exception):  # the process ends; nothing here may keep it
                await asyncio.wait_for(part, 2)
        for place in self._places.values():
            place.log.close()
        for client in self._clients:
            with contextlib.suppress(Exception):  # as above
                await client.aclose()


def _stalling(program: Store | Child) -> Callable[[bool], None]:
    return lambda on: program.freeze() if on else program.thaw()

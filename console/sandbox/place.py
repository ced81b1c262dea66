"""One environment of the sandbox: its Redis, log, gateway, clients, and what its pods share."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from console.sandbox import sessions
from console.sandbox.cluster import Cluster
from console.sandbox.faults import Faults
from console.sandbox.gateway import Gateway
from console.sandbox.knobs import Knobs
from console.sandbox.logs import SharedLog
from console.sandbox.monitoring import Server
from console.sandbox.pods import Container, Pods, Surroundings
from console.sandbox.rows import Row
from console.sandbox.sample import Share
from console.sandbox.sender import Sender
from console.sandbox.served import Served
from console.sandbox.store import HOST, USERNAME, Store, wait_for_store
from console.sandbox.system_file import Address
from console.sandbox.tools.bench import Bench
from console.sandbox.traffic import FirewallTraffic, PlainTraffic, Traffic
from console.sandbox.versions import Versions
from console.sandbox.ways import Ways
from console.sandbox.world_file import PlaceSpec, WorldFile

_BALLAST = 256 * 1024


def _others(world: WorldFile, bench: Bench) -> dict[str, tuple[Path, str]]:
    """The images that are not the app's, with what is on their PATH and what they log."""
    database = world.extras.database
    if database is None:
        return {}
    return {database.image: (bench.inside_database, "database system is ready to accept connections")}


class Place:
    """One environment. bypass: the `bypass` table of the system's file. prometheus: None where none runs."""

    def __init__(
        self,
        spec: PlaceSpec,
        world: WorldFile,
        *,
        folder: Path,
        log: Path,
        store: Store,
        prometheus: Server | None,
        faults: Faults,
        knobs: Knobs,
        bypass: dict[str, Any],
        chance: random.Random,
        bench: Bench,
    ) -> None:
        self.spec = spec
        self.store = store
        self.prometheus = prometheus
        self.log = SharedLog(log)
        self.versions = Versions(world.first)
        self.sender = Sender()
        self.gateway_url = ""
        self.secrets_file = folder / ("secrets.env" if spec is world.places[0] else f"secrets-{spec.name}.env")
        self._world = world
        self._faults = faults
        self._knobs = knobs
        self._chance = chance
        self._exporter = Served(world.exports, knobs, {}, chance)
        self._exported_at = time.monotonic()
        self._own_version = any(
            name == "version" and row.kind != "gauge" for row in world.serves for name, _ in row.labels
        )
        self.around = Surroundings(
            faults=faults,
            log=self.log,
            chance=chance,
            versions=self.versions,
            knobs=knobs,
            app=world.app,
            image=world.image,
            health=world.health,
            bypass_key=str(bypass.get("key", "hakgal:emergency_bypass")),
            bypass_variable=str(bypass.get("variable", "HAK_GAL_EMERGENCY_BYPASS")),
            rows=world.serves,
            answers=world.answers,
            caches=world.redis_keys,
            share=Share(),
            home=folder / "pods" / spec.namespace,
            programs=bench.inside_app,
            others=_others(world, bench),
        )

    @property
    def known(self) -> tuple[Row, ...]:
        """The metrics that can be set by hand."""
        return (*self._world.serves, *self._world.exports)

    def settle(self, cluster: Cluster, pods: Pods) -> None:
        """Take the cluster that its pods run in."""
        namespace = self.spec.namespace
        self._cluster, self._pods = cluster, pods
        self.ways = Ways(
            self.spec.traffic,
            lambda service: cluster.endpoints(namespace, service),
            lambda name: cluster.route(namespace, name),
        )
        self._gateway = Gateway(self.route, lambda name: cluster.of(namespace, name))

    async def begin(self, client: Any) -> None:
        """Fill Redis, deploy, open the gateway. client: of its Redis."""
        await wait_for_store(self.store)
        old = await self._seed(client)
        secret = {
            "REDIS_CLOUD_HOST": HOST,
            "REDIS_CLOUD_PORT": str(self.store.port),
            "REDIS_CLOUD_USERNAME": USERNAME,
            "REDIS_CLOUD_PASSWORD": self.store.password,
        }
        self.secrets_file.touch(mode=0o600)
        self.secrets_file.chmod(0o600)
        self.secrets_file.write_text("".join(f"{name}={value}\n" for name, value in secret.items()))
        self.gateway_url = await self._gateway.start()
        await self._cluster.fill(self.spec, secret)
        self.traffic: Traffic = (
            FirewallTraffic(
                self.sender, self.route, lambda: self.ways.rate, self._faults, self._chance, self.spec.bursts, old
            )
            if self._world.app == "firewall"
            else PlainTraffic(self.sender, self.route, lambda: self.ways.rate, self._chance)
        )

    async def end(self) -> None:
        """Answer no more."""
        await self._gateway.stop()

    def route(self) -> list[Container]:
        """The pods that the next request can go to."""
        names = self.ways.now().choose(self._chance)
        return [found for name in names if (found := self._pods.get(self.spec.namespace, name)) is not None]

    @property
    def running(self) -> list[Container]:
        """The containers that run."""
        return self._pods.running(self.spec.namespace)

    def share(self, version: str, ratio: float) -> None:
        """Have the pods answer this share of requests as another version than their image's."""
        self.around.share.version, self.around.share.ratio = version, ratio
        if ratio > 0:
            self.versions.note(version)

    def exporter(self) -> str:
        """The page of the metrics that belong to the environment and not to a pod."""
        now = time.monotonic()
        self._exporter.tick(now - self._exported_at, self.versions.reach(None))
        self._exported_at = now
        return self._exporter.page()

    def targets(self, control: str) -> list[dict[str, Any]]:
        """Prometheus's HTTP service discovery of the pods that run, and of the exporter. control: its host and port."""
        found = [
            {
                "targets": [f"{container.ip}:{container.metrics_port}"],
                "labels": {
                    "namespace": self.spec.namespace,
                    "pod": container.pod,
                    "workload": container.workload,
                    **({} if self._own_version else {"version": container.version}),
                },
            }
            for container in self.running
        ]
        if self._world.exports:
            labels = {"namespace": self.spec.namespace, "__metrics_path__": f"/exporter/{self.spec.name}"}
            found.append({"targets": [control], "labels": labels})
        return found

    def address(self) -> Address:
        """Where it is, for the system's file."""
        return Address(
            name=self.spec.name,
            stands_for=self.spec.stands_for,
            namespace=self.spec.namespace,
            secrets_file=self.secrets_file,
            log=self.log.path,
            gateway_url=self.gateway_url,
            redis_port=self.store.port,
            prometheus_url=self.prometheus.url if self.prometheus else None,
        )

    def told(self) -> dict[str, Any]:
        """Its addresses, for people and tests."""
        return {
            "namespace": self.spec.namespace,
            "redis_url": self.store.url,
            "metrics_urls": [container.metrics_url for container in self.running],
            "prometheus_url": self.prometheus.url if self.prometheus else None,
            "log_path": str(self.log.path),
            "gateway_url": self.gateway_url,
        }

    def state(self) -> dict[str, Any]:
        """What is going on in it, for people and tests."""
        way = self.ways.now()
        return {
            "redis": self.store.kind,
            "pods": [
                {
                    "name": container.pod,
                    "workload": container.workload,
                    "version": container.version,
                    "url": container.url,
                    "metrics_url": container.metrics_url,
                    "serving": container.serving,
                    "bypassed": container.app.bypassed,
                }
                for container in self.running
            ],
            "service": [name for _, names in way.parts for name in names],
            "way": way.name,
            "share": {"version": self.around.share.version, "percent": round(self.around.share.ratio * 100, 6)},
            "traffic": self.sender.told(),
            "log": {"path": str(self.log.path), "lines": self.log.lines, "rotations": self.log.rotations},
        }

    async def _seed(self, client: Any) -> Sequence[str]:
        """Write what lies in Redis from the start; gives the ids of the sessions among it."""
        writes = client.pipeline(transaction=False)
        for name, count in self._world.redis_keys.items():
            for number in range(count):
                writes.set(name.replace("{n}", str(number)), self._chance.randbytes(64).hex(), ex=3600)
        for key, fields in self._world.redis_hashes.items():
            writes.hset(key, mapping=dict(fields))
        for number in range(self._world.ballast // _BALLAST):
            writes.set(f"{self._world.image}:model:{number}", self._chance.randbytes(_BALLAST))
        await writes.execute()
        return await sessions.seed_sessions(client, self.spec.sessions, time.time(), self._chance)

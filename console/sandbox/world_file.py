"""A `sandbox.yaml`: the practice world of one system, in a file.

Every system has one beside its system.yaml; `runbooks/hak-gal/sandbox.yaml` explains the keys. In short:

    app: sample                  # or firewall, HAK_GAL's own
    image: lexikon-api           # images are IMAGE:VERSION
    versions: {past: v0.8, current: v0.9, target: v1.0}   # the history, what runs, what a rollout releases
    health: [/api/health]        # paths that answer 200 while the pod serves
    places: {sandbox: {stands_for: production, namespace: lexikon, traffic: {services/lexikon-api: 12/s}}}
                                 # and in a place: replicas, autoscalers: {lexikon-api: {min: 3, max: 12}}, sessions
    deployments: {lexikon-api: {replicas: 10, container: api, labels: {app: lexikon-api}}}
    services: {lexikon-api: {selector: {app: lexikon-api}}}
    objects: [whole manifests, such as an HTTPRoute, or an Argo Rollout whose template is {container: api}]
    redis: {keys: {"lexikon:cache:{n}": 300}, hashes: {flags: {a: "true"}}, ballast: 16MB}
    answers: {seconds: 40ms, errors: 0%}                  # the sample app's requests
    serves: [...]                # the sample app's metrics; see console/sandbox/rows.py
    exports: [...]               # metrics of the place and not of a pod, served once, as an exporter does
    database, containers, commands, checkout: what runbooks reach besides; see console/sandbox/extras.py
    faults: {error-spike: {about: …, set: {errors: 20%}}} # what each fault changes
    settings: {NAME: text}       # what `${NAME:-…}` stands for in the copied plans
    limits: {redis_memory: 100MB}                         # thresholds that fit this world
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from console.sandbox.extras import KEYS, Extras, read_extras
from console.sandbox.quantities import growth, quantity
from console.sandbox.rows import Row, rows

FILE = "sandbox.yaml"


class BrokenWorld(Exception):
    """A sandbox.yaml cannot be used; the message says which one, where in it, and what would be right."""


@dataclass(frozen=True, slots=True)
class WaySpec:
    """A way for requests into the system. named: `services/NAME` or `httproutes/NAME`. rate: requests a second.

    belongs: what else makes clients come by this way when it is written to, as `deployments/NAME`, `rollouts/NAME`.
    """

    named: str
    rate: float
    belongs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlaceSpec:
    """One environment of the sandbox. stands_for: the system's environment.

    replicas: pods by Deployment, in place of the Deployment's own. traffic: the ways in, see `ways.py`. sessions: how
    many of the firewall's sessions lie in Redis from the start. bursts: seconds between clients that send more than
    their limit for a moment, 0 for none.
    """

    name: str
    stands_for: str
    namespace: str
    replicas: Mapping[str, int]
    traffic: tuple[WaySpec, ...]
    sessions: int
    bursts: float
    autoscalers: tuple[AutoscalerSpec, ...]


@dataclass(frozen=True, slots=True)
class DeploymentSpec:
    """One Deployment. labels: its selector and its pods'. version: where not the current one."""

    name: str
    replicas: int
    container: str
    labels: Mapping[str, str]
    env: Mapping[str, str]
    version: str | None


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """One Service. sticky: sessionAffinity ClientIP."""

    name: str
    selector: Mapping[str, str]
    sticky: bool


@dataclass(frozen=True, slots=True)
class AutoscalerSpec:
    """The bounds of a Deployment's autoscaler."""

    deployment: str
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """What a fault does to the sample app. hits: `newest`, the newest version alone; `shared`, every version while the
    newest takes traffic, as what breaks a cache or a database does; `all`, every version.

    sets: a value and its growth a second, by the name of what it is the value of. logs: a line that every pod that is
    hit logs about once a second. until: how many pods have to serve for it to end by itself, 0 for none.
    """

    name: str
    about: str
    hits: str
    sets: Mapping[str, tuple[float, float]]
    logs: str
    until: int = 0


@dataclass(frozen=True, slots=True)
class WorldFile:
    """A sandbox.yaml that can be used. path: where it was read. serves, exports: its metrics."""

    path: Path
    app: str
    image: str
    past: str | None
    current: str
    target: str
    log: str
    health: tuple[str, ...]
    places: tuple[PlaceSpec, ...]
    deployments: tuple[DeploymentSpec, ...]
    services: tuple[ServiceSpec, ...]
    config: Mapping[str, str]
    objects: tuple[dict[str, Any], ...]
    redis_keys: Mapping[str, int]
    redis_hashes: Mapping[str, Mapping[str, str]]
    ballast: int
    answers: Mapping[str, float]
    serves: tuple[Row, ...]
    exports: tuple[Row, ...]
    faults: tuple[FaultSpec, ...]
    settings: Mapping[str, str]
    limits: Mapping[str, str]
    replace: Mapping[str, str] = field(default_factory=dict)
    extras: Extras = field(default_factory=Extras)

    @property
    def about(self) -> dict[str, str]:
        """What the faults that the file describes do, by name."""
        return {fault.name: fault.about for fault in self.faults if fault.about}

    @property
    def first(self) -> str:
        """The version that no fault of a release hits."""
        return self.past or self.current


_KEYS = {
    "app", "image", "versions", "log", "health", "places", "deployments", "services", "config", "objects",
    "redis", "answers", "serves", "exports", "faults", "settings", "limits", "replace", *KEYS,
}  # fmt: skip


def read_world(path: Path) -> WorldFile:
    """The world that a sandbox.yaml describes. Raises BrokenWorld."""
    import yaml

    try:
        top = yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except FileNotFoundError:
        raise BrokenWorld(
            f"{path} is not there: the sandbox needs one to stand for this system. Copy a shipped system's and edit it."
        ) from None
    except (OSError, yaml.YAMLError) as error:
        raise BrokenWorld(f"{path} cannot be read: {error}.") from error
    reader = _Reader(path)
    try:
        return _world(reader, reader.table(top, "the file", _KEYS))
    except (ValueError, TypeError, AttributeError) as error:
        raise BrokenWorld(f"{path}: {reader.at}: {error}.") from error


class _Reader:
    """Values with the place they stand at, for the sentence of what is wrong."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.at = "the file"

    def table(self, told: Any, at: str, keys: set[str] | None = None) -> dict[str, Any]:
        """A table, with these keys and no others."""
        self.at = at
        if told is None:
            return {}
        if not isinstance(told, dict):
            raise ValueError(f"it is {told!r} and not a table")
        if keys is not None and (unknown := [str(key) for key in told if key not in keys]):
            raise ValueError(f"there is no key `{unknown[0]}`; there are {', '.join(sorted(keys))}")
        return {str(key): value for key, value in told.items()}

    def rows(self, told: Any, at: str) -> tuple[dict[str, Any], ...]:
        """A list of tables."""
        self.at = at
        if not isinstance(told or [], list):
            raise ValueError("it is not a list")
        return tuple(self.table(row, f"{at}, row {number}") for number, row in enumerate(told or (), 1))

    def text(self, table: Mapping[str, Any], key: str, usual: str | None = None) -> str:
        """A text that must be there unless there is a usual one."""
        told = table.get(key, usual)
        if told is None or isinstance(told, (dict, list)):
            raise ValueError(f"`{key}` is missing or is not a text")
        return str(told)

    def texts(self, told: Any, at: str) -> dict[str, str]:
        """A table of texts; what YAML takes for a truth is written as it was meant."""
        return {key: _as_text(value) for key, value in self.table(told, at).items()}


def _as_text(told: Any) -> str:
    return str(told).lower() if isinstance(told, bool) else str(told)


def _world(reader: _Reader, top: dict[str, Any]) -> WorldFile:
    image, app = reader.text(top, "image"), reader.text(top, "app", "sample")
    if app not in ("sample", "firewall"):
        raise ValueError(f"`app` is {app!r}; write `sample` or `firewall`")
    versions = reader.texts(top.get("versions"), "versions")
    current, target = reader.text(versions, "current"), reader.text(versions, "target")
    redis = reader.table(top.get("redis"), "redis", {"keys", "hashes", "ballast"})
    health = top.get("health", "/healthz")
    world = WorldFile(
        path=reader.path,
        app=app,
        image=image,
        past=versions.get("past"),
        current=current,
        target=target,
        log=reader.text(top, "log", f"{image}.log"),
        health=tuple(str(path) for path in (health if isinstance(health, list) else [health])),
        places=tuple(_place(reader, *item) for item in reader.table(top.get("places"), "places").items()),
        deployments=tuple(
            _deployment(reader, *item) for item in reader.table(top.get("deployments"), "deployments").items()
        ),
        services=tuple(_service(reader, *item) for item in reader.table(top.get("services"), "services").items()),
        config=reader.texts(top.get("config"), "config"),
        objects=reader.rows(top.get("objects"), "objects"),
        redis_keys={key: int(told) for key, told in reader.table(redis.get("keys"), "redis.keys").items()},
        redis_hashes={
            key: reader.texts(told, f"redis.hashes.{key}")
            for key, told in reader.table(redis.get("hashes"), "redis.hashes").items()
        },
        ballast=int(quantity(redis.get("ballast", 0))),
        answers={key: quantity(told) for key, told in reader.table(top.get("answers"), "answers").items()},
        serves=rows(reader.rows(top.get("serves"), "serves")),
        exports=rows(reader.rows(top.get("exports"), "exports")),
        faults=tuple(_fault(reader, *item) for item in reader.table(top.get("faults"), "faults").items()),
        settings=reader.texts(top.get("settings"), "settings"),
        limits=reader.texts(top.get("limits"), "limits"),
        replace=reader.texts(top.get("replace"), "replace"),
        extras=read_extras(reader, top),
    )
    reader.at = "places"
    if not world.places:
        raise ValueError("no environment is described; add one, such as `sandbox:`")
    return world


def _place(reader: _Reader, name: str, told: Any) -> PlaceSpec:
    at = f"places.{name}"
    table = reader.table(
        told, at, {"stands_for", "namespace", "replicas", "traffic", "sessions", "bursts", "autoscalers"}
    )
    replicas = reader.table(table.get("replicas"), f"{at}.replicas")
    traffic = reader.table(table.get("traffic"), f"{at}.traffic")
    scalers = reader.table(table.get("autoscalers"), f"{at}.autoscalers")
    autoscalers = tuple(_autoscaler(reader, *item) for item in scalers.items())
    ways = tuple(_way(reader, f"{at}.traffic.{key}", key, way) for key, way in traffic.items())
    reader.at = at
    if not ways:
        raise ValueError("there is no `traffic`; write `traffic: {services/NAME: 10/s}`")
    return PlaceSpec(
        name=name,
        stands_for=reader.text(table, "stands_for"),
        namespace=reader.text(table, "namespace"),
        replicas={key: int(count) for key, count in replicas.items()},
        traffic=ways,
        sessions=int(table.get("sessions", 0)),
        bursts=quantity(table.get("bursts", 0)),
        autoscalers=autoscalers,
    )


def _way(reader: _Reader, at: str, named: str, told: Any) -> WaySpec:
    reader.at = at
    if named.partition("/")[0] not in ("services", "httproutes"):
        raise ValueError(f"`{named}` is no way in; write `services/NAME` or `httproutes/NAME`")
    table = reader.table(told if isinstance(told, dict) else {"rate": told}, at, {"rate", "belongs"})
    return WaySpec(named, quantity(table.get("rate", 10)), tuple(str(item) for item in table.get("belongs") or ()))


def _deployment(reader: _Reader, name: str, told: Any) -> DeploymentSpec:
    at = f"deployments.{name}"
    table = reader.table(told, at, {"replicas", "container", "labels", "env", "version"})
    labels = reader.texts(table.get("labels"), f"{at}.labels") or {"app": name}
    env = reader.texts(table.get("env"), f"{at}.env")
    reader.at = at
    container = reader.text(table, "container", name)
    return DeploymentSpec(name, int(table.get("replicas", 1)), container, labels, env, table.get("version"))


def _service(reader: _Reader, name: str, told: Any) -> ServiceSpec:
    table = reader.table(told, f"services.{name}", {"selector", "sticky"})
    selector = reader.texts(table.get("selector"), f"services.{name}.selector") or {"app": name}
    return ServiceSpec(name, selector, table.get("sticky") is True)


def _autoscaler(reader: _Reader, name: str, told: Any) -> AutoscalerSpec:
    table = reader.table(told, f"autoscalers.{name}", {"min", "max"})
    return AutoscalerSpec(name, int(table.get("min", 1)), int(table.get("max", 10)))


def _fault(reader: _Reader, name: str, told: Any) -> FaultSpec:
    at = f"faults.{name}"
    table = reader.table(told, at, {"about", "hits", "set", "logs", "until"})
    hits = reader.text(table, "hits", "newest")
    if hits not in ("newest", "shared", "all"):
        raise ValueError(f"`hits` is {hits!r}; write `newest`, `shared` or `all`")
    sets = reader.table(table.get("set"), f"{at}.set")
    return FaultSpec(
        name=name,
        about=str(table.get("about", "")),
        hits=hits,
        sets={key: growth(value) for key, value in sets.items()},
        logs=str(table.get("logs", "")),
        until=int(table.get("until", 0)),
    )

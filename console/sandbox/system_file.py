"""The system.yaml of a sandbox and its plans: the shipped ones with their places replaced by the ones that are here."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from console.sandbox.world_file import WorldFile

RANGE = "30s"
STEP = "2s"
SCRAPED, CHECKED = "2s", "2s"
# A world this fast passes a phase within seconds: what it is judged by must come in as quickly.
FAST, FAST_STEP, FAST_SCRAPED, FAST_CHECKED = 10_000, "1s", "500ms", "1s"
_DURATION = re.compile(r"\[(\d+)(ms|s|m|h|d)(:[^\]]*)?\]")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_HEADER = f"""\
# Written by `hakgal-console sandbox`, for a practice world that ends with its process; it is not kept.
# It is {{source}}
# with these changes:
#   - its environments are replaced by {{places}}, whose addresses are those of this process;
#   - what the console writes (journal, samples, bypass log) is kept beside this file and not among the real ones;
#   - ranges in queries are shortened to [{RANGE}] and the grid of metrics to {{step}}, so that an alert fires
#     within seconds of its cause and clears within a minute of its end. Rates per hour keep their meaning: they are
#     what an hour would bring at the present pace;
#   - limits that this world cannot reach are others: {{limits}}.
"""


class NoSystem(Exception):
    """The system's file cannot be used; the message says which one, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where one environment of a running sandbox is. prometheus_url: None where none runs."""

    name: str
    stands_for: str
    namespace: str
    secrets_file: Path
    log: Path
    gateway_url: str
    redis_port: int
    prometheus_url: str | None


@dataclass(frozen=True, slots=True)
class Places:
    """The addresses of a running sandbox.

    alertmanager_url: None where none runs. tools: the folder of stand-ins for PATH. speed: how much faster rollouts
    run, or None for the clock's own pace.
    """

    kubeconfig: Path
    context: str
    control_url: str
    alertmanager_url: str | None
    environments: tuple[Address, ...]
    tools: Path
    speed: int | None

    @property
    def is_fast(self) -> bool:
        """Whether phases pass within seconds."""
        return (self.speed or 1) >= FAST


def find_system(name_or_path: str) -> Path:
    """The system.yaml of a shipped system, a folder or a file. Raises NoSystem."""
    found = importlib.util.find_spec("runbooks")
    shipped = [Path(place) for place in (found.submodule_search_locations or ())] if found else []
    given = Path(name_or_path).expanduser()
    for candidate in (*(folder / name_or_path / "system.yaml" for folder in shipped), given / "system.yaml", given):
        if candidate.is_file():
            return candidate.absolute()
    names = sorted(path.parent.name for folder in shipped for path in folder.glob("*/system.yaml"))
    raise NoSystem(f"There is no system {name_or_path!r} for a sandbox; known: {', '.join(names)}, or give a path.")


def read_system(path: Path) -> dict[str, Any]:
    """A system.yaml as plain values. Raises NoSystem where it cannot be read or describes none."""
    try:
        found = yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, yaml.YAMLError) as error:
        raise NoSystem(f"{path} cannot be read: {error}. Run `hakgal-console check {path}`.") from error
    if not isinstance(found, dict) or "name" not in found:
        raise NoSystem(f"{path} does not describe a system. Run `hakgal-console check {path}`.")
    return found


def write_system(system: dict[str, Any], source: Path, world: WorldFile, places: Places, target: Path) -> None:
    """Write the sandbox's system.yaml to `target`. Raises NoSystem where it stands for an environment there is not."""
    described = dict(system)
    runbooks = source.parent / str(system.get("runbooks", "."))
    described["runbooks"] = str(runbooks.resolve())
    described["state"] = str(target.parent / "state")
    environments = system.get("environments") or {}
    for place in places.environments:
        if place.stands_for not in environments:
            raise NoSystem(f"{world.path}: places.{place.name}: {source} has no environment {place.stands_for!r}.")
    described["environments"] = {
        place.name: _environment(environments[place.stands_for], place, world, places) for place in places.environments
    }
    step = FAST_STEP if places.is_fast else STEP
    quick = _quick if places.speed is None else _quick_all
    described["metrics"] = {name: quick(metric, step) for name, metric in (system.get("metrics") or {}).items()}
    described["alerts"] = {
        name: {**alert, "when": fitting(str(alert.get("when", "")), world.limits)}
        for name, alert in (system.get("alerts") or {}).items()
    }
    if places.speed is not None:
        described["pace"] = {"speed": places.speed, "since": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
    text = _HEADER.format(
        source=source,
        step=step,
        places=" and ".join(f"`{place.name}`" for place in places.environments),
        limits=", ".join(f"{name} {limit}" for name, limit in world.limits.items()) or "none",
    )
    text += yaml.dump(described, sort_keys=False, allow_unicode=True, width=120)
    target.write_text(text, encoding="utf-8")


def write_plans(source: Path, world: WorldFile, fills: Mapping[str, str], target: Path) -> list[Path]:
    """Write copies of the system's plans into the folder `target`; gives their paths.

    Environments have their names here, the version is this world's target, settings of the sandbox.yaml are filled in,
    and limits fit. fills: what `{gateway}` and the like are in a setting's text. All of it is done to the text, so that
    comments and order stay.
    """
    written: list[Path] = []
    for path in sorted(source.parent.glob("*.rollout.yaml")):
        text = path.read_text(encoding="utf-8")
        for place in world.places:
            text = renamed(text, place.stands_for, place.name)
        text = re.sub(r"(?m)^version:.*$", f"version: {world.target}", text)
        for name, told in world.settings.items():
            value = filled(told, fills).replace("\\", r"\\")
            text = re.sub(rf"\$\{{{re.escape(name)}(:-[^{{}}]*)?\}}", value, text)
        for old, told in world.replace.items():
            text = text.replace(old, filled(told, fills))
        copy = target / path.name
        copy.write_text(fitting(text, world.limits), encoding="utf-8")
        written.append(copy)
    return written


def renamed(text: str, old: str, new: str) -> str:
    """A plan's text with an environment's name replaced where environments are named."""
    text = re.sub(rf"\b(environment:\s*){re.escape(old)}(?=[\s,}}]|$)", rf"\g<1>{new}", text)

    def inside(found: re.Match[str]) -> str:
        return re.sub(rf"(?<![\w-]){re.escape(old)}(?![\w-])", new, found[0])

    return re.sub(r"separate_redis:\s*\[[^\]]*\]", inside, text)


def fitting(text: str, limits: Mapping[str, str]) -> str:
    """A condition, or a text with conditions, whose limits are those that this world can reach."""
    for name, limit in limits.items():
        text = re.sub(rf"\b({re.escape(name)}\s*[<>]=?\s*)(\$\{{[^}}]*\}}|[\w.]+%?)", rf"\g<1>{limit}", text)
    return text


def filled(told: str, fills: Mapping[str, str]) -> str:
    """A setting's text with `{gateway}` and the like replaced."""
    for name, value in fills.items():
        told = told.replace(f"{{{name}}}", value)
    return told


def shorten(query: str) -> str:
    """A query whose ranges are at most RANGE."""

    def shorter(found: re.Match[str]) -> str:
        long = int(found[1]) * _SECONDS[found[2]] > _SECONDS["s"] * int(RANGE[:-1])
        return f"[{RANGE}{found[3] or ''}]" if long else found[0]

    return _DURATION.sub(shorter, query)


def _quick(metric: dict[str, Any], step: str) -> dict[str, Any]:
    if "promql" not in metric:
        return metric
    return {**metric, "promql": shorten(str(metric["promql"]).strip()), "step": step}


def _quick_all(metric: dict[str, Any], step: str) -> dict[str, Any]:
    """The same, and what the console reads itself; sessions are only counted now and then."""
    return _quick(metric, step) if "promql" in metric or metric.get("redis") == "sessions" else {**metric, "step": step}


def _environment(source: dict[str, Any], place: Address, world: WorldFile, places: Places) -> dict[str, Any]:
    described: dict[str, Any] = {"tone": "sandbox", "target": world.target, "secrets_file": str(place.secrets_file)}
    if "kubernetes" in source:
        described["kubernetes"] = {
            "kubeconfig": str(places.kubeconfig),
            "context": places.context,
            "namespace": place.namespace,
            "workloads": source["kubernetes"].get("workloads", []),
        }
    if "redis" in source:
        described["redis"] = {
            "host": "${REDIS_CLOUD_HOST}",
            "port": "${REDIS_CLOUD_PORT}",
            "username": "${REDIS_CLOUD_USERNAME}",
            "password": "${REDIS_CLOUD_PASSWORD}",
            "tls": False,
        }
    logs = [{"file": str(place.log)}]
    every = FAST_CHECKED if places.is_fast else CHECKED
    described |= {
        "scrape": {
            "discovery": f"{places.control_url}/targets/{place.name}",
            "every": FAST_SCRAPED if places.is_fast else SCRAPED,
        },
        "logs": [*logs, {"pods": True}] if "kubernetes" in source else logs,
        "health": {name: _check(check, place, every) for name, check in (source.get("health") or {}).items()},
        "faults": places.control_url,
        "tools": [str(places.tools)],
    }
    if place.prometheus_url:
        described["prometheus"] = {"url": place.prometheus_url}
    if places.alertmanager_url:
        described["alertmanager"] = places.alertmanager_url
    return described


def _check(check: Mapping[str, Any], place: Address, every: str) -> dict[str, Any]:
    """A health check of the same path here; one that only connects, connects to Redis."""
    url = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(check.get("url", "")))
    here = f"tcp://127.0.0.1:{place.redis_port}" if url.startswith("tcp:") else place.gateway_url + urlsplit(url).path
    return {"url": here, "every": every, "timeout": "1s"}

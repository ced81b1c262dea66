"""The system.yaml of a sandbox: the shipped one with its places replaced by the one place that is here."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

RANGE = "30s"
STEP = "2s"
MEMORY_LIMIT = "100MB"
_DURATION = re.compile(r"\[(\d+)(ms|s|m|h|d)(:[^\]]*)?\]")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_HEADER = f"""\
# Written by `hakgal-console sandbox`, for a practice world that ends with its process; it is not kept.
# It is {{source}}
# with these changes:
#   - its environments are replaced by one, `sandbox`, whose addresses are those of this process;
#   - what the console writes (journal, samples, bypass log) is kept beside this file and not among the real ones;
#   - ranges in queries are shortened to [{RANGE}] and the grid of those metrics to {STEP}, so that an alert fires
#     within seconds of its cause and clears within a minute of its end. Rates per hour keep their meaning: they are
#     what an hour would bring at the present pace;
#   - the limit of `redis_memory` is {MEMORY_LIMIT}, because this Redis has a `maxmemory` of 128 MB.
"""


class NoSystem(Exception):
    """The system's file cannot be used; the message says which one, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Places:
    """The addresses of a running sandbox. prometheus, alertmanager: None where they do not run."""

    kubeconfig: Path
    context: str
    namespace: str
    secrets_file: Path
    log: Path
    control_url: str
    gateway_url: str
    prometheus_url: str | None
    alertmanager_url: str | None
    target: str


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
    """A system.yaml as plain values. Raises NoSystem where it cannot be read or has no bypass and sessions to serve."""
    try:
        found = yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, yaml.YAMLError) as error:
        raise NoSystem(f"{path} cannot be read: {error}. Run `hakgal-console check {path}`.") from error
    if not isinstance(found, dict) or "name" not in found:
        raise NoSystem(f"{path} does not describe a system. Run `hakgal-console check {path}`.")
    if found["name"] != "hak-gal":
        raise NoSystem(f"The sandbox's sample app is hak-gal's firewall; it cannot stand for {found['name']} ({path}).")
    return found


def write_system(system: dict[str, Any], source: Path, places: Places, target: Path) -> None:
    """Write the sandbox's system.yaml to `target`."""
    described = dict(system)
    runbooks = source.parent / str(system.get("runbooks", "."))
    described["runbooks"] = str(runbooks.resolve())
    described["state"] = str(target.parent / "state")
    described["environments"] = {"sandbox": _environment(places)}
    described["metrics"] = {name: _quick(metric) for name, metric in (system.get("metrics") or {}).items()}
    described["alerts"] = {name: _fitting(alert) for name, alert in (system.get("alerts") or {}).items()}
    text = _HEADER.format(source=source) + yaml.dump(described, sort_keys=False, allow_unicode=True, width=120)
    target.write_text(text, encoding="utf-8")


def shorten(query: str) -> str:
    """A query whose ranges are at most RANGE."""

    def shorter(found: re.Match[str]) -> str:
        long = int(found[1]) * _SECONDS[found[2]] > _SECONDS["s"] * int(RANGE[:-1])
        return f"[{RANGE}{found[3] or ''}]" if long else found[0]

    return _DURATION.sub(shorter, query)


def _quick(metric: dict[str, Any]) -> dict[str, Any]:
    if "promql" not in metric:
        return metric
    return {**metric, "promql": shorten(str(metric["promql"]).strip()), "step": STEP}


def _fitting(alert: dict[str, Any]) -> dict[str, Any]:
    when = re.sub(r"^(redis_memory\s*>\s*)\S+", rf"\g<1>{MEMORY_LIMIT}", str(alert.get("when", "")))
    return {**alert, "when": when}


def _environment(places: Places) -> dict[str, Any]:
    described: dict[str, Any] = {
        "tone": "sandbox",
        "target": places.target,
        "secrets_file": str(places.secrets_file),
        "kubernetes": {
            "kubeconfig": str(places.kubeconfig),
            "context": places.context,
            "namespace": places.namespace,
            "workloads": [{"deployment": "hak-gal", "container": "hak-gal"}],
        },
        "redis": {
            "host": "${REDIS_CLOUD_HOST}",
            "port": "${REDIS_CLOUD_PORT}",
            "username": "${REDIS_CLOUD_USERNAME}",
            "password": "${REDIS_CLOUD_PASSWORD}",
            "tls": False,
        },
        "scrape": {"discovery": f"{places.control_url}/targets", "every": "2s"},
        "logs": [{"file": str(places.log)}, {"pods": True}],
        "health": {"gateway": {"url": f"{places.gateway_url}/healthz", "every": "2s", "timeout": "1s"}},
        "faults": places.control_url,
    }
    if places.prometheus_url:
        described["prometheus"] = {"url": places.prometheus_url}
    if places.alertmanager_url:
        described["alertmanager"] = places.alertmanager_url
    return described

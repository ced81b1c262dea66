"""The environment of a container, as the kubelet makes it from the pod, ConfigMaps and Secrets."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping

from console.sandbox.kube.api import Api
from console.sandbox.kube.kinds import CONFIG_MAPS, SECRETS, Kind
from console.sandbox.kube.objects import Obj, namespace_of

_REFERENCE = re.compile(r"\$(\$|\(([A-Za-z_.-][A-Za-z0-9_.-]*)\))")
_SUBSCRIPT = re.compile(r"(metadata\.(?:labels|annotations))\['(.+)'\]")


class ConfigurationError(Exception):
    """A ConfigMap, Secret or key that the environment needs is missing; the message is the kubelet's."""


def environment(api: Api, pod: Obj, container: Obj) -> dict[str, str]:
    """Name to value: envFrom, then env in order, with `$(NAME)` of earlier ones replaced. Raises ConfigurationError."""
    result: dict[str, str] = {}
    namespace = namespace_of(pod)
    for source in container.get("envFrom") or ():
        prefix = source.get("prefix", "")
        for field, kind in (("configMapRef", CONFIG_MAPS), ("secretRef", SECRETS)):
            if reference := source.get(field):
                data = _data(api, kind, namespace, reference)
                result |= {f"{prefix}{key}": value for key, value in data.items()}
    for variable in container.get("env") or ():
        if origin := variable.get("valueFrom"):
            value = _from(api, pod, origin)
            if value is not None:
                result[variable["name"]] = value
        else:
            result[variable["name"]] = _expanded(variable.get("value", ""), result)
    return result


def _data(api: Api, kind: Kind, namespace: str, reference: Obj) -> dict[str, str]:
    found = api.find(kind, namespace, reference["name"])
    if found is None:
        if reference.get("optional"):
            return {}
        raise ConfigurationError(f'{kind.name.lower()} "{reference["name"]}" not found')
    data: dict[str, str] = found.get("data") or {}
    if kind is SECRETS:
        return {key: base64.b64decode(value).decode(errors="replace") for key, value in data.items()}
    return data


def _from(api: Api, pod: Obj, origin: Obj) -> str | None:
    for field, kind in (("configMapKeyRef", CONFIG_MAPS), ("secretKeyRef", SECRETS)):
        if reference := origin.get(field):
            data = _data(api, kind, namespace_of(pod), reference)
            if reference["key"] not in data:
                if reference.get("optional"):
                    return None
                name = f"{namespace_of(pod)}/{reference['name']}"
                raise ConfigurationError(f"couldn't find key {reference['key']} in {kind.name} {name}")
            return data[reference["key"]]
    if reference := origin.get("fieldRef"):
        return _field(pod, reference["fieldPath"])
    return None


def _field(pod: Obj, path: str) -> str:
    if found := _SUBSCRIPT.fullmatch(path):
        part = found[1].partition(".")[2]
        return str((pod["metadata"].get(part) or {}).get(found[2], ""))
    value: object = pod
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return "" if value is None else str(value)


def _expanded(text: str, known: Mapping[str, str]) -> str:
    def replace(found: re.Match[str]) -> str:
        return "$" if found[1] == "$" else known.get(found[2], found[0])

    return _REFERENCE.sub(replace, text)

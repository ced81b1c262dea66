"""Pod templates of a version: its image, its environment variables, and every other field as it was."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from console.actions.strategies.base import ROLLOUT, Asked
from console.actions.strategies.writing import annotation, pointer
from console.core.operations import Refused
from console.systems.kubernetes_objects import template_text

Json = dict[str, Any]

SETTINGS = "hakgal-console/settings"
"""Annotation: what this rollout has set so far, as a JSON object; later phases keep it until they set it anew."""


def container_of(template: Mapping[str, Any], container: str | None) -> Json:
    """The named container of a template, the first one where None. Raises Refused where there is none of that name."""
    containers = (template.get("spec") or {}).get("containers") or []
    found = next((each for each in containers if container is None or each.get("name") == container), None)
    if found is None:
        names = ", ".join(str(each.get("name")) for each in containers) or "none"
        raise Refused(
            f"there is no container {container}; there are {names}: name one of these as `container` in the plan"
        )
    return dict(found)


def image_of(template: Mapping[str, Any], container: str | None, version: str) -> str:
    """The container's image with its tag (or digest, for `sha256:…`) replaced by `version`."""
    name = str(container_of(template, container).get("image", "")).partition("@")[0]
    folder, slash, last = name.rpartition("/")
    joint = "@" if version.startswith("sha256:") else ":"
    return f"{folder}{slash}{last.partition(':')[0]}{joint}{version}"


def runs(template: Mapping[str, Any], container: str | None, version: str) -> bool:
    """Whether the template is of that version."""
    return container_of(template, container).get("image") == image_of(template, container, version)


def with_settings(
    template: Mapping[str, Any], container: str | None, values: Iterable[tuple[str, str]], *, where: str
) -> Json:
    """The template with these environment variables on the container; every other field stays as it is.

    where: whose template it is, for errors. Raises Refused where a variable is read from a ConfigMap, a Secret or a
    field: a literal would hide that source from whoever looks there.
    """
    changed: Json = json.loads(json.dumps(template))
    name = container_of(changed, container)["name"]
    chosen = next(each for each in changed["spec"]["containers"] if each["name"] == name)
    for key, value in values:
        variables = chosen.get("env") or []
        # Of two of one name the last one counts.
        place = max((index for index, each in enumerate(variables) if each.get("name") == key), default=None)
        if place is not None and (source := variables[place].get("valueFrom")):
            raise Refused(
                f"{key} of container {name} of {where} is read from {_source(source)}, and a literal value would hide "
                "that; change it there, or give it a plain value in the manifest first"
            )
        # The server leaves an empty value out.
        variable = {"name": key, "value": value} if value else {"name": key}
        if place is None:
            chosen["env"] = [*variables, variable]
        else:
            variables[place] = variable
    return changed


def released(
    template: Mapping[str, Any], container: str | None, version: str, values: Mapping[str, str], *, where: str
) -> Json:
    """The template with the image of that version and these environment variables; raises as `with_settings`."""
    changed = with_settings(template, container, values.items(), where=where)
    name = container_of(changed, container)["name"]
    chosen = next(each for each in changed["spec"]["containers"] if each["name"] == name)
    chosen["image"] = image_of(template, container, version)
    return changed


def settings_of(live: Mapping[str, Any] | None, asked: Asked) -> dict[str, str]:
    """What this rollout has set on the object so far, with what is asked now."""
    kept: dict[str, str] = {}
    if live is not None and annotation(dict(live), ROLLOUT) == asked.rollout:
        try:
            found = json.loads(annotation(dict(live), SETTINGS) or "{}")
        except ValueError:
            found = {}
        kept = {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}
    return kept | dict(asked.settings)


def annotated(live: Mapping[str, Any], values: Mapping[str, str]) -> list[Json]:
    """The JSON patch operations that give the object these annotations; an empty value takes one away. They go before
    others of one patch and after the writer's own marks, which make sure that there are annotations.
    """
    found = (live.get("metadata") or {}).get("annotations") or {}
    operations: list[Json] = []
    for key, value in values.items():
        path = pointer("metadata", "annotations", key)
        if value and found.get(key) != value:
            operations.append({"op": "add", "path": path, "value": value})
        elif not value and key in found:
            operations.append({"op": "remove", "path": path})
    return operations


def settings_text(values: Mapping[str, str]) -> str:
    """As the annotation holds them; empty for none."""
    return json.dumps(dict(values), sort_keys=True) if values else ""


def retemplated(live: Mapping[str, Any], template: Mapping[str, Any]) -> list[Json]:
    """The operations that give a Deployment this template; none where it has it. A paused rollout is resumed, for it
    would keep the template from taking effect.
    """
    operations: list[Json] = []
    if template_text(live["spec"]["template"]) != template_text(dict(template)):
        operations.append({"op": "replace", "path": "/spec/template", "value": dict(template)})
    if live["spec"].get("paused"):
        operations.append({"op": "remove", "path": "/spec/paused"})
    return operations


def _source(source: Mapping[str, Any]) -> str:
    for kind, word in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
        if found := source.get(kind):
            return f"{word} {found.get('name')} ({found.get('key')})"
    field = source.get("fieldRef") or source.get("resourceFieldRef") or {}
    return f"the field {field.get('fieldPath') or field.get('resource') or 'of the pod'}"

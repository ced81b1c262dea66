"""What the server can do, told to clients: groups, resources, versions, and the OpenAPI that kubectl asks for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from console.sandbox.kube.kinds import VERBS, Kind, Kinds
from console.sandbox.kube.objects import Obj

VERSION: Obj = {
    "major": "1",
    "minor": "32",
    "gitVersion": "v1.32.4+hakgal-sandbox",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "2025-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "linux/amd64",
}


@dataclass(frozen=True, slots=True)
class _Review:
    """A kind that is only ever posted."""

    group: str
    version: str
    name: str
    plural: str


REVIEWS = (
    _Review("authorization.k8s.io", "v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews"),
    _Review("authorization.k8s.io", "v1", "SelfSubjectRulesReview", "selfsubjectrulesreviews"),
    _Review("authentication.k8s.io", "v1", "SelfSubjectReview", "selfsubjectreviews"),
)
_PARTS = {
    "status": ("", "", ("get", "patch", "update")),
    "scale": ("autoscaling/v1", "Scale", ("get", "patch", "update")),
    "log": ("", "", ("get",)),
    "exec": ("", "PodExecOptions", ("create", "get")),
    "eviction": ("policy/v1", "Eviction", ("create",)),
    "binding": ("v1", "Binding", ("create",)),
    "finalize": ("", "", ("update",)),
}


def groups(kinds: Kinds) -> dict[str, tuple[str, ...]]:
    """Group to versions, reviews included, the core group first."""
    found = dict(kinds.groups())
    for review in REVIEWS:
        found.setdefault(review.group, (review.version,))
    return found


def _group(name: str, versions: tuple[str, ...]) -> Obj:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def api_versions() -> Obj:
    """GET /api."""
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}


def api_groups(kinds: Kinds) -> Obj:
    """GET /apis."""
    named = [_group(name, versions) for name, versions in groups(kinds).items() if name]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": named}


def api_group(kinds: Kinds, name: str) -> Obj | None:
    """GET /apis/{group}."""
    versions = groups(kinds).get(name)
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, versions)} if versions and name else None


def _of(kinds: Kinds, group: str, version: str) -> Iterator[Kind]:
    return (kind for kind in kinds if kind.group == group and kind.version == version)


def resources(kinds: Kinds, group: str, version: str) -> Obj | None:
    """GET /api/v1 and /apis/{group}/{version}."""
    if version not in groups(kinds).get(group, ()):
        return None
    listed: list[Obj] = []
    for kind in _of(kinds, group, version):
        entry: Obj = {
            "name": kind.plural,
            "singularName": kind.name.lower(),
            "namespaced": kind.namespaced,
            "kind": kind.name,
            "verbs": list(VERBS),
        }
        if kind.short:
            entry["shortNames"] = list(kind.short)
        if kind.categories:
            entry["categories"] = list(kind.categories)
        listed.append(entry)
        for part in kind.subresources:
            api_version, name, verbs = _PARTS[part]
            sub: Obj = {
                "name": f"{kind.plural}/{part}",
                "singularName": "",
                "namespaced": kind.namespaced,
                "kind": name or kind.name,
                "verbs": list(verbs),
            }
            if api_version:
                sub["group"], _, sub["version"] = api_version.rpartition("/")
            listed.append(sub)
    listed += [
        {"name": review.plural, "singularName": "", "namespaced": False, "kind": review.name, "verbs": ["create"]}
        for review in REVIEWS
        if (review.group, review.version) == (group, version)
    ]
    group_version = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": listed}


def _aggregated_resource(entry: Obj, group: str, version: str, parts: list[Obj]) -> Obj:
    name = entry["name"]
    result: Obj = {
        "resource": name,
        "responseKind": {"group": group, "version": version, "kind": entry["kind"]},
        "scope": "Namespaced" if entry["namespaced"] else "Cluster",
        "singularResource": entry["singularName"],
        "verbs": entry["verbs"],
    }
    for field in ("shortNames", "categories"):
        if field in entry:
            result[field] = entry[field]
    subresources = [
        {
            "subresource": part["name"].partition("/")[2],
            "responseKind": {
                "group": part.get("group", group),
                "version": part.get("version", version),
                "kind": part["kind"],
            },
            "verbs": part["verbs"],
        }
        for part in parts
        if part["name"].startswith(f"{name}/")
    ]
    if subresources:
        result["subresources"] = subresources
    return result


def aggregated(kinds: Kinds, *, core: bool, version: str) -> Obj:
    """GET /api or /apis as an APIGroupDiscoveryList of apidiscovery.k8s.io/`version`."""
    items: list[Obj] = []
    for group, versions in groups(kinds).items():
        if (group == "") is not core:
            continue
        listed: list[Obj] = []
        for name in versions:
            entries: list[Obj] = (resources(kinds, group, name) or {}).get("resources", [])
            parts = [entry for entry in entries if "/" in entry["name"]]
            whole = [_aggregated_resource(entry, group, name, parts) for entry in entries if "/" not in entry["name"]]
            listed.append({"version": name, "resources": whole, "freshness": "Current"})
        items.append({"metadata": {"name": group, "creationTimestamp": None}, "versions": listed})
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"apidiscovery.k8s.io/{version}",
        "metadata": {},
        "items": items,
    }


def openapi_index(kinds: Kinds) -> Obj:
    """GET /openapi/v3."""
    paths: dict[str, Any] = {}
    for group, versions in groups(kinds).items():
        for version in versions:
            path = f"apis/{group}/{version}" if group else f"api/{version}"
            paths[path] = {"serverRelativeURL": f"/openapi/v3/{path}"}
    return {"paths": paths}


def openapi(kinds: Kinds, group: str, version: str) -> Obj | None:
    """GET /openapi/v3/{path}: which kinds can be patched, and with which query parameters; no schemas of fields."""
    if version not in groups(kinds).get(group, ()):
        return None
    root = f"/apis/{group}/{version}" if group else f"/api/{version}"
    parameters = [
        {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
        for name in ("dryRun", "fieldManager", "fieldValidation")
    ]
    paths: dict[str, Any] = {}
    for kind in _of(kinds, group, version):
        place = "/namespaces/{namespace}" if kind.namespaced else ""
        paths[f"{root}{place}/{kind.plural}/{{name}}"] = {
            "patch": {
                "operationId": f"patch{kind.name}",
                "parameters": parameters,
                "responses": {"200": {"description": "OK"}},
                "x-kubernetes-action": "patch",
                "x-kubernetes-group-version-kind": {
                    "group": kind.group,
                    "version": kind.version,
                    "kind": kind.name,
                },
            }
        }
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": VERSION["gitVersion"]},
        "paths": paths,
        "components": {"schemas": {}},
    }

"""Label selectors, as text and as objects, and field selectors."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from console.sandbox.kube.errors import bad_request
from console.sandbox.kube.objects import Obj, labels_of

Match = Callable[[Obj], bool]

_KEY = r"[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?"
_REQUIREMENT = re.compile(
    rf"\s*(?:(?P<absent>!)\s*(?P<gone>{_KEY})"
    rf"|(?P<key>{_KEY})\s*(?:(?P<op>==|=|!=|>|<)\s*(?P<value>[-A-Za-z0-9_.]*)"
    rf"|\s(?P<set>in|notin)\s*\((?P<values>[^)]*)\))?)\s*$"
)
_NOTHING: Match = lambda _obj: False  # noqa: E731
_ANYTHING: Match = lambda _obj: True  # noqa: E731


def _requirement(key: str, operator: str, values: frozenset[str]) -> Match:
    def matches(obj: Obj) -> bool:
        labels = labels_of(obj)
        if operator == "Exists":
            return key in labels
        if operator == "DoesNotExist":
            return key not in labels
        if operator == "In":
            return labels.get(key) in values
        if operator == "NotIn":
            return labels.get(key) not in values
        try:
            have, limit = int(labels[key]), int(next(iter(values)))
        except (KeyError, ValueError):
            return False
        return have > limit if operator == "Gt" else have < limit

    return matches


def _split(text: str) -> list[str]:
    return [part for part in re.split(r",(?![^(]*\))", text) if part.strip()]


def label_selector(text: str) -> Match:
    """The test a labelSelector parameter stands for; raises ApiError 400."""
    tests: list[Match] = []
    for part in _split(text):
        found = _REQUIREMENT.match(part)
        if found is None:
            raise bad_request(f"unable to parse requirement: found '{part.strip()}', expected: a label selector")
        if found["absent"]:
            tests.append(_requirement(found["gone"], "DoesNotExist", frozenset()))
        elif found["set"]:
            values = frozenset(value.strip() for value in found["values"].split(","))
            tests.append(_requirement(found["key"], "In" if found["set"] == "in" else "NotIn", values))
        elif found["op"]:
            operator = {"=": "In", "==": "In", "!=": "NotIn", ">": "Gt", "<": "Lt"}[found["op"]]
            tests.append(_requirement(found["key"], operator, frozenset({found["value"]})))
        else:
            tests.append(_requirement(found["key"], "Exists", frozenset()))
    return (lambda obj: all(test(obj) for test in tests)) if tests else _ANYTHING


def object_selector(selector: Obj | None) -> Match:
    """The test a LabelSelector object stands for: none matches nothing, an empty one matches everything."""
    if selector is None:
        return _NOTHING
    tests = [_requirement(key, "In", frozenset({value})) for key, value in (selector.get("matchLabels") or {}).items()]
    for expression in selector.get("matchExpressions") or ():
        values = frozenset(expression.get("values") or ())
        tests.append(_requirement(expression["key"], expression["operator"], values))
    return lambda obj: all(test(obj) for test in tests)


def map_selector(selector: Mapping[str, str] | None) -> Match:
    """The test a Service's selector stands for; none or an empty one matches nothing."""
    return object_selector({"matchLabels": dict(selector)}) if selector else _NOTHING


def selector_text(selector: Obj | None) -> str:
    """A LabelSelector object as a labelSelector parameter."""
    if not selector:
        return ""
    parts = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for expression in selector.get("matchExpressions") or ():
        key, operator = expression["key"], expression["operator"]
        if operator == "Exists":
            parts.append(key)
        elif operator == "DoesNotExist":
            parts.append(f"!{key}")
        else:
            word = "in" if operator == "In" else "notin"
            parts.append(f"{key} {word} ({','.join(sorted(expression.get('values') or ()))})")
    return ",".join(parts)


_METADATA_FIELDS = ("metadata.name", "metadata.namespace")
_INVOLVED = tuple(
    f"involvedObject.{part}"
    for part in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
)
FIELDS: Mapping[str, tuple[str, ...]] = {
    "pods": (
        "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork",
        "status.phase", "status.podIP", "status.nominatedNodeName",
    ),
    "events": (*_INVOLVED, "reason", "reportingComponent", "source", "type"),
    "namespaces": ("status.phase",),
    "nodes": ("spec.unschedulable",),
    "secrets": ("type",),
    "replicasets.apps": ("status.replicas",),
    "jobs.batch": ("status.successful",),
}  # fmt: skip


def _field(obj: Obj, path: str) -> str:
    value: object = obj
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if path == "source":
        value = (obj.get("source") or {}).get("component") or obj.get("reportingComponent")
    elif path == "reportingComponent":
        value = obj.get("reportingComponent") or (obj.get("source") or {}).get("component")
    if value is None:
        return "false" if path in ("spec.unschedulable", "spec.hostNetwork") else ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _term(path: str, wanted: str, *, equal: bool) -> Match:
    return lambda obj: (_field(obj, path) == wanted) is equal


def field_selector(text: str, store: str) -> Match:
    """The test a fieldSelector parameter stands for; raises ApiError 400 for fields the kind cannot be selected by."""
    tests: list[Match] = []
    for part in _split(text):
        path, operator, wanted = re.match(r"\s*([^=!\s]*)\s*(==|=|!=)?\s*(.*?)\s*$", part).groups()  # type: ignore[union-attr]
        if operator is None:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{part}'")
        if path.startswith("regarding.") and store == "events":
            path = path.replace("regarding.", "involvedObject.", 1)
        if path not in _METADATA_FIELDS and path not in FIELDS.get(store, ()):
            raise bad_request(f'field label not supported: "{path}"')
        tests.append(_term(path, wanted, equal=operator != "!="))
    return (lambda obj: all(test(obj) for test in tests)) if tests else _ANYTHING

"""What a real API server refuses: names, required fields, selectors, immutable fields."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from console.sandbox.kube.errors import Cause, bad_request
from console.sandbox.kube.kinds import Kind
from console.sandbox.kube.objects import Obj
from console.sandbox.kube.selectors import object_selector

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_SERVICE_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_QUALIFIED = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_MOST_WEIGHT = 1_000_000
_QUANTITY = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?")

_SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_SERVICE_RULE = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
    "and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
    "'[a-z]([-a-z0-9]*[a-z0-9])?')"
)
_PERCENT_RULE = (
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for "
    "validation is '[0-9]+%')"
)


def _shown(value: Any) -> str:
    return json.dumps(value) if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))


def required(field: str, detail: str = "") -> Cause:
    """A field that is missing."""
    return Cause(field, "FieldValueRequired", f"Required value{': ' + detail if detail else ''}")


def wrong(field: str, value: Any, detail: str) -> Cause:
    """A field with an impossible value."""
    return Cause(field, "FieldValueInvalid", f"Invalid value: {_shown(value)}: {detail}")


def unsupported(field: str, value: Any, supported: tuple[str, ...]) -> Cause:
    """A field with a word that is not one of its words."""
    listed = ", ".join(f'"{item}"' for item in supported)
    return Cause(field, "FieldValueNotSupported", f"Unsupported value: {_shown(value)}: supported values: {listed}")


def _name_rule(kind: Kind) -> tuple[re.Pattern[str], int, str]:
    if kind.resource == "services":
        return _SERVICE_NAME, 63, _SERVICE_RULE
    if kind.resource == "namespaces":
        return _LABEL, 63, _LABEL_RULE
    return _SUBDOMAIN, 253, _SUBDOMAIN_RULE


def check_metadata(kind: Kind, obj: Obj) -> list[Cause]:
    """What is wrong with the metadata."""
    causes: list[Cause] = []
    metadata = obj["metadata"]
    name = metadata.get("name") or ""
    pattern, longest, rule = _name_rule(kind)
    if not name:
        causes.append(required("metadata.name", "name or generateName is required"))
    elif len(name) > longest:
        causes.append(wrong("metadata.name", name, f"must be no more than {longest} characters"))
    elif not pattern.fullmatch(name):
        causes.append(wrong("metadata.name", name, rule))
    causes += _labels(metadata.get("labels"), "metadata.labels")
    for key in metadata.get("annotations") or {}:
        if not _QUALIFIED.fullmatch(key.lower()):
            causes.append(wrong("metadata.annotations", key, "name part must consist of alphanumeric characters"))
    return causes


def _labels(labels: Mapping[str, Any] | None, field: str) -> list[Cause]:
    causes: list[Cause] = []
    for key, value in (labels or {}).items():
        if not _QUALIFIED.fullmatch(key):
            causes.append(wrong(field, key, "name part must consist of alphanumeric characters, '-', '_' or '.'"))
        if not _LABEL_VALUE.fullmatch(value):
            causes.append(
                wrong(
                    field,
                    value,
                    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.'",
                )
            )
    return causes


def check_types(kind: Kind, obj: Any) -> None:
    """Refuse what a typed decoder refuses; raises ApiError 400."""

    def refuse(field: str, have: Any, want: str) -> None:
        word = {bool: "bool", str: "string", int: "number", float: "number", list: "array", dict: "object"}[type(have)]
        raise bad_request(
            f'{kind.name} in version "{kind.version}" cannot be handled as a {kind.name}: json: cannot unmarshal '
            f"{word} into Go struct field {field} of type {want}"
        )

    for part in ("metadata", "spec", "status"):
        if not isinstance(obj.get(part) or {}, dict):
            refuse(f"{kind.name}.{part}", obj[part], kind.name)
    metadata = obj.get("metadata") or {}
    for part in ("labels", "annotations"):
        if not isinstance(metadata.get(part) or {}, dict):
            refuse(f"ObjectMeta.metadata.{part}", metadata[part], "map[string]string")
        for value in (metadata.get(part) or {}).values():
            if value is not None and not isinstance(value, str):
                refuse(f"ObjectMeta.metadata.{part}", value, "string")
    spec = obj.get("spec") or {}
    for part in ("replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds", "maxReplicas"):
        value = spec.get(part)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            refuse(f"{kind.name}Spec.spec.{part}", value, "int32")
    template = spec.get("template") if isinstance(spec.get("template"), dict) else {}
    for pod in (spec, (template or {}).get("spec") or {}):
        for container in pod.get("containers") or ():
            if not isinstance(container, dict):
                refuse("PodSpec.containers", container, "v1.Container")
            for variable in container.get("env") or ():
                value = variable.get("value") if isinstance(variable, dict) else None
                if value is not None and not isinstance(value, str):
                    refuse("EnvVar.spec.template.spec.containers.env.value", value, "string")


def _pod_spec(spec: Obj, field: str) -> list[Cause]:
    causes: list[Cause] = []
    containers = spec.get("containers") or []
    if not containers:
        causes.append(required(f"{field}.containers"))
    seen: set[str] = set()
    for index, container in enumerate(containers):
        at = f"{field}.containers[{index}]"
        name = container.get("name") or ""
        if not name:
            causes.append(required(f"{at}.name"))
        elif not _LABEL.fullmatch(name) or len(name) > 63:
            causes.append(wrong(f"{at}.name", name, _LABEL_RULE))
        elif name in seen:
            causes.append(Cause(f"{at}.name", "FieldValueDuplicate", f"Duplicate value: {_shown(name)}"))
        seen.add(name)
        if not container.get("image"):
            causes.append(required(f"{at}.image"))
        elif container["image"] != container["image"].strip():
            causes.append(wrong(f"{at}.image", container["image"], "must not have leading or trailing whitespace"))
        for number, variable in enumerate(container.get("env") or ()):
            if not variable.get("name"):
                causes.append(required(f"{at}.env[{number}].name"))
        for number, port in enumerate(container.get("ports") or ()):
            value = port.get("containerPort")
            if value is None:
                causes.append(required(f"{at}.ports[{number}].containerPort"))
            elif not 1 <= value <= 65535:
                causes.append(
                    wrong(f"{at}.ports[{number}].containerPort", value, "must be between 1 and 65535, inclusive")
                )
        for part, amounts in (container.get("resources") or {}).items():
            for resource, amount in amounts.items() if isinstance(amounts, dict) else ():
                if not _QUANTITY.fullmatch(str(amount)):
                    raise bad_request(
                        "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$' "
                        f"({at}.resources.{part}.{resource}: {amount})"
                    )
    if spec.get("restartPolicy") not in ("Always", "OnFailure", "Never"):
        policies = ("Always", "OnFailure", "Never")
        causes.append(unsupported(f"{field}.restartPolicy", spec.get("restartPolicy"), policies))
    return causes


def _workload(obj: Obj) -> list[Cause]:
    spec = obj["spec"]
    causes: list[Cause] = []
    if spec["replicas"] < 0:
        causes.append(wrong("spec.replicas", spec["replicas"], "must be greater than or equal to 0"))
    selector = spec.get("selector")
    template = spec["template"]
    if selector is None:
        causes.append(required("spec.selector"))
    elif not selector.get("matchLabels") and not selector.get("matchExpressions"):
        causes.append(wrong("spec.selector", selector, f"empty selector is invalid for {obj['kind'].lower()}"))
    labels = (template.get("metadata") or {}).get("labels")
    if selector is not None and not object_selector(selector)({"metadata": {"labels": labels}}):
        causes.append(
            wrong("spec.template.metadata.labels", labels or {}, "`selector` does not match template `labels`")
        )
    causes += _labels(labels, "spec.template.labels")
    causes += _pod_spec(template["spec"], "spec.template.spec")
    if template["spec"].get("restartPolicy") != "Always":
        policy = template["spec"].get("restartPolicy")
        causes.append(unsupported("spec.template.spec.restartPolicy", policy, ("Always",)))
    return causes


def _amount(value: Any, field: str) -> list[Cause]:
    if isinstance(value, str):
        if not re.fullmatch(r"\d+%", value):
            return [wrong(field, value, _PERCENT_RULE)]
        return []
    return [wrong(field, value, "must be greater than or equal to 0")] if value < 0 else []


def _deployment(obj: Obj) -> list[Cause]:
    causes = _workload(obj)
    spec = obj["spec"]
    strategy = spec["strategy"]
    if strategy["type"] not in ("Recreate", "RollingUpdate"):
        causes.append(unsupported("spec.strategy", strategy, ("Recreate", "RollingUpdate")))
    rolling = strategy.get("rollingUpdate")
    if strategy["type"] == "Recreate" and rolling is not None:
        detail = "may not be specified when strategy `type` is 'Recreate'"
        causes.append(Cause("spec.strategy.rollingUpdate", "FieldValueForbidden", f"Forbidden: {detail}"))
    elif rolling is not None:
        for name in ("maxUnavailable", "maxSurge"):
            causes += _amount(rolling[name], f"spec.strategy.rollingUpdate.{name}")
        if not causes and all(str(rolling[name]).rstrip("%") == "0" for name in ("maxUnavailable", "maxSurge")):
            detail = "may not be 0 when `maxSurge` is 0"
            causes.append(wrong("spec.strategy.rollingUpdate.maxUnavailable", rolling["maxUnavailable"], detail))
    if spec["progressDeadlineSeconds"] <= (spec.get("minReadySeconds") or 0):
        detail = "must be greater than minReadySeconds"
        causes.append(wrong("spec.progressDeadlineSeconds", spec["progressDeadlineSeconds"], detail))
    return causes


def _service(obj: Obj) -> list[Cause]:
    spec = obj["spec"]
    causes: list[Cause] = []
    ports = spec.get("ports") or []
    if not ports and spec["type"] != "ExternalName" and spec.get("clusterIP") != "None":
        causes.append(required("spec.ports"))
    for index, port in enumerate(ports):
        value = port.get("port")
        if value is None or not 1 <= value <= 65535:
            causes.append(wrong(f"spec.ports[{index}].port", value or 0, "must be between 1 and 65535, inclusive"))
        if len(ports) > 1 and not port.get("name"):
            causes.append(required(f"spec.ports[{index}].name"))
    return causes


def _autoscaler(obj: Obj) -> list[Cause]:
    spec = obj["spec"]
    causes: list[Cause] = []
    target = spec.get("scaleTargetRef") or {}
    causes += [required(f"spec.scaleTargetRef.{part}") for part in ("kind", "name") if not target.get(part)]
    most = spec.get("maxReplicas") or 0
    if most < 1:
        causes.append(wrong("spec.maxReplicas", most, "must be greater than 0"))
    if most < spec["minReplicas"]:
        causes.append(wrong("spec.maxReplicas", most, "must be greater than or equal to `minReplicas`"))
    return causes


def _http_route(obj: Obj) -> list[Cause]:
    causes: list[Cause] = []
    for index, rule in enumerate(obj["spec"].get("rules") or ()):
        for number, backend in enumerate(rule.get("backendRefs") or ()):
            at = f"spec.rules[{index}].backendRefs[{number}]"
            weight = backend.get("weight", 1)
            if not backend.get("name"):
                causes.append(required(f"{at}.name"))
            if backend.get("kind") == "Service" and not backend.get("port"):
                causes.append(wrong(at, "object", "Must have port for Service reference"))
            if isinstance(weight, bool) or not isinstance(weight, int):
                kind = type(weight).__name__.replace("str", "string").replace("float", "number")
                detail = f'{at}.weight in body must be of type integer: "{kind}"'
                causes.append(Cause(f"{at}.weight", "FieldValueTypeInvalid", f"Invalid value: {detail}"))
            elif not 0 <= weight <= _MOST_WEIGHT:
                bound = "greater than or equal to 0" if weight < 0 else f"less than or equal to {_MOST_WEIGHT}"
                causes.append(wrong(f"{at}.weight", weight, f"{at}.weight in body should be {bound}"))
    return causes


def _event(obj: Obj) -> list[Cause]:
    about = (obj.get("involvedObject") or {}).get("namespace") or ""
    if (about or "default") == obj["metadata"]["namespace"]:
        return []
    return [wrong("involvedObject.namespace", about, "does not match event.namespace")]


_BY_STORE: Mapping[str, Callable[[Obj], list[Cause]]] = {
    "deployments.apps": _deployment,
    "replicasets.apps": _workload,
    "pods": lambda obj: _pod_spec(obj["spec"], "spec"),
    "services": _service,
    "horizontalpodautoscalers": _autoscaler,
    "events": _event,
    "httproutes.gateway.networking.k8s.io": _http_route,
}


def check(kind: Kind, obj: Obj) -> list[Cause]:
    """What is wrong with an object that has its defaults; empty when it can be stored."""
    specific = _BY_STORE.get(kind.stored_as)
    return check_metadata(kind, obj) + (specific(obj) if specific else [])


def check_update(kind: Kind, old: Obj, new: Obj) -> list[Cause]:
    """What is wrong with a change."""
    causes: list[Cause] = []
    if kind.stored_as in ("deployments.apps", "replicasets.apps", "jobs.batch"):
        before, after = old["spec"].get("selector"), new["spec"].get("selector")
        if before != after:
            causes.append(wrong("spec.selector", after, "field is immutable"))
    if kind.stored_as == "pods":
        causes += _pod_update(old["spec"], new["spec"])
    if kind.stored_as == "configmaps" and old.get("immutable") and old.get("data") != new.get("data"):
        detail = "Forbidden: field is immutable when `immutable` is set"
        causes.append(Cause("data", "FieldValueForbidden", detail))
    if kind.stored_as == "services":
        before, after = old["spec"].get("clusterIP"), new["spec"].get("clusterIP")
        if before and before != after:
            causes.append(wrong("spec.clusterIPs[0]", after, "may not change once set"))
    return causes


def _pod_update(old: Obj, new: Obj) -> list[Cause]:
    free = ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds")

    def fixed(spec: Obj) -> Obj:
        kept = {key: value for key, value in spec.items() if key not in free}
        for part in ("containers", "initContainers"):
            if part in kept:
                kept[part] = [{k: v for k, v in item.items() if k != "image"} for item in kept[part]]
        return kept

    if fixed(old) == fixed(new):
        return []
    detail = (
        "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
        "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
        "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
    )
    return [Cause("spec", "FieldValueForbidden", f"Forbidden: {detail}")]

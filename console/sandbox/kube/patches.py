"""The patch formats of Kubernetes: JSON patch (RFC 6902), JSON merge patch (RFC 7396), and strategic merge patch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from console.sandbox.kube.objects import Obj, clone

_RETAIN_KEYS = "$retainKeys"
_PATCH = "$patch"
_DELETE_FROM = "$deleteFromPrimitiveList/"
_ORDER = "$setElementOrder/"

# Field of a built-in kind -> its patchMergeKey. A field is found by name and, where names collide, by its parent.
_MERGE_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "ephemeralContainers": "name",
    "env": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "imagePullSecrets": "name",
    "hostAliases": "ip",
    "topologySpreadConstraints": "topologyKey",
    "schedulingGates": "name",
    "resourceClaims": "name",
    "ownerReferences": "uid",
    "conditions": "type",
    "podIPs": "ip",
    "hostIPs": "ip",
    "addresses": "type",
    "secrets": "name",
}
_PORTS = {"containers": "containerPort", "initContainers": "containerPort", "spec": "port"}
_SETS = frozenset({"finalizers"})
_ATOMIC_PARENTS = frozenset({"subsets"})


class PatchError(Exception):
    """The patch cannot be applied to this object."""


class NotApplicable(PatchError):
    """A `test` of a JSON patch did not hold, or a path does not exist."""


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396: objects merge, null removes, everything else replaces."""
    if not isinstance(patch, dict):
        return clone(patch)
    result = clone(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result


def _pointer(path: str) -> list[str]:
    if path == "":
        return []
    if not path.startswith("/"):
        raise NotApplicable(f"path {path!r} does not begin with /")
    return [part.replace("~1", "/").replace("~0", "~") for part in path[1:].split("/")]


def _index(part: str, length: int) -> int:
    if not (part == "0" or (part.isdigit() and not part.startswith("0"))) or int(part) >= length:
        raise NotApplicable(f"there is no element {part}")
    return int(part)


def _get(document: Any, parts: Sequence[str]) -> Any:
    for part in parts:
        if isinstance(document, list):
            document = document[_index(part, len(document))]
        elif isinstance(document, dict) and part in document:
            document = document[part]
        else:
            raise NotApplicable(f"there is nothing at /{'/'.join(parts)}")
    return document


def _add(document: Any, parts: Sequence[str], value: Any) -> Any:
    if not parts:
        return value
    parent = _get(document, parts[:-1])
    if isinstance(parent, list):
        parent.insert(len(parent) if parts[-1] == "-" else _index(parts[-1], len(parent) + 1), value)
    elif isinstance(parent, dict):
        parent[parts[-1]] = value
    else:
        raise NotApplicable(f"/{'/'.join(parts[:-1])} holds no members")
    return document


def _remove(document: Any, parts: Sequence[str]) -> Any:
    if not parts:
        raise NotApplicable("the whole document cannot be removed")
    _get(document, parts)
    parent = _get(document, parts[:-1])
    if isinstance(parent, list):
        del parent[_index(parts[-1], len(parent))]
    else:
        del parent[parts[-1]]
    return document


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(_same(a, b) for a, b in zip(left, right, strict=True))
    return bool(left == right)


def json_patch(target: Any, operations: Any) -> Any:
    """RFC 6902, on a copy. Raises PatchError where it is no patch, NotApplicable where it does not fit the target."""
    if not isinstance(operations, list):
        raise PatchError("a JSON patch is a list of operations")
    document = clone(target)
    for operation in operations:
        if not isinstance(operation, dict) or not isinstance(operation.get("path"), str):
            raise PatchError("every operation of a JSON patch needs an op and a path")
        op, path = operation.get("op"), _pointer(operation["path"])
        if op in ("add", "replace", "test") and "value" not in operation:
            raise PatchError(f"the operation {op} needs a value")
        if op in ("move", "copy") and not isinstance(operation.get("from"), str):
            raise PatchError(f"the operation {op} needs a from")
        match op:
            case "add":
                document = _add(document, path, clone(operation["value"]))
            case "remove":
                document = _remove(document, path)
            case "replace":
                _get(document, path)
                document = (
                    _add(_remove(document, path), path, clone(operation["value"])) if path else operation["value"]
                )
            case "move":
                source = _pointer(operation["from"])
                if len(path) > len(source) and path[: len(source)] == source:
                    raise NotApplicable("a value cannot be moved into itself")
                value = _get(document, source)
                document = _add(_remove(document, source), path, value)
            case "copy":
                document = _add(document, path, clone(_get(document, _pointer(operation["from"]))))
            case "test":
                if not _same(_get(document, path), operation["value"]):
                    raise NotApplicable(f"testing value {operation['path']} failed")
            case _:
                raise PatchError(f"{op!r} is no operation of a JSON patch")
    return document


def merge_key(path: Sequence[str]) -> str | None:
    """The patchMergeKey of the list at this path of field names; None where the list is replaced as a whole."""
    if not path or _ATOMIC_PARENTS & set(path[:-1]):
        return None
    if path[-1] == "ports":
        return _PORTS.get(path[-2]) if len(path) > 1 else None
    return _MERGE_KEYS.get(path[-1])


def strategic_merge_patch(target: Obj, patch: Obj) -> Obj:
    """Strategic merge patch of a built-in kind.

    Lists with a merge key merge element by element; `$patch: replace`, `merge` and `delete`, `$setElementOrder/`,
    `$deleteFromPrimitiveList/` and `$retainKeys` are followed. Raises PatchError.
    Source: strategicpatch of apimachinery and its documentation "Strategic Merge Patch".
    """
    return _merge_object(target, patch, ())


def _merge_object(target: Any, patch: Obj, path: tuple[str, ...]) -> Obj:
    directive = patch.get(_PATCH)
    if directive == "replace":
        return clone({key: value for key, value in patch.items() if key != _PATCH})  # type: ignore[no-any-return]
    if directive == "delete":
        return {}
    if directive not in (None, "merge"):
        raise PatchError(f"unknown patch type: {directive}")
    live: Obj = target if isinstance(target, dict) else {}
    result: Obj = clone(live)
    if (retained := patch.get(_RETAIN_KEYS)) is not None:
        strays = [key for key in patch if not _is_directive(key) and patch[key] is not None and key not in retained]
        if strays:
            raise PatchError(f"{', '.join(strays)} must be in {_RETAIN_KEYS}")
        result = {key: value for key, value in result.items() if key in retained}
    for key, value in patch.items():
        if key.startswith(_DELETE_FROM):
            field = key.removeprefix(_DELETE_FROM)
            result[field] = [item for item in result.get(field) or () if item not in value]
    for key, value in patch.items():
        if _is_directive(key):
            continue
        if value is None:
            result.pop(key, None)
        elif result.get(key) is None:
            result[key] = _plain(value)
        elif isinstance(value, dict):
            result[key] = _merge_object(result[key], value, (*path, key))
        elif isinstance(value, list):
            result[key] = _merge_list(result[key], value, (*path, key))
        else:
            result[key] = value
    for key, order in patch.items():
        field = key.removeprefix(_ORDER)
        if field != key and isinstance(result.get(field), list):
            result[field] = _ordered(result[field], order, live.get(field) or [], merge_key((*path, field)))
    return result


def _is_directive(key: str) -> bool:
    return key in (_PATCH, _RETAIN_KEYS) or key.startswith((_DELETE_FROM, _ORDER))


def _merge_list(target: Any, patch: list[Any], path: tuple[str, ...]) -> list[Any]:
    live: list[Any] = target if isinstance(target, list) else []
    key = merge_key(path)
    if path[-1] in _SETS and all(not isinstance(item, dict) for item in patch):
        return _ordered(live + [item for item in patch if item not in live], patch, live, None)
    if key is None:
        return _plain(patch)  # type: ignore[no-any-return]
    if any(isinstance(item, dict) and item.get(_PATCH) == "replace" for item in patch):
        return [clone(item) for item in patch if _PATCH not in item]
    merged = list(live)
    for item in patch:
        if not isinstance(item, dict):
            raise PatchError(f"{'.'.join(path)} is a list of objects")
        if key not in item:
            raise PatchError(f"map: {item} does not contain declared merge key: {key}")
        same = [index for index, have in enumerate(merged) if isinstance(have, dict) and have.get(key) == item[key]]
        if item.get(_PATCH) == "delete":
            merged = [have for index, have in enumerate(merged) if index not in same]
        elif same:
            merged[same[0]] = _merge_object(merged[same[0]], item, path)
        else:
            merged.append(_plain(item))
    named = [item for item in patch if item.get(_PATCH) != "delete"]
    return clone(_ordered(merged, named, live, key))  # type: ignore[no-any-return]


def _plain(value: Any) -> Any:
    """A value that is taken as it is: without the nulls and directives that only mean something in a merge."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if item is not None and not _is_directive(key)}
    if isinstance(value, list):
        return [_plain(item) for item in value if not (isinstance(item, dict) and item.get(_PATCH) == "delete")]
    return value


def _ordered(items: list[Any], order: list[Any], live: list[Any], key: str | None) -> list[Any]:
    """The items in the asked order; one that is not asked for stands before those that followed it in the live list."""

    def name(item: Any) -> str:
        return repr(item.get(key) if key and isinstance(item, dict) else item)

    places = {name(item): place for place, item in reversed(list(enumerate(order)))}
    before = {name(item): place for place, item in reversed(list(enumerate(live)))}
    asked = sorted((item for item in items if name(item) in places), key=lambda item: places[name(item)])
    others = [item for item in items if name(item) not in places]
    others.sort(key=lambda item: before.get(name(item), len(live)))
    result: list[Any] = []
    while asked and others:
        mine, next_asked = before.get(name(others[0])), before.get(name(asked[0]))
        first = mine is not None and next_asked is not None and mine < next_asked
        result.append((others if first else asked).pop(0))
    return result + asked + others

"""Server-side apply, as far as one can go without managed fields.

What a manager applied last is remembered by the server. A field it stops applying is removed, a field it applies is
set; fields of other managers stay. Conflicts between managers are not reported: the last one wins, as with `force`.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from console.sandbox.kube.api import Api
from console.sandbox.kube.errors import bad_request
from console.sandbox.kube.kinds import Kind
from console.sandbox.kube.objects import Obj, clone
from console.sandbox.kube.patches import merge_key, strategic_merge_patch

_applied: WeakKeyDictionary[Api, dict[tuple[str, str, str], Obj]] = WeakKeyDictionary()


def applied(
    api: Api, kind: Kind, namespace: str, name: str, config: Obj, manager: str, *, part: str, dry_run: bool
) -> tuple[Obj, bool]:
    """Apply a configuration; gives the object and whether it was created."""
    if config.get("apiVersion") != kind.api_version or config.get("kind") != kind.name:
        raise bad_request(f"the configuration must have apiVersion {kind.api_version} and kind {kind.name}")
    if (config.get("metadata") or {}).get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    wanted: Obj = clone(config)
    wanted.setdefault("metadata", {})["name"] = name
    remembered = _applied.setdefault(api, {})
    existing = api.find(kind, namespace, name)
    if existing is None and not part:
        obj = api.create(kind, namespace, wanted, dry_run=dry_run)
        created = True
    else:
        uid = existing["metadata"]["uid"] if existing else ""
        before = remembered.get((uid, manager, part), {})

        def edit(obj: Obj) -> Obj:
            return strategic_merge_patch(_without_dropped(obj, before, wanted, ()), wanted)

        obj = api.change(kind, namespace, name, edit, part=part, dry_run=dry_run)
        created = False
    if not dry_run:
        remembered[obj["metadata"]["uid"], manager, part] = wanted
    return obj, created


def _without_dropped(live: Any, before: Any, now: Any, path: tuple[str, ...]) -> Any:
    """The live value without the fields that `before` had and `now` has no more."""
    if isinstance(live, dict) and isinstance(before, dict) and isinstance(now, dict):
        result: Obj = {}
        for key, value in live.items():
            if key not in before:
                result[key] = value
            elif key in now:
                result[key] = _without_dropped(value, before[key], now[key], (*path, key))
        return result
    key = merge_key(path)
    if key and isinstance(live, list) and isinstance(before, list) and isinstance(now, list):
        had, has = ({item.get(key): item for item in items if isinstance(item, dict)} for items in (before, now))
        return [
            _without_dropped(item, had.get(item.get(key)), has.get(item.get(key)), path)
            if item.get(key) in has
            else item
            for item in live
            if item.get(key) not in had or item.get(key) in has
        ]
    return live

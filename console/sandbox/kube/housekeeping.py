"""The small controllers: namespaces, garbage collection by owner, status of autoscalers."""

from __future__ import annotations

from collections.abc import Iterable

from console.sandbox.kube.api import FOREGROUND, ORPHAN, Api, DeleteOptions
from console.sandbox.kube.errors import ApiError
from console.sandbox.kube.kinds import (
    AUTOSCALERS,
    CONFIG_MAPS,
    DEPLOYMENTS,
    NAMESPACES,
    REPLICA_SETS,
    SERVICE_ACCOUNTS,
    Kind,
)
from console.sandbox.kube.objects import (
    Obj,
    clone,
    name_of,
    namespace_of,
    timestamp,
)
from console.sandbox.kube.store import Change, ChangeType, Key

SYSTEM_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
_ROOT_CA = "kube-root-ca.crt"


class NamespaceController:
    """Gives every namespace its ServiceAccount and root certificate, and empties those being deleted."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def existing(self) -> Iterable[Key]:
        """Every namespace."""
        return [("", name_of(obj)) for obj in self._api.store.all(NAMESPACES.stored_as)]

    def keys(self, change: Change) -> Iterable[Key]:
        """The namespace itself, or the one in which something was deleted."""
        if change.store == NAMESPACES.stored_as:
            return [change.key]
        if change.type is ChangeType.DELETED and namespace_of(change.object):
            return [("", namespace_of(change.object))]
        return []

    def reconcile(self, key: Key) -> float | None:
        """Fill it, or empty it and let it go."""
        found = self._api.find(NAMESPACES, *key)
        if found is None:
            return None
        name = name_of(found)
        if found["metadata"].get("deletionTimestamp"):
            return self._empty(found, name)
        if self._api.find(SERVICE_ACCOUNTS, name, "default") is None:
            self._api.create(SERVICE_ACCOUNTS, name, {"metadata": {"name": "default"}})
        if self._api.find(CONFIG_MAPS, name, _ROOT_CA) is None:
            self._api.create(CONFIG_MAPS, name, {"metadata": {"name": _ROOT_CA}, "data": {"ca.crt": ""}})
        return None

    def _empty(self, found: Obj, name: str) -> float | None:
        for store in dict.fromkeys(kind.stored_as for kind in self._api.kinds if kind.namespaced):
            kind = self._api.kinds.stored(store)
            for obj in self._api.store.all(store, name):
                self._api.delete(kind, name, name_of(obj), DeleteOptions(propagation="Background"))
        left = any(self._api.store.all(kind.stored_as, name) for kind in self._api.kinds if kind.namespaced)
        if left:
            return 1.0
        if found["spec"].get("finalizers"):
            found["spec"]["finalizers"] = []
            self._api.replace(NAMESPACES, "", name, found, part="finalize")
        return None


class GarbageCollector:
    """Deletes what lost its last owner; carries out Orphan and Foreground deletions."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def existing(self) -> Iterable[Key]:
        """Every owner there is, by uid; the key is (store, uid)."""
        return []

    def keys(self, change: Change) -> Iterable[Key]:
        """The object, as an owner, and its owners, when it is being deleted or gone; and it as a dependent when new."""
        metadata = change.object["metadata"]
        found: list[Key] = []
        if change.type is ChangeType.DELETED or metadata.get("deletionTimestamp"):
            found.append((change.store, metadata["uid"]))
        if references := metadata.get("ownerReferences"):
            if change.type is ChangeType.DELETED:
                found += [("", item["uid"]) for item in references]
            elif change.previous is None or change.previous["metadata"].get("ownerReferences") != references:
                found.append((change.store, metadata["uid"]))
        return found

    def reconcile(self, key: Key) -> float | None:
        """Look at one object by uid, as an owner and as a dependent."""
        uid = key[1]
        found = self._find(uid)
        if found is None:
            for kind, dependent in self._dependents(uid):
                self._release(kind, dependent)
            return None
        kind, owner = found
        finalizers = owner["metadata"].get("finalizers") or []
        if owner["metadata"].get("deletionTimestamp"):
            if ORPHAN in finalizers:
                for dependent_kind, dependent in self._dependents(uid):
                    self._disown(dependent_kind, dependent, {uid})
                self._finish(kind, owner, ORPHAN)
            elif FOREGROUND in finalizers:
                self._delete_dependents_first(kind, owner)
        else:
            self._release(kind, owner)
        return None

    def _delete_dependents_first(self, kind: Kind, owner: Obj) -> None:
        blocked = False
        for dependent_kind, dependent in self._dependents(owner["metadata"]["uid"]):
            references = dependent["metadata"].get("ownerReferences") or ()
            blocked |= any(
                item["uid"] == owner["metadata"]["uid"] and item.get("blockOwnerDeletion") for item in references
            )
            if not dependent["metadata"].get("deletionTimestamp"):
                options = DeleteOptions(propagation="Foreground" if dependent_kind.generation.name != "NONE" else None)
                self._api.delete(dependent_kind, namespace_of(dependent), name_of(dependent), options)
        left = self._dependents(owner["metadata"]["uid"])
        if not (blocked and left):
            self._finish(kind, owner, FOREGROUND)

    def _finish(self, kind: Kind, owner: Obj, finalizer: str) -> None:
        def edit(obj: Obj) -> Obj:
            kept = [item for item in obj["metadata"].get("finalizers") or () if item != finalizer]
            obj["metadata"]["finalizers"] = kept
            return obj

        current = self._api.find(kind, namespace_of(owner), name_of(owner))
        if current is not None:
            self._api.change(kind, namespace_of(owner), name_of(owner), edit)

    def _release(self, kind: Kind, obj: Obj) -> None:
        """Delete a dependent with no owner left; strike out owners that are gone where one is left."""
        references = obj["metadata"].get("ownerReferences") or []
        gone = {item["uid"] for item in references if self._find(item["uid"]) is None}
        if not gone:
            return
        if len(gone) < len(references):
            self._disown(kind, obj, gone)
        elif not obj["metadata"].get("deletionTimestamp"):
            options = DeleteOptions(uid=obj["metadata"]["uid"], propagation="Background")
            self._api.delete(kind, namespace_of(obj), name_of(obj), options)

    def _disown(self, kind: Kind, obj: Obj, owners: set[str]) -> None:
        def edit(current: Obj) -> Obj:
            references = current["metadata"].get("ownerReferences") or ()
            current["metadata"]["ownerReferences"] = [item for item in references if item["uid"] not in owners] or None
            return current

        self._api.change(kind, namespace_of(obj), name_of(obj), edit)

    def _every(self) -> Iterable[tuple[Kind, Obj]]:
        for store in dict.fromkeys(kind.stored_as for kind in self._api.kinds):
            kind = self._api.kinds.stored(store)
            if store != "events":
                for obj in self._api.store.all(store):
                    yield kind, obj

    def _find(self, uid: str) -> tuple[Kind, Obj] | None:
        return next(((kind, obj) for kind, obj in self._every() if obj["metadata"]["uid"] == uid), None)

    def _dependents(self, uid: str) -> list[tuple[Kind, Obj]]:
        return [
            (kind, obj)
            for kind, obj in self._every()
            if any(item["uid"] == uid for item in obj["metadata"].get("ownerReferences") or ())
        ]


class AutoscalerController:
    """Keeps the status of autoscalers current. It scales only to hold their bounds: there are no metrics."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def existing(self) -> Iterable[Key]:
        """Every autoscaler."""
        return [(namespace_of(obj), name_of(obj)) for obj in self._api.store.all(AUTOSCALERS.stored_as)]

    def keys(self, change: Change) -> Iterable[Key]:
        """The autoscaler itself, or those of a changed workload."""
        if change.store == AUTOSCALERS.stored_as:
            return [change.key]
        if change.store not in (DEPLOYMENTS.stored_as, REPLICA_SETS.stored_as):
            return []
        return [
            (namespace_of(item), name_of(item))
            for item in self._api.store.all(AUTOSCALERS.stored_as, namespace_of(change.object))
            if item["spec"]["scaleTargetRef"]["name"] == name_of(change.object)
        ]

    def reconcile(self, key: Key) -> float | None:
        """Hold the bounds, write the status."""
        found = self._api.find(AUTOSCALERS, *key)
        if found is None:
            return None
        target = found["spec"]["scaleTargetRef"]
        kind = self._api.kinds.named(target.get("apiVersion") or "apps/v1", target["kind"])
        workload = self._api.find(kind, key[0], target["name"]) if kind is not None else None
        if kind is None or workload is None:
            message = f"the HPA controller was unable to get the target's current scale: {target['kind']} not found"
            self._write(found, [self._condition(found, "AbleToScale", "False", "FailedGetScale", message)])
            return None
        current = (workload.get("status") or {}).get("replicas", 0)
        asked = workload["spec"]["replicas"]
        bounded = min(max(asked, found["spec"]["minReplicas"]), found["spec"]["maxReplicas"]) if asked else 0
        if bounded != asked:

            def edit(obj: Obj) -> Obj:
                obj["spec"]["replicas"] = bounded
                return obj

            self._api.change(kind, key[0], target["name"], edit)
        status: Obj = clone(found.get("status") or {})
        status |= {"currentReplicas": current, "desiredReplicas": bounded}
        unknown = "the HPA was unable to compute the replica count: unable to get metrics: no metrics are served here"
        status["conditions"] = [
            self._condition(
                found,
                "AbleToScale",
                "True",
                "SucceededGetScale",
                "the HPA controller was able to get the target's current scale",
            ),
            self._condition(found, "ScalingActive", "False", "FailedGetResourceMetric", unknown)
            if asked
            else self._condition(
                found,
                "ScalingActive",
                "False",
                "ScalingDisabled",
                "scaling is disabled since the replica count of the target is zero",
            ),
        ]
        found["status"] = status
        self._api.update_status(AUTOSCALERS, found)
        return None

    def _write(self, found: Obj, conditions: list[Obj]) -> None:
        found["status"] = {**(found.get("status") or {}), "conditions": conditions}
        self._api.update_status(AUTOSCALERS, found)

    def _condition(self, found: Obj, kind: str, status: str, reason: str, message: str) -> Obj:
        for item in (found.get("status") or {}).get("conditions") or ():
            if (item["type"], item["status"], item["reason"], item["message"]) == (kind, status, reason, message):
                return dict(item)
        now = timestamp(self._api.clock())
        return {"type": kind, "status": status, "lastTransitionTime": now, "reason": reason, "message": message}


def create_system_namespaces(api: Api) -> None:
    """The namespaces that every cluster has."""
    for name in SYSTEM_NAMESPACES:
        try:
            api.create(NAMESPACES, "", {"metadata": {"name": name}})
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise

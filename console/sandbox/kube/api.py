"""The rules of reading and writing objects: what every request and every controller goes through."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from console.sandbox.kube import conversions, defaults, validation
from console.sandbox.kube.errors import (
    MODIFIED,
    ApiError,
    already_exists,
    bad_request,
    conflict,
    forbidden,
    invalid,
    not_found,
)
from console.sandbox.kube.kinds import NAMESPACES, Generation, Kind, Kinds
from console.sandbox.kube.objects import Clock, Obj, clone, name_of, namespace_of, timestamp
from console.sandbox.kube.store import Store

ORPHAN, FOREGROUND = "orphan", "foregroundDeletion"
_NAME_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_SERVER_METADATA = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "selfLink",
)


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """metav1.DeleteOptions, as far as it is followed. propagation: Background, Foreground or Orphan."""

    grace: int | None = None
    propagation: str | None = None
    uid: str | None = None
    resource_version: str | None = None
    dry_run: bool = False

    @classmethod
    def parse(cls, body: Obj, *, dry_run: bool = False) -> DeleteOptions:
        """From a request body; raises ApiError 400."""
        policy = body.get("propagationPolicy")
        if policy not in (None, "", "Background", "Foreground", "Orphan"):
            raise bad_request(f'invalid propagationPolicy "{policy}": supported values: Background, Foreground, Orphan')
        if body.get("orphanDependents"):
            policy = "Orphan"
        preconditions = body.get("preconditions") or {}
        return cls(
            grace=body.get("gracePeriodSeconds"),
            propagation=policy or None,
            uid=preconditions.get("uid"),
            resource_version=preconditions.get("resourceVersion"),
            dry_run=dry_run or bool(body.get("dryRun")),
        )


def random_suffix(length: int = 5) -> str:
    """The end of a generated name."""
    return "".join(secrets.choice(_NAME_LETTERS) for _ in range(length))


class Api:
    """Reads and writes objects of the known kinds as a kube-apiserver does; all errors are ApiError.

    Objects go in and come out in the form of the kind asked with; what comes out is the caller's own copy. Calls are
    synchronous: each is atomic in the event loop.
    """

    def __init__(self, store: Store, kinds: Kinds, clock: Clock) -> None:
        self.store = store
        self.kinds = kinds
        self.clock = clock
        self._services = 0

    def get(self, kind: Kind, namespace: str, name: str) -> Obj:
        """One object, or 404."""
        stored = self.store.get(kind.stored_as, namespace, name)
        if stored is None:
            raise not_found(kind, name)
        return conversions.present(kind, stored)

    def find(self, kind: Kind, namespace: str, name: str) -> Obj | None:
        """One object, or None."""
        stored = self.store.get(kind.stored_as, namespace, name)
        return None if stored is None else conversions.present(kind, stored)

    def list(self, kind: Kind, namespace: str | None = None) -> list[Obj]:
        """All objects, by namespace and name."""
        return [conversions.present(kind, stored) for stored in self.store.all(kind.stored_as, namespace)]

    def create(self, kind: Kind, namespace: str, body: Obj, *, dry_run: bool = False) -> Obj:
        """A new object: 409 where the name is taken, 422 where it is not valid, 404 without its namespace."""
        obj = self._absorb(kind, namespace, body)
        metadata = obj["metadata"]
        if not metadata.get("name") and (prefix := metadata.get("generateName")):
            metadata["name"] = prefix[:58] + random_suffix()
        if metadata.get("resourceVersion"):
            raise ApiError(500, "InternalError", "resourceVersion should not be set on objects to be created")
        self._check_namespace(kind, namespace, metadata.get("name") or "")
        for name in _SERVER_METADATA:
            metadata.pop(name, None)
        metadata.pop("managedFields", None)
        if (status := defaults.initial_status(kind.stored_as)) is not None:
            obj["status"] = status
        defaults.set_defaults(kind.stored_as, obj)
        self._allocate(kind, obj, None)
        if causes := validation.check(kind, obj):
            raise invalid(kind, metadata.get("name") or "", causes)
        if self.store.get(kind.stored_as, namespace, name_of(obj)) is not None:
            raise already_exists(kind, name_of(obj))
        metadata["uid"] = str(uuid.uuid4())
        metadata["creationTimestamp"] = timestamp(self.clock())
        if kind.generation is not Generation.NONE:
            metadata["generation"] = 1
        return conversions.present(kind, obj if dry_run else self.store.write(kind.stored_as, obj))

    def replace(
        self, kind: Kind, namespace: str, name: str, body: Obj, *, part: str = "", dry_run: bool = False
    ) -> Obj:
        """PUT. part: empty for the object, `status` or `finalize`. 409 where the resourceVersion is not the newest."""
        stored = self.store.get(kind.stored_as, namespace, name)
        if stored is None and kind.create_on_update and not part:
            return self.create(kind, namespace, body, dry_run=dry_run)
        if not isinstance(body.get("metadata"), dict):
            body = {**body, "metadata": {}}
        if not body["metadata"].get("resourceVersion") and not kind.unconditional_update and not part:
            detail = "must be specified for an update"
            raise invalid(kind, name, [validation.wrong("metadata.resourceVersion", 0, detail)])
        return self.change(kind, namespace, name, lambda _old: body, part=part, dry_run=dry_run)

    def change(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        edit: Callable[[Obj], Obj],
        *,
        part: str = "",
        dry_run: bool = False,
    ) -> Obj:
        """Write what `edit` makes of a copy of the object; a resourceVersion or uid that differs from it is a 409."""
        old = self.store.get(kind.stored_as, namespace, name)
        if old is None:
            raise not_found(kind, name)
        new = self._absorb(kind, namespace, edit(conversions.present(kind, old)))
        asked = new["metadata"].get("name") or name
        if asked != name:
            raise bad_request(f"the name of the object ({asked}) does not match the name on the URL ({name})")
        self._check_preconditions(kind, old, new["metadata"].get("uid"), new["metadata"].get("resourceVersion"))
        new = self._prepared(kind, old, new, part)
        if causes := validation.check(kind, new) + ([] if part else validation.check_update(kind, old, new)):
            raise invalid(kind, name, causes)
        if new == old:
            return conversions.present(kind, old)
        if dry_run:
            return conversions.present(kind, new)
        if self._is_finished(new):
            self.store.write(kind.stored_as, new)
            return conversions.present(kind, self.store.remove(kind.stored_as, namespace, name))
        return conversions.present(kind, self.store.write(kind.stored_as, new))

    def update(self, kind: Kind, obj: Obj) -> Obj:
        """Write an object back; 409 when it changed since."""
        return self.replace(kind, namespace_of(obj), name_of(obj), obj)

    def update_status(self, kind: Kind, obj: Obj) -> Obj:
        """Write the status of an object back; 409 when it changed since."""
        return self.replace(kind, namespace_of(obj), name_of(obj), obj, part="status")

    def delete(self, kind: Kind, namespace: str, name: str, options: DeleteOptions | None = None) -> tuple[Obj, bool]:
        """Delete, or mark as being deleted; gives the object and whether it is gone."""
        options = options or DeleteOptions()
        old = self.store.get(kind.stored_as, namespace, name)
        if old is None:
            raise not_found(kind, name)
        self._check_delete(kind, old, options)
        obj: Obj = clone(old)
        metadata = obj["metadata"]
        finalizers = [item for item in metadata.get("finalizers") or () if item not in (ORPHAN, FOREGROUND)]
        policy = options.propagation or ("Orphan" if kind.orphans_by_default else "Background")
        if policy == "Orphan":
            finalizers.append(ORPHAN)
        elif policy == "Foreground":
            finalizers.append(FOREGROUND)
        if options.propagation is None and metadata.get("deletionTimestamp"):
            finalizers = list(metadata.get("finalizers") or ())
        grace = self._grace(kind, obj, options)
        metadata["finalizers"] = finalizers
        if not finalizers:
            del metadata["finalizers"]
        if options.dry_run:
            return conversions.present(kind, old), not finalizers
        if not finalizers and grace == 0 and not (kind.resource == "namespaces" and obj["spec"].get("finalizers")):
            return conversions.present(kind, self.store.remove(kind.stored_as, namespace, name)), True
        self._mark_deleted(kind, obj, grace)
        if obj == old:
            return conversions.present(kind, old), False
        return conversions.present(kind, self.store.write(kind.stored_as, obj)), False

    def _mark_deleted(self, kind: Kind, obj: Obj, grace: int) -> None:
        metadata = obj["metadata"]
        if metadata.get("deletionTimestamp") and grace >= metadata.get("deletionGracePeriodSeconds", 0):
            return
        metadata["deletionTimestamp"] = timestamp(self.clock() + timedelta(seconds=grace))
        metadata["deletionGracePeriodSeconds"] = grace
        if metadata.get("generation"):
            metadata["generation"] += 1
        if kind.resource == "namespaces":
            obj["status"] = {**(obj.get("status") or {}), "phase": "Terminating"}

    def _grace(self, kind: Kind, obj: Obj, options: DeleteOptions) -> int:
        if kind.resource != "pods":
            return 0
        if not obj["spec"].get("nodeName") or (obj.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
            return 0
        if options.grace is not None:
            return max(options.grace, 0)
        return int(obj["spec"].get("terminationGracePeriodSeconds", 30))

    def _check_delete(self, kind: Kind, old: Obj, options: DeleteOptions) -> None:
        metadata = old["metadata"]
        name = name_of(old)
        if options.uid is not None and options.uid != metadata["uid"]:
            why = f"Precondition failed: UID in precondition: {options.uid}, UID in object meta: {metadata['uid']}"
            raise conflict(kind, name, why)
        if options.resource_version is not None and options.resource_version != metadata["resourceVersion"]:
            why = (
                f"Precondition failed: ResourceVersion in precondition: {options.resource_version}, "
                f"ResourceVersion in object meta: {metadata['resourceVersion']}"
            )
            raise conflict(kind, name, why)

    def _check_preconditions(self, kind: Kind, old: Obj, uid: str | None, resource_version: str | None) -> None:
        if uid and uid != old["metadata"]["uid"]:
            have = old["metadata"]["uid"]
            why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {have}"
            raise conflict(kind, name_of(old), why)
        if resource_version and resource_version != "0" and resource_version != old["metadata"]["resourceVersion"]:
            raise conflict(kind, name_of(old), MODIFIED)

    def _absorb(self, kind: Kind, namespace: str, body: Obj) -> Obj:
        validation.check_types(kind, body)
        version, name = body.get("apiVersion") or kind.api_version, body.get("kind") or kind.name
        if version != kind.api_version:
            raise bad_request(
                f"the API version in the data ({version}) does not match the expected API version ({kind.api_version})"
            )
        if name != kind.name:
            raise bad_request(
                f"{name} in version {version} cannot be handled as a {kind.name}: converting ({name}) failed"
            )
        obj = conversions.absorb(kind, body, self.kinds.stored(kind.stored_as))
        metadata = obj.get("metadata")
        obj["metadata"] = metadata if isinstance(metadata, dict) else {}
        if kind.namespaced:
            if (obj["metadata"].get("namespace") or namespace) != namespace:
                raise bad_request(
                    "the namespace of the provided object does not match the namespace sent on the request"
                )
            obj["metadata"]["namespace"] = namespace
        else:
            obj["metadata"].pop("namespace", None)
        return _without_nulls(obj)

    def _prepared(self, kind: Kind, old: Obj, new: Obj, part: str) -> Obj:
        """The new object with everything taken from the old one that this request may not change."""
        metadata = new["metadata"]
        for field in _SERVER_METADATA:
            if field in old["metadata"]:
                metadata[field] = old["metadata"][field]
            else:
                metadata.pop(field, None)
        metadata.pop("managedFields", None)
        metadata["name"] = name_of(old)
        metadata["resourceVersion"] = old["metadata"]["resourceVersion"]
        if part == "status":
            kept = clone({key: value for key, value in old.items() if key not in ("status", "metadata")})
            new = {**kept, "metadata": metadata, **({"status": new["status"]} if "status" in new else {})}
            held = {"deployments.apps": ("labels",), "pods": ("ownerReferences",)}.get(kind.stored_as, ())
            for field in (*held, "finalizers"):
                _copy_field(old["metadata"], metadata, field)
        elif part == "finalize":
            finalizers = (new.get("spec") or {}).get("finalizers") or []
            new = clone(old)
            new["spec"]["finalizers"] = finalizers
        else:
            if "status" in kind.subresources:
                _copy_field(old, new, "status")
            if kind.resource == "namespaces":
                new["spec"] = clone(old["spec"])
            self._allocate(kind, new, old)
        defaults.set_defaults(kind.stored_as, new)
        if metadata.get("generation") and not part and _bumps(kind, old, new):
            metadata["generation"] += 1
        return new

    def _allocate(self, kind: Kind, obj: Obj, old: Obj | None) -> None:
        """The cluster address of a Service."""
        spec = obj.get("spec")
        if kind.resource != "services" or not isinstance(spec, dict) or spec.get("type") == "ExternalName":
            return
        if old is not None:
            for field in ("clusterIP", "clusterIPs"):
                if not spec.get(field) and field in old["spec"]:
                    spec[field] = clone(old["spec"][field])
        if not spec.get("clusterIP"):
            self._services += 1
            spec["clusterIP"] = f"{defaults.CLUSTER_NETWORK}.{self._services // 250}.{self._services % 250 + 1}"
        spec.setdefault("clusterIPs", [spec["clusterIP"]])

    def _check_namespace(self, kind: Kind, namespace: str, name: str) -> None:
        if not kind.namespaced:
            return
        found = self.store.get(NAMESPACES.stored_as, "", namespace)
        if found is None:
            raise not_found(NAMESPACES, namespace)
        if found["metadata"].get("deletionTimestamp"):
            message = f"namespace {namespace} is being terminated"
            cause = {"reason": "NamespaceTerminating", "message": message, "field": "metadata.namespace"}
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            raise forbidden(kind, name, why, [cause])

    def _is_finished(self, obj: Obj) -> bool:
        """Whether the last thing that kept a deleted object is gone."""
        metadata = obj["metadata"]
        if not metadata.get("deletionTimestamp") or metadata.get("finalizers"):
            return False
        if obj["kind"] == "Namespace" and obj["spec"].get("finalizers"):
            return False
        return not metadata.get("deletionGracePeriodSeconds")


def _copy_field(source: Obj, target: Obj, field: str) -> None:
    if field in source:
        target[field] = clone(source[field])
    else:
        target.pop(field, None)


def _without_nulls(obj: Obj) -> Obj:
    """The object without null members, which typed decoding does not see; template.metadata keeps its null time."""
    return {
        key: _without_nulls(value) if isinstance(value, dict) else value
        for key, value in obj.items()
        if value is not None or key == "creationTimestamp"
    }


def _bumps(kind: Kind, old: Obj, new: Obj) -> bool:
    if kind.generation is Generation.NONE:
        return False
    if old.get("spec") != new.get("spec"):
        return True
    if kind.generation is Generation.SPEC:
        return False
    return (old["metadata"].get("annotations") or {}) != (new["metadata"].get("annotations") or {})

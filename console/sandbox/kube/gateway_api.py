"""The Gateway API's controller, as far as routes need one: it accepts every HTTPRoute for each of its parents.

Source: the status of HTTPRoute in gateway.networking.k8s.io/v1. No gateway listens here: the weights are kept for
whoever sends the traffic.
"""

from __future__ import annotations

from collections.abc import Iterable

from console.sandbox.kube.api import Api
from console.sandbox.kube.kinds import HTTP_ROUTES, SERVICES
from console.sandbox.kube.objects import Obj, name_of, namespace_of, timestamp
from console.sandbox.kube.store import Change, Key

CONTROLLER = "hakgal-console.dev/sandbox-gateway"


class HttpRouteController:
    """Writes Accepted and ResolvedRefs for every parent of a route."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def existing(self) -> Iterable[Key]:
        """Every route."""
        return [(namespace_of(obj), name_of(obj)) for obj in self._api.store.all(HTTP_ROUTES.stored_as)]

    def keys(self, change: Change) -> Iterable[Key]:
        """The route itself; every route of the namespace when a Service comes or goes."""
        if change.store == HTTP_ROUTES.stored_as:
            return [change.key]
        if change.store != SERVICES.stored_as or (change.previous is not None and change.type.value != "DELETED"):
            return []
        namespace = namespace_of(change.object)
        return [(namespace, name_of(obj)) for obj in self._api.store.all(HTTP_ROUTES.stored_as, namespace)]

    def reconcile(self, key: Key) -> float | None:
        """Write the status as the route is now."""
        found = self._api.find(HTTP_ROUTES, *key)
        if found is None or found["metadata"].get("deletionTimestamp"):
            return None
        parents = [self._parent(found, reference) for reference in found["spec"].get("parentRefs") or ()]
        status = {"parents": parents}
        if found.get("status") != status:
            found["status"] = status
            self._api.update_status(HTTP_ROUTES, found)
        return None

    def _parent(self, route: Obj, reference: Obj) -> Obj:
        missing = self._missing(route)
        why = f'backend Service "{missing}" not found' if missing else "All references resolved"
        before = next(
            (
                item.get("conditions") or []
                for item in (route.get("status") or {}).get("parents") or ()
                if item.get("parentRef") == reference
            ),
            [],
        )
        return {
            "parentRef": reference,
            "controllerName": CONTROLLER,
            "conditions": [
                self._condition(route, before, "Accepted", "True", "Accepted", "Route is accepted"),
                self._condition(
                    route,
                    before,
                    "ResolvedRefs",
                    "False" if missing else "True",
                    "BackendNotFound" if missing else "ResolvedRefs",
                    why,
                ),
            ],
        }

    def _missing(self, route: Obj) -> str:
        """The first backend Service that there is not."""
        namespace = namespace_of(route)
        for rule in route["spec"].get("rules") or ():
            for backend in rule.get("backendRefs") or ():
                place = backend.get("namespace") or namespace
                if backend.get("kind") == "Service" and self._api.find(SERVICES, place, backend["name"]) is None:
                    return str(backend["name"])
        return ""

    def _condition(self, route: Obj, before: list[Obj], kind: str, status: str, reason: str, message: str) -> Obj:
        old: Obj = next((item for item in before if item["type"] == kind), {})
        same = old.get("status") == status
        return {
            "type": kind,
            "status": status,
            "reason": reason,
            "message": message,
            "observedGeneration": route["metadata"].get("generation", 0),
            "lastTransitionTime": old["lastTransitionTime"] if same else timestamp(self._api.clock()),
        }

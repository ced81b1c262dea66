"""Custom objects for the tests of strategies: their definitions, and a stand-in for their controllers where a cluster
has none. The stand-in is the practice world's controller, working over HTTP.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from console.sandbox.kube.argo import _Sync
from console.sandbox.kube.errors import ApiError
from console.sandbox.kube.gateway_api import HttpRouteController
from console.sandbox.kube.kinds import HTTP_ROUTES, ROLLOUTS, Kind
from console.systems.kubernetes_connection import KubernetesApi, KubernetesError, Resource
from tests.conftest import wait_until

Json = dict[str, Any]

DEFINITIONS = Resource("apis/apiextensions.k8s.io/v1", "customresourcedefinitions", namespaced=False)
EVERY = 0.05


def resource(kind: Kind) -> Resource:
    root = f"apis/{kind.group}/{kind.version}" if kind.group else f"api/{kind.version}"
    return Resource(root, kind.plural, namespaced=kind.namespaced)


@contextmanager
def served(api: KubernetesApi, kind: Kind) -> Iterator[None]:
    """The kind is served and controlled: by the cluster's own, else by a definition and a stand-in of the test's."""
    if is_served(api, kind):
        yield
        return
    with suppress(KubernetesError):
        api.create(DEFINITIONS, definition(kind))
    wait_until(lambda: is_served(api, kind), within=30, what=f"{kind.resource} being served")
    stand_in = StandIn(api, kind)
    try:
        yield
    finally:
        stand_in.stop()


def is_served(api: KubernetesApi, kind: Kind) -> bool:
    try:
        api.list(resource(kind))
    except KubernetesError as error:
        if error.status == 404:
            return False
        raise
    return True


def definition(kind: Kind) -> Json:
    """The least that is a definition: any field is kept, and the status is a path of its own."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": kind.version,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": anything},
    }
    names = {"plural": kind.plural, "singular": kind.name.lower(), "kind": kind.name, "listKind": kind.list_name}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": kind.resource,
            # Groups of the Kubernetes project ask for a word about their approval.
            "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"},
        },
        "spec": {"group": kind.group, "names": names, "scope": "Namespaced", "versions": [version]},
    }


class OverHttp:
    """The part of the practice world's API that its controllers use, of any cluster."""

    def __init__(self, api: KubernetesApi) -> None:
        self._api = api

    def clock(self) -> datetime:
        return datetime.now(UTC)

    def list(self, kind: Kind, _namespace: str) -> list[Json]:
        return [{"apiVersion": kind.api_version, "kind": kind.name, **each} for each in self._api.list(resource(kind))]

    def find(self, kind: Kind, _namespace: str, name: str) -> Json | None:
        try:
            return self._api.get(resource(kind), name)
        except KubernetesError as error:
            if error.status == 404:
                return None
            raise

    def create(self, kind: Kind, _namespace: str, body: Json) -> Json:
        try:
            return self._api.create(resource(kind), {"apiVersion": kind.api_version, "kind": kind.name, **body})
        except KubernetesError as error:
            raise ApiError(error.status, error.reason, str(error)) from error

    def update(self, kind: Kind, body: Json) -> Json:
        return self._put(kind, body, "")

    def update_status(self, kind: Kind, body: Json) -> Json:
        return self._put(kind, body, "status")

    def delete(self, kind: Kind, _namespace: str, name: str) -> None:
        self._api.delete(resource(kind), name)

    def _put(self, kind: Kind, body: Json, part: str) -> Json:
        return self._api._json(
            "PUT",
            resource(kind),
            body["metadata"]["name"],
            None,
            sub=part,
            body=body,
            content_type="application/json",
            timeout=5,
        )


class _Silence:
    """Events that nobody reads."""

    def normal(self, *_: Any) -> None: ...


class StandIn:
    """Controls the objects of one kind in one namespace, by looking again and again."""

    def __init__(self, api: KubernetesApi, kind: Kind) -> None:
        self._over: Any = OverHttp(api)
        self._api, self._kind = api, kind
        self._silence: Any = _Silence()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="controller-stand-in", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(5)

    def _run(self) -> None:
        while not self._ended.wait(EVERY):
            with suppress(KubernetesError, ApiError):
                for each in self._over.list(self._kind, ""):
                    self._reconcile(each)

    def _reconcile(self, found: Json) -> None:
        # Somebody else writes in between; what did not fit is looked at again.
        with suppress(KubernetesError, ApiError):
            if self._kind is ROLLOUTS:
                _Sync(self._over, self._silence, found).run()
            elif self._kind is HTTP_ROUTES:
                metadata = found["metadata"]
                HttpRouteController(self._over).reconcile((metadata["namespace"], metadata["name"]))


def until(look: Callable[[], Any], what: str, within: float = 90.0) -> Any:
    """As `wait_until`, at the pace of an API server."""
    return wait_until(look, within=within, every=EVERY, what=what)


__all__ = ["HTTP_ROUTES", "ROLLOUTS", "resource", "served", "until"]

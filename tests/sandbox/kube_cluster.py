"""A cluster for the tests of the API server: the sandbox's own as a process, or HAKGAL_TEST_KUBECONFIG's."""

from __future__ import annotations

import base64
import json
import os
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
import urllib3
import yaml

from tests.conftest import wait_until
from tests.kubernetes.kubelet import ANY_POD, takes_pods

Json = dict[str, Any]

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"
TIMEOUT = 10.0
HASH = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
# Real controllers take their time where nothing else is the matter.
PATIENCE = 60.0


class Client:
    """HTTP to one API server, as one user."""

    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        context = _named(config["contexts"], config["current-context"])["context"]
        cluster = _named(config["clusters"], context["cluster"])["cluster"]
        user = _named(config["users"], context["user"])["user"]
        self.server: str = cluster["server"].rstrip("/")
        self.kubeconfig = kubeconfig
        self.session = requests.Session()
        # REQUESTS_CA_BUNDLE and the like would win over the kubeconfig's own authority.
        self.session.trust_env = False
        if token := user.get("token"):
            self.session.headers["Authorization"] = f"Bearer {token}"
        home = kubeconfig.parent
        authority = _file(cluster, "certificate-authority", folder, home)
        self.session.verify = authority or not cluster.get("insecure-skip-tls-verify", False)
        if certificate := _file(user, "client-certificate", folder, home):
            self.session.cert = (certificate, str(_file(user, "client-key", folder, home)))

    def call(self, method: str, path: str, body: Any = None, *, media: str = "", **query: Any) -> requests.Response:
        headers = {"Content-Type": media or "application/json"} if body is not None else {}
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        return self.session.request(
            method, self.server + path, params=query, data=data, headers=headers, timeout=TIMEOUT
        )

    def ok(self, method: str, path: str, body: Any = None, *, media: str = "", **query: Any) -> Json:
        answer = self.call(method, path, body, media=media, **query)
        assert answer.status_code in (200, 201, 202), f"{method} {path}: {answer.status_code} {answer.text}"
        return dict(answer.json())

    def refused(self, code: int, method: str, path: str, body: Any = None, *, media: str = "", **query: Any) -> Json:
        """The Status of an answer that must have this code."""
        answer = self.call(method, path, body, media=media, **query)
        assert answer.status_code == code, f"{method} {path}: {answer.status_code} {answer.text}"
        status = dict(answer.json())
        assert (status["kind"], status["apiVersion"], status["status"]) == ("Status", "v1", "Failure")
        assert status["code"] == code
        return status


def _named(items: list[Json], name: str) -> Json:
    return next(item for item in items if item["name"] == name)


def _file(entry: Json, field: str, folder: Path, home: Path) -> str | None:
    """The file of a certificate or key, written into `folder` where the kubeconfig, which lies in `home`, holds it."""
    if data := entry.get(f"{field}-data"):
        path = folder / f"{field}.pem"
        path.touch(mode=0o600)
        path.write_bytes(base64.b64decode(data))
        return str(path)
    return str(home / entry[field]) if entry.get(field) else None


@contextmanager
def sandbox_cluster(folder: Path, *options: str) -> Iterator[Client]:
    """The sandbox's API server as a process of its own."""
    command = [sys.executable, "-m", "console.sandbox.kube", "--kubeconfig", str(folder / "kubeconfig"), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        try:
            yield Client(Path(told["kubeconfig"]), folder)
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()


@contextmanager
def any_cluster(folder: Path) -> Iterator[Client]:
    """The cluster of HAKGAL_TEST_KUBECONFIG, else the sandbox's without a node."""
    if given := os.environ.get("HAKGAL_TEST_KUBECONFIG"):
        yield Client(Path(given), folder)
        return
    with sandbox_cluster(folder, "--no-pods") as client:
        yield client


@contextmanager
def own_namespace(client: Client) -> Iterator[Namespace]:
    """A namespace of the test's own, deleted after it."""
    name = f"hakgal-kube-{secrets.token_hex(4)}"
    client.ok("POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": ANY_POD}})
    namespace = Namespace(client, name)
    wait_until(lambda: namespace.find("serviceaccounts", "default"), within=PATIENCE, what="the default ServiceAccount")
    try:
        yield namespace
    finally:
        client.call("DELETE", f"/api/v1/namespaces/{name}")


_GROUPS = {
    "deployments": "apis/apps/v1",
    "replicasets": "apis/apps/v1",
    "leases": "apis/coordination.k8s.io/v1",
    "horizontalpodautoscalers": "apis/autoscaling/v2",
    "jobs": "apis/batch/v1",
}


class Namespace:
    """Short ways to the objects of one namespace."""

    def __init__(self, client: Client, name: str) -> None:
        self.client = client
        self.name = name

    def path(self, plural: str, *rest: str) -> str:
        group = _GROUPS.get(plural, "api/v1")
        return "/".join(["", group, "namespaces", self.name, plural, *rest])

    def find(self, plural: str, name: str) -> Json | None:
        answer = self.client.call("GET", self.path(plural, name))
        return dict(answer.json()) if answer.status_code == 200 else None

    def get(self, plural: str, name: str) -> Json:
        return self.client.ok("GET", self.path(plural, name))

    def list(self, plural: str, **query: Any) -> list[Json]:
        return list(self.client.ok("GET", self.path(plural), **query)["items"])

    def create(self, plural: str, body: Json, **query: Any) -> Json:
        return self.client.ok("POST", self.path(plural), body, **query)

    def put(self, plural: str, body: Json, *part: str, **query: Any) -> Json:
        return self.client.ok("PUT", self.path(plural, body["metadata"]["name"], *part), body, **query)

    def patch(self, plural: str, name: str, body: Any, *part: str, media: str = STRATEGIC, **query: Any) -> Json:
        return self.client.ok("PATCH", self.path(plural, name, *part), body, media=media, **query)

    def delete(self, plural: str, name: str, body: Json | None = None, **query: Any) -> Json:
        return self.client.ok("DELETE", self.path(plural, name), body, **query)

    def config_map(self, name: str, **data: str) -> Json:
        return self.create("configmaps", {"metadata": {"name": name}, "data": data})

    @contextmanager
    def watching(self, plural: str, **query: Any) -> Iterator[Watched]:
        """A watch in a thread; the `with` ends it."""
        watched = Watched(self.client, self.path(plural), query)
        try:
            yield watched
        finally:
            watched.close()


class Watched:
    """The events of a watch so far, in order."""

    def __init__(self, client: Client, path: str, query: Json) -> None:
        self.events: list[Json] = []
        self.ended = threading.Event()
        self._answer = client.session.get(
            client.server + path, params={"watch": "true", **query}, stream=True, timeout=(TIMEOUT, 60)
        )
        self.code = self._answer.status_code
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with suppress(requests.RequestException, urllib3.exceptions.HTTPError, ValueError, AttributeError):
            for line in self._answer.iter_lines(chunk_size=1):
                self.events.append(json.loads(line))
        self.ended.set()

    def close(self) -> None:
        # Closing alone would wait for the reader, which waits for the server.
        connection: Any = self._answer.raw.connection
        with suppress(AttributeError, OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)
        self._answer.close()
        self._thread.join(TIMEOUT)

    def told(self) -> list[tuple[str, str]]:
        """Type and name of each event but bookmarks."""
        return [
            (each["type"], each["object"]["metadata"]["name"]) for each in self.events if each["type"] != "BOOKMARK"
        ]

    def wait_for(self, count: int) -> list[tuple[str, str]]:
        wait_until(lambda: len(self.told()) >= count, within=PATIENCE, what=f"{count} events, there are {self.told()}")
        return self.told()


def container(version: str = "3.9", **fields: Any) -> Json:
    return {"name": "app", "image": f"registry.k8s.io/pause:{version}", **fields}


def deployment(name: str = "web", replicas: int = 2, version: str = "3.9", **spec: Any) -> Json:
    """A Deployment as a strict API server accepts it."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"automountServiceAccountToken": False, "containers": [container(version)]},
            },
            **spec,
        },
    }


def set_image(namespace: Namespace, version: str, name: str = "web") -> Json:
    spec = {"containers": [{"name": "app", "image": f"registry.k8s.io/pause:{version}"}]}
    return namespace.patch("deployments", name, {"spec": {"template": {"spec": spec}}})


def settled(namespace: Namespace, name: str = "web") -> Json:
    """The Deployment, once its controller has nothing left to do."""

    def look() -> Json | None:
        found = namespace.get("deployments", name)
        status, want = found.get("status") or {}, found["spec"]["replicas"]
        numbers = [status.get(field, 0) for field in ("replicas", "updatedReplicas", "availableReplicas")]
        seen = status.get("observedGeneration", 0) >= found["metadata"]["generation"]
        return found if numbers == [want] * 3 and seen else None

    found = wait_until(look, within=PATIENCE, what=f"{name} settled")
    assert found
    return found


def sets_by_revision(namespace: Namespace) -> dict[int, Json]:
    return {int(each["metadata"]["annotations"][REVISION]): each for each in namespace.list("replicasets")}


def condition(obj: Json, kind: str) -> Json:
    found = (each for each in (obj.get("status") or {}).get("conditions") or () if each["type"] == kind)
    return next(found, {})


def has_node(client: Client) -> bool:
    """Whether real kubelets run the pods."""
    return takes_pods(client.ok("GET", "/api/v1/nodes")["items"])


class StandIn:
    """Reports pods as running, for clusters without a node; all but those that `bad` says of."""

    def __init__(self, namespace: Namespace, bad: Callable[[Json], bool] = lambda _pod: False) -> None:
        self._namespace = namespace
        self.bad = bad
        self._ended = threading.Event()
        self._done: dict[str, bool] = {}
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(TIMEOUT)

    def _run(self) -> None:
        while not self._ended.wait(0.03):
            with suppress(requests.RequestException, AssertionError):
                for pod in self._namespace.list("pods"):
                    self._report(pod)

    def _report(self, pod: Json) -> None:
        bad = self.bad(pod)
        if self._done.get(pod["metadata"]["uid"]) == bad:
            return
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        ready = {"type": "Ready", "status": "False" if bad else "True", "lastTransitionTime": now}
        status = {"phase": "Running", "podIP": "10.99.0.1", "podIPs": [{"ip": "10.99.0.1"}], "conditions": [ready]}
        # A pod may be deleted between list and patch.
        path = self._namespace.path("pods", pod["metadata"]["name"], "status")
        if self._namespace.client.call("PATCH", path, {"status": status}, media=STRATEGIC).ok:
            self._done[pod["metadata"]["uid"]] = bad


@contextmanager
def running_pods(namespace: Namespace, bad: Callable[[Json], bool] = lambda _pod: False) -> Iterator[StandIn | None]:
    """Pods of the namespace come to run, by real kubelets or by a stand-in."""
    if has_node(namespace.client):
        yield None
        return
    stand_in = StandIn(namespace, bad)
    try:
        yield stand_in
    finally:
        stand_in.stop()

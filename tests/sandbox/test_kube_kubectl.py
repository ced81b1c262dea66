"""What an engineer does with kubectl: by the real one where it is installed, by the same requests over HTTP always."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest
import yaml

from console.sandbox.kube import protobuf
from tests.conftest import wait_until
from tests.sandbox.kube_cluster import (
    APPLY,
    HASH,
    JSON_PATCH,
    MERGE,
    PATIENCE,
    REVISION,
    STRATEGIC,
    Client,
    Json,
    Namespace,
    deployment,
    own_namespace,
    sandbox_cluster,
    sets_by_revision,
    settled,
)

pytestmark = pytest.mark.xdist_group("kube-kubectl")


class Hands(Protocol):
    """What is done; each returns once the server has taken it."""

    def apply(self, body: Json) -> None: ...
    def set_image(self, name: str, container: str, image: str) -> None: ...
    def wait_for_rollout(self, name: str) -> None: ...
    def undo(self, name: str) -> None: ...
    def revisions(self, name: str) -> list[int]: ...
    def scale(self, name: str, replicas: int) -> None: ...
    def label(self, kind: str, name: str, key: str, value: str) -> None: ...
    def annotate(self, kind: str, name: str, key: str, value: str) -> None: ...
    def patch(self, name: str, body: Json) -> None: ...
    def logs(self, name: str) -> str: ...
    def table(self, kind: str) -> list[list[str]]: ...
    def create_config(self, name: str, key: str, value: str) -> None: ...
    def delete(self, kind: str, name: str) -> None: ...
    def may(self, verb: str, resource: str) -> bool: ...


class Kubectl:
    """The program."""

    def __init__(self, client: Client, namespace: Namespace, home: Path) -> None:
        self._command = [str(shutil.which("kubectl")), "--kubeconfig", str(client.kubeconfig), "-n", namespace.name]
        self._environ = {"PATH": os.environ["PATH"], "HOME": str(home)}

    def run(self, *arguments: str, text: str | None = None) -> str:
        done = subprocess.run(
            [*self._command, *arguments],
            input=text,
            capture_output=True,
            text=True,
            timeout=60,
            env=self._environ,
            check=False,
        )
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stdout}{done.stderr}"
        assert "arning" not in done.stderr, done.stderr
        return done.stdout

    def apply(self, body: Json) -> None:
        self.run("apply", "-f", "-", text=yaml.safe_dump(body))

    def set_image(self, name: str, container: str, image: str) -> None:
        self.run("set", "image", f"deployment/{name}", f"{container}={image}")

    def wait_for_rollout(self, name: str) -> None:
        assert "successfully rolled out" in self.run("rollout", "status", f"deployment/{name}", "--timeout=30s")

    def undo(self, name: str) -> None:
        assert "rolled back" in self.run("rollout", "undo", f"deployment/{name}")

    def revisions(self, name: str) -> list[int]:
        lines = self.run("rollout", "history", f"deployment/{name}").splitlines()
        return [int(line.split()[0]) for line in lines if line and line[0].isdigit()]

    def scale(self, name: str, replicas: int) -> None:
        self.run("scale", f"deployment/{name}", f"--replicas={replicas}")

    def label(self, kind: str, name: str, key: str, value: str) -> None:
        self.run("label", kind, name, f"{key}={value}")

    def annotate(self, kind: str, name: str, key: str, value: str) -> None:
        self.run("annotate", kind, name, f"{key}={value}")

    def patch(self, name: str, body: Json) -> None:
        self.run("patch", "deployment", name, "-p", json.dumps(body))

    def logs(self, name: str) -> str:
        return self.run("logs", f"deployment/{name}").partition("\n")[2] or self.run("logs", f"deployment/{name}")

    def table(self, kind: str) -> list[list[str]]:
        return [line.split() for line in self.run("get", kind).splitlines()]

    def create_config(self, name: str, key: str, value: str) -> None:
        self.run("create", "configmap", name, f"--from-literal={key}={value}")

    def delete(self, kind: str, name: str) -> None:
        self.run("delete", kind, name, "--timeout=30s")

    def may(self, verb: str, resource: str) -> bool:
        return self.run("auth", "can-i", verb, resource).strip() == "yes"


class Http:
    """The requests that kubectl makes."""

    def __init__(self, client: Client, namespace: Namespace) -> None:
        self._client = client
        self._namespace = namespace

    def apply(self, body: Json) -> None:
        path = self._namespace.path(f"{body['kind'].lower()}s", body["metadata"]["name"])
        self._client.ok("PATCH", path, body, media=APPLY, fieldManager="kubectl", force="true")

    def set_image(self, name: str, container: str, image: str) -> None:
        containers = [{"name": container, "image": image}]
        self.patch(
            name,
            {
                "spec": {
                    "template": {
                        "spec": {"$setElementOrder/containers": [{"name": container}], "containers": containers}
                    }
                }
            },
        )

    def wait_for_rollout(self, name: str) -> None:
        settled(self._namespace, name)

    def undo(self, name: str) -> None:
        before = sorted(sets_by_revision(self._namespace).items())[-2][1]
        template = before["spec"]["template"]
        del template["metadata"]["labels"][HASH]
        operations = [
            {"op": "replace", "path": "/spec/template", "value": template},
            {"op": "replace", "path": "/metadata/annotations", "value": {}},
        ]
        self._namespace.patch("deployments", name, operations, media=JSON_PATCH)

    def revisions(self, name: str) -> list[int]:
        return sorted(sets_by_revision(self._namespace))

    def scale(self, name: str, replicas: int) -> None:
        path = self._namespace.path("deployments", name, "scale")
        self._client.ok("PATCH", path, {"spec": {"replicas": replicas}}, media=MERGE)

    def label(self, kind: str, name: str, key: str, value: str) -> None:
        self._namespace.patch(f"{kind}s", name, {"metadata": {"labels": {key: value}}}, media=MERGE)

    def annotate(self, kind: str, name: str, key: str, value: str) -> None:
        self._namespace.patch(f"{kind}s", name, {"metadata": {"annotations": {key: value}}}, media=MERGE)

    def patch(self, name: str, body: Json) -> None:
        self._namespace.patch("deployments", name, body, media=STRATEGIC)

    def logs(self, name: str) -> str:
        pod = self._namespace.list("pods", labelSelector=f"app={name}")[0]["metadata"]["name"]
        return self._client.call("GET", self._namespace.path("pods", pod, "log")).text

    def table(self, kind: str) -> list[list[str]]:
        headers = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}
        url = self._client.server + self._namespace.path(f"{kind}s")
        body = self._client.session.get(url, headers=headers, timeout=10).json()
        wanted = [index for index, column in enumerate(body["columnDefinitions"]) if column["priority"] == 0]
        head = [body["columnDefinitions"][index]["name"].upper() for index in wanted]
        return [head, *([str(row["cells"][index]) for index in wanted] for row in body["rows"])]

    def create_config(self, name: str, key: str, value: str) -> None:
        self._namespace.config_map(name, **{key: value})

    def delete(self, kind: str, name: str) -> None:
        self._namespace.delete(f"{kind}s", name, {"propagationPolicy": "Background"})

    def may(self, verb: str, resource: str) -> bool:
        body = {"spec": {"resourceAttributes": {"verb": verb, "resource": resource, "namespace": self._namespace.name}}}
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        return bool(self._client.ok("POST", path, body)["status"]["allowed"])


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with sandbox_cluster(tmp_path_factory.mktemp("kube"), "--ready-after", "0.1") as client:
        yield client


@pytest.fixture
def namespace(client: Client) -> Iterator[Namespace]:
    with own_namespace(client) as namespace:
        yield namespace


@pytest.fixture(params=["http", "kubectl"] if shutil.which("kubectl") else ["http"])
def hands(request: pytest.FixtureRequest, client: Client, namespace: Namespace, tmp_path: Path) -> Hands:
    return Kubectl(client, namespace, tmp_path) if request.param == "kubectl" else Http(client, namespace)


def quick(version: str = "3.9") -> Json:
    """A Deployment whose pods end at once when told to."""
    body = deployment(version=version)
    body["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 0
    return body


def image(namespace: Namespace) -> str:
    found = namespace.get("deployments", "web")
    return str(found["spec"]["template"]["spec"]["containers"][0]["image"])


def test_a_release_is_set_watched_and_undone(hands: Hands, namespace: Namespace) -> None:
    hands.apply(quick())
    hands.wait_for_rollout("web")
    hands.set_image("web", "app", "registry.k8s.io/pause:2")
    hands.wait_for_rollout("web")
    assert hands.revisions("web") == [1, 2]
    assert image(namespace) == "registry.k8s.io/pause:2"
    hands.undo("web")
    hands.wait_for_rollout("web")
    assert image(namespace) == "registry.k8s.io/pause:3.9"
    assert hands.revisions("web") == [2, 3]
    assert namespace.get("deployments", "web")["metadata"]["annotations"][REVISION] == "3"


def test_it_is_scaled_patched_labelled_and_its_table_and_log_read(hands: Hands, namespace: Namespace) -> None:
    hands.apply(quick())
    hands.wait_for_rollout("web")
    hands.scale("web", 3)
    hands.wait_for_rollout("web")
    assert hands.table("deployment")[0] == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
    assert hands.table("deployment")[1][:4] == ["web", "3/3", "3", "3"]
    pods = hands.table("pod")
    assert pods[0] == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert {tuple(row[1:4]) for row in pods[1:]} == {("1/1", "Running", "0")}
    assert "started registry.k8s.io/pause:3.9" in hands.logs("web")
    hands.patch("web", {"spec": {"minReadySeconds": 1}})
    hands.label("deployment", "web", "tier", "front")
    hands.annotate("deployment", "web", "kubernetes.io/change-cause", "by hand")
    found = namespace.get("deployments", "web")
    assert found["spec"]["minReadySeconds"] == 1
    assert found["metadata"]["labels"]["tier"] == "front"
    assert found["metadata"]["annotations"]["kubernetes.io/change-cause"] == "by hand"
    hands.delete("deployment", "web")
    wait_until(lambda: not namespace.list("pods"), within=PATIENCE, what="the pods gone")


def test_applying_again_changes_what_differs_and_takes_away_what_is_gone(hands: Hands, namespace: Namespace) -> None:
    body = quick()
    app = body["spec"]["template"]["spec"]["containers"][0]
    app["env"] = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    hands.apply(body)
    generation = namespace.get("deployments", "web")["metadata"]["generation"]
    hands.apply(body)
    assert namespace.get("deployments", "web")["metadata"]["generation"] == generation
    app["env"] = [{"name": "B", "value": "3"}]
    hands.apply(body)
    found = namespace.get("deployments", "web")
    assert found["spec"]["template"]["spec"]["containers"][0]["env"] == [{"name": "B", "value": "3"}]


def test_a_config_map_is_made_and_rights_are_told(hands: Hands, namespace: Namespace) -> None:
    hands.create_config("settings", "LEVEL", "FULL")
    assert namespace.get("configmaps", "settings")["data"] == {"LEVEL": "FULL"}
    assert hands.may("patch", "deployments") is True


if shutil.which("kubectl"):

    def test_kubectl_describes_what_there_is(client: Client, namespace: Namespace, tmp_path: Path) -> None:
        kubectl = Kubectl(client, namespace, tmp_path)
        namespace.create(
            "services", {"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}}
        )
        kubectl.apply(quick())
        kubectl.wait_for_rollout("web")
        text = kubectl.run("describe", "deployment,pods,services")
        assert "2 desired | 2 updated | 2 total | 2 available | 0 unavailable" in text
        assert "NewReplicaSet:   web-" in text
        assert "Scaled up replica set web-" in text
        assert "Successfully assigned" in text
        assert "Endpoints:                10.244." in text
        assert "deployments" in kubectl.run("api-resources")
        assert kubectl.run("get", "all", "-o", "name").count("pod/web-") == 2
        assert "Scheduled" in kubectl.run("events")
        assert yaml.safe_load(kubectl.run("get", "deployment", "web", "-o", "yaml"))["spec"]["replicas"] == 2


# kubectl create and auth can-i send protobuf, which is decoded here with or without kubectl.


def encoded(number: int, value: bytes | str | int) -> bytes:
    if isinstance(value, int):
        return bytes([number << 3, value])
    body = value.encode() if isinstance(value, str) else value
    assert len(body) < 128
    return bytes([number << 3 | 2, len(body)]) + body


def enveloped(kind: str, raw: bytes, api_version: str = "v1") -> bytes:
    header = encoded(1, api_version) + encoded(2, kind)
    return protobuf.MAGIC + encoded(1, header) + encoded(2, raw)


def test_a_protobuf_body_becomes_the_same_object(namespace: Namespace) -> None:
    metadata = encoded(1, "proto") + encoded(3, "") + encoded(11, encoded(1, "a") + encoded(2, "b")) + encoded(8, b"")
    body = enveloped("ConfigMap", encoded(1, metadata) + encoded(2, encoded(1, "k") + encoded(2, "v")) + encoded(4, 0))
    assert protobuf.decode(body) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "proto", "labels": {"a": "b"}},
        "data": {"k": "v"},
    }
    made = namespace.client.ok("POST", namespace.path("configmaps"), body, media=protobuf.MEDIA)
    assert (made["data"], made["metadata"]["labels"]) == ({"k": "v"}, {"a": "b"})


def test_a_zero_that_means_zero_is_kept_and_one_that_means_nothing_is_not() -> None:
    strategy = encoded(2, encoded(1, encoded(1, 1) + encoded(3, "25%")) + encoded(2, encoded(1, 0) + encoded(2, 2)))
    body = enveloped("Deployment", encoded(2, encoded(1, 0) + encoded(5, 0) + encoded(7, 0) + encoded(4, strategy)))
    rolling = {"maxUnavailable": "25%", "maxSurge": 2}
    assert protobuf.decode(body)["spec"] == {"replicas": 0, "strategy": {"rollingUpdate": rolling}}


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        protobuf.MAGIC + b"\x0a\x7f",
        enveloped("Job", b""),
        enveloped("ConfigMap", encoded(15, "x")),
        enveloped("ConfigMap", b"\x0d1234"),
        enveloped("ConfigMap", encoded(1, 5)),
    ],
)
def test_protobuf_that_is_not_known_is_refused_and_not_half_read(namespace: Namespace, body: bytes) -> None:
    with pytest.raises(protobuf.ProtobufError):
        protobuf.decode(body)
    namespace.client.refused(415, "POST", namespace.path("configmaps"), body, media=protobuf.MEDIA)

"""Deleting objects: preconditions, finalizers, owners and dependents, whole namespaces.

These run unchanged against a real cluster with HAKGAL_TEST_KUBECONFIG.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import wait_until
from tests.sandbox.kube_cluster import (
    MERGE,
    PATIENCE,
    Client,
    Json,
    Namespace,
    any_cluster,
    container,
    deployment,
    own_namespace,
)

pytestmark = [pytest.mark.kubernetes, pytest.mark.xdist_group("kube-deletion")]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with any_cluster(tmp_path_factory.mktemp("kube")) as client:
        yield client


@pytest.fixture
def namespace(client: Client) -> Iterator[Namespace]:
    with own_namespace(client) as namespace:
        yield namespace


def pod(name: str = "lone", **metadata: object) -> Json:
    spec = {"automountServiceAccountToken": False, "containers": [container()]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, **metadata}, "spec": spec}


def test_a_deletion_with_a_precondition_that_does_not_hold_is_a_conflict(namespace: Namespace) -> None:
    made = namespace.config_map("one")
    path = namespace.path("configmaps", "one")
    for wrong in ({"uid": "00000000-0000-0000-0000-000000000000"}, {"resourceVersion": "1"}):
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": wrong}
        assert namespace.client.refused(409, "DELETE", path, body)["reason"] == "Conflict"
    right = {"preconditions": {key: made["metadata"][key] for key in ("uid", "resourceVersion")}}
    status = namespace.delete("configmaps", "one", right)
    assert (status["kind"], status["status"]) == ("Status", "Success")
    assert status["details"] == {"name": "one", "kind": "configmaps", "uid": made["metadata"]["uid"]}


def test_finalizers_hold_a_deleted_object_until_they_are_gone(namespace: Namespace) -> None:
    namespace.create("configmaps", {"metadata": {"name": "held", "finalizers": ["example.com/wait"]}})
    answer = namespace.delete("configmaps", "held")
    assert answer["metadata"]["deletionTimestamp"]
    assert namespace.find("configmaps", "held")
    namespace.patch("configmaps", "held", {"metadata": {"finalizers": None}}, media=MERGE)
    assert namespace.find("configmaps", "held") is None


def test_an_unscheduled_pod_is_deleted_at_once(namespace: Namespace) -> None:
    namespace.create("pods", pod())
    answer = namespace.delete("pods", "lone", gracePeriodSeconds=0)
    assert answer["kind"] == "Pod"
    assert namespace.find("pods", "lone") is None


@pytest.mark.parametrize("policy", ["Background", "Foreground", "Orphan"])
def test_dependents_go_with_their_owner_or_stay_as_asked(namespace: Namespace, policy: str) -> None:
    owner = namespace.config_map("owner")
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    blocking = {**reference, "blockOwnerDeletion": True}
    namespace.create("configmaps", {"metadata": {"name": "child", "ownerReferences": [blocking]}})
    grand = {**reference, "name": "child", "uid": namespace.get("configmaps", "child")["metadata"]["uid"]}
    namespace.create("configmaps", {"metadata": {"name": "grandchild", "ownerReferences": [grand]}})
    namespace.delete("configmaps", "owner", {"propagationPolicy": policy})
    wait_until(lambda: namespace.find("configmaps", "owner") is None, within=PATIENCE, what="the owner gone")
    if policy == "Orphan":
        child = namespace.get("configmaps", "child")
        assert "ownerReferences" not in child["metadata"]
        assert namespace.find("configmaps", "grandchild")
    else:
        wait_until(
            lambda: namespace.find("configmaps", "grandchild") is None, within=PATIENCE, what="the dependents gone"
        )
        assert namespace.find("configmaps", "child") is None


def test_a_dependent_stays_as_long_as_it_has_an_owner(namespace: Namespace) -> None:
    owners = [namespace.config_map(name) for name in ("one", "two")]
    references = [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": each["metadata"]["name"], "uid": each["metadata"]["uid"]}
        for each in owners
    ]
    namespace.create("configmaps", {"metadata": {"name": "child", "ownerReferences": references}})
    namespace.delete("configmaps", "one", {"propagationPolicy": "Background"})
    wait_until(
        lambda: namespace.get("configmaps", "child")["metadata"].get("ownerReferences") == references[1:],
        within=PATIENCE,
        what="the gone owner struck out",
    )
    namespace.delete("configmaps", "two", {"propagationPolicy": "Background"})
    wait_until(lambda: namespace.find("configmaps", "child") is None, within=PATIENCE, what="the dependent gone")


def test_a_collection_is_deleted_by_label(namespace: Namespace) -> None:
    for name, tier in (("a", "x"), ("b", "x"), ("c", "y")):
        namespace.create("configmaps", {"metadata": {"name": name, "labels": {"tier": tier}}})
    namespace.client.ok("DELETE", namespace.path("configmaps"), labelSelector="tier=x")
    names = {each["metadata"]["name"] for each in namespace.list("configmaps")}
    assert names - {"kube-root-ca.crt"} == {"c"}


def test_a_deleted_namespace_takes_everything_with_it_and_accepts_nothing_more(client: Client) -> None:
    with own_namespace(client) as namespace:
        namespace.create("configmaps", {"metadata": {"name": "held", "finalizers": ["example.com/wait"]}})
        namespace.create("deployments", deployment(replicas=1))
        path = f"/api/v1/namespaces/{namespace.name}"
        client.ok("DELETE", path)
        found = client.ok("GET", path)
        assert found["status"]["phase"] == "Terminating"
        status = client.refused(403, "POST", namespace.path("configmaps"), {"metadata": {"name": "late"}})
        assert status["details"]["causes"][0]["reason"] == "NamespaceTerminating"
        wait_until(lambda: not namespace.list("deployments"), within=PATIENCE, what="the Deployment gone")
        namespace.patch("configmaps", "held", {"metadata": {"finalizers": None}}, media=MERGE)
        wait_until(lambda: client.call("GET", path).status_code == 404, within=PATIENCE, what="the namespace gone")

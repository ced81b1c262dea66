"""Reading and writing objects: what a kube-apiserver promises of versions, conflicts, validity and deletion.

These run unchanged against a real cluster with HAKGAL_TEST_KUBECONFIG.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import wait_until
from tests.sandbox.kube_cluster import (
    JSON_PATCH,
    MERGE,
    Client,
    Json,
    Namespace,
    any_cluster,
    container,
    deployment,
    own_namespace,
)

pytestmark = [pytest.mark.kubernetes, pytest.mark.xdist_group("kube-semantics")]


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


def version(obj: Json) -> int:
    return int(obj["metadata"]["resourceVersion"])


def test_a_new_object_has_uid_time_and_version_and_every_write_raises_the_version(namespace: Namespace) -> None:
    first = namespace.config_map("one", a="1")
    other = namespace.config_map("two")
    assert first["metadata"]["uid"] != other["metadata"]["uid"]
    assert first["metadata"]["creationTimestamp"].endswith("Z")
    assert first["metadata"]["namespace"] == namespace.name
    assert version(first) < version(other)
    changed = namespace.patch("configmaps", "one", {"data": {"a": "2"}})
    assert version(changed) > version(other)
    assert changed["metadata"]["uid"] == first["metadata"]["uid"]


def test_a_write_that_changes_nothing_leaves_the_version(namespace: Namespace) -> None:
    made = namespace.config_map("same", a="1")
    assert namespace.patch("configmaps", "same", {"data": {"a": "1"}})["metadata"] == made["metadata"]
    assert namespace.put("configmaps", made)["metadata"] == made["metadata"]


def test_a_write_from_an_old_version_is_a_conflict_by_put_and_by_every_patch(namespace: Namespace) -> None:
    old = namespace.create("deployments", deployment())
    namespace.patch("deployments", "web", {"metadata": {"labels": {"x": "1"}}})
    path = namespace.path("deployments", "web")
    status = namespace.client.refused(409, "PUT", path, old)
    assert status["reason"] == "Conflict"
    assert status["message"] == (
        'Operation cannot be fulfilled on deployments.apps "web": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )
    assert status["details"] == {"name": "web", "group": "apps", "kind": "deployments"}
    stale = {"metadata": {"resourceVersion": old["metadata"]["resourceVersion"], "labels": {"x": "2"}}}
    for media in ("application/merge-patch+json", "application/strategic-merge-patch+json"):
        assert namespace.client.refused(409, "PATCH", path, stale, media=media)["reason"] == "Conflict"
    operations = [
        {"op": "replace", "path": "/metadata/resourceVersion", "value": old["metadata"]["resourceVersion"]},
        {"op": "add", "path": "/metadata/labels/x", "value": "2"},
    ]
    assert namespace.client.refused(409, "PATCH", path, operations, media=JSON_PATCH)["reason"] == "Conflict"
    assert namespace.get("deployments", "web")["metadata"]["labels"] == {"x": "1"}


def test_a_put_without_a_version_wins_but_not_for_a_lease(namespace: Namespace) -> None:
    made = namespace.config_map("free", a="1")
    del made["metadata"]["resourceVersion"]
    made["data"] = {"a": "2"}
    assert namespace.put("configmaps", made)["data"] == {"a": "2"}
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "driver"},
        "spec": {"holderIdentity": "me", "leaseDurationSeconds": 15},
    }
    namespace.create("leases", lease)
    status = namespace.client.refused(422, "PUT", namespace.path("leases", "driver"), lease)
    assert status["details"]["causes"][0]["field"] == "metadata.resourceVersion"


def test_a_uid_that_is_not_the_objects_is_a_conflict(namespace: Namespace) -> None:
    made = namespace.config_map("one")
    made["metadata"]["uid"] = "00000000-0000-0000-0000-000000000000"
    del made["metadata"]["resourceVersion"]
    status = namespace.client.refused(409, "PUT", namespace.path("configmaps", "one"), made)
    assert "Precondition failed: UID in precondition: 0000" in status["message"]


def test_the_name_is_taken_the_object_is_not_there_and_the_path_is_none(namespace: Namespace) -> None:
    namespace.create("deployments", deployment())
    status = namespace.client.refused(409, "POST", namespace.path("deployments"), deployment())
    assert (status["reason"], status["message"]) == ("AlreadyExists", 'deployments.apps "web" already exists')
    for method in ("GET", "DELETE"):
        status = namespace.client.refused(404, method, namespace.path("deployments", "none"))
        assert (status["reason"], status["message"]) == ("NotFound", 'deployments.apps "none" not found')
        assert status["details"] == {"name": "none", "group": "apps", "kind": "deployments"}
    status = namespace.client.refused(404, "POST", "/api/v1/namespaces/no-such/configmaps", {"metadata": {"name": "a"}})
    assert status["message"] == 'namespaces "no-such" not found'
    status = namespace.client.refused(404, "GET", "/apis/apps/v1/nonsense")
    assert status["message"] == "the server could not find the requested resource"
    answer = namespace.client.call("GET", "/apis/nonsense.example.com/v1/things")
    assert (answer.status_code, answer.text.strip()) == (404, "404 page not found")


def test_a_body_for_another_object_or_kind_is_a_bad_request(namespace: Namespace) -> None:
    made = namespace.config_map("one")
    path = namespace.path("configmaps", "two")
    namespace.config_map("two")
    assert "does not match the name on the URL" in namespace.client.refused(400, "PUT", path, made)["message"]
    elsewhere = {"metadata": {"name": "three", "namespace": "default"}}
    message = namespace.client.refused(400, "POST", namespace.path("configmaps"), elsewhere)["message"]
    assert message == "the namespace of the provided object does not match the namespace sent on the request"
    wrong = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "four"}}
    assert namespace.client.refused(400, "POST", namespace.path("configmaps"), wrong)["reason"] == "BadRequest"
    assert namespace.client.refused(400, "POST", namespace.path("configmaps"), b"{")["reason"] == "BadRequest"


def test_an_event_lies_in_the_namespace_of_what_it_is_about(namespace: Namespace) -> None:
    body = {"metadata": {"name": "astray"}, "involvedObject": {"kind": "Pod", "name": "web", "namespace": "default"}}
    status = namespace.client.refused(422, "POST", namespace.path("events"), body)
    assert "does not match event.namespace" in status["message"]


def test_names_are_generated(namespace: Namespace) -> None:
    names = {namespace.create("configmaps", {"metadata": {"generateName": "x-"}})["metadata"]["name"] for _ in range(3)}
    assert len(names) == 3
    assert all(name.startswith("x-") and len(name) == 7 for name in names)


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("metadata.name", {"metadata": {"name": "Not_Valid"}}),
        ("spec.selector", {"spec": {"selector": None}}),
        ("spec.template.metadata.labels", {"spec": {"selector": {"matchLabels": {"app": "other"}}}}),
        ("spec.template.spec.containers", {"spec": {"template": {"spec": {"containers": None}}}}),
        ("spec.template.spec.containers[0].image", {"spec": {"template": {"spec": {"containers": [{"name": "a"}]}}}}),
        ("spec.replicas", {"spec": {"replicas": -1}}),
        ("spec.strategy", {"spec": {"strategy": {"type": "Sometimes"}}}),
        (
            "spec.strategy.rollingUpdate.maxUnavailable",
            {"spec": {"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "0%"}}}},
        ),
        ("spec.progressDeadlineSeconds", {"spec": {"minReadySeconds": 10, "progressDeadlineSeconds": 10}}),
    ],
)
def test_an_impossible_deployment_is_invalid_and_names_the_field(
    namespace: Namespace, field: str, change: Json
) -> None:
    def merged(base: Json, over: Json) -> Json:
        result = dict(base)
        for key, value in over.items():
            nested = isinstance(value, dict) and isinstance(result.get(key), dict) and key != "matchLabels"
            result[key] = merged(result[key], value) if nested else value
        return result

    status = namespace.client.refused(422, "POST", namespace.path("deployments"), merged(deployment(), change))
    assert status["reason"] == "Invalid"
    assert status["message"].startswith("Deployment.apps ")
    assert " is invalid: " in status["message"]
    assert field in {cause["field"] for cause in status["details"]["causes"]}


def test_a_number_that_is_text_is_a_bad_request(namespace: Namespace) -> None:
    status = namespace.client.refused(400, "POST", namespace.path("deployments"), deployment(replicas="3"))  # type: ignore[arg-type]
    # The struct's name differs between versions of Go's decoder.
    assert "json: cannot unmarshal string into Go struct field Deployment" in status["message"]
    assert "spec.replicas" in status["message"]


def test_the_selector_of_a_deployment_cannot_change(namespace: Namespace) -> None:
    namespace.create("deployments", deployment())
    labels = {"app": "web", "more": "1"}
    spec = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}}}
    path = namespace.path("deployments", "web")
    status = namespace.client.refused(422, "PATCH", path, {"spec": spec}, media=MERGE)
    assert "field is immutable" in status["message"]


def test_a_pods_spec_cannot_change_but_for_its_image(namespace: Namespace) -> None:
    namespace.create("pods", pod())
    namespace.patch("pods", "lone", {"spec": {"containers": [{"name": "app", "image": "registry.k8s.io/pause:2"}]}})
    change = {"spec": {"containers": [{"name": "app", "command": ["x"]}]}}
    path = namespace.path("pods", "lone")
    status = namespace.client.refused(422, "PATCH", path, change, media="application/strategic-merge-patch+json")
    assert "pod updates may not change fields other than" in status["message"]


def test_defaults_are_written_into_a_deployment(namespace: Namespace) -> None:
    made = namespace.create("deployments", deployment())
    spec = made["spec"]
    assert (spec["revisionHistoryLimit"], spec["progressDeadlineSeconds"]) == (10, 600)
    rolling = {"maxSurge": "25%", "maxUnavailable": "25%"}
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": rolling}
    inner = spec["template"]["spec"]
    assert (inner["restartPolicy"], inner["dnsPolicy"], inner["schedulerName"]) == (
        "Always",
        "ClusterFirst",
        "default-scheduler",
    )
    assert inner["terminationGracePeriodSeconds"] == 30
    assert inner["containers"][0]["imagePullPolicy"] == "IfNotPresent"
    assert inner["containers"][0]["terminationMessagePath"] == "/dev/termination-log"


def test_generation_counts_changes_of_the_spec_and_not_of_labels_or_status(namespace: Namespace) -> None:
    made = namespace.create("deployments", deployment(replicas=0, paused=True))
    assert made["metadata"]["generation"] == 1
    assert namespace.patch("deployments", "web", {"metadata": {"labels": {"a": "b"}}})["metadata"]["generation"] == 1
    status = {"status": {"collisionCount": 1}}
    assert namespace.patch("deployments", "web", status, "status", media=MERGE)["metadata"]["generation"] == 1
    assert namespace.patch("deployments", "web", {"spec": {"minReadySeconds": 1}})["metadata"]["generation"] == 2
    # A Deployment's annotations are copied to its ReplicaSets, so they count as well.
    annotated = namespace.patch("deployments", "web", {"metadata": {"annotations": {"a": "b"}}})
    assert annotated["metadata"]["generation"] == 3
    wait_until(
        lambda: namespace.get("deployments", "web")["status"].get("observedGeneration") == 3,
        what="the controller having observed it",
    )


def test_a_status_write_leaves_the_spec_and_a_spec_write_leaves_the_status(namespace: Namespace) -> None:
    namespace.create("pods", pod())
    body = namespace.get("pods", "lone")
    body["status"]["phase"] = "Running"
    body["spec"]["containers"][0]["image"] = "registry.k8s.io/pause:9"
    written = namespace.put("pods", body, "status")
    assert written["status"]["phase"] == "Running"
    assert written["spec"]["containers"][0]["image"] == "registry.k8s.io/pause:3.9"
    body = namespace.get("pods", "lone")
    body["status"]["phase"] = "Failed"
    body["metadata"]["labels"] = {"seen": "yes"}
    written = namespace.put("pods", body)
    assert written["status"]["phase"] == "Running"
    assert written["metadata"]["labels"] == {"seen": "yes"}


def test_a_dry_run_answers_as_if_and_changes_nothing(namespace: Namespace) -> None:
    made = namespace.create("configmaps", {"metadata": {"name": "dry"}}, dryRun="All")
    assert made["metadata"]["uid"]
    assert namespace.find("configmaps", "dry") is None
    real = namespace.config_map("real", a="1")
    patched = namespace.patch("configmaps", "real", {"data": {"a": "2"}}, dryRun="All", fieldManager="tester")
    assert patched["data"] == {"a": "2"}
    namespace.delete("configmaps", "real", dryRun="All")
    assert namespace.get("configmaps", "real")["metadata"]["resourceVersion"] == real["metadata"]["resourceVersion"]
    assert namespace.client.refused(422, "POST", namespace.path("deployments"), {}, dryRun="All")["reason"] == "Invalid"


def test_patch_formats_that_are_none_are_refused(namespace: Namespace) -> None:
    namespace.config_map("one")
    path = namespace.path("configmaps", "one")
    status = namespace.client.refused(415, "PATCH", path, {"data": {}}, media="application/json")
    assert status["reason"] == "UnsupportedMediaType"
    assert "application/json-patch+json" in status["message"]
    answer = namespace.client.call("POST", path, {"metadata": {"name": "one"}})
    assert answer.status_code == 405


def test_a_failed_test_of_a_json_patch_is_unprocessable_and_changes_nothing(namespace: Namespace) -> None:
    namespace.config_map("one", a="1")
    operations = [
        {"op": "test", "path": "/data/a", "value": "2"},
        {"op": "replace", "path": "/data/a", "value": "3"},
    ]
    status = namespace.client.refused(422, "PATCH", namespace.path("configmaps", "one"), operations, media=JSON_PATCH)
    assert status["reason"] == "Invalid"
    assert namespace.get("configmaps", "one")["data"] == {"a": "1"}


def test_scale_is_read_and_written_apart_and_obeys_its_version(namespace: Namespace) -> None:
    namespace.create("deployments", deployment(replicas=1, paused=True))
    scale = namespace.client.ok("GET", namespace.path("deployments", "web", "scale"))
    assert (scale["kind"], scale["apiVersion"], scale["spec"]) == ("Scale", "autoscaling/v1", {"replicas": 1})
    assert scale["status"]["selector"] == "app=web"
    namespace.patch("deployments", "web", {"metadata": {"labels": {"a": "b"}}})
    path = namespace.path("deployments", "web", "scale")
    assert namespace.client.refused(409, "PUT", path, scale)["reason"] == "Conflict"
    scale = namespace.client.ok("PATCH", path, {"spec": {"replicas": 3}}, media=MERGE)
    assert scale["spec"] == {"replicas": 3}
    found = namespace.get("deployments", "web")
    assert (found["spec"]["replicas"], found["metadata"]["generation"]) == (3, 2)


def test_a_secrets_text_becomes_data(namespace: Namespace) -> None:
    made = namespace.create("secrets", {"metadata": {"name": "key"}, "stringData": {"word": "hush"}})
    assert (made["type"], made["data"]) == ("Opaque", {"word": "aHVzaA=="})
    assert "stringData" not in made


def test_a_service_gets_an_address_and_keeps_it(namespace: Namespace) -> None:
    body = {"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}}
    made = namespace.create("services", body)
    assert made["spec"]["type"] == "ClusterIP"
    assert made["spec"]["clusterIPs"] == [made["spec"]["clusterIP"]]
    assert made["spec"]["ports"][0] == {"port": 80, "protocol": "TCP", "targetPort": 80}
    body["metadata"]["resourceVersion"] = made["metadata"]["resourceVersion"]  # type: ignore[index]
    assert namespace.put("services", body)["spec"]["clusterIP"] == made["spec"]["clusterIP"]


def test_an_autoscaler_is_the_same_object_in_both_versions(namespace: Namespace) -> None:
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "maxReplicas": 5,
        "targetCPUUtilizationPercentage": 60,
    }
    path = f"/apis/autoscaling/v1/namespaces/{namespace.name}/horizontalpodautoscalers"
    namespace.client.ok("POST", path, {"metadata": {"name": "web"}, "spec": spec})
    new = namespace.get("horizontalpodautoscalers", "web")
    assert new["apiVersion"] == "autoscaling/v2"
    assert new["spec"]["metrics"][0]["resource"]["target"] == {"type": "Utilization", "averageUtilization": 60}
    namespace.patch("horizontalpodautoscalers", "web", {"spec": {"minReplicas": 2}}, media=MERGE)
    assert namespace.client.ok("GET", f"{path}/web")["spec"] == {**spec, "minReplicas": 2}


def test_an_access_review_says_yes_to_the_administrator(client: Client) -> None:
    attributes = {"verb": "patch", "group": "apps", "resource": "deployments", "namespace": "default"}
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    answer = client.ok("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body)
    assert answer["status"]["allowed"] is True


def test_discovery_names_the_kinds_with_their_verbs_and_parts(client: Client) -> None:
    resources = {each["name"]: each for each in client.ok("GET", "/apis/apps/v1")["resources"]}
    assert resources["deployments"]["kind"] == "Deployment"
    assert {"get", "list", "watch", "patch", "update"} <= set(resources["deployments"]["verbs"])
    assert resources["deployments/scale"]["kind"] == "Scale"
    core = {each["name"] for each in client.ok("GET", "/api/v1")["resources"]}
    assert {"pods", "pods/log", "services", "configmaps", "events", "namespaces"} <= core
    groups = {each["name"] for each in client.ok("GET", "/apis")["groups"]}
    assert {"apps", "autoscaling", "coordination.k8s.io", "events.k8s.io", "authorization.k8s.io"} <= groups
    assert client.ok("GET", "/version")["major"] == "1"
    for path in ("/healthz", "/livez", "/readyz"):
        assert client.call("GET", path).text == "ok"


def test_a_table_has_the_columns_that_kubectl_prints(namespace: Namespace) -> None:
    namespace.create("deployments", deployment(replicas=0))
    headers = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}
    url = namespace.client.server + namespace.path("deployments")
    table = namespace.client.session.get(url, headers=headers, timeout=10).json()
    assert table["kind"] == "Table"
    names = [column["name"] for column in table["columnDefinitions"] if column["priority"] == 0]
    assert names == ["Name", "Ready", "Up-to-date", "Available", "Age"]
    (row,) = table["rows"]
    assert row["cells"][:4] == ["web", "0/0", 0, 0]
    assert row["object"]["kind"] == "PartialObjectMetadata"

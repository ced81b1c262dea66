"""Deployments and what their controllers make of them: limits, revisions, conditions, cleaning up.

These run unchanged against a real cluster with HAKGAL_TEST_KUBECONFIG; where no node runs pods, a stand-in does.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.conftest import wait_until
from tests.sandbox.kube_cluster import (
    HASH,
    JSON_PATCH,
    MERGE,
    PATIENCE,
    REVISION,
    Client,
    Json,
    Namespace,
    any_cluster,
    condition,
    container,
    deployment,
    own_namespace,
    running_pods,
    set_image,
    sets_by_revision,
    settled,
)

pytestmark = pytest.mark.xdist_group("kube-rollouts")
kubernetes = pytest.mark.kubernetes


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with any_cluster(tmp_path_factory.mktemp("kube")) as client:
        yield client


@pytest.fixture
def namespace(client: Client) -> Iterator[Namespace]:
    with own_namespace(client) as namespace:
        yield namespace


@pytest.fixture
def live(namespace: Namespace) -> Iterator[Namespace]:
    """A namespace in which pods come to run, but those with the image version `bad`."""
    with running_pods(namespace, is_bad):
        yield namespace


def is_bad(pod: Json) -> bool:
    return any(each["image"].endswith(":bad") for each in pod["spec"]["containers"])


def is_ready(pod: Json) -> bool:
    return condition(pod, "Ready").get("status") == "True" and not pod["metadata"].get("deletionTimestamp")


@kubernetes
def test_a_deployment_gets_a_replica_set_with_its_hash_and_revision_one(live: Namespace) -> None:
    live.create("deployments", deployment(replicas=2))
    found = settled(live)
    assert found["metadata"]["annotations"][REVISION] == "1"
    assert found["status"]["observedGeneration"] == found["metadata"]["generation"] == 1
    assert condition(found, "Available")["reason"] == "MinimumReplicasAvailable"
    wait_until(
        lambda: condition(live.get("deployments", "web"), "Progressing").get("reason") == "NewReplicaSetAvailable",
        what="the rollout to be complete",
    )
    (only,) = live.list("replicasets")
    code = only["metadata"]["labels"][HASH]
    assert only["metadata"]["name"] == f"web-{code}"
    assert only["spec"]["selector"]["matchLabels"] == {"app": "web", HASH: code}
    owner = only["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("Deployment", found["metadata"]["uid"], True)
    pods = live.list("pods", labelSelector=f"{HASH}={code}")
    assert len(pods) == 2
    assert all(pod["metadata"]["name"].startswith(f"web-{code}-") for pod in pods)
    assert {pod["metadata"]["ownerReferences"][0]["uid"] for pod in pods} == {only["metadata"]["uid"]}


@kubernetes
@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "most", "least"),
    [
        (4, "25%", "25%", 5, 3),
        (3, "25%", "25%", 4, 3),
        (5, 0, 2, 5, 3),
        (4, "100%", 0, 8, 4),
        (1, 0, "50%", 1, 0),
    ],
)
def test_a_rolling_update_keeps_its_limits_at_every_step(
    live: Namespace, replicas: int, surge: int | str, unavailable: int | str, most: int, least: int
) -> None:
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}
    live.create("deployments", deployment(replicas=replicas, strategy=rolling))
    settled(live)
    start = live.client.ok("GET", live.path("pods"))
    pods = {pod["metadata"]["name"]: pod for pod in start["items"]}
    # Old pods of a cluster with nodes take their time to end, and count no more.
    pods = {name: pod for name, pod in pods.items() if not pod["metadata"].get("deletionTimestamp")}
    version = start["metadata"]["resourceVersion"]
    sizes = {each["metadata"]["name"]: each["spec"]["replicas"] for each in live.list("replicasets")}
    with (
        live.watching("pods", resourceVersion=version) as watched,
        live.watching("replicasets", resourceVersion=version) as sets,
    ):
        set_image(live, "3.10")
        settled(live)
        live.patch("deployments", "web", {"metadata": {"labels": {"done": "yes"}}})
        wait_until(lambda: _caught_up(pods, watched.events, live), within=PATIENCE, what="the last event")
    assert len(watched.events) >= 2 * replicas
    seen_most, seen_least = len(pods), sum(map(is_ready, pods.values()))
    for event in watched.events:
        pod = event["object"]
        if event["type"] == "DELETED" or pod["metadata"].get("deletionTimestamp"):
            pods.pop(pod["metadata"]["name"], None)
        else:
            pods[pod["metadata"]["name"]] = pod
        seen_most, seen_least = max(seen_most, len(pods)), min(seen_least, sum(map(is_ready, pods.values())))
    for event in sets.events:
        sizes[event["object"]["metadata"]["name"]] = event["object"]["spec"]["replicas"]
        assert sum(sizes.values()) <= most
    # Where ReplicaSets are synced in parallel, a new pod may be there for a moment before the old one is deleted.
    if "HAKGAL_TEST_KUBECONFIG" not in os.environ:
        assert seen_most <= most
    assert seen_least >= least
    assert {pod["spec"]["containers"][0]["image"] for pod in pods.values()} == {"registry.k8s.io/pause:3.10"}


def _caught_up(start: dict[str, Json], events: list[Json], namespace: Namespace) -> bool:
    """Whether the events have told of every pod there is that it is ready, and of every other that it is gone."""
    told = dict(start)
    for event in list(events):
        name = event["object"]["metadata"]["name"]
        if event["type"] == "DELETED" or event["object"]["metadata"].get("deletionTimestamp"):
            told.pop(name, None)
        else:
            told[name] = event["object"]
    now = {pod["metadata"]["name"] for pod in namespace.list("pods") if not pod["metadata"].get("deletionTimestamp")}
    return told.keys() == now and all(map(is_ready, told.values()))


@kubernetes
def test_a_rollout_back_reuses_the_old_replica_set_under_a_new_revision(live: Namespace) -> None:
    live.create("deployments", deployment(replicas=1))
    settled(live)
    set_image(live, "3.10")
    settled(live)
    assert sorted(sets_by_revision(live)) == [1, 2]
    old = sets_by_revision(live)[1]
    template = old["spec"]["template"]
    del template["metadata"]["labels"][HASH]
    # As kubectl rollout undo does it.
    live.patch("deployments", "web", [{"op": "replace", "path": "/spec/template", "value": template}], media=JSON_PATCH)
    found = settled(live)
    wait_until(lambda: sorted(sets_by_revision(live)) == [2, 3], what="the revision of the old ReplicaSet raised")
    assert sets_by_revision(live)[3]["metadata"]["uid"] == old["metadata"]["uid"]
    assert sets_by_revision(live)[3]["metadata"]["annotations"]["deployment.kubernetes.io/revision-history"] == "1"
    assert live.get("deployments", "web")["metadata"]["annotations"][REVISION] == "3"
    assert found["spec"]["template"]["spec"]["containers"][0]["image"] == "registry.k8s.io/pause:3.9"


@kubernetes
def test_a_broken_version_leaves_enough_old_pods_and_is_reported_when_its_time_is_up(live: Namespace) -> None:
    live.create("deployments", deployment(replicas=3, progressDeadlineSeconds=1))
    settled(live)
    set_image(live, "bad")

    def late() -> Json | None:
        found = live.get("deployments", "web")
        return found if condition(found, "Progressing").get("reason") == "ProgressDeadlineExceeded" else None

    found = wait_until(late, within=PATIENCE, what="the deadline exceeded")
    assert found
    assert condition(found, "Progressing")["status"] == "False"
    assert condition(found, "Available")["status"] == "True"
    assert found["status"]["availableReplicas"] == 3
    assert found["status"]["updatedReplicas"] == 1
    assert found["status"]["unavailableReplicas"] == 1
    set_image(live, "3.9")
    settled(live)
    wait_until(
        lambda: condition(live.get("deployments", "web"), "Progressing").get("reason") == "NewReplicaSetAvailable",
        what="the rollback to be complete",
    )
    assert all(is_ready(pod) for pod in live.list("pods") if not pod["metadata"].get("deletionTimestamp"))


@kubernetes
def test_a_paused_deployment_changes_nothing_until_resumed_but_is_scaled(live: Namespace) -> None:
    live.create("deployments", deployment(replicas=1))
    settled(live)
    live.patch("deployments", "web", {"spec": {"paused": True}}, media=MERGE)
    set_image(live, "3.10")
    live.patch("deployments", "web", {"spec": {"replicas": 2}}, media=MERGE)
    generation = live.get("deployments", "web")["metadata"]["generation"]

    def scaled() -> bool:
        status = live.get("deployments", "web")["status"]
        return bool(status.get("observedGeneration") == generation and status.get("availableReplicas") == 2)

    wait_until(scaled, within=PATIENCE, what="the paused Deployment scaled")
    (only,) = live.list("replicasets")
    assert only["spec"]["template"]["spec"]["containers"][0]["image"] == "registry.k8s.io/pause:3.9"
    assert condition(live.get("deployments", "web"), "Progressing")["reason"] == "DeploymentPaused"
    live.patch("deployments", "web", {"spec": {"paused": False}}, media=MERGE)
    settled(live)
    assert len(live.list("replicasets")) == 2


@kubernetes
def test_only_so_many_old_replica_sets_are_kept(live: Namespace) -> None:
    live.create("deployments", deployment(replicas=1, revisionHistoryLimit=1))
    settled(live)
    for step in ("2", "3", "4"):
        annotated = {"metadata": {"annotations": {"step": step}}}
        live.patch("deployments", "web", {"spec": {"template": annotated}}, media=MERGE)
        settled(live)
    wait_until(lambda: sorted(sets_by_revision(live)) == [3, 4], within=PATIENCE, what="old ReplicaSets deleted")


@kubernetes
def test_old_replica_sets_are_kept_as_long_as_the_rollout_is_not_complete(live: Namespace) -> None:
    live.create("deployments", deployment(replicas=2, revisionHistoryLimit=0))
    settled(live)

    def sizes() -> list[int]:
        return [each["spec"]["replicas"] for _, each in sorted(sets_by_revision(live).items())]

    set_image(live, "bad")
    wait_until(lambda: sizes() == [2, 1], within=PATIENCE, what="the bad version begun")
    annotated = {"metadata": {"annotations": {"step": "as bad"}}}
    live.patch("deployments", "web", {"spec": {"template": annotated}}, media=MERGE)
    wait_until(lambda: sizes() == [2, 0, 1], within=PATIENCE, what="the next bad version begun")
    generation = live.get("deployments", "web")["metadata"]["generation"]
    wait_until(
        lambda: live.get("deployments", "web")["status"].get("observedGeneration") == generation, what="a last look"
    )
    assert sizes() == [2, 0, 1]
    set_image(live, "3.9")
    settled(live)
    wait_until(lambda: sizes() == [2], within=PATIENCE, what="old ReplicaSets deleted")


@kubernetes
def test_recreate_ends_all_old_pods_before_the_first_new_one(live: Namespace) -> None:
    live.create("deployments", deployment(replicas=2, strategy={"type": "Recreate"}))
    settled(live)
    start = live.client.ok("GET", live.path("pods"))["metadata"]["resourceVersion"]
    with live.watching("pods", resourceVersion=start) as watched:
        set_image(live, "3.10")
        settled(live)
        wait_until(lambda: [kind for kind, _ in watched.told()].count("ADDED") == 2, what="the new pods told")
    kinds = [kind for kind, _ in watched.told() if kind != "MODIFIED"]
    assert kinds == ["DELETED", "DELETED", "ADDED", "ADDED"]


@kubernetes
@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "stuck", "scaled_to", "shared"),
    [
        # The example of the page on Deployments: 8 old and 5 new of 10, scaled to 15.
        (10, 3, 2, [8, 5], 15, [11, 7]),
        # Halves round up, so that one too many is left, which the oldest of equals gives.
        (6, 2, 2, [4, 4], 5, [3, 4]),
    ],
)
def test_scaling_amid_a_rollout_shares_the_pods_in_proportion(
    live: Namespace, replicas: int, surge: int, unavailable: int, stuck: list[int], scaled_to: int, shared: list[int]
) -> None:
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}
    live.create("deployments", deployment(replicas=replicas, strategy=rolling))
    settled(live)
    set_image(live, "bad")

    def sizes() -> list[int]:
        return [each["spec"]["replicas"] for _, each in sorted(sets_by_revision(live).items())]

    wait_until(lambda: sizes() == stuck, within=PATIENCE, what=f"the rollout stuck at {stuck}")
    # Paused, so that the rollout itself does not go on afterwards.
    live.patch("deployments", "web", {"spec": {"replicas": scaled_to, "paused": True}}, media=MERGE)
    wait_until(lambda: sizes() == shared, within=PATIENCE, what=f"{shared}, there are {sizes()}")


@kubernetes
def test_pods_count_as_available_only_after_min_ready_seconds(live: Namespace) -> None:
    live.create("deployments", deployment(replicas=1, minReadySeconds=2))

    def ready() -> Json | None:
        found = live.get("deployments", "web")
        return found if (found.get("status") or {}).get("readyReplicas") else None

    found = wait_until(ready, within=PATIENCE, what="a ready pod")
    assert found
    assert not found["status"].get("availableReplicas")
    assert settled(live)["status"]["availableReplicas"] == 1


@kubernetes
def test_a_deleted_pod_is_replaced_and_a_relabelled_one_is_let_go(live: Namespace) -> None:
    live.create("deployments", deployment(replicas=2))
    settled(live)
    first, second = live.list("pods")
    live.delete("pods", first["metadata"]["name"], gracePeriodSeconds=0)
    live.patch("pods", second["metadata"]["name"], {"metadata": {"labels": {"app": "aside"}}}, media=MERGE)
    wait_until(
        lambda: len([pod for pod in live.list("pods", labelSelector="app=web") if is_ready(pod)]) == 2,
        within=PATIENCE,
        what="two new pods",
    )
    aside = live.get("pods", second["metadata"]["name"])
    assert not aside["metadata"].get("ownerReferences")


@kubernetes
def test_controllers_say_in_events_what_they_did(live: Namespace) -> None:
    live.create("deployments", deployment(replicas=2))
    settled(live)
    set_image(live, "3.10")
    settled(live)

    def reasons(kind: str) -> set[str]:
        return {each["reason"] for each in live.list("events", fieldSelector=f"involvedObject.kind={kind}")}

    wait_until(lambda: reasons("Deployment") == {"ScalingReplicaSet"}, within=PATIENCE, what="events of the Deployment")
    wait_until(lambda: {"SuccessfulCreate", "SuccessfulDelete"} <= reasons("ReplicaSet"), what="events of ReplicaSets")
    messages = {each["message"] for each in live.list("events", fieldSelector="reason=ScalingReplicaSet")}
    name = sets_by_revision(live)[1]["metadata"]["name"]
    # Its last words differ between versions of Kubernetes.
    assert messages & {f"Scaled up replica set {name} {size}" for size in ("from 0 to 2", "to 2 from 0", "to 2")}


@kubernetes
def test_a_deleted_deployment_takes_its_replica_sets_and_pods_with_it(live: Namespace) -> None:
    live.create("deployments", deployment(replicas=2))
    settled(live)
    live.delete("deployments", "web", {"propagationPolicy": "Foreground"})
    wait_until(lambda: live.find("deployments", "web") is None, within=PATIENCE, what="the Deployment gone")
    assert not live.list("replicasets")
    wait_until(lambda: not live.list("pods"), within=PATIENCE, what="the pods gone")


@kubernetes
def test_an_orphaned_replica_set_is_adopted_by_a_deployment_that_fits(live: Namespace) -> None:
    live.create("deployments", deployment(replicas=1))
    settled(live)
    uid = live.list("replicasets")[0]["metadata"]["uid"]
    live.delete("deployments", "web", {"propagationPolicy": "Orphan"})
    wait_until(lambda: live.find("deployments", "web") is None, within=PATIENCE, what="the Deployment gone")
    made = live.create("deployments", deployment(replicas=1))
    settled(live)
    (only,) = live.list("replicasets")
    assert only["metadata"]["uid"] == uid
    assert only["metadata"]["ownerReferences"][0]["uid"] == made["metadata"]["uid"]


@kubernetes
def test_endpoints_follow_the_ready_pods_of_a_service(live: Namespace) -> None:
    spec = {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": "web"}]}
    live.create("services", {"metadata": {"name": "web"}, "spec": spec})
    body = deployment(replicas=2)
    body["spec"]["template"]["spec"]["containers"] = [container(ports=[{"name": "web", "containerPort": 8080}])]
    live.create("deployments", body)
    settled(live)

    def addresses() -> set[str]:
        subsets = (live.find("endpoints", "web") or {}).get("subsets") or ()
        return {item["targetRef"]["name"] for subset in subsets for item in subset.get("addresses") or ()}

    pods = {pod["metadata"]["name"] for pod in live.list("pods")}
    wait_until(lambda: addresses() == pods, within=PATIENCE, what="an address for each pod")
    (subset,) = live.get("endpoints", "web")["subsets"]
    assert subset["ports"] == [{"name": "http", "port": 8080, "protocol": "TCP"}]
    live.patch("deployments", "web", {"spec": {"replicas": 0}})
    wait_until(lambda: not addresses(), within=PATIENCE, what="no address left")

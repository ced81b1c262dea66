"""What the API server's JSON is read to mean."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from console.actions.rollback_standing import judge
from console.systems.kubernetes_objects import (
    is_settled,
    managed_by,
    pod_reason,
    pod_trouble,
    read_event,
    read_pod,
    read_workload,
    selector_text,
    template_text,
    version_of,
)
from tests.kubernetes.cluster import deployment

Json = dict[str, Any]


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("hak-gal:v2.3.3", "v2.3.3"),
        ("registry:5000/team/hak-gal:v2.3.3", "v2.3.3"),
        ("registry:5000/team/hak-gal", "latest"),
        ("hak-gal:v1@sha256:0123456789abcdef0123", "v1"),
        ("hak-gal@sha256:0123456789abcdef0123", "sha256:0123456789ab"),
        ("", ""),
    ],
)
def test_the_version_is_the_tag_of_the_image(image: str, version: str) -> None:
    assert version_of(image) == version


def test_templates_that_differ_only_by_the_controllers_label_are_equal() -> None:
    plain = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": []}}
    hashed = {
        "spec": {"containers": []},
        "metadata": {"creationTimestamp": None, "labels": {"pod-template-hash": "7f", "app": "a"}},
    }
    assert template_text(plain) == template_text(hashed)


def live(**changes: Any) -> Json:
    made = deployment(replicas=3)
    made["metadata"] |= {
        "uid": "d",
        "namespace": "prod",
        "generation": 4,
        "resourceVersion": "9",
        "annotations": {"deployment.kubernetes.io/revision": "2"},
    }
    made["status"] = {
        "observedGeneration": 4,
        "replicas": 3,
        "updatedReplicas": 3,
        "readyReplicas": 3,
        "availableReplicas": 3,
        **changes,
    }
    return made


@pytest.mark.parametrize(
    ("changes", "settled"),
    [
        ({}, True),
        ({"observedGeneration": 3}, False),
        ({"replicas": 4}, False),
        ({"updatedReplicas": 2}, False),
        ({"availableReplicas": 2}, False),
    ],
)
def test_settled_means_observed_updated_available_and_nothing_left(changes: Json, settled: bool) -> None:
    assert is_settled(live(**changes)) is settled


def test_a_deployment_that_is_stuck_says_why_with_what_keeps_pods_from_being_made() -> None:
    late = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
    failure = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota: pods."}
    assert read_workload(live(conditions=[late]), [], None).stuck == "ProgressDeadlineExceeded"
    assert read_workload(live(conditions=[late, failure]), [], None).stuck == (
        "ProgressDeadlineExceeded: exceeded quota: pods"
    )
    assert read_workload(live(conditions=[late], observedGeneration=3), [], None).stuck == "", "said of an older one"


@pytest.mark.parametrize(
    ("metadata", "owner"),
    [
        ({"labels": {"argocd.argoproj.io/instance": "shop"}}, "Argo CD (shop)"),
        ({"annotations": {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:prod/x"}}, "Argo CD (shop)"),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "shop"}}, "Flux (kustomize shop)"),
        ({"labels": {"helm.toolkit.fluxcd.io/name": "shop"}}, "Flux (helm shop)"),
        ({"labels": {"app.kubernetes.io/managed-by": "Helm"}}, ""),
        ({}, ""),
    ],
)
def test_only_a_controller_that_would_undo_a_rollback_is_an_owner(metadata: Json, owner: str) -> None:
    assert managed_by({"metadata": metadata}) == owner


def pod(status: Json, **metadata: Any) -> Json:
    spec = {"containers": [{"name": "firewall", "image": "hak-gal:v1"}]}
    return {"metadata": {"name": "hak-gal-7f-x2", **metadata}, "spec": spec, "status": status}


@pytest.mark.parametrize(
    ("status", "reason", "trouble"),
    [
        ({"phase": "Running"}, "", ""),
        (
            {"containerStatuses": [{"state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}}]},
            "CrashLoopBackOff",
            "CrashLoopBackOff: back-off 10s",
        ),
        ({"containerStatuses": [{"state": {"waiting": {"reason": "ContainerCreating"}}}]}, "", ""),
        (
            {"containerStatuses": [{"state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}]},
            "OOMKilled",
            "OOMKilled",
        ),
        ({"containerStatuses": [{"state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}]}, "", ""),
        (
            {"reason": "Evicted", "message": "The node was low on memory."},
            "Evicted",
            "Evicted: The node was low on memory",
        ),
        (
            {
                "conditions": [
                    {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}
                ]
            },
            "Unschedulable",
            "Unschedulable: 0/3 nodes",
        ),
    ],
)
def test_a_pod_says_in_kubernetes_words_why_it_is_not_well(status: Json, reason: str, trouble: str) -> None:
    assert (pod_reason(pod(status)), pod_trouble(pod(status))) == (reason, trouble)


def test_a_pods_version_is_that_of_its_replicaset() -> None:
    template = {"spec": {"containers": [{"name": "firewall", "image": "hak-gal:v2"}]}}
    annotations = {"deployment.kubernetes.io/revision": "4"}
    owner = {"metadata": {"annotations": annotations}, "spec": {"template": template}}
    status = {"phase": "Running", "containerStatuses": [{"name": "firewall", "ready": True, "restartCount": 3}]}
    read = read_pod(pod(status, creationTimestamp="2026-03-04T12:00:00Z", deletionTimestamp="x"), owner, None)
    assert (read.version, read.image, read.revision, read.restarts) == ("v2", "hak-gal:v1", 4, 3)
    assert (read.ready_containers, read.containers, read.ready, read.terminating) == (1, 1, False, True)
    assert read.created == datetime(2026, 3, 4, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "times",
    [
        {"lastTimestamp": "2026-03-04T12:00:00Z", "firstTimestamp": "2026-03-04T11:00:00Z", "count": 4},
        {
            "eventTime": "2026-03-04T12:00:00.000000Z",
            "series": {"count": 4, "lastObservedTime": "2026-03-04T12:00:00Z"},
        },
        {"metadata": {"creationTimestamp": "2026-03-04T12:00:00Z"}, "count": 4},
    ],
)
def test_an_events_time_and_count_are_found_whoever_made_it(times: Json) -> None:
    event = read_event(
        {"involvedObject": {"kind": "Pod", "name": "x"}, "reason": "Pulled", "message": "a\n b", **times}
    )
    assert (event.last_seen, event.count) == (datetime(2026, 3, 4, 12, tzinfo=UTC), 4)
    assert (event.kind, event.about, event.message) == ("Normal", "Pod/x", "a b")


def test_selectors_are_written_as_a_list_call_takes_them() -> None:
    expressions = [
        {"key": "tier", "operator": "In", "values": ["a", "b"]},
        {"key": "old", "operator": "NotIn", "values": ["x"]},
        {"key": "here", "operator": "Exists"},
        {"key": "gone", "operator": "DoesNotExist"},
    ]
    text = selector_text({"matchLabels": {"app": "x"}, "matchExpressions": expressions})
    assert text == "app=x,tier in (a,b),old notin (x),here,!gone"


def owned(name: str, kind: str, uid: str, **fields: Any) -> Json:
    reference = {"kind": kind, "uid": uid, "controller": True}
    return {"metadata": {"name": name, "uid": name, "ownerReferences": [reference]}, **fields}


def test_a_rollback_is_verified_only_when_every_pod_of_the_template_is_ready_and_no_other_is_left() -> None:
    made = live()
    sets = [
        owned("new", "Deployment", "d", spec={"template": made["spec"]["template"]}),
        owned("old", "Deployment", "d", spec={"template": deployment(version="x")["spec"]["template"]}),
    ]
    ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    pods = [owned(f"p{number}", "ReplicaSet", "new", status=ready) for number in range(3)]
    assert judge(made, sets, pods).verified
    assert judge(made, sets, pods).line("v1") == "v1: 3 of 3 pods ready"
    assert not judge(made, sets, pods[:2]).verified, "the status says three, the pods say two"
    left = owned("q", "ReplicaSet", "old", status=ready)
    assert not judge(made, sets, [*pods, left]).verified
    assert judge(made, sets, [*pods, left]).line("v1") == "v1: 3 of 3 pods ready, 1 other pod left"
    left["metadata"]["deletionTimestamp"] = "2026-03-04T12:00:00Z"
    assert judge(made, sets, [*pods, left]).verified
    sets[1]["spec"]["replicas"] = 1
    assert not judge(made, sets, pods).verified, "another pod has been ordered and is not there yet"
    sets[1]["spec"]["replicas"] = 0
    assert judge(made, sets, pods).verified
    assert not judge(live(observedGeneration=3), sets, pods).verified


def test_pods_that_run_and_do_not_turn_ready_are_named() -> None:
    made = live()
    sets = [owned("new", "Deployment", "d", spec={"template": made["spec"]["template"]})]
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}]}
    pods = [owned(f"p{number}", "ReplicaSet", "new", spec={}, status=status) for number in range(3)]
    assert judge(made, sets, pods[:1]).waiting == "pod p0 runs but is not ready yet (readiness probe or gate)"
    assert judge(made, sets, pods).waiting == "pod p0 and 2 more run but are not ready yet (readiness probe or gate)"
    assert not judge(made, sets, pods).troubles


def test_what_keeps_pods_from_being_ready_is_said_once_for_all_of_them() -> None:
    message = 'pods "x" is forbidden: exceeded quota: small.'
    made = live(conditions=[{"type": "ReplicaFailure", "status": "True", "message": message}])
    sets = [owned("new", "Deployment", "d", spec={"template": made["spec"]["template"]})]
    waiting = {"containerStatuses": [{"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such tag"}}}]}
    pods = [owned(f"p{number}", "ReplicaSet", "new", status=waiting) for number in range(2)]
    for each in pods:
        each["spec"] = {}
    assert judge(made, sets, pods).troubles == (
        'pods cannot be created: the quota is used up: pods "x" is forbidden: exceeded quota: small',
        "pod p0: its image cannot be pulled, ImagePullBackOff: no such tag",
    )

"""What is deployed, and the one line why."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from console.core.deployed import deployed
from console.core.picture import Deployed
from console.core.readings import ClusterState, Pod, Revision, Workload
from tests.core.worlds import NOON

DAY = timedelta(days=1)


def revision(number: int, version: str, pods: int, ready: int | None = None) -> Revision:
    return Revision(
        number, version, f"hak-gal:{version}", json.dumps({}), pods, pods, pods if ready is None else ready, NOON - DAY
    )


OLD, NEW = revision(1, "v2.3.2", 0), revision(2, "v2.3.3", 10)


def workload(*revisions: Revision, name: str = "hak-gal", desired: int = 10, settled: bool = True) -> Workload:
    newest = revisions[-1]
    ready = sum(one.ready for one in revisions)
    return Workload(
        name=name,
        namespace="prod",
        container="hak-gal",
        version=newest.version,
        image=newest.image,
        current=newest.number,
        desired=desired,
        updated=newest.pods,
        ready=ready,
        available=ready,
        settled=settled,
        paused=False,
        stuck="",
        resource_version="1",
        generation=1,
        uid="u",
        revisions=revisions,
    )


def pod(reason: str, number: int = 2) -> Pod:
    return Pod("p", "Running", False, 0, 1, 5, "v2.3.3", "i", number, NOON, "n", "", reason, False, "hak-gal")


def seen(
    *workloads: Workload, pods: tuple[Pod, ...] = (), target: str | None = "v2.3.3", good: str | None = "v2.3.2"
) -> Deployed:
    return deployed(ClusterState("c", "prod", workloads, pods, ()), target, good, NOON - DAY, NOON)


def test_all_pods_on_one_version() -> None:
    shown = seen(workload(OLD, NEW))
    assert (shown.now, shown.state) == ("v2.3.3", "SETTLED")
    assert shown.why == "every pod runs v2.3.3 and is ready; R rolls back to v2.3.2"
    assert [(one.version, one.share, one.current, one.good) for one in shown.versions] == [("v2.3.3", 1.0, True, False)]


def test_the_good_version_running_before_the_target_came() -> None:
    shown = seen(workload(revision(1, "v2.3.2", 10)))
    assert shown.why == (
        "every pod runs v2.3.2 and is ready, and it is recorded good; v2.3.3, the target, does not run; "
        "there is no earlier revision to roll back to"
    )
    assert shown.versions[0].good


def test_a_rollout_on_its_way_counts_shares_of_ready_pods() -> None:
    shown = seen(workload(revision(1, "v2.3.2", 6), revision(2, "v2.3.3", 4, 2), settled=False))
    assert (shown.now, shown.state) == ("v2.3.2", "PROGRESSING")
    assert [(one.version, one.ready, one.desired, one.share) for one in shown.versions] == [
        ("v2.3.3", 2, 4, 0.25),
        ("v2.3.2", 6, 6, 0.75),
    ]
    assert shown.why == "v2.3.3 is coming up by itself: 2 of 10 pods ready, 6 old to go; R rolls back to v2.3.2"


def test_a_rollout_whose_pods_fail_is_not_said_to_come_up_by_itself() -> None:
    moving = workload(revision(1, "v2.3.2", 8), revision(2, "v2.3.3", 3, 0), settled=False)
    shown = seen(moving, pods=(pod("ErrImagePull"), pod("ErrImagePull")))
    assert shown.state == "PROGRESSING"
    assert shown.why == (
        "v2.3.3 is rolled out and does not come up so far: 0 of 10 pods ready, 8 old to go, 2 in ErrImagePull; "
        "R rolls back to v2.3.2"
    )


def test_a_rollout_that_is_stuck_says_in_what_and_what_to_press() -> None:
    stuck = workload(revision(1, "v2.3.2", 8), revision(2, "v2.3.3", 3, 0), settled=False)
    pods = (pod("CrashLoopBackOff"), pod("CrashLoopBackOff"), pod("Error"), pod("Error", 1), pod("Error", 1))
    shown = seen(replace(stuck, stuck="ProgressDeadlineExceeded"), pods=pods)
    assert shown.state == "STUCK"
    assert shown.why == (
        "v2.3.3 does not come up (ProgressDeadlineExceeded): 0 of 10 pods ready, 2 in CrashLoopBackOff; "
        "R rolls back to v2.3.2"
    )


def test_a_paused_rollout_says_what_lets_it_go_on() -> None:
    paused = replace(workload(revision(1, "v2.3.2", 6), revision(2, "v2.3.3", 4), settled=False), paused=True)
    shown = seen(paused, good=None)
    assert shown.state == "PAUSED"
    assert shown.why == (
        "the rollout of hak-gal is paused with 4 of 10 pods on v2.3.3 ready; "
        "kubectl rollout resume deployment/hak-gal lets it go on; R shows the earlier revisions"
    )


def test_pods_that_fail_after_the_rollout_are_not_a_rollout_on_its_way() -> None:
    shown = seen(workload(OLD, revision(2, "v2.3.3", 10, 8), settled=False), pods=(pod("OOMKilled"),))
    assert shown.state == "NOT READY"
    assert shown.why == (
        "8 of 10 pods of v2.3.3 are ready, 1 in OOMKilled; Enter shows the others; R rolls back to v2.3.2"
    )


def test_a_change_the_cluster_has_not_taken_up_yet() -> None:
    shown = seen(workload(OLD, NEW, settled=False))
    assert shown.state == "PROGRESSING"
    assert shown.why.startswith("v2.3.3 was asked for, and the cluster has yet to call 10 of 10 pods available")


def test_nothing_serves() -> None:
    shown = seen(workload(OLD, revision(2, "v2.3.3", 0), desired=0))
    assert (shown.now, shown.state) == ("v2.3.3", "NOT READY")
    assert shown.why.startswith("hak-gal is scaled to 0 pods and serves nothing")
    assert shown.versions[0].share == 0


def test_two_deployments_behind_one_service_are_one_picture() -> None:
    stable = workload(revision(7, "v2.3.2", 9), name="stable", desired=9)
    canary = workload(revision(3, "v2.3.3", 1), name="canary", desired=1)
    shown = seen(stable, canary)
    assert (shown.now, shown.state) == ("v2.3.2", "SETTLED")
    assert [one.share for one in shown.versions] == [0.9, 0.1]
    assert shown.why.startswith("v2.3.2 on 9, v2.3.3 on 1 of 10 pods, all ready, and it is recorded good")
    stuck = seen(stable, replace(canary, stuck="ProgressDeadlineExceeded", settled=False))
    assert stuck.state == "STUCK"
    assert stuck.why.endswith("R rolls back to v2.3.2")


@pytest.mark.parametrize(
    ("cluster", "why"),
    [
        (None, "the cluster has not been read yet"),
        (
            ClusterState("c", "prod", (), (), ()),
            "prod has none of this system's deployments; compare the names in system.yaml",
        ),
    ],
)
def test_what_was_not_read_is_unknown(cluster: ClusterState | None, why: str) -> None:
    shown = deployed(cluster, "v2.3.3", None, None, NOON)
    assert (shown.now, shown.state, shown.why, shown.versions) == ("", "UNKNOWN", why, ())


def canary(pods: int = 0, desired: int = 0) -> Workload:
    made = workload(revision(1, "v2.3.3", pods), name="hak-gal-canary", desired=desired, settled=pods == desired)
    return replace(made, optional=True)


def test_an_optional_workload_without_pods_is_as_good_as_one_that_is_not_there() -> None:
    stable = workload(revision(1, "v2.3.2", 10))
    assert seen(stable, canary()) == seen(stable) and seen(stable).state == "SETTLED"


def test_an_optional_workload_with_pods_counts_like_any_other() -> None:
    shown = seen(workload(revision(1, "v2.3.2", 9), desired=9), canary(1, 1))
    assert (shown.now, shown.state) == ("v2.3.2", "SETTLED")
    assert {one.version: one.share for one in shown.versions} == {"v2.3.3": 0.1, "v2.3.2": 0.9}
    failing = replace(canary(1, 1), ready=0, settled=False)
    assert seen(workload(revision(1, "v2.3.2", 9), desired=9), failing).state == "NOT READY"


def test_an_optional_workload_whose_pods_are_leaving_is_on_its_way() -> None:
    shown = seen(workload(revision(1, "v2.3.2", 10)), canary(2, 0))
    assert shown.state == "PROGRESSING"
    assert shown.why.startswith("hak-gal-canary goes to no pods, 2 to go")


def test_a_workload_that_is_not_optional_and_has_no_pods_is_not_ready() -> None:
    assert seen(workload(revision(1, "v2.3.2", 10)), replace(canary(), optional=False)).state == "NOT READY"


def test_optional_workloads_that_are_all_there_is_are_said_to_serve_nothing() -> None:
    shown = seen(canary())
    assert shown.state == "NOT READY" and "hak-gal-canary is scaled to 0 pods and serves nothing" in shown.why

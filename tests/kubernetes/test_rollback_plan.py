"""What a rollback would do, from what is known."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from console.actions.rollback_plan import plan_rollback
from console.core.operations import Refused
from console.core.plans import Good, RollbackPlan
from console.core.readings import Pod, Revision, Workload

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def template(version: str, **env: str) -> str:
    container = {"name": "firewall", "image": f"hak-gal:{version}"}
    if env:
        container["env"] = [{"name": key, "value": value} for key, value in env.items()]  # type: ignore[assignment]
    body = {"metadata": {"labels": {"app": "hak-gal"}}, "spec": {"containers": [container]}}
    return json.dumps(body, sort_keys=True, separators=(",", ":"))


def revision(number: int, version: str, cause: str = "") -> Revision:
    return Revision(
        number=number,
        version=version,
        image=f"hak-gal:{version}",
        template=template(version),
        desired=0,
        pods=0,
        ready=0,
        created=NOW - timedelta(hours=10 - number),
        change_cause=cause,
    )


def workload(*revisions: Revision, **changes: object) -> Workload:
    newest = revisions[0]
    made = Workload(
        name="hak-gal",
        namespace="prod",
        container="firewall",
        version=newest.version,
        image=newest.image,
        current=newest.number,
        desired=3,
        updated=3,
        ready=3,
        available=3,
        settled=True,
        paused=False,
        stuck="",
        resource_version="41",
        generation=7,
        uid="u",
        revisions=revisions,
        template=newest.template,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def pod(name: str, number: int, version: str, *, ready: bool = True) -> Pod:
    return Pod(
        name=name,
        phase="Running",
        ready=ready,
        ready_containers=int(ready),
        containers=1,
        restarts=0,
        version=version,
        image=f"hak-gal:{version}",
        revision=number,
        created=NOW,
        node="",
        ip="",
        reason="",
        terminating=False,
        workload="hak-gal",
    )


def good(version: str) -> Good:
    return Good(version, f"hak-gal:{version}", template(version), NOW - timedelta(days=1, minutes=-4))


def plan(made: Workload, *pods: Pod, known: Good | None = None, pick: int | None = None) -> RollbackPlan:
    return plan_rollback(made, pods, target_name="hak-gal", good=known, revision=pick, now=NOW)


HISTORY = (revision(3, "v2.3.3"), revision(2, "v2.3.2"), revision(1, "v2.3.1", cause="first release"))


def test_the_recorded_good_version_is_returned_to_and_not_the_revision_before() -> None:
    made = plan(workload(*HISTORY), known=good("v2.3.1"))
    assert (made.to_version, made.to_revision, made.to_template) == ("v2.3.1", 1, template("v2.3.1"))
    assert made.why == "recorded good 2026-03-03 12:04Z"
    assert made.resource_version == "41"
    assert not made.warnings


def test_a_version_that_was_rolled_back_from_is_not_returned_to_without_a_warning() -> None:
    when = NOW - timedelta(minutes=1)
    back = workload(revision(5, "v2.3.2"), *(each for each in HISTORY if each.version != "v2.3.2"))

    def left(made: Workload, *versions: str, pick: int | None = None) -> RollbackPlan:
        known = dict.fromkeys(versions, when)
        return plan_rollback(made, (), target_name="hak-gal", good=None, revision=pick, now=NOW, left=known)

    onward = left(back, "v2.3.3")
    assert (onward.to_version, onward.why) == (
        "v2.3.1",
        "newest earlier revision that was not rolled back from, not recorded good",
    )
    assert not any("itself rolled back" in warning for warning in onward.warnings)
    picked = left(back, "v2.3.3", pick=3)
    assert picked.to_version == "v2.3.3"
    assert picked.warnings[0] == (
        "v2.3.3 was itself rolled back from, 2026-03-04 11:59Z: do not return to a bad version"
    )
    only = left(workload(revision(5, "v2.3.2"), revision(3, "v2.3.3")), "v2.3.3")
    assert only.to_version == "v2.3.3" and "itself rolled back" in only.warnings[0]


def test_a_recorded_good_version_whose_replicaset_is_gone_is_still_returned_to() -> None:
    made = plan(workload(*HISTORY), known=good("v2.2.9"))
    assert (made.to_version, made.to_revision, made.to_template) == ("v2.2.9", 0, template("v2.2.9"))
    assert made.choices[-1] == (0, "v2.2.9", "recorded good 2026-03-03 12:04Z, no longer kept by the cluster")


def test_without_a_good_version_the_previous_revision_is_taken_and_said_not_to_be_good() -> None:
    made = plan(workload(*HISTORY))
    assert (made.to_version, made.to_revision) == ("v2.3.2", 2)
    assert made.why == "previous revision, not recorded good"
    assert made.warnings == ("v2.3.2 is not recorded good: see that it was",)


def test_a_template_that_has_no_revision_yet_goes_back_to_the_newest_revision() -> None:
    made = plan(workload(*HISTORY, template=template("v2.3.4"), version="v2.3.4"))
    assert (made.now_version, made.to_version, made.to_revision) == ("v2.3.4", "v2.3.3", 3)


def test_a_picked_revision_is_taken_whatever_is_recorded_good() -> None:
    made = plan(workload(*HISTORY), known=good("v2.3.2"), pick=1)
    assert (made.to_revision, made.why) == (1, "revision 1, picked, not recorded good")
    assert plan(workload(*HISTORY), known=good("v2.3.2"), pick=2).why == "recorded good 2026-03-03 12:04Z"


def test_every_revision_but_the_running_one_can_be_picked_newest_first() -> None:
    made = plan(workload(*HISTORY), known=good("v2.3.2"))
    assert made.choices == (
        (2, "v2.3.2", "recorded good 2026-03-03 12:04Z"),
        (1, "v2.3.1", "not recorded good, first release"),
    )


@pytest.mark.parametrize(
    ("made", "known", "pick", "sentence"),
    [
        (
            workload(revision(1, "v1")),
            None,
            None,
            "only one revision of hak-gal is known and no good version is recorded; "
            "deploy the version that is wanted instead",
        ),
        (workload(*HISTORY), None, 9, "revision 9 of hak-gal is not kept by the cluster; kept are 3, 2, 1"),
        (workload(*HISTORY), None, 3, "hak-gal already runs revision 3, v2.3.3"),
        (workload(*HISTORY), None, 0, "no good version of hak-gal is recorded; pick one of its revisions"),
        (
            workload(*HISTORY, settled=False, available=1),
            good("v2.3.3"),
            None,
            "hak-gal already runs the version recorded good, v2.3.3, with 1 of 3 pods available so far; "
            "pick a revision to go elsewhere",
        ),
    ],
)
def test_what_cannot_be_planned_is_refused_in_a_sentence(
    made: Workload, known: Good | None, pick: int | None, sentence: str
) -> None:
    with pytest.raises(Refused) as refused:
        plan(made, known=known, pick=pick)
    assert str(refused.value) == sentence


def test_the_difference_is_shown_as_lines_of_yaml() -> None:
    made = plan(workload(*HISTORY, template=template("v2.3.3", AUDIT_LEVEL="FULL")))
    assert made.diff[:2] == ("--- now v2.3.3", "+++ to v2.3.3")
    made = plan(workload(*HISTORY))
    assert "-  - image: hak-gal:v2.3.3" in made.diff
    assert "+  - image: hak-gal:v2.3.2" in made.diff


def test_it_says_how_many_pods_run_and_since_when() -> None:
    pods = (pod("a", 3, "v2.3.3"), pod("b", 3, "v2.3.3", ready=False), pod("c", 2, "v2.3.2"))
    made = plan(workload(*HISTORY, settled=False), *pods)
    assert made.now_pods == "2 of 3 pods, 1 ready, since 7h"
    assert made.does == (
        "puts back the pod template of v2.3.2 (previous revision, not recorded good)",
        "replaces pods until 3 of 3 are v2.3.2; 1 of v2.3.2 still run",
        "breaks off the rollout of v2.3.3 that is under way",
    )


def test_pods_of_another_workload_are_not_counted() -> None:
    made = plan(workload(*HISTORY), replace(pod("x", 3, "v9"), workload="hak-gal-canary"), pod("a", 3, "v2.3.3"))
    assert made.now_pods.startswith("1 of 3 pods")
    assert not any("v9" in warning for warning in made.warnings)


def test_owners_and_pauses_are_warned_of() -> None:
    made = plan(workload(*HISTORY, managed_by="Argo CD (hak-gal)", paused=True, desired=0), known=good("v2.3.2"))
    assert made.warnings == (
        "Argo CD (hak-gal) owns this Deployment and may put v2.3.3 back: "
        "stop its sync, and revert the change in Git too",
        "no pods are wanted of this Deployment, so nothing will serve afterwards either",
    )
    assert "resumes the rollout, which is paused" in made.does


def test_the_same_version_with_another_template_says_so() -> None:
    made = plan(workload(*HISTORY, template=template("v2.3.3", DEBUG="1")), pick=3)
    assert "both carry the version v2.3.3; only the template differs (see the diff)" in made.warnings

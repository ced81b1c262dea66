"""Argo Rollouts driven against an API server: weights, promotion, other people's hands, and the way back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from console.actions.strategies.argo import ArgoStrategy
from console.actions.strategies.argo_view import STEPS, rollouts
from console.actions.strategies.base import EPOCH, ROLLOUT, Fenced
from console.actions.strategies.writing import annotation
from console.core.operations import ActionFailed, Refused
from console.core.rollouts.plan import Argo, Share
from console.systems.kubernetes_connection import JSON_PATCH, MERGE_PATCH, REPLICA_SETS, STRATEGIC_PATCH
from tests.kubernetes.argos import DONE, EVERYTHING, HALF, NOTHING, OWN, QUARTER, START, TWENTY, Argos, rollout
from tests.kubernetes.cluster import BAD, NEW, OLD, World, image
from tests.kubernetes.custom import ROLLOUTS, served, until
from tests.kubernetes.driving import QUICK, Driver, ask
from tests.kubernetes.driving import ROLLOUT as RELEASE
from tests.kubernetes.proxy import Request, status_body
from tests.kubernetes.test_strategy_blue_green import points

Json = dict[str, Any]


@pytest.fixture
def kind(world: World) -> Iterator[None]:
    with served(world.api, ROLLOUTS):
        yield


@pytest.fixture
def argo(world: World, kind: None) -> Argos:
    return Argos(world, rollout())


def test_a_share_is_reached_by_one_patch_and_pauses_there(argo: Argos) -> None:
    foreseen = argo.strategy().foresee(ask(TWENTY))
    assert foreseen.does == (f"puts {NEW} on Rollout api", "sets its canary steps to 25 % and a pause")
    assert foreseen.share == 0.25
    says, driver = argo.apply(ask(TWENTY, AUDIT_LEVEL="FULL"))
    assert says == f"1 of 4 pods run {NEW}, api pauses"
    assert driver.writes == [f"PATCH rollouts/api in {argo.world.namespace}: {NEW}, weight 25, pause"]
    assert argo.state() == QUARTER
    live = argo.live
    assert (annotation(live, ROLLOUT), annotation(live, EPOCH)) == (RELEASE, "1")
    assert live["spec"]["template"]["spec"]["containers"][0]["env"] == [{"name": "AUDIT_LEVEL", "value": "FULL"}]
    sides = argo.strategy().sides()
    assert (sides.share, sides.new_version, sides.new_ready, sides.old_version, sides.old_ready) == (
        0.25,
        NEW,
        1,
        OLD,
        3,
    )


def test_the_next_share_follows_without_a_dip_and_the_end_puts_the_own_steps_back(argo: Argos) -> None:
    argo.apply(ask(TWENTY))
    least: list[int] = []
    argo.apply(ask(HALF), when=lambda _line: least.append(argo.sizes().get(NEW, 0)))
    assert argo.sizes() == {OLD: 2, NEW: 2}
    assert min(least) == 1
    assert argo.strategy().foresee(ask(EVERYTHING)).does == (
        "promotes it fully, past its remaining steps",
        "puts its own canary steps back",
    )
    says, driver = argo.apply(ask(EVERYTHING))
    assert says == f"{NEW} serves everything: 4 of 4 pods ready"
    assert list(dict.fromkeys(line.partition(": ")[2] for line in driver.writes)) == [
        "promote fully",
        "its own canary steps",
    ]
    assert argo.state() == DONE
    assert not annotation(argo.live, STEPS)
    assert argo.strategy().sides().share == 1.0
    made = ArgoStrategy(argo.world.api, argo.world.namespace, Argo("api", "firewall"), good=argo.good)
    assert made.sides().share == 1.0
    argo.healthy()
    kept: list[str] = []

    def look(line: str) -> None:
        if "own canary steps" in line:
            kept.append(annotation(argo.live, STEPS))

    argo.back(on_write=look)
    assert json.loads(kept[0]) == OWN
    assert made.sides().share == 0.0


def test_everything_at_once_waits_at_nothing_until_it_is_promoted(argo: Argos) -> None:
    seen: list[dict[str, int]] = []

    def look(line: str) -> None:
        if "promote fully" in line:
            seen.append(argo.sizes())

    argo.apply(ask(EVERYTHING), on_write=look)
    assert seen == [{OLD: 4}]
    assert argo.state() == DONE


@pytest.mark.parametrize("share", [NOTHING, TWENTY, EVERYTHING])
def test_applied_again_nothing_is_written(argo: Argos, share: Share) -> None:
    argo.apply(ask(share, AUDIT_LEVEL="FULL"))
    before = argo.state()
    _, driver = argo.apply(ask(share, AUDIT_LEVEL="FULL"))
    assert driver.writes == []
    assert not argo.strategy().foresee(ask(share, AUDIT_LEVEL="FULL")).does
    assert argo.state() == before


def test_settings_of_later_replace_the_canarys_pods_and_keep_its_share(argo: Argos) -> None:
    argo.apply(ask(TWENTY, AUDIT_LEVEL="FULL"))
    says, _ = argo.apply(ask(TWENTY, AUDIT_LEVEL="INFO"))
    assert says == f"1 of 4 pods run {NEW}, api pauses"
    assert argo.state() == QUARTER
    argo.apply(ask(EVERYTHING))
    assert argo.live["spec"]["template"]["spec"]["containers"][0]["env"] == [{"name": "AUDIT_LEVEL", "value": "INFO"}]
    argo.back()
    assert argo.state() == START


def test_no_patch_of_it_is_a_strategic_one(argo: Argos) -> None:
    kinds: list[str] = []

    def note(handler: Any, request: Request) -> None:
        kinds.append(handler.headers["Content-Type"])
        handler.pass_on(request)

    argo.world.proxy.rule(lambda request: request.method == "PATCH", note, times=None)
    argo.apply(ask(EVERYTHING))
    argo.back()
    assert set(kinds) == {JSON_PATCH, MERGE_PATCH}
    assert STRATEGIC_PATCH not in kinds


def test_a_conflict_at_every_write_is_written_through(argo: Argos) -> None:
    def disturb(_line: str) -> None:
        if len(driver.writes) % 2:
            stamp = {"metadata": {"annotations": {"another": str(len(driver.writes))}}}
            argo.world.api.patch(rollouts(), "api", stamp, content_type=MERGE_PATCH)

    driver = Driver(on_write=disturb)
    driver.apply(argo.strategy(), ask(EVERYTHING))
    assert argo.state() == DONE
    assert len([line for line in driver.lines if "it had changed in between" in line]) >= 2


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (Share(ratio=0.05), "5% of 4 pods cannot be had"),
        (Share(), "neither a ratio nor a number of pods"),
    ],
)
def test_a_share_that_four_pods_do_not_give_is_refused(argo: Argos, share: Share, said: str) -> None:
    assert said in argo.strategy().foresee(ask(share)).refused
    with pytest.raises(Refused):
        argo.apply(ask(share))
    assert argo.state() == START
    assert argo.strategy().foresee(ask(Share(ratio=0.05, pods=1))).does[-1] == (
        "sets its canary steps to 25 % and a pause (1 pod of 4, 25%)"
    )


def test_somebody_elses_promotion_is_noticed(argo: Argos) -> None:
    argo.apply(ask(TWENTY))
    argo.status(pauseConditions=None)
    until(lambda: argo.sizes() == {NEW: 4}, "the promotion")
    argo.healthy()
    assert argo.strategy().sides().share == 1.0
    assert "runs 3.10 on every pod" in argo.strategy().foresee(ask(HALF)).refused

    def promote(line: str) -> None:
        if "weight 25" in line:
            # A promotion that Argo finds together with the new image is forgotten over it.
            until(lambda: argo.live["status"]["currentPodHash"] != argo.live["status"]["stableRS"], "the update")
            argo.status(promoteFull=True)
            until(lambda: argo.sizes() == {NEW: 4}, "the promotion")

    argo.back()
    with pytest.raises(ActionFailed, match=r"somebody has promoted Rollout api in .* to 100 % meanwhile"):
        argo.apply(ask(TWENTY), when=promote)


def test_somebody_elses_abort_is_noticed_and_not_taken_back(argo: Argos) -> None:
    argo.apply(ask(TWENTY))
    argo.status(abort=True)
    until(lambda: argo.sizes() == {OLD: 4}, "the abort")
    until(lambda: argo.live["status"]["phase"] == "Degraded", "the phase of the abort")
    for share in (TWENTY, HALF, EVERYTHING):
        assert "was aborted by somebody else (RolloutAborted" in argo.strategy().foresee(ask(share)).refused
        with pytest.raises((ActionFailed, Refused), match="kubectl argo rollouts retry rollout api"):
            argo.apply(ask(share))
    assert argo.live["status"]["abort"] is True
    assert argo.sizes() == {OLD: 4}
    argo.back()
    assert argo.state() == START
    assert "abort" not in argo.live["status"]


def test_an_abort_in_the_moment_of_a_write_or_while_it_is_waited_for_is_noticed(argo: Argos) -> None:
    argo.apply(ask(TWENTY))

    def abort(line: str) -> None:
        if "weight 50" in line or f"run {BAD}" in line:
            argo.status(abort=True)

    with pytest.raises(ActionFailed, match="was aborted by somebody else"):
        argo.apply(ask(HALF), on_write=abort)
    argo.back()
    with pytest.raises(ActionFailed, match="was aborted by somebody else"):
        argo.apply(ask(TWENTY, version=BAD), when=abort)
    assert argo.live["status"]["abort"] is True


def test_an_update_of_somebody_else_is_not_taken_over(argo: Argos) -> None:
    operation = {"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": image("3.8")}
    argo.world.api.patch(rollouts(), "api", [operation], content_type=JSON_PATCH)
    until(lambda: argo.sizes().get("3.8") == 2, "the other update")
    assert "is on its way to another version already" in argo.strategy().foresee(ask(TWENTY)).refused
    with pytest.raises(Refused):
        argo.apply(ask(TWENTY))


def test_another_template_and_a_pause_by_hand_end_the_waiting(argo: Argos) -> None:
    def replace(line: str) -> None:
        if "weight" in line:
            operation = {"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": image("3.8")}
            argo.world.api.patch(rollouts(), "api", [operation], content_type=JSON_PATCH)

    with pytest.raises(ActionFailed, match=r"somebody has put another template \(3.8\) on Rollout api"):
        argo.apply(ask(TWENTY), when=replace)

    def pause(line: str) -> None:
        if "weight" in line:
            argo.world.api.patch(rollouts(), "api", {"spec": {"paused": True}}, content_type=MERGE_PATCH)

    argo.back()
    assert argo.state() == START
    with pytest.raises(ActionFailed, match="somebody has paused it"):
        argo.apply(ask(TWENTY), when=pause)


def test_pods_that_do_not_get_ready_are_named_and_the_way_back_is_open(argo: Argos) -> None:
    argo.patience = QUICK
    with pytest.raises(ActionFailed, match=r"nothing has moved for .*ImagePullBackOff"):
        argo.apply(ask(TWENTY, version=BAD))
    assert argo.sizes()[OLD] >= 3
    argo.back()
    assert argo.state() == START


def test_a_higher_epoch_ends_the_one_that_was_overtaken(argo: Argos) -> None:
    argo.apply(ask(TWENTY, epoch=2))
    with pytest.raises(Fenced, match="epoch 2"):
        argo.apply(ask(HALF, epoch=1))
    with pytest.raises(Fenced, match="epoch 2"):
        argo.back(ask(EVERYTHING, epoch=1))
    assert argo.state() == QUARTER
    with pytest.raises(Fenced, match="another watcher"):
        argo.apply(ask(EVERYTHING, epoch=2), overtaken=True)
    assert argo.state() == QUARTER
    argo.back(ask(EVERYTHING, epoch=3))
    with pytest.raises(Fenced, match="epoch 3"):
        argo.apply(ask(TWENTY, epoch=2))
    assert argo.state() == START


def test_killed_before_every_write_it_reaches_the_same_end(argo: Argos) -> None:
    assert points(lambda driver: driver.apply(argo.strategy(), ask(TWENTY))) >= 1
    assert argo.state() == QUARTER
    points(lambda driver: driver.apply(argo.strategy(), ask(EVERYTHING)))
    assert argo.state() == DONE
    points(lambda driver: driver.roll_back(argo.strategy(), argo.good, ask(EVERYTHING)))
    assert argo.state() == START
    _, again = argo.back()
    assert again.writes == []


@pytest.mark.parametrize("share", [None, TWENTY, EVERYTHING])
def test_the_way_back_is_verified_from_every_point(argo: Argos, share: Share | None) -> None:
    if share is not None:
        argo.apply(ask(share))
    said, _ = argo.back()
    assert said == f"{OLD} serves everything: 4 of 4 pods ready"
    assert argo.state() == START
    assert not argo.strategy().foresee_rollback(argo.good).does
    argo.healthy()


def test_the_traffic_is_back_with_the_first_write(argo: Argos) -> None:
    argo.apply(ask(HALF))
    _, driver = argo.back()
    # Argo writes the status meanwhile, so that a write may have to be made again.
    assert list(dict.fromkeys(line.partition(": ")[2] for line in driver.writes)) == ["abort", f"back to {OLD}"]


def test_a_template_with_a_secret_is_found_again_by_argos_own_hash(world: World, kind: None) -> None:
    body = rollout()
    body["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "API_TOKEN", "value": "hush"}]
    argo = Argos(world, body)
    assert "hush" not in str(argo.good)
    argo.apply(ask(TWENTY))
    argo.back()
    assert argo.sizes() == {OLD: 4}
    assert argo.steps == OWN
    assert argo.live["spec"]["template"]["spec"]["containers"][0]["env"] == [{"name": "API_TOKEN", "value": "hush"}]
    argo.apply(ask(EVERYTHING))
    argo.back()
    _, again = argo.back()
    assert again.writes == []
    for each in argo.world.api.list(REPLICA_SETS):
        if each["metadata"]["labels"]["rollouts-pod-template-hash"] == argo.good["stableRS"]:
            gone = {**argo.good, "stableRS": "gone", "digest": "0"}
            with pytest.raises(ActionFailed, match="keeps no ReplicaSet gone of Rollout api any more"):
                Driver().roll_back(argo.strategy(), gone, ask(EVERYTHING))


def test_where_neither_side_can_serve_nothing_is_moved(argo: Argos) -> None:
    argo.apply(ask(TWENTY))
    argo.world.proxy.rule(lambda request: request.path.endswith("/pods"), no_pods, times=None)
    assert argo.strategy().foresee_rollback(argo.good).refused.startswith("neither the stable nor the new version")
    with pytest.raises(ActionFailed, match="so nothing was moved"):
        argo.back()
    assert argo.state() == QUARTER


def no_pods(handler: Any, _request: Request) -> None:
    handler.give(200, b'{"kind":"PodList","apiVersion":"v1","metadata":{},"items":[]}', "application/json", {})


def test_an_answer_that_is_lost_is_looked_for_and_not_written_twice(argo: Argos) -> None:
    argo.world.proxy.lose_answer(is_status)
    argo.world.proxy.lose_answer(lambda request: request.method == "PATCH" and not is_status(request))
    _, driver = argo.apply(ask(EVERYTHING))
    assert argo.state() == DONE
    assert len([line for line in driver.lines if "only the answer was lost" in line]) == 2
    (sent,) = [each for each in argo.world.proxy.forwarded if is_status(each)]
    assert sent.body["status"] == {"promoteFull": True}
    assert sent.body["metadata"]["resourceVersion"]


def is_status(request: Request) -> bool:
    return request.method == "PATCH" and request.path.endswith("/status")


def test_a_status_that_may_not_be_written_is_said(argo: Argos) -> None:
    argo.apply(ask(TWENTY))
    message = 'rollouts.argoproj.io "api" is forbidden: User "eve" cannot patch resource "rollouts/status"'
    argo.world.proxy.answer(is_status, 403, status_body(403, "Forbidden", message))
    with pytest.raises(ActionFailed, match=r"PATCH rollouts/api/status in .*: promote fully: it was not written"):
        argo.apply(ask(EVERYTHING))


def test_what_is_no_canary_of_its_own_template_or_not_there_is_refused(world: World, kind: None) -> None:
    body = rollout()
    body["spec"]["strategy"] = {"blueGreen": {"activeService": "api"}}
    world.api.create(rollouts(), body)
    strategy = ArgoStrategy(world.api, world.namespace, Argo("api", "firewall"), patience=QUICK)
    assert "has no canary strategy" in strategy.foresee(ask(TWENTY)).refused
    with pytest.raises(ActionFailed, match="there is no Rollout other"):
        ArgoStrategy(world.api, world.namespace, Argo("other"), patience=QUICK).foresee(ask(TWENTY))

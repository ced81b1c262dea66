"""Blue-green against an API server: preparing, switching, and the way back from every point."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from console.actions.strategies.base import EPOCH, ROLLOUT, Asked, Fenced
from console.actions.strategies.blue_green import BlueGreenStrategy
from console.actions.strategies.endpoints import ready_pods
from console.actions.strategies.making import slot_of
from console.actions.strategies.settings import SETTINGS
from console.actions.strategies.writing import annotation
from console.core.operations import ActionFailed, Refused
from console.core.rollouts.plan import BlueGreen, Phase, Rolling, Share
from console.systems.kubernetes_connection import DEPLOYMENTS, JSON_PATCH, MERGE_PATCH, Resource
from tests.kubernetes.cluster import BAD, NEW, OLD, World, deployment
from tests.kubernetes.driving import QUICK, Driver, Killed, ask
from tests.kubernetes.driving import ROLLOUT as RELEASE
from tests.kubernetes.proxy import Request, status_body

Json = dict[str, Any]

SERVICES = Resource("api/v1", "services")
SLICES = Resource("apis/discovery.k8s.io/v1", "endpointslices")
SPEC = BlueGreen("api", "api-blue", "api-green", container="firewall")
# On a busy machine a controller may take its time; only what never gets ready is given up soon.
PATIENT = replace(QUICK, trouble=timedelta(seconds=10))
NOTHING, EVERYTHING = Share(ratio=0.0), Share(ratio=1.0)


def side(slot: str, version: str, replicas: int) -> Json:
    body = deployment(f"api-{slot}", version, replicas)
    labels = {"app": "api", "slot": slot}
    body["spec"]["selector"]["matchLabels"] = labels
    body["spec"]["template"]["metadata"]["labels"] = labels
    return body


class Pair:
    """Two sides behind a Service; blue serves the old version."""

    def __init__(self, world: World) -> None:
        self.world = world
        world.api.create(DEPLOYMENTS, side("blue", OLD, 2))
        world.api.create(DEPLOYMENTS, side("green", OLD, 0))
        spec = {"selector": {"app": "api", "slot": "blue"}, "ports": [{"port": 80}]}
        world.api.create(SERVICES, {"metadata": {"name": "api"}, "spec": spec})
        world.settled("api-blue")
        self.patience = PATIENT
        self.good = self.strategy().record()

    def strategy(self, good: Json | None = None, **spec: Any) -> BlueGreenStrategy:
        """Through the proxy where it has something to do: it takes its time."""
        fields = {"container": "firewall", **spec}
        made = BlueGreen("api", "api-blue", "api-green", **fields)
        api = self.world.proxy.api() if self.world.proxy.rules else self.world.api
        return BlueGreenStrategy(api, self.world.namespace, made, good=good, patience=self.patience)

    @property
    def live(self) -> str:
        return str(self.world.api.get(SERVICES, "api")["spec"]["selector"]["slot"])

    def point(self, slot: str) -> None:
        operation = {"op": "replace", "path": "/spec/selector/slot", "value": slot}
        self.world.api.patch(SERVICES, "api", [operation], content_type=JSON_PATCH)

    def apply(self, asked: Asked, **driver: Any) -> tuple[str, Driver]:
        made = Driver(epoch=asked.epoch, **driver)
        return made.apply(self.strategy(), asked).says, made

    def state(self) -> tuple[str, str, int, str, int]:
        found: list[Any] = [self.live]
        for slot in ("blue", "green"):
            live = self.world.live(f"api-{slot}")
            found += [self.world.version(f"api-{slot}"), live["spec"]["replicas"]]
        return tuple(found)


START = ("blue", OLD, 2, OLD, 0)
PREPARED = ("blue", OLD, 2, NEW, 2)
SWITCHED = ("green", OLD, 2, NEW, 2)


@pytest.fixture
def pair(world: World) -> Pair:
    return Pair(world)


def test_nothing_prepares_the_other_side_and_everything_switches_to_it(pair: Pair) -> None:
    foreseen = pair.strategy().foresee(ask(NOTHING))
    assert foreseen.does == (f"puts {NEW} on api-green, which is not live", "scales api-green from 0 to 2 pods")
    says, _ = pair.apply(ask(NOTHING))
    assert says == f"api-green is ready with 2 pods of {NEW} and not live"
    assert pair.state() == PREPARED
    phase = Phase("switch", "production", strategy=SPEC)
    assert slot_of(phase, pair.world.api, pair.world.namespace, NEW) == "green"
    assert slot_of(replace(phase, strategy=Rolling("api")), pair.world.api, pair.world.namespace, NEW) == ""
    assert pair.strategy().foresee(ask(EVERYTHING)).does == ("switches Service api from blue to green",)
    says, driver = pair.apply(ask(EVERYTHING))
    assert says == f"green serves everything: 2 of 2 pods run {NEW}"
    assert pair.state() == SWITCHED
    assert slot_of(phase, pair.world.api, pair.world.namespace, NEW) == "green"
    assert driver.writes == [f"PATCH services/api in {pair.world.namespace}: slot blue → green"]
    service = pair.world.api.get(SERVICES, "api")
    assert (annotation(service, ROLLOUT), annotation(service, EPOCH)) == (RELEASE, "1")
    sides = pair.strategy().sides()
    assert (sides.share, sides.new_version, sides.new_ready, sides.old_ready) == (1.0, NEW, 2, 2)
    served = ready_pods(pair.world.api.list(SLICES))
    assert {name.rpartition("-")[0].rpartition("-")[0] for name in served} == {"api-green"}


def test_the_next_release_goes_the_other_way_and_its_share_is_told_by_the_record(pair: Pair) -> None:
    pair.apply(ask(EVERYTHING))
    good = pair.strategy().record()
    assert good["live"] == "green"
    for share, told in ((NOTHING, 0.0), (EVERYTHING, 1.0)):
        pair.apply(replace(ask(share, version="3.8"), rollout="release-2"))
        assert pair.strategy(good).sides().share == told
    assert pair.state() == ("blue", "3.8", 2, NEW, 2)
    Driver().roll_back(pair.strategy(), good, replace(ask(EVERYTHING), rollout="release-2"))
    assert pair.strategy(good).sides().share == 0.0


@pytest.mark.parametrize("share", [NOTHING, EVERYTHING])
def test_applied_again_nothing_is_written(pair: Pair, share: Share) -> None:
    pair.apply(ask(share, AUDIT_LEVEL="FULL"))
    before = pair.state()
    says, driver = pair.apply(ask(share, AUDIT_LEVEL="FULL"))
    assert driver.writes == []
    assert not pair.strategy().foresee(ask(share, AUDIT_LEVEL="FULL")).does
    assert pair.state() == before
    assert NEW in says


def test_settings_go_to_the_new_side_and_leave_it_with_a_rollback(pair: Pair) -> None:
    pair.apply(ask(EVERYTHING, AUDIT_LEVEL="FULL"))
    live = pair.world.live("api-green")
    assert {"name": "AUDIT_LEVEL", "value": "FULL"} in live["spec"]["template"]["spec"]["containers"][0]["env"]
    pair.apply(ask(EVERYTHING, AUDIT_LEVEL="INFO"))
    Driver().roll_back(pair.strategy(), pair.good, ask(EVERYTHING))
    live = pair.world.live("api-green")
    assert "env" not in live["spec"]["template"]["spec"]["containers"][0]
    assert not annotation(live, SETTINGS)
    assert pair.state() == START


def test_a_conflict_at_every_write_is_written_through(pair: Pair) -> None:
    def disturb(_line: str) -> None:
        for name, kind in (("api-green", DEPLOYMENTS), ("api", SERVICES)):
            stamp = {"metadata": {"annotations": {"another": str(len(driver.writes))}}}
            if len(driver.writes) <= 3:
                pair.world.api.patch(kind, name, stamp, content_type=MERGE_PATCH)

    driver = Driver(on_write=disturb)
    driver.apply(pair.strategy(), ask(EVERYTHING))
    assert pair.state() == SWITCHED
    assert any("it had changed in between" in line for line in driver.lines)


def test_somebody_who_switches_in_the_same_moment_is_not_overruled(pair: Pair) -> None:
    def meddle(line: str) -> None:
        if "slot" in line:
            pair.point("green")

    driver = Driver(on_write=meddle)
    assert driver.apply(pair.strategy(), ask(EVERYTHING)).share == 1.0
    assert pair.state() == SWITCHED

    def elsewhere(line: str) -> None:
        if "slot" in line:
            pair.point("grey")

    with pytest.raises(ActionFailed, match=r"somebody has pointed Service api in .* at slot=grey meanwhile"):
        Driver(on_write=elsewhere).roll_back(pair.strategy(), pair.good, ask(EVERYTHING))
    assert pair.live == "grey"


def test_a_share_between_is_refused_and_nothing_is_written(pair: Pair) -> None:
    for share in (Share(ratio=0.05), Share(pods=1)):
        assert pair.strategy().foresee(ask(share)).refused.startswith("blue-green serves 0 % or 100 %")
        with pytest.raises(Refused):
            pair.apply(ask(share))
    assert pair.state() == START


def test_a_side_without_pods_is_no_measure_for_the_other(pair: Pair) -> None:
    pair.world.merge({"spec": {"replicas": 0}}, "api-blue")
    assert "api-blue serves and wants no pods" in pair.strategy().foresee(ask(NOTHING)).refused
    with pytest.raises(Refused):
        pair.apply(ask(EVERYTHING))
    assert pair.live == "blue"


def test_a_side_that_does_not_get_ready_is_not_switched_to(pair: Pair) -> None:
    pair.patience = QUICK
    driver = Driver()
    with pytest.raises(ActionFailed, match=r"api-green in .* does not get ready"):
        driver.apply(pair.strategy(), ask(EVERYTHING, version=BAD))
    assert pair.live == "blue"
    assert not any("services" in line for line in driver.writes)
    Driver().roll_back(pair.strategy(), pair.good, ask(EVERYTHING, version=BAD))
    assert pair.state() == START


def test_labels_that_the_service_would_not_find_are_refused_before_anything_is_written(pair: Pair) -> None:
    strategy = pair.strategy(green_value="grün")
    assert "which the pods of api-green do not carry" in strategy.foresee(ask(EVERYTHING)).refused
    with pytest.raises(Refused):
        Driver().apply(strategy, ask(EVERYTHING))
    with pytest.raises(ActionFailed, match="which is neither navy nor green"):
        pair.strategy(blue_value="navy").foresee(ask(EVERYTHING))
    assert pair.state() == START


def test_a_higher_epoch_ends_the_one_that_was_overtaken(pair: Pair) -> None:
    pair.apply(ask(NOTHING, epoch=2))
    with pytest.raises(Fenced, match="epoch 2"):
        pair.apply(ask(EVERYTHING, epoch=1))
    assert pair.state() == PREPARED
    pair.apply(ask(EVERYTHING, epoch=2))
    Driver(epoch=3).roll_back(pair.strategy(), pair.good, ask(EVERYTHING))
    with pytest.raises(Fenced, match="epoch 3"):
        pair.apply(ask(EVERYTHING, epoch=2))
    assert pair.state() == START
    with pytest.raises(Fenced, match="another watcher"):
        Driver(epoch=3, overtaken=True).apply(pair.strategy(), ask(EVERYTHING))


def points(act: Callable[[Driver], Any], most: int = 8) -> int:
    """How many writes `act` makes when it is killed before each of them in turn and begun again."""
    for number in range(1, most):
        try:
            act(Driver(dies_before=number))
        except Killed:
            continue
        return number - 1
    raise AssertionError("it never ends")


def test_killed_before_every_write_it_reaches_the_same_end(pair: Pair) -> None:
    made = points(lambda driver: driver.apply(pair.strategy(), ask(EVERYTHING)))
    assert made >= 1
    assert pair.state() == SWITCHED
    points(lambda driver: driver.roll_back(pair.strategy(), pair.good, ask(EVERYTHING)))
    assert pair.state() == START
    again = Driver()
    again.roll_back(pair.strategy(), pair.good, ask(EVERYTHING))
    assert again.writes == []


@pytest.mark.parametrize("share", [None, NOTHING, EVERYTHING])
def test_the_way_back_is_verified_from_every_point(pair: Pair, share: Share | None) -> None:
    if share is not None:
        pair.apply(ask(share))
    said = Driver().roll_back(pair.strategy(), pair.good, ask(EVERYTHING))
    assert said == f"blue serves everything: 2 of 2 pods of {OLD} ready"
    assert pair.state() == START
    assert pair.strategy().sides().share == 0.0
    assert not pair.strategy().foresee_rollback(pair.good).does


def test_the_old_side_is_made_whole_before_traffic_returns_to_it(pair: Pair) -> None:
    pair.apply(ask(EVERYTHING))
    pair.world.merge({"spec": {"replicas": 0}}, "api-blue")
    pair.world.set_version(BAD, "api-blue")
    at_switch: list[int] = []

    def look(line: str) -> None:
        if "services/api" in line:
            at_switch.append(pair.world.workload("api-blue").ready)

    driver = Driver(on_write=look)
    driver.roll_back(pair.strategy(), pair.good, ask(EVERYTHING))
    assert at_switch == [2]
    assert pair.state() == START


def test_it_serves_everything_when_every_pod_gets_its_part(pair: Pair) -> None:
    def act(handler: Any, request: Request) -> None:
        answer = json.loads(handler.forward(request).read())
        for part in answer["items"]:
            del part["endpoints"][1:]
        handler.give(200, json.dumps(answer).encode(), "application/json", {})

    rule = pair.world.proxy.rule(lambda request: request.path.endswith("/endpointslices"), act, times=3)
    says, _ = pair.apply(ask(EVERYTHING))
    assert (says, rule.hits) == (f"green serves everything: 2 of 2 pods run {NEW}", 3)


def test_where_neither_side_can_serve_nothing_is_switched(pair: Pair) -> None:
    pair.apply(ask(EVERYTHING))
    for slot in ("blue", "green"):
        pair.world.merge({"spec": {"replicas": 0}}, f"api-{slot}")
    pair.world.settled("api-green")
    refused = pair.strategy().foresee_rollback(pair.good).refused
    assert refused.startswith("neither blue nor green has a ready pod, so nothing is switched")
    pods = status_body(403, "Forbidden", "pods is forbidden: exceeded quota: pods")
    pair.world.proxy.answer(lambda request: request.method == "PATCH" and "api-blue" in request.path, 403, pods)
    with pytest.raises(ActionFailed, match="nothing was switched, green serves on with 0 of 0 pods ready"):
        Driver().roll_back(pair.strategy(), pair.good, ask(EVERYTHING))
    assert pair.live == "green"


def test_an_answer_that_is_lost_is_looked_for_and_not_written_twice(pair: Pair) -> None:
    pair.world.proxy.lose_answer(lambda request: is_switch(request))
    _, driver = pair.apply(ask(EVERYTHING))
    assert pair.state() == SWITCHED
    assert any("only the answer was lost" in line for line in driver.lines)
    assert len([each for each in pair.world.proxy.forwarded if is_switch(each)]) == 1


def is_switch(request: Request) -> bool:
    return request.method == "PATCH" and request.path.endswith("/services/api")


def test_the_switch_is_a_json_patch_that_tests_the_value_it_replaces(pair: Pair) -> None:
    pair.world.proxy.rule(lambda _request: False, lambda _handler, _request: None)
    pair.apply(ask(EVERYTHING))
    (switch,) = [each for each in pair.world.proxy.forwarded if is_switch(each)]
    assert {"op": "test", "path": "/spec/selector/slot", "value": "blue"} in switch.body
    assert {"op": "replace", "path": "/spec/selector/slot", "value": "green"} in switch.body
    assert switch.body[0]["path"] == "/metadata/resourceVersion"


def test_waiting_ends_when_told(pair: Pair) -> None:
    stopped = threading.Event()
    driver = Driver(stopped=stopped, on_write=lambda _line: stopped.set())
    with pytest.raises(Exception, match="stopped"):
        driver.apply(pair.strategy(), ask(EVERYTHING, version=BAD))
    assert pair.live == "blue"

"""Weights of an HTTPRoute against an API server: the canary first, the weight next, and the way back from anywhere."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from console.actions.strategies import routes
from console.actions.strategies.base import EPOCH, ROLLOUT, Asked, Fenced
from console.actions.strategies.gateway import SIZE, GatewayStrategy
from console.actions.strategies.routes import Weights, http_routes
from console.actions.strategies.writing import annotation
from console.core.operations import ActionFailed, Refused
from console.core.rollouts.plan import Gateway, Share
from console.systems.kubernetes_connection import DEPLOYMENTS, JSON_PATCH, MERGE_PATCH
from tests.kubernetes.cluster import BAD, NEW, OLD, World, deployment
from tests.kubernetes.custom import HTTP_ROUTES, served
from tests.kubernetes.driving import QUICK, Driver, Killed, ask
from tests.kubernetes.driving import ROLLOUT as RELEASE
from tests.kubernetes.proxy import Request, status_body
from tests.kubernetes.test_strategy_blue_green import PATIENT, SERVICES, points

Json = dict[str, Any]

FIVE, HALF, EVERYTHING = Share(ratio=0.05), Share(ratio=0.5), Share(ratio=1.0)
FILTER = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x-edge", "value": "1"}]}}


def backend(name: str, weight: int) -> Json:
    return {"group": "", "kind": "Service", "name": name, "port": 80, "weight": weight}


def matching(path: str) -> list[Json]:
    return [{"path": {"type": "PathPrefix", "value": path}}]


class Edge:
    """A route of two rules in front of a stable and a canary Deployment; one of them leads to both."""

    def __init__(self, world: World) -> None:
        self.world = world
        world.api.create(DEPLOYMENTS, deployment("api", OLD, 2))
        world.api.create(DEPLOYMENTS, deployment("api-canary", OLD, 0))
        for name in ("api", "api-canary"):
            spec = {"selector": {"app": name}, "ports": [{"port": 80}]}
            world.api.create(SERVICES, {"metadata": {"name": name}, "spec": spec})
        rules = [
            {"matches": matching("/static"), "backendRefs": [backend("files", 1)]},
            {
                "matches": matching("/"),
                "filters": [FILTER],
                "backendRefs": [backend("api", 100), backend("api-canary", 0)],
            },
        ]
        body = {
            "apiVersion": HTTP_ROUTES.api_version,
            "kind": "HTTPRoute",
            "metadata": {"name": "api"},
            "spec": {"parentRefs": [{"name": "edge"}], "hostnames": ["api.example.org"], "rules": rules},
        }
        world.api.create(http_routes(), body)
        world.settled("api")
        self.patience = PATIENT
        self.good = self.strategy().record()

    def spec(self, **spec: Any) -> Gateway:
        names = {
            "route": "api",
            "stable_service": "api",
            "canary_service": "api-canary",
            "stable": "api",
            "canary": "api-canary",
            "container": "firewall",
            **spec,
        }
        return Gateway(**names)

    def strategy(self, **spec: Any) -> GatewayStrategy:
        """Through the proxy where it has something to do: it takes its time."""
        api = self.world.proxy.api() if self.world.proxy.rules else self.world.api
        return GatewayStrategy(api, self.world.namespace, self.spec(**spec), patience=self.patience)

    @property
    def route(self) -> Json:
        return self.world.api.get(http_routes(), "api")

    @property
    def weights(self) -> tuple[int, ...]:
        return tuple(each["weight"] for each in self.route["spec"]["rules"][1]["backendRefs"])

    def state(self) -> tuple[tuple[int, ...], str, int, str, int]:
        found: list[Any] = [self.weights]
        for name in ("api", "api-canary"):
            found += [self.world.version(name), self.world.live(name)["spec"]["replicas"]]
        return tuple(found)

    def apply(self, asked: Asked, **driver: Any) -> tuple[str, Driver]:
        made = Driver(epoch=asked.epoch, **driver)
        return made.apply(self.strategy(), asked).says, made

    def back(self, asked: Asked | None = None, **driver: Any) -> tuple[str, Driver]:
        made = Driver(epoch=asked.epoch if asked else 1, **driver)
        return made.roll_back(self.strategy(), self.good, asked or ask(EVERYTHING)), made


START = ((100, 0), OLD, 2, OLD, 0)
AT_FIVE = ((95, 5), OLD, 2, NEW, 1)
DONE = ((100, 0), NEW, 2, NEW, 0)


@pytest.fixture
def edge(world: World) -> Iterator[Edge]:
    with served(world.api, HTTP_ROUTES):
        yield Edge(world)


def test_the_canary_is_ready_before_it_gets_weight_and_the_rest_of_the_route_stays(edge: Edge) -> None:
    before = copy.deepcopy(edge.route["spec"])
    assert edge.strategy().foresee(ask(FIVE)).does == (
        f"puts {NEW} on api-canary",
        "scales api-canary from 0 to 1 pods",
        "sets the weights of HTTPRoute api from 100:0 to 95:5",
    )
    ready: list[int] = []

    def look(line: str) -> None:
        if "httproutes" in line:
            ready.append(edge.world.workload("api-canary").ready)

    says, _ = edge.apply(ask(FIVE), on_write=look)
    assert (says, ready) == (f"5 % of api goes to 1 pod of {NEW}", [1])
    assert edge.state() == AT_FIVE
    before["rules"][1]["backendRefs"][0]["weight"], before["rules"][1]["backendRefs"][1]["weight"] = 95, 5
    assert edge.route["spec"] == before
    assert (annotation(edge.route, ROLLOUT), annotation(edge.route, EPOCH)) == (RELEASE, "1")
    sides = edge.strategy().sides()
    assert (sides.share, sides.new_version, sides.new_ready, sides.old_ready) == (0.05, NEW, 1, 2)
    edge.apply(ask(HALF))
    assert edge.weights == (50, 50)


def test_at_the_end_the_stable_side_runs_the_new_version_and_the_canary_is_as_big_as_before(edge: Edge) -> None:
    edge.apply(ask(FIVE))
    seen: list[tuple[tuple[int, ...], str]] = []

    def look(line: str) -> None:
        if "deployments/api " in line:
            seen.append((edge.weights, edge.world.version("api")))

    says, _ = edge.apply(ask(EVERYTHING, AUDIT_LEVEL="FULL"), on_write=look)
    assert seen == [((0, 100), OLD)]
    assert says == f"{NEW} serves everything: 2 of 2 pods of api"
    assert edge.state() == DONE
    assert {"name": "AUDIT_LEVEL", "value": "FULL"} in edge.world.live("api")["spec"]["template"]["spec"]["containers"][
        0
    ]["env"]
    assert not annotation(edge.world.live("api-canary"), SIZE)
    made = GatewayStrategy(edge.world.api, edge.world.namespace, edge.spec(), good=edge.good)
    assert edge.strategy().sides().share == made.sides().share == 1.0
    edge.apply(ask(EVERYTHING, AUDIT_LEVEL="INFO"))
    assert edge.weights == (100, 0)


@pytest.mark.parametrize("share", [Share(ratio=0.0), FIVE, EVERYTHING])
def test_applied_again_nothing_is_written(edge: Edge, share: Share) -> None:
    edge.apply(ask(share, AUDIT_LEVEL="FULL"))
    before = edge.state()
    _, driver = edge.apply(ask(share, AUDIT_LEVEL="FULL"))
    assert driver.writes == []
    assert not edge.strategy().foresee(ask(share, AUDIT_LEVEL="FULL")).does
    assert edge.state() == before


def test_a_conflict_at_every_write_is_written_through(edge: Edge) -> None:
    def disturb(_line: str) -> None:
        if len(driver.writes) <= 4:
            stamp = {"metadata": {"annotations": {"another": str(len(driver.writes))}}}
            edge.world.api.patch(http_routes(), "api", stamp, content_type=MERGE_PATCH)
            edge.world.merge(stamp, "api-canary")

    driver = Driver(on_write=disturb)
    driver.apply(edge.strategy(), ask(FIVE))
    assert edge.state() == AT_FIVE
    assert any("it had changed in between" in line for line in driver.lines)


@pytest.mark.parametrize("share", [Share(ratio=0.005), Share(pods=1), Share()])
def test_what_is_no_whole_percent_is_refused(edge: Edge, share: Share) -> None:
    assert "are set in whole percent" in edge.strategy().foresee(ask(share)).refused
    with pytest.raises(Refused):
        edge.apply(ask(share))
    assert edge.state() == START


def test_a_rule_with_a_third_backend_and_a_route_without_the_service_are_refused(edge: Edge) -> None:
    third = {"op": "add", "path": "/spec/rules/1/backendRefs/-", "value": backend("elsewhere", 10)}
    edge.world.api.patch(http_routes(), "api", [third], content_type=JSON_PATCH)
    assert "leads to elsewhere too" in edge.strategy().foresee(ask(FIVE)).refused
    assert (
        "no rule of HTTPRoute api leads to Service other"
        in edge.strategy(stable_service="other").foresee(ask(FIVE)).refused
    )
    with pytest.raises(ActionFailed, match="there is no HTTPRoute other"):
        edge.strategy(route="other").foresee(ask(FIVE))
    edge.world.api.patch(
        http_routes(), "api", [{"op": "remove", "path": "/spec/rules/1/backendRefs/2"}], content_type=JSON_PATCH
    )
    edge.world.merge({"spec": {"replicas": 0}}, "api")
    assert "api wants no pods" in edge.strategy().foresee(ask(FIVE)).refused


def test_a_canary_that_does_not_get_ready_gets_no_weight(edge: Edge) -> None:
    edge.patience = QUICK
    driver = Driver()
    with pytest.raises(ActionFailed, match=r"api-canary in .* does not get ready"):
        driver.apply(edge.strategy(), ask(FIVE, version=BAD))
    assert edge.weights == (100, 0)
    assert not any("httproutes" in line for line in driver.writes)
    edge.back()
    assert edge.state() == START


def test_a_service_that_leads_elsewhere_gets_no_weight(edge: Edge) -> None:
    edge.patience = QUICK
    edge.world.api.patch(SERVICES, "api-canary", {"spec": {"selector": {"app": "api"}}}, content_type=MERGE_PATCH)
    with pytest.raises(ActionFailed, match="leads to 0 of 1 ready pods of api-canary and to 2 others"):
        edge.apply(ask(FIVE))
    assert edge.weights == (100, 0)


def test_weights_that_no_gateway_takes_up_are_said(edge: Edge) -> None:
    edge.patience = QUICK

    def act(handler: Any, request: Request) -> None:
        live = json.loads(handler.forward(request).read())
        live["status"] = {"parents": []}
        handler.give(200, json.dumps(live).encode(), "application/json", {})

    edge.world.proxy.rule(lambda request: request.method == "GET" and "httproutes" in request.path, act, times=None)
    with pytest.raises(ActionFailed, match="has its weights, but no gateway has taken it after"):
        edge.apply(ask(FIVE))


def test_traffic_of_another_version_leaves_the_canary_before_its_image_is_changed(edge: Edge) -> None:
    edge.apply(ask(FIVE))
    at_image: list[tuple[int, ...]] = []

    def look(line: str) -> None:
        if "deployments/api-canary" in line:
            at_image.append(edge.weights)

    edge.apply(ask(FIVE, version="3.8"), on_write=look)
    assert at_image == [(100, 0)]
    assert edge.state() == ((95, 5), OLD, 2, "3.8", 1)


def test_a_higher_epoch_ends_the_one_that_was_overtaken(edge: Edge) -> None:
    edge.apply(ask(FIVE, epoch=2))
    with pytest.raises(Fenced, match="epoch 2"):
        edge.apply(ask(HALF, epoch=1))
    assert edge.state() == AT_FIVE
    edge.back(ask(EVERYTHING, epoch=3))
    with pytest.raises(Fenced, match="epoch 3"):
        edge.apply(ask(FIVE, epoch=2))
    assert edge.state() == START


def test_killed_before_every_write_it_reaches_the_same_end(edge: Edge) -> None:
    assert points(lambda driver: driver.apply(edge.strategy(), ask(EVERYTHING))) >= 1
    assert edge.state() == DONE
    points(lambda driver: driver.roll_back(edge.strategy(), edge.good, ask(EVERYTHING)))
    assert edge.state() == START
    _, again = edge.back()
    assert again.writes == []


@pytest.mark.parametrize("share", [None, FIVE, EVERYTHING])
def test_the_way_back_is_verified_from_every_point(edge: Edge, share: Share | None) -> None:
    if share is not None:
        edge.apply(ask(share))
    said, _ = edge.back()
    assert said == f"{OLD} serves with the weights 100:0: 2 of 2 pods ready"
    assert edge.state() == START
    assert not edge.strategy().foresee_rollback(edge.good).does


@pytest.mark.parametrize("number", [2, 3])
def test_the_way_back_from_the_middle_of_the_end(edge: Edge, number: int) -> None:
    edge.apply(ask(FIVE))
    with pytest.raises(Killed):
        edge.apply(ask(EVERYTHING), dies_before=number)
    edge.back()
    assert edge.state() == START


def test_where_neither_side_can_serve_no_weight_is_moved(edge: Edge) -> None:
    edge.apply(ask(HALF))
    edge.world.set_version(BAD, "api")
    edge.world.merge({"spec": {"replicas": 0}}, "api-canary")
    body = status_body(403, "Forbidden", "deployments is forbidden: change freeze until Monday")
    edge.world.proxy.answer(
        lambda request: request.method == "PATCH" and "deployments" in request.path, 403, body, times=None
    )
    with pytest.raises(ActionFailed, match=r"no weight was moved, the weights are 50:50 and .*change freeze"):
        edge.back()
    assert edge.weights == (50, 50)
    good = {**edge.good, "stable": edge.strategy().record()["stable"]}
    edge.world.api.delete(DEPLOYMENTS, "api")
    edge.world.api.create(DEPLOYMENTS, deployment("api", BAD, 2))
    assert edge.strategy().foresee_rollback(good).refused.startswith("neither api nor api-canary has a ready pod")


def test_an_answer_that_is_lost_is_looked_for_and_not_written_twice(edge: Edge) -> None:
    edge.world.proxy.lose_answer(is_weight)
    _, driver = edge.apply(ask(FIVE))
    assert edge.state() == AT_FIVE
    assert any("only the answer was lost" in line for line in driver.lines)
    (sent,) = [each for each in edge.world.proxy.forwarded if is_weight(each)]
    assert sent.body[0]["path"] == "/metadata/resourceVersion"


def is_weight(request: Request) -> bool:
    return request.method == "PATCH" and "httproutes" in request.path


def route(*weights: int | None, generation: int = 1) -> Json:
    names = ("api", "api-canary")
    rules = [{"backendRefs": [backend(name, w) for name, w in zip(names, weights, strict=True) if w is not None]}]
    return {"metadata": {"name": "api", "generation": generation}, "spec": {"rules": rules}}


def test_a_backend_that_a_rule_lacks_is_added_and_taken_out_again() -> None:
    live = route(1, None)
    (now,) = routes.weights_of(live, "api", "api-canary")
    assert now == Weights(0, 1, None)
    (wanted,) = routes.in_percent([now], 5)
    operations = routes.moved(live, "api", "api-canary", [wanted])
    assert operations == [
        {"op": "add", "path": "/spec/rules/0/backendRefs/0/weight", "value": 95},
        {"op": "add", "path": "/spec/rules/0/backendRefs/-", "value": backend("api-canary", 5)},
    ]
    assert routes.moved(route(95, 5), "api", "api-canary", [now]) == [
        {"op": "add", "path": "/spec/rules/0/backendRefs/0/weight", "value": 1},
        {"op": "remove", "path": "/spec/rules/0/backendRefs/1"},
    ]


def test_a_share_that_is_there_in_other_numbers_is_left_alone() -> None:
    live = route(19, 1)
    assert not routes.moved(
        live, "api", "api-canary", routes.in_percent(routes.weights_of(live, "api", "api-canary"), 5)
    )


accepting: Callable[[str, int], Json] = lambda status, seen: {  # noqa: E731
    "parentRef": {"name": "edge"},
    "conditions": [{"type": "Accepted", "status": status, "reason": "NoMatchingParent", "observedGeneration": seen}],
}


@pytest.mark.parametrize(
    ("parents", "said"),
    [
        ([], "no gateway has taken it"),
        ([accepting("True", 1)], "gateway edge has not seen its newest weights"),
        ([accepting("True", 2), accepting("False", 2)], "gateway edge does not accept it: NoMatchingParent"),
        ([accepting("True", 2)], ""),
    ],
)
def test_a_route_is_in_force_when_every_gateway_has_accepted_its_newest_form(parents: list[Json], said: str) -> None:
    assert routes.unaccepted({**route(1, 1, generation=2), "status": {"parents": parents}}) == said

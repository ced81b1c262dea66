"""What must hold in a cluster before a phase begins."""

from __future__ import annotations

from typing import Any

from console.actions.strategies.preconditions import unmet
from console.systems.kubernetes_connection import MERGE_PATCH, Resource
from tests.conftest import wait_until
from tests.kubernetes.cluster import BAD, NAME, PATIENCE, World
from tests.kubernetes.proxy import status_body
from tests.kubernetes.test_autoscaler import scale

SERVICES = Resource("api/v1", "services")


def service(world: World, **spec: Any) -> None:
    ports = [{"port": 80, "targetPort": 8080}]
    body = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": NAME}}
    world.api.create(SERVICES, {**body, "spec": {"selector": {"app": NAME}, "ports": ports, **spec}})


def test_sticky_sessions_are_looked_for_on_the_service(world: World) -> None:
    assert "there is no Service hak-gal" in unmet(world.api, world.namespace, sticky_sessions=NAME)[0]
    service(world)
    (said,) = unmet(world.api, world.namespace, sticky_sessions=NAME)
    assert said.startswith("Service hak-gal has no sticky sessions (sessionAffinity is None): kubectl -n ")
    world.api.patch(SERVICES, NAME, {"spec": {"sessionAffinity": "ClientIP"}}, content_type=MERGE_PATCH)
    assert unmet(world.api, world.namespace, sticky_sessions=NAME) == ()


def test_a_workload_must_have_every_pod_ready(world: World) -> None:
    assert "there is no Deployment hak-gal" in unmet(world.api, world.namespace, workload_ready=[NAME])[0]
    world.deploy(replicas=2)
    assert unmet(world.api, world.namespace, workload_ready=[NAME]) == ()
    world.set_version(BAD)

    def said() -> str:
        return "".join(unmet(world.api, world.namespace, workload_ready=[NAME]))

    wait_until(lambda: "its image cannot be pulled" in said(), within=PATIENCE, what="the trouble")
    assert said().startswith(f"{NAME} is not ready, {BAD}: ")
    world.merge({"spec": {"replicas": 0}})
    assert said() == f"{NAME} wants no pods; scale it to what it is to serve with"


def test_an_autoscaler_that_may_not_be_there(world: World) -> None:
    world.deploy(replicas=1)
    assert unmet(world.api, world.namespace, autoscaler_absent=[NAME]) == ()
    scale(world, 1, 2)
    assert len(unmet(world.api, world.namespace, autoscaler_absent=[NAME])) == 1


def test_what_may_not_be_looked_at_does_not_hold_and_a_busy_server_is_asked_again(world: World) -> None:
    service(world, sessionAffinity="ClientIP")
    body = status_body(403, "Forbidden", 'services "hak-gal" is forbidden: User "eve" cannot get')
    world.proxy.answer(lambda _request: True, 403, body)
    (said,) = unmet(world.proxy.api(), world.namespace, sticky_sessions=NAME)
    assert "ask for the right to get services" in said
    world.proxy.answer(lambda _request: True, 503, status_body(503, "Busy", "later"))
    assert unmet(world.proxy.api(), world.namespace, sticky_sessions=NAME) == ()

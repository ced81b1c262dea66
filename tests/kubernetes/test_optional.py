"""A Deployment that may be missing is no error while it is, and is seen when it comes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from console.core.system import WorkloadTarget
from console.sources.kubernetes import KubernetesSource
from console.systems.kubernetes_connection import open_kubernetes
from tests.conftest import wait_until
from tests.kubernetes.cluster import NAME, World, utc_now
from tests.kubernetes.proxy import Proxy

pytestmark = pytest.mark.usefixtures("no_threads_left")

CANARY = "hak-gal-canary"


@pytest.fixture
def source(proxy: Proxy) -> Iterator[KubernetesSource]:
    """A source of a Deployment and of one that may be missing."""
    target = proxy.target(WorkloadTarget(NAME, None), WorkloadTarget(CANARY, None, optional=True))
    made = KubernetesSource(lambda: open_kubernetes(target), target, clock=utc_now)
    yield made
    made.stop()


def seen(source: KubernetesSource) -> list[tuple[str, bool]]:
    value = source.reading.value
    return [(each.name, each.optional) for each in value.workloads] if value else []


def test_a_deployment_that_may_be_missing_is_no_error(world: World, proxy: Proxy, source: KubernetesSource) -> None:
    world.deploy(replicas=1)
    source.start(lambda: None)
    wait_until(lambda: seen(source) == [(NAME, False)], what="the one that is there")
    asked = len(proxy.requests)

    def asked_twice() -> bool:
        source.refresh()
        return sum(each.path.endswith(f"/{CANARY}") for each in proxy.requests[asked:]) > 1

    wait_until(asked_twice, what="two askings for the missing one")
    assert source.reading.error is None and not source.reading.is_stale(utc_now())
    world.deploy(CANARY, replicas=0)
    wait_until(lambda: seen(source) == [(NAME, False), (CANARY, True)], what="the one that came")
    world.delete(CANARY)
    wait_until(lambda: seen(source) == [(NAME, False)], what="its end")
    assert source.reading.error is None


def test_one_that_must_be_there_is_still_missed(world: World, source: KubernetesSource) -> None:
    world.deploy(CANARY, replicas=0)
    source.start(lambda: None)
    wait_until(lambda: source.reading.error, what="the error")
    assert f"no deployment {NAME} in " in str(source.reading.error)

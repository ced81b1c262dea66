"""The source: what list and watch make of a namespace, and how it behaves when the API server does not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from console.core.readings import ClusterState, Reading, Workload
from console.core.system import WorkloadTarget
from console.sources.kubernetes import KubernetesSource
from console.systems.kubernetes_connection import EVENTS, MERGE_PATCH, open_kubernetes
from tests.conftest import wait_until
from tests.kubernetes.cluster import BAD, NAME, NEW, OLD, PATIENCE, World, utc_now
from tests.kubernetes.proxy import Proxy, Request, status_body

pytestmark = pytest.mark.usefixtures("no_threads_left")


class Follower:
    """A source that runs, with how often it said that something changed."""

    def __init__(self, proxy: Proxy, *workloads: str) -> None:
        target = proxy.target(*(WorkloadTarget(name, None) for name in workloads or (NAME,)))
        self.source = KubernetesSource(lambda: open_kubernetes(target), target, clock=utc_now)
        self.calls = 0
        self.source.start(self._count)

    def _count(self) -> None:
        self.calls += 1

    @property
    def reading(self) -> Reading[ClusterState]:
        return self.source.reading

    @property
    def live(self) -> bool:
        return self.reading.value is not None and not self.reading.is_stale(utc_now())

    def wait(self, told: Callable[[ClusterState], Any], what: str, within: float = PATIENCE) -> ClusterState:
        def look() -> ClusterState | None:
            value = self.reading.value
            return value if value is not None and told(value) else None

        found = wait_until(look, within=within, what=what)
        assert found is not None
        return found

    def workload(self) -> Workload | None:
        value = self.reading.value
        return next((each for each in value.workloads if each.name == NAME), None) if value else None

    def wait_live(self, within: float = 20) -> None:
        wait_until(lambda: self.live and not self.reading.error, within=within, what="a live reading")

    def watches(self, plural: str) -> Any:
        return self.source._watches[plural]


@pytest.fixture
def follow(proxy: Proxy) -> Iterator[Callable[..., Follower]]:
    """Start sources through the proxy; stopped after the test."""
    started: list[Follower] = []

    def start(*workloads: str) -> Follower:
        started.append(Follower(proxy, *workloads))
        return started[-1]

    yield start
    proxy.go_on()
    for each in started:
        each.source.stop()


def version_is(version: str) -> Callable[[ClusterState], bool]:
    return lambda state: any(each.version == version for each in state.workloads)


def at_least(version: str) -> Callable[[ClusterState], bool]:
    return lambda state: all(int(each.resource_version) >= int(version) for each in state.workloads)


def settled_on(version: str) -> Callable[[ClusterState], bool]:
    return lambda state: any(each.version == version and each.settled for each in state.workloads)


def watches(plural: str) -> Callable[[Request], bool]:
    return lambda request: request.watches and request.path.endswith(f"/{plural}")


def lists(plural: str) -> Callable[[Request], bool]:
    return lambda request: "limit" in request.query and request.path.endswith(f"/{plural}")


def test_a_deployment_is_read_with_its_revisions_and_pods(world: World, follow: Callable[..., Follower]) -> None:
    world.deploy(replicas=2)
    follower = follow()
    state = follower.wait(lambda state: settled_on(OLD)(state) and len(state.pods) == 2, "two pods")
    (workload,) = state.workloads
    assert (workload.name, workload.namespace, workload.container) == (NAME, world.namespace, "firewall")
    assert (workload.desired, workload.updated, workload.ready, workload.available) == (2, 2, 2, 2)
    assert (workload.current, workload.paused, workload.stuck, workload.managed_by) == (1, False, "", "")
    (revision,) = workload.revisions
    assert (revision.number, revision.version, revision.desired, revision.ready) == (1, OLD, 2, 2)
    assert revision.template == workload.template
    assert "pod-template-hash" not in revision.template
    state = follower.wait(lambda state: all(pod.ready for pod in state.pods), "ready pods")
    assert {(pod.version, pod.revision, pod.workload) for pod in state.pods} == {(OLD, 1, NAME)}
    assert {(pod.phase, pod.ready_containers, pod.containers) for pod in state.pods} == {("Running", 1, 1)}
    assert (state.context, state.namespace) == ("proxy", world.namespace)
    assert follower.live


def test_a_new_version_is_followed_until_it_has_settled(world: World, follow: Callable[..., Follower]) -> None:
    world.deploy(replicas=2)
    follower = follow()
    follower.wait(settled_on(OLD), "the old version")
    world.set_version(NEW)
    state = follower.wait(lambda state: settled_on(NEW)(state) and len(state.pods) == 2, "the new version")
    (workload,) = state.workloads
    assert [(each.number, each.version) for each in workload.revisions] == [(2, NEW), (1, OLD)]
    assert workload.current == 2
    follower.wait(lambda state: {pod.version for pod in state.pods} == {NEW}, "only pods of the new version")


def test_a_rollout_that_does_not_progress_is_stuck_and_its_pods_say_why(
    world: World, follow: Callable[..., Follower]
) -> None:
    world.deploy(replicas=2, progressDeadlineSeconds=2)
    world.set_version(BAD)
    follower = follow()
    state = follower.wait(lambda state: any(each.stuck for each in state.workloads), "a stuck rollout")
    (workload,) = state.workloads
    assert workload.stuck.startswith("ProgressDeadlineExceeded")
    assert not workload.settled
    pulls = ("ImagePullBackOff", "ErrImagePull")
    follower.wait(
        lambda state: any(pod.version == BAD and pod.reason in pulls for pod in state.pods), "the reason at a bad pod"
    )
    assert any(pod.version == OLD and pod.ready for pod in follower.reading.value.pods)  # type: ignore[union-attr]


def event(world: World, name: str, about: str, count: int = 1) -> dict[str, Any]:
    at = utc_now().strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": world.namespace},
        "involvedObject": {"kind": "Pod", "name": about, "namespace": world.namespace},
        "type": "Warning",
        "reason": "Unhealthy",
        "message": "Readiness probe failed:\n  connection refused",
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": count,
        "source": {"component": "kubelet"},
    }


def test_events_about_the_workload_come_newest_first_and_others_do_not(
    world: World, follow: Callable[..., Follower]
) -> None:
    world.deploy(replicas=1)
    world.api.create(EVENTS, event(world, "mine.1", f"{NAME}-7f-x2", count=3))
    world.api.create(EVENTS, event(world, "theirs.1", "another-7f-x2"))
    follower = follow()
    state = follower.wait(lambda state: any(each.reason == "Unhealthy" for each in state.events), "the event")
    (found,) = [each for each in state.events if each.reason == "Unhealthy"]
    assert (found.kind, found.about, found.count) == ("Warning", f"Pod/{NAME}-7f-x2", 3)
    assert found.message == "Readiness probe failed: connection refused"
    assert list(state.events) == sorted(state.events, key=lambda each: each.last_seen, reverse=True)
    world.api.patch(EVENTS, "mine.1", {"count": 4}, content_type=MERGE_PATCH)
    follower.wait(lambda state: any(each.count == 4 and each.reason == "Unhealthy" for each in state.events), "4 times")


@pytest.mark.parametrize("how", ["status", "event"])
def test_a_version_that_has_expired_is_listed_anew(world: World, follow: Callable[..., Follower], how: str) -> None:
    world.deploy(replicas=0)
    body = status_body(410, "Expired", "too old resource version: 1 (2)")
    if how == "status":
        rule = world.proxy.answer(watches("deployments"), 410, body)
    else:

        def act(handler: Any, _request: Request) -> None:
            handler.begin_stream(200, "application/json")
            handler.piece(b'{"type":"ERROR","object":' + body + b"}\n")
            handler.piece(b"")

        rule = world.proxy.rule(watches("deployments"), act)
    follower = follow()
    wait_until(lambda: rule.hits and follower.watches("deployments").lists == 2, what="a second list")
    follower.wait_live()
    world.set_version(NEW)
    follower.wait(version_is(NEW), "a change after it")


def test_a_watch_that_is_cut_goes_on_where_it_was_and_misses_nothing(
    world: World, follow: Callable[..., Follower]
) -> None:
    world.deploy(replicas=0)
    follower = follow()
    follower.wait(version_is(OLD), "the deployment")

    def watched_more_than(times: int) -> bool:
        return bool(follower.watches("deployments").watches > times)

    wait_until(partial(watched_more_than, 0), what="a watch")
    for version in (NEW, OLD, NEW):
        before = follower.watches("deployments").watches
        world.proxy.cut_watches()
        world.set_version(version)
        follower.wait(version_is(version), f"{version} after a cut")
        wait_until(partial(watched_more_than, before), what="a new watch")
    follower.wait_live()
    for _ in range(2):
        world.proxy.lose_request(watches("deployments"))
    reached = world.live()["metadata"]["resourceVersion"]
    follower.wait(at_least(reached), "the newest version")
    before = follower.watches("deployments").watches
    world.proxy.cut_watches()
    wait_until(partial(watched_more_than, before), what="a new watch after two that were lost on the way")
    assert follower.watches("deployments").lists == 1
    follower.wait_live()
    last = [request for request in world.proxy.requests if watches("deployments")(request)][-1]
    assert int(last.query["resourceVersion"]) >= int(reached), "it goes on from what it has seen, not from its list"


def test_a_watch_that_ends_by_itself_is_no_error(world: World, follow: Callable[..., Follower]) -> None:
    world.deploy(replicas=0)

    def end(handler: Any, _request: Request) -> None:
        handler.begin_stream(200, "application/json")
        handler.piece(b"")

    rule = world.proxy.rule(watches("deployments"), end, times=3)
    follower = follow()
    wait_until(lambda: rule.hits == 3, what="three short watches")
    world.set_version(NEW)
    follower.wait(version_is(NEW), "a change after them")
    assert follower.watches("deployments").lists == 1
    gaps = [request.at for request in world.proxy.requests if watches("deployments")(request)]
    assert gaps[2] - gaps[0] > 0.2, "watches that end at once are not asked for in a hot loop"


def test_an_overloaded_server_is_left_alone_for_as_long_as_it_asks(
    world: World, follow: Callable[..., Follower]
) -> None:
    world.deploy(replicas=0)
    body = status_body(429, "TooManyRequests", "too many requests, please try again later")
    world.proxy.answer(lists("pods"), 429, body, Retry_After="1")
    follower = follow()
    wait_until(lambda: follower.reading.error, what="the error")
    assert "LIST pods" in str(follower.reading.error)
    assert "the API server is overloaded and asks to wait" in str(follower.reading.error)
    assert follower.reading.value is None, "pods that could not be read are not no pods"
    follower.wait_live()
    first, second = [request.at for request in world.proxy.requests if lists("pods")(request)][:2]
    assert second - first >= 1


def test_a_hung_server_is_an_error_within_seconds_and_the_last_picture_stays(
    world: World, follow: Callable[..., Follower]
) -> None:
    world.deploy(replicas=1)
    follower = follow()
    follower.wait(settled_on(OLD), "the deployment")
    follower.wait_live()
    world.proxy.hang()
    began = time.monotonic()
    wait_until(lambda: follower.reading.error, within=7, what="the error")
    assert time.monotonic() - began < 6
    assert f"GET deployments/{NAME} in {world.namespace}: no answer in 2 s" in str(follower.reading.error)
    assert follower.reading.is_stale(utc_now())
    assert follower.workload() is not None
    world.set_version(NEW)
    world.proxy.go_on()
    follower.wait(version_is(NEW), "what changed meanwhile", within=15)
    follower.wait_live()


@pytest.mark.parametrize("change", ["update", "delete"])
def test_a_watch_that_has_silently_died_does_not_hide_changes(
    world: World, follow: Callable[..., Follower], change: str
) -> None:
    world.deploy(replicas=0)
    follower = follow()
    follower.wait(version_is(OLD), "the deployment")
    wait_until(lambda: follower.watches("deployments").watches, what="a watch")
    world.proxy.mute_watches()
    if change == "update":
        world.set_version(NEW)
        follower.wait(version_is(NEW), "the change", within=10)
    else:
        world.delete()
        follower.wait(lambda state: not state.workloads, "its end", within=10)
    assert follower.watches("deployments").lists >= 2


def test_a_quiet_cluster_stays_fresh(world: World, follow: Callable[..., Follower]) -> None:
    world.deploy(replicas=0)
    follower = follow()
    follower.wait(version_is(OLD), "the deployment")
    wait_until(lambda: follower.reading.taken_at, what="a first time")
    first = follower.reading
    wait_until(lambda: follower.reading.taken_at != first.taken_at, within=5, what="a newer time")
    assert follower.reading.error is None


def test_events_that_may_not_be_read_do_not_spoil_the_rest(world: World, follow: Callable[..., Follower]) -> None:
    world.deploy(replicas=0)
    message = 'events is forbidden: User "eve" cannot list resource "events"'
    world.proxy.answer(
        lambda request: request.path.endswith("/events"), 403, status_body(403, "Forbidden", message), times=None
    )
    follower = follow()
    state = follower.wait(lambda state: state.events_error, "the reason")
    assert "ask for the right to list events in namespace" in state.events_error
    follower.wait_live()


def test_pods_that_may_not_be_read_are_an_error_and_not_no_pods(world: World, follow: Callable[..., Follower]) -> None:
    world.deploy(replicas=0)
    message = 'pods is forbidden: User "eve" cannot list resource "pods"'
    rule = world.proxy.answer(lists("pods"), 403, status_body(403, "Forbidden", message), times=None)
    follower = follow()
    wait_until(lambda: follower.reading.error, what="the error")
    assert "ask for the right to list pods in namespace" in str(follower.reading.error)
    assert follower.reading.value is None
    world.proxy.remove(rule)
    follower.wait_live()


def test_a_deployment_that_is_not_there_is_named_and_the_other_is_shown(
    world: World, follow: Callable[..., Follower]
) -> None:
    world.deploy(replicas=0)
    follower = follow(NAME, "hak-gal-canary")
    wait_until(lambda: follower.reading.error, what="the error")
    error = str(follower.reading.error)
    assert f"no deployment hak-gal-canary in {world.namespace}; check the names, the namespace and the context" in error
    follower.wait(lambda state: [each.name for each in state.workloads] == [NAME], "the one that is there")
    world.deploy("hak-gal-canary", replicas=0)
    follower.wait(lambda state: len(state.workloads) == 2, "both")
    follower.wait_live()


def test_a_deployment_that_is_deleted_goes_from_the_picture(world: World, follow: Callable[..., Follower]) -> None:
    world.deploy(replicas=0)
    follower = follow()
    follower.wait(version_is(OLD), "the deployment")
    world.delete()
    follower.wait(lambda state: not state.workloads, "its end")
    wait_until(lambda: follower.reading.error, what="the error")


def test_a_burst_of_changes_is_told_at_most_ten_times_a_second(world: World, follow: Callable[..., Follower]) -> None:
    world.deploy(replicas=0)
    follower = follow()
    follower.wait(version_is(OLD), "the deployment")
    began, before = time.monotonic(), follower.calls
    for number in range(60):
        world.merge({"metadata": {"annotations": {"number": str(number)}}})
    follower.wait(at_least(world.live()["metadata"]["resourceVersion"]), "the last change")
    elapsed = time.monotonic() - began
    assert follower.calls - before <= elapsed * 10 + 2

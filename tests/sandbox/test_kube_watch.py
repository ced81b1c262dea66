"""Lists, pages and watches: what is told, in which order, from which version, and when a version is too old.

All but the tests at the end run unchanged against a real cluster with HAKGAL_TEST_KUBECONFIG.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from console.sandbox.kube import watch
from console.sandbox.kube.housekeeping import SYSTEM_NAMESPACES
from console.sandbox.kube.kinds import CONFIG_MAPS
from console.sandbox.kube.objects import name_of
from console.sandbox.kube.server import KubeServer
from tests.conftest import wait_until
from tests.sandbox.kube_cluster import MERGE, PATIENCE, Client, Json, Namespace, any_cluster, own_namespace

pytestmark = pytest.mark.xdist_group("kube-watch")
kubernetes = pytest.mark.kubernetes

ROOT_CA = "kube-root-ca.crt"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with any_cluster(tmp_path_factory.mktemp("kube")) as client:
        yield client


@pytest.fixture
def namespace(client: Client) -> Iterator[Namespace]:
    with own_namespace(client) as namespace:
        wait_until(lambda: namespace.find("configmaps", ROOT_CA), within=PATIENCE, what="the root certificate")
        yield namespace


def labelled(namespace: Namespace, name: str, **labels: str) -> Json:
    return namespace.create("configmaps", {"metadata": {"name": name, "labels": labels}})


def names(items: list[Json]) -> list[str]:
    return [item["metadata"]["name"] for item in items if item["metadata"]["name"] != ROOT_CA]


@kubernetes
@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("tier=web", ["a", "b"]),
        ("tier==web,env!=prod", ["b"]),
        ("tier in (web, db)", ["a", "b", "c"]),
        ("tier notin (web)", ["c", "d"]),
        ("tier", ["a", "b", "c"]),
        ("!tier", ["d"]),
        ("tier,env=prod", ["a"]),
        ("env=", []),
    ],
)
def test_label_selectors_select(namespace: Namespace, selector: str, found: list[str]) -> None:
    labelled(namespace, "a", tier="web", env="prod")
    labelled(namespace, "b", tier="web")
    labelled(namespace, "c", tier="db")
    labelled(namespace, "d")
    assert names(namespace.list("configmaps", labelSelector=selector)) == found


@kubernetes
def test_field_selectors_select_and_unknown_fields_are_refused(namespace: Namespace) -> None:
    for name in ("a", "b"):
        namespace.config_map(name)
    assert names(namespace.list("configmaps", fieldSelector="metadata.name=b")) == ["b"]
    assert names(namespace.list("configmaps", fieldSelector=f"metadata.name!=b,metadata.name!={ROOT_CA}")) == ["a"]
    path = namespace.path("configmaps")
    message = namespace.client.refused(400, "GET", path, fieldSelector="data.a=1")["message"]
    assert "field label not supported: " in message
    assert namespace.client.refused(400, "GET", path, labelSelector="a in")["reason"] == "BadRequest"


@kubernetes
def test_events_are_selected_by_what_they_are_about_and_read_in_both_versions(namespace: Namespace) -> None:
    now = "2025-01-02T03:04:05Z"
    for name, about in (("one", "web"), ("two", "db")):
        namespace.create(
            "events",
            {
                "metadata": {"name": name},
                "involvedObject": {"kind": "Pod", "name": about, "namespace": namespace.name},
                "reason": "BackOff",
                "message": "back-off",
                "type": "Warning",
                "count": 3,
                "firstTimestamp": now,
                "lastTimestamp": now,
                "source": {"component": "kubelet"},
            },
        )
    selector = "involvedObject.kind=Pod,involvedObject.name=web,type=Warning"
    assert names(namespace.list("events", fieldSelector=selector)) == ["one"]
    path = f"/apis/events.k8s.io/v1/namespaces/{namespace.name}/events/one"
    event = namespace.client.ok("GET", path)
    assert (event["note"], event["regarding"]["name"], event["deprecatedCount"]) == ("back-off", "web", 3)


@kubernetes
def test_pages_are_of_one_moment(namespace: Namespace) -> None:
    for name in "abcde":
        labelled(namespace, name, page="yes")
    path = namespace.path("configmaps")
    first = namespace.client.ok("GET", path, limit=2, labelSelector="page")
    assert names(first["items"]) == ["a", "b"]
    labelled(namespace, "cc", page="yes")
    namespace.delete("configmaps", "d")
    namespace.patch("configmaps", "e", {"data": {"late": "yes"}}, media=MERGE)
    token = first["metadata"]["continue"]
    second = namespace.client.ok("GET", path, limit=2, labelSelector="page", **{"continue": token})
    assert names(second["items"]) == ["c", "d"]
    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    token = second["metadata"]["continue"]
    third = namespace.client.ok("GET", path, limit=2, labelSelector="page", **{"continue": token})
    assert names(third["items"]) == ["e"]
    assert "data" not in third["items"][0]
    assert not third["metadata"].get("continue")
    assert names(namespace.list("configmaps", labelSelector="page")) == ["a", "b", "c", "cc", "e"]


@kubernetes
def test_a_page_says_how_many_are_left(namespace: Namespace) -> None:
    for name in "abc":
        namespace.config_map(name)
    metadata = namespace.client.ok("GET", namespace.path("configmaps"), limit=1)["metadata"]
    assert metadata["remainingItemCount"] == 3
    broken = namespace.client.refused(400, "GET", namespace.path("configmaps"), limit=1, **{"continue": "nonsense"})
    assert broken["reason"] == "BadRequest"


@kubernetes
def test_a_list_of_an_exact_old_version_is_as_it_was_and_one_of_the_future_is_too_large(namespace: Namespace) -> None:
    namespace.config_map("a")
    then = namespace.client.ok("GET", namespace.path("configmaps"))["metadata"]["resourceVersion"]
    namespace.config_map("b")
    old = namespace.list("configmaps", resourceVersion=then, resourceVersionMatch="Exact")
    assert names(old) == ["a"]
    assert names(namespace.list("configmaps", resourceVersion=then, resourceVersionMatch="NotOlderThan")) == ["a", "b"]
    future = str(int(then) + 1_000_000)
    path = namespace.path("configmaps")
    status = namespace.client.refused(504, "GET", path, resourceVersion=future, resourceVersionMatch="NotOlderThan")
    assert status["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"
    assert namespace.client.call("GET", path, resourceVersionMatch="Exact").status_code == 422


@kubernetes
def test_items_of_a_list_do_not_repeat_their_kind_and_the_list_has_a_version(namespace: Namespace) -> None:
    namespace.config_map("a")
    body = namespace.client.ok("GET", namespace.path("configmaps"))
    assert (body["kind"], body["apiVersion"]) == ("ConfigMapList", "v1")
    assert int(body["metadata"]["resourceVersion"]) > 0
    assert "kind" not in body["items"][0]
    everywhere = namespace.client.ok("GET", "/api/v1/configmaps", fieldSelector="metadata.name=a")
    assert namespace.name in {item["metadata"]["namespace"] for item in everywhere["items"]}


@kubernetes
def test_a_watch_tells_every_change_after_its_version_in_order(namespace: Namespace) -> None:
    start = namespace.config_map("first")["metadata"]["resourceVersion"]
    namespace.config_map("second")
    with namespace.watching("configmaps", resourceVersion=start) as watched:
        namespace.patch("configmaps", "first", {"data": {"a": "1"}}, media=MERGE)
        namespace.delete("configmaps", "second")
        namespace.config_map("third")
        assert watched.wait_for(4) == [
            ("ADDED", "second"),
            ("MODIFIED", "first"),
            ("DELETED", "second"),
            ("ADDED", "third"),
        ]
        versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in watched.events]
        assert versions == sorted(set(versions))
        assert versions[0] > int(start)
        assert watched.events[0]["object"]["kind"] == "ConfigMap"
    last = watched.events[-1]["object"]["metadata"]["resourceVersion"]
    with namespace.watching("configmaps", resourceVersion=last) as watched:
        namespace.config_map("fourth")
        assert watched.wait_for(1) == [("ADDED", "fourth")]


@kubernetes
@pytest.mark.parametrize("query", [{}, {"resourceVersion": "0"}])
def test_a_watch_from_any_version_tells_first_what_exists(namespace: Namespace, query: dict[str, str]) -> None:
    namespace.config_map("b")
    namespace.config_map("a")
    with namespace.watching("configmaps", fieldSelector=f"metadata.name!={ROOT_CA}", **query) as watched:
        assert sorted(watched.wait_for(2)) == [("ADDED", "a"), ("ADDED", "b")]
        namespace.delete("configmaps", "b")
        assert watched.wait_for(3)[2] == ("DELETED", "b")


@kubernetes
def test_what_enters_or_leaves_the_selection_of_a_watch_is_added_or_deleted(namespace: Namespace) -> None:
    start = labelled(namespace, "a", tier="web")["metadata"]["resourceVersion"]
    with namespace.watching("configmaps", labelSelector="tier=web", resourceVersion=start) as watched:
        labelled(namespace, "b", tier="db")
        left = namespace.patch("configmaps", "a", {"metadata": {"labels": {"tier": "db"}}}, media=MERGE)
        entered = namespace.patch("configmaps", "b", {"metadata": {"labels": {"tier": "web"}}}, media=MERGE)
        assert watched.wait_for(2) == [("DELETED", "a"), ("ADDED", "b")]
        gone, came = (event["object"]["metadata"] for event in watched.events)
        assert gone["labels"] == {"tier": "web"}
        assert gone["resourceVersion"] == left["metadata"]["resourceVersion"]
        assert came["resourceVersion"] == entered["metadata"]["resourceVersion"]


@kubernetes
def test_a_watch_of_one_object_tells_of_no_other(namespace: Namespace) -> None:
    start = namespace.config_map("mine")["metadata"]["resourceVersion"]
    with namespace.watching("configmaps", fieldSelector="metadata.name=mine", resourceVersion=start) as watched:
        namespace.config_map("other")
        namespace.patch("configmaps", "mine", {"data": {"a": "1"}}, media=MERGE)
        assert watched.wait_for(1) == [("MODIFIED", "mine")]


@kubernetes
def test_a_watch_ends_by_itself_after_its_seconds(namespace: Namespace) -> None:
    with namespace.watching("configmaps", timeoutSeconds="1") as watched:
        assert watched.ended.wait(10)
    assert watched.code == 200


@kubernetes
def test_a_streamed_list_ends_with_a_bookmark_that_says_so(namespace: Namespace) -> None:
    namespace.config_map("a")
    query = {
        "sendInitialEvents": "true",
        "allowWatchBookmarks": "true",
        "resourceVersionMatch": "NotOlderThan",
        "fieldSelector": "metadata.name=a",
    }
    with namespace.watching("configmaps", **query) as watched:
        if watched.code == 422 and "HAKGAL_TEST_KUBECONFIG" in os.environ:
            # Not every version has the feature switched on; one that has not must say that it is this.
            wait_until(lambda: watched.events, what="the refusal")
            assert "WatchList" in watched.events[0]["message"]
            return
        wait_until(lambda: len(watched.events) >= 2, what="the bookmark")
        assert [event["type"] for event in watched.events[:2]] == ["ADDED", "BOOKMARK"]
        assert watched.events[1]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


# What only the sandbox's own server can be made to do on order.


@asynccontextmanager
async def serving(**options: Any) -> AsyncIterator[tuple[KubeServer, aiohttp.ClientSession]]:
    server = KubeServer(**options)
    await server.start()
    # The controllers fill new namespaces; the tests count changes from after that.
    while sum(name_of(obj) == ROOT_CA for obj in server.api.list(CONFIG_MAPS)) < len(SYSTEM_NAMESPACES):
        await asyncio.sleep(0)
    try:
        timeout = aiohttp.ClientTimeout(total=20)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            yield server, session
    finally:
        await server.stop()


async def first_events(session: aiohttp.ClientSession, url: str, count: int, **query: str) -> list[Json]:
    events: list[Json] = []
    async with session.get(url, params={"watch": "true", **query}) as answer:
        assert answer.status == 200
        async for line in answer.content:
            events.append(json.loads(line))
            if len(events) == count:
                break
    return events


def config_map(server: KubeServer, name: str) -> Json:
    return server.api.create(CONFIG_MAPS, "default", {"metadata": {"name": name}})


async def test_a_watch_from_an_expired_version_is_answered_with_an_error_event_of_410() -> None:
    async with serving(history=5) as (server, session):
        url = f"{server.url}/api/v1/namespaces/default/configmaps"
        old = config_map(server, "a")["metadata"]["resourceVersion"]
        for number in range(10):
            config_map(server, f"b{number}")
        (event,) = await first_events(session, url, 2, resourceVersion=old)
        assert event["type"] == "ERROR"
        assert (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")
        assert event["object"]["message"].startswith(f"too old resource version: {old} (")
        events = await first_events(session, url, 2, resourceVersion=str(server.store.revision - 2))
        assert [each["object"]["metadata"]["name"] for each in events] == ["b8", "b9"]


async def test_an_expired_page_is_410_with_a_token_for_the_rest_as_it_is_now() -> None:
    async with serving() as (server, session):
        url = f"{server.url}/api/v1/namespaces/default/configmaps"
        for name in "abc":
            config_map(server, name)
        async with session.get(url, params={"limit": "1"}) as answer:
            token = (await answer.json())["metadata"]["continue"]
        config_map(server, "d")
        server.expire_history()
        async with session.get(url, params={"limit": "10", "continue": token}) as answer:
            status = await answer.json()
            assert answer.status == 410
            assert (status["reason"], status["code"]) == ("Expired", 410)
        async with session.get(url, params={"limit": "10", "continue": status["metadata"]["continue"]}) as answer:
            assert names((await answer.json())["items"]) == ["b", "c", "d"]
        async with session.get(url, params={"resourceVersion": "2", "resourceVersionMatch": "Exact"}) as answer:
            assert answer.status == 410


async def test_bookmarks_come_on_time_and_a_watch_can_go_on_from_one() -> None:
    async with serving(bookmark_every=timedelta(milliseconds=50)) as (server, session):
        url = f"{server.url}/api/v1/namespaces/default/secrets"
        config_map(server, "elsewhere")
        start = str(server.store.revision)
        config_map(server, "elsewhere-too")
        (bookmark,) = await first_events(session, url, 1, allowWatchBookmarks="true", resourceVersion=start)
        assert bookmark["type"] == "BOOKMARK"
        assert bookmark["object"]["kind"] == "Secret"
        assert int(bookmark["object"]["metadata"]["resourceVersion"]) >= int(start) + 1


async def test_no_change_is_lost_or_told_twice_by_watches_that_end_and_go_on() -> None:
    async with serving(bookmark_every=timedelta(milliseconds=5)) as (server, session):
        url = f"{server.url}/api/v1/namespaces/default/configmaps"
        version = str(server.store.revision)
        told: list[str] = []

        async def write() -> None:
            for number in range(300):
                config_map(server, f"n{number:03}")
                await asyncio.sleep(0)
                if number % 40 == 0:
                    server.drop_watches()

        writing = asyncio.create_task(write())
        while not told or told[-1] != "n299":
            query = {"watch": "true", "allowWatchBookmarks": "true", "resourceVersion": version}
            async with session.get(url, params=query) as answer:
                async for line in answer.content:
                    event = json.loads(line)
                    version = event["object"]["metadata"]["resourceVersion"]
                    if event["type"] != "BOOKMARK":
                        told.append(event["object"]["metadata"]["name"])
                    if told and told[-1] == "n299":
                        break
        await writing
        assert told == [f"n{number:03}" for number in range(300)]


async def test_a_watch_from_a_version_to_come_tells_only_what_comes_after_it() -> None:
    async with serving() as (server, session):
        url = f"{server.url}/api/v1/namespaces/default/configmaps"
        query = {"watch": "true", "resourceVersion": str(server.store.revision + 2)}
        async with session.get(url, params=query) as answer:
            for name in "abcd":
                config_map(server, name)
            told = [json.loads(await answer.content.readline())["object"]["metadata"]["name"] for _ in range(2)]
        assert told == ["c", "d"]


async def test_no_bookmark_overtakes_a_change_that_comes_as_it_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving() as (server, _):
        request = watch.WatchRequest(
            kind=CONFIG_MAPS,
            namespace=None,
            match=lambda _obj: True,
            revision=server.store.revision,
            initial_events=False,
            bookmarks=True,
            timeout=20,
            bookmark_every=0,
        )
        waits = 0
        real = watch._next

        async def change_at_the_last_moment(queue: asyncio.Queue[Any], ended: asyncio.Event, within: float) -> Any:
            nonlocal waits
            waits += 1
            if waits == 1:
                config_map(server, "late")
                return None
            return await real(queue, ended, within)

        monkeypatch.setattr(watch, "_next", change_at_the_last_moment)
        events = watch.events(server.api, request, asyncio.Event())
        assert [(await anext(events))[0] for _ in range(2)] == ["ADDED", "BOOKMARK"]
        await events.aclose()

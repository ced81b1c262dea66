"""The connection: what it does to objects, how long it waits, and what it says when it fails."""

from __future__ import annotations

import json
import stat
import sys
import threading
import time
from pathlib import Path

import pytest

from console.core.system import KubernetesTarget
from console.systems.kubernetes_connection import (
    DEPLOYMENTS,
    JSON_PATCH,
    MERGE_PATCH,
    PODS,
    KubernetesApi,
    KubernetesError,
    Resource,
    open_kubernetes,
)
from tests.conftest import free_port, wait_until
from tests.kubernetes.cluster import CONFIG_MAPS, deployment
from tests.kubernetes.proxy import Proxy, Request, status_body


def config_map(name: str, **data: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def is_get(request: Request) -> bool:
    return request.method == "GET"


def sentence(error: pytest.ExceptionInfo[KubernetesError]) -> str:
    return str(error.value)


def test_objects_are_made_read_patched_and_deleted(api: KubernetesApi) -> None:
    made = api.create(CONFIG_MAPS, config_map("one", a="1"))
    patched = api.patch(CONFIG_MAPS, "one", {"data": {"b": "2"}}, content_type=MERGE_PATCH)
    assert patched["data"] == {"a": "1", "b": "2"}
    assert patched["metadata"]["resourceVersion"] != made["metadata"]["resourceVersion"]
    assert api.get(CONFIG_MAPS, "one")["data"] == {"a": "1", "b": "2"}
    api.delete(CONFIG_MAPS, "one")
    with pytest.raises(KubernetesError) as error:
        api.get(CONFIG_MAPS, "one")
    assert error.value.status == 404
    assert sentence(error).startswith(f"kubernetes {api.host}: GET configmaps/one in {api.namespace} answered 404: ")
    assert "check the name and the namespace" in sentence(error)


def test_a_list_comes_in_pages_and_whole(api: KubernetesApi) -> None:
    for number in range(5):
        api.create(CONFIG_MAPS, config_map(f"page-{number}"))
    pages = [
        [item["metadata"]["name"] for item in page["items"] if item["metadata"]["name"].startswith("page-")]
        for page in api.pages(CONFIG_MAPS, limit=2)
    ]
    assert len(pages) >= 3
    assert sorted(name for page in pages for name in page) == [f"page-{number}" for number in range(5)]
    assert len([item for item in api.list(CONFIG_MAPS) if item["metadata"]["name"].startswith("page-")]) == 5


def test_pages_that_expire_on_the_way_are_listed_anew(api: KubernetesApi, proxy: Proxy) -> None:
    api.create(CONFIG_MAPS, config_map("one"))
    through = proxy.api()
    proxy.answer(
        lambda request: "limit" in request.query,
        410,
        status_body(410, "Expired", "The provided continue parameter is too old"),
    )
    assert "one" in [item["metadata"]["name"] for item in through.list(CONFIG_MAPS)]


def test_a_patch_bound_to_an_older_version_is_a_conflict(api: KubernetesApi) -> None:
    made = api.create(DEPLOYMENTS, deployment(replicas=0))
    version = made["metadata"]["resourceVersion"]
    api.patch(DEPLOYMENTS, "hak-gal", {"metadata": {"labels": {"touched": "yes"}}}, content_type=MERGE_PATCH)
    operations = [
        {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
        {"op": "replace", "path": "/spec/replicas", "value": 3},
    ]
    with pytest.raises(KubernetesError) as error:
        api.patch(DEPLOYMENTS, "hak-gal", operations, content_type=JSON_PATCH)
    assert (error.value.status, error.value.reason, error.value.unknown) == (409, "Conflict", False)
    assert api.get(DEPLOYMENTS, "hak-gal")["spec"]["replicas"] == 0


def test_what_the_server_finds_invalid_is_said_in_its_words(api: KubernetesApi) -> None:
    made = deployment(replicas=0)
    made["spec"]["template"]["metadata"]["labels"] = {"app": "another"}
    with pytest.raises(KubernetesError) as error:
        api.create(DEPLOYMENTS, made)
    assert error.value.status == 422
    assert "selector" in sentence(error)


def test_a_watch_brings_what_changes_after_the_list(api: KubernetesApi) -> None:
    *_, last = api.pages(CONFIG_MAPS)
    api.create(CONFIG_MAPS, config_map("seen"))
    stream = api.watch(CONFIG_MAPS, resource_version=last["metadata"]["resourceVersion"], seconds=20)
    event = next(event for event in stream.events() if event["object"]["metadata"].get("name") == "seen")
    assert event["type"] == "ADDED"
    stream.close()


def test_a_watch_that_waits_ends_when_it_is_closed_from_another_thread(api: KubernetesApi) -> None:
    *_, last = api.pages(CONFIG_MAPS)
    stream = api.watch(CONFIG_MAPS, resource_version=last["metadata"]["resourceVersion"], seconds=60)
    reader = threading.Thread(target=lambda: list(stream.events()), daemon=True)
    reader.start()
    stream.close()
    reader.join(3)
    assert not reader.is_alive()


def test_what_the_login_may_do_is_asked_of_the_server(api: KubernetesApi) -> None:
    assert api.may("patch", DEPLOYMENTS)
    assert api.may("get", PODS, "log")
    assert api.version().startswith("v1.")


@pytest.mark.parametrize(("root", "group"), [("apis/apps/v1", "apps"), ("apps/v1", "apps"), ("api/v1", ""), ("v1", "")])
def test_the_group_asked_about_is_that_of_the_kind(root: str, group: str) -> None:
    assert Resource(root, "things").group == group


@pytest.mark.parametrize(
    ("code", "body", "kind", "said"),
    [
        (
            403,
            status_body(403, "Forbidden", 'deployments.apps "x" is forbidden: User "eve" cannot get resource'),
            "application/json",
            'answered 403: deployments.apps "x" is forbidden: User "eve" cannot get resource; '
            "ask for the right to get deployments in namespace",
        ),
        (
            401,
            status_body(401, "Unauthorized", "Unauthorized"),
            "application/json",
            "answered 401: Unauthorized; the login has expired or is not accepted: log in to the cluster again",
        ),
        (
            502,
            b"<html><head><title>502 Bad Gateway</title></head><body><h1>nginx</h1></body></html>",
            "text/html",
            "answered 502: a web page, “502 Bad Gateway”",
        ),
        (
            200,
            b"<!doctype html><title>Sign in &amp; go on</title>",
            "text/html; charset=utf-8",
            "answered 200 with text/html instead of JSON (a web page, “Sign in & go on”); "
            "something other than an API server answers there: check the cluster's server address and any proxy",
        ),
        (200, b"[1, 2]", "application/json", "answered 200 with application/json instead of JSON"),
        (302, b"", "text/plain", "answered 302: redirect to /login; something other than an API server answers there"),
        (503, b"no endpoints available", "text/plain", "answered 503: no endpoints available"),
        (
            404,
            b"404 page not found",
            "text/plain",
            "answered 404: 404 page not found; check the name and the namespace",
        ),
    ],
)
def test_every_odd_answer_becomes_a_sentence_with_host_and_call(
    proxy: Proxy, code: int, body: bytes, kind: str, said: str
) -> None:
    proxy.answer(is_get, code, body, kind=kind, times=2, Location="/login")
    with pytest.raises(KubernetesError) as error:
        proxy.api().get(DEPLOYMENTS, "x")
    host = proxy.url.removeprefix("http://")
    assert sentence(error).startswith(f"kubernetes {host}: GET deployments/x in {proxy.upstream.namespace} {said}")
    assert "\n" not in sentence(error)


def test_a_server_that_asks_to_wait_is_quoted(proxy: Proxy) -> None:
    proxy.answer(is_get, 429, status_body(429, "TooManyRequests", "too many"), Retry_After="7")
    with pytest.raises(KubernetesError) as error:
        proxy.api().get(DEPLOYMENTS, "x")
    assert error.value.retry_after is not None
    assert error.value.retry_after.total_seconds() == 7


def kubeconfig(
    tmp_path: Path, server: str, user: dict[str, object] | None = None, **cluster: object
) -> KubernetesTarget:
    config = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "here"}}],
        "clusters": [{"name": "here", "cluster": {"server": server, **cluster}}],
        "users": [{"name": "here", "user": user or {}}],
    }
    path = tmp_path / "config"
    path.write_text(json.dumps(config))
    return KubernetesTarget(path, None, "prod", ())


def test_a_refused_connection_says_so(tmp_path: Path) -> None:
    port = free_port()
    with pytest.raises(KubernetesError) as error:
        open_kubernetes(kubeconfig(tmp_path, f"http://127.0.0.1:{port}")).get(DEPLOYMENTS, "x")
    assert sentence(error) == (
        f"kubernetes 127.0.0.1:{port}: GET deployments/x in prod: connection refused; "
        "is the API server running, and is the address in the kubeconfig right?"
    )
    assert not error.value.unknown


def test_a_server_that_speaks_no_tls_says_so(tmp_path: Path, proxy: Proxy) -> None:
    with pytest.raises(KubernetesError) as error:
        open_kubernetes(kubeconfig(tmp_path, proxy.url.replace("http:", "https:"))).get(DEPLOYMENTS, "x")
    assert error.value.reason == "TLS"
    assert "it does not speak TLS; the server address should perhaps begin with http://" in sentence(error)


def test_a_server_that_hangs_is_given_up_at_the_deadline(proxy: Proxy) -> None:
    api = proxy.api()
    proxy.hang()
    began = time.monotonic()
    with pytest.raises(KubernetesError) as error:
        api.get(DEPLOYMENTS, "x", timeout=0.3)
    assert time.monotonic() - began < 2
    assert error.value.reason == "Timeout"
    assert "GET deployments/x" in sentence(error)
    assert "no answer in" in sentence(error)


def test_a_body_that_drips_is_given_up_at_the_deadline(proxy: Proxy) -> None:
    def drip(handler: object, _request: Request) -> None:
        handler.begin_stream(200, "application/json")  # type: ignore[attr-defined]
        ended = threading.Event()
        while not ended.wait(0.05):
            handler.piece(b" ")  # type: ignore[attr-defined]

    proxy.rule(is_get, drip)
    began = time.monotonic()
    with pytest.raises(KubernetesError) as error:
        proxy.api().get(DEPLOYMENTS, "x", timeout=0.2)
    assert error.value.reason == "Timeout"
    assert time.monotonic() - began < 5


def test_a_write_whose_answer_is_lost_is_sent_once_and_called_unknown(api: KubernetesApi, proxy: Proxy) -> None:
    api.create(CONFIG_MAPS, config_map("one", a="1"))
    proxy.lose_answer(lambda request: request.method == "PATCH")
    with pytest.raises(KubernetesError) as error:
        proxy.api().patch(CONFIG_MAPS, "one", {"data": {"a": "2"}}, content_type=MERGE_PATCH)
    assert error.value.unknown
    assert [request.method for request in proxy.requests] == ["PATCH"]
    assert api.get(CONFIG_MAPS, "one")["data"] == {"a": "2"}


def test_a_read_on_a_kept_connection_that_was_dropped_is_asked_again(api: KubernetesApi, proxy: Proxy) -> None:
    api.create(CONFIG_MAPS, config_map("one", a="1"))
    proxy.lose_request(is_get)
    assert proxy.api().get(CONFIG_MAPS, "one")["data"] == {"a": "1"}
    assert len(proxy.requests) == 2


def test_many_threads_may_use_one_connection(api: KubernetesApi) -> None:
    api.create(CONFIG_MAPS, config_map("one", a="1"))
    failures: list[Exception] = []

    def read() -> None:
        try:
            for _ in range(10):
                assert api.get(CONFIG_MAPS, "one")["data"] == {"a": "1"}
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not failures


def login_command(tmp_path: Path, body: str) -> dict[str, object]:
    script = tmp_path / "login"
    script.write_text(f"#!{sys.executable}\n{body}\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": str(script),
            "interactiveMode": "IfAvailable",
        }
    }


COUNTING_LOGIN = """
import json, pathlib, sys
count = pathlib.Path(__file__).with_suffix(".count")
number = int(count.read_text()) + 1 if count.exists() else 1
count.write_text(str(number))
status = {"token": f"token-{number}", "expirationTimestamp": "2099-01-01T00:00:00Z"}
print(json.dumps({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}))
"""


def test_the_login_command_runs_when_the_connection_is_opened_and_again_when_the_token_has_expired(
    api: KubernetesApi, proxy: Proxy, tmp_path: Path
) -> None:
    api.create(CONFIG_MAPS, config_map("one", a="1"))
    through = open_kubernetes(proxy.target(user=login_command(tmp_path, COUNTING_LOGIN)))
    assert (tmp_path / "login.count").read_text() == "1"
    assert through.get(CONFIG_MAPS, "one")["data"] == {"a": "1"}
    proxy.answer(
        lambda request: request.authorization == "Bearer token-1",
        401,
        status_body(401, "Unauthorized", "Unauthorized"),
        times=None,
    )
    patched = through.patch(CONFIG_MAPS, "one", {"data": {"a": "2"}}, content_type=MERGE_PATCH)
    assert patched["data"] == {"a": "2"}
    assert [request.authorization for request in proxy.requests] == ["Bearer token-1"] * 2 + ["Bearer token-2"]
    assert len([request for request in proxy.forwarded if request.method == "PATCH"]) == 1


def test_a_login_that_stays_refused_is_not_tried_over_and_over(proxy: Proxy, tmp_path: Path) -> None:
    through = open_kubernetes(proxy.target(user=login_command(tmp_path, COUNTING_LOGIN)))
    proxy.answer(is_get, 401, status_body(401, "Unauthorized", "Unauthorized"), times=None)
    for _ in range(3):
        with pytest.raises(KubernetesError) as error:
            through.get(DEPLOYMENTS, "x")
    assert "the login has expired or is not accepted: log in to the cluster again" in sentence(error)
    assert (tmp_path / "login.count").read_text() == "2"


def test_a_login_command_that_fails_is_quoted_and_nothing_is_asked_without_credentials(
    proxy: Proxy, tmp_path: Path
) -> None:
    user = login_command(tmp_path, "import sys; sys.exit('the session of eve has ended')")
    with pytest.raises(KubernetesError) as error:
        open_kubernetes(proxy.target(user=user))
    assert error.value.reason == "Configuration"
    assert "the session of eve has ended" in sentence(error)
    assert "run the login command of context proxy by hand" in sentence(error)
    assert not proxy.requests


def test_a_kubeconfig_that_is_missing_broken_or_lacks_the_context_says_so(tmp_path: Path) -> None:
    missing = tmp_path / "none"
    with pytest.raises(KubernetesError, match=r"the file does not exist; set `kubeconfig` in system.yaml"):
        open_kubernetes(KubernetesTarget(missing, None, "prod", ()))
    broken = tmp_path / "broken"
    broken.write_text("clusters: [")
    with pytest.raises(KubernetesError, match=r"broken\): .*; check the file and the context"):
        open_kubernetes(KubernetesTarget(broken, None, "prod", ()))
    target = kubeconfig(tmp_path, "http://127.0.0.1:1")
    with pytest.raises(KubernetesError, match=r"it has no context there; it has here$"):
        open_kubernetes(KubernetesTarget(target.kubeconfig, "there", "prod", ()))


def test_a_followed_stream_is_split_into_whole_lines(proxy: Proxy) -> None:
    def act(handler: object, _request: Request) -> None:
        handler.begin_stream(200, "text/plain")  # type: ignore[attr-defined]
        for piece in (b"on", b"e\ntwo\nth", b"ree\n", b"torn"):
            handler.piece(piece)  # type: ignore[attr-defined]
        handler.piece(b"")  # type: ignore[attr-defined]

    proxy.rule(is_get, act)
    stream = proxy.api().follow(PODS, "x", "log", {"follow": "true"}, 5.0)
    assert list(stream.lines()) == [b"one", b"two", b"three"]
    wait_until(lambda: proxy.requests[0].path.endswith("/pods/x/log"), within=1)

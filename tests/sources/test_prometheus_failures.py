"""Prometheus as a source: queries it refuses, and servers that do not answer as they should."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import pairwise

import pytest

from console.sources.base import SourceError
from tests.conftest import free_port
from tests.sources.metrics import Hands, metric
from tests.sources.prometheus_answers import answer, grid, matrix, refused, result, series, source
from tests.sources.web import Answer, serve


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (refused("bad_data", 400), "query_range answered 400 bad_data: why not"),
        (refused("execution"), "query_range answered 422 execution: why not"),
        (refused("timeout", 503), "query_range answered 503 timeout: why not"),
        (result("string", [1, "x"]), "query_range gave a text and not a number"),
        (
            result("matrix", [{"metric": {}, "histograms": [[1, {}]]}]),
            "query_range gave native histograms and not numbers; put histogram_quantile() or histogram_count() around",
        ),
    ],
)
def test_what_is_the_query_s_fault_is_its_series_error(given: Answer, sentence: str) -> None:
    with serve(lambda path: given if "bad" in path else matrix(dict.fromkeys(grid(path), "1"))) as web:
        prometheus = source(web.url, metric("bad", "bad"), metric("good", "good"), clock=Hands())
        error = series(prometheus, "bad").error
        assert error is not None
        assert error.startswith(f"bad: prometheus {web.address}: {sentence}")
        assert len(series(prometheus, "good").samples) == 40


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (refused("unavailable", 503), "query_range answered 503 unavailable: why not"),
        (refused("internal", 500), "query_range answered 500 internal: why not"),
        (
            answer(200, "<html><title>Sign  in</title>"),
            "query_range answered 200 with an HTML page (Sign in) and no JSON; is a proxy in between, or the address",
        ),
        (answer(502, "<html>bad gateway"), "query_range answered 502 with an HTML page and no JSON; is a proxy"),
        (answer(200, ""), "query_range answered 200 with an empty body"),
        (answer(404, "404 page not found"), "query_range answered 404 with no JSON: '404 page not found'"),
        (answer(200, "[]"), "query_range answered 200 with no JSON: '[]'"),
        (answer(200, '{"status":"success"}'), "query_range did not answer as Prometheus does"),
        (result("matrix", [{"metric": {}, "values": "x"}]), "query_range did not answer as Prometheus does"),
        (
            answer(302, "", Location="https://login.example/start?back=secret"),
            "query_range was redirected to https://login.example/start; give the API's own address, or a token",
        ),
        (answer(401, "no"), "query_range answered 401; name a `token` it accepts"),
    ],
)
def test_what_is_the_server_s_fault_fails_the_reading(given: Answer, sentence: str) -> None:
    with serve(lambda _path: given) as web:
        error = source(web.url, metric("a", "a"), clock=Hands()).attempt().error
    assert error is not None
    assert error.startswith(f"prometheus {web.address}: {sentence}")


def test_nobody_there() -> None:
    port = free_port()
    error = source(f"http://127.0.0.1:{port}/", metric("a", "a"), clock=Hands()).attempt().error
    assert error == f"prometheus 127.0.0.1:{port}: query_range was refused, nothing listens there"


def test_a_name_that_does_not_resolve() -> None:
    error = source("http://prometheus.invalid:9090", metric("a", "a"), clock=Hands()).attempt().error
    assert error == "prometheus prometheus.invalid:9090: query_range failed, the name does not resolve"


@contextmanager
def raw(talk: bytes, *, drip: float | None = None) -> Iterator[str]:
    """A socket that says `talk` to whoever connects; drip: then a space every so often until closed."""
    listener = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def run() -> None:
        while not ended.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.sendall(talk)
                while not ended.wait(drip or 0.05):
                    if drip:
                        try:
                            connection.sendall(b" ")
                        except OSError:
                            break

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    yield f"127.0.0.1:{listener.getsockname()[1]}"
    ended.set()
    listener.close()


def test_a_server_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.sources.prometheus_api.READ", 0.3)
    with raw(b"") as address:
        error = source(f"http://{address}", metric("a", "a"), clock=Hands()).attempt().error
    assert error == f"prometheus {address}: no answer to query_range in 0 s"


def test_a_server_that_drips_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.sources.prometheus_api._WHOLE", 0.3)
    with raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{", drip=0.02) as address:
        error = source(f"http://{address}", metric("a", "a"), clock=Hands()).attempt().error
    assert error == f"prometheus {address}: query_range did not end in 0 s"


def test_a_server_that_breaks_off() -> None:
    with serve(lambda _path: (200, {"Content-Length": "1000"}, b"{}")) as web:
        prometheus = source(web.url, metric("a", "a"), clock=Hands())
        closing = threading.Timer(0.2, web.stop)
        closing.start()
        error = prometheus.attempt().error
        closing.join()
    assert error is not None
    assert error.startswith(f"prometheus {web.address}: query_range failed: ")


def test_an_endless_answer_is_the_query_s_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.sources.prometheus_api._MOST", 1000)
    with serve(lambda _path: answer(200, "x" * 2000)) as web:
        error = series(source(web.url, metric("a", "a"), clock=Hands()), "a").error
    assert error == f"a: prometheus {web.address}: query_range answered with more than 32 MB; narrow the query"


def test_the_token_is_sent_and_never_shown() -> None:
    with serve(lambda path: matrix(dict.fromkeys(grid(path), "1"))) as web:
        prometheus = source(web.url, metric("a", "a"), clock=Hands(), token="s3cret")
        prometheus.attempt()
        assert web.headers[0]["Authorization"] == "Bearer s3cret"
        assert "s3cret" not in repr(prometheus) + repr(prometheus.__dict__)


def test_credentials_in_the_address_are_not_shown() -> None:
    port = free_port()
    error = source(f"http://user:pass@127.0.0.1:{port}", metric("a", "a"), clock=Hands()).attempt().error
    assert error is not None
    assert "pass" not in error


def test_a_dead_server_is_left_alone_for_a_growing_while_and_asked_again_on_request() -> None:
    clock = Hands()
    with serve(lambda _path: answer(503, "")) as web:
        prometheus = source(web.url, metric("a", "a"), metric("b", "b"), clock=clock)
        for _ in range(3):
            error = prometheus.attempt().error
            clock.on(1)
        assert len(web.asked) == 3, "one failed call ends a round"
        assert (
            error == f"prometheus {web.address}: query_range answered 503 with an empty body; tried again at 12:00:04Z"
        )
        assert prometheus.attempt().error == error
        assert len(web.asked) == 3
        pauses = []
        while clock.at < Hands().at + timedelta(minutes=3):
            before = len(web.asked)
            prometheus.attempt()
            if len(web.asked) > before:
                pauses.append(clock.at)
            clock.on(1)
        gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(pauses)]
        assert gaps[:4] == [4, 8, 16, 30]
        assert set(gaps[4:]) == {30}
        before = len(web.asked)
        prometheus.refresh()
        prometheus.attempt()
        assert len(web.asked) == before + 1
        web.answer = lambda path: matrix(dict.fromkeys(grid(path), "1"))
        prometheus.refresh()
        assert prometheus.attempt().error is None
        web.answer = lambda _path: answer(503, "")
        for _ in range(2):
            clock.on(15)
            before = len(web.asked)
            error = prometheus.attempt().error
            assert len(web.asked) == before + 1
            assert error is not None
            assert "tried again" not in error, "the count of failures began anew"


def test_refused_queries_do_not_open_the_breaker() -> None:
    clock = Hands()
    with serve(lambda _path: refused("bad_data", 400)) as web:
        prometheus = source(web.url, metric("a", "a"), clock=clock)
        for _ in range(6):
            assert prometheus.attempt().error is None
            clock.on(15)
        assert len(web.asked) == 6


def test_the_check_names_what_is_wrong() -> None:
    with serve(lambda _path: answer(200, "<html>")) as web, pytest.raises(SourceError, match="HTML page"):
        source(web.url, clock=Hands()).check()


def test_the_check_follows_no_redirect_with_its_token() -> None:
    with serve(lambda _path: answer(200, "{}")) as other:

        def to_other(path: str) -> Answer:
            if "buildinfo" in path:
                return answer(200, json.dumps({"status": "success", "data": {"version": "2.42.0"}}))
            return answer(307, "", Location=f"{other.url}{path}")

        with serve(to_other) as web:
            with pytest.raises(SourceError, match=f"prometheus {web.address}: query answered HTTP Status Code 307"):
                source(web.url, clock=Hands(), token="s3cret").check()
            assert other.asked == []

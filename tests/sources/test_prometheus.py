"""Prometheus as a source: windows of samples, errors of one query, and errors of the server."""

from __future__ import annotations

import json
import math
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from console.core.system import Metric, PrometheusTarget
from console.core.verdicts import Series
from console.sources.base import SourceError
from console.sources.prometheus import PrometheusSource
from tests.conftest import free_port
from tests.sources.metrics import Hands, metric
from tests.sources.promql.oracle import Oracle, start_prometheus
from tests.sources.promql.world import LENGTH, START, Made, make
from tests.sources.web import Answer, serve

JSON = {"Content-Type": "application/json"}
MIDDLE = datetime.fromtimestamp((START + LENGTH // 2) / 1000, UTC)


@pytest.fixture(scope="module")
def world() -> list[Made]:
    return make()


@pytest.fixture(scope="module")
def real(world: list[Made], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    running = start_prometheus(tmp_path_factory.mktemp("prometheus"), made=world)
    yield running
    running.stop()


def source(url: str, *metrics: Metric, clock: Hands, window: float = 600, token: str | None = None) -> PrometheusSource:
    wanted = [(each, timedelta(seconds=window)) for each in metrics]
    return PrometheusSource(PrometheusTarget(url), wanted, token=token, clock=clock)


def series(prometheus: PrometheusSource, name: str) -> Series:
    reading = prometheus.attempt()
    assert reading.error is None, reading.error
    assert reading.value is not None
    return reading.value[name]


def matrix(points: dict[int, str] | None = None, warnings: Sequence[str] = (), **labels: str) -> Answer:
    result = [{"metric": labels, "values": [[at, value] for at, value in points.items()]}] if points else []
    body: dict[str, Any] = {"status": "success", "data": {"resultType": "matrix", "result": result}}
    if warnings:
        body["warnings"] = list(warnings)
    return 200, JSON, json.dumps(body).encode()


def grid(path: str) -> range:
    """The points in time that a range query asks for."""
    asked = parse_qs(urlsplit(path).query)
    start, end, step = (round(float(asked[name][0])) for name in ("start", "end", "step"))
    return range(start, end + 1, step)


# ------------------------------------------------------------------------------------------- a real server


@pytest.mark.real_prometheus
def test_a_window_of_samples_on_the_grid(real: Oracle) -> None:
    clock = Hands(MIDDLE + timedelta(seconds=7))
    wanted = metric("memory", "sum(memory_bytes)")
    found = series(source(real.url, wanted, clock=clock), "memory")
    assert len(found.samples) == 40
    assert found.samples[-1].at == MIDDLE
    assert found.samples[0].at == MIDDLE - timedelta(seconds=39 * 15)
    assert not found.partial
    assert found.end == MIDDLE
    last = round(found.samples[-1].at.timestamp() * 1000)
    expected = real.range("sum(memory_bytes)", last, last, 15_000)
    assert isinstance(expected, dict)
    assert found.samples[-1].value == expected[last][()]


@pytest.mark.real_prometheus
def test_samples_come_little_by_little_and_equal_those_asked_at_once(real: Oracle) -> None:
    clock = Hands(MIDDLE)
    wanted = metric("rate", "sum(rate(requests_total[5m]))")
    slowly = source(real.url, wanted, clock=clock)
    for _ in range(30):
        slowly.attempt()
        clock.on(7)
    clock.on(300)
    at_once = source(real.url, wanted, clock=clock)
    assert series(slowly, "rate") == series(at_once, "rate")
    assert len(series(slowly, "rate").samples) == 40


@pytest.mark.real_prometheus
def test_one_bad_query_does_not_fail_the_others(real: Oracle) -> None:
    prometheus = source(
        real.url,
        metric("broken", "sum(memory_bytes"),
        metric("ambiguous", "memory_bytes / on(job) limit_bytes"),
        metric("good", "max(memory_bytes)"),
        clock=Hands(MIDDLE),
    )
    assert series(prometheus, "good").samples
    broken, ambiguous = series(prometheus, "broken").error, series(prometheus, "ambiguous").error
    host = f"prometheus 127.0.0.1:{real.port}"
    assert broken is not None
    assert broken.startswith(f"broken: {host}: query_range answered 400 bad_data: ")
    assert "unclosed left parenthesis" in broken
    assert ambiguous is not None
    assert ambiguous.startswith(f"ambiguous: {host}: query_range answered 422 execution:")


@pytest.mark.real_prometheus
def test_nothing_found_is_no_sample_and_no_error(real: Oracle) -> None:
    found = series(source(real.url, metric("none", "no_such_metric"), clock=Hands(MIDDLE)), "none")
    assert found == Series(timedelta(seconds=15), end=MIDDLE - timedelta(seconds=15))


@pytest.mark.real_prometheus
def test_several_series_are_aggregated_or_an_error(real: Oracle) -> None:
    prometheus = source(
        real.url,
        metric("plain", "limit_bytes"),
        metric("largest", "limit_bytes", aggregate="max"),
        metric("by_query", "max(limit_bytes)"),
        clock=Hands(MIDDLE),
    )
    assert series(prometheus, "plain").error == (
        "plain: `limit_bytes` gave 3 series; name an aggregation (sum, avg, min or max)"
    )
    assert series(prometheus, "largest").samples == series(prometheus, "by_query").samples != ()


@pytest.mark.real_prometheus
def test_not_a_number_and_infinities_are_kept(real: Oracle) -> None:
    prometheus = source(
        real.url, metric("nan", "vector(NaN)"), metric("inf", "1 / 0"), metric("scalar", "7"), clock=Hands(MIDDLE)
    )
    assert all(math.isnan(sample.value) for sample in series(prometheus, "nan").samples)
    assert {sample.value for sample in series(prometheus, "inf").samples} == {math.inf}
    assert {sample.value for sample in series(prometheus, "scalar").samples} == {7.0}


@pytest.mark.real_prometheus
def test_a_long_window_is_asked_in_pieces(real: Oracle) -> None:
    prometheus = source(real.url, metric("long", "exact_value", step=0.25), clock=Hands(MIDDLE), window=LENGTH / 2000)
    found = series(prometheus, "long")
    assert found.error is None
    assert len(found.samples) == LENGTH // 500 - 1, "up to a moment ago"


@pytest.mark.real_prometheus
def test_a_very_long_query_is_sent_all_the_same(real: Oracle) -> None:
    query = " + ".join(["sum(memory_bytes)"] * 200)
    assert series(source(real.url, metric("long", query), clock=Hands(MIDDLE)), "long").samples


@pytest.mark.real_prometheus
def test_the_check_says_version_and_time(real: Oracle) -> None:
    check = source(real.url, clock=Hands(MIDDLE)).check()
    assert check.version == real.call("status/buildinfo")["data"]["version"]
    assert 0 < check.seconds < 5


@pytest.mark.real_prometheus
def test_a_server_that_was_away_leaves_no_hole(real: Oracle) -> None:
    """A gap while nobody could ask is filled by the next answer."""
    clock = Hands(MIDDLE)
    away = [False]

    def forward(path: str) -> Answer:
        if away[0]:
            return 503, {}, b"starting"
        import urllib.request

        with urllib.request.urlopen(f"{real.url}{path}") as answer:
            return 200, JSON, answer.read()

    with serve(forward) as between:
        prometheus = source(between.url, metric("memory", "sum(memory_bytes)"), clock=clock)
        prometheus.attempt()
        away[0] = True
        clock.on(60)
        reading = prometheus.attempt()
        assert reading.value is not None
        assert reading.value["memory"].end == MIDDLE - timedelta(seconds=15), "nothing is known of what came since"
        assert reading.error == (f"prometheus {between.address}: query_range answered 503 with no JSON: 'starting'")
        clock.on(60)
        away[0] = False
        whole = series(prometheus, "memory")
        times = [sample.at for sample in whole.samples]
        assert len(times) == 40
        assert times[-1] - times[0] == 39 * timedelta(seconds=15)


# ------------------------------------------------------------------------------- what a server may answer


def test_only_new_points_and_the_last_two_are_asked_for() -> None:
    clock = Hands()
    clock.on(1)
    with serve(lambda path: matrix(dict.fromkeys(grid(path), "1"))) as web:
        prometheus = source(web.url, metric("a", "a"), clock=clock)
        prometheus.attempt()
        clock.on(15)
        prometheus.attempt()
        assert len(grid(web.asked[0])) == 40
        assert len(grid(web.asked[1])) == 3
        asked = parse_qs(urlsplit(web.asked[1]).query)
        assert asked["query"] == ["a"]
        assert asked["timeout"] == ["4s"]


def test_a_point_that_changed_or_went_away_is_corrected() -> None:
    clock = Hands()
    late = {"now": "1"}
    with serve(lambda path: matrix({at: late["now"] for at in grid(path) if late["now"]})) as web:
        prometheus = source(web.url, metric("a", "a"), clock=clock, window=60)
        assert [sample.value for sample in series(prometheus, "a").samples] == [1, 1, 1, 1]
        late["now"] = "2"
        clock.on(15)
        assert [sample.value for sample in series(prometheus, "a").samples] == [1, 2, 2, 2]
        late["now"] = ""
        clock.on(15)
        assert [sample.value for sample in series(prometheus, "a").samples] == [2]


def test_what_has_not_changed_is_the_same_series() -> None:
    clock = Hands()
    with serve(lambda path: matrix(dict.fromkeys(grid(path), "NaN"))) as web:
        prometheus = source(web.url, metric("a", "a"), clock=clock, window=60)
        first = series(prometheus, "a")
        prometheus.refresh()
        assert series(prometheus, "a") is first
        clock.on(15)
        assert series(prometheus, "a").samples[:-1] == first.samples[1:]


def test_a_partial_answer_is_marked_and_replaced_when_whole() -> None:
    clock = Hands()
    warnings = ["no store\nanswered"]
    value = ["5"]
    with serve(lambda path: matrix(dict.fromkeys(grid(path), value[0]), warnings)) as web:
        prometheus = source(web.url, metric("a", "a"), clock=clock, window=60)
        partial = series(prometheus, "a")
        assert partial.partial
        assert partial.note == f"prometheus {web.address}: no store answered"
        assert [sample.value for sample in partial.samples] == [5, 5, 5, 5]
        warnings.clear()
        value[0] = "10"
        clock.on(15)
        whole = series(prometheus, "a")
    assert not whole.partial
    assert whole.note == ""
    assert [sample.value for sample in whole.samples] == [10, 10, 10, 10]


def test_a_partial_answer_does_not_push_out_whole_samples() -> None:
    clock = Hands()
    warnings: list[str] = []
    with serve(lambda path: matrix(dict.fromkeys(grid(path), "5" if warnings else "10"), warnings)) as web:
        prometheus = source(web.url, metric("a", "a"), clock=clock, window=60)
        prometheus.attempt()
        warnings.append("half")
        clock.on(15)
        assert [sample.value for sample in series(prometheus, "a").samples] == [10, 10, 10, 5]


def answer(status: int, body: str, **headers: str) -> Answer:
    return status, headers, body.encode()


def refused(kind: str, status: int = 422) -> Answer:
    return answer(status, json.dumps({"status": "error", "errorType": kind, "error": "why\nnot"}))


def result(kind: str, content: object) -> Answer:
    return answer(200, json.dumps({"status": "success", "data": {"resultType": kind, "result": content}}))


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


def test_scalars_and_vectors_are_taken_as_points() -> None:
    clock = Hands()
    at = clock.at.timestamp()
    with serve(lambda path: result("scalar", [at, "3"]) if "first" in path else vector(at)) as web:
        prometheus = source(web.url, metric("a", "first"), metric("b", "second"), clock=clock)
        clock.on(1)
        assert [sample.value for sample in series(prometheus, "a").samples] == [3]
        assert [sample.value for sample in series(prometheus, "b").samples] == [4]


def vector(at: float) -> Answer:
    return result("vector", [{"metric": {}, "value": [at, "4"]}])


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


# ---------------------------------------------------------------------------------- leaving a dead server alone


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


def test_a_reading_is_good_only_when_the_server_was_heard() -> None:
    clock = Hands()
    with serve(lambda path: matrix(dict.fromkeys(grid(path), "1"))) as web:
        prometheus = source(web.url, metric("slow", "slow", step=3600), metric("quick", "quick"), clock=clock)
        for _ in range(5):
            before = len(web.asked)
            prometheus.attempt()
            assert len(web.asked) > before
            clock.on(1)


def test_it_reads_by_itself_soon_after_every_grid_point() -> None:
    points: list[float] = []

    def fast(path: str) -> Answer:
        asked = parse_qs(urlsplit(path).query)
        points.append(float(asked["end"][0]))
        return matrix({int(at): "1" for at in points})

    with serve(fast) as web:
        prometheus = PrometheusSource(
            PrometheusTarget(web.url),
            [(metric("a", "a", step=1), timedelta(seconds=60))],
            clock=lambda: datetime.now(UTC),
        )
        three = threading.Event()
        prometheus.start(lambda: three.set() if len(points) >= 3 else None)
        assert three.wait(10)
        prometheus.stop()
        assert points[-1] > points[0]


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

"""Prometheus as a source: windows of samples on the grid, fetched as time goes on."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from console.core.system import PrometheusTarget
from console.core.verdicts import Series
from console.sources.prometheus import PrometheusSource
from tests.sources.metrics import Hands, metric
from tests.sources.prometheus_answers import JSON, grid, matrix, result, series, source
from tests.sources.promql.oracle import Oracle, start_prometheus
from tests.sources.promql.world import LENGTH, START, Made, make
from tests.sources.web import Answer, serve

MIDDLE = datetime.fromtimestamp((START + LENGTH // 2) / 1000, UTC)


@pytest.fixture(scope="module")
def world() -> list[Made]:
    return make()


@pytest.fixture(scope="module")
def real(world: list[Made], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    running = start_prometheus(tmp_path_factory.mktemp("prometheus"), made=world)
    yield running
    running.stop()


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

"""The subset gives what a real Prometheus gives on the same samples."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime

import pytest

from console.sources.promql import PROMETHEUS_2_52, PROMETHEUS_3, PromqlError, Query, compile_query
from console.sources.promql.labels import Labels, labels_of
from console.sources.promql.storage import Storage
from tests.sources.promql.generated import queries
from tests.sources.promql.oracle import Answers, Oracle
from tests.sources.promql.remote_write import write
from tests.sources.promql.world import LENGTH, START

RANGE_FUNCTIONS = [
    "rate",
    "increase",
    "delta",
    "irate",
    "idelta",
    "resets",
    "changes",
    "avg_over_time",
    "sum_over_time",
    "min_over_time",
    "max_over_time",
    "count_over_time",
    "last_over_time",
    "present_over_time",
    "stddev_over_time",
    "stdvar_over_time",
]
NAMES = [
    "requests_total",
    "memory_bytes",
    "odd_value",
    "exact_total",
    "sparse_total",
    "slow_total",
    "born_total",
    "odd_total",
]

QUERIES = [
    *(f"{function}({name}[5m])" for function in RANGE_FUNCTIONS for name in NAMES),
    *(f"rate(exact_total[{length}])" for length in ("30s", "15s", "1m", "61s", "299999ms", "20m")),
    *(f"{name}" for name in (*NAMES, "sparse_value", "once_value", "plain_value", "missing")),
    *(f"requests_total {op} 4000" for op in ("+", "-", "*", "/", "%", "^", "==", "!=", ">", "<", ">=", "<=")),
    *(f"120 {op} odd_value" for op in ("+", "-", "*", "/", "%", "^", "==", "!=", ">", "<", ">=", "<=")),
    *(f"odd_value {op} bool 100" for op in ("==", "!=", ">", "<", ">=", "<=")),
    *(f"odd_value {op} odd_value" for op in ("+", "-", "*", "/", "%", "^", "==", "!=", ">", "<", ">=", "<=")),
    *(f"{f}(odd_value)" for f in ("abs", "ceil", "floor", "sqrt", "exp", "ln", "log2", "log10", "sgn", "round")),
    *(f"{f} by (code) (requests_total)" for f in ("sum", "avg", "min", "max", "count", "group", "stddev", "stdvar")),
    *(f"{f} without (pod) (odd_value)" for f in ("sum", "avg", "min", "max", "count", "group", "stddev", "stdvar")),
    *(f"quantile_over_time({q}, memory_bytes[4m])" for q in ("0", "0.5", "0.99", "1", "-1", "2", "NaN")),
    *(f"quantile({q}, odd_value)" for q in ("0", "0.5", "0.9", "-1", "2", "NaN")),
    *(
        f"histogram_quantile({q}, rate(latency_seconds_bucket[5m]))"
        for q in ("0.5", "0.99", "0", "1", "2", "-1", "NaN")
    ),
    "histogram_quantile(0.95, sum by (le) (rate(latency_seconds_bucket[2m])))",
    "histogram_quantile(0.95, latency_seconds_bucket)",
    'histogram_quantile(0.95, latency_seconds_bucket{le!="+Inf"})',
    "histogram_quantile(0.95, memory_bytes)",
    "histogram_quantile(0.3, skewed_bucket)",
    "histogram_quantile(0.8, skewed_bucket - 90)",
    "odd_value > bool odd_value",
    "memory_bytes > bool on(pod) group_left limit_bytes",
    'sum(rate(requests_total{code=~"5.."}[5m])) / sum(rate(requests_total[5m]))',
    'sum by (pod) (rate(requests_total{code="500"}[5m])) / sum by (pod) (rate(requests_total[5m])) > 0.4',
    "rate(latency_seconds_sum[5m]) / rate(latency_seconds_count[5m])",
    "memory_bytes / limit_bytes",
    "memory_bytes / on(pod) limit_bytes",
    "memory_bytes / ignoring(job) limit_bytes",
    "memory_bytes * on(pod) group_left(version) pod_info",
    "pod_info * on(pod) group_right(version) memory_bytes",
    "requests_total / on(pod) group_left limit_bytes",
    "requests_total / on(pod) limit_bytes",
    "requests_total / on(job) requests_total",
    "limit_bytes / on(pod) group_right() requests_total",
    "memory_bytes > on(pod) limit_bytes",
    "memory_bytes > bool on(pod) limit_bytes",
    "limit_bytes < on(pod) group_right requests_total",
    'requests_total{code="200"} and on(pod) limit_bytes',
    "memory_bytes or on(pod) limit_bytes",
    "limit_bytes or memory_bytes",
    "memory_bytes unless on(pod) limit_bytes",
    "memory_bytes and memory_bytes > 100",
    "sum(memory_bytes) + scalar(sum(limit_bytes))",
    "scalar(memory_bytes)",
    "scalar(exact_value) + 1",
    "vector(3)",
    "vector(time())",
    "time() - 1704067200",
    "time() % 60 > bool 30",
    "-memory_bytes",
    "-(2 ^ 3) + 2 ^ 3 ^ 0.5",
    "-1 ^ 2",
    "1 / 0",
    "0 / 0",
    "5 % 0",
    "-exact_value ^ 2",
    "clamp(odd_value, 50, 150)",
    "clamp(odd_value, 150, 50)",
    "clamp_min(odd_value, 100)",
    "clamp_max(odd_value, 100)",
    "clamp_min(odd_value, NaN)",
    "clamp_max(odd_value, NaN)",
    "round(odd_value, 0.3)",
    "round(odd_value, 0)",
    "round(-memory_bytes, 10)",
    "memory_bytes offset 7m",
    "memory_bytes offset -3m",
    "rate(requests_total[5m] offset 10m)",
    "rate(requests_total[5m] offset -90s)",
    "increase(exact_total[1m] offset 15s)",
    'requests_total{pod=~"a|b", code!="500"}',
    'requests_total{pod=~".*", code!~"2.."}',
    'requests_total{pod!~"a|b"}',
    'requests_total{nothing=""}',
    'requests_total{job!=""}',
    'requests_total{pod=~"a.+"}',
    '{__name__=~"memory_bytes|limit_bytes"}',
    'rate({__name__=~"exact_total|slow_total", job=~".+"}[5m])',
    'rate({__name__=~"sparse_total|slow_total"}[5m])',
    'abs({__name__=~"sparse_value|slow_total"})',
    'sum by (__name__) ({__name__=~".*_total"})',
    'sum without (__name__) ({__name__=~".*_total"})',
    "sum by () (memory_bytes)",
    "sum without () (memory_bytes)",
    "sum by (pod, version) (pod_info)",
    "count(memory_bytes > 100)",
    "avg(odd_value)",
    "absent(missing)",
    'absent(missing{a="b", c=~"d"})',
    'absent(missing{a="b", a!="c"})',
    "absent(once_value)",
    "absent(sum(once_value))",
    "timestamp(memory_bytes)",
    "timestamp((memory_bytes))",
    "timestamp(memory_bytes * 2)",
    "timestamp(sparse_value offset 1m)",
    "time() - timestamp(plain_value)",
    "memory_bytes == memory_bytes",
    "plain_value + on() exact_value",
    "plain_value + on() group_left exact_value",
    "plain_value + exact_value",
    "memory_bytes * 2 > 150 < 250",
    "sum(memory_bytes) > bool 300",
    "max(memory_bytes) - min(memory_bytes)",
    "memory_bytes > -Inf",
    "odd_value != odd_value",
]


def evaluate(query: Query, storage: Storage, start: int, end: int, step: int) -> Answers | str:
    """As the oracle answers."""
    found: Answers = {}
    try:
        for at in range(start, end + 1, step):
            found[at] = dict(query.values(storage, datetime.fromtimestamp(at / 1000, UTC)))
    except PromqlError as error:
        return str(error)
    return found


def close(ours: float, theirs: float) -> bool:
    if math.isnan(ours) or math.isnan(theirs):
        return math.isnan(ours) and math.isnan(theirs)
    return ours == theirs or math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-12)


def compare(text: str, oracle: Oracle, storage: Storage, start: int, end: int, step: int) -> int:
    """Fail where the two differ; otherwise how many values were equal, or 1 where both refuse."""
    assert oracle.dialect
    theirs = oracle.range(text, start, end, step)
    ours = evaluate(compile_query(text, oracle.dialect), storage, start, end, step)
    if isinstance(ours, str) or isinstance(theirs, str):
        assert isinstance(ours, str), f"{text}: Prometheus says {theirs}"
        assert isinstance(theirs, str), f"{text}: only the console says {ours}"
        return 1
    for at, expected in theirs.items():
        when = f"{text} at {(at - START) / 1000:.3f} s"
        assert ours[at].keys() == expected.keys(), when
        for labels, value in expected.items():
            assert close(ours[at][labels], value), f"{when} {labels}: {ours[at][labels]!r}, Prometheus {value!r}"
    return sum(map(len, theirs.values()))


@pytest.mark.real_prometheus
@pytest.mark.parametrize("text", QUERIES)
def test_a_query_gives_what_prometheus_gives(text: str, oracle: Oracle, storage: Storage) -> None:
    on_the_grid = compare(text, oracle, storage, START, START + LENGTH, 75_000)
    off_the_grid = compare(text, oracle, storage, START + 4_321, START + LENGTH, 97_003)
    assert on_the_grid + off_the_grid > 0 or text in GIVE_NOTHING


GIVE_NOTHING = {
    "missing",
    "requests_total == 4000",
    "120 == odd_value",
    "odd_value > odd_value",
    "odd_value < odd_value",
    "memory_bytes / limit_bytes",
    "rate(exact_total[15s])",
    'requests_total{pod=~"a.+"}',
    "clamp(odd_value, 150, 50)",
    "histogram_quantile(0.95, memory_bytes)",
    "plain_value + exact_value",
}


@pytest.mark.real_prometheus
@pytest.mark.parametrize("seed", range(10))
def test_generated_queries_give_what_prometheus_gives(seed: int, oracle: Oracle, storage: Storage) -> None:
    values = 0
    for text in queries(seed, 80):
        values += compare(text, oracle, storage, START + 60_000, START + LENGTH, 211_000)
    assert values > 1_500


@pytest.mark.real_prometheus
@pytest.mark.parametrize("function", [name for name in RANGE_FUNCTIONS if name.endswith("_over_time")])
def test_a_left_open_range_is_a_closed_one_that_is_a_millisecond_shorter(
    function: str, oracle: Oracle, storage: Storage
) -> None:
    """How the other kind of range is held against whichever Prometheus is installed."""
    assert oracle.dialect
    open_left, closed = ("2m", "119999ms") if not oracle.dialect.left_open else ("120001ms", "2m")
    theirs = oracle.range(f"{function}(exact_value[{closed if not oracle.dialect.left_open else open_left}])", *TIMES)
    other = PROMETHEUS_3 if not oracle.dialect.left_open else PROMETHEUS_2_52
    ours = evaluate(compile_query(f"{function}(exact_value[2m])", other), storage, *TIMES)
    plain = evaluate(compile_query(f"{function}(exact_value[2m])", oracle.dialect), storage, *TIMES)
    assert not isinstance(ours, str)
    assert not isinstance(theirs, str)
    for at, expected in theirs.items():
        assert ours[at].keys() == expected.keys()
        assert all(close(ours[at][labels], value) for labels, value in expected.items())
    if function not in ("last_over_time", "present_over_time"):
        assert ours != plain, "the sample on the left end makes a difference"


TIMES = (START + 600_000, START + LENGTH, 60_000)


def born(start: int) -> list[tuple[Labels, list[tuple[int, float | None]]]]:
    """Series that come, end with a marker, come back, restart, and end for good."""
    chance = random.Random(3)
    made: list[tuple[Labels, list[tuple[int, float | None]]]] = []
    for pod in ("p", "q", "r", "s"):
        value, samples, alive = 0.0, list[tuple[int, float | None]](), True
        for at in range(start, start + 45 * 60_000, 15_000):
            value += chance.randrange(0, 20)
            if alive:
                samples.append((at, value))
            if chance.random() < 0.04:
                if alive:
                    samples[-1] = (at, None)
                alive, value = not alive, 0.0
        made.append((labels_of({"__name__": "fleeting_total", "pod": pod, "job": "api"}), samples))
        made.append((labels_of({"__name__": "fleeting", "pod": pod}), [(at, v and v % 7) for at, v in samples]))
    return made


@pytest.mark.real_prometheus
def test_staleness_is_what_prometheus_makes_of_it(oracle: Oracle) -> None:
    start = START + LENGTH + 4 * 3_600_000
    made = born(start)
    write(oracle.url, made)
    storage = Storage()
    ended = 0
    for labels, samples in made:
        for at, value in samples:
            if value is None:
                storage.mark_stale(labels, at)
                ended += 1
            else:
                storage.append(labels, at, value)
    assert ended > 10
    for text in STALE_QUERIES:
        for first, step in ((start, 15_000), (start + 7_000, 17_000)):
            assert compare(text, oracle, storage, first, start + 55 * 60_000, step) > 10, text


STALE_QUERIES = [
    "fleeting",
    "sum(fleeting)",
    "count(fleeting_total)",
    "absent(fleeting)",
    "sum(rate(fleeting_total[2m]))",
    "rate(fleeting_total[45s])",
    "irate(fleeting_total[1m])",
    "increase(fleeting_total[10m])",
    "resets(fleeting_total[20m])",
    "changes(fleeting[5m])",
    "last_over_time(fleeting[3m])",
    "count_over_time(fleeting[1m])",
    "fleeting offset 2m",
    "timestamp(fleeting)",
    "fleeting / on(pod) fleeting_total",
    "fleeting unless on(pod) rate(fleeting_total[1m])",
]

"""What a tick pays for evaluating fifteen queries over twenty pods, as a multiple of reading their samples."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime

from console.sources.promql import Storage, compile_query
from console.sources.promql.exposition import Exposition
from console.sources.promql.labels import Labels, labels_of

START = 1_704_067_200_000
HOUR = 3_600_000
EVERY = 5_000
QUERIES = (
    "sum(rate(requests_total[1m]))",
    '1 - sum(rate(requests_total{code!~"5.."}[1m])) / sum(rate(requests_total[1m]))',
    "histogram_quantile(0.99, sum by (le) (rate(took_seconds_bucket[1m])))",
    "sum(rate(c0_total[5m]))",
    "sum(increase(c1_total[1h]))",
    "sum(rate(c2_total[1h]))",
    "sum(rate(c3_total[5m])) / sum(rate(requests_total[5m]))",
    "sum(rate(c4_total[1h]))",
    "sum(increase(c5_total[15m])) / (sum(increase(c6_total[15m])) + sum(increase(c7_total[15m])))",
    "max(c0_total)",
    "sum by (pod) (rate(c1_total[5m])) > 1",
    "max_over_time(c2_total[5m])",
    "avg(c3_total)",
    "quantile(0.9, rate(c4_total[5m]))",
    "sum(c5_total) / count(c5_total)",
)


def fastest(run: Callable[[], object], rounds: int = 7) -> float:
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return min(times)


def filled() -> tuple[Storage, list[Labels]]:
    """Twenty pods with thirty series each, an hour of samples every 5 s."""
    dice = random.Random(1)
    storage, made = Storage(), []
    for pod in range(20):
        own = {"pod": f"pod-{pod}", "instance": f"10.0.0.{pod}:9102", "job": "scrape"}
        made += [labels_of({"__name__": "requests_total", "code": f"{200 + 40 * n}", **own}) for n in range(10)]
        bounds = [*(f"{n / 10:g}" for n in range(1, 12)), "+Inf"]
        made += [labels_of({"__name__": "took_seconds_bucket", "le": bound, **own}) for bound in bounds]
        made += [labels_of({"__name__": f"c{n}_total", **own}) for n in range(8)]
    for labels in made:
        value = 0.0
        for at in range(0, HOUR, EVERY):
            value += dice.randrange(10)
            storage.append(labels, START + at, value)
    return storage, made


def test_a_tick_of_fifteen_queries_costs_little_more_than_reading_what_they_read() -> None:
    storage, made = filled()
    at = datetime.fromtimestamp((START + HOUR) / 1000, UTC)
    compiled = [compile_query(text) for text in QUERIES]
    raw = [list(range(HOUR // EVERY)) for _ in made]

    def plain() -> int:
        total = 0
        for values in raw:
            for value in values:
                total += value
        return total

    def tick() -> None:
        for query in compiled:
            assert query.values(storage, at)

    reading, evaluating = fastest(plain), fastest(tick)
    print(
        f"tick: {evaluating * 1000:.1f} ms, {evaluating / reading:.2f} times a plain loop over an hour of the samples"
    )
    assert evaluating < reading * 2


def test_reading_a_known_exposition_costs_little_more_than_splitting_it() -> None:
    lines = [f'requests_total{{pod="pod",code="{n}",path="/a/b"}} {n * 7}.5' for n in range(5_000)]
    text = "\n".join([*lines, ""])
    exposition = Exposition(lambda _name: True)
    exposition.read(text, openmetrics=False)

    def plain() -> list[float]:
        return [float(line.rpartition(" ")[2]) for line in text.split("\n") if line]

    splitting, reading = fastest(plain), fastest(lambda: exposition.read(text, openmetrics=False))
    print(f"5,000 lines: {reading * 1000:.1f} ms, {reading / splitting:.1f} times splitting them")
    assert reading < splitting * 12

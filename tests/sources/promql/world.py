"""The samples that a real Prometheus and the console both evaluate, made from one seed."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

from console.sources.promql.labels import NAME, Labels, labels_of
from console.sources.promql.storage import Storage

START = 1_704_067_200_000
"""2024-01-01T00:00:00Z in ms; a Prometheus block begins there."""
LENGTH = 100 * 60_000
STALE = object()


@dataclass(frozen=True)
class Made:
    """One series. samples: (ms, value) oldest first."""

    labels: Labels
    samples: list[tuple[int, float]]

    @property
    def name(self) -> str:
        return dict(self.labels)[NAME]


def series(name: str, samples: list[tuple[int, float]], **labels: str) -> Made:
    return Made(labels_of({NAME: name, **labels}), samples)


def times(chance: random.Random, every: int, *, jitter: int = 0, lost: float = 0.0, gaps: int = 0) -> list[int]:
    """Sample times with jitter, single losses and whole gaps of two to nine minutes."""
    holes = [(begin, begin + chance.randrange(120_000, 540_000)) for begin in chance.sample(range(LENGTH), gaps)]
    found = set()
    for at in range(0, LENGTH, every):
        moved = at + (chance.randrange(-jitter, jitter + 1) if jitter else 0)
        if moved >= 0 and chance.random() >= lost and not any(low <= moved < high for low, high in holes):
            found.add(START + moved)
    return sorted(found)


def counter(chance: random.Random, at: list[int], *, resets: float = 0.01, most: int = 40) -> list[tuple[int, float]]:
    value, made = float(chance.randrange(0, 500)), []
    for time in at:
        value = 0.0 if chance.random() < resets else value + chance.randrange(0, most)
        made.append((time, value))
    return made


def gauge(chance: random.Random, at: list[int], odd: tuple[float, ...] = ()) -> list[tuple[int, float]]:
    return [
        (time, chance.choice(odd) if odd and chance.random() < 0.06 else round(chance.gauss(100, 40), 3)) for time in at
    ]


def histogram(chance: random.Random, at: list[int], **labels: str) -> Iterator[Made]:
    bounds = ["0.05", "0.1", "0.25", "0.5", "1", "2.5", "+Inf"]
    counts = [0.0] * len(bounds)
    columns: list[list[tuple[int, float]]] = [[] for _ in bounds]
    seconds, sums = 0.0, []
    for time in at:
        if chance.random() < 0.01:
            counts, seconds = [0.0] * len(bounds), 0.0
        for _ in range(chance.randrange(0, 12)):
            took = chance.expovariate(3.0)
            seconds += took
            for index, bound in enumerate(bounds):
                counts[index] += took <= float(bound)
        for column, count in zip(columns, counts, strict=True):
            column.append((time, count))
        sums.append((time, round(seconds, 6)))
    for bound, column in zip(bounds, columns, strict=True):
        yield series("latency_seconds_bucket", column, le=bound, **labels)
    yield series("latency_seconds_count", columns[-1], **labels)
    yield series("latency_seconds_sum", sums, **labels)


def make(seed: int = 7) -> list[Made]:
    """Every series of the world."""
    chance = random.Random(seed)
    made: list[Made] = []
    for pod in ("a", "b", "c", "d"):
        own = times(chance, 15_000, jitter=300, lost=0.03, gaps=2)
        made.append(series("requests_total", counter(chance, own), pod=pod, code="200", job="api"))
        made.append(series("requests_total", counter(chance, own), pod=pod, code="500", job="api"))
        made.append(series("memory_bytes", gauge(chance, own), pod=pod, job="api"))
        made.append(series("odd_value", gauge(chance, own, (math.nan, math.inf, -math.inf, 0.0)), pod=pod))
        made.append(series("pod_info", [(time, 1.0) for time in own], pod=pod, version=f"v{ord(pod) % 2}"))
        if pod != "d":
            made.append(series("limit_bytes", gauge(chance, times(chance, 60_000)), pod=pod))
            made.extend(histogram(chance, own, pod=pod, job="api"))
    exact = times(chance, 15_000)
    made.append(series("exact_total", counter(chance, exact, resets=0.03), job="grid"))
    made.append(series("exact_value", gauge(chance, exact), job="grid"))
    made.append(series("plain_value", gauge(chance, times(chance, 15_000, jitter=2_000, gaps=3))))
    made.append(series("sparse_value", gauge(chance, times(chance, 7 * 60_000)), job="x"))
    made.append(series("sparse_total", counter(chance, times(chance, 100_000, jitter=20_000, gaps=2), most=9), job="x"))
    made.append(series("slow_total", [(time, float(index // 40)) for index, time in enumerate(exact)], job="x"))
    made.append(series("born_total", counter(chance, [t for t in exact if t > START + LENGTH // 2], resets=0), job="x"))
    made.append(series("odd_total", [(t, math.nan if i % 17 == 3 else float(i)) for i, t in enumerate(exact)], job="x"))
    # counts that do not grow with their bounds, one bound written twice, and one that is none
    bounds = ("0.1", "1", "1.0", "10", "+Inf", "other")
    made.extend(series("skewed_bucket", gauge(chance, exact), le=bound, job="x") for bound in bounds)
    made.append(series("once_value", [(exact[100], 5.0)], job="x"))
    return made


def as_openmetrics(made: list[Made]) -> str:
    """The exposition that `promtool tsdb create-blocks-from openmetrics` reads."""
    lines: list[str] = []
    for each in sorted(made, key=lambda one: one.labels):
        inner = ",".join(f'{label}="{value}"' for label, value in each.labels if label != NAME)
        lines.extend(f"{each.name}{{{inner}}} {value!r} {at / 1000:.3f}" for at, value in each.samples)
    return "\n".join([*lines, "# EOF", ""]).replace(" nan ", " NaN ").replace("inf ", "Inf ")


def as_storage(made: list[Made]) -> Storage:
    """The same samples as the console holds them."""
    storage = Storage()
    for each in made:
        for at, value in each.samples:
            storage.append(each.labels, at, value)
    return storage

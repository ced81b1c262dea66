"""What a Prometheus may answer, and the source that reads it, for tests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from console.core.system import Metric, PrometheusTarget
from console.core.verdicts import Series
from console.sources.prometheus import PrometheusSource
from tests.sources.metrics import Hands
from tests.sources.web import Answer

JSON = {"Content-Type": "application/json"}


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


def answer(status: int, body: str, **headers: str) -> Answer:
    return status, headers, body.encode()


def refused(kind: str, status: int = 422) -> Answer:
    return answer(status, json.dumps({"status": "error", "errorType": kind, "error": "why\nnot"}))


def result(kind: str, content: object) -> Answer:
    return answer(200, json.dumps({"status": "success", "data": {"resultType": kind, "result": content}}))

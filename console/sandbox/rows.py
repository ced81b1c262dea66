"""The metrics that a sandbox.yaml describes: its rows.

One row a metric, and several rows with one name and other labels:

    - {counter: x_requests_total, labels: {code: "{status}"}}     grows with every request
    - {counter: x_errors_total, only: 500}                        grows with every request answered so
    - {counter: x_denied_total, share: 0.2%}                      grows with this share of requests
    - {counter: x_jobs_total, rate: 2/s}                          grows by itself, in every pod
    - {gauge: x_memory_bytes, value: 48MB, spread: 5%}            is this, give or take
    - {gauge: x_backup_seconds, age: 6h}                          is the moment so long ago, in seconds since 1970
    - {histogram: x_seconds, buckets: [0.1, 1]}                   how long each request took
    - {histogram: x_scan_seconds, buckets: [0.1, 1], value: 20ms, spread: 30%, rate: 1/s}   these values, by itself

Labels may have {status}, {version}, {workload} and {pod} in them. `as` is the name by which a fault or a hand sets the
row's share, rate, value or age; it is the metric's own name where it is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from console.sandbox.quantities import quantity

KINDS = ("counter", "gauge", "histogram")
_KEYS = {*KINDS, "about", "labels", "share", "rate", "value", "spread", "age", "buckets", "only", "as"}
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Row:
    """One row. per: `request`, `second` (by itself), or empty for a gauge. value: None for the request's own time."""

    kind: str
    name: str
    knob: str
    about: str
    labels: tuple[tuple[str, str], ...]
    per: str
    rate: float
    value: float | None
    spread: float
    age: bool
    buckets: tuple[float, ...]
    only: str


def rows(told: Sequence[Mapping[str, Any]]) -> tuple[Row, ...]:
    """The rows of a file. Raises ValueError with the row's name."""
    return tuple(_row(row) for row in told)


def _row(told: Mapping[str, Any]) -> Row:
    kinds = [kind for kind in KINDS if kind in told]
    unknown = [key for key in told if key not in _KEYS]
    if len(kinds) != 1 or unknown:
        raise ValueError(f"the metric {dict(told)!r} has no one of {', '.join(KINDS)}, or an unknown key")
    kind = kinds[0]
    name = str(told[kind])
    try:
        rate = quantity(told.get("rate", 0))
        given = told.get("share", told.get("value", told.get("age")))
        value = quantity(given) if given is not None else None
        spread = quantity(told.get("spread", 0))
        buckets = tuple(quantity(bound) for bound in told.get("buckets", _BUCKETS))
    except ValueError as error:
        raise ValueError(f"the metric {name}: {error}") from error
    per = "second" if "rate" in told else "" if kind == "gauge" else "request"
    return Row(
        kind, name, str(told.get("as", name)), str(told.get("about", "Of the practice world.")),
        tuple((str(key), str(text)) for key, text in (told.get("labels") or {}).items()),
        per, rate, value, spread, "age" in told, buckets, str(told.get("only", "")),
    )  # fmt: skip

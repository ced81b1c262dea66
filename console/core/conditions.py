"""The condition grammar: text such as `error_rate > 5% for 5m`, parsed and checked for dimensions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Condition:
    """A parsed condition; `text` is as written."""

    text: str
    metric: str

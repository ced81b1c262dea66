"""Verdicts: a pure function of a condition, its samples and the time."""

from __future__ import annotations

from enum import Enum


class Verdict(Enum):
    """PASS: the condition holds. FAIL: it does not. PENDING: true, but not yet for as long as it asks."""

    PASS = "pass"
    FAIL = "fail"
    PENDING = "pending"
    NODATA = "no data"
    ERROR = "error"

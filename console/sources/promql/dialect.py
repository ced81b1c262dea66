"""What changed in PromQL between versions of Prometheus, as far as the subset is concerned."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dialect:
    """The semantics of one version of Prometheus.

    left_open: a range or lookback leaves out the sample that lies exactly on its left end (since 3.0).
    limited_zero_point: `rate` and `increase` look back to a counter's zero for at most half a sample distance once the
    first sample is far from the range's start (since 2.52).
    dot_matches_newline: in regular expressions of label matchers (since 3.0).
    """

    name: str
    left_open: bool
    limited_zero_point: bool
    dot_matches_newline: bool


PROMETHEUS_2_42 = Dialect("2.42", left_open=False, limited_zero_point=False, dot_matches_newline=False)
PROMETHEUS_2_52 = Dialect("2.52", left_open=False, limited_zero_point=True, dot_matches_newline=False)
PROMETHEUS_3 = Dialect("3.0", left_open=True, limited_zero_point=True, dot_matches_newline=True)


def dialect_of(version: str) -> Dialect:
    """The dialect of a Prometheus that calls itself `version`, such as `2.42.0+ds`."""
    found = re.match(r"v?(\d+)\.(\d+)", version)
    if not found:
        raise ValueError(f"promql: {version!r} is not a version of Prometheus, such as 2.42.0")
    number = (int(found[1]), int(found[2]))
    if number >= (3, 0):
        return PROMETHEUS_3
    return PROMETHEUS_2_52 if number >= (2, 52) else PROMETHEUS_2_42

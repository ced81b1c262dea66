"""Queries made at random from the subset's grammar; the same ones for the same seed."""

from __future__ import annotations

import random

_PLAIN = ["requests_total", "memory_bytes", "limit_bytes", "exact_total", "exact_value", "sparse_value", "pod_info"]
_COUNTERS = ["requests_total", "exact_total", "sparse_total", "slow_total", "born_total", "latency_seconds_count"]
_MATCHERS = ['pod="a"', 'pod!="a"', 'pod=~"a|c"', 'pod!~"[cd]"', 'code="200"', 'code!~"5.*"', 'job=~".+"', 'job=""']
_RANGES = ["45s", "1m", "90s", "2m", "5m", "7m30s", "15m"]
_OFFSETS = ["", "", "", " offset 30s", " offset 5m", " offset -1m"]
_GROUPS = ["", "by (pod)", "by (job, code)", "without (pod)", "without (code, job)", "by (nothing)"]
_OVER = ["avg", "min", "max", "sum", "count", "last", "stddev", "present"]
_MATCHING = ["", "on (pod)", "on (job)", "ignoring (code)", "ignoring (pod, job)", "on ()"]


def selector(chance: random.Random, names: list[str]) -> str:
    matchers = ", ".join(chance.sample(_MATCHERS, chance.choice([0, 0, 0, 0, 1, 2])))
    return f"{chance.choice(names)}{{{matchers}}}" if matchers else chance.choice(names)


def over_range(chance: random.Random) -> str:
    end = f"[{chance.choice(_RANGES)}]{chance.choice(_OFFSETS)})"
    if chance.random() < 0.6:
        function = chance.choice(["rate", "rate", "increase", "irate", "resets", "changes", "delta"])
        return f"{function}({selector(chance, _COUNTERS)}{end}"
    if chance.random() < 0.15:
        return f"quantile_over_time({chance.choice(['0.1', '0.5', '0.95'])}, {selector(chance, _PLAIN)}{end}"
    return f"{chance.choice(_OVER)}_over_time({selector(chance, _PLAIN)}{end}"


def scalar(chance: random.Random, depth: int) -> str:
    kind = chance.random()
    if depth <= 0 or kind < 0.6:
        return chance.choice(["0", "1", "2", "0.5", "100", "-3", "1e3", "Inf", "NaN"])
    if kind < 0.8:
        return f"scalar({vector(chance, depth - 1)})"
    return f"({scalar(chance, depth - 1)} {chance.choice('+-*/^')} {scalar(chance, depth - 1)})"


def vector(chance: random.Random, depth: int) -> str:
    """A query for an instant vector."""
    kind = chance.random()
    if depth <= 0 or kind < 0.12:
        plain = f"{selector(chance, _PLAIN)}{chance.choice(_OFFSETS)}"
        return plain if chance.random() < 0.4 else over_range(chance)
    inner = vector(chance, depth - 1)
    if kind < 0.4:
        return f"{chance.choice(['sum', 'avg', 'min', 'max', 'count'])} {chance.choice(_GROUPS)} ({inner})"
    if kind < 0.5:
        operator = chance.choice(["+", "-", "*", "/", ">", "<", ">=", "> bool", "<= bool"])
        return f"({inner} {operator} {scalar(chance, depth - 1)})"
    if kind < 0.55:
        return f"({scalar(chance, depth - 1)} {chance.choice(['+', '-', '*', '/', '<', '>= bool'])} {inner})"
    if kind < 0.75:
        return two(chance, inner, depth)
    if kind < 0.85:
        share = chance.choice(["0.5", "0.9", "0.99"])
        by = chance.choice(["le", "le, pod", "pod"])
        return f"histogram_quantile({share}, sum by ({by}) (rate(latency_seconds_bucket[{chance.choice(_RANGES)}])))"
    return chance.choice(
        [
            f"abs({inner})",
            f"-({inner})",
            f"clamp_max({inner}, {scalar(chance, 0)})",
            f"clamp_min({inner}, {scalar(chance, 0)})",
            f"clamp({inner}, 0, 100)",
            f"vector({scalar(chance, depth - 1)})",
            f"absent({inner})",
            f"sqrt({inner})",
        ]
    )


def two(chance: random.Random, left: str, depth: int) -> str:
    """An operator between two vectors."""
    right = vector(chance, depth - 1)
    matching = chance.choice(_MATCHING)
    operator = chance.choice(["+", "-", "*", "/", "/", ">", "< bool", "and", "or", "unless"])
    if operator not in ("and", "or", "unless") and matching and chance.random() < 0.5:
        matching += chance.choice([" group_left ()", " group_right ()", " group_left (version)"])
    return f"({left} {operator} {matching} {right})"


def queries(seed: int, count: int) -> list[str]:
    """So many queries of a seed."""
    chance = random.Random(seed)
    return [vector(chance, chance.choice([1, 2, 2, 3, 3, 4])) for _ in range(count)]

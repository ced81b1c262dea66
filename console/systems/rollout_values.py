"""Single values of a rollout plan: shares, spans, words."""

from __future__ import annotations

import re
from datetime import timedelta

from console.core.rollouts.plan import Share
from console.core.units import UnitError, parse_duration
from console.systems.sheet import E, Table

SHARE = re.compile(
    r"(?P<ratio>\d+(?:\.\d+)?)\s*%(?:\s+or\s+(?P<pods>\d{1,6})\s+pods?)?|(?P<only>\d{1,6})\s+pods?", re.IGNORECASE
)
SHARE_EXAMPLE = "5% or 1 pod"


def share_of(table: Table, key: str) -> Share | None:
    """A share such as `5%`, `1 pod` or `5% or 1 pod`; None where the key is missing."""
    text = table.optional(key, SHARE_EXAMPLE)
    if text is None:
        return None
    found = SHARE.fullmatch(text)
    if found is None:
        right = f"write `{key}: {text.rstrip('%')}%`" if re.fullmatch(r"[\d.]+", text) else "write `100%`"
        table.fault(key, f"`{key}` of {table.where} is no share: `{text}`", f"{right} or `{SHARE_EXAMPLE}`")
        return None
    ratio = float(f"{float(found['ratio']) / 100:.12g}") if found["ratio"] else None
    counted = found["pods"] or found["only"]
    pods = int(counted) if counted else None
    if ratio is not None and ratio > 1:
        table.fault(key, f"`{key}` of {table.where} is over 100 %", f"write `{key}: 100%` or less")
        return None
    if pods == 0:
        table.fault(key, f"`{key}` of {table.where} asks for no pods", f"write `{key}: 1 pod`, or `{key}: 0%`")
        return None
    return Share(ratio, pods)


def word_of(table: Table, key: str, choices: dict[str, E], default: E) -> E:
    """One of a few words; the default where the key is missing."""
    return table.choice(key, choices) if key in table else default


def span_of(table: Table, key: str, least: str, most: str) -> timedelta | None:
    """A length of time; None where the key is missing."""
    return table.span(key, least, least, most) if key in table else None


def soak_text(table: Table, key: str, most: str) -> timedelta:
    """The span of `soak: 48h`; nothing where it is wrong."""
    text = table.optional(key, "48h") or ""
    try:
        span = parse_duration(text)
    except UnitError as error:
        table.fault(key, f"`{key}` of {table.where}: {error.wrong}", f"write `{key}: {error.right or '48h'}`")
        return timedelta(0)
    if span > parse_duration(most):
        table.fault(key, f"`{key}` of {table.where} is {text}", f"write a time up to {most}")
    return span

"""Single values of a rollout plan: shares, moments, spans, words."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

from console.core.rollouts.plan import Share
from console.core.units import UnitError, parse_duration
from console.systems.sheet import E, Table

SHARE = re.compile(
    r"(?P<ratio>\d+(?:\.\d+)?)\s*%(?:\s+or\s+(?P<pods>\d{1,6})\s+pods?)?|(?P<only>\d{1,6})\s+pods?", re.IGNORECASE
)
DAY = re.compile(r"day\s+(\d{1,4})(?:\s+(\d{1,2}):(\d{2}))?", re.IGNORECASE)
SHARE_EXAMPLE = "5% or 1 pod"
MOMENT_EXAMPLE = "2025-10-23T09:00:00Z"


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


def day_of(table: Table, key: str) -> date | None:
    """A day such as `2025-10-23`; None where the key is missing or wrong."""
    text = table.optional(key, "2025-10-23")
    if text is None:
        return None
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        table.fault(key, f"`{key}` of {table.where} is no day: `{text}`", f"write `{key}: 2025-10-23`")
        return None


def moment_of(table: Table, key: str, day_one: date | None) -> datetime | None:
    """`day 2 09:00` (UTC, day 1 is `day_one`) or `2025-10-23T09:00:00Z`, as aware UTC; None where missing or wrong."""
    text = table.optional(key, MOMENT_EXAMPLE)
    if text is None:
        return None
    if found := DAY.fullmatch(text):
        return _on_a_day(table, key, text, found, day_one)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        wrong = f"`{key}` of {table.where} is no moment: `{text}`"
        table.fault(key, wrong, f"write `{key}: day 2 09:00` or `{key}: {MOMENT_EXAMPLE}`")
        return None
    if moment.tzinfo is None:
        right = f"write `{key}: {moment.isoformat()}Z`, which is UTC"
        table.fault(key, f"`{key}` of {table.where} does not say in which time zone: `{text}`", right)
        return None
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        table.fault(key, f"`{key}` of {table.where} is out of all time: `{text}`", f"write `{key}: {MOMENT_EXAMPLE}`")
        return None


def _on_a_day(table: Table, key: str, text: str, found: re.Match[str], day_one: date | None) -> datetime | None:
    number, hour, minute = int(found[1]), int(found[2] or 0), int(found[3] or 0)
    if number < 1 or hour > 23 or minute > 59:
        wrong = f"`{key}` of {table.where} is no moment: `{text}`"
        table.fault(key, wrong, f"days count from 1 and hours to 23; write `{key}: day 2 09:00`")
        return None
    if day_one is None:
        wrong = f"`{key}` of {table.where} counts days, and the plan does not say which is the first"
        table.fault(key, wrong, "add `day_one: 2025-10-23` to the plan")
        return None
    try:
        return datetime.combine(day_one + timedelta(days=number - 1), time(hour, minute), UTC)
    except OverflowError:
        table.fault(key, f"`{key}` of {table.where} is out of all time: `{text}`", f"write `{key}: {MOMENT_EXAMPLE}`")
        return None


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

"""Moments as files say them: `2025-10-23T09:00:00Z`, or `day 2 09:00` counted from a first day; always aware UTC."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

from console.systems.sheet import Table

DAY = re.compile(r"day\s+(\d{1,4})(?:\s+(\d{1,2}):(\d{2}))?", re.IGNORECASE)
MOMENT_EXAMPLE = "2025-10-23T09:00:00Z"


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

"""Numbers, ages and foreign text in words short enough for a pane, and calm enough not to flicker."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\ud800-\udfff]")


def clean(text: str) -> str:
    """Foreign text made harmless: tabs become blanks; what could steer the terminal or turn the line becomes `·`."""
    if text.isascii() and text.isprintable():
        return text
    return _CONTROL.sub("·", text.replace("\t", "    "))


def span(length: timedelta) -> str:
    """A length of time: `12s`, `4m`, `41h12m`, `6d4h`, `14d`."""
    seconds = max(int(length.total_seconds()), 0)
    if seconds < 60:
        return f"{seconds}s"
    minutes = seconds // 60
    if minutes < 60:
        return f"{minutes}m"
    hours, minutes = divmod(minutes, 60)
    if hours < 72:
        return f"{hours}h{minutes:02d}m" if minutes else f"{hours}h"
    days, hours = divmod(hours, 24)
    return f"{days}d{hours}h" if hours and days < 10 else f"{days}d"


def steps(length: timedelta) -> str:
    """A length of time in steps that seldom change: under a minute in quarters, then as `span`."""
    seconds = max(int(length.total_seconds()), 0)
    if seconds < 15:
        return "<15s"
    return f"{seconds // 15 * 15}s" if seconds < 60 else span(length)


def hours(length: timedelta) -> str:
    """A soak's length, never in days, for plans are written in hours: `30s`, `5m`, `41h12m`, `72h`."""
    minutes = max(int(length.total_seconds()), 0) // 60
    if minutes < 60:
        return span(length)
    return f"{minutes // 60}h{minutes % 60:02d}m" if minutes % 60 else f"{minutes // 60}h"


def ago(then: datetime | None, now: datetime) -> str:
    """How long ago, in steps: `just now`, `15s ago`, `4m ago`; `never` where there is no time."""
    if then is None:
        return "never"
    length = now - then
    return "just now" if length < timedelta(seconds=15) else f"{steps(length)} ago"


def countdown(left: timedelta) -> str:
    """Minutes and seconds: `12:41`; `0:00` when over."""
    seconds = max(int(left.total_seconds() + 0.999), 0)
    return f"{seconds // 60}:{seconds % 60:02d}"


def clock(at: datetime) -> str:
    """Hours and minutes of a UTC time: `21:04Z`."""
    return f"{at:%H:%MZ}"


def moment(at: datetime, now: datetime) -> str:
    """A UTC time, with its day unless that is today: `21:04Z`, `12 Mar 21:04Z`."""
    return clock(at) if at.date() == now.date() else f"{at.day} {at:%b %H:%MZ}"


def count(number: float) -> str:
    """A whole number with separators: `10,412`."""
    return f"{round(number):,}"


def signed(number: float) -> str:
    """A change: `+83`, `-4`, `±0`."""
    whole = round(number)
    return "±0" if whole == 0 else f"{whole:+,}"


def size(number: float) -> str:
    """Bytes in three significant figures: `612 MB`, `2 GB`, `1.25 GB`."""
    for symbol, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if abs(number) >= factor:
            return f"{float(f'{number / factor:.3g}'):g} {symbol}"
    return f"{number:.0f} B"


def percent(ratio: float) -> str:
    """A share in whole percent, and never 0 % or 100 % for what is not."""
    if 0 < ratio < 0.01:
        return "<1%"
    if 0.99 < ratio < 1:
        return "99%"
    return f"{ratio * 100:.0f}%"


def exactly(ratio: float | None, none: str = "—") -> str:
    """A share with one decimal where it has one: `1%`, `9.6%`; `none` where it is not known."""
    if ratio is None:
        return none
    text = f"{ratio * 100:.1f}".removesuffix(".0")
    return "<0.1%" if text == "0" and ratio > 0 else f"{text}%"


def pace(per_hour: float) -> str:
    """A relative change per hour: `+1.2%/h`; `steady` within a tenth of a percent."""
    return "steady" if abs(per_hour) < 0.001 else f"{per_hour * 100:+.1f}%/h"


def plural(number: int, one: str, many: str = "") -> str:
    """`1 rule`, `4 rules`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"

"""Numbers with a unit as a sandbox.yaml has them: `20%`, `40ms`, `62MB`, `2/h`, `+1MB/s`."""

from __future__ import annotations

import re

_UNITS = {
    "": 1.0, "%": 0.01,
    "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0,
    "B": 1.0, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "MiB": 2.0**20, "GiB": 2.0**30,
    "/s": 1.0, "/m": 1 / 60, "/h": 1 / 3600,
}  # fmt: skip
_FORM = re.compile(r"(?P<number>[-+]?\d+(?:\.\d+)?)\s*(?P<unit>%|/?[A-Za-z]+)?")
_GROWTH = re.compile(r"\+(?P<amount>.*[^/])/s")


def quantity(told: object) -> float:
    """A number in base units: ratio, seconds, bytes, count, count per second. Raises ValueError."""
    if isinstance(told, (int, float)) and not isinstance(told, bool):
        return float(told)
    found = _FORM.fullmatch(str(told).strip())
    if found is None or (found["unit"] or "") not in _UNITS:
        raise ValueError(f"{told!r} is not a number with a unit such as 20%, 40ms, 62MB or 2/h")
    return float(found["number"]) * _UNITS[found["unit"] or ""]


def growth(told: object) -> tuple[float, float]:
    """A number, and by how much it grows a second: `62MB` stays, `+1MB/s` grows from what was. Raises ValueError."""
    if isinstance(told, str) and (found := _GROWTH.fullmatch(told.strip())):
        return 0.0, quantity(found["amount"])
    return quantity(told), 0.0

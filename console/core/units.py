"""Units with dimensions: what people write (`5%`, `500MB`, `1000/h`, `48h`) as numbers that can be compared."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from types import MappingProxyType


class Dimension(Enum):
    """What a number measures. Numbers of different dimensions are never compared."""

    RATIO = "ratio"
    SECONDS = "time"
    BYTES = "bytes"
    COUNT = "count"
    RATE = "count per time"


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as shown. factor: one of it in the dimension's base (1, seconds, bytes, 1, per second)."""

    symbol: str
    dimension: Dimension
    factor: float


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit; `base` is in the dimension's base unit. `str` gives text that parses to an equal one."""

    value: float
    unit: Unit

    @property
    def base(self) -> float:
        """The number in the base unit of its dimension."""
        return self.value * self.unit.factor

    def __str__(self) -> str:
        number = repr(float(self.value)).removesuffix(".0")
        space = " " if self.unit.symbol and self.unit.symbol not in UNITS else ""
        return f"{number}{space}{self.unit.symbol}"


class UnitError(ValueError):
    """Text that is no quantity, unit or span. wrong: what is the matter; right: text that would do, or empty."""

    def __init__(self, wrong: str, right: str = "") -> None:
        super().__init__(f"{wrong}; write `{right}`" if right else wrong)
        self.wrong = wrong
        self.right = right


def _table() -> dict[str, Unit]:
    rows: dict[Dimension, dict[str, float]] = {
        Dimension.RATIO: {"%": 0.01, "ratio": 1.0},
        Dimension.SECONDS: {
            "ns": 1e-9,
            "µs": 1e-6,
            "ms": 1e-3,
            "s": 1.0,
            "m": 60.0,
            "h": 3600.0,
            "d": 86400.0,
            "w": 604800.0,
        },
        Dimension.BYTES: {
            "B": 1.0,
            **{f"{prefix}B": 1000.0**power for power, prefix in enumerate("kMGTP", 1)},
            **{f"{prefix}iB": 1024.0**power for power, prefix in enumerate("KMGTP", 1)},
        },
        Dimension.COUNT: {"": 1.0},
        Dimension.RATE: {"/s": 1.0, "/min": 1 / 60, "/h": 1 / 3600, "/d": 1 / 86400},
    }
    return {
        symbol: Unit(symbol, dimension, factor) for dimension, row in rows.items() for symbol, factor in row.items()
    }


UNITS: Mapping[str, Unit] = MappingProxyType(_table())

_ALIASES: Mapping[str, str] = {
    "percent": "%",
    "us": "µs",
    "μs": "µs",
    "msec": "ms",
    "millisecond": "ms",
    "milliseconds": "ms",
    "sec": "s",
    "secs": "s",
    "second": "s",
    "seconds": "s",
    "min": "m",
    "mins": "m",
    "minute": "m",
    "minutes": "m",
    "hr": "h",
    "hrs": "h",
    "hour": "h",
    "hours": "h",
    "day": "d",
    "days": "d",
    "week": "w",
    "weeks": "w",
    "b": "B",
    "byte": "B",
    "bytes": "B",
    "KB": "kB",
    **{f"{prefix.lower()}b": f"{prefix}B" for prefix in "kMGTP"},
    **{f"{prefix}i": f"{prefix}iB" for prefix in "KMGTP"},
    **{f"{prefix.lower()}ib": f"{prefix}iB" for prefix in "KMGTP"},
    "count": "",
    "rps": "/s",
    "qps": "/s",
    "rpm": "/min",
}
_PER: Mapping[str, str] = {"s": "/s", "m": "/min", "h": "/h", "d": "/d"}
_RATE = re.compile(r"(?P<what>[A-Za-z]*)\s*(?:/|\bper\b)\s*(?P<span>[A-Za-z]+)")
_NUMBER = r"[+-]?(?:(?:\d{1,3}(?:[,_\u00a0\u202f]\d{3})+|\d+)(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?"
_QUANTITY = re.compile(rf"(?P<number>{_NUMBER})\s*(?P<unit>.*)", re.DOTALL)
_COMPOUND = re.compile(r"(?:(?:\d+(?:\.\d+)?)\s*[A-Za-zµμ]+\s*){2,}")
_EXPONENT = re.compile(r"[\d.]+[eE]\d")
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-zµμ]+)")
_WORD = re.compile(r"[^\W\d_][\w-]*")
_COUNT_OF = re.compile(r"count\s+of\s+(\S+)")


def unit(symbol: str) -> Unit:
    """The unit written so: `%`, `ms`, `MB`, `GiB`, `/h`, `per hour`, or `count of ticks` for a count with its own name.

    Raises UnitError.
    """
    text = symbol.strip()
    if found := _known(text, {}):
        return found
    if of := _COUNT_OF.fullmatch(text):
        return counted(of[1])
    raise UnitError(_unknown(text), f"count of {text}" if _WORD.fullmatch(text) else "")


def counted(name: str) -> Unit:
    """A count with its own name, such as `ticks`; compared only with its own kind and with bare numbers.

    Raises UnitError where `name` is no word or already means something else.
    """
    if not _WORD.fullmatch(name):
        raise UnitError(
            f"`{name}` is no name of a count: one word of letters, digits, - and _ is needed", "count of ticks"
        )
    if _known(name, {}) is not None or name in ("k", "M"):
        raise UnitError(f"`{name}` already is a unit and cannot name a count")
    return Unit(name, Dimension.COUNT, 1.0)


def parse_quantity(text: str, extra: Mapping[str, Unit] = MappingProxyType({})) -> Quantity:
    """A number with its unit: `5%`, `500MB` (decimal), `2GiB`, `200 ms`, `1h30m`, `1,000/h`, `10k`, `8 ticks`.

    extra: further units by symbol, such as counts with their own name. A bare number is a count. Raises UnitError.
    """
    written = text.strip()
    if _COMPOUND.fullmatch(written) and not _EXPONENT.match(written):
        return _compound(written)
    match = _QUANTITY.fullmatch(written)
    if match is None:
        raise UnitError(f"`{written}` does not begin with a number", "" if written else "5m")
    digits = re.sub(r"[,_\u00a0\u202f]", "", match["number"])
    value, named = float(digits), match["unit"].strip()
    if not math.isfinite(value):
        raise UnitError(f"`{written}` is too large a number")
    if comma := re.match(r",(\d+)\s*(.*)", named):
        raise UnitError(f"`{written}` has a comma that separates no thousands", f"{digits}.{comma[1]}{comma[2]}")
    for letter, times in (("k", 1e3), ("M", 1e6)):
        if named == letter or (named.startswith(letter) and named[1:].lstrip().startswith("/")):
            value, named = value * times, named[1:].lstrip()
    if apart := re.match(r"([\d.]+)\s*(.*)", named):
        raise UnitError(f"`{written}` has a blank inside its number", f"{digits}{apart[1]}{apart[2]}")
    found = _known(named, extra)
    if found is None:
        raise UnitError(_unknown(named), f"{match['number']}{_nearest(named)}" if _nearest(named) else "")
    return Quantity(value, found)


def parse_duration(text: str) -> timedelta:
    """A span of time: `200ms`, `5m`, `1h30m`, `48 h`, `7 days`. Never negative. Raises UnitError."""
    quantity = parse_quantity(text)
    if quantity.unit.dimension is not Dimension.SECONDS:
        right = f"{quantity.value:g}m" if quantity.unit.symbol == "" else ""
        raise UnitError(f"`{text.strip()}` is no span of time", right)
    if quantity.value < 0:
        raise UnitError(f"`{text.strip()}` is a negative span of time", text.strip().lstrip("-"))
    try:
        span = timedelta(seconds=quantity.base)
    except OverflowError as error:
        raise UnitError(f"`{text.strip()}` is too long a span of time") from error
    if quantity.value and not span:
        raise UnitError(f"`{text.strip()}` is shorter than a microsecond", "1ms")
    return span


def _known(text: str, extra: Mapping[str, Unit]) -> Unit | None:
    """The unit that `text` names, by symbol, alias, or as a rate; None where it names none."""
    if found := extra.get(text) or UNITS.get(text):
        return found
    if text in _ALIASES:
        return UNITS[_ALIASES[text]]
    if (rate := _RATE.fullmatch(text)) and _known(rate["what"], extra) in (None, UNITS[""]):
        span = _known(rate["span"], {})
        return UNITS[_PER[span.symbol]] if span is not None and span.symbol in _PER else None
    return None


def _unknown(text: str) -> str:
    if text in ("Kb", "Mb", "Gb", "Tb", "kb/s", "Mb/s"):
        return f"`{text}` could be bits or bytes"
    rate = _RATE.fullmatch(text)
    if rate and rate["what"] and _known(rate["what"], {}) is not None:
        return f"`{text}` is measured per time, and only counts can be"
    return f"`{text}` is no unit known here (such as %, ms, s, m, h, d, kB, MB, GB, MiB, GiB, /s, /h)"


def _nearest(text: str) -> str:
    """The unit that `text` was probably meant to be, by letter case; empty where none is near."""
    near = {symbol for symbol in UNITS if symbol and symbol.lower() == text.lower()}
    return near.pop() if len(near) == 1 else ""


def _compound(text: str) -> Quantity:
    """`1h30m` in its smallest unit. Raises UnitError where parts are no times or do not grow smaller."""
    total, factors = 0.0, []
    smallest = UNITS["s"]
    for number, symbol in _PART.findall(text):
        part = _known(symbol, {})
        if part is None or part.dimension is not Dimension.SECONDS:
            raise UnitError(f"`{symbol}` in `{text}` is no unit of time", "1h30m")
        total += float(number) * part.factor
        factors.append(part.factor)
        smallest = part
    if factors != sorted(set(factors), reverse=True):
        raise UnitError(f"the parts of `{text}` do not go from the largest unit to the smallest", "1h30m")
    return Quantity(total / smallest.factor, smallest)


def spell(span: timedelta) -> str:
    """A span exactly, as the grammar reads it: `5m`, `1h30m`, `48h`, `7d`, `1.5s`."""
    microseconds = span // timedelta(microseconds=1)
    if microseconds == 0:
        return "0s"
    days, rest = divmod(microseconds, 86_400_000_000)
    if days < 4:
        days, rest = 0, microseconds
    hours, rest = divmod(rest, 3_600_000_000)
    minutes, rest = divmod(rest, 60_000_000)
    seconds = f"{rest // 1_000_000}.{rest % 1_000_000:06d}".rstrip("0").rstrip(".")
    parts = ((days, "d"), (hours, "h"), (minutes, "m"))
    return "".join(f"{number}{symbol}" for number, symbol in parts if number) + (f"{seconds}s" if rest else "")


def show_span(span: timedelta) -> str:
    """A span for a tired eye: `45s`, `12m30s`, `41h12m`, `72h`, `14d`; cut off, never rounded up."""
    if span < timedelta(0):
        return f"-{show_span(-span)}"
    if span >= timedelta(days=10):
        return f"{span.days}d"
    if span >= timedelta(days=4):
        return spell(timedelta(hours=span // timedelta(hours=1)))
    if span >= timedelta(hours=1):
        return spell(timedelta(minutes=span // timedelta(minutes=1)))
    return spell(timedelta(seconds=span // timedelta(seconds=1)))


def show(base_value: float, unit: Unit) -> str:
    """A number of the unit's dimension, in its base, as shown: `612 MB`, `143 ms`, `0.08 %`, `1,204/h`, `8 ticks`.

    Bytes and times are scaled to a readable unit of the same family; ratios are percentages; counts and rates keep
    their unit. NaN is `NaN`.
    """
    if not math.isfinite(base_value):
        return "NaN" if math.isnan(base_value) else ("∞" if base_value > 0 else "-∞")
    if unit.dimension is Dimension.RATIO:
        return f"{_percent(base_value * 100)} %"
    if unit.dimension is Dimension.RATE:
        return f"{_digits(base_value / unit.factor)}{unit.symbol}"
    if unit.dimension is Dimension.COUNT:
        whole = base_value == round(base_value)
        return f"{f'{base_value + 0.0:,.0f}' if whole else _digits(base_value)} {unit.symbol}".rstrip()
    if base_value == 0:
        return f"0 {unit.symbol}"
    if unit.dimension is Dimension.SECONDS:
        if abs(base_value) >= 59.95:
            seconds = math.floor(min(abs(base_value) + 0.5, 8e13))
            return ("-" if base_value < 0 else "") + show_span(timedelta(seconds=seconds))
        return _scaled(base_value, ("s", "ms", "µs", "ns"))
    binary = unit.symbol.endswith("iB")
    return _scaled(
        base_value, ("PiB", "TiB", "GiB", "MiB", "KiB", "B") if binary else ("PB", "TB", "GB", "MB", "kB", "B")
    )


def _scaled(value: float, symbols: tuple[str, ...]) -> str:
    """The value in the largest of these units of which it is at least one."""
    symbol = next((name for name in symbols if abs(value) >= 0.9995 * UNITS[name].factor), symbols[-1])
    return f"{_digits(value / UNITS[symbol].factor)} {symbol}"


def _digits(value: float) -> str:
    """Three significant digits below 1,000 and whole numbers with separators above; no trailing zeros."""
    if value == 0:
        return "0"
    after = min(9, max(0, 2 - math.floor(math.log10(abs(value)))))
    text = f"{value:,.{after}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "0") else text


def _percent(value: float) -> str:
    """Two digits after the point, more where fewer would say 0 or 100 of what is neither."""
    for after in (2, 3, 4, 5, 6):
        text = f"{value:,.{after}f}"
        if (float(text.replace(",", "")) not in (0.0, 100.0)) or value in (0.0, 100.0):
            break
    text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text

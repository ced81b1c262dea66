"""Units with dimensions: what people write (`5%`, `500MB`, `1000/h`, `48h`) as numbers that can be compared."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


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
    """A number with its unit; `base` is in the dimension's base unit."""

    value: float
    unit: Unit

    @property
    def base(self) -> float:
        """The number in the base unit of its dimension."""
        return self.value * self.unit.factor

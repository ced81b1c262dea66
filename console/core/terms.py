"""The parts a condition is made of, as values, and its canonical text."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum

from console.core.units import Quantity, show, show_span, spell

# Unit conversions round: numbers that differ by less than this share of themselves are the same number.
SAME = 1e-12

# How much older than `for` asks a true point may be that a gap parts from the rest of the truth, as a share of it.
BRIDGED = 0.2


class Operator(Enum):
    """How a number is compared. `>` and `<` are strict; NaN satisfies none, `!=` neither."""

    ABOVE = ">"
    AT_LEAST = ">="
    BELOW = "<"
    AT_MOST = "<="
    EQUAL = "=="
    UNEQUAL = "!="


class OnGap(Enum):
    """What a grid point without a sample does to a condition with `for`.

    HOLD: it neither counts nor breaks. RESET: it breaks, as in Prometheus. TRIP: it counts as true, once the metric was
    seen and as long as its source answers.
    """

    HOLD = "hold"
    RESET = "reset"
    TRIP = "trip"


@dataclass(frozen=True, slots=True)
class Comparison:
    """`metric op threshold [for lasting]`: true at every point for `lasting`, at the newest point where that is 0."""

    operator: Operator
    threshold: Quantity
    lasting: timedelta = timedelta(0)

    def __str__(self) -> str:
        return f"{self.operator.value} {self.threshold}" + (f" for {spell(self.lasting)}" if self.lasting else "")


@dataclass(frozen=True, slots=True)
class Average:
    """`metric op threshold over span`: the mean of the known samples of the last `span` compares so."""

    operator: Operator
    threshold: Quantity
    span: timedelta

    def __str__(self) -> str:
        return f"{self.operator.value} {self.threshold} over {spell(self.span)}"


@dataclass(frozen=True, slots=True)
class Stability:
    """`metric stable within P over span`: largest less smallest of the last `span` is at most P.

    within: a ratio is taken of the mean of the span (also where the metric itself is a ratio); any other quantity is
    taken as it is.
    """

    within: Quantity
    span: timedelta

    def __str__(self) -> str:
        return f"stable within {self.within} over {spell(self.span)}"


@dataclass(frozen=True, slots=True)
class Freshness:
    """`metric fresh within span`: its newest sample that is a number is at most `span` old."""

    within: timedelta

    def __str__(self) -> str:
        return f"fresh within {spell(self.within)}"


@dataclass(frozen=True, slots=True)
class FailedChecks:
    """`check fails N times`: at least N failures in a row. Its samples are the failures in a row at each point."""

    times: int

    def __str__(self) -> str:
        return f"fails {self.times} time{'' if self.times == 1 else 's'}"


Test = Comparison | Average | Stability | Freshness | FailedChecks


@dataclass(frozen=True, slots=True)
class Floor:
    """`if metric >= least`: a point where this other metric is lower, or unknown, is not known to the condition.

    It keeps a quiet canary from passing, or rolling back, on nothing.
    """

    metric: str
    least: Quantity

    def __str__(self) -> str:
        return f"{self.metric} >= {self.least}"


@dataclass(frozen=True, slots=True)
class Condition:
    """A parsed condition. `text` is as written and does not count when conditions are compared.

    metric: the metric, or for FailedChecks the health check, that is judged. `str` gives the canonical text, with every
    option: `error_rate > 5% for 5m if requests >= 100/h on gap reset`.
    """

    text: str = field(compare=False)
    metric: str
    test: Test
    on_gap: OnGap = OnGap.HOLD
    floor: Floor | None = None

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of every metric (or check) that must be sampled to judge it."""
        return (self.metric,) if self.floor is None else (self.metric, self.floor.metric)

    @property
    def window(self) -> timedelta:
        """How far back from the newest point samples bear on the verdict; older ones only tell since when it lasts."""
        match self.test:
            case Comparison(lasting=span):
                return span * 2 if self.on_gap is OnGap.TRIP else span + span * BRIDGED
            case Average(span=span) | Stability(span=span) | Freshness(within=span):
                return span
            case FailedChecks():
                return timedelta(0)

    @property
    def need(self) -> str:
        """The right-hand side as panes show it: `> 1,000/h`, `< 200 ms for 5m`, `within 5 % over 1h`."""
        match self.test:
            case Comparison(operator, threshold, lasting):
                for_ = f" for {show_span(lasting)}" if lasting else ""
                return f"{operator.value} {show(threshold.base, threshold.unit)}{for_}"
            case Average(operator, threshold, span):
                return f"{operator.value} {show(threshold.base, threshold.unit)} over {show_span(span)}"
            case Stability(within, span):
                return f"within {show(within.base, within.unit)} over {show_span(span)}"
            case Freshness(within):
                return f"within {show_span(within)}"
            case FailedChecks(times):
                return f"{times} failure{'' if times == 1 else 's'}"

    def __str__(self) -> str:
        floor = f" if {self.floor}" if self.floor else ""
        gap = f" on gap {self.on_gap.value}" if self.on_gap is not OnGap.HOLD else ""
        return f"{self.metric} {self.test}{floor}{gap}"

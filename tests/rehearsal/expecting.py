"""When a condition should trip, worked out from its text alone: none of the console's own judging is asked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from console.core.rollouts.plan import Phase
from console.core.series import EPOCH
from console.core.system import System

UNITS = {
    "%": 0.01, "ns": 1e-9, "ms": 1e-3, "s": 1, "m": 60, "h": 3600, "d": 86400, "MB": 1e6, "GB": 1e9, "kB": 1e3,
    "/s": 1, "/min": 1 / 60, "/h": 1 / 3600, "ticks": 1, "": 1,
}  # fmt: skip
COMPARED = re.compile(
    r"(?P<metric>\w+)\s*(?P<op>[<>=]+)\s*(?P<number>[\d.,]+)\s*(?P<unit>%|/?[A-Za-z]*)"
    r"(?:\s+(?P<how>for|over)\s+(?P<span>\d+)(?P<of>[smhd]))?"
)
FAILS = re.compile(r"(?P<check>\w+) fails (?P<times>\d+) times")
RANGE = re.compile(r"\[(\d+)([smhd])[\]:]")
ONE_TICK = timedelta(seconds=1)


@dataclass(frozen=True)
class Told:
    """A condition's parts. at: the threshold in its base unit; times: of failed checks, else 0."""

    metric: str
    operator: str
    at: float
    lasting: timedelta
    over: timedelta
    step: timedelta
    reads: timedelta
    times: int = 0

    @property
    def breach(self) -> float:
        """A value just past the threshold."""
        if self.at == 0:
            return 1.0
        return self.at * (1.01 if ">" in self.operator else 0.99)


def told(text: str, system: System, phase: Phase) -> Told:
    """Read a condition's text."""
    if found := FAILS.fullmatch(text):
        environment = system.environment(phase.environment)
        assert environment is not None
        every = next(check.every for check in environment.health if check.name == found["check"])
        none = timedelta(0)
        return Told(found["check"], "fails", 0, none, none, every, none, int(found["times"]))
    match = COMPARED.fullmatch(text)
    assert match is not None, text
    metric = system.metric(match["metric"])
    assert metric is not None
    span = timedelta(seconds=int(match["span"] or 0) * UNITS[match["of"] or ""])
    ranges = [int(number) * UNITS[unit] for number, unit in RANGE.findall(metric.query)]
    if metric.source.value == "log":
        ranges = [3600]
    return Told(
        metric=match["metric"],
        operator=match["op"],
        at=float(match["number"].replace(",", "")) * UNITS[match["unit"]],
        lasting=span if match["how"] == "for" else timedelta(0),
        over=span if match["how"] == "over" else timedelta(0),
        step=metric.step,
        reads=timedelta(seconds=max(ranges, default=0)),
    )


def on_grid(at: datetime, step: timedelta) -> datetime:
    """The first grid point that is not before `at`."""
    return EPOCH + -((EPOCH - at) // step) * step


def first_counted(condition: Told, confirmed: datetime, begins: datetime) -> datetime:
    """The first point that is both in the breach and of the phase, what its query reads back included."""
    return on_grid(max(begins, confirmed + condition.reads), condition.step)


def trips_at(condition: Told, confirmed: datetime, begins: datetime) -> datetime:
    """The second at which the condition trips, breached from `begins` on and for good."""
    if condition.times:
        return on_grid(begins, condition.step) + condition.step * (condition.times - 1)
    first = first_counted(condition, confirmed, begins)
    return on_grid(first + condition.lasting, condition.step)

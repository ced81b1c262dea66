"""What a rehearsal is told: a scenario, and how it becomes a script for one plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from itertools import pairwise

from console.core.rollouts.plan import Phase, Rule
from console.core.terms import Average, Comparison, FailedChecks, OnGap, Operator
from console.core.units import Dimension, Unit
from console.core.view import predicate
from console.engine.scripted import Broken, Failing, Flap, Gone, Level, Ramp, Shape
from console.engine.scripted_people import People

HERE = "here"
NOBODY_ABSENT = People()


class When(Enum):
    """What a moment of a scenario is told from. CONFIRMED: the phase's change is there, and its soak begins."""

    START = "start"
    BEGUN = "begin"
    CONFIRMED = "phase"
    READY = "ready"
    ABSOLUTE = "at"


@dataclass(frozen=True, slots=True)
class Anchor:
    """A moment: so long after something. phase: its name, `here` for the phase a run is about, empty where none is
    meant. part: a share of the phase's soak besides. at: of an absolute one.
    """

    when: When
    phase: str = ""
    after: timedelta = timedelta(0)
    at: datetime | None = None
    part: float = 0.0


@dataclass(frozen=True, slots=True)
class Entry:
    """What a metric or a health check does from a moment on. lasts: None is until something else begins."""

    name: str
    at: Anchor
    shape: Shape
    lasts: timedelta | None = None


class Doing(Enum):
    """What a metric that is chosen from the plan's own conditions does."""

    TRIP = "trip"
    LEAK = "leak"
    FLAP = "flap"
    GONE = "gone"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Chosen:
    """An entry whose metric is taken from the conditions of the phase `here`. prefer: words of the metric wanted most.
    every: not one, but every metric the phase is judged by. span: of a leak how long it rises, of a flap its period.
    """

    at: Anchor
    doing: Doing
    prefer: tuple[str, ...] = ()
    every: bool = False
    span: timedelta | None = None
    lasts: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Outage:
    """A stretch without the watcher or without Prometheus. kept: what it measured meanwhile can be read afterwards."""

    of: str
    at: Anchor
    lasts: timedelta
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """An apply that fails the first `times` times. phase: a name or `here`. what: `apply`, `settings`, `roll back`."""

    phase: str
    why: str
    times: int = 1
    what: str = "apply"


@dataclass(frozen=True, slots=True)
class Deed:
    """Something a person does at a moment of their own: `hold`, `resume`, `promote`, `rollback`, `abort`, `retry`."""

    at: Anchor
    what: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario as its file has it. starts: when the rollout is started; None is as the plan's dates have it. weekday:
    move that to the first such day. lasts: how long is rehearsed at most. each: one run for each phase in turn.
    """

    name: str
    title: str = ""
    about: str = ""
    starts: datetime | None = None
    weekday: tuple[int, int, int] | None = None
    lasts: timedelta = timedelta(days=120)
    each: bool = False
    applying: timedelta = timedelta(minutes=2)
    entries: tuple[Entry, ...] = ()
    chosen: tuple[Chosen, ...] = ()
    outages: tuple[Outage, ...] = ()
    failures: tuple[Failure, ...] = ()
    deeds: tuple[Deed, ...] = ()
    people: People = NOBODY_ABSENT


class NoSteadyValue(ValueError):
    """No value exists at which every gate passes and no criterion trips; the message names the conditions."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A condition on a value: whether it is to hold."""

    rule: str
    test: Comparison | Average
    holds: bool

    def met(self, value: float) -> bool:
        """Whether the value does as is wanted."""
        return predicate(self.test.operator, self.test.threshold.base)(value) is self.holds


def wanted_of(phases: Sequence[Phase], metric: str) -> tuple[Wanted, ...]:
    """What these phases want of a metric: gates and preconditions to hold, criteria not to, floors to be reached."""
    found: list[Wanted] = []
    for phase in phases:
        for holds, rules in ((True, (*phase.gates, *phase.preconditions.conditions)), (False, phase.criteria)):
            for rule in rules:
                test, floor = rule.condition.test, rule.condition.floor
                if rule.condition.metric == metric and isinstance(test, Comparison | Average):
                    found.append(Wanted(rule.text, test, holds))
                if floor is not None and floor.metric == metric:
                    found.append(Wanted(rule.text, Comparison(Operator.AT_LEAST, floor.least), True))
    return tuple(found)


def good_value(metric: str, unit: Unit, wanted: Sequence[Wanted]) -> float:
    """A value with which everything wanted is so: half the lowest threshold where that will do. Raises NoSteadyValue.

    wanted: of one metric.
    """
    for value in _candidates(unit, wanted):
        if all(one.met(value) for one in wanted):
            return value
    told = ", ".join(f"`{one.rule}`" for one in wanted)
    raise NoSteadyValue(f"no value of {metric} keeps every gate passing and every criterion quiet: {told}")


def _candidates(unit: Unit, wanted: Sequence[Wanted]) -> Iterator[float]:
    limits = sorted({one.test.threshold.base for one in wanted})
    if not limits:
        yield unit.factor if unit.dimension is not Dimension.RATIO else 0.5
        return
    yield from (limit / 2 for limit in limits if limit)
    yield from ((low + high) / 2 for low, high in pairwise(limits))
    if unit.dimension is Dimension.RATIO:
        yield from ((limit + 1) / 2 for limit in limits if limit < 1)
    yield limits[-1] * 2
    yield limits[-1] + unit.factor
    yield 0.0
    yield limits[0] - unit.factor
    yield from limits


def trip_value(rule: Rule) -> float | None:
    """A value at which the comparison of a rule holds: twice the threshold where that will do; None where none does."""
    test = rule.condition.test
    if not isinstance(test, Comparison | Average):
        return None
    limit, unit = test.threshold.base, test.threshold.unit
    tries = [limit * 2, limit + unit.factor, limit / 2, limit - unit.factor, limit]
    if unit.dimension is Dimension.RATIO and 0 < limit < 1:
        tries.insert(0, min(limit * 2, (limit + 1) / 2))
    holds = predicate(test.operator, limit)
    return next((value for value in tries if holds(value)), None)


def miss_value(rule: Rule) -> float | None:
    """A value at which a gate does not hold: the other side of its threshold, twice as far."""
    test = rule.condition.test
    if not isinstance(test, Comparison | Average):
        return None
    limit, unit = test.threshold.base, test.threshold.unit
    holds = predicate(test.operator, limit)
    tries = (limit * 2, limit + unit.factor, limit / 2, limit - unit.factor, limit)
    return next((value for value in tries if not holds(value)), None)


def chosen_entries(chosen: Chosen, phase: Phase, good: dict[str, float]) -> tuple[tuple[Entry, ...], str]:
    """A chosen entry for this phase, and what was chosen as a sentence; no entries where the phase has nothing to it.

    good: the usual value of each metric.
    """
    match chosen.doing:
        case Doing.GONE | Doing.ERROR:
            return _silenced(chosen, phase)
        case Doing.TRIP:
            for rule in _preferred(chosen, phase.criteria):
                shape: Shape | None = None
                if isinstance(rule.condition.test, FailedChecks):
                    shape = Failing()
                elif (value := trip_value(rule)) is not None:
                    shape = Level(value)
                if shape is not None:
                    return (_entry(chosen, rule, shape),), f"{rule.condition.metric} breaches `{rule.text}`"
            return (), f"{phase.shown} has no criterion that a value could breach"
        case Doing.LEAK:
            for rule, past in _limits(chosen, phase):
                span = chosen.span or timedelta(hours=12)
                shape = Ramp(good[rule.condition.metric], past, span)
                return (_entry(chosen, rule, shape),), f"{rule.condition.metric} creeps past `{rule.text}`"
            return (), f"{phase.shown} has no condition that a value could creep past"
        case Doing.FLAP:
            return _flapping(chosen, phase, good)


def _silenced(chosen: Chosen, phase: Phase) -> tuple[tuple[Entry, ...], str]:
    """Some or every metric of the phase without samples, or with a failing source."""
    rules = _preferred(chosen, (*phase.gates, *phase.criteria))
    if not chosen.every:
        rules = rules[:1]
    names = dict.fromkeys(name for rule in rules for name in rule.condition.metrics)
    shape = Gone() if chosen.doing is Doing.GONE else Broken("no answer, by the scenario")
    entries = tuple(Entry(name, chosen.at, shape, chosen.lasts) for name in names)
    if not entries:
        return (), f"{phase.shown} is judged by no metric"
    verb = "without samples" if chosen.doing is Doing.GONE else "cannot be read"
    return entries, f"{verb}: {', '.join(names)}"


def _flapping(chosen: Chosen, phase: Phase, good: dict[str, float]) -> tuple[tuple[Entry, ...], str]:
    """A metric between its usual value and one that breaches, too shortly for any criterion with a `for`."""
    for rule in _preferred(chosen, (*phase.criteria, *phase.gates)):
        test, metric = rule.condition.test, rule.condition.metric
        gate = rule in phase.gates
        value = miss_value(rule) if gate else trip_value(rule)
        if value is None or not isinstance(test, Comparison) or rule.condition.on_gap is OnGap.TRIP:
            continue
        others = [one for one in phase.criteria if one.condition.metric == metric]
        reached = [one for one in others if _reaches(one, value)]
        if any(_at_once(one) for one in reached):
            continue
        shortest = min((_lasting(one) for one in reached), default=timedelta(minutes=10))
        period = min(chosen.span or shortest, shortest)
        shape = Flap(value, good[metric], period)
        return (_entry(chosen, rule, shape),), f"{metric} flaps across the limit of `{rule.text}`"
    return (), f"{phase.shown} has no condition that a flapping value would neither trip nor satisfy"


def _reaches(rule: Rule, value: float) -> bool:
    test = rule.condition.test
    return isinstance(test, Comparison | Average) and predicate(test.operator, test.threshold.base)(value)


def _at_once(rule: Rule) -> bool:
    return not (isinstance(rule.condition.test, Comparison) and rule.condition.test.lasting)


def _lasting(rule: Rule) -> timedelta:
    test = rule.condition.test
    return test.lasting if isinstance(test, Comparison) else timedelta(0)


def _limits(chosen: Chosen, phase: Phase) -> Iterator[tuple[Rule, float]]:
    """Rules that a rising or falling value passes, with a value past them; of two alike the criterion first."""
    for rule in _preferred(chosen, (*phase.criteria, *phase.gates)):
        value = miss_value(rule) if rule in phase.gates else trip_value(rule)
        if value is not None:
            yield rule, value


def _preferred(chosen: Chosen, rules: Sequence[Rule]) -> list[Rule]:
    """The rules, those on a metric with a preferred word first, and of them those that last longest first."""

    def rank(rule: Rule) -> tuple[int, float]:
        words = [place for place, word in enumerate(chosen.prefer) if word in rule.condition.metric]
        return (min(words, default=len(chosen.prefer)), -_lasting(rule).total_seconds())

    return sorted(rules, key=rank)


def _entry(chosen: Chosen, rule: Rule, shape: Shape) -> Entry:
    return Entry(rule.condition.metric, chosen.at, shape, chosen.lasts)

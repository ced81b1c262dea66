"""The condition grammar: text such as `error_rate > 5% for 5m`, parsed and checked for dimensions.

    metric op number[unit] [for D | over D]        op: > >= < <= = == !=
    metric stable within P over D                  P: a percentage of the mean, or a quantity of the metric's dimension
    metric fresh within D
    check fails N times

and after any of them, in this order, `if METRIC >= number[unit]` (a floor: where that metric is lower, the point is not
known; not with `fresh` and `fails`) and `on gap hold|reset|trip` (not with `over`, `stable`, `fresh` and `fails`).
Keywords are read in any case; commas before the options are allowed. A bare 0 is zero of any dimension.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import timedelta
from difflib import get_close_matches

from console.core.terms import (
    Average,
    Comparison,
    Condition,
    FailedChecks,
    Floor,
    Freshness,
    OnGap,
    Operator,
    Stability,
    Test,
)
from console.core.units import UNITS, Dimension, Quantity, Unit, UnitError, parse_duration, parse_quantity

__all__ = [
    "Average",
    "Comparison",
    "Condition",
    "ConditionError",
    "FailedChecks",
    "Floor",
    "Freshness",
    "OnGap",
    "Operator",
    "Stability",
    "Test",
    "parse_condition",
]

_NAME = r"[A-Za-z_@][\w.:-]*"
_OPERATORS = {
    ">": Operator.ABOVE,
    ">=": Operator.AT_LEAST,
    "≥": Operator.AT_LEAST,
    "<": Operator.BELOW,
    "<=": Operator.AT_MOST,
    "≤": Operator.AT_MOST,
    "=": Operator.EQUAL,
    "==": Operator.EQUAL,
    "!=": Operator.UNEQUAL,
    "≠": Operator.UNEQUAL,
}
_MISSPELT = {"=>": ">=", "=<": "<=", "<>": "!=", "===": "==", ">>": ">", "<<": "<", "!==": "!=", "!": "!="}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "==": "==", "!=": "!="}
_OPTIONS = re.compile(
    r"(?P<main>.*?)(?:,? if (?P<floor>.*?))?(?:,? on[ _-]?gap ?[:=]? ?(?P<gap>\S*))?", re.IGNORECASE | re.DOTALL
)
_STABLE = re.compile(rf"(?P<name>{_NAME}) (?:is )?stable\b(?P<rest>.*)", re.IGNORECASE)
_FRESH = re.compile(rf"(?P<name>{_NAME}) (?:is )?fresh\b(?P<rest>.*)", re.IGNORECASE)
_FAILS = re.compile(rf"(?P<name>{_NAME}) fails?\b(?P<rest>.*)", re.IGNORECASE)
_COMPARED = re.compile(rf"(?P<name>{_NAME}) ?(?P<op>[<>=!≥≤≠]+) ?(?P<rest>[^<>=!≥≤≠]*)")
_MOST_FAULTS = 5
_REVERSED = re.compile(rf"(?P<number>[^<>=!]+?) ?(?P<op>[<>=!]+) ?(?P<name>{_NAME})")


class ConditionError(ValueError):
    """A condition that cannot be judged. wrong: what is the matter; right: the text that would do, or empty."""

    def __init__(self, wrong: str, right: str = "") -> None:
        super().__init__(f"{wrong}; write `{right}`" if right else wrong)
        self.wrong = wrong
        self.right = right


class _Wrong(Exception):
    """A fault found in the text: `bad` of it should be `good`; where `bad` is empty, `good` stands for all of it."""

    def __init__(self, wrong: str, good: str = "", bad: str = "") -> None:
        super().__init__(wrong)
        self.good = good
        self.bad = bad

    def right(self, text: str) -> str:
        """The whole text with the fault put right."""
        if not self.bad:
            return self.good
        return re.sub(rf"(?<![\w.]){re.escape(self.bad)}(?![\w.%/])", lambda _: self.good, text, count=1)


def parse_condition(
    text: str,
    metrics: Mapping[str, Unit],
    checks: Collection[str] = (),
    *,
    on_gap: str | None = None,
    min_requests: str | None = None,
) -> Condition:
    """Parse a condition over these metrics (with their units) and health checks.

    on_gap: `hold`, `reset` or `trip`; min_requests: `METRIC >= number[unit]`, or a bare number of the metric named
    `requests`. They say the same as the options in the text; given in both places they are an error, unless equal.
    Raises ConditionError; the text it says would be right is one that parses.
    """
    written = " ".join(text.split())
    try:
        return _parse(text, written, metrics, checks, on_gap, min_requests)
    except _Wrong as wrong:
        right = wrong.right(written)
        for _ in range(_MOST_FAULTS):
            try:
                _parse(right, right, metrics, checks, None, None)
                break
            except _Wrong as next_wrong:
                right = next_wrong.right(right)
        else:
            right = ""
        raise ConditionError(str(wrong), right) from wrong.__cause__


def _parse(
    text: str,
    written: str,
    metrics: Mapping[str, Unit],
    checks: Collection[str],
    on_gap: str | None,
    min_requests: str | None,
) -> Condition:
    if not written:
        raise _Wrong("the condition is empty", _example(metrics, checks))
    options = _OPTIONS.fullmatch(written)
    assert options is not None
    main = options["main"].strip()
    test, name = _main(main, metrics, checks)
    on_gaps = {_gap(word, f"{name} {test}") for word in (options["gap"], on_gap) if word is not None}
    floors = {_floor(asked, metrics) for asked in (options["floor"], min_requests) if asked is not None}
    if len(on_gaps) > 1 or len(floors) > 1:
        raise _Wrong(f"`{written}` and the option beside it ask for different things", main)
    gap, floor = next(iter(on_gaps), None), next(iter(floors), None)
    if gap is not None and not isinstance(test, Comparison):
        raise _Wrong(f"`on gap` belongs to a comparison at each point, not to `{test}`", f"{name} {test}")
    if floor is not None and isinstance(test, Freshness | FailedChecks):
        raise _Wrong(f"a floor on another metric does not bear on `{test}`", f"{name} {test}")
    return Condition(text, name, test, gap or OnGap.HOLD, floor)


def _main(text: str, metrics: Mapping[str, Unit], checks: Collection[str]) -> tuple[Test, str]:
    """The test and the name it is on."""
    if match := _STABLE.fullmatch(text):
        name = _metric(match["name"], metrics)
        return _stable(name, match["rest"].strip(), metrics), name
    if match := _FRESH.fullmatch(text):
        name = _metric(match["name"], metrics)
        rest = re.fullmatch(r"(?:within )?(.+)", match["rest"].strip(), re.IGNORECASE)
        if rest is None:
            raise _Wrong(f"`{text}` does not say how fresh", f"{name} fresh within 5m")
        return Freshness(_span(rest[1])), name
    if match := _FAILS.fullmatch(text):
        return _fails(match["name"], match["rest"].strip(), checks), match["name"]
    if match := _COMPARED.fullmatch(text):
        name = match["name"]
        if match["op"] in _MISSPELT:
            right = text.replace(match["op"], _MISSPELT[match["op"]], 1)
            raise _Wrong(f"`{match['op']}` is no comparison", right, text)
        if match["op"] not in _OPERATORS:
            raise _Wrong(f"`{match['op']}` is no comparison; there are > >= < <= = == !=")
        if name in checks and name not in metrics:
            raise _Wrong(f"`{name}` is a health check and has no number to compare", f"{name} fails 3 times")
        return _compared(_metric(name, metrics), _OPERATORS[match["op"]], match["rest"].strip(), metrics), name
    raise _unreadable(text, metrics, checks)


def _unreadable(text: str, metrics: Mapping[str, Unit], checks: Collection[str]) -> _Wrong:
    """What is the matter with text of none of the forms."""
    if joined := re.search(r"\s(and|or|&&|\|\|)\s", text, re.IGNORECASE):
        return _Wrong(
            f"`{text}` joins two conditions with `{joined[1]}`; each condition stands on a line of its own",
            text[: joined.start()].strip(),
        )
    if (match := _REVERSED.fullmatch(text)) and match["op"] in _MIRRORED:
        return _Wrong(
            f"the metric comes first in `{text}`",
            f"{match['name']} {_MIRRORED[match['op']]} {match['number']}",
            text,
        )
    name = re.match(_NAME, text)
    if name is None:
        return _Wrong(f"`{text}` does not begin with a metric's name", _example(metrics, checks))
    known = _metric(name[0], metrics)
    return _Wrong(f"`{text}` is no condition", f"{known} > {_sample(metrics[known])} for 5m")


def _compared(name: str, operator: Operator, rest: str, metrics: Mapping[str, Unit]) -> Test:
    unit = metrics[name]
    start = f"{name} {operator.value}"
    number, *spans = re.split(r"(?:^|\s)(for|over)(?:\s|$)", rest, flags=re.IGNORECASE)
    if not number.strip():
        raise _Wrong(f"`{start} {rest}".rstrip() + "` has no number", f"{start} {_sample(unit)} {rest}".rstrip())
    threshold = _quantity(number.strip(), name, unit)
    if not spans:
        return Comparison(operator, threshold)
    word, asked = spans[0].lower(), spans[1].strip()
    if len(spans) > 2:
        raise _Wrong(
            f"`{rest}` has more than one span; a condition has one of `for` and `over`",
            f"{start} {threshold} {word} {asked or '5m'}",
        )
    if not asked:
        raise _Wrong(f"`{start} {rest}` does not say how long", f"{start} {threshold} {word} 5m")
    span = _span(asked)
    return Comparison(operator, threshold, span) if word == "for" else Average(operator, threshold, span)


def _stable(name: str, rest: str, metrics: Mapping[str, Unit]) -> Stability:
    unit = metrics[name]
    right = f"{name} stable within 5% over 1h"
    match = re.fullmatch(r"within (?P<within>.+?) over (?P<span>.+)", rest, re.IGNORECASE)
    if match is None:
        raise _Wrong(f"`{name} stable {rest}".rstrip() + "` does not say within what, over how long", right)
    try:
        within = parse_quantity(match["within"], {unit.symbol: unit})
    except UnitError as error:
        raise _Wrong(error.wrong, error.right or "5%", match["within"]) from error
    if within.unit.dimension is not Dimension.RATIO and not _same_kind(within.unit, unit):
        raise _Wrong(
            f"`{match['within']}` is neither a percentage nor {_measured(unit)}, as {name} is", "5%", match["within"]
        )
    if within.value < 0:
        raise _Wrong(f"`{match['within']}` is negative, and nothing is within it", "5%", match["within"])
    return Stability(within, _span(match["span"]))


def _fails(name: str, rest: str, checks: Collection[str]) -> FailedChecks:
    if name not in checks:
        near = get_close_matches(name, checks, 1) or sorted(checks)[:1]
        known = ", ".join(sorted(checks)) or "none"
        raise _Wrong(f"`{name}` is no health check here (there are: {known})", near[0] if near else "", name)
    match = re.fullmatch(r"([\d,_]+)(?: times?)?(?: in a row)?", rest, re.IGNORECASE)
    times = int(re.sub(r"\D", "", match[1]) or 0) if match else 0
    if times < 1:
        said = f"{name} fails {rest}".rstrip()
        raise _Wrong(f"`{said}` does not say how many times in a row", f"{name} fails 3 times")
    return FailedChecks(times)


def _gap(word: str, condition: str) -> OnGap:
    try:
        return OnGap(word.strip().lower())
    except ValueError as error:
        said = f"`{word}` is nothing" if word else "`on gap` does not say what"
        raise _Wrong(f"{said} a gap can do: hold, reset or trip", f"{condition} on gap hold") from error


def _floor(text: str, metrics: Mapping[str, Unit]) -> Floor:
    """A floor, from `METRIC >= number` or a number of `requests`."""
    asked = " ".join(str(text).split())
    match = re.fullmatch(rf"(?:(?P<name>{_NAME}) ?(?P<op>[<>=!≥≤≠]+) ?)?(?P<number>.*)", asked)
    assert match is not None
    number = match["number"]
    if match["op"] not in (None, ">=", "≥"):
        raise _Wrong(
            f"a floor is the least that is enough, so `{asked}` cannot be one", f"{match['name']} >= {number}", asked
        )
    name = match["name"] or "requests"
    if match["name"] is None and name not in metrics:
        raise _Wrong(
            f"`{asked}` does not name the metric it is a floor of", f"{_near(name, metrics)} >= {number}", asked
        )
    return Floor(_metric(name, metrics), _quantity(number, name, metrics[name]))


def _quantity(text: str, name: str, unit: Unit) -> Quantity:
    """A number of the metric's dimension."""
    try:
        quantity = parse_quantity(text, {unit.symbol: unit})
    except UnitError as error:
        number = re.match(r"\d[\d,_.]*", text)
        right = error.right or (f"{number[0]} {unit.symbol}".rstrip() if number else _sample(unit))
        raise _Wrong(error.wrong, right, text) from error
    if _same_kind(quantity.unit, unit):
        return quantity
    if quantity.value == 0 and quantity.unit.symbol == "":
        return Quantity(0.0, unit)
    raise _Wrong(
        f"{name} is {_measured(unit)}, and `{text}` is {_measured(quantity.unit)}",
        str(_converted(quantity, unit)),
        text,
    )


def _same_kind(one: Unit, other: Unit) -> bool:
    """Whether numbers of these units compare: one dimension, and not counts of two different things."""
    counted_apart = one.dimension is Dimension.COUNT and one.symbol and other.symbol and one.symbol != other.symbol
    return one.dimension is other.dimension and not counted_apart


def _measured(unit: Unit) -> str:
    words = {
        Dimension.RATIO: "a ratio",
        Dimension.SECONDS: "a time",
        Dimension.BYTES: "a number of bytes",
        Dimension.RATE: "a count per time",
    }
    return words.get(unit.dimension) or (f"a count of {unit.symbol}" if unit.symbol else "a count")


def _converted(quantity: Quantity, unit: Unit) -> Quantity:
    """The same number in the metric's own unit; a bare fraction for a ratio is taken for its percentage."""
    if unit.dimension is Dimension.RATIO:
        times = 100 if quantity.unit.symbol == "" and abs(quantity.value) < 1 else 1
        return Quantity(float(f"{quantity.value * times:.12g}"), UNITS["%"])
    return Quantity(quantity.value, unit)


def _sample(unit: Unit) -> str:
    """A threshold as it could read for this unit."""
    return str(Quantity(5.0, UNITS["%"] if unit.dimension is Dimension.RATIO else unit))


def _span(text: str) -> timedelta:
    """A span that is longer than nothing."""
    try:
        span = parse_duration(text)
    except UnitError as error:
        raise _Wrong(error.wrong, error.right or "5m", text) from error
    if not span:
        raise _Wrong(f"`{text}` is no length of time", "5m", text)
    return span


def _metric(name: str, metrics: Mapping[str, Unit]) -> str:
    if name in metrics:
        return name
    known = ", ".join(sorted(metrics)) or "none"
    raise _Wrong(f"`{name}` is no metric here (there are: {known})", _near(name, metrics), name)


def _near(name: str, metrics: Mapping[str, Unit]) -> str:
    """The metric that was probably meant."""
    return (get_close_matches(name, metrics, 1) or sorted(metrics)[:1] or ["METRIC"])[0]


def _example(metrics: Mapping[str, Unit], checks: Collection[str]) -> str:
    for name, unit in metrics.items():
        return f"{name} > {_sample(unit)} for 5m"
    return next((f"{check} fails 3 times" for check in checks), "error_rate > 5% for 5m")

"""Binary operators: between scalars, a vector and a scalar, and two vectors with on, ignoring and group."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from console.sources.promql import numbers
from console.sources.promql.errors import PromqlError
from console.sources.promql.instants import Point
from console.sources.promql.labels import Labels, drop_name, keep, labels_of, leave_out, show

Vector = list[Point]

ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": numbers.divide,
    "%": numbers.remainder,
    "^": numbers.power,
}
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}
SET_OPERATORS = frozenset({"and", "or", "unless"})


class Cardinality(Enum):
    """Which side may have several series for one match."""

    ONE_TO_ONE = "one"
    MANY_TO_ONE = "left"
    ONE_TO_MANY = "right"


@dataclass(frozen=True, slots=True)
class Matching:
    """How the series of two sides find each other.

    names: the labels of `on` (only these count) or of `ignoring` (all but these count). included: the labels taken
    over from the side that has one series.
    """

    on: bool
    names: frozenset[str]
    cardinality: Cardinality
    included: tuple[str, ...]

    def signature(self, labels: Labels) -> Labels:
        """What must be equal on both sides."""
        return keep(labels, self.names) if self.on else leave_out(labels, self.names)

    def result(self, many: Labels, one: Labels, *, named: bool) -> Labels:
        """The labels of a result; named: whether the operator keeps the metric's name."""
        labels = many if named else drop_name(many)
        if self.cardinality is Cardinality.ONE_TO_ONE:
            if self.on:
                return keep(labels, self.names)
            return tuple(pair for pair in labels if pair[0] not in self.names)
        if not self.included:
            return labels
        pairs, source = dict(labels), dict(one)
        pairs.update({name: source.get(name, "") for name in self.included})
        return labels_of(pairs)


def unique(vector: Vector) -> Vector:
    """The vector itself. Raises PromqlError where two of its series have the same labels."""
    if len({labels for labels, _ in vector}) != len(vector):
        raise PromqlError("promql: two series of the result have the same labels; keep a label that tells them apart")
    return vector


def scalar_with_scalar(symbol: str, left: float, right: float) -> float:
    """Arithmetic, or a comparison with `bool`."""
    if compare := COMPARISONS.get(symbol):
        return 1.0 if compare(left, right) else 0.0
    return ARITHMETIC[symbol](left, right)


class Keeps(Enum):
    """What a comparison gives: the vector's own value where it holds, or 1 and 0 (`bool`)."""

    VALUE = "filter"
    TRUTH = "bool"


def vector_with_scalar(symbol: str, vector: Iterable[Point], scalar: float, keeps: Keeps) -> Vector:
    """`vector symbol scalar`."""
    if compare := COMPARISONS.get(symbol):
        if keeps is Keeps.VALUE:
            return [point for point in vector if compare(point[1], scalar)]
        return unique([(drop_name(labels), 1.0 if compare(value, scalar) else 0.0) for labels, value in vector])
    work = ARITHMETIC[symbol]
    return unique([(drop_name(labels), work(value, scalar)) for labels, value in vector])


def scalar_with_vector(symbol: str, scalar: float, vector: Iterable[Point], keeps: Keeps) -> Vector:
    """`scalar symbol vector`; a filter gives the vector's value."""
    if compare := COMPARISONS.get(symbol):
        if keeps is Keeps.VALUE:
            return [point for point in vector if compare(scalar, point[1])]
        return unique([(drop_name(labels), 1.0 if compare(scalar, value) else 0.0) for labels, value in vector])
    work = ARITHMETIC[symbol]
    return unique([(drop_name(labels), work(scalar, value)) for labels, value in vector])


def set_operation(symbol: str, left: Vector, right: Vector, matching: Matching) -> Vector:
    """`and`, `or`, `unless`."""
    signature = matching.signature
    if symbol == "or":
        held = {signature(labels) for labels, _ in left}
        return unique(left + [point for point in right if signature(point[0]) not in held])
    other = {signature(labels) for labels, _ in right}
    if symbol == "and":
        return [point for point in left if signature(point[0]) in other]
    return [point for point in left if signature(point[0]) not in other]


def vector_with_vector(symbol: str, left: Vector, right: Vector, matching: Matching, keeps: Keeps) -> Vector:
    """One-to-one, or many-to-one with group_left and group_right. Source: Prometheus's VectorBinop."""
    if not left or not right:
        return []
    swapped = matching.cardinality is Cardinality.ONE_TO_MANY
    many, one = (right, left) if swapped else (left, right)
    partners = _partners(one, matching, "left" if swapped else "right")
    compare = COMPARISONS.get(symbol)
    named = compare is not None and keeps is Keeps.VALUE
    result: Vector = []
    seen: dict[Labels, set[Labels]] = {}
    for labels, value in many:
        signature = matching.signature(labels)
        partner = partners.get(signature)
        if partner is None:
            continue
        first, second = (partner[1], value) if swapped else (value, partner[1])
        if compare is None:
            outcome = ARITHMETIC[symbol](first, second)
        elif keeps is Keeps.TRUTH:
            outcome = 1.0 if compare(first, second) else 0.0
        elif compare(first, second):
            outcome = first
        else:
            continue
        combined = matching.result(labels, partner[0], named=named)
        _refuse_repeats(seen, signature, combined, matching)
        result.append((combined, outcome))
    return unique(result)


def _partners(one: Sequence[Point], matching: Matching, side: str) -> dict[Labels, Point]:
    partners: dict[Labels, Point] = {}
    for point in one:
        signature = matching.signature(point[0])
        if signature in partners:
            raise PromqlError(
                f"promql: {show(partners[signature][0])} and {show(point[0])} match the same series on the {side} side "
                f"of an operator; add labels to on(), or aggregate one side"
            )
        partners[signature] = point
    return partners


def _refuse_repeats(seen: dict[Labels, set[Labels]], signature: Labels, combined: Labels, matching: Matching) -> None:
    earlier = seen.setdefault(signature, set())
    if matching.cardinality is Cardinality.ONE_TO_ONE:
        if earlier:
            raise PromqlError(
                f"promql: several series match {show(signature)} on the left side of an operator; "
                f"say group_left or group_right, or aggregate one side"
            )
    elif combined in earlier:
        raise PromqlError(f"promql: several results are {show(combined)}; keep a label that tells them apart")
    earlier.add(combined)

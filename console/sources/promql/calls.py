"""The functions that a query may call, and what to use instead of those it may not."""

from __future__ import annotations

import math
from typing import Any, Protocol

from console.sources.promql.errors import OutsideSubset
from console.sources.promql.instants import INSTANT_FUNCTIONS, Point, clamp, histogram_quantile, round_to
from console.sources.promql.labels import NAME, drop_name, labels_of
from console.sources.promql.matching import Vector, unique
from console.sources.promql.nodes import InstantSelector, Moment, RangeSelector, ScalarNode, VectorNode
from console.sources.promql.ranges import KEEPS_NAME, RANGE_FUNCTIONS

_INSTEAD = {
    "holt_winters": "use avg_over_time",
    "double_exponential_smoothing": "use avg_over_time",
    "predict_linear": "use delta",
    "deriv": "use delta",
    "mad_over_time": "use stddev_over_time",
    "absent_over_time": "use absent",
    "sort": "leave it out",
    "sort_desc": "leave it out",
    "label_replace": "use by and without",
    "label_join": "use by and without",
}


def instead_of(name: str) -> str:
    """What to use instead of a function outside of the subset."""
    own = _INSTEAD.get(name)
    server = "have a Prometheus server evaluate this metric"
    return f"{own}, or {server}" if own else f"use one of {', '.join(FUNCTIONS[:6])} …, or {server}"


FUNCTIONS = (
    *RANGE_FUNCTIONS,
    *INSTANT_FUNCTIONS,
    "histogram_quantile",
    "round",
    "clamp",
    "clamp_min",
    "clamp_max",
    "scalar",
    "vector",
    "time",
    "timestamp",
    "absent",
)


class Compiling(Protocol):
    """What a call asks of the compiler that meets it: the nodes of its arguments, and refusals in the query's words.

    selectors: every selector of the query so far.
    """

    selectors: list[InstantSelector | RangeSelector]

    def vector(self, tree: Any) -> VectorNode:
        """The node of an instant vector."""

    def scalar(self, tree: Any) -> ScalarNode:
        """The node of a scalar."""

    def range(self, tree: Any) -> RangeSelector:
        """A range selector."""

    def instant(self, tree: Any) -> InstantSelector:
        """The selector of a plain metric."""

    def refuse(self, name: str, instead: str) -> OutsideSubset:
        """What is raised for something outside of the subset."""


def compile_call(compiler: Compiling, name: str, arguments: list[Any]) -> ScalarNode | VectorNode:
    """The node of one call; the grammar has checked number and kinds of the arguments. Raises OutsideSubset."""
    if name in RANGE_FUNCTIONS:
        return _over_range(compiler, name, arguments)
    if name in INSTANT_FUNCTIONS:
        work, values = INSTANT_FUNCTIONS[name], compiler.vector(arguments[0]).run
        return VectorNode(lambda moment: unique([(drop_name(labels), work(v)) for labels, v in values(moment)]))
    if name == "time":
        return ScalarNode(lambda moment: moment.at / 1000)
    if name == "vector":
        number = compiler.scalar(arguments[0]).run
        return VectorNode(lambda moment: [((), number(moment))])
    if name == "scalar":
        only = compiler.vector(arguments[0]).run
        return ScalarNode(lambda moment: _only(only(moment)))
    if name == "histogram_quantile":
        share, buckets = compiler.scalar(arguments[0]).run, compiler.vector(arguments[1]).run
        return VectorNode(lambda moment: histogram_quantile(share(moment), buckets(moment)))
    if name == "timestamp":
        return _timestamp(compiler, arguments[0])
    if name == "absent":
        return _absent(compiler, arguments[0])
    if name == "round" or name.startswith("clamp"):
        return _with_limits(compiler, name, arguments)
    raise compiler.refuse(name, instead_of(name))


def _over_range(compiler: Compiling, name: str, arguments: list[Any]) -> VectorNode:
    function, named = RANGE_FUNCTIONS[name], name in KEEPS_NAME
    selector = compiler.range(arguments[-1])
    if len(arguments) == 1:
        return VectorNode(lambda moment: unique(selector.apply(moment, function, 0.0, named=named)))
    share = compiler.scalar(arguments[0]).run
    return VectorNode(lambda moment: unique(selector.apply(moment, function, share(moment), named=named)))


def _only(vector: Vector) -> float:
    return vector[0][1] if len(vector) == 1 else math.nan


def _timestamp(compiler: Compiling, argument: Any) -> VectorNode:
    while type(argument).__name__ == "ParenExpr":
        argument = argument.expr
    if type(argument).__name__ == "VectorSelector":
        selector = compiler.instant(argument)
        return VectorNode(lambda moment: unique(selector.times(moment)))
    vector = compiler.vector(argument).run
    return VectorNode(lambda moment: unique([(drop_name(labels), moment.at / 1000) for labels, _ in vector(moment)]))


def _absent(compiler: Compiling, argument: Any) -> VectorNode:
    vector = compiler.vector(argument).run
    while type(argument).__name__ == "ParenExpr":
        argument = argument.expr
    told: dict[str, str] = {}
    if type(argument).__name__ == "VectorSelector":
        matchers = [each for each in compiler.selectors[-1].matchers if each.label != NAME]
        once = [each for each in matchers if [other.label for other in matchers].count(each.label) == 1]
        told = {each.label: each.value for each in once if each.operator == "="}
    labels = labels_of(told)
    return VectorNode(lambda moment: [] if vector(moment) else [(labels, 1.0)])


def _with_limits(compiler: Compiling, name: str, arguments: list[Any]) -> VectorNode:
    vector = compiler.vector(arguments[0]).run
    numbers = [compiler.scalar(argument).run for argument in arguments[1:]]

    def run(moment: Moment) -> list[Point]:
        given = [number(moment) for number in numbers]
        points = vector(moment)
        if name == "round":
            nearest = given[0] if given else 1.0
            return unique([(drop_name(labels), round_to(value, nearest)) for labels, value in points])
        low, high = given if name == "clamp" else (given[0], math.inf) if name == "clamp_min" else (-math.inf, given[0])
        if name == "clamp" and high < low:
            return []
        return unique([(drop_name(labels), clamp(value, low, high)) for labels, value in points])

    return VectorNode(run)

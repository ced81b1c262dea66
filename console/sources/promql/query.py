"""A query ready to be evaluated over scraped samples."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from console.sources.promql.compiler import Compiler, Node, parse
from console.sources.promql.dialect import PROMETHEUS_2_42, Dialect
from console.sources.promql.errors import OutsideSubset
from console.sources.promql.instants import Point
from console.sources.promql.nodes import Moment, ScalarNode, names_read
from console.sources.promql.source_text import longest_written_range
from console.sources.promql.storage import Storage

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


def milliseconds(at: datetime) -> int:
    """The time in ms since the epoch, exactly."""
    return (at - _EPOCH) // _MS


@dataclass(frozen=True, slots=True)
class Query:
    """One compiled query.

    text: as written. longest_range: how far back it reads by its ranges and offsets. names: the metric names it
    reads, or None where a pattern selects them.
    """

    text: str
    dialect: Dialect
    longest_range: timedelta
    names: frozenset[str] | None
    node: Node

    def evaluate(self, storage: Storage, at: datetime) -> list[Point] | float:
        """The value at `at`: a list of (labels, number), or one number for a scalar. Raises PromqlError."""
        return self.node.run(Moment(storage, milliseconds(at), self.dialect))

    def values(self, storage: Storage, at: datetime) -> list[Point]:
        """As `evaluate`; a scalar is one point without labels. Raises PromqlError."""
        moment = Moment(storage, milliseconds(at), self.dialect)
        return [((), self.node.run(moment))] if isinstance(self.node, ScalarNode) else self.node.run(moment)


def compile_query(text: str, dialect: Dialect = PROMETHEUS_2_42) -> Query:
    """Raises OutsideSubset for what the console does not evaluate itself, PromqlError for what is no query."""
    compiler = Compiler(text, dialect, [])
    node = compiler.node(parse(text))
    reach = max((selector.reach for selector in compiler.selectors), default=0)
    return Query(text, dialect, reach * _MS, names_read(compiler.selectors), node)


def longest_range(text: str) -> timedelta:
    """How far back a query reads by its ranges, subqueries and offsets, inside or outside of the subset.

    Raises PromqlError for what is no query.
    """
    try:
        tree = parse(text)
    except OutsideSubset:
        return longest_written_range(text)
    return max(_reach(tree), timedelta(0))


def _reach(tree: Any) -> timedelta:
    zero = timedelta(0)
    kind = type(tree).__name__
    if kind == "VectorSelector":
        offset: timedelta = tree.offset or zero
        return offset
    if kind == "MatrixSelector":
        length: timedelta = tree.range
        return _reach(tree.vector_selector) + length
    if kind == "SubqueryExpr":
        outer: timedelta = tree.range + (tree.offset or zero)
        return _reach(tree.expr) + outer
    if kind == "BinaryExpr":
        return max(_reach(tree.lhs), _reach(tree.rhs))
    if kind == "Call":
        return max((_reach(argument) for argument in tree.args), default=zero)
    if kind in ("AggregateExpr", "ParenExpr", "UnaryExpr"):
        return _reach(tree.expr)
    return zero

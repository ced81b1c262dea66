"""From a query's text to what evaluates it; whatever is outside of the subset is refused by name."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from console.sources.promql import aggregation, calls, matching, numbers
from console.sources.promql.dialect import Dialect
from console.sources.promql.errors import OutsideSubset, PromqlError
from console.sources.promql.labels import NAME, LabelMatcher, UnknownPattern, matcher
from console.sources.promql.matching import Cardinality, Keeps, Matching
from console.sources.promql.nodes import InstantSelector, Moment, RangeSelector, ScalarNode, VectorNode
from console.sources.promql.source_text import place_of

_UNKNOWN_FUNCTION = re.compile(r"unknown function with name '([^']*)'")
_OTHER_AGGREGATIONS = {
    "topk": "use max",
    "bottomk": "use min",
    "count_values": "use count with a comparison",
}
SERVER = "have a Prometheus server evaluate this metric"


def parse(text: str) -> Any:
    """The grammar library's syntax tree. Raises PromqlError, or OutsideSubset for an unknown function."""
    import promql_parser

    try:
        return promql_parser.parse(text)
    except ValueError as error:
        if unknown := _UNKNOWN_FUNCTION.search(str(error)):
            raise outside(text, unknown[1], calls.instead_of(unknown[1])) from None
        raise PromqlError(f"promql: {error} in `{text.strip()}`") from None


def outside(text: str, name: str, instead: str, token: str | None = None) -> OutsideSubset:
    """The refusal of `name`, at the first place of `token` (or of the name itself) in the text."""
    return OutsideSubset(name, instead, *place_of(text, token or name))


Node = ScalarNode | VectorNode


@dataclass(slots=True)
class Compiler:
    """Compiles one query. selectors: every selector met so far, for the names and ranges that it reads."""

    text: str
    dialect: Dialect
    selectors: list[InstantSelector | RangeSelector]

    def node(self, tree: Any) -> Node:
        """The node of a syntax tree."""
        return self._KINDS.get(type(tree).__name__, Compiler._other)(self, tree)

    def vector(self, tree: Any) -> VectorNode:
        """The node of a tree that the grammar has checked to be an instant vector."""
        node = self.node(tree)
        if isinstance(node, ScalarNode):
            raise PromqlError(f"promql: a scalar stands where a vector is needed in `{self.text.strip()}`")
        return node

    def scalar(self, tree: Any) -> ScalarNode:
        """The node of a tree that the grammar has checked to be a scalar."""
        node = self.node(tree)
        if isinstance(node, VectorNode):
            raise PromqlError(f"promql: a vector stands where a scalar is needed in `{self.text.strip()}`")
        return node

    def range(self, tree: Any) -> RangeSelector:
        """The range selector of a function's argument."""
        kind = type(tree).__name__
        if kind == "ParenExpr":
            return self.range(tree.expr)
        if kind == "SubqueryExpr":
            self._subquery(tree)
        selector = tree.vector_selector
        found = RangeSelector(self._matchers(selector), self._offset(selector), _milliseconds(tree.range))
        self.selectors.append(found)
        return found

    def instant(self, tree: Any) -> InstantSelector:
        """The selector of a plain metric."""
        found = InstantSelector(self._matchers(tree), self._offset(tree))
        self.selectors.append(found)
        return found

    def refuse(self, name: str, instead: str = SERVER, token: str | None = None) -> OutsideSubset:
        """The refusal of something in this query."""
        return outside(self.text, name, instead, token)

    def _number(self, tree: Any) -> Node:
        value = float(tree.val)
        return ScalarNode(lambda _moment: value)

    def _paren(self, tree: Any) -> Node:
        return self.node(tree.expr)

    def _selector(self, tree: Any) -> Node:
        return VectorNode(self.instant(tree).points)

    def _negative(self, tree: Any) -> Node:
        inner = self.node(tree.expr)
        if isinstance(inner, ScalarNode):
            number = inner.run
            return ScalarNode(lambda moment: -number(moment))
        vector = inner.run
        return VectorNode(lambda moment: matching.vector_with_scalar("*", vector(moment), -1.0, Keeps.VALUE))

    def _call(self, tree: Any) -> Node:
        return calls.compile_call(self, tree.func.name, tree.args)

    def _subquery(self, _tree: Any) -> Node:
        raise self.refuse("a subquery", "give the range to a plain metric, such as rate(requests_total[5m])", "[:]")

    def _matrix(self, _tree: Any) -> Node:
        raise PromqlError(
            f"promql: `{self.text.strip()}` is a range of samples; put a function such as rate() around it"
        )

    def _other(self, tree: Any) -> Node:
        if type(tree).__name__ == "StringLiteral":
            raise PromqlError(f"promql: `{self.text.strip()}` is a text, not a number")
        raise self.refuse(type(tree).__name__)

    def _aggregate(self, tree: Any) -> Node:
        name = str(tree.op)
        grouping = aggregation.Grouping(True, frozenset())
        if tree.modifier is not None:
            grouping = aggregation.Grouping(_word(tree.modifier.type) == "By", frozenset(tree.modifier.labels))
        if name == aggregation.QUANTILE:
            share = self.scalar(tree.param).run
            inner = self.vector(tree.expr).run
            return VectorNode(lambda moment: _quantile(moment, share, inner, grouping))
        combine = aggregation.AGGREGATIONS.get(name)
        if combine is None:
            raise self.refuse(name, _OTHER_AGGREGATIONS.get(name, SERVER))
        vector = self.vector(tree.expr).run
        return VectorNode(lambda moment: aggregation.aggregate(vector(moment), grouping, combine))

    def _binary(self, tree: Any) -> Node:
        symbol = str(tree.op)
        if symbol not in matching.ARITHMETIC | matching.COMPARISONS and symbol not in matching.SET_OPERATORS:
            raise self.refuse(symbol)
        left, right = self.node(tree.lhs), self.node(tree.rhs)
        keeps = Keeps.TRUTH if tree.modifier is not None and tree.modifier.return_bool else Keeps.VALUE
        if isinstance(left, ScalarNode):
            first = left.run
            if isinstance(right, ScalarNode):
                second = right.run
                return ScalarNode(lambda moment: matching.scalar_with_scalar(symbol, first(moment), second(moment)))
            others = right.run
            return VectorNode(lambda moment: matching.scalar_with_vector(symbol, first(moment), others(moment), keeps))
        ones = left.run
        if isinstance(right, ScalarNode):
            number = right.run
            return VectorNode(lambda moment: matching.vector_with_scalar(symbol, ones(moment), number(moment), keeps))
        return self._two_vectors(symbol, ones, right.run, self._matching(tree.modifier), keeps)

    def _two_vectors(
        self,
        symbol: str,
        left: Callable[[Moment], matching.Vector],
        right: Callable[[Moment], matching.Vector],
        how: Matching,
        keeps: Keeps,
    ) -> Node:
        if symbol in matching.SET_OPERATORS:
            return VectorNode(lambda moment: matching.set_operation(symbol, left(moment), right(moment), how))
        return VectorNode(lambda moment: matching.vector_with_vector(symbol, left(moment), right(moment), how, keeps))

    def _matching(self, modifier: Any) -> Matching:
        if modifier is None:
            return Matching(False, frozenset(), Cardinality.ONE_TO_ONE, ())
        fill = modifier.fill_values
        if fill is not None and (fill.lhs is not None or fill.rhs is not None):
            written = [word for word in ("fill_left", "fill_right", "fill") if word in self.text]
            raise self.refuse(written[0], "use `or` with a vector of the missing series")
        names = frozenset(modifier.matching.labels) if modifier.matching is not None else frozenset[str]()
        on = modifier.matching is not None and _word(modifier.matching.type) == "Include"
        included = tuple(modifier.group_labels or ())
        if on and not names.isdisjoint(included):
            twice = sorted(names.intersection(included))[0]
            raise PromqlError(f"promql: the label {twice} is in both on() and the group of `{self.text.strip()}`")
        cardinality = {
            "ManyToOne": Cardinality.MANY_TO_ONE,
            "OneToMany": Cardinality.ONE_TO_MANY,
        }.get(_word(modifier.card))
        return Matching(on, names, cardinality or Cardinality.ONE_TO_ONE, included)

    def _matchers(self, selector: Any) -> tuple[LabelMatcher, ...]:
        if selector.at is not None:
            raise self.refuse("the @ modifier", "use offset", "@")
        if selector.matchers.or_matchers:
            raise self.refuse("or between label matchers", 'use a regular expression, such as a=~"b|c"', "or")
        flags = re.DOTALL if self.dialect.dot_matches_newline else re.NOFLAG
        found = [matcher(NAME, "=", selector.name)] if selector.name else []
        for each in selector.matchers.matchers:
            operator = _OPERATORS[_word(each.op)]
            try:
                found.append(matcher(each.name, operator, each.value, flags=flags))
            except UnknownPattern:
                raise self.refuse(
                    f"the regular expression {each.value!r}", "write it with |, [], () and * only", f'"{each.value}"'
                ) from None
        return tuple(found)

    def _offset(self, selector: Any) -> int:
        return 0 if selector.offset is None else _milliseconds(selector.offset)

    _KINDS = {  # noqa: RUF012 -- a table of the class's own methods
        "NumberLiteral": _number,
        "ParenExpr": _paren,
        "VectorSelector": _selector,
        "UnaryExpr": _negative,
        "Call": _call,
        "SubqueryExpr": _subquery,
        "MatrixSelector": _matrix,
        "AggregateExpr": _aggregate,
        "BinaryExpr": _binary,
    }


_OPERATORS = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}


def _word(value: Any) -> str:
    """The bare name of one of the grammar library's enumeration values."""
    return str(value).rpartition(".")[2]


def _milliseconds(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)


def _quantile(
    moment: Moment,
    share: Callable[[Moment], float],
    vector: Callable[[Moment], matching.Vector],
    grouping: aggregation.Grouping,
) -> matching.Vector:
    part = share(moment)
    return aggregation.aggregate(vector(moment), grouping, lambda values: numbers.quantile(part, values))

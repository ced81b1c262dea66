"""The part of PromQL that the console evaluates itself; docs/promql.md says what it is."""

from console.sources.promql.dialect import PROMETHEUS_2_42, PROMETHEUS_2_52, PROMETHEUS_3, Dialect, dialect_of
from console.sources.promql.errors import OutsideSubset, PromqlError
from console.sources.promql.query import Query, compile_query, longest_range
from console.sources.promql.storage import Storage

__all__ = [
    "PROMETHEUS_2_42",
    "PROMETHEUS_2_52",
    "PROMETHEUS_3",
    "Dialect",
    "OutsideSubset",
    "PromqlError",
    "Query",
    "Storage",
    "compile_query",
    "dialect_of",
    "longest_range",
]

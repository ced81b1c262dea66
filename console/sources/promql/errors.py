"""What can be wrong with a query."""

from __future__ import annotations


class PromqlError(Exception):
    """A query cannot be read or evaluated; the message is one sentence that begins with `promql: `."""


class OutsideSubset(PromqlError):
    """A query that Prometheus may well understand uses something the console does not evaluate itself.

    name: what that is. line, column: where, counted from 1.
    """

    def __init__(self, name: str, instead: str, line: int, column: int) -> None:
        place = f"column {column}" if line == 1 else f"line {line} column {column}"
        super().__init__(f"promql: {name} at {place} is outside of what the console evaluates itself; {instead}")
        self.name = name
        self.line = line
        self.column = column

"""Label sets and the matchers that select series by them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

Labels = tuple[tuple[str, str], ...]
"""Pairs sorted by label name, the metric's name among them as `__name__`; a label without a value is never held."""

NAME = "__name__"
BUCKET = "le"


def labels_of(pairs: dict[str, str]) -> Labels:
    """The label set of a mapping; empty values mean that the label is absent."""
    return tuple(sorted((name, value) for name, value in pairs.items() if value))


def drop_name(labels: Labels) -> Labels:
    """Without the metric's name."""
    return tuple(pair for pair in labels if pair[0] != NAME)


def keep(labels: Labels, names: Collection[str]) -> Labels:
    """Only the labels of these names."""
    return tuple(pair for pair in labels if pair[0] in names)


def leave_out(labels: Labels, names: Collection[str]) -> Labels:
    """Without the labels of these names and without the metric's name."""
    return tuple(pair for pair in labels if pair[0] not in names and pair[0] != NAME)


def show(labels: Labels) -> str:
    """As PromQL writes it: `name{a="b"}`."""
    name = dict(labels).get(NAME, "")
    rest = ", ".join(f'{label}="{value}"' for label, value in labels if label != NAME)
    return f"{name}{{{rest}}}"


@dataclass(frozen=True, slots=True)
class LabelMatcher:
    """One test of one label. operator: `=`, `!=`, `=~` or `!~`; regular expressions match the whole value."""

    label: str
    operator: str
    value: str
    matches: Callable[[str], bool] = field(compare=False, repr=False)


# What RE2 reads and Python reads otherwise or not at all.
_NOT_PYTHON = re.compile(r"\[\[:|\\[pPQEzC]|\\x\{|\(\?<[A-Za-z]|\(\?[a-zA-Z]*U|[*+?}]\+")


class UnknownPattern(ValueError):
    """A regular expression that Python cannot be trusted to read as RE2 does."""


def matcher(label: str, operator: str, value: str, *, flags: re.RegexFlag = re.NOFLAG) -> LabelMatcher:
    """A matcher ready to use. flags: how regular expressions are read. Raises UnknownPattern."""
    if operator == "=":
        return LabelMatcher(label, operator, value, value.__eq__)
    if operator == "!=":
        return LabelMatcher(label, operator, value, value.__ne__)
    if _NOT_PYTHON.search(value):
        raise UnknownPattern(value)
    try:
        # RE2's \d, \w, \s and \b know ASCII only.
        full = re.compile(value, re.ASCII | flags).fullmatch
    except re.error as error:
        raise UnknownPattern(value) from error
    if operator == "=~":
        return LabelMatcher(label, operator, value, lambda text: full(text) is not None)
    return LabelMatcher(label, operator, value, lambda text: full(text) is None)

"""Stretches of time as sets: joined, taken away from each other, measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Gap:
    """Time in which nothing was observed, from `begin` to `end`; a range query may fill it."""

    begin: datetime
    end: datetime


def merged(spans: Iterable[Gap]) -> tuple[Gap, ...]:
    """The same time as stretches that do not touch, oldest first; empty and reversed ones are dropped."""
    joined: list[Gap] = []
    for span in sorted((span for span in spans if span.begin < span.end), key=lambda span: span.begin):
        if joined and span.begin <= joined[-1].end:
            joined[-1] = Gap(joined[-1].begin, max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return tuple(joined)


def without(spans: Sequence[Gap], taken: Sequence[Gap]) -> tuple[Gap, ...]:
    """The stretches less what is in `taken`."""
    rest = list(merged(spans))
    for hole in merged(taken):
        rest = [
            part
            for span in rest
            for part in (Gap(span.begin, min(span.end, hole.begin)), Gap(max(span.begin, hole.end), span.end))
            if part.begin < part.end
        ]
    return tuple(rest)


def length(spans: Iterable[Gap]) -> timedelta:
    """How long they are together; they must not overlap."""
    return sum((span.end - span.begin for span in spans), timedelta(0))

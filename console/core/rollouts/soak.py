"""The soak clock: it counts seconds that were observed good, and says which were not observed.

Source: the soak of the design; for outages, what Prometheus does with `for` when it restarts: an outage within the
tolerance stops the clock, a longer one begins it anew, and after either a grace must be observed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

ZERO = timedelta(0)


@dataclass(frozen=True, slots=True)
class Gap:
    """Time in which nothing was observed, from `begin` to `end`; a range query may fill it."""

    begin: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Soak:
    """The clock of one attempt. observed: seen good. unobserved: not seen. bad: seen, and not good.

    marked: up to when time is accounted for. gaps: unobserved stretches that may still be filled, oldest first, at most
    a hundred. grace: still to be observed good after the last outage, whatever `observed` says. restarts: how often it
    began anew.
    """

    observed: timedelta = ZERO
    unobserved: timedelta = ZERO
    bad: timedelta = ZERO
    marked: datetime | None = None
    gaps: tuple[Gap, ...] = ()
    grace: timedelta = ZERO
    restarts: int = 0

    def as_body(self) -> dict[str, Any]:
        """As the journal keeps it: seconds and ISO times."""
        raise NotImplementedError

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Soak:
        """Read it back."""
        raise NotImplementedError


UNTOUCHED = Soak()

"""A circuit breaker: a server that failed again and again is left alone for a growing while."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

_FIRST_PAUSE = timedelta(seconds=2)
_LONGEST_PAUSE = timedelta(seconds=30)
_OPENS_AFTER = 3


class Breaker:
    """Of one server. Closed until three calls in a row failed; then one call is let through after each pause.

    Pauses double from 2 s to 30 s with every failed trial.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._failures = 0
        self._pause = timedelta(0)
        self._next_trial: datetime | None = None

    @property
    def next_trial(self) -> datetime | None:
        """When the next call is let through; None while calls go through."""
        return self._next_trial

    def lets_through(self) -> bool:
        """Whether a call may be made now."""
        if self._next_trial is None:
            return True
        # A clock that jumped back must not keep the breaker open for longer than one pause.
        left = self._next_trial - self._clock()
        return left <= timedelta(0) or left > self._pause

    def try_now(self) -> None:
        """Let the next call through at once: a person asked."""
        if self._next_trial is not None:
            self._next_trial = self._clock()

    def succeeded(self) -> None:
        """A call was answered."""
        self._failures = 0
        self._pause = timedelta(0)
        self._next_trial = None

    def failed(self) -> None:
        """A call was not answered."""
        self._failures += 1
        if self._failures >= _OPENS_AFTER:
            self._pause = min(self._pause * 2, _LONGEST_PAUSE) or _FIRST_PAUSE
            self._next_trial = self._clock() + self._pause

"""What every source is: a thread of its own, a deadline on every call, and one frozen reading."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

from console.core.readings import Reading

T = TypeVar("T")
Clock = Callable[[], datetime]

log = logging.getLogger(__name__)


class SourceError(Exception):
    """A read failed; the message is one sentence with host and call, such as `redis 127.0.0.1: no answer in 1 s`."""


class Source(Protocol[T]):
    """Something outside that is read. `reading` may be asked from any thread and never blocks."""

    name: str

    @property
    def reading(self) -> Reading[T]:
        """What it last said."""

    def start(self, changed: Callable[[], None]) -> None:
        """Begin to read in a thread of its own; `changed` is called after every attempt. Returns at once."""

    def refresh(self) -> None:
        """Read now; when a read is running, once more after it."""

    def stop(self) -> None:
        """End the thread; returns at once, and whatever hangs is left to its deadline."""


class Poller(Generic[T]):
    """A source that calls `read` every `interval` in a daemon thread.

    read: returns the value or raises SourceError; it sets its own deadlines. A read that runs long delays the next one
    and never doubles it. pause: how long to wait for the next read, where that is not always `interval`.
    """

    def __init__(
        self,
        name: str,
        read: Callable[[], T],
        *,
        clock: Clock,
        interval: timedelta,
        stale_after: timedelta | None = None,
        pause: Callable[[], timedelta] | None = None,
    ) -> None:
        self.name = name
        self._read = read
        self._clock = clock
        self._pause = pause or (lambda: interval)
        self._reading: Reading[T] = Reading(stale_after=stale_after or max(interval * 3, timedelta(seconds=6)))
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def reading(self) -> Reading[T]:
        """What it last said."""
        return self._reading

    def start(self, changed: Callable[[], None]) -> None:
        """Begin to read."""
        self._thread = threading.Thread(target=self._run, args=(changed,), name=f"source-{self.name}", daemon=True)
        self._thread.start()

    def refresh(self) -> None:
        """Read now, or once more after the read that runs."""
        self._wake.set()

    def stop(self) -> None:
        """End after the read that runs."""
        self._ended.set()
        self._wake.set()

    def attempt(self) -> Reading[T]:
        """Read once in the calling thread and keep what came of it."""
        try:
            value = self._read()
        except SourceError as error:
            self._reading = self._reading.failed(str(error), self._clock())
        except Exception as error:  # the edge of the task: it becomes a failed reading
            log.exception("source %s", self.name)
            self._reading = self._reading.failed(f"{self.name}: {type(error).__name__}: {error}", self._clock())
        else:
            self._reading = self._reading.good(value, self._clock())
        return self._reading

    def _run(self, changed: Callable[[], None]) -> None:
        while not self._ended.is_set():
            self._wake.clear()
            self.attempt()
            if self._ended.is_set():
                return
            changed()
            self._wake.wait(max(self._pause().total_seconds(), 0))

"""Logs as a source: files and pods followed into one ring of numbered lines, and their patterns counted."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from console.core.readings import LogCounts, LogLine, Reading
from console.core.system import LogPattern, LogTarget
from console.sources.base import Clock
from console.sources.log_counts import HOUR, Block, PatternCounts
from console.sources.log_lines import clean
from console.sources.log_ring import LogRing
from console.sources.pod_tail import SUPERVISE_EVERY, OpenStream, PodTails
from console.sources.tail import FileTail

POLL_EVERY = 0.1
BUSY = 256 * 1024
TELL_EVERY = 1 / 15
SAY_EVERY = 1.0

log = logging.getLogger(__name__)


class LogSource:
    """Follows every file of `targets`, and the pods where a target asks for them.

    pods: names of the pods there are now, asked twice a second. open_stream: opens a following stream of one pod's log
    (see OpenStream). Lines are counted from the moment they are seen, by the console's clock: those that a file held
    before are shown and not counted.
    """

    name = "logs"

    def __init__(
        self,
        targets: Sequence[LogTarget],
        patterns: Sequence[LogPattern],
        *,
        clock: Clock,
        pods: Callable[[], Collection[str]] | None = None,
        open_stream: OpenStream | None = None,
    ) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._book = _Book(patterns, clock, self._lock, self._news)
        files = [target.file for target in targets if target.file is not None]
        self._files = tuple(FileTail(path, name, self._book, clock=clock) for path, name in _named(files))
        self._file_names = tuple(name for _, name in _named(files))
        self._pods = (
            PodTails(pods, open_stream, self._book, clock=clock)
            if pods is not None and open_stream is not None and any(target.pods for target in targets)
            else None
        )
        self._began: datetime | None = None
        self._looked_at: datetime | None = None
        self._trouble: tuple[str, datetime] | None = None
        self._listeners: tuple[Callable[[int], None], ...] = ()
        self._changed: Callable[[], None] = lambda: None
        self._wake = threading.Event()
        self._ended = threading.Event()

    # what others ask

    @property
    def reading(self) -> Reading[LogCounts]:
        """The counts as of the last look at the logs; an error where not one of them is followed."""
        with self._lock:
            reading: Reading[LogCounts] = Reading(stale_after=timedelta(seconds=6))
            at, began = self._looked_at, self._began
            if at is None or began is None:
                return reading
            origins = self._origins()
            counts = LogCounts(self._book.count, self._book.counts.by_pattern(at), _observed(at - began), origins)
            reading = reading.good(counts, at)
            if self._trouble is not None:
                return reading.failed(*self._trouble)
            if origins and all(error for _, error in origins):
                return replace(reading.failed(origins[0][1], at), value=counts if self._book.count else None)
            return reading

    @property
    def newest(self) -> int:
        """The number of the newest line."""
        return self._book.ring.newest

    def lines(self, after: int, most: int = 1000) -> tuple[Sequence[LogLine], int]:
        """The newest `most` lines numbered above `after`, and how many above it are no longer held."""
        return self._book.ring.after(after, most, self._clock())

    def in_last_hour(self, pattern: str, now: datetime) -> int | None:
        """Lines of a pattern in the hour before `now`; None for a pattern or for logs that nobody follows."""
        with self._lock:
            origins = self._origins()
            if self._began is None or not origins or all(error for _, error in origins):
                return None
            return next((hour for name, hour, _ in self._book.counts.by_pattern(now) if name == pattern), None)

    def subscribe(self, listener: Callable[[int], None]) -> Callable[[], None]:
        """Call `listener` with the newest line's number when lines have come, at most 15 times a second.

        It is called in a thread of this source; returns what ends it.
        """
        with self._lock:
            self._listeners = (*self._listeners, listener)

        def end() -> None:
            with self._lock:
                self._listeners = tuple(kept for kept in self._listeners if kept is not listener)

        return end

    # the source

    def start(self, changed: Callable[[], None]) -> None:
        """Begin to follow."""
        self._changed = changed
        for name, run in (("source-logs", self._follow), ("source-logs-tell", self._tell)):
            threading.Thread(target=run, name=name, daemon=True).start()

    def refresh(self) -> None:
        """Look now."""
        self._wake.set()

    def stop(self) -> None:
        """End; returns at once."""
        self._ended.set()
        self._wake.set()
        self._news.set()
        if self._pods is not None:
            self._pods.stop()

    def _follow(self) -> None:
        self._began = self._clock()
        said: tuple[tuple[str, str], ...] = ()
        said_at = supervised = -1e9
        while not self._ended.is_set():
            self._wake.clear()
            read = 0
            try:
                for file in self._files:
                    read += file.poll()
                if self._pods is not None and time.monotonic() - supervised >= SUPERVISE_EVERY:
                    supervised = time.monotonic()
                    self._pods.supervise()
                self._trouble = None
            except Exception as error:  # the edge of the task: it becomes a failed reading
                log.exception("source logs")
                self._trouble = (f"logs: {type(error).__name__}: {error}", self._clock())
            self._looked_at = self._clock()
            origins = self._origins()
            if origins != said or time.monotonic() - said_at >= SAY_EVERY:
                said, said_at = origins, time.monotonic()
                self._changed()
            if read < BUSY:
                self._wake.wait(POLL_EVERY)
        for file in self._files:
            file.close()

    def _tell(self) -> None:
        """Tell the listeners of new lines, and then leave them in peace for a while."""
        told = 0
        while not self._ended.is_set():
            self._news.wait()
            self._news.clear()
            newest = self._book.ring.newest
            if newest != told:
                told = newest
                for listener in self._listeners:
                    try:
                        listener(newest)
                    except Exception:  # a listener's trouble is its own
                        log.exception("listener of log lines")
            self._ended.wait(TELL_EVERY)

    def _origins(self) -> tuple[tuple[str, str], ...]:
        files = tuple((name, file.error) for name, file in zip(self._file_names, self._files, strict=True))
        return files + (self._pods.origins() if self._pods is not None else ())


class _Book:
    """Where all tails write their lines: the ring, and the counts."""

    def __init__(
        self, patterns: Sequence[LogPattern], clock: Clock, lock: threading.Lock, news: threading.Event
    ) -> None:
        self.ring = LogRing()
        self.counts = PatternCounts(patterns)
        self.count = 0
        self._clock = clock
        self._lock = lock
        self._news = news

    def lines(self, origin: str, block: bytes, *, counted: bool) -> None:
        """Take whole lines. They are matched before the lock is taken, for that is the work."""
        cleaned = Block(clean(block))
        if counted:
            matched = self.counts.matches(cleaned)
            now = self._clock()
            with self._lock:
                self.count += len(cleaned.lines)
                self.counts.add(matched, now)
        self.ring.add(origin, cleaned.lines)
        self._news.set()

    def mark(self, origin: str, text: str) -> None:
        """Take a line of the console's own."""
        self.ring.add(origin, [text.encode()], marker=True)
        self._news.set()


def _named(paths: Sequence[Path]) -> tuple[tuple[Path, str], ...]:
    """Each path with the name its lines carry: the file's, or the whole path where two files share a name."""
    names = Counter(path.name for path in paths)
    return tuple((path, path.name if names[path.name] == 1 else str(path)) for path in paths)


def _observed(span: timedelta) -> timedelta:
    """At most an hour, in steps: a picture need not be painted again because time has passed."""
    step = timedelta(seconds=10) if span < timedelta(minutes=1) else timedelta(minutes=1)
    return min(max(span, timedelta(0)) // step * step, HOUR)

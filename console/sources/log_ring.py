"""The newest log lines of all origins, in bounded memory, numbered without end."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from datetime import datetime

from console.core.readings import LogLine
from console.sources.log_lines import LONGEST, cut, log_line

CAPACITY = 10_000
MOST_BYTES = 16 * 1024 * 1024


@dataclass(slots=True)
class _Run:
    """Lines of one origin with consecutive numbers, the first of which is `first`."""

    first: int
    origin: str
    lines: list[bytes]
    size: int
    marker: bool = False


class LogRing:
    """At most 10,000 lines and 16 MB, whichever is less; older ones are dropped. Safe for several threads.

    Lines are kept as bytes and made into text, level and time only when asked for.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._runs: deque[_Run] = deque()
        self._newest = 0
        self._held = 0
        self._size = 0
        self._lock = threading.Lock()

    @property
    def newest(self) -> int:
        """The number of the newest line, 0 before the first."""
        return self._newest

    def add(self, origin: str, lines: list[bytes], *, marker: bool = False) -> None:
        """Append cleaned lines of one origin."""
        kept = lines[-self._capacity :]
        size = sum(map(len, kept))
        if max(map(len, kept), default=0) > LONGEST:
            kept = [cut(line) for line in kept]
            size = sum(map(len, kept))
        with self._lock:
            self._newest += len(lines)
            self._runs.append(_Run(self._newest - len(kept) + 1, origin, kept, size, marker))
            self._held += len(kept)
            self._size += size
            self._trim()

    def _trim(self) -> None:
        while self._held > self._capacity or (self._size > MOST_BYTES and self._held > 1):
            run = self._runs[0]
            surplus = self._held - self._capacity
            if len(run.lines) == 1 or (self._size <= MOST_BYTES and surplus >= len(run.lines)):
                drop = len(run.lines)
            elif surplus > 0:
                drop = min(surplus, len(run.lines))
            else:
                drop = (len(run.lines) + 1) // 2
            gone = sum(map(len, run.lines[:drop]))
            self._held -= drop
            self._size -= gone
            if drop == len(run.lines):
                self._runs.popleft()
            else:
                run.lines = run.lines[drop:]
                run.first += drop
                run.size -= gone

    def after(self, number: int, most: int, now: datetime) -> tuple[tuple[LogLine, ...], int]:
        """The newest `most` lines numbered above `number`, and how many above it are no longer held.

        now: for the year of times that have none.
        """
        picked: list[tuple[int, bytes, str, bool]] = []
        with self._lock:
            oldest = self._runs[0].first if self._runs else self._newest + 1
            for run in reversed(self._runs):
                if len(picked) >= most or run.first + len(run.lines) - 1 <= number:
                    break
                begin = max(0, number + 1 - run.first, len(run.lines) - (most - len(picked)))
                picked.extend(
                    (run.first + index, run.lines[index], run.origin, run.marker)
                    for index in range(len(run.lines) - 1, begin - 1, -1)
                )
        lost = max(0, oldest - 1 - max(number, 0))
        return tuple(
            LogLine(number, line.decode("utf-8", "replace"), "", origin, None, True)
            if marker
            else log_line(number, line, origin, now)
            for number, line, origin, marker in reversed(picked)
        ), lost

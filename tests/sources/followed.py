"""A log source on files of a test's own."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from console.core.readings import LogLine
from console.core.system import LogPattern, LogTarget
from console.sources.logs import LogSource
from tests.conftest import wait_until

REJECT = LogPattern("rejects", "Rejects", "rate_limit_reject")
ERRORS = LogPattern("errors", "Errors", "(?i)error|exception")


class Followed:
    """A source that follows, and what a test asks of it."""

    def __init__(self, *paths: Path, **more: Any) -> None:
        targets = [LogTarget(path) for path in paths]
        given: dict[str, Any] = {"patterns": (REJECT, ERRORS), "clock": lambda: datetime.now(UTC)}
        patterns = (given | more).pop("patterns")
        rest = {key: value for key, value in (given | more).items() if key != "patterns"}
        if "pods" in more:
            targets.append(LogTarget(None, pods=True))
        self.source = LogSource(targets, patterns, **rest)

    @property
    def lines(self) -> Sequence[LogLine]:
        return self.source.lines(0, 100_000)[0]

    @property
    def texts(self) -> list[str]:
        """The log's own lines."""
        return [line.text for line in self.lines if not line.marker]

    @property
    def markers(self) -> list[str]:
        return [line.text for line in self.lines if line.marker]

    def until(self, *texts: str) -> None:
        """Wait until the log's own lines are exactly these."""
        wait_until(lambda: self.texts == list(texts), within=8, what=f"{texts} being read (there is {self.texts[-5:]})")

    def until_looked_at(self) -> None:
        """Wait until the source has looked at its files once more."""
        before = self.source.reading.taken_at
        wait_until(lambda: self.source.reading.taken_at != before)

    def is_ready(self) -> bool:
        return self.source.reading.taken_at is not None


@contextmanager
def following(*paths: Path, **more: Any) -> Iterator[Followed]:
    followed = Followed(*paths, **more)
    followed.source.start(lambda: None)
    try:
        wait_until(followed.is_ready)
        yield followed
    finally:
        followed.source.stop()


@contextmanager
def unwatched(log: Followed) -> Iterator[None]:
    """Nobody looks at the file meanwhile, as when the machine is busy."""
    file = log.source._files[0]
    poll = type(file).poll
    away = threading.Event()

    def look_away() -> int:
        away.set()
        return 0

    file.poll = look_away  # type: ignore[method-assign]
    assert away.wait(5)
    yield
    file.poll = lambda: poll(file)  # type: ignore[method-assign]


def write(path: Path, *lines: str, end: str = "\n") -> None:
    with path.open("a") as file:
        file.write("\n".join(lines) + end)


# following

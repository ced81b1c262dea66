"""What pods write: a log of each pod's own life, and the one shared file, rotated the two ways logs are rotated."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path


def stamp(at: datetime) -> str:
    """The time as log lines and Kubernetes write it, with milliseconds."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


class SharedLog:
    """The file all pods append to, as a service manager would collect it. One line is one write."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._open()
        self.lines = 0
        self.rotations = 0

    def write(self, lines: str, count: int = 1) -> None:
        """Append whole lines, each ended by a newline."""
        os.write(self._file, lines.encode())
        self.lines += count

    def rotate(self) -> Path:
        """Rename the file and go on in a new one, as logrotate's `create` does. Returns the old file's new path."""
        old = self._old_name()
        self.path.rename(old)
        os.close(self._file)
        self._file = self._open()
        return old

    def copy_and_truncate(self) -> Path:
        """Copy the file aside and empty it, as logrotate's `copytruncate` does. Returns the copy's path."""
        old = self._old_name()
        old.write_bytes(self.path.read_bytes())
        os.ftruncate(self._file, 0)
        return old

    def close(self) -> None:
        """Write no more."""
        os.close(self._file)

    def _old_name(self) -> Path:
        self.rotations += 1
        return self.path.with_name(f"{self.path.name}.{self.rotations}")

    def _open(self) -> int:
        return os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)


class PodLog:
    """What one container writes: what happens to requests goes to the shared file, its own life to its standard output.

    printed: called with the text of one whole line, for the pod's own log.
    """

    def __init__(self, pod: str, shared: SharedLog, printed: Callable[[str], None]) -> None:
        self.pod = pod
        self._shared = shared
        self._printed = printed

    def tell(self, level: str, event: str, **values: object) -> None:
        """Print one line of the container's own life: time, level, pod, event and key=value pairs."""
        self._printed(f"{stamp(datetime.now(UTC))} {level:<5} {self.pod} {event}{_pairs(values)}\n")

    def say(self, level: str, event: str, **values: object) -> None:
        """Write one line to the shared file: time, level, pod, event and key=value pairs."""
        self.say_all([(level, event, values)])

    def say_all(self, lines: Iterable[tuple[str, str, Mapping[str, object]]]) -> None:
        """Write several lines in one write, each a level, an event and its values."""
        at = stamp(datetime.now(UTC))
        told = [f"{at} {level:<5} {self.pod} {event}{_pairs(values)}\n" for level, event, values in lines]
        self._shared.write("".join(told), len(told))


def _pairs(values: Mapping[str, object]) -> str:
    return "".join(f" {name}={_quoted(value)}" for name, value in values.items())


def _quoted(value: object) -> str:
    text = f"{value:.1f}" if isinstance(value, float) else str(value)
    return f'"{text}"' if " " in text else text

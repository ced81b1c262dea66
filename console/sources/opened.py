"""One open log file: where we are in it, and how to tell that it was overwritten under us."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterator
from copy import copy
from pathlib import Path

from console.sources.log_stream import Assembler

BLOCK = 1024 * 1024
HEAD = 512
FINGERPRINT = 512


class Overwritten(Exception):
    """The file no longer holds what was read of it. unread: bytes that were seen there and not yet read."""

    def __init__(self, unread: int) -> None:
        super().__init__(f"overwritten with {unread} bytes unread")
        self.unread = unread


class OpenFile:
    """A file read by position, so that a name that leads elsewhere meanwhile does not matter.

    It is known by its first and by the last bytes read of it (512 each): before and with every read both are compared,
    so that a file cut and written anew is noticed even when it is as long as before. Raises OSError where it cannot be
    opened or is no regular file. lines: takes what is read. read_at: the file's own last change, nanoseconds since the
    epoch, as of the last read.
    """

    def __init__(self, path: Path, lines: Assembler) -> None:
        # without O_NONBLOCK a pipe would be waited for
        self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        state = os.fstat(self._fd)
        if not stat.S_ISREG(state.st_mode):
            os.close(self._fd)
            raise OSError(errno.EINVAL, "is not a regular file")
        self.lines = lines
        self.identity = (state.st_dev, state.st_ino)
        self.position = 0
        self._last = b""
        self._head = b""
        self._seen: tuple[int, int] | None = None
        self._largest = 0
        self._changed = time.monotonic()
        self.read_at = state.st_mtime_ns

    def close(self) -> None:
        """Close it; closing twice does nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    @property
    def is_unlinked(self) -> bool:
        """Whether no name leads to it any more."""
        return os.fstat(self._fd).st_nlink == 0

    @property
    def modified(self) -> int:
        """Its last change, nanoseconds since the epoch."""
        return os.fstat(self._fd).st_mtime_ns

    @property
    def idle(self) -> float:
        """Seconds since bytes were last read from it."""
        return time.monotonic() - self._changed

    def head(self) -> bytes:
        """How the file begins now."""
        return os.pread(self._fd, HEAD, 0)

    def kept(self) -> OpenFile:
        """The same file, open for longer than this one."""
        twin = copy(self)
        twin._fd = os.dup(self._fd)
        return twin

    def start_at_end(self, most: int) -> bytes:
        """Go to the end; gives the last `most` bytes from the beginning of a line on."""
        size = os.fstat(self._fd).st_size
        begin = max(0, size - most)
        data = os.pread(self._fd, size - begin, begin)
        self.position = begin + len(data)
        self._last = data[-FINGERPRINT:]
        if begin > 0:
            first = data.find(b"\n") + 1
            data = data[first:]
        return data

    def start_over(self) -> None:
        """Go to the start of what the file holds now; a hole there (of a writer that kept its place) is left out."""
        self.position = 0
        try:
            self.position = os.lseek(self._fd, 0, os.SEEK_DATA)
        except (OSError, AttributeError):
            self.position = 0
        self._last = self._head = b""
        self._seen = None
        self._largest = 0

    def read_on(self) -> bytes:
        """The next bytes, none when there are none. Raises Overwritten, OSError."""
        state = os.fstat(self._fd)
        key = (state.st_size, state.st_mtime_ns)
        if key == self._seen:
            return b""
        if state.st_size < self.position or not self._head_is_same():
            raise Overwritten(self._largest - self.position)
        self._largest = max(self._largest, state.st_size)
        data = os.pread(self._fd, len(self._last) + BLOCK, self.position - len(self._last))
        if not data.startswith(self._last if self.position else self._head):
            raise Overwritten(self._largest - self.position)
        fresh = data[len(self._last) :]
        self.read_at = state.st_mtime_ns
        if not fresh:
            self._seen = key
            return b""
        self.position += len(fresh)
        self._last = data[-FINGERPRINT:]
        self._changed = time.monotonic()
        return fresh

    def _head_is_same(self) -> bool:
        """Whether the file still begins as it did; takes in what has been added to a short beginning."""
        head = self.head()
        if not head.startswith(self._head):
            return False
        self._head = head
        return True

    def continues(self, other: OpenFile) -> bool:
        """Whether this is a copy of what `other` held: the same beginning, and the same bytes where it was read to."""
        if os.fstat(self._fd).st_size < other.position or not other._head:
            return False
        length = len(other._last)
        return (
            os.pread(self._fd, len(other._head), 0) == other._head
            and os.pread(self._fd, length, other.position - length) == other._last
        )

    def rest(self, position: int) -> Iterator[bytes]:
        """Everything from `position` to the end."""
        while data := os.pread(self._fd, BLOCK, position):
            position += len(data)
            yield data

"""Following a log file through rotation, truncation, copytruncate, removal and return, losing nothing unmarked."""

from __future__ import annotations

import os
import re
import stat
import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from console.sources.log_stream import Assembler, Sink, at, marker
from console.sources.opened import OpenFile, Overwritten

TAIL_BYTES = 262_144
TAIL_LINES = 1_000
AT_ONCE = 16 * 1024 * 1024
GONE_AFTER = 1.0
DRAIN_FOR = 30.0
FINISH_AFTER = 2.0
MOST_DRAINING = 8
_ROTATED_NAME = re.compile(r"[.\-_]\d[\dTZ.:_\-]*$")


class FileTail:
    """`tail -F` of one path, by polling.

    A file that is there at the beginning is shown from its last lines, which are not counted; whatever appears later is
    read from its start. Every break in the file's history puts a marker line among the log's, which says whether
    anything may be lost. error: why the file is not followed now, else empty.
    """

    def __init__(self, path: Path, origin: str, sink: Sink, *, clock: Callable[[], datetime]) -> None:
        self.error = ""
        self._path = path
        self._origin = origin
        self._sink = sink
        self._clock = clock
        self._file: OpenFile | None = None
        self._draining: list[OpenFile] = []
        self._read_before: deque[tuple[int, int, bytes]] = deque(maxlen=64)
        self._was_absent = False
        self._gone_since: float | None = None
        self._said_gone = False
        self._polled = time.monotonic()

    @property
    def is_followed(self) -> bool:
        """Whether a file is open and its name still leads to one."""
        return self._file is not None and not self.error

    def poll(self) -> int:
        """Read what is new, at most 16 MB of it; gives the number of bytes read."""
        read = self._drain()
        if self._file is None:
            self._open()
        if self._file is not None:
            read += self._read(self._file)
            read += self._look_at_name(self._file)
        self._polled = time.monotonic()
        return read

    def close(self) -> None:
        """Close every file."""
        for file in (*self._draining, *([self._file] if self._file else [])):
            file.close()
        self._draining, self._file = [], None

    # beginning

    def _open(self) -> None:
        try:
            file = OpenFile(self._path, Assembler(self._origin, self._sink))
        except FileNotFoundError:
            self.error = f"log {self._path}: no such file; it is read as soon as it appears"
            self._was_absent = True
            return
        except PermissionError:
            self.error = f"log {self._path}: permission denied; give this user the right to read it and its folder"
            return
        except OSError as error:
            self.error = f"log {self._path}: {(error.strerror or str(error)).lower()}; correct the path in system.yaml"
            return
        self.error = ""
        self._file = file
        self._gone_since = None
        if not self._was_absent:
            self._sink_tail(file)
        elif self._said_gone:
            self._mark(f"is back at {at(self._clock)}, read from its start")
        else:
            self._mark(f"appeared at {at(self._clock)}, read from its start")
        self._said_gone = False

    def _sink_tail(self, file: OpenFile) -> None:
        """Show the last lines of a file that was there before us."""
        data = file.start_at_end(TAIL_BYTES)
        lines = data.split(b"\n")
        file.lines.feed(b"\n".join(lines[-TAIL_LINES - 1 :]), counted=False)

    # following

    def _read(self, file: OpenFile, most: int = AT_ONCE) -> int:
        """Read a file on, over a truncation if there was one."""
        read = 0
        while read < most:
            try:
                data = file.read_on()
            except Overwritten as found:
                self._restart(file, found)
                continue
            except OSError as error:
                self.error = f"log {self._path}: {(error.strerror or str(error)).lower()} while reading it"
                return read
            if not data:
                return read
            read += len(data)
            file.lines.feed(data)
        return read

    def _restart(self, file: OpenFile, found: Overwritten) -> None:
        """The file was cut or written anew in place: what was not yet read may stand in a copy of it."""
        copy = self._read_rest_of_copy(file)
        file.lines.finish()
        if copy is not None:
            lost = f"nothing lost up to its copy {copy}"
        elif found.unread > 0:
            lost = f"{found.unread:,} bytes or more lost"
        else:
            lost = f"lines of the last {max(0.1, time.monotonic() - self._polled):.1f} s before may be lost"
        self._mark(f"was truncated at {at(self._clock)}, {lost}")
        file.start_over()

    def _read_rest_of_copy(self, file: OpenFile) -> str | None:
        """Read what a copy of the file (copytruncate makes one) holds beyond what was read; gives the copy's name."""
        for path, _ in reversed(tuple(self._rotated())):
            try:
                copy = OpenFile(path, file.lines)
            except OSError:
                continue
            try:
                if copy.identity != file.identity and copy.continues(file):
                    for data in copy.rest(file.position):
                        file.lines.feed(data)
                    return path.name
            except OSError:
                continue
            finally:
                copy.close()
        return None

    # rotation

    def _look_at_name(self, file: OpenFile) -> int:
        """See whether the path still leads to the open file; change over where it does not."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._miss(file)
            return 0
        except OSError as error:
            self.error = f"log {self._path}: {(error.strerror or str(error)).lower()}; its name cannot be looked at"
            return 0
        if (found.st_dev, found.st_ino) == file.identity:
            if self._said_gone:
                self._mark(f"is back at {at(self._clock)}, nothing lost")
            self.error, self._gone_since, self._said_gone = "", None, False
            return 0
        return self._change_over(file)

    def _miss(self, file: OpenFile) -> None:
        """The name leads nowhere: in the middle of a rotation for a moment, else removed."""
        now = time.monotonic()
        self._gone_since = self._gone_since or now
        if now - self._gone_since >= GONE_AFTER:
            self.error = f"log {self._path}: no such file; it was removed or renamed, and is read again when it is back"
            if not self._said_gone:
                self._said_gone = True
                self._mark(f"was removed at {at(self._clock)}, waiting for it to come back")
            if file.is_unlinked and file.idle > DRAIN_FOR:
                file.lines.finish()
                file.close()
                self._file = None

    def _change_over(self, file: OpenFile) -> int:
        """Read the old file to its end, whatever came and went in between, and open the new one."""
        read = self._read(file, most=1 << 62)
        self._remember(file)
        between, may_be_lost = self._read_between(file)
        try:
            fresh = OpenFile(self._path, Assembler(self._origin, self._sink))
        except OSError:
            return read  # it is gone again already; the next poll sees what came of it
        if fresh.identity == file.identity:
            fresh.close()
            return read
        self._draining.append(file)
        while len(self._draining) > MOST_DRAINING:
            self._end_draining(self._draining.pop(0))
        self._file = fresh
        moment = at(self._clock)
        if self._said_gone:
            self._mark(f"is back at {moment}, read from its start")
        elif may_be_lost:
            self._mark(f"was rotated {between + 1} times or more by {moment}, lines in between may be lost")
        elif between:
            self._mark(f"was rotated {between + 1} times by {moment}, nothing lost")
        else:
            self._mark(f"was rotated at {moment}, nothing lost")
        self.error, self._gone_since, self._said_gone = "", None, False
        return read + self._read(fresh)

    def _read_between(self, old: OpenFile) -> tuple[int, bool]:
        """Read files that were created and rotated away since the last look: (how many, whether more may be gone)."""
        count = 0
        try:
            current = self._path.stat().st_ino
        except OSError:
            current = -1
        draining = [file.identity for file in self._draining]
        for path, state in self._rotated():
            if state.st_mtime_ns < old.modified or state.st_ino == current:
                continue
            try:
                file = OpenFile(path, Assembler(self._origin, self._sink))
            except OSError:
                continue
            known = (old.identity, *draining)
            if file.identity not in known and file.fingerprint not in self._read_before:
                self._read(file, most=1 << 62)
                file.lines.finish()
                self._remember(file)
                count += 1
            file.close()
        return count, count > 0 and old.is_unlinked

    def _remember(self, file: OpenFile) -> None:
        self._read_before.append(file.fingerprint)

    def _rotated(self) -> Iterator[tuple[Path, os.stat_result]]:
        """Files beside this one that carry its name and a number or date, oldest change first."""
        found: list[tuple[int, Path, os.stat_result]] = []
        try:
            for entry in os.scandir(self._path.parent):
                rest = entry.name.removeprefix(self._path.name)
                if rest == entry.name or not _ROTATED_NAME.fullmatch(rest):
                    continue
                state = entry.stat()
                if stat.S_ISREG(state.st_mode):
                    found.append((state.st_mtime_ns, Path(entry.path), state))
        except OSError:
            pass
        for _, path, state in sorted(found, key=lambda entry: entry[:2]):
            yield path, state

    def _drain(self) -> int:
        """Read rotated files on for a while: their writer may not have opened the new one yet."""
        read = 0
        for file in tuple(self._draining):
            read += self._read(file)
            if file.idle > FINISH_AFTER:
                file.lines.finish()
            if file.idle > DRAIN_FOR:
                self._draining.remove(file)
                self._end_draining(file)
        return read

    def _end_draining(self, file: OpenFile) -> None:
        file.lines.finish()
        file.close()

    def _mark(self, what: str) -> None:
        self._sink.mark(self._origin, marker(f"{self._origin} {what}"))

"""Following a log file through rotation, truncation, copytruncate, removal and return, losing nothing unmarked."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from console.sources.log_stream import Assembler, Sink, at, marker
from console.sources.opened import OpenFile, Overwritten
from console.sources.rotated import RotatedFiles

TAIL_BYTES = 262_144
TAIL_LINES = 1_000
AT_ONCE = 16 * 1024 * 1024
GONE_AFTER = 1.0
DRAIN_FOR = 30.0
FINISH_AFTER = 2.0
MOST_DRAINING = 8


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
        self._rotated = RotatedFiles(path, origin, sink)
        self._was_absent = False
        self._was_rotated = False
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
            self._look_for_copies(self._file)
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
            if not self._was_absent:
                self._rotated.remember_all()
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
        self._rotated.has_changed()
        self._gone_since = None
        if not self._was_absent:
            self._rotated.remember_all()
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
        """The file was cut or written anew in place: what was not yet read may stand in copies of it."""
        copies, is_joined = self._read_copies(file)
        self._was_rotated = True
        file.lines.finish()
        if is_joined:
            lost = (
                "nothing lost up to its copy" if copies == 1 else f"nothing lost up to the last of its {copies} copies"
            )
        elif found.unread > 0:
            lost = f"{found.unread:,} bytes or more lost"
        else:
            lost = f"lines of the last {max(0.1, time.monotonic() - self._polled):.1f} s before may be lost"
        self._mark(f"was truncated at {at(self._clock)}, {lost}")
        file.start_over()

    def _read_copies(self, file: OpenFile) -> tuple[int, bool]:
        """Read what copies (copytruncate makes them) hold beyond what was read: (how many, whether they join on)."""
        count, since = 0, file.read_at
        copy = self._rotated.copy_of(file)
        if copy is not None:
            for data in copy.rest(file.position):
                file.lines.feed(data)
            self._rotated.remember(copy)
            count, since = 1, copy.modified
            copy.close()
        for later in self._rotated.unread((file.identity, *self._draining_ones()), since):
            file.lines.finish()
            self._read_whole(later)
            count += 1
        return count, copy is not None

    def _look_for_copies(self, file: OpenFile) -> None:
        """Of a file that was empty when last looked at, a truncation does not show; a copy left behind does."""
        if file.position > 0 or not self._rotated.has_changed():
            return
        count = 0
        for copy in self._rotated.unread((file.identity, *self._draining_ones()), file.read_at):
            ours, theirs = file.head(), copy.head()
            is_same = bool(ours) and (ours.startswith(theirs) or theirs.startswith(ours))
            if theirs and not is_same:
                self._read_whole(copy)
                count += 1
        if count:
            # where no file is left that was rotated away earlier, some of these may have been deleted with it
            is_swept = self._was_rotated and self._rotated.are_only(count)
            lost = "lines in between may be lost" if is_swept else _nothing_lost(count)
            self._mark(f"was truncated at {at(self._clock)}, {lost}")

    def _read_whole(self, file: OpenFile) -> None:
        self._read(file, most=1 << 62)
        file.lines.finish()
        self._rotated.remember(file)

    def _draining_ones(self) -> tuple[tuple[int, int], ...]:
        return tuple(file.identity for file in self._draining)

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
        self._rotated.remember(file)
        between, may_be_lost = self._read_between(file)
        try:
            fresh = OpenFile(self._path, Assembler(self._origin, self._sink))
        except OSError:
            return read  # it is gone again already; the next poll sees what came of it
        if fresh.identity == file.identity:
            fresh.close()
            return read
        self._was_rotated = True
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
        try:
            state = self._path.stat()
            current = (state.st_dev, state.st_ino)
        except OSError:
            current = old.identity
        count = 0
        for file in self._rotated.unread((old.identity, current, *self._draining_ones()), old.modified):
            self._read_whole(file)
            count += 1
        return count, count > 0 and old.is_unlinked

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


def _nothing_lost(copies: int) -> str:
    return "nothing lost up to its copy" if copies == 1 else f"nothing lost up to the last of its {copies} copies"

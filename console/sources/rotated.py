"""The rotated files beside a log: which of them were read, and which came and went while nobody looked."""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from console.sources.log_stream import Assembler, Sink
from console.sources.opened import OpenFile

MOST_REMEMBERED = 4_096
TICK = 50_000_000
_ROTATED_NAME = re.compile(r"[.\-_](\d[\dTZ.:_\-]*)$")

Identity = tuple[int, int]


class RotatedFiles:
    """Files in the log's folder that carry its name and a number or date; compressed ones are not read.

    A file is known by its inode and by how it begins, since an inode number is used again. Those that are there when
    following begins count as read.
    """

    def __init__(self, path: Path, origin: str, sink: Sink) -> None:
        self._path = path
        self._origin = origin
        self._sink = sink
        self._read: dict[Identity, bytes] = {}
        self._listed: int | None = None

    def remember(self, file: OpenFile) -> None:
        """This file was read, or is being read."""
        while len(self._read) >= MOST_REMEMBERED:
            del self._read[next(iter(self._read))]
        self._read[file.identity] = file.head()

    def remember_all(self) -> None:
        """Everything that is there now counts as read."""
        for file in self._open(()):
            self.remember(file)

    def has_changed(self) -> bool:
        """Whether files came or went in the folder since this was last asked."""
        try:
            changed = self._path.parent.stat().st_mtime_ns
        except OSError:
            return False
        before = self._listed
        if time.time_ns() - changed > TICK:  # two changes within a tick of the file system's clock look like one
            self._listed = changed
        return before != changed

    def unread(self, skip: Collection[Identity], since: int) -> Iterator[OpenFile]:
        """Files that nobody has read, oldest first, changed at `since` (nanoseconds) or later; closed after use."""
        for file in self._open(skip):
            if file.modified >= since and not self._is_known(file):
                yield file

    def copy_of(self, file: OpenFile) -> OpenFile | None:
        """The newest copy that holds what was read of `file` and goes on from there; to be closed by the caller."""
        found: OpenFile | None = None
        for copy in self._open((file.identity,)):
            if copy.continues(file):
                if found is not None:
                    found.close()
                found = copy.kept()
        return found

    def are_only(self, count: int) -> bool:
        """Whether there are no more than `count` rotated files."""
        return len(self._paths()) <= count

    def _is_known(self, file: OpenFile) -> bool:
        begins = self._read.get(file.identity)
        if begins is None:
            return False
        head = file.head()
        return head.startswith(begins) if begins else not head

    def _open(self, skip: Collection[Identity]) -> Iterator[OpenFile]:
        for path in self._paths():
            try:
                file = OpenFile(path, Assembler(self._origin, self._sink))
            except OSError:
                continue  # rotated on or removed since it was listed
            try:
                if file.identity not in skip:
                    yield file
            finally:
                file.close()

    def _paths(self) -> list[Path]:
        found: list[tuple[int, int, str, Path]] = []
        try:
            for entry in os.scandir(self._path.parent):
                rest = entry.name.removeprefix(self._path.name)
                named = _ROTATED_NAME.fullmatch(rest)
                if rest == entry.name or named is None:
                    continue
                state = entry.stat()
                if stat.S_ISREG(state.st_mode):
                    # of two changed in one tick of the clock, .2 is older than .1
                    number = -int(named[1]) if named[1].isdigit() and len(named[1]) < 6 else 0
                    found.append((state.st_mtime_ns, number, entry.name, Path(entry.path)))
        except OSError:
            return []
        return [path for *_, path in sorted(found)]

"""The human-readable record of the emergency bypass: append-only, one line a step, each chained to the one before."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import time
from datetime import UTC, datetime
from pathlib import Path

DIGEST = 16
LOCK_WITHIN = 2.0
_LONGEST_LINE = 65_536
_LINE = re.compile(rb"(?P<text>.*)  \[(?P<digest>[0-9a-f]{16})\]", re.DOTALL)


def append_log(path: Path, line: str, *, at: datetime | None = None) -> None:
    """Append one step as `2026-11-20T21:04:10Z  <line>  [<digest>]` and have it on disk before returning.

    at: aware; now when left out. Creates the folders (0700) and the file (0600). A line break in `line` is written as
    `\\n`. Raises OSError, also where part of the line could not be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    is_new = not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
        _lock(descriptor, path)
        before = _last_line(descriptor)
        moment = (at or datetime.now(UTC)).astimezone(UTC)
        text = f"{moment:%Y-%m-%dT%H:%M:%SZ}  {_one_line(line)}".encode()
        data = text + f"  [{_digest(before, text)}]\n".encode()
        if before and not _ends_with_newline(descriptor):
            data = b"\n" + data
        if os.write(descriptor, data) != len(data):
            raise OSError(28, "the disk is full and the line was cut", str(path))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if is_new:
        _sync_folder(path.parent)


def verify_log(path: Path) -> tuple[str, ...]:
    """What does not fit together in a bypass log: a sentence with file and line each, none when all is well.

    An edited, inserted, removed or reordered line shows; lines cut off at the end do not: the journal has those.
    Raises OSError where it cannot be read.
    """
    data = path.read_bytes()
    if not data:
        return ()
    faults: list[str] = []
    before = b""
    lines = data.split(b"\n")
    if lines[-1]:
        faults.append(f"{path}:{len(lines)}: the last line was not finished")
    else:
        lines.pop()
    for number, line in enumerate(lines, 1):
        found = _LINE.fullmatch(line)
        if found is None:
            faults.append(f"{path}:{number}: not a whole line of this log")
        elif found["digest"].decode() != _digest(before, found["text"]):
            faults.append(f"{path}:{number}: this line, or the one before it, was changed, or one in between is gone")
        before = line
    return tuple(faults)


def _digest(before: bytes, text: bytes) -> str:
    return hashlib.sha256(before + b"\n" + text).hexdigest()[:DIGEST]


def _one_line(text: str) -> str:
    escaped = text.replace("\r\n", "\\n").replace("\n", "\\n")
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in escaped)


def _last_line(descriptor: int) -> bytes:
    """The last line, without its end; empty in an empty file."""
    size = os.fstat(descriptor).st_size
    begin = max(0, size - _LONGEST_LINE)
    data = os.pread(descriptor, size - begin, begin)
    return data.removesuffix(b"\n").rpartition(b"\n")[2]


def _ends_with_newline(descriptor: int) -> bool:
    size = os.fstat(descriptor).st_size
    return size == 0 or os.pread(descriptor, 1, size - 1) == b"\n"


def _lock(descriptor: int, path: Path) -> None:
    """Keep other writers out until the descriptor is closed: each line needs the one before it."""
    deadline = time.monotonic() + LOCK_WITHIN
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise OSError(11, f"another process has kept it locked for {LOCK_WITHIN:g} s", str(path)) from None
            time.sleep(0.01)
        else:
            return


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

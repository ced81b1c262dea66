"""How a step ended, in a file that a full disk and a torn write cannot make lie: room is taken before the step begins.

Two records of a fixed length: that it has begun, and how it ended. Each carries the checksum of itself.
"""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import Any

RECORD = 8192
BEGUN, ENDED = 0, 1


def prepare(path: Path, begun: dict[str, Any]) -> int:
    """Make the file, mode 0600, and write that the step has begun; returns a descriptor for `end`. Raises OSError."""
    handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    # Written and not only asked for: not every file system keeps the promise.
    os.pwrite(handle, b" " * (2 * RECORD), 0)
    os.pwrite(handle, _record(begun), BEGUN)
    os.fsync(handle)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return handle


def end(handle: int, ended: dict[str, Any]) -> None:
    """Write how it ended, in place. Raises OSError."""
    os.pwrite(handle, _record(ended), ENDED * RECORD)
    os.fsync(handle)


def read(path: Path) -> dict[str, Any] | None:
    """How it ended, None where it has not, where the record is torn or where there is none."""
    try:
        with path.open("rb") as file:
            file.seek(ENDED * RECORD)
            raw = file.read(RECORD)
    except OSError:
        return None
    body, _, check = raw.rstrip(b"\n ").rpartition(b" ")
    if len(raw) != RECORD or check != _checksum(body.rstrip(b" ")):
        return None
    try:
        found = json.loads(body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _record(content: dict[str, Any]) -> bytes:
    body = json.dumps(content).encode()
    if len(body) > RECORD - 16:
        # What may be long are sentences and names; what counts are the numbers.
        content = {name: value[:500] if isinstance(value, str) else value for name, value in content.items()}
        content["lost"] = content.get("lost", [])[:20]
        body = json.dumps(content).encode()
    return body.ljust(RECORD - 10) + b" " + _checksum(body) + b"\n"


def _checksum(body: bytes) -> bytes:
    return f"{zlib.crc32(body):08x}".encode()

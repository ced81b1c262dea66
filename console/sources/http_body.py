"""Reading the body of an HTTP answer that may be endless, slow or huge."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

_CHUNK = 65_536


class TooLarge(Exception):
    """The body is longer than allowed."""


class TooSlow(Exception):
    """The body did not end before the deadline."""


def read_body(answer: BaseHTTPResponse, *, deadline: float, most: int) -> bytes:
    """The whole body, decompressed.

    deadline: of `time.monotonic()`; overrun by at most one read's time-out. most: bytes. Raises TooLarge, TooSlow, and
    what urllib3 raises.
    """
    parts: list[bytes] = []
    size = 0
    # read1 returns what has come; read would wait for a full chunk and never look at the deadline.
    while chunk := answer.read1(_CHUNK, decode_content=True):
        size += len(chunk)
        if size > most:
            raise TooLarge
        if time.monotonic() > deadline:
            raise TooSlow
        parts.append(chunk)
    return b"".join(parts)

"""One origin's bytes made into lines: the unfinished last line is kept until it is whole."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

LONGEST_PARTIAL = 65_536


class Sink(Protocol):
    """Where lines go."""

    def lines(self, origin: str, block: bytes, *, counted: bool) -> None:
        """Take whole lines, without the last line end. counted: whether they came since following began."""

    def mark(self, origin: str, text: str) -> None:
        """Take a line that the console itself puts there."""


class Assembler:
    """Cuts what one file or stream gives into whole lines.

    Of an unfinished line only the first 64 KiB are kept, so that a file without line ends takes no memory.
    """

    def __init__(self, origin: str, sink: Sink) -> None:
        self._origin = origin
        self._sink = sink
        self._partial = bytearray()

    @property
    def is_between_lines(self) -> bool:
        """Whether no unfinished line is kept."""
        return not self._partial

    def feed(self, data: bytes, *, counted: bool = True) -> None:
        """Take the next bytes."""
        end = data.rfind(b"\n")
        if end < 0:
            self._partial += data[: max(0, LONGEST_PARTIAL - len(self._partial))]
            return
        block = bytes(self._partial) + data[:end] if self._partial else data[:end]
        self._partial = bytearray(data[end + 1 : end + 1 + LONGEST_PARTIAL])
        self._sink.lines(self._origin, block, counted=counted)

    def finish(self) -> None:
        """Give out an unfinished line: nothing will follow it."""
        if self._partial:
            block, self._partial = bytes(self._partial), bytearray()
            self._sink.lines(self._origin, block, counted=True)


def marker(text: str) -> str:
    """How a line of the console's own looks among the log's: `── hak_gal.log was rotated at 21:04:10 ──`."""
    return f"── {text} ──"


def at(clock: Callable[[], datetime]) -> str:
    """The time of a marker, UTC."""
    return f"{clock():%H:%M:%S}"

"""The way of bytes to a terminal that does not read."""

from __future__ import annotations

import os
import pty
import select
import threading
import time
from collections.abc import Iterator

import pytest

from screens.terminal import LIMIT, Outlet
from tests.conftest import wait_until


class Line:
    """An outlet on a pseudo-terminal that is read only when asked."""

    def __init__(self) -> None:
        self.master, self.slave = pty.openpty()
        self.recovered = threading.Event()
        self.gone = threading.Event()
        self.outlet = Outlet(self.slave, recovered=self.recovered.set, gone=self.gone.set)

    def read(self, within: float = 5.0) -> bytes:
        """What has come, or nothing where nothing comes in time."""
        return os.read(self.master, 65536) if select.select([self.master], [], [], within)[0] else b""


@pytest.fixture
def line() -> Iterator[Line]:
    opened = Line()
    yield opened
    for fd in (opened.master, opened.slave):
        try:
            os.close(fd)
        except OSError:
            continue


def test_what_is_written_arrives_in_order(line: Line) -> None:
    for number in range(200):
        line.outlet.write(f"{number} ")
    received = b""
    while b"199 " not in received:
        received += line.read()
    assert received == "".join(f"{number} " for number in range(200)).encode()
    line.outlet.end("bye")
    assert line.read() == b"bye"


def test_a_reader_that_stalls_neither_blocks_nor_fills_memory_and_is_told_when_it_is_back(line: Line) -> None:
    began = time.monotonic()
    for _ in range(500):
        line.outlet.write("x" * 10_000)
    assert time.monotonic() - began < 2
    assert line.outlet._size <= LIMIT
    assert not line.recovered.is_set()
    wait_until(lambda: (line.read(within=0), line.recovered.is_set())[1], what="word that the reader is back")
    line.outlet.write("whole again")
    received = b""
    while b"whole again" not in received:
        received += line.read()


def test_the_terminal_is_put_back_although_its_reader_stalls(line: Line) -> None:
    for _ in range(500):
        line.outlet.write("x" * 10_000)
    began = time.monotonic()
    line.outlet.end("bye")
    assert time.monotonic() - began < 4
    assert b"\x1b[?1049l" in line.read()


def test_a_terminal_that_is_gone_is_said_once_and_swallows_the_rest(line: Line) -> None:
    os.close(line.master)
    line.outlet.write("into the void")
    wait_until(line.gone.is_set, what="the hang-up")
    for _ in range(100):
        line.outlet.write("x" * 10_000)
    assert line.outlet._size == 0
    line.outlet.end("bye")
    line.master = os.open(os.devnull, os.O_RDONLY)

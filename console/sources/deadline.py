"""Sockets whose whole conversation has one deadline, however slowly the other side drips."""

from __future__ import annotations

import io
import socket
import threading
import time
from typing import IO, Any

Endpoint = tuple[Any, ...]


class Deadline:
    """A moment by which everything must be over. Raises TimeoutError once it has passed."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds that remain, never less than a thousandth."""
        left = self._at - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return max(left, 0.001)


class Resolver:
    """Looks one host up in a thread of its own, since the system's resolver knows no deadline.

    A lookup that hangs is waited for again by the next call instead of being started once more.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._thread: threading.Thread | None = None
        self._found: list[tuple[int, Endpoint]] = []
        self._error: OSError | None = None

    def endpoints(self, deadline: Deadline) -> list[tuple[int, Endpoint]]:
        """(address family, address) of the host. Raises socket.gaierror, or TimeoutError after the deadline."""
        if self._thread is None:
            self._found, self._error = [], None
            self._thread = threading.Thread(target=self._look_up, name=f"lookup-{self._host}", daemon=True)
            self._thread.start()
        self._thread.join(deadline.left())
        if self._thread.is_alive():
            raise TimeoutError(f"the name {self._host} did not resolve")
        self._thread = None
        if self._error is not None:
            raise self._error
        return self._found

    def _look_up(self) -> None:
        try:
            found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except OSError as error:
            self._error = error
        except UnicodeError:
            self._error = socket.gaierror(socket.EAI_NONAME, "not a host name")
        else:
            self._found = [(family, endpoint) for family, _kind, _protocol, _name, endpoint in found]


def connect(resolver: Resolver, deadline: Deadline) -> socket.socket:
    """A connected socket to the first address that accepts. Raises OSError of the last that did not."""
    last: OSError = OSError("the name has no address")
    for family, endpoint in resolver.endpoints(deadline):
        plug = socket.socket(family, socket.SOCK_STREAM)
        try:
            plug.settimeout(deadline.left())
            plug.connect(endpoint)
        except OSError as error:
            plug.close()
            last = error
        else:
            return plug
    raise last


class _Reader(io.RawIOBase):
    def __init__(self, plug: socket.socket, deadline: Deadline) -> None:
        self._plug = plug
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._plug.settimeout(self._deadline.left())
        return self._plug.recv_into(buffer)


class DeadlineSocket:
    """A connected socket in the shape that http.client wants, every read and write of it under one deadline."""

    def __init__(self, plug: socket.socket, deadline: Deadline) -> None:
        self._plug = plug
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        """Send all of it."""
        self._plug.settimeout(self._deadline.left())
        self._plug.sendall(data)

    def makefile(self, _mode: str) -> IO[bytes]:
        """A buffered reader."""
        return io.BufferedReader(_Reader(self._plug, self._deadline))

    def close(self) -> None:
        """Nothing: http.client closes early, and whoever connected the socket closes it."""

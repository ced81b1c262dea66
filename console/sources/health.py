"""Health checks over HTTP, HTTPS and TCP, each in a thread of its own with one deadline for the whole call."""

from __future__ import annotations

import http.client
import logging
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import timedelta
from typing import Any
from urllib.parse import SplitResult, urlsplit

from console.core.readings import Health, Reading
from console.core.system import HealthTarget
from console.sources.base import Clock, SourceError
from console.sources.deadline import Deadline, DeadlineSocket, Resolver, connect

MOST_BODY = 65_536
LONGEST_QUOTE = 80
TCP_ANSWER = "connected"

log = logging.getLogger(__name__)


class HealthSource:
    """Checks every target at its own pace; one that hangs holds up no other.

    `reading` has a Health for each target that has been checked, in the order of `targets`; a failed check is a value
    there and not an error of the reading.
    """

    name = "health"

    def __init__(self, targets: Sequence[HealthTarget], *, clock: Clock) -> None:
        slowest = max((target.every + target.timeout for target in targets), default=timedelta(seconds=6))
        self._reading: Reading[tuple[Health, ...]] = Reading(stale_after=max(slowest * 2, timedelta(seconds=6)))
        self._clock = clock
        self._probes = tuple(Probe(target) for target in targets)
        self._said: dict[str, Health] = {}
        self._lock = threading.Lock()
        self._wakes = tuple(threading.Event() for _ in targets)
        self._ended = threading.Event()

    @property
    def reading(self) -> Reading[tuple[Health, ...]]:
        """What the checks last said."""
        return self._reading

    def start(self, changed: Callable[[], None]) -> None:
        """Begin to check."""
        for probe, wake in zip(self._probes, self._wakes, strict=True):
            name = f"source-health-{probe.target.name}"
            threading.Thread(target=self._run, args=(probe, wake, changed), name=name, daemon=True).start()

    def refresh(self) -> None:
        """Check everything now, or once more after the check that runs."""
        for wake in self._wakes:
            wake.set()

    def stop(self) -> None:
        """End after the checks that run."""
        self._ended.set()
        self.refresh()

    def _run(self, probe: Probe, wake: threading.Event, changed: Callable[[], None]) -> None:
        failures = 0
        while not self._ended.is_set():
            wake.clear()
            began = time.perf_counter()
            try:
                detail, ok = probe.check(), True
            except SourceError as error:
                detail, ok = str(error), False
            except Exception as error:  # the edge of the task: it becomes a failed check
                log.exception("health %s", probe.target.name)
                detail, ok = f"{probe.call}: {type(error).__name__}: {error}", False
            failures = 0 if ok else failures + 1
            self._say(Health(probe.target.name, ok, time.perf_counter() - began, failures, detail))
            if self._ended.is_set():
                return
            changed()
            wake.wait(probe.target.every.total_seconds())

    def _say(self, health: Health) -> None:
        with self._lock:
            self._said[health.name] = health
            names = (probe.target.name for probe in self._probes)
            self._reading = self._reading.good(
                tuple(self._said[name] for name in names if name in self._said), self._clock()
            )


class Probe:
    """One target's check. call: what it asks, as sentences name it: `GET http://host/health`, `connect host:port`."""

    def __init__(self, target: HealthTarget) -> None:
        self.target = target
        self._url = urlsplit(target.url)
        self._host = self._url.hostname or ""
        self._port = self._url.port or {"http": 80, "https": 443}.get(self._url.scheme, 0)
        self._resolver = Resolver(self._host, self._port)
        self._tls: ssl.SSLContext | None = None
        host = f"[{self._host}]" if ":" in self._host else self._host
        self._place = host if self._url.port is None else f"{host}:{self._url.port}"
        self.call = (
            f"connect {self._place}"
            if self._url.scheme == "tcp"
            else f"GET {self._url.scheme}://{self._place}{self._url.path or '/'}"
        )

    def check(self) -> str:
        """What a passing check says: `200 OK`, `connected`. Raises SourceError with the sentence of the failure."""
        deadline = Deadline(self.target.timeout.total_seconds())
        try:
            return self._ask(deadline)
        except (OSError, http.client.HTTPException) as error:
            raise SourceError(f"{self.call}: {self._reason(error)}") from error

    def _ask(self, deadline: Deadline) -> str:
        with closing(connect(self._resolver, deadline)) as plug:
            if self._url.scheme == "tcp":
                return TCP_ANSWER
            if self._url.scheme == "https":
                plug.settimeout(deadline.left())
                with closing(self._context().wrap_socket(plug, server_hostname=self._host)) as wrapped:
                    return self._get(wrapped, deadline)
            return self._get(plug, deadline)

    def _get(self, plug: socket.socket, deadline: Deadline) -> str:
        connection = http.client.HTTPConnection(self._host, self._port)
        connection.sock = DeadlineSocket(plug, deadline)
        connection.request("GET", _path(self._url), headers=self._headers())
        response = connection.getresponse()
        with closing(response):
            body = response.read(MOST_BODY)
            if response.length and len(body) < MOST_BODY:
                raise http.client.IncompleteRead(body, response.length)
            status = _safe(f"{response.status} {response.reason}")
            if 200 <= response.status < 300:
                return status
            if 300 <= response.status < 400:
                where = _safe(response.headers.get("Location", ""))
                raise SourceError(
                    f"{self.call}: {status} points to {where or 'nowhere'} and is not followed; name that address"
                )
            said = _gist(body, response.headers.get_content_type())
            raise SourceError(f"{self.call}: {status}" + (f": {said}" if said else ""))

    def _headers(self) -> dict[str, str]:
        return {"Host": self._place, "User-Agent": "hakgal-console", "Accept": "*/*", "Connection": "close"}

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls

    def _reason(self, error: Exception) -> str:
        seconds = f"{self.target.timeout.total_seconds():g} s"
        if isinstance(error, TimeoutError):
            return f"{error} in {seconds}" if "resolve" in str(error) else f"no complete answer in {seconds}"
        if isinstance(error, socket.gaierror):
            return f"the name {self._host} is not known"
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"its certificate is not accepted: {error.verify_message.lower()}"
        if isinstance(error, ssl.SSLError):
            return f"TLS failed: {(error.reason or 'no handshake').lower().replace('_', ' ')}"
        if isinstance(error, ConnectionRefusedError):
            return "connection refused; nothing listens there"
        if isinstance(error, http.client.RemoteDisconnected | ConnectionResetError | BrokenPipeError):
            return "it closed the connection without an answer"
        if isinstance(error, http.client.IncompleteRead):
            return "its answer ended too early"
        if isinstance(error, http.client.HTTPException):
            return f"it does not answer in HTTP: {_safe(str(error)) or type(error).__name__}"
        return (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()


def _path(url: SplitResult) -> str:
    return (url.path or "/") + (f"?{url.query}" if url.query else "")


def _gist(body: bytes, kind: str) -> str:
    """What an error page says, on one line: the title of an HTML page, else the first words."""
    text = body.decode("utf-8", "replace")
    if kind == "text/html" or text.lstrip()[:1] == "<":
        title: Any = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
        text = title[1] if title else ""
    return _safe(text)


def _safe(text: str) -> str:
    text = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 1] + "…"

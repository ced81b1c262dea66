"""A body of a Kubernetes API server that comes as it is written: a watch or a followed log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from console.systems.kubernetes_errors import from_status, not_json, unanswered

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

Json = dict[str, Any]


class Stream:
    """A body that comes as it is written: a watch or a followed log. One thread reads it, any thread may close it."""

    def __init__(self, response: BaseHTTPResponse, host: str, call: str, idle_seconds: float) -> None:
        self._response = response
        self._host = host
        self._call = call
        self._idle = idle_seconds
        self._closed = False

    def chunks(self) -> Iterator[bytes]:
        """The bytes as they arrive, until the server ends it or it is closed here.

        Raises KubernetesError where the connection is lost or nothing at all comes within the idle deadline.
        """
        from urllib3.exceptions import HTTPError

        try:
            while chunk := self._response.read1(65536):
                yield chunk
        except (HTTPError, OSError, ValueError, AttributeError) as error:
            if not self._closed:
                raise unanswered(self._host, self._call, error, self._idle) from error
        finally:
            self._response.close()

    def lines(self) -> Iterator[bytes]:
        """Whole lines without their ends; a last line without an end is dropped, for it may be torn."""
        kept = bytearray()
        for chunk in self.chunks():
            searched = len(kept)
            kept += chunk
            begin = 0
            while (end := kept.find(b"\n", max(begin, searched))) >= 0:
                yield bytes(kept[begin:end])
                begin = end + 1
            del kept[:begin]

    def events(self) -> Iterator[Json]:
        """A watch's events (`type`, `object`). Raises KubernetesError for an ERROR event, `expired` for 410 Gone."""
        for line in self.lines():
            if not line.strip():
                continue
            try:
                event = json.loads(line)
            except ValueError as error:
                raise not_json(self._host, self._call, 200, self._response.headers, line) from error
            if event.get("type") == "ERROR":
                raise from_status(self._host, self._call, event.get("object") or {})
            yield event

    def close(self) -> None:
        """End it from any thread; a read that waits returns at once."""
        self._closed = True
        # The socket is shut down and not closed: closing would wait for the reading thread's lock.
        with suppress(OSError, ValueError, RuntimeError, AttributeError):
            self._response.shutdown()

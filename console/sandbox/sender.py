"""Sending requests to pods without waiting for them, and counting what became of each."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any

import aiohttp

from console.sandbox.pods import Container
from console.sandbox.sample import VERSION_HEADER

_MOST_IN_FLIGHT = 100
_GIVEN_UP_AFTER = 12.0


class Sender:
    """Requests under way and what came of them. dropped: those that had no pod to go to, or no room."""

    def __init__(self) -> None:
        self._in_flight: set[asyncio.Task[None]] = set()
        self._http: aiohttp.ClientSession | None = None
        self.sent = 0
        self.dropped = 0
        self.statuses: Counter[str] = Counter()
        self.by_version: Counter[tuple[str, str]] = Counter()

    async def __aenter__(self) -> Sender:
        timeout = aiohttp.ClientTimeout(total=_GIVEN_UP_AFTER)
        self._http = aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._http:
            await self._http.close()

    @property
    def has_room(self) -> bool:
        """Whether one more can be under way."""
        return len(self._in_flight) < _MOST_IN_FLIGHT

    def send(self, pod: Container | None, method: str, path: str, body: Mapping[str, Any] | None = None) -> None:
        """Send one request; returns at once."""
        if pod is None or not self.has_room:
            self.dropped += 1
            return
        task = asyncio.create_task(self._deliver(pod, method, path, body))
        self._in_flight.add(task)
        task.add_done_callback(self._in_flight.discard)

    def told(self) -> dict[str, Any]:
        """The counts, for people and tests."""
        by_version: dict[str, dict[str, int]] = {}
        for (version, status), count in self.by_version.items():
            by_version.setdefault(version, {})[status] = count
        return {
            "sent": self.sent,
            "dropped": self.dropped,
            "statuses": dict(self.statuses),
            "by_version": by_version,
        }

    async def _deliver(self, pod: Container, method: str, path: str, body: Mapping[str, Any] | None) -> None:
        self.sent += 1
        assert self._http
        version = pod.version
        try:
            async with self._http.request(method, pod.url.rstrip("/") + path, json=body) as answer:
                await answer.read()
                status, version = str(answer.status), answer.headers.get(VERSION_HEADER, version)
        except (aiohttp.ClientError, TimeoutError, OSError):
            status = "lost"
        self.statuses[status] += 1
        self.by_version[version, status] += 1

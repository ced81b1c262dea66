"""Faults that need a hand of their own: filling Redis, and storming the logs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from console.sandbox.faults import Fault, Faults
from console.sandbox.pods import Container

if TYPE_CHECKING:
    from redis.asyncio import Redis

LINES_A_SECOND = 1500
FILLER = "hakgal:cache:filler"
_CHUNK = 256 * 1024
_FILL_EVERY = 0.125
_FULL = 0.9
_FULL_WITHOUT_LIMIT = 96 * 1024 * 1024
_STORM_EVERY = 0.1


async def storm(faults: Faults, pods: Callable[[], Sequence[Container]]) -> None:
    """Print far too much while the fault is on; runs until cancelled."""
    number = 0
    while True:
        await asyncio.sleep(_STORM_EVERY)
        running = pods()
        if not faults.on(Fault.LOG_STORM) or not running:
            continue
        share = -(-int(LINES_A_SECOND * _STORM_EVERY) // len(running))
        for container in running:
            lines: list[tuple[str, str, dict[str, object]]] = []
            for _ in range(share):
                number += 1
                lines.append(
                    ("INFO", "cache_lookup", {"entry": number, "hit": number % 7 != 0, "us": 80 + number % 40})
                )
            container.app.log.say_all(lines)


async def fill(faults: Faults, client: Redis, limit: int) -> None:
    """Fill Redis while the fault is on and empty it after; runs until cancelled. limit: bytes, 0 for none."""
    from redis.exceptions import RedisError

    written = 0
    full = _FULL * limit if limit else _FULL_WITHOUT_LIMIT
    chunk = b"\x00" * _CHUNK
    while True:
        await asyncio.sleep(_FILL_EVERY)
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            if faults.on(Fault.REDIS_MEMORY):
                told: dict[str, Any] = await client.info("memory")
                if int(told["used_memory"]) + _CHUNK < full:
                    await client.set(f"{FILLER}:{written}", chunk)
                    written += 1
            elif written:
                await client.delete(*(f"{FILLER}:{number}" for number in range(written)))
                written = 0

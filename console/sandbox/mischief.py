"""Faults that need a hand of their own: filling Redis, storming the logs, killing pods, and what ends by itself."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from console.sandbox.faults import Fault, Faults
from console.sandbox.pods import Container
from console.sandbox.world_file import FaultSpec

if TYPE_CHECKING:
    from redis.asyncio import Redis

LINES_A_SECOND = 1500
FILLER = "hakgal:cache:filler"
WRITER = "cache-warmer"  # its name in CLIENT LIST
_CHUNK = 256 * 1024
_FILL_EVERY = 0.125
_FULL = 0.9
_FULL_WITHOUT_LIMIT = 96 * 1024 * 1024
_STORM_EVERY = 0.1
_KILL_EVERY = 3.0
_ENOUGH = 512 * 2**20
_RELIEVE_EVERY = 0.3


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
    """Fill Redis while the fault is on and empty it after; runs until cancelled. limit: bytes, 0 for none.

    client: a connection of the writer's own. Who kills it (CLIENT KILL) ends the fault; what it wrote stays then.
    """
    from redis.exceptions import ConnectionError as Lost
    from redis.exceptions import RedisError

    written = 0
    full = _FULL * limit if limit else _FULL_WITHOUT_LIMIT
    chunk = b"\x00" * _CHUNK
    while True:
        await asyncio.sleep(_FILL_EVERY)
        try:
            if faults.on(Fault.REDIS_MEMORY):
                told: dict[str, Any] = await client.info("memory")
                if int(told["used_memory"]) + _CHUNK < full:
                    await client.set(f"{FILLER}:{written}", chunk)
                    written += 1
            elif written:
                await client.delete(*(f"{FILLER}:{number}" for number in range(written)))
                written = 0
                await client.connection_pool.disconnect()
        except Lost:
            if written:
                faults.switch(Fault.REDIS_MEMORY, False)
                written = 0
        except (RedisError, OSError, TimeoutError):
            continue  # a Redis that does not answer is a fault of its own


async def kill(faults: Faults, pods: Callable[[], Sequence[Container]], chance: random.Random) -> None:
    """Kill one container after the other while the fault is on, of those with little memory; runs until cancelled."""
    while True:
        await asyncio.sleep(_KILL_EVERY)
        small = [container for container in pods() if container.serving and container.memory < _ENOUGH]
        if faults.on(Fault.POD_DEATH) and small:
            await chance.choice(small).die()


async def relieve(faults: Faults, specs: Sequence[FaultSpec], pods: Callable[[], Sequence[Container]]) -> None:
    """End the faults that end when enough pods serve; runs until cancelled."""
    while any(spec.until for spec in specs):
        await asyncio.sleep(_RELIEVE_EVERY)
        serving = sum(container.serving for container in pods())
        for spec in specs:
            if spec.until and faults.on(spec.name) and serving >= spec.until:
                faults.switch(spec.name, False)

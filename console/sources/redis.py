"""Redis as a source: memory, clients and keyspace from INFO, and latency by a timed PING and a timed SCAN page."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from console.core.readings import RedisStats
from console.sources.base import Clock, Poller, SourceError
from console.systems.redis_connection import address, explain, open_redis, redis_errors

if TYPE_CHECKING:
    from redis import Redis

    from console.systems.secrets import RedisAccess

SCAN_PAGE = 100


class RedisSource(Poller[RedisStats]):
    """Reads RedisStats every `interval` over one connection, opened again after a failure.

    access: where and as whom. A reading fails when any of its calls does: half a reading is none.
    """

    def __init__(self, access: RedisAccess, *, clock: Clock, interval: timedelta = timedelta(seconds=2)) -> None:
        super().__init__("redis", self._read_stats, clock=clock, interval=interval)
        self._access = access
        self._client: Redis | None = None
        self._cursor = 0

    def _read_stats(self) -> RedisStats:
        if self._client is None:
            self._client = open_redis(self._access, name="hakgal-console")
        client: Any = self._client
        info = self._call("INFO", lambda: client.info())
        ping, _ = self._timed("PING", lambda: client.execute_command("PING"))
        page, answer = self._timed("SCAN", lambda: client.execute_command("SCAN", self._cursor, "COUNT", SCAN_PAGE))
        self._cursor = int(answer[0])
        keys = self._call("DBSIZE", lambda: client.execute_command("DBSIZE"))
        try:
            return stats(info, keys=int(keys), ping=ping, scan_page=page)
        except KeyError as missing:
            raise SourceError(f"redis {address(self._access)}: INFO does not say {missing.args[0]}") from missing

    def _timed(self, name: str, call: Callable[[], Any]) -> tuple[float, Any]:
        began = time.perf_counter()
        answer = self._call(name, call)
        return time.perf_counter() - began, answer

    def _call(self, name: str, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except redis_errors() as error:
            self._drop()
            raise SourceError(explain(error, self._access, name)) from error

    def _drop(self) -> None:
        """Begin anew with the next read: what is left on a failed connection is anyone's guess."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _run(self, changed: Callable[[], None]) -> None:
        try:
            super()._run(changed)
        finally:
            self._drop()


def stats(info: Mapping[str, Any], *, keys: int, ping: float, scan_page: float) -> RedisStats:
    """RedisStats from the fields of INFO.

    keys: from DBSIZE. ping, scan_page: seconds. Raises KeyError with the name of a field that the server leaves out:
    what it does not say is not zero.
    """
    return RedisStats(
        version=str(info.get("redis_version", "unknown")),
        role=str(info.get("role", "unknown")),
        uptime=timedelta(seconds=float(info["uptime_in_seconds"])),
        used=int(info["used_memory"]),
        peak=int(info.get("used_memory_peak", info["used_memory"])),
        limit=int(info.get("maxmemory", 0)) or None,
        fragmentation=float(info.get("mem_fragmentation_ratio", 1.0)),
        clients=int(info["connected_clients"]),
        blocked_clients=int(info["blocked_clients"]),
        ops_per_second=float(info["instantaneous_ops_per_sec"]),
        keys=keys,
        evicted=int(info["evicted_keys"]),
        expired=int(info["expired_keys"]),
        rejected_connections=int(info["rejected_connections"]),
        hits=int(info["keyspace_hits"]),
        misses=int(info["keyspace_misses"]),
        ping=ping,
        scan_page=scan_page,
    )

"""A Redis of Python for machines without any: fakeredis behind a port, with a password and an INFO of estimates."""

from __future__ import annotations

import threading
import time
from typing import Any

from fakeredis import FakeServer, TcpFakeServer

_KEY_OVERHEAD = 96  # bytes a real server needs per key besides key and value, about


class FakeStore:
    """A running fakeredis server. It freezes as a stopped process does: connections stay open, nothing answers."""

    def __init__(self, host: str, password: str) -> None:
        _teach_info()
        self._server = TcpFakeServer((host, 0), server_version=(7, 0))
        self._server.daemon_threads = True
        self._server.fake_server = FakeServer(version=(7, 0), config={b"requirepass": password.encode()})
        self._frozen = False
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, name="fakeredis", daemon=True).start()

    def freeze(self) -> None:
        """Answer nothing from now on."""
        if not self._frozen:
            self._frozen = self._server.fake_server.lock.acquire(timeout=1)

    def thaw(self) -> None:
        """Answer again."""
        if self._frozen:
            self._frozen = False
            self._server.fake_server.lock.release()


def info(server: Any, database: Any) -> str:
    """INFO's sections that a console reads; used_memory is counted from keys and values."""
    used = 1_000_000 + sum(len(key) + _size(item.value) + _KEY_OVERHEAD for key, item in database._dict.items())
    keys = len(database)
    lasting = sum(item.expireat is not None for item in database._dict.values())
    uptime = int(time.time()) - server.lastsave
    lines = [
        "# Server", "redis_version:7.0.0", "redis_mode:standalone", f"uptime_in_seconds:{uptime}",
        "# Clients", f"connected_clients:{len(server.clients)}", "blocked_clients:0",
        "# Memory", f"used_memory:{used}", f"used_memory_rss:{used}", f"used_memory_peak:{used}", "maxmemory:0",
        "maxmemory_policy:noeviction", "mem_fragmentation_ratio:1.00",
        "# Stats", "instantaneous_ops_per_sec:0", "total_commands_processed:0", "rejected_connections:0",
        "expired_keys:0", "evicted_keys:0", "keyspace_hits:0", "keyspace_misses:0",
        "# Replication", "role:master",
        "# Keyspace", f"db0:keys={keys},expires={lasting},avg_ttl=0",
    ]  # fmt: skip
    return "\r\n".join(lines) + "\r\n"


def _size(value: Any) -> int:
    return len(value) if isinstance(value, (bytes, str)) else 64


def _teach_info() -> None:
    from fakeredis._commands import SUPPORTED_COMMANDS, command
    from fakeredis._socket._fakesocket import FakeSocket

    if "info" in SUPPORTED_COMMANDS:
        return

    def answer(self: Any, *_sections: bytes) -> bytes:
        return info(self._server, self._db).encode()

    answer.__name__ = "info"
    setattr(FakeSocket, "info", command((), (bytes,))(answer))  # noqa: B010

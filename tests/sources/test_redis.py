"""Redis as a source: what it reads, and how it fails and comes back."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from console.sources.redis import RedisSource, stats
from console.systems.redis_connection import open_redis
from console.systems.secrets import RedisAccess
from tests.conftest import RedisServer, start_redis, wait_until


def access(port: int, database: int = 0, timeout: float = 0.3) -> RedisAccess:
    return RedisAccess("127.0.0.1", port, None, None, False, database, timedelta(seconds=timeout))


def source(port: int, database: int = 0) -> RedisSource:
    return RedisSource(access(port, database), clock=lambda: datetime.now(UTC), interval=timedelta(milliseconds=50))


def client_of(server: RedisServer, database: int = 0) -> Any:
    return open_redis(access(server.port, database, timeout=10), name="test")


def test_it_reads_what_info_says(redis_server: RedisServer) -> None:
    client = client_of(redis_server)
    client.config_set("maxmemory", 64 * 1024 * 1024)
    client.mset({f"key:{number}": "x" * 100 for number in range(500)})
    client.get("key:1")
    client.get("absent")
    read = source(redis_server.port).attempt().value
    info = client.info()
    assert read is not None
    assert (read.version, read.role) == (info["redis_version"], "master")
    assert (read.keys, read.limit) == (500, 64 * 1024 * 1024)
    assert abs(read.used - info["used_memory"]) < 500_000
    assert read.peak >= read.used * 0.9
    assert (read.hits, read.misses, read.evicted) == (1, 1, 0)
    assert read.clients == 2
    assert 0 < read.ping < 0.3 and 0 < read.scan_page < 0.3


def test_no_limit_is_none_and_an_empty_database_has_no_keys(redis_server: RedisServer) -> None:
    client_of(redis_server, database=1).set("elsewhere", "1")
    read = source(redis_server.port).attempt().value
    assert read is not None
    assert read.limit is None
    assert read.keys == 0
    elsewhere = source(redis_server.port, database=1).attempt().value
    assert elsewhere is not None and elsewhere.keys == 1


def test_it_keeps_one_connection_and_leaves_it_in_the_end(redis_server: RedisServer) -> None:
    watched = source(redis_server.port)
    done = threading.Semaphore(0)
    watched.start(done.release)
    for _ in range(4):
        assert done.acquire(timeout=5)
    client = client_of(redis_server)
    mine = [entry for entry in client.client_list() if entry["name"] == "hakgal-console"]
    assert len(mine) == 1
    assert client.info("stats")["total_connections_received"] <= 3  # the fixture's probe, the source's, and ours
    watched.stop()
    wait_until(lambda: not [entry for entry in client.client_list() if entry["name"] == "hakgal-console"], within=5)


def test_a_hung_redis_keeps_the_last_values_with_the_reason(redis_server: RedisServer) -> None:
    client_of(redis_server).set("a", "1")
    watched = source(redis_server.port)
    watched.start(lambda: None)
    wait_until(lambda: watched.reading.value)
    redis_server.stop_answering()
    wait_until(lambda: watched.reading.error, within=5)
    reading = watched.reading
    assert reading.value is not None and reading.value.keys == 1
    assert (reading.error or "").startswith(f"redis 127.0.0.1:{redis_server.port}: no answer in 0.3 s to ")
    redis_server.go_on()
    wait_until(lambda: watched.reading.error is None, within=5)
    watched.stop()


def test_a_redis_that_was_restarted_is_read_again(redis_server: RedisServer, tmp_path: Path) -> None:
    watched = source(redis_server.port)
    watched.start(lambda: None)
    wait_until(lambda: watched.reading.value)
    redis_server.kill()
    wait_until(lambda: "refused" in (watched.reading.error or ""), within=5)
    again = start_redis(tmp_path, redis_server.port)
    try:
        wait_until(lambda: watched.reading.error is None, within=5)
    finally:
        watched.stop()
        again.kill()


def test_a_right_that_is_taken_away_fails_the_reading_by_name(redis_server: RedisServer) -> None:
    watched = source(redis_server.port)
    assert watched.attempt().error is None
    client_of(redis_server).execute_command("ACL", "SETUSER", "default", "-scan")
    reading = watched.attempt()
    assert reading.value is not None
    assert (reading.error or "").endswith("user default may not run SCAN; allow it: ACL SETUSER default +scan")


def test_a_field_that_is_missing_is_not_zero(redis_server: RedisServer) -> None:
    info = dict(client_of(redis_server).info())
    del info["connected_clients"]
    with pytest.raises(KeyError, match="connected_clients"):
        stats(info, keys=0, ping=0.001, scan_page=0.001)

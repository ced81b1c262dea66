"""The census of sessions: exact at the end, honest on the way, easy on the server, and never smaller than it was."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.core.readings import SessionCensus
from console.core.system import SessionScheme
from console.sources.census import MOST_TENANTS, OTHERS, REMEMBERED, Pace, Tally, key_shape
from console.sources.sessions import SessionSource
from console.systems.redis_connection import open_redis
from console.systems.secrets import RedisAccess
from tests.conftest import RedisServer, program, start_redis, wait_until

T = TypeVar("T")
PATTERN = "hakgal:tenant:{tenant}:session:{id}"
SHAPE = key_shape(PATTERN)


def access(port: int, timeout: float = 0.25) -> RedisAccess:
    return RedisAccess("127.0.0.1", port, None, None, False, 0, timedelta(seconds=timeout))


@contextmanager
def counting(
    port: int, *, pattern: str = PATTERN, every: float = 0.1, budget: int = 10_000_000
) -> Iterator[SessionSource]:
    source = SessionSource(
        access(port), SessionScheme(pattern, timedelta(seconds=every), budget), clock=lambda: datetime.now(UTC)
    )
    source.start(lambda: None)
    try:
        yield source
    finally:
        source.stop()


def fill(client: Any, sessions: int, others: int = 0, tenants: int = 3, begin: int = 0) -> None:
    """Sessions of tenants 0, 1, … and keys that are none; by a script, for speed."""
    client.eval(
        """
        for i = ARGV[4], ARGV[4] + ARGV[1] - 1 do
            redis.call('SET', 'hakgal:tenant:t' .. (i % ARGV[3]) .. ':session:' .. i, 'x')
        end
        for i = 1, ARGV[2] do redis.call('SET', 'cache:' .. i, 'x') end
        """,
        0,
        sessions,
        others,
        tenants,
        begin,
    )


def complete(source: SessionSource, after: datetime | None = None) -> SessionCensus:
    """The first complete census, or the first that began after that moment."""

    def done() -> SessionCensus | None:
        census = source.reading.value
        return census if census and census.complete and (after is None or census.began > after) else None

    return until(done)


def until(get: Callable[[], T | None]) -> T:
    """What `get` gives once it gives something."""
    found = wait_until(get, within=10)
    assert found is not None
    return found


def client_of(server: RedisServer) -> Any:
    return open_redis(access(server.port, timeout=10), name="test")


def test_it_agrees_with_redis_cli(redis_server: RedisServer) -> None:
    client = client_of(redis_server)
    fill(client, 20_000, others=10_000)
    for odd in (
        "hakgal:tenant::session:",
        "hakgal:tenant:a:session:b:session:c",
        "hakgal:tenant:a:sessions:b",
        "xhakgal:tenant:a:session:b",
        "hakgal:tenant:ü:session:ß",
        "HAKGAL:tenant:a:session:b",
        b"hakgal:tenant:\xff\x00:session:\x01",
    ):
        client.set(odd, "x")
    client.lpush("hakgal:tenant:a:session:list", "of another type")
    listed = subprocess.run(
        [program("redis-cli", "valkey-cli"), "-p", str(redis_server.port), "--scan", "--pattern", SHAPE.glob],
        capture_output=True,
        check=True,
        timeout=20,
    ).stdout
    with counting(redis_server.port) as source:
        census = complete(source)
    assert census.total == listed.count(b"\n") == 20_005
    assert sum(count for _, count in census.tenants) == census.total
    assert census.tenants[0] == ("t0", 6_667)
    assert ("a", 2) in census.tenants and ("ü", 1) in census.tenants and ("\\xff\\x00", 1) in census.tenants
    assert census.scanned == census.keyspace == client.dbsize()
    assert census.estimate is None


def test_an_empty_database_has_no_sessions_and_is_counted(redis_server: RedisServer) -> None:
    with counting(redis_server.port) as source:
        census = complete(source)
    assert (census.total, census.tenants, census.complete) == (0, (), True)


@pytest.mark.parametrize("literal", ["a*b", "a?b", "[ab]", "a\\b", "^a-b", "a[b", "a]b", "(a.b)+"])
def test_glob_characters_of_the_scheme_stand_for_themselves(redis_server: RedisServer, literal: str) -> None:
    client = client_of(redis_server)
    for key in (f"{literal}:{{t}}:x:1", "aXb:t:x:1", "a:t:x:1", "ab:t:x:1", "b:t:x:1", "aaxb:t:x:1"):
        client.set(key.replace("{t}", "t"), "x")
    with counting(redis_server.port, pattern=literal + ":{tenant}:x:{id}") as source:
        assert complete(source).total == 1


def test_the_id_may_come_before_the_tenant(redis_server: RedisServer) -> None:
    client_of(redis_server).mset({"s:1:of:acme": "x", "s:2:of:acme": "x", "s:3:of:globex": "x"})
    with counting(redis_server.port, pattern="s:{id}:of:{tenant}") as source:
        assert complete(source).tenants == (("acme", 2), ("globex", 1))


@pytest.mark.parametrize("pattern", ["a:{tenant}", "a:{id}", "{tenant}{tenant}{id}"])
def test_a_scheme_needs_one_tenant_and_one_id(pattern: str) -> None:
    with pytest.raises(ValueError, match="exactly one"):
        key_shape(pattern)


def test_a_walk_under_way_says_so_and_estimates(redis_server: RedisServer) -> None:
    fill(client_of(redis_server), 30_000, others=30_000)
    with counting(redis_server.port, budget=15_000) as source:
        partial = until(lambda: source.reading.value)
        assert not partial.complete
        assert partial.estimate is not None and abs(partial.estimate - 30_000) < 1_500
        assert 0 < partial.total < 30_000
        assert partial.scanned < partial.keyspace == 60_000
        later = until(lambda: source.progress if source.progress != partial else None)
        assert later.total > partial.total


def test_a_count_never_falls_back_to_a_partial_one(redis_server: RedisServer) -> None:
    client = client_of(redis_server)
    fill(client, 20_000)
    with counting(redis_server.port, every=0.01, budget=20_000) as source:
        first = complete(source)
        fill(client, 10_000, begin=20_000)
        seen: list[SessionCensus] = []
        under_way: list[int] = []

        def again() -> bool:
            assert source.reading.value is not None
            seen.append(source.reading.value)
            if source.progress is not None:
                under_way.append(source.progress.total)
            return seen[-1].began > first.began and seen[-1].total == 30_000

        wait_until(again, within=10)
    assert min(census.total for census in seen) == 20_000
    assert all(census.complete for census in seen)
    assert under_way and min(under_way) < 20_000


def test_the_budget_is_kept(redis_server: RedisServer) -> None:
    client = client_of(redis_server)
    fill(client, 30_000)
    with counting(redis_server.port, budget=20_000) as source:
        census = complete(source)
    # the first second's worth goes at once, the rest at the budget
    assert 0.35 < (census.ended - census.began).total_seconds() < 3
    assert client.info("commandstats")["cmdstat_scan"]["calls"] < 2_000
    assert "cmdstat_keys" not in client.info("commandstats")


def test_a_page_takes_about_a_millisecond_of_the_server_at_most(redis_server: RedisServer) -> None:
    client = client_of(redis_server)
    fill(client, 60_000)
    client.config_set("slowlog-log-slower-than", 4_000)
    client.slowlog_reset()
    with counting(redis_server.port, every=60) as source:
        complete(source)
    stats = client.info("commandstats")["cmdstat_scan"]
    assert stats["usec_per_call"] < 1_500
    assert stats["calls"] < 3_000
    slow = [entry for entry in client.slowlog_get() if entry["command"].startswith(b"SCAN")]
    assert len(slow) <= 2  # the machine may stall; the pace must not


def test_a_table_that_shrinks_under_the_walk_counts_no_session_twice(redis_server: RedisServer) -> None:
    """What was visited last comes again when it is all that is left: the buckets of a small table lie together."""
    client = client_of(redis_server)
    fill(client, 40_000, tenants=1)
    tally = Tally(SHAPE)
    seen: set[bytes] = set()
    cursor, keys = 0, []
    for _ in range(30):
        cursor, keys = client.execute_command("SCAN", cursor, "MATCH", SHAPE.glob, "COUNT", 500)
        tally.add(keys)
        seen.update(keys)
    kept = set(keys[-60:])
    client.delete(*(f"hakgal:tenant:t0:session:{number}" for number in range(40_000) if _key(number) not in kept))

    def again() -> list[bytes]:
        _, page = client.execute_command("SCAN", cursor, "MATCH", SHAPE.glob, "COUNT", 500)
        return page if kept & set(page) else []

    repeated = wait_until(again, within=10, what="the table shrinking, and SCAN giving keys again")
    assert set(repeated) <= seen
    before = tally.total
    tally.add(repeated)
    assert tally.total == before == len(seen)


def _key(number: int) -> bytes:
    return b"hakgal:tenant:t0:session:%d" % number


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 300), max_size=400), st.integers(1, 50))
def test_a_key_that_scan_gives_again_counts_once(numbers: list[int], page: int) -> None:
    tally = Tally(SHAPE)
    keys = [b"hakgal:tenant:t%d:session:%d" % (number % 7, number) for number in numbers]
    for begin in range(0, len(keys), page):
        tally.add(keys[begin : begin + page])
    assert tally.total == len(set(keys))
    assert sum(count for _, count in tally.by_tenant()) == tally.total


def test_a_tally_stays_small_however_many_sessions_there_are() -> None:
    tally = Tally(SHAPE)
    for begin in range(0, 400_000, 1_000):
        tally.add([b"hakgal:tenant:t%d:session:x" % number for number in range(begin, begin + 1_000)])
    assert tally.total == 400_000
    assert len(tally._newer) + len(tally._older) <= REMEMBERED + 1_000
    assert len(tally.tenants) == MOST_TENANTS
    assert (OTHERS, 390_000) in tally.by_tenant()


def test_pages_shrink_when_the_server_is_slow_and_grow_when_it_is_quick() -> None:
    pace = Pace(1_000_000)
    for _ in range(40):
        pace.learn(0.0001)
    assert pace.count == 10_000
    for _ in range(40):
        pace.learn(0.02)
    assert pace.count == 10


def test_a_hung_redis_keeps_the_last_census_and_says_why(redis_server: RedisServer) -> None:
    fill(client_of(redis_server), 1_000)
    with counting(redis_server.port) as source:
        complete(source)
        redis_server.stop_answering()
        reading = until(lambda: source.reading if source.reading.error else None)
        assert reading.value is not None and reading.value.total == 1_000
        assert (reading.error or "").startswith(f"redis 127.0.0.1:{redis_server.port}: no answer in 0.25 s to ")
        redis_server.go_on()
        wait_until(lambda: source.reading.error is None, within=8)


def test_a_walk_goes_on_where_a_failure_interrupted_it(redis_server: RedisServer) -> None:
    fill(client_of(redis_server), 30_000)
    with counting(redis_server.port, budget=12_000) as source:
        partial = until(lambda: source.progress)
        redis_server.stop_answering()
        wait_until(lambda: source.reading.error, within=5)
        redis_server.go_on()
        resumed = until(
            lambda: source.progress if source.reading.error is None and source.progress != partial else None
        )
        assert resumed.began == partial.began
        census = complete(source)
    assert (census.total, census.began) == (30_000, partial.began)


def test_another_server_process_is_counted_anew(redis_server: RedisServer, tmp_path: Any) -> None:
    fill(client_of(redis_server), 30_000)
    with counting(redis_server.port, budget=12_000) as source:
        partial = until(lambda: source.progress)
        redis_server.kill()
        wait_until(lambda: source.reading.error, within=5)
        again = start_redis(tmp_path, redis_server.port)
        try:
            fill(client_of(again), 500)
            census = complete(source)
        finally:
            again.kill()
    assert (census.total, census.complete) == (500, True)
    assert census.began > partial.began


def test_asking_to_count_now_counts_now(redis_server: RedisServer) -> None:
    client = client_of(redis_server)
    with counting(redis_server.port, every=3600) as source:
        first = complete(source)
        fill(client, 10)
        source.refresh()
        assert complete(source, after=first.began).total == 10


def test_stopping_ends_a_long_walk_at_once(redis_server: RedisServer) -> None:
    fill(client_of(redis_server), 20_000)
    with counting(redis_server.port, budget=1_000) as source:
        wait_until(lambda: source.progress, within=5)
        source.stop()
        began = time.monotonic()
        wait_until(lambda: all(thread.name != "source-sessions" for thread in threading.enumerate()), within=5)
        assert time.monotonic() - began < 2

"""The emergency bypass on a real Redis: it ends when it must, whoever dies, hangs or races."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from console.actions import bypass
from console.core.bypass import Grant, encode
from console.core.system import BypassRule
from console.systems.redis_connection import open_redis
from console.systems.secrets import RedisAccess
from tests.conftest import RedisServer, start_redis, wait_until

KEY = "hakgal:emergency_bypass"
REPO = Path(__file__).parents[2]


def rule(**changes: Any) -> BypassRule:
    given: dict[str, Any] = {
        "key": KEY,
        "variable": "HAK_GAL_EMERGENCY_BYPASS",
        "ceiling": timedelta(minutes=15),
        "a_day": 3,
        "log": Path("emergency_bypass.log"),
        "off": (),
        "on": (),
    }
    return BypassRule(**(given | changes))


def client_of(server: RedisServer, timeout: float = 1) -> Any:
    access = RedisAccess("127.0.0.1", server.port, None, None, False, 0, timedelta(seconds=timeout))
    return open_redis(access, name="test")


def ask(client: Any, of: BypassRule | None = None, **changes: Any) -> Grant:
    given: dict[str, Any] = {
        "system": "hak-gal",
        "environment": "production",
        "reason": "false positives after the rule push",
        "actor": "kim",
        "host": "bastion",
        "length": timedelta(minutes=15),
        "say": lambda line: None,
    }
    return bypass.grant(client, of or rule(), **(given | changes))


def state(client: Any) -> Any:
    return bypass.read(client, rule(), "production")


def test_a_grant_is_read_back_with_what_is_left_by_the_stores_clock(redis_server: RedisServer) -> None:
    client = client_of(redis_server)
    said: list[str] = []
    granted = ask(client, say=said.append)
    read = state(client)
    assert read.grant == granted
    assert timedelta(minutes=14, seconds=58) < read.remaining <= timedelta(minutes=15)
    assert (read.today, read.a_day, read.warning) == (1, 3, "")
    assert said[-1] == f"key {KEY} is set and read back; it expires by itself in 900 s"


@pytest.mark.parametrize("asked", [timedelta(minutes=16), timedelta(days=1)])
def test_fifteen_minutes_are_the_most_whatever_is_asked_and_configured(
    redis_server: RedisServer, asked: timedelta
) -> None:
    client = client_of(redis_server)
    granted = ask(client, rule(ceiling=timedelta(hours=4)), length=asked)
    assert granted.length == timedelta(minutes=15)
    assert 899_000 < client.pttl(KEY) <= 900_000


def test_a_rule_may_allow_less(redis_server: RedisServer) -> None:
    client = client_of(redis_server)
    assert ask(client, rule(ceiling=timedelta(minutes=5))).length == timedelta(minutes=5)
    assert client.ttl(KEY) <= 300


@pytest.mark.parametrize("reason", ["", "   ", "?", "one\ntwo", "x" * 301])
def test_a_grant_without_a_reason_is_refused(redis_server: RedisServer, reason: str) -> None:
    client = client_of(redis_server)
    with pytest.raises(bypass.BypassRefused, match=r"reason|say what is wrong"):
        ask(client, reason=reason)
    assert client.dbsize() == 0


def test_a_second_grant_says_who_has_the_first_and_why(redis_server: RedisServer) -> None:
    client = client_of(redis_server)
    ask(client)
    with pytest.raises(bypass.BypassRefused) as refused:
        ask(client, actor="lee")
    assert str(refused.value).startswith(
        'a bypass is open already: "false positives after the rule push" by kim@bastion, 14:5'
    )
    assert state(client).today == 1


def test_three_a_day_are_the_most_for_all_hosts_together(redis_server: RedisServer) -> None:
    here, there = client_of(redis_server), client_of(redis_server)
    for console in (here, there, here):
        granted = ask(console, rule(a_day=9))
        assert bypass.revoke(console, rule(), "production", granted.id)
    with pytest.raises(bypass.BypassRefused, match=r"^3 of 3 bypasses of \d{4}-\d\d-\d\d are used; the next"):
        ask(there, rule(a_day=9))
    (counter,) = here.keys(f"{KEY}:granted:*")
    assert 0 < here.ttl(counter) <= 2 * 24 * 3600


def test_a_count_that_is_no_number_counts_as_all_of_them(redis_server: RedisServer) -> None:
    client = client_of(redis_server)
    seconds, _ = client.time()
    client.set(f"{KEY}:granted:{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}", "many")
    with pytest.raises(bypass.BypassRefused, match="holds no such number; delete it"):
        ask(client)
    assert state(client).today == 3


def test_killing_the_granting_process_does_not_prolong_it(redis_server: RedisServer) -> None:
    client = client_of(redis_server)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.actions.granter", str(redis_server.port), KEY, "2"],
        cwd=REPO,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(REPO)},
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip()
        granted = state(client).grant
    finally:
        process.kill()
        process.wait()
    assert granted is not None
    seen: list[int] = [client.pttl(KEY)]

    def is_over() -> bool:
        seen.append(client.pttl(KEY))
        return seen[-1] == -2

    wait_until(is_over, within=4)
    seconds, micro = client.time()
    ended = datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=micro)
    assert ended - granted.expires_at < timedelta(seconds=0.5)
    assert seen == sorted(seen, reverse=True) and max(seen) <= 2000
    assert state(client).grant is None


def test_of_granters_that_race_exactly_one_wins(redis_server: RedisServer) -> None:
    outcomes: list[str] = []
    start = threading.Barrier(8)

    def race(number: int) -> None:
        client = client_of(redis_server)
        client.ping()
        start.wait()
        try:
            outcomes.append(ask(client, actor=f"engineer{number}").actor)
        except bypass.BypassRefused as error:
            outcomes.append(str(error))

    threads = [threading.Thread(target=race, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    winners = [outcome for outcome in outcomes if outcome.startswith("engineer")]
    assert len(outcomes) == 8 and len(winners) == 1
    assert all(outcome.startswith("a bypass is open already") for outcome in outcomes if outcome not in winners)
    read = state(client_of(redis_server))
    assert read.grant.actor == winners[0]
    assert read.today == 1


def test_a_redis_that_hangs_refuses_within_its_deadline(redis_server: RedisServer) -> None:
    client = client_of(redis_server)
    client.ping()
    redis_server.stop_answering()
    began = time.monotonic()
    with pytest.raises(bypass.BypassRefused) as refused:
        ask(client)
    assert time.monotonic() - began < 2
    assert str(refused.value) == (
        f"the bypass needs a store that expires by itself, and redis 127.0.0.1:{redis_server.port} "
        "does not answer: no answer in 1 s to ROLE"
    )
    redis_server.go_on()
    assert state(client).grant is None


def test_no_redis_at_all_refuses_and_says_what_to_do(redis_server: RedisServer) -> None:
    redis_server.kill()
    with pytest.raises(bypass.BypassRefused, match="does not answer: connection refused; nothing listens there: start"):
        ask(client_of(redis_server))


@contextmanager
def silence_after(server: RedisServer, client: Any, command: str) -> Iterator[None]:
    """Freeze the server at the moment at which `command` is about to be sent to it."""
    send = type(client.connection_pool.make_connection()).send_packed_command

    def watched(connection: Any, packed: Any, check_health: bool = True) -> Any:
        data = packed if isinstance(packed, bytes) else b"".join(packed)
        if command.encode() in data:
            server.stop_answering()
        return send(connection, packed, check_health)

    kind = type(client.connection_pool.make_connection())
    kind.send_packed_command = watched
    try:
        yield
    finally:
        kind.send_packed_command = send


def test_silence_after_the_set_is_reported_as_uncertain_with_its_latest_end(redis_server: RedisServer) -> None:
    client = client_of(redis_server, timeout=0.3)
    with (
        silence_after(redis_server, client, "EXEC\r\n"),
        pytest.raises(bypass.BypassUncertain, match="may be in force, and then ends by itself in at most 30 s"),
    ):
        ask(client, length=timedelta(seconds=30))
    redis_server.go_on()
    wait_until(lambda: state(client).grant is not None, within=5)
    assert client.ttl(KEY) <= 30


@pytest.mark.parametrize("skew", [-7200, 7200])
def test_only_the_stores_clock_counts_however_far_from_ours(redis_server: RedisServer, skew: int) -> None:
    client = client_of(redis_server)
    client.set_response_callback("TIME", lambda said, **_: (int(said[0]) + skew, int(said[1])))
    granted = ask(client, length=timedelta(seconds=60))
    assert abs(granted.granted_at - timedelta(seconds=skew) - datetime.now(UTC)) < timedelta(seconds=30)
    read = state(client)
    assert read.grant == granted
    assert timedelta(seconds=50) < read.remaining <= timedelta(seconds=60)
    assert 50_000 < client.pttl(KEY) <= 60_000


def test_revoking_ends_it_and_revoking_again_finds_nothing(redis_server: RedisServer) -> None:
    client = client_of(redis_server)
    granted = ask(client)
    assert bypass.revoke(client, rule(), "production", granted.id) is True
    assert state(client).grant is None
    assert bypass.revoke(client, rule(), "production", granted.id) is False


def test_a_grant_that_came_after_the_one_revoked_stays(redis_server: RedisServer) -> None:
    client = client_of(redis_server)
    first = ask(client)
    bypass.revoke(client, rule(), "production", first.id)
    second = ask(client, actor="lee")
    with pytest.raises(bypass.BypassRefused, match=r"another bypass is open by now: .* by lee@bastion"):
        bypass.revoke(client, rule(), "production", first.id)
    assert state(client).grant == second
    assert bypass.revoke(client, rule(), "production", None)


def put(client: Any, *, ttl: timedelta | None, length: timedelta, environment: str = "production") -> Grant:
    """A record as somebody else might have put it there."""
    seconds, micro = client.time()
    now = datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=micro)
    granted = Grant("ab" * 8, "hak-gal", environment, "by hand, of course", "lee", "laptop", now, now + length)
    client.set(KEY, encode(granted), px=None if ttl is None else int(ttl.total_seconds() * 1000))
    return granted


@pytest.mark.parametrize("early", [-4, -1, 0, 1])
def test_revoking_in_the_race_with_expiry_never_ends_a_later_grant(redis_server: RedisServer, early: int) -> None:
    """The revoker has seen the grant; it expires, and another is granted, before, while or after it revokes."""
    client, other = client_of(redis_server), client_of(redis_server)
    short = timedelta(milliseconds=60)
    first = put(client, ttl=short, length=short)
    wait_until(lambda: client.pttl(KEY) <= max(0, -early), within=3, every=0.0005)
    outcome: list[object] = []

    def revoke() -> None:
        try:
            outcome.append(bypass.revoke(other, rule(), "production", first.id))
        except bypass.BypassRefused as error:
            outcome.append(str(error))

    revoking = threading.Thread(target=revoke)
    revoking.start()
    second = wait_until(lambda: _granted(client), within=3, every=0.0005)
    revoking.join(5)
    assert len(outcome) == 1
    assert outcome[0] in (True, False) or str(outcome[0]).startswith("another bypass is open by now")
    assert state(client).grant == second


def _granted(client: Any) -> Grant | None:
    try:
        return ask(client, actor="mia")
    except bypass.BypassRefused:
        return None


@pytest.mark.parametrize(
    ("place", "warning"),
    [
        (lambda client: put(client, ttl=None, length=timedelta(minutes=10)), "it would never expire"),
        (lambda client: put(client, ttl=timedelta(minutes=1), length=timedelta(minutes=10)), "it promises 9:5"),
        (lambda client: client.set(KEY, "true", ex=60), "is a bool, not an object"),
        (lambda client: client.set(KEY, b"\xff\xfe", ex=60), "no bypass is in force"),
        (
            lambda client: put(client, ttl=timedelta(minutes=10), length=timedelta(minutes=10), environment="staging"),
            "it is staging's, so both share one Redis",
        ),
    ],
)
def test_an_odd_record_is_not_in_force_and_is_told(
    redis_server: RedisServer, place: Callable[[Any], Any], warning: str
) -> None:
    client = client_of(redis_server)
    place(client)
    read = state(client)
    assert read.grant is None and read.remaining == timedelta(0)
    assert warning in read.warning
    with pytest.raises(bypass.BypassRefused, match="then grant anew"):
        ask(client)


def test_a_record_that_is_over_is_not_in_force_though_its_key_lives_on(redis_server: RedisServer) -> None:
    client = client_of(redis_server)
    granted = put(client, ttl=timedelta(minutes=10), length=timedelta(milliseconds=300))
    read = state(client)
    assert read.grant == granted and "longer than its record" in read.warning
    wait_until(lambda: state(client).grant is None, within=3)
    assert "it ended at" in state(client).warning
    assert bypass.revoke(client, rule(), "production", None) is True


def test_a_key_of_another_type_refuses_and_is_not_overwritten(redis_server: RedisServer) -> None:
    client = client_of(redis_server)
    client.lpush(KEY, "x")
    with pytest.raises(bypass.BypassRefused, match=r"refuses: GET failed: .*wrong kind of value"):
        ask(client)
    assert client.llen(KEY) == 1


def test_a_replica_cannot_hold_a_bypass(redis_server: RedisServer, tmp_path: Path) -> None:
    folder = tmp_path / "replica"
    folder.mkdir()
    replica = start_redis(folder, None, "--replicaof", f"127.0.0.1 {redis_server.port}")
    try:
        with pytest.raises(bypass.BypassRefused, match="is a replica and cannot hold the bypass"):
            ask(client_of(replica))
    finally:
        replica.kill()
    assert client_of(redis_server).exists(KEY) == 0


def test_a_replica_that_hides_its_role_refuses_the_write(redis_server: RedisServer, tmp_path: Path) -> None:
    folder = tmp_path / "replica"
    folder.mkdir()
    replica = start_redis(folder, None, "--replicaof", f"127.0.0.1 {redis_server.port}")
    try:
        client_of(replica).execute_command("ACL", "SETUSER", "default", "-role")
        with pytest.raises(bypass.BypassRefused, match="it is a read-only replica and refused SET; point the console"):
            ask(client_of(replica))
    finally:
        replica.kill()


def test_an_account_that_may_not_set_is_told_which_right_it_lacks(redis_server: RedisServer) -> None:
    client_of(redis_server).execute_command("ACL", "SETUSER", "default", "-set")
    with pytest.raises(
        bypass.BypassRefused, match=r"user default may not run SET; allow it: ACL SETUSER default \+set"
    ):
        ask(client_of(redis_server))

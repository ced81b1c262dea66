"""Feature flags in a Redis hash and in a JSON file: only what differs is written, and everything can be put back."""

from __future__ import annotations

import json
import stat
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from console.actions.strategies.flags import FileFlagStore, RedisFlagStore, flag_store
from console.core.operations import ActionFailed, Unverified
from console.core.rollouts.plan import FileFlags, RedisFlags
from console.systems.redis_connection import open_redis
from console.systems.secrets import RedisAccess
from tests.conftest import RedisServer, wait_until

KEY = "genesis:flags"


def client(server: RedisServer, seconds: float = 1.0) -> Redis:
    access = RedisAccess(
        "127.0.0.1", server.port, None, None, tls=False, database=0, timeout=timedelta(seconds=seconds)
    )
    return open_redis(access, name="test")


def writes(server: Redis) -> int:
    """How many commands that write flags the server has run."""
    found: Any = server.info("commandstats")
    return sum(int(found.get(f"cmdstat_{name}", {}).get("calls", 0)) for name in ("hset", "hdel"))


def test_only_flags_that_differ_are_written_to_redis(redis_server: RedisServer) -> None:
    redis = client(redis_server)
    redis.hset(KEY, mapping={"a": "true", "b": "false", "c": "1", "other": "text"})
    store = flag_store(RedisFlags(KEY), lambda: redis)
    assert store.drift(["a", "b"], ["c", "d"]) == (
        f"b is off in Redis {KEY}, and the plan keeps it on",
        f'c is "1" in Redis {KEY}, and the plan keeps it off',
        f"d is not set in Redis {KEY}, and the plan keeps it off",
    )
    before = writes(redis)
    assert store.apply(["a", "b"], ["c", "d"]) == ("b: off → on", 'c: "1" → off', "d: not set → off")
    assert writes(redis) == before + 1
    assert redis.hgetall(KEY) == {b"a": b"true", b"b": b"true", b"c": b"false", b"d": b"false", b"other": b"text"}
    assert store.apply(["a", "b"], ["c", "d"]) == ()
    assert store.drift(["a", "b"], ["c", "d"]) == ()
    assert writes(redis) == before + 1


def test_redis_flags_are_put_back_as_they_were(redis_server: RedisServer) -> None:
    redis = client(redis_server)
    redis.hset(KEY, mapping={"a": "off", "other": "text"})
    store = RedisFlagStore(redis, KEY)
    record = json.loads(json.dumps(store.record()))
    store.apply(["a", "new"], [])
    redis.hset(KEY, "other", "changed since")
    assert store.restore(record, ["a", "new"]) == ('a: on → "off"', "new: on → not set")
    assert redis.hgetall(KEY) == {b"a": b"off", b"other": b"changed since"}
    assert store.restore(record, ["a", "new"]) == ()
    assert store.restore(record) == ('other: "changed since" → "text"',)


def test_a_hash_that_was_not_there_is_gone_again(redis_server: RedisServer) -> None:
    redis = client(redis_server)
    store = RedisFlagStore(redis, KEY)
    record = store.record()
    store.apply(["a"], ["b"])
    store.restore(record, ["a", "b"])
    assert redis.exists(KEY) == 0


def test_flags_are_switched_although_others_write_the_same_hash(redis_server: RedisServer) -> None:
    redis, other = client(redis_server), client(redis_server)
    ended = threading.Event()

    def write() -> None:
        count = 0
        while not ended.is_set():
            count += 1
            other.hset(KEY, "counter", str(count))

    busy = threading.Thread(target=write, daemon=True)
    busy.start()
    store = RedisFlagStore(redis, KEY)
    try:
        wait_until(lambda: redis.hexists(KEY, "counter"), what="the other writer")
        for turn in range(6):
            switched = [f"flag-{turn}-{number}" for number in range(5)]
            _until_applied(store, switched)
            assert store.drift(switched, []) == ()
    finally:
        ended.set()
        busy.join(5)


def _until_applied(store: RedisFlagStore, names: list[str]) -> None:
    def applied() -> bool:
        try:
            store.apply(names, [])
        except ActionFailed as failed:
            assert "somebody wrote genesis:flags under each of" in str(failed)
            return False
        return True

    wait_until(applied, what="flags applied")


def test_a_flag_that_flips_between_looking_and_switching_is_looked_at_again(
    redis_server: RedisServer, monkeypatch: Any
) -> None:
    redis, other = client(redis_server), client(redis_server)
    redis.hset(KEY, "a", "true")
    flips = [None]

    def flip() -> None:
        if flips:
            flips.pop()
            other.hset(KEY, "a", "false")

    _before_switching(redis, flip, monkeypatch)
    assert RedisFlagStore(redis, KEY).apply(["a", "b"], []) == ("a: off → on", "b: not set → on")
    assert redis.hgetall(KEY) == {b"a": b"true", b"b": b"true"}


def _before_switching(redis: Redis, act: Callable[[], None], monkeypatch: Any) -> None:
    """Have something happen after each look at the flags and before the transaction goes out."""
    pipeline = redis.pipeline

    def made(*args: Any, **kwargs: Any) -> Any:
        pipe = pipeline(*args, **kwargs)
        multi = pipe.multi

        def then() -> None:
            multi()
            act()

        pipe.multi = then  # type: ignore[method-assign]
        return pipe

    monkeypatch.setattr(redis, "pipeline", made)


def test_what_redis_refuses_is_said_with_its_address(redis_server: RedisServer) -> None:
    redis = client(redis_server)
    redis.set(KEY, "a string")
    with pytest.raises(
        ActionFailed, match=rf"no flag was switched: redis 127.0.0.1:{redis_server.port}: .*resume \(h\)"
    ):
        RedisFlagStore(redis, KEY).apply(["a"], [])
    redis_server.kill()
    with pytest.raises(ActionFailed, match=rf"redis 127.0.0.1:{redis_server.port}: "):
        RedisFlagStore(redis, KEY).record()


def test_an_answer_that_is_lost_leaves_it_unverified(redis_server: RedisServer, monkeypatch: Any) -> None:
    redis = client(redis_server, seconds=0.2)
    store = RedisFlagStore(redis, KEY)
    _before_switching(redis, redis_server.stop_answering, monkeypatch)
    with pytest.raises(Unverified, match=r"no answer in .*the flags may be switched"):
        store.apply(["a"], [])
    redis_server.go_on()
    wait_until(lambda: client(redis_server).hget(KEY, "a") == b"true", what="the write that was under way")
    monkeypatch.undo()
    assert store.apply(["a"], []) == ()


def test_a_file_keeps_its_members_order_mode_and_its_link(tmp_path: Path) -> None:
    real = tmp_path / "real.json"
    real.write_text('{\n  "zeta": {"deep": [1, 2]},\n  "a": false,\n  "name": "Grüße",\n  "b": 1\n}\n')
    real.chmod(0o600)
    link = tmp_path / "flags.json"
    link.symlink_to(real)
    store = flag_store(FileFlags(link), lambda: pytest.fail("no Redis is needed"))
    record = json.loads(json.dumps(store.record()))
    assert store.apply(["a", "b"], ["c"]) == ("a: off → on", "b: 1 → on", "c: not set → off")
    assert real.read_text() == (
        '{\n  "zeta": {\n    "deep": [\n      1,\n      2\n    ]\n  },\n  "a": true,\n  "name": "Grüße",\n'
        '  "b": true,\n  "c": false\n}\n'
    )
    assert link.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    inode = real.stat().st_ino
    assert store.apply(["a", "b"], ["c"]) == ()
    assert store.drift(["a", "b"], ["c"]) == ()
    assert real.stat().st_ino == inode
    assert store.restore(record, ["a", "b", "c"]) == ("a: on → off", "b: on → 1", "c: off → not set")
    assert json.loads(real.read_text()) == {"zeta": {"deep": [1, 2]}, "a": False, "name": "Grüße", "b": 1}
    assert sorted(each.name for each in tmp_path.iterdir() if each.is_file()) == ["flags.json", "real.json"]


def test_a_file_that_somebody_writes_meanwhile_keeps_what_they_wrote(tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "flags.json"
    path.write_text("{}")
    store = FileFlagStore(path)
    read = store._read
    left = [1, 2]

    def interfere() -> Any:
        found = read()
        if left:
            path.write_text(json.dumps({"theirs": left.pop()}))
        return found

    monkeypatch.setattr(store, "_read", interfere)
    assert store.apply(["a"], []) == ("a: not set → on",)
    assert json.loads(path.read_text()) == {"theirs": 1, "a": True}
    assert path.read_text() == '{\n  "theirs": 1,\n  "a": true\n}'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{\n  "a": tru\n}', ":2: this is not JSON"),
        ("[]", ":1: flags are the members of a JSON object"),
        (None, "cannot be read (No such file or directory); check `flags.file` in the plan"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_what_to_do(tmp_path: Path, text: str | None, said: str) -> None:
    path = tmp_path / "flags.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ActionFailed) as failed:
        FileFlagStore(path).apply(["a"], [])
    assert str(failed.value).startswith(str(path))
    assert said in str(failed.value)
    assert path.exists() == (text is not None)

"""Checks around a phase and steps after a rollback: Redis keys, URLs and commands, against real ones."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from console.actions.strategies.base import Say
from console.actions.strategies.command import Ran
from console.actions.strategies.steps import clear_keys, command_check, http_check
from console.core.operations import ActionFailed, Unverified
from console.core.rollouts.plan import ClearKeys, CommandCheck, HttpCheck
from tests.conftest import RedisServer, free_port

CACHES = ClearKeys("caches", "lexikon:cache:*")
GOING = threading.Event()
STOPPED = threading.Event()
STOPPED.set()


def quiet(_line: str) -> None:
    pass


@pytest.fixture
def store(redis_server: RedisServer) -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(redis_server.url, socket_timeout=0.5, retry=Retry(NoBackoff(), 0))
    yield client
    client.close()


def fill(store: redis.Redis, prefix: str, count: int) -> None:
    store.mset({f"{prefix}{number}": "x" for number in range(count)})


def test_only_keys_that_match_are_removed_and_they_are_counted(store: redis.Redis) -> None:
    fill(store, "lexikon:cache:", 12_345)
    fill(store, "lexikon:session:", 500)
    said = clear_keys(store, CACHES, say=quiet, stopped=GOING)
    assert said == "caches: 12,345 keys matching lexikon:cache:* removed"
    assert store.dbsize() == 500
    assert clear_keys(store, CACHES, say=quiet, stopped=GOING) == "caches: no key matches lexikon:cache:*"
    assert store.dbsize() == 500


@pytest.mark.parametrize("pattern", ["*", "", "**", "?*", "[a-z]*", "a*", r"\*", ":*", "*:cache"])
def test_a_pattern_that_could_match_anything_removes_nothing(store: redis.Redis, pattern: str) -> None:
    fill(store, "a:", 10)
    with pytest.raises(ActionFailed, match="could match any key, and none was removed"):
        clear_keys(store, ClearKeys("caches", pattern), say=quiet, stopped=GOING)
    assert store.dbsize() == 10


def test_others_are_served_while_keys_are_removed(store: redis.Redis, redis_server: RedisServer) -> None:
    fill(store, "lexikon:cache:", 50_000)
    calls = store.info("commandstats")
    clear_keys(store, CACHES, say=quiet, stopped=GOING)
    after = store.info("commandstats")
    assert store.dbsize() == 0
    scans = after["cmdstat_scan"]["calls"] - calls.get("cmdstat_scan", {}).get("calls", 0)
    assert scans >= 50
    assert after["cmdstat_scan"]["usec_per_call"] < 20_000
    assert "cmdstat_keys" not in after
    assert "cmdstat_del" not in after


def test_a_redis_that_goes_away_is_named_with_what_was_done(store: redis.Redis, redis_server: RedisServer) -> None:
    fill(store, "lexikon:cache:", 2_000)
    redis_server.stop_answering()
    with pytest.raises(ActionFailed, match=r"caches: redis: .*; no key matches .*, the rest is to be done"):
        clear_keys(store, CACHES, say=quiet, stopped=GOING)


def test_clearing_ends_when_told_and_out_of_budget(store: redis.Redis) -> None:
    fill(store, "lexikon:cache:", 20_000)
    with pytest.raises(Unverified, match="told to stop"):
        clear_keys(store, CACHES, say=quiet, stopped=STOPPED)
    with pytest.raises(ActionFailed, match=r"not through after .* remove the rest with redis-cli"):
        clear_keys(store, CACHES, say=quiet, stopped=GOING, budget=timedelta(0))
    left = int(store.dbsize())
    assert 0 < left < 20_000
    assert (
        clear_keys(store, CACHES, say=quiet, stopped=GOING) == f"caches: {left:,} keys matching lexikon:cache:* removed"
    )


class Answers(BaseHTTPRequestHandler):
    """200 at /ok, 302 at /away, 503 at /ill, bytes without end at /slow; remembers what it was asked for."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path == "/slow":
            for _ in range(100):
                self.wfile.write(b"H")
                time.sleep(0.05)
            return
        code = {"/away": 302, "/ill": 503}.get(self.path, 200)
        body = b"the database is away" if code == 503 else b"ok"
        self.send_response(code)
        if code == 302:
            self.send_header("Location", "/login")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []
    handler = type("Bound", (Answers,), {"asked": asked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


def check(url: str, seconds: float = 2) -> HttpCheck:
    return HttpCheck("smoke", url, timedelta(seconds=seconds))


def test_a_url_that_answers_is_well_with_its_values_filled_in() -> None:
    with serving() as (root, asked):
        values = {"SLOT": "green", "VERSION": "v2 3"}
        said = http_check(check(root + "/$SLOT/${VERSION}/$OTHER"), values, stopped=GOING)
        assert said == f"smoke: {root}/green/v2%203/$OTHER answered 200"
        assert asked == ["/green/v2%203/$OTHER"]


def test_a_redirect_and_an_error_are_no_success_and_are_quoted() -> None:
    with serving() as (root, asked):
        with pytest.raises(ActionFailed, match=r"smoke: GET http://.*/away: answered 302 \(redirect to /login\)"):
            http_check(check(root + "/away"), {}, stopped=GOING)
        with pytest.raises(ActionFailed, match=r"answered 503 \(the database is away\)"):
            http_check(check(root + "/ill"), {}, stopped=GOING)
        assert "/login" not in asked


def test_a_url_that_never_ends_is_given_up_at_its_deadline() -> None:
    with serving() as (root, _):
        began = time.monotonic()
        with pytest.raises(ActionFailed, match="no answer in"):
            http_check(check(root + "/slow", 0.4), {}, stopped=GOING)
        assert time.monotonic() - began < 2
        with pytest.raises(Unverified, match="told to stop before it answered"):
            http_check(check(root + "/slow"), {}, stopped=STOPPED)


def test_nobody_there_and_no_url_of_the_web_are_said() -> None:
    with pytest.raises(ActionFailed, match=r"smoke: GET http://127.0.0.1:\d+/: Connection refused"):
        http_check(check(f"http://127.0.0.1:{free_port()}/"), {}, stopped=GOING)
    with pytest.raises(ActionFailed, match="only http:// and https:// are asked"):
        http_check(check("file:///etc/hostname"), {}, stopped=GOING)


def shell(command: str, values: Mapping[str, str], timeout: timedelta, say: Say, stopped: threading.Event) -> Ran:
    """A shell as the engine's, without its care."""
    try:
        done = subprocess.run(
            ["bash", "-c", command],
            env={"PATH": os.environ["PATH"], **values},
            capture_output=True,
            text=True,
            timeout=timeout.total_seconds(),
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Ran(-1, (), timed_out=True)
    lines = tuple((done.stdout + done.stderr).splitlines())
    for line in lines:
        say(line)
    return Ran(done.returncode, lines)


def run_check(command: str, expect: str | None = None, seconds: float = 5, **values: str) -> str:
    found = CommandCheck("git", command, expect, timedelta(seconds=seconds))
    return command_check(found, values, run=shell, say=quiet, stopped=GOING)


def test_a_command_that_ends_well_and_prints_what_is_expected_is_well() -> None:
    assert run_check("echo v$VERSION", "^v2", VERSION="2") == "git: `echo v$VERSION` is well: v2"
    assert run_check("true", "^$") == "git: `true` is well"
    assert run_check("printf 'a\\nb\\n'", "b") == "git: `printf 'a\\nb\\n'` is well: b"


@pytest.mark.parametrize(
    ("command", "expect", "said"),
    [
        ("echo ' M console.py'; echo; echo x", "^$", r"printed 'M console.py x', which does not match '\^\$'"),
        ("true", "ready", "printed nothing, where 'ready' is expected"),
        ("echo the disk is full >&2; exit 3", None, "exit code 3: the disk is full"),
    ],
)
def test_a_command_that_fails_or_prints_something_else_says_what(command: str, expect: str | None, said: str) -> None:
    with pytest.raises(ActionFailed, match=said):
        run_check(command, expect)


def test_a_command_that_does_not_end_is_said_to_be_so() -> None:
    with pytest.raises(ActionFailed, match="did not end in time"):
        run_check("exec sleep 5", seconds=0.2)

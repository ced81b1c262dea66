"""Redis connections: deadlines, no second try, and every failure in a sentence a tired person can act on."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from console.systems.redis_connection import access_of, explain, open_redis, redis_errors
from console.systems.secrets import RedisAccess
from tests.conftest import RedisServer, free_port, start_redis

PASSWORD = "correct-horse-battery"


def access(port: int, **changes: Any) -> RedisAccess:
    given: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": port,
        "username": None,
        "password": None,
        "tls": False,
        "database": 0,
        "timeout": timedelta(seconds=1),
    }
    return RedisAccess(**(given | changes))


def failure(of: RedisAccess, *command: Any) -> str:
    """The sentence of the failure of one command."""
    client: Any = open_redis(of, name="test")
    with pytest.raises(redis_errors()) as caught:
        client.execute_command(*(command or ("INFO",)))
    sentence = explain(caught.value, of, str((command or ("INFO",))[0]))
    start = f"redis {of.host}:{of.port}: "
    assert sentence.startswith(start)
    assert "\n" not in sentence
    assert not of.password or of.password not in sentence
    return sentence.removeprefix(start)


def test_a_connection_has_a_name_and_speaks_bytes(redis_server: RedisServer) -> None:
    client: Any = open_redis(access(redis_server.port, database=3), name="hakgal-console")
    assert client.client_getname() == "hakgal-console"
    client.set("a", "ä")
    assert client.get("a") == "ä".encode()
    assert open_redis(access(redis_server.port), name="other").dbsize() == 0


def test_an_acl_without_client_does_not_keep_the_console_out(redis_server: RedisServer) -> None:
    open_redis(access(redis_server.port), name="admin").execute_command(  # type: ignore[no-untyped-call]
        "ACL", "SETUSER", "watch", "on", f">{PASSWORD}", "~*", "+ping"
    )
    client: Any = open_redis(access(redis_server.port, username="watch", password=PASSWORD), name="test")
    assert client.ping() is True


def test_a_hung_redis_is_given_up_after_the_timeout_and_asked_once(redis_server: RedisServer) -> None:
    of = access(redis_server.port, timeout=timedelta(milliseconds=300))
    client: Any = open_redis(of, name="test")
    client.set("n", 0)
    redis_server.stop_answering()
    began = time.monotonic()
    with pytest.raises(redis_errors()) as caught:
        client.incr("n")
    assert 0.25 < time.monotonic() - began < 0.9
    assert explain(caught.value, of, "INCR") == f"redis 127.0.0.1:{of.port}: no answer in 0.3 s to INCR"
    redis_server.go_on()
    assert int(client.get("n")) == 1


def test_nothing_listening_is_refused() -> None:
    assert failure(access(free_port())) == (
        "connection refused; nothing listens there: start Redis, or correct host and port"
    )


def test_an_unknown_name_says_so() -> None:
    said = failure(access(6379, host="no-such-host.invalid"))
    assert said == "the name no-such-host.invalid is not known; check `host`, or the resolver of this machine"


def test_an_address_that_never_answers_has_no_connection() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        plugs = [socket.socket() for _ in range(3)]
        try:
            for plug in plugs:
                plug.setblocking(False)
                plug.connect_ex(("127.0.0.1", port))
            said = failure(access(port, timeout=timedelta(milliseconds=200)))
        finally:
            for plug in plugs:
                plug.close()
    assert said == "no connection in 0.2 s; check the address and the firewall on the way"


def test_a_missing_password_names_what_to_set(tmp_path: Path) -> None:
    server = start_redis(tmp_path, None, "--requirepass", PASSWORD)
    try:
        missing = failure(access(server.port))
        wrong = failure(access(server.port, password="not-" + PASSWORD[:8]))
        unknown = failure(access(server.port, username="nobody", password="not-" + PASSWORD[:8]))
    finally:
        server.kill()
    assert missing.startswith("it asks for a password to INFO; set the variable that `password` names")
    assert wrong.startswith("it refused the password of user default; check the variables that `username` and")
    assert unknown.startswith("it refused the password of user nobody")


def test_a_password_where_none_is_wanted_says_so(redis_server: RedisServer) -> None:
    said = failure(access(redis_server.port, password=PASSWORD))
    assert said == "it has no password for the default user, and one was sent; name the user, or send no password"


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (("INFO",), "user watch may not run INFO; allow it: ACL SETUSER watch +info"),
        (("GET", "secret:1"), "user watch may not touch the keys of GET; allow them: ACL SETUSER watch ~<pattern>"),
    ],
)
def test_a_missing_right_is_named(redis_server: RedisServer, command: tuple[str, ...], sentence: str) -> None:
    admin: Any = open_redis(access(redis_server.port), name="admin")
    admin.execute_command("ACL", "SETUSER", "watch", "on", f">{PASSWORD}", "~hakgal:*", "+get", "+client")
    assert failure(access(redis_server.port, username="watch", password=PASSWORD), *command) == sentence


def test_a_replica_and_a_full_server_say_what_they_are(redis_server: RedisServer) -> None:
    admin: Any = open_redis(access(redis_server.port), name="admin")
    admin.config_set("maxmemory", "1")
    full = failure(access(redis_server.port), "SET", "a", "b")
    admin.config_set("maxmemory", "0")
    admin.execute_command("REPLICAOF", "127.0.0.1", str(free_port()))
    replica = failure(access(redis_server.port), "SET", "a", "b")
    admin.config_set("replica-serve-stale-data", "no")
    alone = failure(access(redis_server.port), "GET", "a")
    assert full == "it is at maxmemory and refused SET; free memory or raise maxmemory"
    assert replica == "it is a read-only replica and refused SET; point the console at the primary"
    assert alone.startswith("it is a replica that has lost its primary and refused GET")


def test_too_many_clients_says_so(redis_server: RedisServer) -> None:
    admin: Any = open_redis(access(redis_server.port), name="admin")
    admin.config_set("maxclients", "1")
    assert failure(access(redis_server.port)).startswith("it has reached maxclients")


@contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that treats every connection with `answer`; gives its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                plug, _ = listener.accept()
            except OSError:
                return
            with plug:
                answer(plug)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def says(data: bytes) -> Callable[[socket.socket], None]:
    def answer(plug: socket.socket) -> None:
        plug.recv(4096)
        plug.sendall(data)
        plug.recv(4096)

    return answer


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"-LOADING Redis is loading the dataset in memory\r\n", "it is still loading its data from disk"),
        (b"\x15\x03\x01\x00\x02\x02\x46\r\n", "it speaks TLS and was spoken to in plain text; set `tls: true`"),
        (b"220 mail.example ESMTP\r\n", "what answers there does not speak Redis's protocol"),
        (b"", "it closed the connection during INFO; if this port speaks TLS, set `tls: true`"),
    ],
    ids=["loading", "tls", "mail", "closed"],
)
def test_other_answers_are_told_apart(data: bytes, sentence: str) -> None:
    answer = says(data) if data else lambda plug: None
    with answering(answer) as port:
        assert failure(access(port, timeout=timedelta(seconds=2))).startswith(sentence)


@pytest.mark.parametrize("line", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"<!DOCTYPE HTML>\r\n"])
def test_a_web_server_is_recognised(line: bytes) -> None:
    with answering(says(line)) as port:
        assert failure(access(port)) == "an HTTP server answers there, not Redis; correct host and port"


def test_tls_to_a_plain_port_says_so(redis_server: RedisServer) -> None:
    said = failure(access(redis_server.port, tls=True, timeout=timedelta(milliseconds=300)))
    assert said.endswith("the firewall on the way, and whether this port speaks TLS")


def test_a_password_that_a_server_repeats_is_not_passed_on() -> None:
    with answering(says(f"-ERR what is {PASSWORD}\x1b[2J?\r\n".encode())) as port:
        said = failure(access(port, password=PASSWORD))
    assert said == "INFO failed: what is … [2J?"


def test_a_client_tells_where_it_leads(redis_server: RedisServer) -> None:
    of = access(redis_server.port, username="default", password=PASSWORD, database=2)
    assert access_of(open_redis(of, name="test")) == of
    assert PASSWORD not in repr(of)

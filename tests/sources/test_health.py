"""Health checks against servers that answer, refuse, drip, redirect and hang."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.core.readings import Health
from console.core.system import HealthTarget
from console.sources.deadline import Deadline, Resolver
from console.sources.health import HealthSource
from tests.conftest import free_port, program, wait_until

Answer = Callable[[socket.socket], None]


@contextmanager
def server(answer: Answer) -> Iterator[int]:
    """Treats every connection with `answer`, in a thread each; gives its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    plugs: list[socket.socket] = []

    def treat(plug: socket.socket) -> None:
        try:
            answer(plug)
            plug.close()
        except OSError:
            return

    def serve() -> None:
        while True:
            try:
                plug, _ = listener.accept()
            except OSError:
                return
            plugs.append(plug)
            threading.Thread(target=treat, args=(plug,), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for plug in plugs:
            plug.close()
        thread.join(5)


def http(status: str, body: str = "", *headers: str) -> Answer:
    def answer(plug: socket.socket) -> None:
        plug.recv(4096)
        head = "\r\n".join((f"HTTP/1.1 {status}", f"Content-Length: {len(body.encode())}", *headers))
        plug.sendall(f"{head}\r\n\r\n{body}".encode())

    return answer


def drip(data: bytes, every: float) -> Answer:
    def answer(plug: socket.socket) -> None:
        plug.recv(4096)
        stop = threading.Event()
        for number in range(len(data)):
            plug.sendall(data[number : number + 1])
            stop.wait(every)

    return answer


def silent(plug: socket.socket) -> None:
    while plug.recv(4096):
        pass
    threading.Event().wait(5)


def target(url: str, name: str = "api", every: float = 0.05, timeout: float = 0.5) -> HealthTarget:
    return HealthTarget(name, url, timedelta(seconds=every), timedelta(seconds=timeout))


@contextmanager
def checking(*targets: HealthTarget) -> Iterator[HealthSource]:
    source = HealthSource(targets, clock=lambda: datetime.now(UTC))
    source.start(lambda: None)
    try:
        yield source
    finally:
        source.stop()


def check(url: str, timeout: float = 0.5) -> Health:
    """The first result of one check."""
    with checking(target(url, every=60, timeout=timeout)) as source:
        wait_until(lambda: source.reading.value, within=10)
        assert source.reading.value is not None and source.reading.error is None
        return source.reading.value[0]


@pytest.mark.parametrize("status", ["200 OK", "204 No Content", "299 Fine"])
def test_any_2xx_passes(status: str) -> None:
    with server(http(status)) as port:
        health = check(f"http://127.0.0.1:{port}/health")
    assert (health.ok, health.failures, health.detail) == (True, 0, status)
    assert 0 < health.seconds < 0.5


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (http("503 Service Unavailable", "redis is down\n"), "503 Service Unavailable: redis is down"),
        (
            http(
                "502 Bad Gateway",
                "<html><head><title>502 Bad\n Gateway</title></head><body>" + "x" * 9000,
                "Content-Type: text/html",
            ),
            "502 Bad Gateway: 502 Bad Gateway",
        ),
        (http("500 Oh\x1b[2Jno", "\x1b]0;owned\x07" + "y" * 200), "500 Oh [2Jno: ]0;owned " + "y" * 70 + "…"),
        (
            http("301 Moved Permanently", "", "Location: http://elsewhere.example/health"),
            "301 Moved Permanently points to http://elsewhere.example/health and is not followed; name that address",
        ),
        (http("404 Not Found"), "404 Not Found"),
        (lambda plug: None, "it closed the connection without an answer"),
        (drip(b"220 mail.example ESMTP ready\r\n", 0), "it does not answer in HTTP: 220 mail.example ESMTP ready"),
        (lambda plug: _cut_short(plug), "its answer ended too early"),
    ],
    ids=["503", "html", "escapes", "redirect", "404", "closed", "mail", "short"],
)
def test_every_failure_is_one_sentence_with_the_call(answer: Answer, said: str) -> None:
    with server(answer) as port:
        health = check(f"http://127.0.0.1:{port}/health?deep=1")
    assert not health.ok and health.failures == 1
    assert health.detail == f"GET http://127.0.0.1:{port}/health: {said}"


def _cut_short(plug: socket.socket) -> None:
    plug.recv(4096)
    plug.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\nshort")


@pytest.mark.parametrize(
    "answer",
    [
        lambda plug: silent(plug),
        drip(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 100, 0.05),
        drip(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + b"a" * 500, 0.02),
    ],
    ids=["silent", "slow head", "slow body"],
)
def test_the_deadline_holds_for_the_whole_call(answer: Answer) -> None:
    with server(answer) as port:
        health = check(f"http://127.0.0.1:{port}/", timeout=0.3)
    assert health.detail == f"GET http://127.0.0.1:{port}/: no complete answer in 0.3 s"
    assert 0.25 < health.seconds < 0.8


def test_a_body_without_end_passes_once_enough_was_read() -> None:
    def endless(plug: socket.socket) -> None:
        plug.recv(4096)
        plug.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            plug.sendall(b"x" * 65_536)

    with server(endless) as port:
        assert check(f"http://127.0.0.1:{port}/", timeout=2).ok


def test_nothing_listening_and_an_unknown_name_are_told_apart() -> None:
    port = free_port()
    assert check(f"http://127.0.0.1:{port}/").detail == (
        f"GET http://127.0.0.1:{port}/: connection refused; nothing listens there"
    )
    health = check("https://no-such-host.invalid/ready", timeout=5)
    assert health.detail == "GET https://no-such-host.invalid/ready: the name no-such-host.invalid is not known"


def test_tcp_passes_with_an_accepted_connection() -> None:
    with server(lambda plug: None) as port:
        health = check(f"tcp://127.0.0.1:{port}")
    assert (health.ok, health.detail) == (True, "connected")
    port = free_port()
    assert check(f"tcp://127.0.0.1:{port}").detail == (
        f"connect 127.0.0.1:{port}: connection refused; nothing listens there"
    )


def test_https_accepts_only_a_certificate_it_trusts(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        f"{program('openssl')} req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {key} "
        f"-out {certificate} -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost".split(),
        check=True,
        capture_output=True,
        timeout=30,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def answer(plug: socket.socket) -> None:
        with context.wrap_socket(plug, server_side=True) as wrapped:
            http("200 OK")(wrapped)

    with server(answer) as port:
        untrusted = check(f"https://localhost:{port}/", timeout=2)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SSL_CERT_FILE", str(certificate))
            trusted = check(f"https://localhost:{port}/", timeout=2)
    assert untrusted.detail.startswith(f"GET https://localhost:{port}/: its certificate is not accepted: self")
    assert trusted.detail == "200 OK"
    with server(http("200 OK")) as port:
        assert check(f"https://localhost:{port}/").detail.startswith(f"GET https://localhost:{port}/: TLS failed: ")


def test_failures_in_a_row_are_counted_and_one_success_ends_them() -> None:
    healthy = threading.Event()

    def answer(plug: socket.socket) -> None:
        http("200 OK" if healthy.is_set() else "503 Service Unavailable")(plug)

    with server(answer) as port, checking(target(f"http://127.0.0.1:{port}/")) as source:

        def failures() -> int:
            return source.reading.value[0].failures if source.reading.value else 0

        wait_until(lambda: failures() >= 3, within=5)
        healthy.set()
        wait_until(lambda: source.reading.value and source.reading.value[0].ok, within=5)
        assert failures() == 0


def test_one_check_that_hangs_holds_up_no_other() -> None:
    with server(silent) as hung, server(http("200 OK")) as well:
        targets = (
            target(f"http://127.0.0.1:{hung}/", "hung", timeout=1),
            target(f"http://127.0.0.1:{well}/", "well"),
        )
        with checking(*targets) as source:
            began = time.monotonic()
            wait_until(lambda: source.reading.value, within=5)
            assert time.monotonic() - began < 0.8
            assert [health.name for health in source.reading.value or ()] == ["well"]
            wait_until(lambda: len(source.reading.value or ()) == 2, within=5)
            assert [health.name for health in source.reading.value or ()] == ["hung", "well"]


def test_asking_to_check_now_checks_now() -> None:
    asked = threading.Semaphore(0)

    def answer(plug: socket.socket) -> None:
        asked.release()
        http("200 OK")(plug)

    with server(answer) as port, checking(target(f"http://127.0.0.1:{port}/", every=3600)) as source:
        assert asked.acquire(timeout=5)
        wait_until(lambda: source.reading.value)
        source.refresh()
        assert asked.acquire(timeout=5)


def test_a_lookup_that_hangs_is_given_up_and_not_started_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, calls = threading.Event(), []

    def hang(*arguments: object, **named: object) -> list[object]:
        calls.append(arguments)
        go_on.wait(10)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    resolver = Resolver("slow.example", 80)
    for _ in range(2):
        with pytest.raises(TimeoutError, match="did not resolve"):
            resolver.endpoints(Deadline(0.05))
    go_on.set()
    assert len(calls) == 1

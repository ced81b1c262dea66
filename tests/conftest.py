"""Fixtures that every room's tests share: real servers on free ports of this machine, and waiting with a deadline."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import settings

T = TypeVar("T")

TESTS = Path(__file__).parent
# Files whose tests do little but wait: one worker has them all, so that the others keep the processors busy meanwhile.
PATIENT = (
    "rollouts/test_servers_away.py",
    "rollouts/test_watcher.py",
    "rollouts/test_api_away.py",
    "rollouts/test_commands.py",
    "sources/promql/test_scraped_side_by_side.py",
    "kubernetes/test_flow.py",
)
# Files with tests that take long: begun first, so that no worker is left with one at the end.
LONG = (
    "walkthrough/test_shipped_hak_gal.py",
    "walkthrough/test_shipped_knhk.py",
    "rollouts/test_systems.py",
    "rollouts/test_crash.py",
    "terminal/test_session.py",
    "walkthrough/test_shipped_lexikon.py",
    "rollouts/test_unwatched.py",
    "walkthrough/test_shipped_genesis.py",
    "terminal/test_runbook_killed.py",
    "sandbox/test_worlds.py",
    "sandbox/test_faults.py",
    "core/test_oracle.py",
)


# How long an example takes says more about the machine than about the code; `tests/benchmarks` holds the timings.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_configure() -> None:
    """Hear interrupts: a job in the background is started without, and what the tests start would be so, too."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the files by how long they take; the order within a file stays."""
    patient = {TESTS / name for name in PATIENT}
    ranks = {TESTS / name: rank for rank, name in enumerate((*PATIENT, *LONG))}
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))
    for item in items:
        if item.path in patient:
            item.add_marker(pytest.mark.xdist_group("patient"))


def free_port() -> int:
    """A TCP port of the loopback address that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(
    condition: Callable[[], T], *, within: float = 15.0, every: float = 0.02, what: str = "the condition"
) -> T:
    """Wait for `condition` to be true and return what it gave; fails after `within` seconds."""
    deadline = time.monotonic() + within
    while True:
        if value := condition():
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {within:.0f} s")
        time.sleep(every)


def program(*names: str) -> str:
    """The path of the first of these programs; a skip where there is none, a failure where required."""
    for name in names:
        if path := shutil.which(name):
            return path
    message = f"none of {', '.join(names)} is on PATH"
    if os.environ.get("HAKGAL_REQUIRE_REAL_SERVERS"):
        pytest.fail(message)
    pytest.skip(message)


@dataclass
class RedisServer:
    """A real redis-server of the test's own."""

    port: int
    process: subprocess.Popen[bytes]
    folder: Path

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def stop_answering(self) -> None:
        """Freeze the process: connections stay open and nothing answers."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def start_redis(folder: Path, port: int | None = None, *options: str) -> RedisServer:
    port = port or free_port()
    process = subprocess.Popen(
        [
            program("redis-server", "valkey-server"),
            "--port",
            str(port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--dir",
            str(folder),
            *options,
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def answers() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=0.5) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False

    wait_until(answers, what="redis-server answering")
    return RedisServer(port, process, folder)


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A fresh, empty redis-server; ended hard after the test."""
    server = start_redis(tmp_path)
    yield server
    server.go_on()
    server.kill()


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes this machine's own settings, state or cluster."""
    monkeypatch.setenv("HAKGAL_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in list(os.environ):
        if name == "TEXTUAL_SNAPSHOT_TEMPDIR":  # the snapshot plugin's own
            continue
        if name.startswith(("REDIS_CLOUD_", "TEXTUAL")) or name in ("NO_COLOR", "KUBECONFIG", "PROMETHEUS_URL"):
            monkeypatch.delenv(name)

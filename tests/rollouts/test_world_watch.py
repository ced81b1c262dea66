"""A watcher of a practice world ends with the world, and never one of something real."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from console.engine.watcher import Watcher
from console.engine.world_watch import control_addresses
from tests.conftest import wait_until
from tests.rollouts.pair import Pair


class Control(BaseHTTPRequestHandler):
    """Answers as a control address does."""

    asked = threading.Event()

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")
        self.asked.set()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def control() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Control)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def test_a_watcher_ends_when_its_practice_world_has_not_answered_for_a_while(pair: Pair) -> None:
    pair.state.mkdir()
    said: list[str] = []
    codes: list[int] = []
    Control.asked.clear()
    with control() as server:
        url = f"http://127.0.0.1:{server.server_port}"
        environment = replace(pair.system.environments[0], faults=url)
        watcher = Watcher(
            replace(pair.system, environments=(environment,)),
            folder=pair.state,
            environ=os.environ,
            clock=lambda: datetime.now(UTC),
            say=said.append,
            until_over=False,
            take_over=False,
            patience=timedelta(seconds=1),
        )
        stopped = threading.Event()
        running = threading.Thread(target=lambda: codes.append(watcher.run(stopped)), daemon=True)
        running.start()
        for _ in range(3):
            assert Control.asked.wait(10)
            Control.asked.clear()
        assert running.is_alive(), "a world that answers is watched"
    try:
        wait_until(lambda: not running.is_alive(), what="the watcher's end")
    finally:
        stopped.set()
        running.join(10)
    assert codes == [0]
    assert said[-1].startswith(f"{url} has not answered for a while")


def test_only_a_system_that_is_nothing_but_practice_has_such_addresses(pair: Pair) -> None:
    real = pair.system.environments[0]
    practice = replace(real, name="practice", faults="http://127.0.0.1:1")
    assert control_addresses(replace(pair.system, environments=(practice, practice))) == ("http://127.0.0.1:1",)
    assert control_addresses(replace(pair.system, environments=(practice, real))) == ()

"""From the answer that makes a criterion trip to the rollback's first write, against one interval and a second."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from console.core.rollouts.state import RolloutState
from tests.conftest import wait_until
from tests.rollouts.lives import start
from tests.rollouts.pair import make_pair, running_server

ROUNDS = 3
INTERVAL = 2.0
FAILURES = 2


class Health:
    """A health address that can be told to fail; remembers when it answered a failure."""

    def __init__(self) -> None:
        self.broken = False
        self.failed_at: list[float] = []
        outer = self

        class Page(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(503 if outer.broken else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()
                if outer.broken:
                    outer.failed_at.append(time.perf_counter())

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def health() -> Iterator[Health]:
    page = Health()
    yield page
    page.server.shutdown()


def test_breach_to_first_write(health: Health, tmp_path: Path) -> None:
    delays = []
    with running_server(tmp_path) as server:
        for number in range(ROUNDS):
            health.broken = False
            health.failed_at.clear()
            port = health.server.server_address[1]
            pair = make_pair(server, tmp_path / str(number), f"breach-{number}", port, promotion="person")
            system = pair.folder / "system.yaml"
            text = system.read_text().replace(f"tcp://127.0.0.1:{port}", f"http://127.0.0.1:{port}/")
            # In the wall's own time, and so at the usual interval: a practice world ticks more often.
            system.write_text("\n".join(line for line in text.splitlines() if not line.startswith("pace:")) + "\n")
            plan = pair.folder / "release.rollout.yaml"
            plan.write_text(plan.read_text().replace("soak: 1h", "soak: 2s").replace("after: 30m", "after: 1s"))
            pair.begin()
            life = start(pair.folder, interval=INTERVAL)
            try:
                wait_until(lambda pair=pair: pair.rollout().state is RolloutState.WAITING, within=60, what="waiting")
                before = pair.generations()
                health.broken = True
                wait_until(lambda: len(health.failed_at) >= FAILURES, within=30, what="the breach")
                breached = health.failed_at[FAILURES - 1]
                wait_until(lambda pair=pair, before=before: pair.generations() != before, within=30, every=0.005)
                delays.append(time.perf_counter() - breached)
            finally:
                life.end()
    bar = INTERVAL + 1
    worst = max(delays)
    print(
        f"\nbreach to first write: median {statistics.median(delays):.2f} s, worst {worst:.2f} s of {len(delays)}; "
        f"{worst / bar:.2f} of one interval of {INTERVAL:g} s and a second"
    )
    assert worst <= bar

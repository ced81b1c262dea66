"""One sandbox for the tests that only look at it or switch its faults, and what they ask it."""

from __future__ import annotations

import contextlib
import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from console.sandbox.client import Sandbox, start_sandbox
from tests.conftest import wait_until


@dataclass
class World:
    """A running sandbox and short ways to ask it."""

    sandbox: Sandbox

    @property
    def told(self) -> Any:
        return self.sandbox.told

    def state(self) -> dict[str, Any]:
        return self.sandbox.state()

    def redis(self, timeout: float = 2.0) -> redis.Redis:
        return redis.Redis.from_url(
            self.told["redis_url"], socket_timeout=timeout, socket_connect_timeout=timeout, retry=Retry(NoBackoff(), 0)
        )

    def get(self, url: str, timeout: float = 2.0) -> tuple[int, str]:
        return fetch(url, timeout=timeout)

    def ask_app(self, tenant: str, session: str, text: str = "list the open invoices") -> tuple[int, dict[str, Any]]:
        """A client's request through the gateway."""
        body = json.dumps({"tenant": tenant, "session": session, "text": text}).encode()
        status, answer = fetch(self.told["gateway_url"] + "/", body=body)
        return status, json.loads(answer)

    def counted(self, metric: str, **labels: str) -> float:
        """The sum of a metric over all pods that run, as /metrics says."""
        total = 0.0
        for pod in self.state()["pods"]:
            with contextlib.suppress(OSError):  # it ended meanwhile
                for line in self.get(pod["metrics_url"])[1].splitlines():
                    name, _, value = line.rpartition(" ")
                    if name.partition("{")[0] == metric and all(
                        f'{key}="{val}"' in name for key, val in labels.items()
                    ):
                        total += float(value)
        return total

    @contextlib.contextmanager
    def fault(self, name: str) -> Iterator[None]:
        """A fault that is on within the block."""
        self.sandbox.switch(name, True)
        try:
            yield
        finally:
            self.sandbox.switch(name, False)


def fetch(url: str, *, body: bytes | None = None, timeout: float = 2.0) -> tuple[int, str]:
    """Status and text of an answer, whatever the status."""
    headers = {"Content-Type": "application/json"} if body else {}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, data=body, headers=headers), timeout=timeout) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return True


def none_alive(pids: list[int]) -> bool:
    return not any(alive(pid) for pid in pids)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with start_sandbox() as sandbox:
        yield World(sandbox)


__all__ = ["World", "alive", "fetch", "none_alive", "wait_until"]

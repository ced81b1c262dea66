"""Watchers in processes of their own that die where a test wants it, forked from one that has imported everything."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

NEVER = 0
ALREADY = 3


def context() -> ForkServerContext:
    """Processes that begin at once, for what they import is imported already."""
    made = multiprocessing.get_context("forkserver")
    made.set_forkserver_preload(["tests.rollouts.imported"])
    return made


def watch(folder: str, kill_after: int, log: str, take_over: bool, interval: float) -> None:
    """Run a watcher until the rollout is over; killed right after its `kill_after`-th write into the journal."""
    from console.engine.watcher import AlreadyWatched, Watcher
    from console.systems.loader import load_system

    if kill_after != NEVER:
        _die_after(kill_after)
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    output = Path(log).open("a", buffering=1)  # noqa: SIM115
    logging.basicConfig(stream=output, level=logging.WARNING)
    home = Path(folder)
    watcher = Watcher(
        load_system(home),
        folder=home / "state",
        environ=os.environ,
        clock=lambda: datetime.now(UTC),
        say=lambda line: print(f"{os.getpid()} {line}", file=output),
        until_over=True,
        take_over=take_over,
        interval=timedelta(seconds=interval),
    )
    try:
        os._exit(watcher.run(stopped))
    except AlreadyWatched as error:
        print(error, file=output)
        os._exit(ALREADY)


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

    Journal._write = counted  # type: ignore[method-assign,assignment]


@dataclass(frozen=True, slots=True)
class Life:
    """A watcher's process."""

    process: BaseProcess

    def ends(self, within: float) -> int | None:
        """Its exit code when it has ended by itself in time, else None."""
        self.process.join(within)
        return self.process.exitcode

    def signal(self, number: signal.Signals) -> None:
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def end(self) -> None:
        """End it, also where it stands still."""
        if self.process.is_alive():
            self.signal(signal.SIGCONT)
            self.process.terminate()
            self.process.join(8)
        if self.process.is_alive():
            self.process.kill()
            self.process.join(5)


def start(folder: Path, kill_after: int = NEVER, *, take_over: bool = False, interval: float = 0.3) -> Life:
    """A watcher on the files of `folder`. interval: of its ticks, in seconds."""
    arguments = (str(folder), kill_after, str(folder / "watcher.log"), take_over, interval)
    process = context().Process(target=watch, args=arguments, daemon=True)
    process.start()
    return Life(process)

"""Starting a watcher that outlives the process that starts it."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

LOG = "watcher.log"
SETTLED = 1.5


def spawn_detached(system: Path, folder: Path, *, take_over: bool = False) -> tuple[int | None, Path]:
    """Like `spawn_watcher`, for a watcher that goes on when the rollout is over; its process, or None where it ended at
    once, and its log. Raises OSError.
    """
    process, log = _spawned(system, folder, ("--take-over",) if take_over else ())
    try:
        process.wait(SETTLED)
    except subprocess.TimeoutExpired:
        return process.pid, log
    return None, log


def spawn_watcher(system: Path, folder: Path, *, take_over: bool = False) -> Path:
    """Start a watcher in a session of its own, so that a closed terminal does not reach it; returns its log.

    system: the path of its system.yaml. folder: the system's state. It works in the present folder, for logs are named
    relative to it, and ends when the rollout is over. Raises OSError.
    """
    process, log = _spawned(system, folder, ("--until-over", *(("--take-over",) if take_over else ())))
    # Waited for, so that one that ends while this process lives does not stay as a zombie.
    threading.Thread(target=process.wait, name="watcher-process", daemon=True).start()
    return log


def _spawned(system: Path, folder: Path, options: Sequence[str]) -> tuple[subprocess.Popen[bytes], Path]:
    log = folder / LOG
    command = [sys.executable, "-m", "console.cli", "watch", "--system", str(system), *options]
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    log.touch(mode=0o600)
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, close_fds=True
        )
    return process, log

"""Watchers in processes of their own: started so that they outlive who starts them, found, and stopped."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from console.core.states import RolloutState

LOG = "watcher.log"
LOCK = "watcher.lock"
SPOKEN = timedelta(seconds=10)
STOPPED = timedelta(seconds=30)
PAUSE = 0.05


@dataclass(frozen=True, slots=True)
class Detached:
    """A watcher in the background. pid: None where it ended at once. said: its first line, empty where none came."""

    pid: int | None
    log: Path
    said: str


class NotStopped(Exception):
    """A watcher was found and could not be stopped; the message says why, and what to do."""


def spawn_detached(system: Path, folder: Path, *, take_over: bool = False) -> Detached:
    """Like `spawn_watcher`, for a watcher that goes on when the rollout is over; waits for its first line, which says
    whether it drives. Raises OSError.
    """
    log = folder / LOG
    before = log.stat().st_size if log.exists() else 0
    process, log = _spawned(system, folder, ("--take-over",) if take_over else ())
    deadline = time.monotonic() + SPOKEN.total_seconds()
    while time.monotonic() < deadline:
        ended = process.poll() is not None
        said = _said_since(log, before)
        if ended:
            return Detached(None, log, said[-1] if said else "")
        # What it says has its time before it; an error has not, and its end follows.
        if times := [line for line in said if line[:4].isdigit()]:
            return Detached(process.pid, log, times[0].partition(" ")[2])
        time.sleep(PAUSE)
    return Detached(process.pid, log, "")


def spawn_watcher(system: Path, folder: Path, *, take_over: bool = False) -> Path:
    """Start a watcher in a session of its own, so that a closed terminal does not reach it; returns its log.

    system: the path of its system.yaml. folder: the system's state. It works in the present folder, for logs are named
    relative to it, and ends when the rollout is over. Raises OSError.
    """
    process, log = _spawned(system, folder, ("--until-over", *(("--take-over",) if take_over else ())))
    # Waited for, so that one that ends while this process lives does not stay as a zombie.
    threading.Thread(target=process.wait, name="watcher-process", daemon=True).start()
    return log


def running_watcher(folder: Path) -> int | None:
    """The process that watches a system on this host, by the lock it holds; None where none does, 0 where it is not
    known which.
    """
    try:
        file = (folder / LOCK).open("rb")
    except FileNotFoundError:
        return None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            text = file.read(20).decode("ascii", "replace").strip()
            return int(text) if text.isdigit() else 0
    return None


def stop_watcher(folder: Path, within: timedelta = STOPPED) -> int | None:
    """Ask the watcher of a system to end, and wait until it has; its process, or None where none runs.

    Raises NotStopped.
    """
    pid = running_watcher(folder)
    if pid is None:
        return None
    if not _is_watcher(pid):
        raise NotStopped(
            f"{folder / LOCK} is held, and process {pid} in it is no watcher; find out who holds it (lsof)"
        )
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        pass
    except PermissionError:
        raise NotStopped(f"process {pid} watches as another user; stop it as that user: kill {pid}") from None
    deadline = time.monotonic() + within.total_seconds()
    while running_watcher(folder) == pid:
        if time.monotonic() > deadline:
            raise NotStopped(
                f"the watcher (pid {pid}) was asked to end and has not in {within.total_seconds():.0f} s; "
                f"see {folder / LOG}, or end it: kill -9 {pid}"
            )
        time.sleep(PAUSE)
    return pid


def driven_by(folder: Path) -> str:
    """The rollout that the watcher of a system drives, by what it last wrote; empty where none is under way."""
    from console.engine.status import STATUS

    try:
        told = json.loads((folder / STATUS).read_text(encoding="utf-8"))
        return str(told["rollout"]["id"]) if not RolloutState(told["rollout"]["state"]).over else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _is_watcher(pid: int) -> bool:
    """Whether a process runs `watch` of this program; where the system does not tell, its lock is believed."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return pid > 0
    return b"watch" in words


def _said_since(log: Path, before: int) -> list[str]:
    """The whole lines of a log from a place in it on."""
    with log.open("rb") as file:
        file.seek(before)
        text = file.read().decode("utf-8", "replace")
    return text[: text.rfind("\n") + 1].splitlines()


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

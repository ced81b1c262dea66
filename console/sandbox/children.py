"""Child processes that cannot outlive the sandbox, however it ends."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

_STANDS_WITHIN = 0.5

# Reads what to watch from its input; at the input's end, which the kernel brings about however the sandbox ended, it
# kills what is left and removes the folder named by its argument.
_WATCHDOG = """
trap '' INT TERM HUP
PATH="$PATH:/usr/bin:/bin"
pids=''
while read -r word pid; do
  case "$word" in
    watch) pids="$pids $pid" ;;
    forget) rest=''; for p in $pids; do [ "$p" = "$pid" ] || rest="$rest $p"; done; pids="$rest" ;;
    done) exit 0 ;;
  esac
done
for p in $pids; do kill -9 "$p" 2>/dev/null; done
[ -z "$1" ] || { sleep 0.2; rm -rf -- "$1"; }
"""
_PR_SET_PDEATHSIG = 1


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port of `host` that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def answers(host: str, port: int) -> bool:
    """Whether something accepts a connection there, tried for at most 0.3 s."""
    try:
        socket.create_connection((host, port), timeout=0.3).close()
    except OSError:
        return False
    return True


def tail(path: Path, most: int = 600) -> str:
    """The last characters of a file, for messages; empty where it cannot be read."""
    try:
        return path.read_text(errors="replace")[-most:].strip()
    except OSError:
        return ""


class Child:
    """One running program. Freezing and thawing it are by real signals."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.log = log
        self._process = process

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended, frozen or not."""
        return self._process.poll() is None

    def freeze(self) -> None:
        """Stop it where it is: connections stay open and nothing answers. Waits until every thread of it stands."""
        if not self.running:
            return
        self._process.send_signal(signal.SIGSTOP)
        deadline = time.monotonic() + _STANDS_WITHIN
        while not _stands(self.pid) and time.monotonic() < deadline:
            time.sleep(0.001)

    def thaw(self) -> None:
        """Let it go on."""
        if self.running:
            self._process.send_signal(signal.SIGCONT)

    def end(self, patience: float = 1.0) -> None:
        """Ask it to end, and kill it after `patience` seconds."""
        if not self.running:
            return
        self._process.terminate()
        self.thaw()
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(2)


class Children:
    """Every program the sandbox has started.

    temporary: a folder to remove after them, or None. Spawn from the main thread: on Linux a child dies with the
    thread that started it.
    """

    def __init__(self, temporary: Path | None) -> None:
        self._temporary = temporary
        self._running: list[Child] = []
        self._watchdog = subprocess.Popen(
            ["/bin/sh", "-c", _WATCHDOG, "sandbox-watchdog", str(temporary or "")],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._die_with_us = dying_with(os.getpid())

    @property
    def pids(self) -> dict[str, int]:
        """Process ids by name, of those that run."""
        return {child.name: child.pid for child in self._running if child.running} | {"watchdog": self._watchdog.pid}

    def spawn(self, name: str, command: Sequence[str], *, log: Path, folder: Path) -> Child:
        """Start a program in `folder` with its output in `log`. Raises OSError where it cannot be started."""
        with log.open("ab") as output:
            process = subprocess.Popen(
                list(command),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=self._die_with_us,
            )
        child = Child(name, process, log)
        self._tell(f"watch {child.pid}")
        self._running.append(child)
        return child

    def end(self, child: Child) -> None:
        """End one of them and forget it."""
        child.end()
        self._tell(f"forget {child.pid}")
        self._running.remove(child)

    def end_all(self) -> None:
        """End all of them, remove the temporary folder, and let the watchdog go. Blocks for about a second."""
        for child in self._running:
            with contextlib.suppress(ProcessLookupError):
                child._process.terminate()
            child.thaw()
        deadline = time.monotonic() + 1.0
        for child in self._running:
            child.end(max(0.05, deadline - time.monotonic()))
        self._running.clear()
        if self._temporary:
            shutil.rmtree(self._temporary, ignore_errors=True)
        self._tell("done")
        with contextlib.suppress(OSError):
            if self._watchdog.stdin:
                self._watchdog.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._watchdog.wait(2)

    def _tell(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            if self._watchdog.stdin:
                self._watchdog.stdin.write(f"{line}\n".encode())
                self._watchdog.stdin.flush()


def dying_with(parent: int) -> Callable[[], None] | None:
    """What a new child runs first, so that the kernel kills it with `parent`; None where there is no such kernel."""
    if sys.platform != "linux":
        return None
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        prctl = libc.prctl
    except (OSError, AttributeError):
        return None

    def prepare() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:  # it ended between the fork and the call above
            os.kill(os.getpid(), signal.SIGKILL)

    return prepare


def _stands(pid: int) -> bool:
    """Whether every thread of a process is stopped; True as well where the system does not tell."""
    try:
        told = [stat.read_text() for stat in Path(f"/proc/{pid}/task").glob("*/stat")]
    except OSError:
        return True
    return all(text.rpartition(")")[2].split()[0] in "Tt" for text in told)

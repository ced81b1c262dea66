"""A hundred megabytes of a step's output: time against a bare pty in the same run, memory flat, everyone answering."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

from console.walkthrough.keeping.jobs import Spec
from console.walkthrough.keeping.running import start_job

SIZE = 100_000_000
LINE = "2026-11-20T21:00:00Z INFO api request handled path=/v1/items/4711 status=200 took=12ms"
MOST_TIMES_BARE = 15.0
MOST_MEMORY = 64 << 20
MOST_WAIT = 0.1


def bare(path: Path) -> float:
    """Seconds that `cat` takes through a pseudo-terminal that is only read."""
    master, slave = pty.openpty()
    began = time.perf_counter()
    with subprocess.Popen(["cat", str(path)], stdin=subprocess.DEVNULL, stdout=slave, stderr=slave) as process:
        os.close(slave)
        try:
            while os.read(master, 65_536):
                pass
        except OSError:
            pass
        process.wait()
    os.close(master)
    return time.perf_counter() - began


def memory_of(folder: Path) -> int:
    """The most resident memory that the keeper of a folder has had so far, in bytes; 0 when it has gone."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if str(folder).encode() in (entry / "cmdline").read_bytes().split(b"\0"):
                return int((entry / "status").read_text().partition("VmHWM:")[2].split()[0]) << 10
        except (OSError, IndexError):
            continue
    return 0


def test_a_hundred_megabytes_of_output(tmp_path: Path) -> None:
    path = tmp_path / "output"
    with path.open("w") as file:
        for number in range(SIZE // (len(LINE) + 9)):
            file.write(f"{LINE} {number:07d}\n")
    alone = min(bare(path) for _ in range(2))

    waits: list[float] = []
    memory: list[int] = []
    over = threading.Event()
    heard = 0

    def hear(line: str) -> None:
        nonlocal heard
        heard += 1

    def look() -> None:
        # As the screen's loop does: a short wait, and how late it comes back from it.
        while not over.is_set():
            began = time.perf_counter()
            time.sleep(0.01)
            waits.append(time.perf_counter() - began - 0.01)

    def weigh() -> None:
        while not over.wait(0.25):
            memory.append(memory_of(job.folder))

    began = time.perf_counter()
    job = start_job(
        (tmp_path / "step").resolve(),
        Spec(f"cat {path}", dict(os.environ), tmp_path, secrets=("a-known-password-1", "another/known+one")),
    )
    threads = [threading.Thread(target=look), threading.Thread(target=weigh)]
    for thread in threads:
        thread.start()
    ended = job.follow(hear, lambda text: None, threading.Event(), timedelta(seconds=1))
    took = time.perf_counter() - began
    over.set()
    for thread in threads:
        thread.join()
    assert ended is not None and ended.exit_code == 0 and ended.whole
    assert (job.folder / "transcript.log").stat().st_size == path.stat().st_size
    live = [size for size in memory if size]
    waits.sort()
    print(
        f"\n{ended.output / 1e6:.0f} MB, {ended.lines:,} lines: {took:.2f} s, {took / alone:.1f} times a bare pty's;"
        f" the keeper had {max(live) / 1e6:.0f} MB at most, {live[0] / 1e6:.0f} MB at first; {heard:,} lines told;"
        f" a thread late by {waits[len(waits) // 2] * 1e3:.1f} ms half the time, {waits[-1] * 1e3:.0f} ms at most",
        file=sys.stderr,
    )
    assert took < MOST_TIMES_BARE * alone
    assert max(live) < MOST_MEMORY
    # Flat: what it has at the end it had soon after the begin.
    assert max(live) - live[len(live) // 4] < 8 << 20
    assert waits[-1] < MOST_WAIT
    assert heard < 201 * (took / 0.05 + 3) * 1.2

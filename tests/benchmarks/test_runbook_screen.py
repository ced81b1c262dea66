"""The runbook screen of a real console on a real terminal: opening 1 MB of Markdown, and 100 MB of a step's output."""

from __future__ import annotations

import contextlib
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tests.benchmarks.test_reading import fastest, of_1_mb, runbook
from tests.benchmarks.test_step_output import LINE, SIZE, bare, memory_of
from tests.conftest import wait_until
from tests.engine.runbook_place import SYSTEM
from tests.terminal.pty_console import PtyProgram

DOWN, UP, ESCAPE, ENTER = "\x1b[B", "\x1b[A", "\x1b", "\r"
KEYS = 60
MOST_WAIT = 0.1
MOST_GROWTH = 32 << 20
ROUNDS = 5


@contextlib.contextmanager
def console_on(folder: Path, name: str, text: bytes) -> Iterator[PtyProgram]:
    """A console whose cursor stands on the only runbook of a system, in the list of them."""
    (folder / "tiny").mkdir(parents=True)
    (folder / "tiny" / "system.yaml").write_text(SYSTEM)
    (folder / "tiny" / name).write_bytes(text)
    command = [sys.executable, "-m", "console.cli", "--system", str(folder / "tiny" / "system.yaml")]
    program = PtyProgram(command, environ={"HAKGAL_STATE_DIR": str(folder / "state")})
    try:
        program.wait_for("no rules are declared")
        program.quiet()
        program.press("r")
        program.wait_for("to run")
        program.quiet()
        yield program
    finally:
        program.close()


def shown(console: PtyProgram, keys: str, words: str) -> float:
    """Seconds from a key to words on the terminal."""
    assert words not in console.text()
    began = time.monotonic()
    console.send(keys)
    while words not in console.text():
        assert time.monotonic() - began < 60, console.text()
        time.sleep(0.001)
    return time.monotonic() - began


def opening(console: PtyProgram) -> float:
    """Seconds from Enter to the painted step, at best of some times."""
    times = []
    for _ in range(ROUNDS):
        times.append(shown(console, ENTER, "step 1 of "))
        console.quiet()
        console.send(ESCAPE)
        console.wait_for("Enter", 10)
        while "step 1 of " in console.text():
            time.sleep(0.01)
        console.quiet()
    return min(times)


def told(waits: list[float]) -> str:
    waits.sort()
    half, late = statistics.median(waits), waits[int(len(waits) * 0.95) - 1]
    return f"median {half * 1e3:.0f} ms, p95 {late * 1e3:.0f} ms, worst {waits[-1] * 1e3:.0f} ms"


@pytest.mark.timeout(180)
def test_a_runbook_of_1_mb_opens_nearly_as_soon_as_a_short_one(tmp_path: Path) -> None:
    raw = of_1_mb(runbook)
    plain = MarkdownIt("commonmark")
    parsing = fastest(lambda: plain.parse(raw.decode()))
    with console_on(tmp_path / "short", "short.md", raw[:5_000]) as console:
        short = opening(console)
    with console_on(tmp_path / "long", "long.md", raw) as console:
        long = opening(console)
        shown(console, ENTER, "step 1 of ")
        # What the steps need and would do is worked out meanwhile.
        waits = [shown(console, DOWN, f"step {number} of ") for number in range(2, KEYS)]
    print(
        f"\n1 MB opens in {long:.3f} s, 5 kB in {short:.3f} s; a bare parse of it takes {parsing:.3f} s,"
        f" so opening it is {(long - short) / parsing:.2f} parses more; keys meanwhile: {told(waits)}",
        file=sys.stderr,
    )
    # Where a bare parse takes 0.3 s, and a short one opens in 0.05 s, that is half a second.
    assert long - short < 1.5 * parsing
    assert waits[int(len(waits) * 0.95) - 1] < MOST_WAIT


def resident(pid: int) -> int:
    """What a process has in memory, in bytes."""
    return int((Path("/proc") / str(pid) / "status").read_text().partition("VmRSS:")[2].split()[0]) << 10


@pytest.mark.timeout(180)
def test_a_hundred_megabytes_of_output_leave_the_screen_free_and_the_memory_flat(tmp_path: Path) -> None:
    path = tmp_path / "output"
    with path.open("w") as file:
        for number in range(SIZE // (len(LINE) + 9)):
            file.write(f"{LINE} {number:07d}\n")
    alone = min(bare(path) for _ in range(2))
    text = f"# Flood\n\n```bash\ncat {path}\n```\n\n```bash\necho after\n```\n"
    with console_on(tmp_path / "place", "flood.md", text.encode()) as console:
        shown(console, ENTER, "step 1 of 2")
        console.wait_for("READS")
        console.quiet()
        began = time.monotonic()
        console.send(ENTER)
        console.wait_for("x stops it")
        state = tmp_path / "place" / "state"
        wait_until(lambda: list(state.rglob("transcript.log")), what="the step's transcript")
        transcript = next(state.rglob("transcript.log"))
        waits: list[float] = []
        here: list[int] = []
        keeper: list[int] = []
        at = 2 if "step 2 of 2" in console.text() else 1
        while "exit 0" not in console.text() and "ran 0" not in console.text():
            at = 3 - at
            waits.append(shown(console, DOWN if at == 2 else UP, f"step {at} of 2"))
            here.append(resident(console.process.pid))
            keeper.append(memory_of(transcript.parent))
            time.sleep(0.02)
        took = time.monotonic() - began
        assert transcript.stat().st_size == path.stat().st_size
    keeper = [size for size in keeper if size]
    quarter = len(here) // 4
    growth = max(here) - here[quarter], max(keeper) - keeper[len(keeper) // 4]
    print(
        f"\n100 MB on the screen in {took:.1f} s, {took / alone:.1f} times a bare pty's {alone:.2f} s;"
        f" {len(waits)} keys: {told(waits)}; after the first quarter the console grew by {growth[0] / 1e6:.1f} MB (to"
        f" {max(here) / 1e6:.0f} MB), the keeper by {growth[1] / 1e6:.1f} MB (to {max(keeper) / 1e6:.0f} MB)",
        file=sys.stderr,
    )
    assert len(waits) > 10
    assert waits[int(len(waits) * 0.95) - 1] < MOST_WAIT
    assert max(growth) < MOST_GROWTH
    assert took < 15 * alone

"""First paint against a bare Textual application, and how soon a key shows under a storm of log lines."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Sequence

from tests.terminal.pty_console import PtyProgram, opened

ROUNDS = 7
KEYS = 60


COMMAND = [sys.executable, "-m", "console.cli", "--system", "hak-gal", "--env", "staging"]


def painted(command: Sequence[str], words: str) -> float:
    """Seconds from the start of the process to these words on the terminal."""
    program = PtyProgram(command)
    try:
        while words not in program.text():
            assert time.monotonic() - program.started < 15, program.text()
            time.sleep(0.002)
        return time.monotonic() - program.started
    finally:
        program.close()


def test_the_first_paint_comes_nearly_as_soon_as_that_of_a_bare_application() -> None:
    bare: list[float] = []
    ours: list[float] = []
    painted(COMMAND, "q quit")
    for _ in range(ROUNDS):
        bare.append(painted([sys.executable, "-m", "tests.terminal.bare"], "bare and painted"))
        ours.append(painted(COMMAND, "q quit"))
    ratio = statistics.median(ours) / statistics.median(bare)
    print(
        f"\nfirst paint: {statistics.median(ours):.3f} s, bare {statistics.median(bare):.3f} s, ratio {ratio:.2f}"
        f" (best {min(ours):.3f} / {min(bare):.3f} = {min(ours) / min(bare):.2f})"
    )
    assert ratio <= 1.6


def test_a_key_shows_at_once_under_a_thousand_log_lines_a_second() -> None:
    for name, environ in (("local", {"COLORTERM": "truecolor"}), ("over SSH", {"SSH_CONNECTION": "1 2 3 4"})):
        with opened("trouble", environ=environ) as console:
            console.ask("storm", 1000)
            waits = []
            for number in range(KEYS):
                # The alerts' title lights up or goes out: a cell that no log line touches.
                before = console.style_of("2 Alerts")
                began = time.monotonic()
                console.send("2" if number % 2 == 0 else "1")
                while console.style_of("2 Alerts") == before:
                    if time.monotonic() - began > 5:
                        raise AssertionError(f"key {number} did not show")
                    time.sleep(0.001)
                waits.append(time.monotonic() - began)
                time.sleep(0.03)
            console.ask("calm")
        waits.sort()
        p95 = waits[int(len(waits) * 0.95) - 1]
        shown = f"median {waits[KEYS // 2] * 1e3:.0f} ms, p95 {p95 * 1e3:.0f} ms"
        print(f"\nkey to changed cell, 1,000 log lines/s, {name}: {shown}")
        assert p95 <= 0.050

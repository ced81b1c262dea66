"""Leaving the console by key, by signal, by a line that drops or stalls: the terminal is restored, the desk told."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from screens.terminal import LIMIT
from tests.conftest import wait_until
from tests.terminal.pty_console import SHELL, PlayedConsole, opened


def assert_restored(console: PlayedConsole) -> None:
    """The main screen, the cursor, no mouse, the title of before, the keys as they were."""
    terminal = console.terminal
    assert not terminal.alternate
    assert 25 in terminal.modes, "the cursor is shown"
    assert not terminal.mouse
    assert not terminal.modes & {1004, 2004, 2026}
    assert 7 in terminal.modes
    assert terminal.kitty == 0
    assert terminal.titles == 0
    assert console.settings_restored()


def test_q_leaves_and_restores_the_terminal() -> None:
    with opened() as console:
        assert console.terminal.alternate
        assert console.terminal.title == "hak-gal PRODUCTION"
        assert not console.terminal.mouse, "the mouse is the terminal's until it is asked for"
        console.send("q")
        assert console.wait() == 0
        assert_restored(console)
        assert console.terminal.main_text == ""


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_signal_tells_the_desk_and_restores_the_terminal(number: signal.Signals) -> None:
    with opened("trouble") as console:
        console.process.send_signal(number)
        assert console.wait() == 128 + number
        assert f"('stop', '{number.name} was received')" in console.answer()
        assert_restored(console)


def test_a_line_that_drops_ends_the_console_and_tells_the_desk() -> None:
    with opened("trouble") as console:
        console.hang_up()
        assert console.process.wait(10) == 128 + signal.SIGHUP
        assert "('stop', 'SIGHUP was received')" in console.answer()


def test_a_reader_that_stalls_blocks_nothing_and_costs_no_memory() -> None:
    with opened("trouble") as console:
        console.ask("flood", 200)
        before = int(console.ask("size"))
        console.stall()
        console.ask("storm", 3000)
        # Far more than the pseudo-terminal and the outlet hold; every command is answered by a desk that goes on.
        wait_until(lambda: int(console.ask("repaint", 2)) > LIMIT * 3 // 4, what="an outlet that is full")
        for _ in range(6):
            began = time.monotonic()
            console.ask("flood", 300)
            assert int(console.ask("repaint", 3)) <= LIMIT
            assert time.monotonic() - began < 5
        assert int(console.ask("size")) - before < 25_000, "kB"
        console.ask("calm")
        console.ask("memory", 777)
        console.go_on()
        console.wait_for("777 MB")
        console.assert_faithful()
        console.send("q")
        assert console.wait() == 0
        assert_restored(console)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_signal_ends_a_console_whose_reader_stalls(number: signal.Signals) -> None:
    with opened("trouble", under=SHELL) as console:
        pid = int(console.ask("pid"))
        console.stall()
        console.ask("storm", 3000)
        while int(console.ask("repaint", 2)) < LIMIT * 3 // 4:
            pass
        os.kill(pid, number)
        assert "'stop'" in console.answer()
        wait_until(lambda: not Path(f"/proc/{pid}").exists(), what="the console's end")
        console.go_on()
        wait_until(lambda: not console.terminal.alternate, what="the terminal put back")
        assert_restored(console)
        console.send("\n")
        assert console.wait() == 128 + number


@pytest.mark.parametrize("how", ["signal", "key"])
def test_stopped_and_continued_it_paints_everything_again(how: str) -> None:
    with opened("healthy") as console:
        if how == "key":
            console.send("\x1a")
        else:
            console.process.send_signal(signal.SIGTSTP)
        wait_until(lambda: not console.terminal.alternate, what="the terminal given back while stopped")
        # The terminal is given back first: a SIGCONT that comes before the stop would be lost.
        stat = Path(f"/proc/{console.process.pid}/stat")
        wait_until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", what="the stop")
        console.process.send_signal(signal.SIGCONT)
        console.wait_for("4 Logs")
        console.assert_faithful()


def test_a_bug_ends_in_one_sentence_and_its_traceback_in_a_file(tmp_path: Path) -> None:
    with opened(environ={"HAKGAL_STATE_DIR": str(tmp_path)}) as console:
        console.ask("crash")
        assert console.wait() == 1
        assert_restored(console)
        said = console.terminal.main_text
        assert "ended on a bug of its own (RuntimeError: a bug, not 7)" in said.replace("\n", " ")
        assert "hunter2" not in said
        assert "Traceback" not in said
        [crash] = (tmp_path / "hak-gal").glob("crash-*.txt")
        assert "a bug, not 7" in crash.read_text()


def test_the_mouse_works_while_it_is_asked_for_and_not_after() -> None:
    with opened() as console:
        console.press("m")
        assert console.terminal.mouse
        console.press("m")
        assert not console.terminal.mouse


def test_a_terminal_that_is_too_small_swallows_every_key_but_the_one_that_quits() -> None:
    with opened("trouble") as console:
        console.resize(70, 20)
        text = console.wait_for("too small")
        assert "It has 70x20" in text
        assert "BYPASS ON" in text
        console.send("R4/z\x1b")
        console.ask("settle")
        # A lone Escape is told from the start of a sequence by the time that passes after it.
        console.quiet(0.3, since=time.monotonic())
        assert "too small" in console.text()
        console.resize(80, 24)
        console.wait_for("4 Logs")
        console.resize(60, 15)
        console.wait_for("too small")
        console.send("q")
        assert console.wait() == 0
        assert_restored(console)


def test_after_a_change_of_size_everything_is_painted_again() -> None:
    with opened("trouble") as console:
        for size in ((120, 30), (120, 40), (100, 40), (80, 24)):
            console.resize(*size)
            console.wait_for("q quit")
            console.assert_faithful()


def test_nothing_is_left_of_the_console_after_it() -> None:
    with opened() as console:
        children = Path(f"/proc/{console.process.pid}/task/{console.process.pid}/children").read_text()
        assert children == ""
        console.send("q")
        console.wait()
        with pytest.raises(ProcessLookupError):
            os.kill(console.process.pid, 0)

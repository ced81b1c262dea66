"""An interactive step gets the terminal itself, and the console has it back when the step is over."""

from __future__ import annotations

from tests.conftest import wait_until
from tests.terminal.pty_console import opened
from tests.terminal.test_bytes import OVER_SSH


def test_an_interactive_step_has_the_terminal_and_gives_it_back() -> None:
    with opened("runbook", size=(100, 30), environ=OVER_SSH) as console:
        console.press("r")
        console.wait_for("5 to run")
        console.press("\r")
        console.wait_for("step 1 of 7")
        console.press("\x1b[F")
        console.wait_for("needs the terminal itself")
        console.press("\r")
        console.wait_for("on this terminal itself")
        console.quiet(0.8)
        console.send("\r")
        wait_until(lambda: "your name?" in console.terminal.main_text, what="the program on the main screen")
        assert "30 100" in console.terminal.main_text
        console.resize(120, 40)
        console.send("ines\r")
        console.wait_for("ended with exit 0")
        console.wait_for("step 7 of 7")
        console.assert_faithful()
        assert "('interact', 7, '')" in console.ask("runbooks")
        console.press("\x1b[A")
        console.wait_for("step 6 of 7")
        console.send("\x1b")
        console.quiet(0.5)

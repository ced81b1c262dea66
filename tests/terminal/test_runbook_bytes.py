"""What a runbook on the screen sends over the line, counted in bytes."""

from __future__ import annotations

import pytest

from tests.conftest import wait_until
from tests.terminal.pty_console import opened
from tests.terminal.test_bytes import KEY, OVER_SSH, TICK, TRUE_COLOUR

SCREEN = 16 * 1024
OUTPUT = 4 * 1024


@pytest.mark.parametrize(
    ("size", "environ"), [((80, 24), OVER_SSH), ((120, 40), TRUE_COLOUR)], ids=["80x24-ansi", "120x40-night"]
)
def test_a_runbook_costs_nothing_but_its_changes(size: tuple[int, int], environ: dict[str, str]) -> None:
    with opened("runbook", size=size, environ=environ) as console:
        console.press("r")
        console.wait_for("5 to run")
        assert console.press("\r") <= SCREEN
        console.wait_for("READS")
        console.press("\x1b[B")
        console.press("\x1b[B")
        console.press("t")
        console.wait_for("1 of 6 done")
        console.quiet(0.5)
        assert sum(console.cost("poll") for _ in range(5)) == 0
        # What the tick said gives the keys back by itself, once.
        wait_until(lambda: console.cost("tick", 1) and "z zoom" in console.text(), what="the keys in the footer")
        assert 0 < max(console.cost("tick", 1) for _ in range(5)) <= TICK
        assert 0 < console.press("\x1b[A") <= 2 * KEY
        assert 0 < console.press("\t") <= KEY
        console.cost("step", 40)
        console.wait_for("line 39")
        assert sum(console.cost("poll") for _ in range(3)) == 0
        assert 0 < console.cost("step", 1) <= OUTPUT
        console.assert_faithful()

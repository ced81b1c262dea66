"""What a rollout on the screen sends over the line, counted in bytes, and what it says when the screen is left."""

from __future__ import annotations

import pytest

from tests.terminal.pty_console import opened
from tests.terminal.test_bytes import OVER_SSH, PAINT, ROW, TICK, TRUE_COLOUR

SCREEN = 16 * 1024


@pytest.mark.parametrize(
    ("size", "environ"), [((80, 24), OVER_SSH), ((120, 40), TRUE_COLOUR)], ids=["80x24-ansi", "120x40-night"]
)
def test_a_rollout_that_goes_on_well_costs_nothing_but_its_changes(
    size: tuple[int, int], environ: dict[str, str]
) -> None:
    with opened("rollout.soaking", size=size, environ=environ) as console:
        assert "phase 4 of 8" in console.text()
        assert console.received <= PAINT
        assert sum(console.cost("poll") for _ in range(5)) == 0
        assert 0 < console.cost("gate", 151) <= ROW
        assert "151 ms" in console.text()
        assert 0 < max(console.cost("tick", 1) for _ in range(4)) <= TICK
        assert console.press("o") <= SCREEN
        assert sum(console.cost("poll") for _ in range(3)) == 0
        console.press("\x1b")
        console.assert_faithful()


def test_an_idle_minute_of_a_soak_costs_no_more_than_its_seconds() -> None:
    with opened("rollout.soaking", environ=OVER_SSH) as console:
        cost = console.cost("tick", 60)
        assert "21:05:11Z" in console.text() and "look due in 8m" in console.text()
        assert cost <= 60 * 60


@pytest.mark.parametrize(
    ("picture", "line"),
    [
        ("rollout.soaking", "release of v2.3.3 goes on: watcher on bastion (pid 4711) drives it"),
        ("rollout.undriven", "WARNING: nobody drives release of v2.3.3"),
    ],
)
def test_leaving_says_on_the_terminal_who_watches(picture: str, line: str) -> None:
    with opened(picture) as console:
        console.send("q")
        assert console.wait() == 0
        assert line in console.terminal.main_text

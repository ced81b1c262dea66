"""What the console sends over the line, counted in bytes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.terminal.pty_console import PlayedConsole, opened

OVER_SSH = {"SSH_CONNECTION": "10.0.0.1 5000 10.0.0.2 22"}
TRUE_COLOUR = {"COLORTERM": "truecolor"}
WAYS = [((120, 40), OVER_SSH), ((80, 24), OVER_SSH), ((120, 40), TRUE_COLOUR)]

TICK, ROW, KEY, PAINT = 400, 600, 2048, 60 * 1024


@pytest.fixture(params=WAYS, ids=["120x40-ansi", "80x24-ansi", "120x40-night"])
def console(request: pytest.FixtureRequest) -> Iterator[PlayedConsole]:
    size, environ = request.param
    with opened("trouble", size=size, environ=environ) as played:
        yield played


def test_the_whole_first_paint_stays_within_its_budget() -> None:
    with opened("trouble", size=(120, 40), environ=OVER_SSH) as console:
        assert 4000 < console.received <= PAINT
        assert "38;2;" not in console.recording.decode(), "the ANSI theme uses the terminal's own colours"


def test_polls_that_bring_nothing_new_send_nothing(console: PlayedConsole) -> None:
    assert sum(console.cost("poll") for _ in range(5)) == 0


def test_a_second_costs_no_more_than_its_clock(console: PlayedConsole) -> None:
    console.mark()
    costs = []
    for second in range(12, 18):
        costs.append(console.cost("tick", 1))
        assert f"21:04:{second}Z" in console.text()
    assert 0 < max(costs) <= TICK


def test_two_idle_minutes_cost_no_more_than_their_seconds() -> None:
    with opened("healthy", environ=OVER_SSH) as console:
        cost = console.cost("tick", 120)
        assert "21:06:11Z" in console.text()
        # Everything but the clock and the slowly growing ages stands still.
        assert cost <= 120 * 60


@pytest.mark.parametrize(
    ("change", "shows"), [(("memory", 640), "640 MB"), (("alert", "1,310/h"), "1,310/h"), (("pods", 1), "1 of 2")]
)
def test_one_changed_row_costs_no_more_than_a_row(
    console: PlayedConsole, change: tuple[str, object], shows: str
) -> None:
    cost = console.cost(*change)
    assert shows in console.text()
    assert 0 < cost <= ROW


def test_every_key_echoes_within_its_budget(console: PlayedConsole) -> None:
    costs = {key: console.press(key) for key in ("4", "k", "k", "j", "2", "j", "1", "3", "/", "a", "\x7f", "x")}
    assert max(costs.values()) <= KEY, costs
    console.assert_faithful()


def test_a_log_line_costs_no_more_than_the_pane_that_it_moves(console: PlayedConsole) -> None:
    assert 0 < console.cost("log", 1) <= 6 * 1024
    console.assert_faithful()


def test_the_window_losing_and_getting_the_focus_sends_nothing(console: PlayedConsole) -> None:
    console.mark()
    console.send("\x1b[O\x1b[I")
    assert console.cost("poll") == 0


def test_a_whole_paint_of_what_is_there_already_sends_nothing(console: PlayedConsole) -> None:
    assert console.cost("refresh") == 0


def test_a_zoom_sends_only_what_is_not_in_sight_already(console: PlayedConsole) -> None:
    console.press("4")
    assert 0 < console.press("z") <= 7 * 1024
    assert "1 Rollout" not in console.text()
    assert 0 < console.press("z") <= 9 * 1024
    assert "1 Rollout" in console.text()
    console.assert_faithful()

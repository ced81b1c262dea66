"""What of the logs is looked at: filter, pause, matches, and lines that came too fast."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.core.readings import LogLine
from widgets.log_view import BadFilter, Filter, LogView
from widgets.logs import line_row, message, origin
from widgets.rows import plain
from widgets.vocabulary import Glyphs, Ink


def line(number: int, text: str = "", *, marker: bool = False) -> LogLine:
    return LogLine(number, text or f"line {number}", "INFO", "a.log", marker=marker)


def view(count: int = 20, height: int = 5) -> LogView:
    held = LogView()
    held.height = height
    held.extend(line(number, f"{'error' if number % 5 == 0 else 'fine'} {number}") for number in range(1, count + 1))
    return held


def numbers(held: LogView) -> list[int]:
    return [entry.number for entry in held.window()]


def test_following_shows_the_newest_lines() -> None:
    held = view()
    assert numbers(held) == [16, 17, 18, 19, 20]
    held.extend([line(21)])
    assert numbers(held) == [17, 18, 19, 20, 21]


def test_moving_up_pauses_and_counts_what_comes() -> None:
    held = view()
    held.move(-1)
    assert held.cursor == 19
    held.extend(line(number) for number in range(21, 24))
    assert numbers(held) == [16, 17, 18, 19, 20]
    assert held.waiting == 3


def test_moving_past_the_end_follows_again() -> None:
    held = view()
    held.move(-2)
    held.move(5)
    assert held.following
    assert held.cursor is None


def test_moving_down_while_following_changes_nothing() -> None:
    held = view()
    held.move(1)
    assert held.following


def test_the_mark_scrolls_the_window_only_at_its_edges() -> None:
    held = view()
    held.move(-4)
    assert (held.cursor, numbers(held)) == (16, [16, 17, 18, 19, 20])
    held.move(-1)
    assert (held.cursor, numbers(held)) == (15, [15, 16, 17, 18, 19])
    held.home()
    assert numbers(held) == [1, 2, 3, 4, 5]


def test_a_filter_shows_what_matches_and_an_inverse_one_what_does_not() -> None:
    held = view()
    held.set_filter("error")
    assert numbers(held) == [5, 10, 15, 20]
    held.extend([line(21, "fine"), line(22, "ERROR too")])
    assert numbers(held)[-1] == 22
    held.set_filter("!error")
    assert 20 not in numbers(held)


def test_a_pattern_with_a_capital_minds_case() -> None:
    assert Filter.parse("error").takes(line(1, "ERROR"))
    assert not Filter.parse("Error").takes(line(1, "ERROR"))


def test_markers_of_the_console_are_never_filtered_away() -> None:
    held = view()
    held.set_filter("nothing like it")
    held.extend([line(21, "── rotated ──", marker=True)])
    assert numbers(held) == [21]


@pytest.mark.parametrize(("text", "place"), [("[x", 1), ("!(", 2), ("a**", 3)])
def test_a_bad_pattern_says_what_is_wrong_and_where_and_changes_nothing(text: str, place: int) -> None:
    held = view()
    held.set_filter("error")
    with pytest.raises(BadFilter, match=rf"is not a regular expression: .* at character {place}"):
        held.set_filter(text)
    assert held.filter is not None
    assert held.filter.text == "error"


def test_a_match_is_shown_among_its_neighbours_and_left_for_the_filter() -> None:
    held = view()
    held.set_filter("error")
    assert held.step(-1)
    assert held.in_context
    assert held.cursor == 20
    assert held.step(-1)
    assert held.cursor == 15
    assert 14 in numbers(held)
    assert held.place() == (3, 4)
    assert held.step(1)
    assert not held.step(1), "there is no match below the last"
    assert held.leave()
    assert numbers(held) == [5, 10, 15, 20]
    assert held.leave()
    assert held.filter is None
    assert not held.leave()


def test_markers_are_shown_but_are_no_matches() -> None:
    held = view()
    held.extend([line(21, "── rotated ──", marker=True)])
    held.set_filter("error")
    assert numbers(held) == [5, 10, 15, 20, 21][-5:]
    assert held.matches == 4
    held.step(-1)
    assert held.step(-1)
    assert held.cursor in (15, 20)


def test_there_is_nothing_to_step_through_without_a_filter() -> None:
    assert not view().step(1)


def test_lines_that_came_too_fast_leave_a_marker() -> None:
    held = view(3)
    held.extend([line(100)], lost=96)
    [marker] = [entry for entry in held.window() if entry.marker]
    assert "96 lines" in marker.text
    assert [entry.number for entry in held.lines] == sorted(entry.number for entry in held.lines)


def test_what_is_held_is_bounded_and_the_filtered_lines_with_it() -> None:
    held = LogView(held=100)
    held.set_filter("line")
    for number in range(1, 1001):
        held.extend([line(number)])
    assert len(held.lines) <= 125
    held.set_filter("")
    assert len(held.lines) <= 125
    assert held.newest == 1000


@given(
    st.lists(
        st.one_of(
            st.integers(-30, 30),
            st.sampled_from(["home", "follow", "pause", "next", "back", "filter", "clear", "grow", "leave"]),
        ),
        max_size=30,
    )
)
def test_whatever_is_pressed_the_window_is_full_in_order_and_holds_the_mark(steps: list[int | str]) -> None:
    held = LogView(held=40)
    held.height = 7
    number = 0

    def grow(count: int) -> None:
        nonlocal number
        held.extend(line(number + one, f"{'error' if one % 3 == 0 else 'fine'}") for one in range(1, count + 1))
        number += count

    grow(12)
    moves = {
        "home": held.home,
        "follow": held.follow,
        "pause": held.pause,
        "next": lambda: held.step(1),
        "back": lambda: held.step(-1),
        "filter": lambda: held.set_filter("error"),
        "clear": lambda: held.set_filter(""),
        "grow": lambda: grow(17),
        "leave": held.leave,
    }
    for step in steps:
        held.move(step) if isinstance(step, int) else moves[step]()
        window = [entry.number for entry in held.window()]
        assert window == sorted(window)
        assert len(window) == min(held.height, len(held.lines))
        marked = held.marked()
        assert marked is None or marked.number in window


def test_a_line_does_not_say_its_time_and_level_twice() -> None:
    from tests.pictures import log_lines

    shown = log_lines(8)[0]
    assert "2026-03-14" in shown.text
    assert not message(shown).startswith(("2026", shown.level))
    assert plain(line_row(shown, 100, 0, Glyphs(), None)).count(shown.level) == 1


def test_a_pod_is_named_by_what_tells_it_from_its_neighbours_and_only_once() -> None:
    name = "hak-gal-6d5f9c7b8-x2kqz"
    assert origin(name) == "x2kqz"
    assert origin("hak_gal.log") == "hak_gal.log"
    assert message(LogLine(1, f"{name} session recovered", "INFO", name)) == "session recovered"


def test_what_the_filter_found_is_marked() -> None:
    spans = line_row(line(1, "session for acme lost"), 80, 0, Glyphs(), Filter.parse("acme"))
    assert ("acme", Ink.MATCH) in spans

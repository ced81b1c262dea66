"""Numbers, ages and foreign text in words."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tests.pictures import NOW, before
from widgets.gauges import bar, sparkline
from widgets.rows import cell, ends, fit, plain, row, to_strip, width_of
from widgets.vocabulary import ASCII_GLYPHS, PALETTES, Glyphs, Ink, Look
from widgets.words import ago, clean, countdown, moment, pace, percent, signed, size, span, steps


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0s"), (59, "59s"), (240, "4m"), (3600, "1h"), (148_320, "41h12m"), (525_600, "6d2h"), (1_229_000, "14d")],
)
def test_a_span_reads_as_people_say_it(seconds: int, words: str) -> None:
    assert span(timedelta(seconds=seconds)) == words


def test_an_age_changes_in_steps_and_not_every_second() -> None:
    shown = [ago(NOW - timedelta(seconds=second), NOW) for second in range(61)]
    assert shown[0] == shown[14] == "just now"
    assert shown[15] == shown[29] == "15s ago"
    assert shown[60] == "1m ago"
    assert len(set(shown)) == 5
    assert steps(timedelta(seconds=3)) == "<15s"


def test_a_countdown_ends_at_nothing_and_not_below() -> None:
    assert countdown(timedelta(minutes=12, seconds=41)) == "12:41"
    assert countdown(timedelta(seconds=0.2)) == "0:01"
    assert countdown(timedelta(seconds=-5)) == "0:00"


def test_a_share_is_never_called_all_or_nothing_unless_it_is() -> None:
    assert [percent(ratio) for ratio in (0, 0.001, 0.2, 0.996, 1)] == ["0%", "<1%", "20%", "99%", "100%"]


def test_sizes_changes_and_paces() -> None:
    assert [size(number) for number in (0, 612e6, 2e9, 1.25e9, 999)] == ["0 B", "612 MB", "2 GB", "1.25 GB", "999 B"]
    assert [signed(number) for number in (83, -4, 0.2)] == ["+83", "-4", "±0"]
    assert [pace(number) for number in (0.012, -0.03, 0.0001)] == ["+1.2%/h", "-3.0%/h", "steady"]


def test_a_time_of_another_day_says_its_day() -> None:
    assert moment(before(hours=9), NOW) == "12:04Z"
    assert moment(before(hours=30), NOW) == "13 Mar 15:04Z"


@given(st.text())
def test_foreign_text_can_neither_steer_the_terminal_nor_turn_a_line_around(text: str) -> None:
    shown = clean(text)
    assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in shown)
    assert not any(letter in "\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u200f" for letter in shown)


def test_an_escape_sequence_in_a_log_line_is_shown_and_not_obeyed() -> None:
    assert clean("a\x1b[2Jb\tc") == "a·[2Jb    c"


@given(st.lists(st.text(alphabet="ab …世界é", max_size=9), max_size=5), st.integers(1, 40))
def test_a_row_is_cut_or_padded_to_exactly_its_width(parts: list[str], width: int) -> None:
    assert width_of(fit(row(*parts), width)) == width
    assert width_of(ends(row(*parts), row("end"), max(width, 4))) == max(width, 4)


@given(st.text(alphabet="ab世é", max_size=12), st.integers(2, 12))
def test_a_column_keeps_its_width_and_a_blank_at_its_end(text: str, width: int) -> None:
    shown, _ = cell(text, width)
    assert cell_len(shown) == width
    assert shown.endswith(" ")


def test_neighbours_of_one_ink_are_one_segment() -> None:
    strip = to_strip(row("a", "b", ("c", Ink.OK), ("d", Ink.OK)), Look("ansi"))
    assert [segment.text for segment in strip] == ["ab", "cd"]


def test_every_palette_has_every_ink_and_plain_has_no_colour() -> None:
    for palette in PALETTES.values():
        assert set(palette) == set(Ink)
    look = Look("plain")
    for ink in Ink:
        style = look.style(ink)
        assert style is None or (style.color is None and style.bgcolor is None)


def test_ascii_writes_ascii() -> None:
    look = Look("plain", ASCII_GLYPHS)
    for text in ("─ 4 → 5 … 世", "±0 “so”"):
        assert look.spell(text).isascii()
    for name in Glyphs.__dataclass_fields__:
        assert getattr(ASCII_GLYPHS, name).isascii(), name


def test_a_bar_shows_any_share_above_nothing_and_is_full_only_at_one() -> None:
    glyphs = Glyphs()
    assert plain(bar(0, 10, glyphs)) == "░" * 10
    assert plain(bar(0.001, 10, glyphs)) == "▌" + "░" * 9
    assert plain(bar(0.999, 10, glyphs)) == "█" * 9 + "▌"
    assert plain(bar(1, 10, glyphs)) == "█" * 10


def test_a_sparkline_leaves_the_unknown_blank_and_draws_noise_flat() -> None:
    glyphs = Glyphs()
    assert sparkline([1.0, None, 2.0], 4, glyphs) == " ▁ █"
    assert set(sparkline([1000.0, 1001.0, 1000.5], 3, glyphs)) == {"▁"}
    assert sparkline([None], 3, glyphs) == "   "
    assert sparkline([0.0, 0.0], 2, glyphs) == "▁▁"

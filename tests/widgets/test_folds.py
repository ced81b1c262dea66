"""Text folded where it is seen, and output that is followed to its end until one moves up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from widgets.folds import Folds, Line, Page, folded
from widgets.output import Output, asks, asks_for_secret
from widgets.rows import plain, row, width_of
from widgets.vocabulary import Ink, Look


def line(text: str, *, words: bool = False, hang: str = "") -> Line:
    return Line(row((text, Ink.TEXT)), row((hang, Ink.DIM)) if hang else (), words)


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="ab  漢é-", max_size=120), st.integers(5, 30))
def test_nothing_of_a_command_is_lost_in_folding(text: str, width: int) -> None:
    rows = folded(line(text), width)
    assert all(width_of(each) <= width for each in rows)
    assert "".join(map(plain, rows)) == text


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(alphabet="abc漢", min_size=1, max_size=12), max_size=20), st.integers(8, 30))
def test_prose_keeps_its_words(words: list[str], width: int) -> None:
    rows = folded(line(" ".join(words), words=True, hang="  "), width)
    assert all(width_of(each) <= width for each in rows)
    assert "".join(plain(each).strip() for each in rows).replace(" ", "") == "".join(words)


def test_a_row_that_goes_on_begins_with_its_sign_and_keeps_its_inks() -> None:
    rows = folded(Line(row(("aaaa ", Ink.OK), ("bbbb", Ink.BAD)), row(("…", Ink.DIM))), 6)
    assert rows == [(("aaaa ", Ink.OK),), (("…", Ink.DIM), ("bbbb", Ink.BAD))]


class Host(App[None]):
    def __init__(self, widget: Folds) -> None:
        super().__init__()
        self.widget = widget

    def compose(self) -> ComposeResult:
        yield self.widget


@asynccontextmanager
async def shown(widget: Folds, size: tuple[int, int] = (20, 6)) -> AsyncIterator[Pilot[None]]:
    async with Host(widget).run_test(size=size) as pilot:
        widget.styles.height = size[1]
        widget.focus()
        await pilot.pause()
        yield pilot


def rows_of(widget: Folds) -> list[str]:
    return [each.strip() for each in widget.text()[1:]]


async def test_output_follows_until_one_moves_up_and_counts_what_comes() -> None:
    output = Output(Look())
    async with shown(output) as pilot:
        output.set("a", tuple(f"line {number}" for number in range(20)))
        assert rows_of(output) == [f"line {number}" for number in range(15, 20)]
        await pilot.press("up", "up")
        assert rows_of(output) == [f"line {number}" for number in range(13, 18)]
        output.set("a", tuple(f"line {number}" for number in range(23)))
        assert rows_of(output) == [f"line {number}" for number in range(13, 18)]
        assert output.new == 3 and "3 NEW" in output.text()[0]
        await pilot.press("end")
        assert rows_of(output)[-1] == "line 22" and output.following
        await pilot.press("pageup", "pagedown")
        assert output.following, "the last row was reached again"


async def test_what_one_reads_stands_still_when_older_lines_are_no_longer_held() -> None:
    output = Output(Look())
    async with shown(output) as pilot:
        output.set("a", tuple(f"line {number}" for number in range(100)))
        await pilot.press("pageup", "pageup")
        before = rows_of(output)
        held = tuple(f"line {number}" for number in range(40, 140))
        output.set("a", ("… 40 earlier lines are in the transcript", *held))
        assert rows_of(output) == before and output.new == 40
        await pilot.press("home")
        assert rows_of(output)[0].startswith("… 40 earlier line")
        gone = tuple(f"line {number}" for number in range(1000, 1100))
        output.set("a", ("… 1000 earlier lines are in the transcript", *gone))
        assert "line 1000" in rows_of(output), "what is gone gives way to the oldest that is held"


async def test_a_line_that_is_not_complete_grows_in_its_place() -> None:
    output = Output(Look())
    async with shown(output):
        output.set("a", ("one", "Pass"))
        output.set("a", ("one", "Password: "))
        assert rows_of(output)[:2] == ["one", "Password:"]


async def test_another_step_is_followed_from_its_end() -> None:
    output = Output(Look())
    async with shown(output) as pilot:
        output.set("a", tuple(f"line {number}" for number in range(20)))
        await pilot.press("up")
        output.set("b", tuple(f"other {number}" for number in range(20)), [line("its end")])
        assert rows_of(output)[-2:] == ["other 19", "its end"] and output.following


async def test_a_hundred_thousand_lines_are_folded_only_where_they_are_seen() -> None:
    asked: list[int] = []

    class Counting(Page):
        def line(self, number: int) -> Line:
            asked.append(number)
            return super().line(number)

    page = Counting(Look())
    async with shown(page) as pilot:
        page.set([line(f"line {number} " * 3) for number in range(100_000)])
        asked.clear()
        await pilot.press("end")
        assert rows_of(page)[-1].endswith("99999")
        await pilot.press("pageup", "home")
        assert 0 < len(asked) < 60
        page.reveal(50_000, 50_001)
        assert len(asked) < 80 and any("50000" in each for each in rows_of(page))


async def test_a_line_that_is_gone_to_is_seen_with_what_stands_above_it() -> None:
    page = Page(Look())
    async with shown(page):
        page.set([line(f"line {number}") for number in range(40)])
        page.reveal(20, 21)
        assert rows_of(page) == [f"line {number}" for number in range(17, 22)]
        page.reveal(20, 39)
        assert rows_of(page)[0] == "line 20"


@pytest.mark.parametrize(
    ("last", "waits", "secret"),
    [
        ("Password: ", True, True),
        ("[sudo] password for ines:", True, True),
        ("Enter passphrase for key '/home/x': ", True, True),
        ("Continue? [y/N] ", True, False),
        ("Are you sure (yes/no/[fingerprint])? ", True, False),
        ("Press Enter to go on", True, False),
        ("password changed for ines", False, False),
        ("3 of 4 done", False, False),
    ],
)
def test_a_question_is_told_from_other_output(last: str, waits: bool, secret: bool) -> None:
    assert (asks(["x", last]), asks_for_secret(["x", last])) == (waits, secret)


def test_nothing_printed_asks_nothing() -> None:
    assert not asks(()) and not asks_for_secret(())

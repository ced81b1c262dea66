"""What keys do on the dashboard, and what it repaints."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.segment import Segment
from textual.pilot import Pilot
from textual.strip import Strip

from console.app import ConsoleApp
from console.core.operations import Refused
from screens.delta import changed
from screens.theme import look_for, palette_for
from tests import pictures
from tests.screens.desks import PlayedDesk
from widgets.vocabulary import Ink, Look

Console = tuple[ConsoleApp, Pilot[Any], PlayedDesk]


@asynccontextmanager
async def opened(picture: str = "trouble", *, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Console]:
    desk = PlayedDesk(getattr(pictures, picture)(), pictures.log_lines(60))
    app = ConsoleApp(desk, clock=lambda: pictures.NOW, theme="night", environ={})
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield app, pilot, desk


def shown(app: ConsoleApp) -> str:
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())


async def press(pilot: Pilot[Any], *keys: str) -> str:
    await pilot.press(*keys)
    await pilot.pause()
    return shown(pilot.app)  # type: ignore[arg-type]


async def test_the_desk_is_started_after_the_first_paint_and_once() -> None:
    async with opened() as (_, _, desk):
        assert desk.asked == [("start",)]


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (100, 30), (200, 60)])
async def test_everything_is_in_its_place_at_every_size(size: tuple[int, int]) -> None:
    async with opened(size=size) as (app, _, _):
        text = shown(app)
        for words in ("hak-gal", "PRODUCTION", "BYPASS ON", "1 Rollout", "2 Alerts", "3 Redis", "4 Logs", "q quit"):
            assert words in text
        lines = text.splitlines()
        assert len(lines) == size[1]
        assert all(len(line) <= size[0] for line in lines)


async def test_numbers_focus_panes_and_z_zooms_and_gives_back() -> None:
    async with opened() as (app, pilot, _):
        for key, name in (("1", "1 Rollout"), ("2", "2 Alerts"), ("3", "3 Redis"), ("4", "4 Logs")):
            before = shown(app)
            zoomed = await press(pilot, key, "z")
            assert name in zoomed
            assert sum(title in zoomed for title in ("1 Rollout", "2 Alerts", "3 Redis", "4 Logs")) == 1
            assert "BYPASS ON" in zoomed
            assert len(await press(pilot, "z")) >= len(before) // 2
        assert "Sources" in await press(pilot, "5")
        assert "1 Rollout" in await press(pilot, "escape")


async def test_escape_steps_out_once_at_a_time() -> None:
    async with opened() as (app, pilot, _):
        await press(pilot, "4", "z", "slash", *"reject", "enter", "n")
        assert "in context" in shown(app)
        assert "in context" not in await press(pilot, "escape")
        assert "/reject" in shown(app)
        assert "/reject" not in await press(pilot, "escape")
        assert "1 Rollout" in await press(pilot, "escape")


async def test_the_filter_is_typed_at_the_foot_of_the_logs_and_no_letter_acts() -> None:
    async with opened() as (_, pilot, desk):
        typing = await press(pilot, "slash", *"qRB")
        assert "/qRB" in typing
        assert desk.asked == [("start",)]
        filtered = await press(pilot, "enter")
        assert "/qRB 0 lines" in filtered
        assert "was rotated" in filtered, "what the console itself says of the logs is never filtered away"


async def test_a_bad_filter_says_so_and_can_be_corrected() -> None:
    async with opened() as (_, pilot, _):
        refused = await press(pilot, "slash", "left_square_bracket", "x", "enter")
        assert "/[x is not a regular expression" in refused and refused.count("/[x") == 2
        corrected = await press(pilot, "backspace", "backspace", *"guard", "enter")
        assert "/guard" in corrected and "is not a regular expression" not in corrected
        assert "rate_limit_reject" not in corrected


async def test_scrolling_up_pauses_and_says_how_much_is_new() -> None:
    async with opened() as (app, pilot, desk):
        await press(pilot, "4", "up")
        last = shown(app).splitlines()[-3]
        desk.log(pictures.log_lines(5, first=61))
        await pilot.pause()
        app.screen.tick(pictures.NOW)  # type: ignore[attr-defined]
        await pilot.pause()
        assert "paused · 5 new" in shown(app)
        assert shown(app).splitlines()[-3] == last
        assert "following" in await press(pilot, "f")


async def test_pasted_text_never_acts_as_keys() -> None:
    from textual.events import Paste

    async with opened() as (app, pilot, desk):
        app.screen.post_message(Paste("qB"))
        await pilot.pause()
        assert app.is_running
        assert desk.asked == [("start",)]


async def test_a_key_that_cannot_work_says_why() -> None:
    async with opened() as (_, pilot, _):
        assert "faults can be switched in the sandbox only" in await press(pilot, "x")
        assert "q quit" in await press(pilot, "1")
    async with opened("read_only") as (_, pilot, desk):
        assert "--read-only" in await press(pilot, "R")
        assert "--read-only" in await press(pilot, "B")
        assert desk.asked == [("start",)]


async def test_capital_b_revokes_without_a_question() -> None:
    async with opened() as (_, pilot, desk):
        await press(pilot, "B")
        assert ("revoke",) in desk.asked


async def test_a_refusal_is_said_in_the_footer(monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened() as (_, pilot, desk):

        def refuse() -> None:
            raise Refused("redis 10.0.0.5 did not take it; press B again")

        monkeypatch.setattr(desk, "revoke_bypass", refuse)
        assert "redis 10.0.0.5 did not take it" in await press(pilot, "B")


async def test_quitting_while_something_runs_asks_once() -> None:
    async with opened("rolling_back") as (app, pilot, _):
        assert "the same key again leaves" in await press(pilot, "q")
        assert app.is_running
        await pilot.press("q")
        await pilot.pause()
        assert not app.is_running


async def test_a_burst_of_pictures_shows_only_the_newest() -> None:
    async with opened() as (app, pilot, desk):
        stats = pictures.STATS
        for number in range(200):
            used = 600_000_000 + number * 1_000_000
            desk.play(replace(desk.picture, redis=desk.picture.redis.good(replace(stats, used=used), pictures.NOW)))
        assert app.message_queue_size <= 1, "pictures do not pile up before a screen that is slow to paint"
        await pilot.pause()
        await pilot.pause()
        assert "799 MB" in shown(app)


async def test_what_arrives_while_the_console_ends_is_let_go() -> None:
    async with opened() as (app, _, desk):
        pass
    assert app.seen is None
    desk.play(pictures.healthy())
    app.on_picture_changed()
    app.on_logs_arrived()
    app.say("too late")
    app._tick()


async def test_an_unchanged_picture_repaints_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    from widgets.pane import Strips

    async with opened() as (_, pilot, desk):
        asked: list[str | None] = []
        refresh = Strips.refresh

        def counted(self: Strips, *regions: Any, **options: Any) -> Strips:
            asked.append(self.id)
            return refresh(self, *regions, **options)

        monkeypatch.setattr(Strips, "refresh", counted)
        later = pictures.NOW + timedelta(seconds=2)
        desk.play(replace(desk.picture, taken_at=later, redis=replace(desk.picture.redis, taken_at=later)))
        await pilot.pause()
        await pilot.pause()
        assert asked == []
        desk.play(replace(desk.picture, read_only=True))
        await pilot.pause()
        await pilot.pause()
        assert set(asked) == {"header", "footer"}


async def test_the_dump_holds_what_is_on_the_screen(tmp_path: Path) -> None:
    async with opened() as (_, pilot, _):
        assert "wrote " in await press(pilot, "D")
        [file] = (tmp_path / "state" / "hak-gal").glob("screen-*.txt")
        text = file.read_text()
        assert "1 Rollout" in text
        assert file.stat().st_mode & 0o077 == 0


async def test_copying_takes_the_marked_line_as_it_was_written() -> None:
    async with opened() as (app, pilot, _):
        await press(pilot, "4", "y")
        assert app.clipboard.startswith("2026-03-14T21:04:1")


async def test_a_desk_that_cannot_be_opened_ends_the_console_with_what_it_said() -> None:
    def broken() -> PlayedDesk:
        raise ValueError("system.yaml:3: no such unit")

    app = ConsoleApp(opening=broken, naming=("hak-gal", "production"), theme="night", environ={})
    async with app.run_test(size=(120, 40)) as pilot:
        for _ in range(50):
            await pilot.pause()
            if not app.is_running:
                break
    assert isinstance(app.failure, ValueError)


async def test_before_the_desk_is_open_the_names_are_shown_and_only_quitting_works() -> None:
    import threading

    opening = threading.Event()

    def slowly() -> PlayedDesk:
        opening.wait(10)
        return PlayedDesk(pictures.healthy(), ())

    app = ConsoleApp(opening=slowly, naming=("hak-gal", "staging"), clock=lambda: pictures.NOW, environ={})
    async with app.run_test(size=(120, 40)) as pilot:
        text = await press(pilot, "R")
        assert "hak-gal" in text
        assert "STAGING" in text
        assert "reading…" in text
        assert "the system is still being read" in text
        opening.set()
        for _ in range(100):
            await pilot.pause()
            if "PRODUCTION" in shown(app):
                break
        assert "v2.3.2" in shown(app)


def test_the_palette_suits_the_terminal() -> None:
    assert palette_for({"COLORTERM": "truecolor"}) == "night"
    assert palette_for({"COLORTERM": "truecolor", "SSH_CONNECTION": "a b"}) == "ansi"
    assert palette_for({}) == "ansi"
    assert palette_for({"COLORTERM": "truecolor", "NO_COLOR": ""}) == "plain"
    assert palette_for({"SSH_CONNECTION": "a b"}, "night") == "night"
    with pytest.raises(ValueError, match="night, ansi, plain"):
        palette_for({}, "mauve")
    assert look_for({"LANG": "C.UTF-8"}).ascii is False
    assert look_for({"LC_ALL": "C"}).ascii
    assert look_for({"LANG": "C.UTF-8"}, ascii_only="yes").ascii


_LOOK = Look("ansi")
_SPANS = st.lists(
    st.tuples(st.text(alphabet="ab世é", min_size=1, max_size=4), st.sampled_from([Ink.TEXT, Ink.OK, Ink.BAD])),
    max_size=5,
)


def _strip(spans: list[tuple[str, Ink]], width: int) -> Strip:
    return Strip([Segment(text, _LOOK.style(ink)) for text, ink in spans]).adjust_cell_length(width)


def _cells(strip: Strip) -> list[tuple[str, object]]:
    from rich.cells import cell_len

    cells: list[tuple[str, object]] = []
    for text, style, _ in strip:
        for letter in text:
            cells.append((letter, style))
            cells += [("", style)] * (cell_len(letter) - 1)
    return cells


@settings(max_examples=300)
@given(_SPANS, _SPANS, st.integers(1, 20))
def test_the_difference_written_over_the_old_row_gives_the_new_one(
    old: list[tuple[str, Ink]], new: list[tuple[str, Ink]], width: int
) -> None:
    before, after = _strip(old, width), _strip(new, width)
    write = changed(before, after)
    cells = _cells(before)
    if write is not None:
        begin, strip = write
        cells[begin : begin + strip.cell_length] = _cells(strip)
    assert cells == _cells(after)


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    yield

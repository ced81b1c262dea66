"""The rollout screen: what it shows, and how checklist, sign-offs and looks are vouched for on it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.widgets import Input

from screens.attesting import LookDialog, SignDialog, TickDialog
from screens.rollout import RolloutRoom
from tests import pictures
from tests import rollout_pictures as played
from tests.screens.steered import SMALL, opened
from widgets.rows import plain


@pytest.fixture(autouse=True)
def _hearing_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("screens.dialog.DEAF", 0.01)


async def test_enter_and_o_open_the_whole_rollout_and_escape_leaves_it() -> None:
    async with opened(played.soaking()) as console:
        await console.press("1", "enter")
        assert isinstance(console.app.screen, RolloutRoom)
        await console.press("escape", "r", "o")
        assert isinstance(console.app.screen, RolloutRoom), "o opens it from anywhere"
        await console.press("o")
        assert len(console.app.screen_stack) == 3, "it is not opened over itself"
    async with opened(pictures.healthy()) as console:
        assert "no rollout is under way" in await console.press("o")
        await console.press("1", "enter")
        assert getattr(console.app.screen, "place", "") == "pods"


async def test_the_rollout_screen_begins_at_what_is_asked_and_ticks_it_with_a_note() -> None:
    async with opened(played.waiting(), size=SMALL) as console:
        await console.press("o")
        await console.shows("▸  ○ Support told of the canary")
        await console.dialog("space", TickDialog)
        assert "What was seen (may be left empty):" in console.text
        await console.type("told at nine")
        await console.sent("tick", "2", "True", "told at nine")
        await console.shows("written down: tick")
        await console.press("up")
        await console.dialog("space", TickDialog)
        assert "Why it no longer holds (required):" in console.text
        assert "ticked by ines@bastion 20h ago: sampled 200 lines" in console.text
        assert "'Why it no longer holds' is required" in await console.press("enter")
        assert len(console.asked) == 1
        await console.type("no")
        await console.sent("tick", "1", "False", "no")


async def test_a_tick_from_anywhere_on_the_page_first_goes_to_an_open_item() -> None:
    async with opened(played.waiting(), size=SMALL) as console:
        await console.press("o", "home", "space")
        assert "Space again ticks what is marked" in console.text
        await console.dialog("space", TickDialog)


async def test_a_role_signs_go_or_no_go_and_nothing_else() -> None:
    async with opened(played.waiting(), size=SMALL) as console:
        await console.press("o")
        dialog = await console.dialog("g", SignDialog)
        assert isinstance(dialog, SignDialog) and dialog.roles[dialog.at] == "deployment lead"
        await console.type("maybe", "hm", "hak-gal")
        await console.shows("maybe is neither go nor no-go")
        assert console.asked == []
        dialog.query_one("#decision", Input).value = "no-go"
        await console.press("down", "enter", "enter", "enter")
        await console.sent("sign", "on-call engineer", "no-go", "hm", "hak-gal")


async def test_a_look_is_marked_with_what_was_seen() -> None:
    async with opened(played.breaching()) as console:
        assert "look overdue 12m: o, then k" in console.text
        await console.press("o")
        await console.dialog("k", LookDialog)
        assert "roll back by hand when unknown errors appear in the logs" in console.text
        await console.press(*"all quiet", "enter")
        await console.sent("look", "all quiet")


async def test_tick_sign_and_look_belong_to_the_rollout_screen_only() -> None:
    async with opened(played.waiting()) as console:
        await console.press("space", "g", "k")
        assert console.app.screen is console.app.dashboard and console.asked == []


async def test_every_row_of_the_rollout_screen_is_reached_on_80x24() -> None:
    async with opened(played.breaching(), size=SMALL) as console:
        await console.press("o")
        room = console.app.screen
        assert isinstance(room, RolloutRoom)
        seen: set[str] = set()
        await console.press("home")
        for _page in range(12):
            seen |= {line.strip("▸ ") for line in console.text.splitlines()}
            await console.press("pagedown")
        wanted = {plain(entry.row).strip() for entry in room.entries}
        assert not {words for words in wanted if len(words) < 60} - seen
        for words in ("Attempts of the other phases", "Success is", "Roll back by hand when", "Who"):
            assert words in seen
        assert any("started by ines@bastion" in line for line in seen)


async def test_another_phase_tells_its_history_and_what_the_file_asks_of_it() -> None:
    async with opened(played.soaking()) as console:
        console.desk.plans = (played.plan(),)
        await console.press("o", "tab", "up", "up")
        assert "staging 5%  not the present phase" in console.text
        assert "rolled back: error_rate > 5% for 5m" in console.text
        assert "error rate 7.4 % is not < 0.1 %" in console.text
        await console.press("end", "enter")
        await console.shows("Sticky sessions on the Service")
        assert "error_rate < 0.1%" in console.text
        await console.press("space")
        assert isinstance(console.app.screen, RolloutRoom)
        assert "Space again" in console.text, "only the present phase's items are ticked"


async def test_the_choice_follows_the_rollout_into_its_next_phase() -> None:
    async with opened(played.soaking()) as console:
        await console.press("o")
        console.desk.play(played.planned())
        await console.shows("─── production 5%")
        await console.press("tab", "home")
        console.desk.play(played.soaking())
        await console.pilot.pause()
        assert "─── pre-deployment  not the present phase" in console.text


async def test_a_tick_is_never_written_for_another_item_than_the_one_that_was_read() -> None:
    async with opened(played.waiting(), size=SMALL) as console:
        await console.press("o")
        await console.shows("▸  ○ Support told of the canary")
        await console.dialog("space", TickDialog)
        view = played.VIEW
        others = tuple(replace(item, text=f"Another {place}") for place, item in enumerate(view.checklist))
        console.desk.play(played.with_rollout(replace(view, phase=4, checklist=others)))
        await console.type("told at nine")
        await console.shows("this item is not there any more")
        await console.press("enter", "enter")
        assert console.asked == []


async def test_a_tick_needs_no_note() -> None:
    async with opened(played.waiting(), size=SMALL) as console:
        await console.press("o")
        await console.dialog("space", TickDialog)
        await console.press("enter")
        await console.sent("tick", "2", "True", "")


async def test_a_tick_that_somebody_else_made_meanwhile_is_not_written_over_unasked() -> None:
    async with opened(played.waiting(), size=SMALL) as console:
        await console.press("o")
        await console.dialog("space", TickDialog)
        view = played.waiting().rollout
        assert view is not None
        ticked = replace(view.checklist[2], done=True, by="noor@laptop", at=pictures.NOW, note="rang them")
        console.desk.play(played.with_rollout(replace(view, checklist=(*view.checklist[:2], ticked))))
        await console.shows("ticked by noor@laptop just now: rang them")
        assert "it is ticked already, since this was opened; Enter again" in await console.press("enter")
        assert console.asked == []
        await console.press("enter")
        await console.sent("tick", "2", "True", "")


async def test_what_is_required_says_so_when_it_is_left_empty() -> None:
    async with opened(played.waiting(), size=SMALL) as console:
        await console.press("o")
        await console.dialog("g", SignDialog)
        assert "'go or no-go' is required" in await console.press("enter")
        await console.type("no-go")
        assert "is required" not in console.text
        assert "'Note' is required" in await console.press("enter")
        await console.type("pages are slow")
        assert "hak-gal must be typed first" in await console.press("enter")
        assert console.asked == []


async def test_the_rollout_screen_does_not_offer_to_open_itself() -> None:
    async with opened(played.waiting(), size=SMALL) as console:
        await console.shows("Enter opens")
        await console.press("o")
        assert "1 checklist item; Space ticks, g signs" in " ".join(console.text.split())
        assert "Enter opens" not in console.text


async def test_what_the_file_says_of_a_later_phase_says_that_the_rollout_may_go_by_another() -> None:
    note = "release.rollout.yaml was edited since; the rollout goes on by the plan as it was started"
    for notes in ((note,), ()):
        async with opened(played.with_rollout(replace(played.VIEW, notes=notes))) as console:
            console.desk.plans = (played.plan(),)
            await console.press("o", "tab", "end")
            await console.shows("Sticky sessions on the Service")
            assert console.text.count(note) == len(notes)
            assert ("may not be what this rollout goes by" in console.text) is bool(notes)


async def test_an_ended_rollout_says_nothing_of_a_driver_that_is_missing() -> None:
    ended = played.completed().rollout
    assert ended is not None
    gone = replace(ended, driver=replace(played.DRIVER, who="", alive=False))
    async with opened(played.with_rollout(gone)) as console:
        await console.press("o")
        await console.press("end")
        assert "it has ended; nobody has to drive it" in console.text
        assert "NOBODY DRIVES" not in console.text and "starts a watcher" not in console.text

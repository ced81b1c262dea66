"""Typing ahead: what is typed for a dialog that is not there yet never becomes another action."""

from __future__ import annotations

import pytest
from textual import events

from console.app import ConsoleApp
from screens.base import ConsoleDialog
from screens.dialog import Dialog
from screens.palette import PaletteScreen
from screens.rollback import RollbackDialog
from screens.starting import StartDialog
from screens.steering import AbortDialog, HoldDialog, TakeOverDialog
from tests import rollout_pictures as played
from tests.screens.steered import Opened, opened
from tests.screens.test_rooms import until


def typed_at_once(app: ConsoleApp, text: str) -> None:
    """Every key is in the queue before the first of them is looked at, as after a moment in which nothing ran."""
    for letter in text:
        key = {"-": "minus", "\r": "enter", ":": "colon"}.get(letter, letter)
        app.post_message(events.Key(key, letter))


async def is_open(console: Opened, kind: type[Dialog]) -> None:
    await until(console.pilot, lambda: isinstance(console.app.screen, kind), kind.__name__)
    await console.pilot.pause()
    assert [type(screen) for screen in console.app.screen_stack[1:]] == [kind]


@pytest.mark.parametrize(("key", "kind"), [("R", RollbackDialog), ("A", AbortDialog), ("T", TakeOverDialog)])
async def test_a_name_typed_behind_the_key_opens_nothing_else(key: str, kind: type[Dialog]) -> None:
    async with opened(played.soaking()) as console:
        console.desk.rollback = played.rollback()
        typed_at_once(console.app, f"{key}hak-gal\r")
        await is_open(console, kind)
        assert console.asked == []
        assert all(not field.entry.value for field in console.app.screen.query("Field"))  # type: ignore[attr-defined]


async def test_while_a_dialog_is_being_made_nothing_else_opens_and_the_footer_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with opened(played.soaking()) as console:
        waiting: list[tuple[object, ...]] = []
        monkeypatch.setattr(console.app._opening_place, "_later", lambda *call: waiting.append(call))
        await console.press("T")
        assert "opening Take over the rollout …" in console.text
        await console.press(*"hak-gal", "enter", "A", "o", "1")
        assert console.app.screen is console.app.dashboard and len(waiting) == 1
        assert "opening Take over the rollout …" in console.text, "a key took the words away"
        call, *arguments = waiting[0]
        call(*arguments)  # type: ignore[operator]
        await is_open(console, TakeOverDialog)
        await console.press("escape")
        assert "opening" not in console.text
        monkeypatch.undo()
        await console.press("h")
        assert isinstance(console.app.screen, HoldDialog)


async def test_no_action_is_done_while_a_dialog_is_seen() -> None:
    async with opened(played.none_yet()) as console:
        await console.press("S")
        await is_open(console, StartDialog)
        for action in ("hold", "rollback", "start", "help"):
            console.app.do(action)
        await console.pilot.pause()
        await is_open(console, StartDialog)


async def test_the_palette_still_does_what_is_picked() -> None:
    async with opened(played.soaking()) as console:
        await console.press("colon")
        assert isinstance(console.app.screen, PaletteScreen) and isinstance(console.app.screen, ConsoleDialog)
        await console.press(*"hold", "enter")
        await until(console.pilot, lambda: isinstance(console.app.screen, HoldDialog), "the dialog that was picked")


async def test_what_an_opener_cannot_do_leaves_the_keys_to_work(monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(played.soaking()) as console:
        monkeypatch.setattr("screens.opening.opener", lambda _where: lambda opening: opening.say("it is gone"))
        assert "it is gone" in await console.press("h")
        monkeypatch.undo()
        await console.press("h")
        await is_open(console, HoldDialog)

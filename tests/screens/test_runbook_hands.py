"""What a person writes down in a run: values, skips, evidence, answers, what was found."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual import events

from console.actions.table import actions_of, footer_of
from console.core.runbooks.runs import Mark
from screens.runbook import RunbookRoom
from screens.runbook_dialogs import EvidenceDialog, InputDialog, SkipDialog, VerifyDialog
from screens.runbook_form import FormScreen
from tests.screens.steered import SMALL
from tests.screens.test_rooms import until
from tests.screens.walked import walked


@pytest.fixture(autouse=True)
def _hearing_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("screens.dialog.DEAF", 0.01)


async def test_a_missing_value_opens_the_form_and_no_dialog() -> None:
    async with walked(given=False, begun=True) as console:
        await console.at(5)
        assert "<redis-host>, $REDIS_PASSWORD: no value yet, v fills it in" in " ".join(console.text.split())
        await console.dialog("enter", FormScreen)
        assert "2 values missing" in console.text


async def test_the_form_keeps_what_is_right_and_says_beside_it_what_is_wrong() -> None:
    from tests.screens.played_runbooks import PLACEHOLDERS

    async with walked(size=SMALL, given=False, begun=True) as console:
        console.played.placeholders = PLACEHOLDERS
        await console.dialog("v", FormScreen)
        await console.shows("<redis-host>")
        assert "needed   steps 1, 5: redis-cli" in console.text and "redis-0  redis-1" in console.text
        await console.press("tab", "tab", "enter")
        await console.asks("fill", {"redis_host": "redis-1"})
        assert 'needed   step 5: redis-cli -h replica-1 -a "$REDIS_PASSWORD"' in console.text
        await console.press(*"hunter2", "enter")
        await console.shows("********")
        assert "hunter2" not in console.text
        await console.press(*"many", "enter")
        await console.shows("! 'many' is not a number")
        assert "many" in console.text and "redis-1" in console.text, "nothing that was typed is lost"
        await console.press("backspace", "backspace", "backspace", "backspace", "3", "enter")
        await until(console.pilot, lambda: isinstance(console.app.screen, RunbookRoom), "the runbook again")
        assert console.played.values == {"redis_host": "redis-1", "REDIS_PASSWORD": "hunter2", "attempts": "3"}


async def test_escape_in_the_form_warns_once_of_what_was_not_taken() -> None:
    async with walked(given=False, begun=True) as console:
        await console.dialog("v", FormScreen)
        await console.press(*"red", "escape")
        assert "was not taken yet" in console.text
        await console.press("escape")
        assert console.room.walk.run is not None and ("fill", {"redis_host": "red"}) not in console.wanted


async def test_what_is_pasted_into_the_form_is_one_line_and_no_keys() -> None:
    async with walked(given=False, begun=True) as console:
        await console.dialog("v", FormScreen)
        console.app.post_message(events.Paste("redis-9\rq"))
        await console.shows("redis-9")
        await console.press("enter")
        await console.asks("fill", {"redis_host": "redis-9"})


async def test_a_form_of_many_questions_scrolls_on_24_rows() -> None:
    from tests.screens.played_runbooks import PLACEHOLDERS

    async with walked(size=SMALL, given=False, begun=True) as console:
        many = tuple(replace(PLACEHOLDERS[0], name=f"host_{at}", written=f"<host-{at:02}>") for at in range(40))
        console.played.placeholders = many
        await console.dialog("v", FormScreen)
        await console.shows("more below")
        await console.press(*["pagedown"] * 5)
        await console.shows("<host-39>")
        assert console.app.screen.query_one("#dialog").region.bottom <= 24


async def test_a_skip_asks_for_its_reason_and_shows_it() -> None:
    async with walked(begun=True) as console:
        await console.at(3)
        await console.dialog("s", SkipDialog)
        assert "'Reason' is required" in await console.press("enter")
        await console.type("nobody is on call")
        await console.asks("skip", 3, "nobody is on call")
        await console.shows("skipped: nobody")


async def test_evidence_and_notes_are_kept_to_the_step() -> None:
    async with walked(begun=True) as console:
        await console.at(2)
        await console.dialog("e", EvidenceDialog)
        await console.type("/tmp/pods.txt")
        await console.asks("evidence", 2, "/tmp/pods.txt")
        await console.dialog("e", EvidenceDialog)
        await console.press("down")
        await console.type("looked twice")
        await console.asks("note", 2, "looked twice")
        await console.shows("looked twice (ines@bastion, just now)")


async def test_the_running_step_is_answered_and_a_password_is_not_shown() -> None:
    async with walked(begun=True) as console:
        await console.reads(2)
        console.played.say(2, "Continue? [y/N] ")
        await console.shows("i answers it")
        dialog = await console.dialog("i", InputDialog)
        assert "Continue? [y/N]" in console.text
        assert not dialog._fields[0].entry.password
        await console.type("y")
        await console.asks("send", "y")
        console.played.say(2, "[sudo] password for ines:")
        await console.shows("[sudo] password")
        dialog = await console.dialog("i", InputDialog)
        assert dialog._fields[0].entry.password
        dialog._fields[0].entry.insert_text_at_cursor("hunter2 ")
        await console.pilot.pause()
        assert "hunter2" not in console.text
        await console.press("enter")
        await console.asks("send", "hunter2 ")


async def test_a_step_of_which_nobody_knows_how_it_ended_is_verified_with_a_note() -> None:
    async with walked(begun=True) as console:
        await console.reads(2)
        old = console.played.all_runs[console.run].step(2)
        attempt = replace(old.attempts[-1], mark=Mark.UNKNOWN, how="nobody saw its end; verify what it left behind")
        console.played.put(console.run, replace(old, mark=Mark.UNKNOWN, attempts=(attempt,)))
        console.walk.renew()
        await console.shows("unknown, verify")
        assert "V says whether it worked" in console.text
        assert console.text.splitlines()[-1].startswith(" V verify ")
        await console.dialog("V", VerifyDialog)
        await console.type("the pods are gone")
        assert "nothing was written: up and down choose whether it worked" in console.text
        assert not any(asked[0] == "verify" for asked in console.wanted)
        await console.press("down", "enter")
        await console.asks("verify", 2, False, "the pods are gone")
        await console.shows("verified: failed")
        assert "nobody saw its end; verified by ines@bastion: it did not work" in console.text
        assert "is not known" not in console.text and "V says" not in console.text
        await console.at(7)
        assert "V verify" not in console.text
        await console.press("V")
        await console.shows("V is for a step marked unknown")


async def test_that_a_step_worked_is_written_when_it_is_chosen() -> None:
    async with walked(size=SMALL, begun=True) as console:
        await console.reads(2)
        old = console.played.all_runs[console.run].step(2)
        attempt = replace(old.attempts[-1], mark=Mark.UNKNOWN, how="nobody saw its end")
        console.played.put(console.run, replace(old, mark=Mark.UNKNOWN, attempts=(attempt,)))
        console.walk.renew()
        await console.shows(" V verify ")
        await console.dialog("V", VerifyDialog)
        await console.press("down", "down")
        await console.type("the pods are there")
        await console.asks("verify", 2, True, "the pods are there")
        await console.shows("verified: ran")


@pytest.mark.parametrize(("key", "kind"), [("s", SkipDialog), ("e", EvidenceDialog)])
async def test_letters_typed_before_a_dialog_listens_are_kept_and_enter_waits(
    key: str, kind: type[SkipDialog | EvidenceDialog], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("screens.dialog.DEAF", 60)
    async with walked(begun=True) as console:
        await console.at(2)
        await console.press(key)
        dialog = console.app.screen
        assert isinstance(dialog, kind) and not dialog.listens
        await console.press(*"early", "enter")
        assert dialog._fields[0].entry.value == "early" and console.app.screen is dialog
        assert console.wanted == [("begin", "redis-down.md")]
        dialog._listen()
        await console.press("enter")
        await console.asks({"s": "skip", "e": "evidence"}[key], 2, "early")


async def test_letters_typed_before_the_form_listens_are_kept_and_enter_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("screens.dialog.DEAF", 60)
    async with walked(given=False, begun=True) as console:
        await console.press("v")
        form = console.app.screen
        assert isinstance(form, FormScreen)
        await console.press(*"redis", "enter")
        await until(console.pilot, lambda: form.question is not None, "the questions")
        await console.press("minus", "9", "enter")
        assert form.prompt.text == "redis-9" and ("fill", {"redis_host": "redis-9"}) not in console.wanted
        form._listen()
        await console.press("enter")
        await console.asks("fill", {"redis_host": "redis-9"})


async def test_what_is_refused_stays_readable_beside_the_step() -> None:
    async with walked(size=SMALL, begun=True) as console:
        await console.at(3)
        console.played.refusing = "the journal of this system is read by another version; " + "update this one, " * 6
        await console.press("t")
        await console.shows("! the journal of this system")
        await console.press("tab")
        assert "! the journal of this system" in console.text, "a key does not take it away"
        assert "update this one" in console.text


async def test_one_thing_that_changes_is_asked_at_a_time() -> None:
    async with walked(begun=True) as console:
        await console.at(3)
        console.played.thinking.clear()
        await console.press("t", "t")
        await console.shows("one moment: ticking step 3")
        console.played.thinking.set()
        await console.asks("tick", 3, "")
        assert console.wanted.count(("tick", 3, "")) == 1


def test_the_runbooks_keys_mean_one_thing_and_the_most_important_are_in_the_footer() -> None:
    keys = [action.key for action in actions_of("runbook")]
    moves = {"up", "down", "pageup", "pagedown", "home", "end", "tab", "shift+tab"}
    assert len(keys) == len(set(keys)) and not moves & set(keys)
    assert [action.id for action in footer_of("runbook")][:3] == ["run-step", "tick-step", "skip-step"]

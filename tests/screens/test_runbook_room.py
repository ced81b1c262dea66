"""The runbook screen by keys, over runbooks that are played: what runs when, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from textual import events

from console.core.runbooks.danger import Danger, Level
from console.core.runbooks.document import Options
from console.core.runbooks.runs import Mark
from console.core.states import Outcome
from screens.runbook_dialogs import SkipDialog
from screens.runbook_form import FormScreen
from screens.runbook_run import RunDialog
from tests import pictures
from tests.screens.played_runbooks import PATH, runbook
from tests.screens.steered import LARGE, SMALL
from tests.screens.test_rooms import until
from tests.screens.walked import walked


@pytest.fixture(autouse=True)
def _hearing_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("screens.dialog.DEAF", 0.01)


async def test_a_runbook_is_a_document_until_something_is_done_in_it() -> None:
    async with walked() as console:
        for words in ("Redis down", "no run yet; the first Enter, t or s begins one", "Sessions are lost when Redis"):
            assert words in console.text, words
        await console.press("down", "down", "down", "tab", "tab", "tab", "z", "z", "y")
        assert console.wanted == [] and not console.played.all_runs
        await console.at(3)
        await console.press("t")
        await console.asks("tick", 3, "")
        assert console.wanted[0] == ("begin", "redis-down.md")
        await console.shows("run 20260314-2104-redis-down-aaaa began")
        await console.shows("✓ 3 Tell #oncall")
        assert console.room.walk.at == 4, "the cursor goes on with the run"


async def test_enter_on_a_step_that_only_reads_runs_it_at_once() -> None:
    async with walked(begun=True) as console:
        await console.at(2)
        assert " READS " in console.text
        await console.press("enter")
        await console.asks("start", 2, "")
        console.played.say(2, "NAME  READY", "redis-0 \x1b[31m0/1\x1b[0m\x1b[2J")
        await console.shows("redis-0 0/1")
        assert "Output of step 2  running" in console.text
        console.played.end_step(console.run, 2)
        await console.shows("ran 0 in 2s")
        assert "✓ exit 0 in 2s" in console.text
        assert console.room.walk.at == 3 and "redis-0 0/1" in console.text, "what it printed stays in sight"


async def test_what_is_run_at_once_is_what_was_shown() -> None:
    async with walked(begun=True) as console:
        await console.at(2)
        console.played.suffix[2] = " --all-namespaces"
        await console.press("enter")
        await console.shows("this is what would run; Enter runs it")
        assert "--all-namespaces" in console.text and console.wanted == [("begin", "redis-down.md")]
        await console.press("enter")
        await console.asks("start", 2, "")


async def test_enter_before_a_run_shows_what_would_run_before_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_arguments: object) -> None:
        raise ImportError("it cannot be judged before a run")

    monkeypatch.setattr("screens.runbook_walk.foreseen", unknown)
    async with walked() as console:
        console.room.go(2)
        await console.shows("it cannot be judged before a run")
        await console.press("enter")
        await console.shows("this is what would run; Enter runs it")
        assert console.wanted == [("begin", "redis-down.md")]
        await console.press("enter")
        await console.asks("start", 2, "")


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])
async def test_a_step_that_changes_something_asks_for_its_target_and_shows_everything(size: tuple[int, int]) -> None:
    async with walked(size=size, begun=True) as console:
        await console.at(4)
        await console.dialog("enter", RunDialog)
        for words in (
            "CHANGES",
            "restarts every pod of a workload",
            "kubectl rollout restart statefulset/redis -n hak-gal",
            "namespace hak-gal, statefulset redis",
            "kubectl rollout status statefulset/redis",
            "Type redis and press Enter:",
        ):
            assert words in console.text, words
        await console.press("enter")
        assert "redis must be typed first" in console.text
        await console.type("radis")
        assert "'radis' is not 'redis'" in console.text
        assert console.wanted == [("begin", "redis-down.md")]
        console.app.screen.query_one("#target").value = ""  # type: ignore[attr-defined]
        await console.type("redis")
        await console.asks("start", 4, "redis")
        assert console.room.walk.mark(4) is Mark.RUNNING


async def test_a_command_that_changed_while_it_was_read_is_shown_anew_and_not_run() -> None:
    async with walked(begun=True) as console:
        await console.at(4)
        await console.dialog("enter", RunDialog)
        console.played.suffix[4] = " --grace-period=0"
        await console.type("redis")
        await console.shows("the command is another one since this was opened")
        assert "--grace-period=0" in console.text and console.wanted == [("begin", "redis-down.md")]
        await console.type("redis")
        await console.asks("start", 4, "redis")


@pytest.mark.parametrize("level", [Level.CHANGES, Level.DESTROYS, Level.UNKNOWN])
async def test_every_level_but_reads_asks_in_word_and_colour(level: Level) -> None:
    async with walked(size=SMALL, begun=True) as console:
        console.played.dangers[7] = Danger(level, "why", target="api")
        await console.at(7)
        await console.dialog("enter", RunDialog)
        assert f" {level.value.upper()}" in console.text
        assert ("taken as DESTROYS" in console.text) == (level is Level.UNKNOWN)
        await console.press("escape")
        assert console.wanted == [("begin", "redis-down.md")]


async def test_all_of_a_long_command_is_seen_by_page_keys() -> None:
    async with walked(size=SMALL, begun=True) as console:
        many = [f"echo step {number:03} {'x' * 90}" for number in range(40)]
        console.played.suffix[4] = "\n" + "\n".join(many)
        await console.at(4)
        dialog = await console.dialog("enter", RunDialog)
        seen = ""
        for _page in range(40):
            seen += console.text
            await console.press("pagedown")
        assert all(f"echo step {number:03}" in seen for number in range(40))
        assert "rows 1 to" in seen and dialog.query_one("#target").region.bottom < 24


async def test_x_stops_what_runs_and_in_the_background_what_is_at_the_cursor() -> None:
    async with walked(begun=True) as console:
        await console.press("x")
        await console.shows("nothing runs here")
        await console.reads(2)
        await console.press("x")
        await console.asks("stop", None)
        old = console.played.all_runs[console.run].step(2)
        console.played.put(console.run, replace(old, mark=Mark.BACKGROUND))
        console.walk.renew()
        await console.shows("in background")
        console.room.go(2)
        await console.press("x")
        await console.asks("stop", 2)


async def test_nothing_else_is_started_while_a_step_runs() -> None:
    async with walked(begun=True) as console:
        await console.reads(2)
        await console.at(7)
        await console.press("enter")
        await console.shows("step 2 still runs; x stops it, i answers it")
        await console.press("A")
        await console.shows("step 2 still runs; x stops it")


async def test_what_is_said_gives_the_keys_back_after_a_while_and_when_the_step_is_over() -> None:
    async with walked(begun=True) as console:
        keys = console.text.splitlines()[-1]
        await console.reads(2)
        await console.at(7)
        await console.press("enter")
        await console.shows("step 2 still runs")
        for _second in range(6):
            console.room.ticked(pictures.NOW)
        await console.pilot.pause()
        assert "still runs" not in console.text and " Enter run " in console.text.splitlines()[-1]
        await console.press("x")
        await console.shows("stopping: INT, then TERM, then KILL")
        console.played.end_step(console.run, 2, 130)
        await console.shows("failed 130")
        await console.idle()
        assert console.text.splitlines()[-1] == keys


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])
async def test_at_the_end_it_says_what_to_do_and_before_it_how_many_failed(size: tuple[int, int]) -> None:
    async with walked(size=size, begun=True) as console:
        for step in console.played.all_runs[console.run].steps:
            console.played.put(console.run, replace(step, mark=Mark.FAILED if step.number in (1, 2) else Mark.TICKED))
        console.walk.renew()
        await console.shows("2 failed")
        assert "4 of 6 done" in console.text and "E ends the run" not in console.text
        for step in console.played.all_runs[console.run].steps[:2]:
            console.played.put(console.run, replace(step, mark=Mark.SKIPPED, reason="no need"))
        console.walk.renew()
        await console.shows("every step is settled: E ends the run, w writes it down")
        assert "6 of 6 done" in console.text and "failed" not in console.text
        console.played.end(console.run, "it is back")
        console.walk.renew()
        await console.shows(" ENDED ")
        assert "every step is settled" not in console.text


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])
async def test_whether_alerts_fire_is_seen_while_one_walks_through(size: tuple[int, int]) -> None:
    async with walked(size=size, begun=True) as console:
        await console.shows("no alert fires")
        fires = pictures.trouble().alerts
        console.desk.play(replace(console.desk.picture, alerts=fires))
        await console.shows(f"{len(fires.firing)} alert")
        assert fires.firing[0].title[:20] in console.text and "no alert fires" not in console.text


async def test_a_failed_step_says_what_to_press_and_how_its_output_differs() -> None:
    async with walked(begun=True) as console:
        await console.reads(2)
        console.played.end_step(console.run, 2, 1, expected=("-3 of 3 ready", "+2 of 3 ready"))
        await console.shows("failed 1 in 2s")
        for words in ("Enter runs it again, s skips it, t ticks it as done by hand", "-3 of 3 ready", "+2 of 3 ready"):
            assert words in console.text, words
        assert console.room.walk.at == 2, "the cursor stays at what failed"


async def test_keys_are_told_below_the_output_of_the_step_at_the_cursor_alone() -> None:
    async with walked(begun=True) as console:
        await console.reads(2)
        console.played.end_step(console.run, 2, 1)
        await console.shows("Enter runs it again")
        await console.at(3)
        assert "Output of step 2" in console.text and "exit 1 in 2s" in console.text
        assert "Enter runs it again" not in console.text
        await console.at(2)
        await console.shows("Enter runs it again")
        await console.press("t")
        await console.asks("tick", 2, "")
        await console.at(2)
        assert "Output of step 2" in console.text and "Enter runs it again" not in console.text


async def test_run_all_goes_from_the_cursor_until_something_asks_and_says_why_it_stopped() -> None:
    async with walked(begun=True) as console:
        await console.at(2)
        await console.press("A")
        await console.asks("run_all")
        operation = next(each for each in console.desk.picture.operations if each.action == "run-all")
        console.played.show(replace(operation, outcome=Outcome.DONE, summary="1 step ran; stopped before step 3"))
        await console.shows("1 step ran; stopped before step 3")


async def test_what_is_only_shown_and_what_is_ticked_is_not_run() -> None:
    async with walked(begun=True) as console:
        for step, said in ((3, "t ticks it; s skips it"), (6, "shown, never run: json is not a shell")):
            await console.at(step)
            await console.press("enter")
            await console.shows(said)
        assert console.wanted == [("begin", "redis-down.md")]


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])
async def test_all_of_a_checklist_item_is_read_before_it_is_ticked(size: tuple[int, int]) -> None:
    book = runbook()
    told = "Tell everyone on call that sessions may be lost while Redis is moved, and wait until\nsomebody answers yes"
    check = replace(book.step(3), title="Tell everyone on call that sess…", written=told, text="")
    async with walked(size=size, begun=True) as console:
        console.played.documents[PATH] = replace(book, steps=(*book.steps[:2], check, *book.steps[3:]))
        console.room.go_on(console.run)
        await until(console.pilot, lambda: console.walk.document.step(3).written == told, "the runbook")
        await console.at(3)
        box = console.room.page
        words = " ".join(span[0] for line in box.lines for span in line.spans)
        assert "[ ]" in words and " ".join(told.split()) in words
        await console.shows("answers yes")
        dialog = await console.dialog("s", SkipDialog)
        assert isinstance(dialog, SkipDialog)
        asked = dialog.said_rows(console.desk.picture, pictures.NOW)
        assert " ".join(told.split()) in " ".join(" ".join(text for each in asked for text, _ink in each).split())
        await console.press("escape")
        await console.press("t")
        await console.asks("tick", 3, "")
        await console.at(3)
        await console.shows("[x] Tell everyone on call")


async def test_leaving_says_that_the_step_goes_on() -> None:
    async with walked(begun=True) as console:
        await console.reads(2)
        await console.press("escape")
        await console.shows("step 2 goes on; open the runbook again to see it")
        assert not any(asked[0] == "stop" for asked in console.wanted)


async def test_a_step_that_runs_elsewhere_shows_what_its_transcript_has() -> None:
    async with walked(begun=True) as console:
        await console.reads(2)
        console.desk.play(replace(console.desk.picture, operations=()))
        console.played.transcripts[2] = ("from the transcript",)
        await console.shows("from the transcript")
        console.played.transcripts[2] = ("from the transcript", "and more")
        for _second in range(4):
            console.room.ticked(pictures.NOW)
        await console.shows("and more")


async def test_what_a_step_prints_in_the_background_is_read_on_while_it_is_shown() -> None:
    book = runbook()
    serves = replace(book.step(2), options=Options(background=True))
    async with walked(begun=True) as console:
        console.played.documents[PATH] = replace(book, steps=(book.step(1), serves, *book.steps[2:]))
        console.room.go_on(console.run)
        await until(console.pilot, lambda: console.walk.document.step(2).options.background, "the runbook")
        await console.reads(2)
        console.played.say(2, "it listens")
        await console.shows("it listens")
        console.played.end_step(console.run, 2)
        old = console.played.all_runs[console.run].step(2)
        attempt = replace(old.attempts[-1], mark=Mark.BACKGROUND, exit_code=None, ended=None)
        console.played.put(console.run, replace(old, mark=Mark.BACKGROUND, attempts=(attempt,)))
        console.played.transcripts[2] = ("it listens", "a request")
        for words in ("a request", "another request"):
            console.played.transcripts[2] = (*console.played.transcripts[2], words)
            for _second in range(4):
                console.room.ticked(pictures.NOW)
            await console.shows(words)


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])
async def test_every_part_is_reached_by_tab_and_has_the_whole_screen_by_z(size: tuple[int, int]) -> None:
    async with walked(size=size, begun=True) as console:
        await console.reads(2)
        console.played.say(2, *(f"line {number}" for number in range(60)))
        await console.shows("line 59")
        room = console.room
        for part in (room.steps, room.page, room.output):
            assert part.has_focus
            await console.press("z")
            assert [each for each in room.parts if each.display and each.size.height] == [part]
            assert part.size.width == size[0] and part.size.height >= size[1] - 4
            await console.press("escape", "tab")
            assert len([each for each in room.parts if each.region.height]) == 3
            assert console.app.screen is room


async def test_every_key_of_the_footer_works_from_every_part() -> None:
    async with walked(begun=True) as console:
        for _part in range(3):
            await console.dialog("s", SkipDialog)
            await console.press("escape")
            await console.dialog("v", FormScreen)
            await console.press("escape", "tab")


async def test_read_only_runs_and_writes_nothing() -> None:
    async with walked() as console:
        console.desk.play(replace(console.desk.picture, read_only=True))
        for key in ("enter", "t", "s", "v", "e", "A", "i", "V", "E"):
            await console.press(key)
            await console.shows("--read-only")
        assert console.wanted == []


async def test_keys_typed_ahead_for_a_dialog_start_nothing() -> None:
    async with walked(begun=True) as console:
        await console.at(4)
        for key in ("enter", "s", "r", "e", "d", "i", "s", "enter", "t", "x"):
            console.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await until(console.pilot, lambda: len(console.app.screen_stack) > 2, "a dialog")
        await console.pilot.pause(0.1)
        assert console.wanted == [("begin", "redis-down.md")]


async def test_a_terminal_that_cannot_be_given_away_says_what_to_do() -> None:
    book = runbook()
    interactive = replace(book.step(7), options=Options(interactive=True))
    async with walked(begun=True) as console:
        console.played.documents[PATH] = replace(book, steps=(*book.steps[:6], interactive))
        console.room.go_on(console.run)
        await until(console.pilot, lambda: console.walk.document.step(7).options.interactive, "the runbook")
        await console.at(7)
        assert "needs the terminal itself" in console.text
        await console.dialog("enter", RunDialog)
        assert "on this terminal itself" in console.text and "Enter runs it; Esc leaves" in console.text
        await console.press("enter")
        await console.shows("cannot be given away")
        assert not any(asked[0] == "interact" for asked in console.wanted)


async def test_a_run_in_which_nothing_was_started_yet_is_read_anew_by_the_clock() -> None:
    async with walked(begun=True) as console:
        before = console.played.reads
        for _second in range(4):
            console.room.ticked(pictures.NOW)
        await console.idle()
        assert console.played.reads == before + 1 and "nothing has run yet" in console.text


async def test_an_idle_second_repaints_nothing_of_a_run_but_its_ages(monkeypatch: pytest.MonkeyPatch) -> None:
    async with walked(begun=True) as console:
        await console.reads(2)
        console.played.end_step(console.run, 2)
        await console.shows("exit 0")
        await console.idle()
        painted: list[object] = []
        for part in console.room.parts:
            monkeypatch.setattr(part, "refresh", lambda *regions, **_options: painted.append(regions))
        for _second in range(6):
            console.room.ticked(pictures.NOW + timedelta(seconds=1))
            await console.idle()
        assert painted == []

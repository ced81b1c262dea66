"""Steering a rollout by keys: every key, every dialog, what is asked of the desk, and what is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from textual.widgets import Input

from console.actions.table import ACTIONS, actions_of
from console.app import ConsoleApp
from console.core.plans import RollbackPlan
from console.core.rollouts.state import RolloutState
from screens.asking import choices
from screens.leftovers import left_behind
from screens.promoting import PromoteDialog
from screens.rollback import RollbackDialog
from screens.rollout import RolloutRoom
from screens.starting import StartDialog
from screens.steering import AbortDialog, HoldDialog, ResumeDialog, RetryDialog, TakeOverDialog
from tests import pictures
from tests import rollout_pictures as played
from tests.screens.desks import PlayedDesk
from tests.screens.steered import SMALL, Opened, opened
from tests.screens.test_rooms import until
from widgets.rows import plain


@pytest.fixture(autouse=True)
def _hearing_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("screens.dialog.DEAF", 0.01)


def test_no_two_actions_of_a_screen_have_one_key() -> None:
    moves = {
        "dashboard": {"up", "down", "j", "k", "g", "G", "home", "end", "tab", "pageup", "pagedown", "left", "right"}
    }
    for screen in ("dashboard", "rollout", "pods", "runbooks", "runbook", "faults"):
        keys = [action.key for action in actions_of(screen)]
        assert len(keys) == len(set(keys)), screen
        assert not moves.get(screen, set()) & set(keys)


def test_every_action_that_changes_something_is_refused_in_read_only() -> None:
    for picture in (played.soaking(), played.waiting(), played.undriven(), played.none_yet(), played.rolled_back()):
        readonly = replace(picture, read_only=True)
        for action in ACTIONS:
            if action.danger.value != "reads only":
                assert "--read-only" in (action.disabled_reason(readonly) or ""), action.id


async def test_an_override_needs_a_reason_and_the_target_and_is_loud() -> None:
    async with opened(played.soaking(), size=SMALL) as console:
        await console.dialog("p", PromoteDialog)
        assert "OVERRIDE" in console.text and "NOT READY" in console.text
        assert "! the soak: 41h12m of 72h were observed good" in console.text
        assert "! not ticked: Support told of the canary" in console.text
        await console.press("enter", *"hurry", "enter", "enter")
        assert console.asked == [], "Enter on an empty entry did something"
        await console.type("hak-gal")
        await console.sent("promote", "hak-gal", "hurry")
        await console.shows("written down: promote")
        assert isinstance(await console.press("enter") and console.app.screen, PromoteDialog)
        assert len(console.asked) == 1
        await console.press("escape")
        assert console.app.screen is console.app.dashboard


async def test_a_promotion_of_what_is_ready_asks_for_the_target_alone() -> None:
    async with opened(played.ready()) as console:
        dialog = await console.dialog("p", PromoteDialog)
        assert "OVERRIDE" not in console.text
        assert "production 5% in production, asks for 5%, soaks 48h" in console.text
        assert not dialog.query("#reason")
        await console.type("hak-gal")
        await console.sent("promote", "hak-gal", "")


async def test_what_is_no_longer_ready_says_so_under_the_dialog() -> None:
    async with opened(played.ready()) as console:
        await console.dialog("p", PromoteDialog)
        console.desk.play(played.soaking())
        await console.shows("not any more: 30h48m of the soak are to go")
        console.desk.play(played.completed())
        await console.shows("the rollout has ended meanwhile")


async def test_a_promotion_that_nothing_allows_says_why_in_the_footer() -> None:
    async with opened(played.rolled_back()) as console:
        assert "it was rolled back; t tries again" in await console.press("p")
        assert console.asked == []


async def test_a_refusal_is_said_in_the_dialog_and_can_be_mended() -> None:
    async with opened(played.ready(), size=SMALL) as console:
        dialog = await console.dialog("p", PromoteDialog)
        console.desk.refusing = "hakgal is not hak-gal; nothing was done"
        await console.type("hakgal")
        await console.shows("hakgal is not hak-gal; nothing was done")
        assert dialog.query_one("#target", Input).has_focus
        console.desk.refusing = ""
        dialog.query_one("#target", Input).value = "hak-gal"
        await console.press("enter")
        await console.sent("promote", "hak-gal", "")


async def test_keys_of_the_first_half_second_start_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("screens.dialog.DEAF", 30)
    async with opened(played.soaking()) as console:
        await console.press("A", *"why", "enter", *"hak-gal", "enter")
        assert isinstance(console.app.screen, AbortDialog) and not console.app.screen.listens
        assert console.app.screen.value("reason") == "" and console.asked == []


async def test_h_holds_with_a_reason_and_tells_the_answer_in_the_footer() -> None:
    async with opened(played.soaking()) as console:
        await console.dialog("h", HoldDialog)
        assert "rollback criteria stay armed" in console.text
        await console.type("customer call")
        await console.sent("hold", "customer call")
        await console.shows("written down: hold")
        assert console.app.screen is console.app.dashboard


async def test_h_resumes_what_is_held_after_the_target_was_typed() -> None:
    async with opened(played.held()) as console:
        assert "h resume" in console.text
        dialog = await console.dialog("h", ResumeDialog)
        await console.type("hack-gal")
        await console.shows("that is not hak-gal; nothing was done")
        assert console.asked == []
        dialog.query_one("#target", Input).value = "hak-gal"
        await console.press("enter")
        await console.sent("resume")


async def test_an_abort_asks_for_reason_and_target_and_says_what_ends() -> None:
    async with opened(played.soaking(), size=SMALL) as console:
        await console.dialog("A", AbortDialog)
        assert "nothing rolls back by itself any more" in console.text
        await console.type("wrong build", "hak-gal")
        await console.sent("abort", "hak-gal", "wrong build")


async def test_a_retry_picks_among_the_phases_that_were_reached() -> None:
    async with opened(played.rolled_back()) as console:
        dialog = await console.dialog("t", RetryDialog)
        assert isinstance(dialog, RetryDialog)
        assert dialog.phases == ("pre", "staging-canary", "staging-half", "production-canary")
        await console.press("up", "up", "up", "up", "down")
        assert "begins staging 5% anew: asks for 5% or 1 pod in staging" in console.text
        await console.type("hak-gal")
        await console.sent("retry", "staging-canary", "hak-gal")


async def test_a_take_over_names_who_loses_the_lease() -> None:
    async with opened(played.soaking()) as console:
        await console.dialog("T", TakeOverDialog)
        assert "watcher on bastion (pid 4711), last seen just now; epoch 3" in console.text
        await console.type("hak-gal")
        await console.sent("take_over", "hak-gal")


async def test_w_starts_a_watcher_only_where_nobody_drives() -> None:
    async with opened(played.soaking()) as console:
        assert "watcher on bastion (pid 4711) drives it; T takes over" in await console.press("w")
        assert console.asked == []
    async with opened(played.undriven(), size=SMALL) as console:
        assert "NOBODY DRIVES for 14m" in console.text and "w start a watcher" in console.text
        await console.press("w")
        await console.sent("start_watcher")
        await console.shows("written down: start_watcher")


async def test_a_watcher_that_does_not_start_says_why() -> None:
    async with opened(played.undriven()) as console:
        console.desk.refusing = "the watcher ended at once: the state folder is full"
        await console.press("w")
        await console.shows("the watcher ended at once: the state folder is full")


async def test_a_start_tells_what_the_plan_does_before_it_takes_the_target() -> None:
    async with opened(played.none_yet(), size=SMALL) as console:
        assert "no rollout under way; S starts one of: hotfix, release" in console.text
        await console.dialog("S", StartDialog)
        await console.shows("phase 1 of hotfix asks for 5%")
        await console.press("down")
        await console.shows("phase 2 of release asks for 50%")
        await console.type("hak-gal")
        await console.sent("start_rollout", "release", "hak-gal")


async def test_a_plan_that_cannot_be_foreseen_cannot_be_started() -> None:
    async with opened(played.none_yet()) as console:
        console.desk.refusing = "release.rollout.yaml:12: `soak: 48` needs a unit, such as 48h"
        await console.dialog("S", StartDialog)
        await console.shows("needs a unit, such as 48h")
        console.desk.refusing = ""
        await console.type("hak-gal")
        assert console.asked == []


async def test_a_start_is_not_offered_while_a_rollout_is_under_way() -> None:
    async with opened(played.soaking()) as console:
        assert "release of v2.3.3 is under way" in await console.press("S")
        assert console.app.screen is console.app.dashboard
    async with opened(played.completed()) as console:
        await console.dialog("S", StartDialog)


async def test_what_is_asked_is_done_although_the_dialog_is_left() -> None:
    async with opened(played.soaking()) as console:
        console.desk.thinking.clear()
        await console.dialog("A", AbortDialog)
        await console.type("wrong", "hak-gal")
        assert "Esc leaves; it is done all the same" in console.text
        await console.press("escape")
        assert "the same key again leaves, though this still runs: asking for the end" in await console.press("q")
        console.desk.thinking.set()
        await console.sent("abort", "hak-gal", "wrong")
        await console.shows("written down: abort")


async def test_a_rollback_of_a_rollout_names_all_of_it_and_is_planned_again_when_it_moves_on() -> None:
    plans = [played.rollback()]
    planned: list[str] = []

    class Planning(PlayedDesk):
        def plan_rollback(self, revision: int | None = None, workload: str | None = None) -> RollbackPlan:
            planned.append(plans[-1].rollout)
            return plans[-1]

    desk = Planning(played.soaking())
    app = ConsoleApp(desk, clock=lambda: pictures.NOW, theme="night", environ={})
    async with app.run_test(size=SMALL) as pilot:
        console = Opened(app, pilot, desk)
        await console.dialog("R", RollbackDialog)
        for words in (
            "release of v2.3.3, phase 4 of 8",
            "hak-gal-canary 1 → 0",
            "bounds back to 3–12",
            "1 of 10 pods, ready, since 41h12m",
        ):
            assert words in console.text
        assert "revision 2," not in console.text and "the two templates are equal" not in console.text
        for gone in (played.soaking(), played.soaking()):
            desk.play(replace(gone, taken_at=pictures.NOW + timedelta(seconds=2)))
            await pilot.pause()
        assert len(planned) == 1, "an unchanged rollout is not planned again"
        plans.append(replace(plans[0], rollout="release of v2.3.3, phase 5 of 8"))
        desk.play(played.planned())
        await console.shows("phase 5 of 8")


async def test_a_rollback_is_offered_though_kubernetes_is_not_read_while_the_rollout_can_be_rolled_back() -> None:
    away = replace(played.soaking(), cluster=pictures.failed("kubernetes: connection refused"))
    async with opened(away) as console:
        await console.dialog("R", RollbackDialog)
    async with opened(replace(played.rolling_back(), cluster=away.cluster)) as console:
        assert "a rollback is under way" in await console.press("R")


async def test_a_key_can_be_given_to_another() -> None:
    async with opened(played.soaking(), keys={"hold": "H"}) as console:
        assert "H hold" in console.text
        await console.press("h")
        assert console.app.screen is console.app.dashboard
        await console.dialog("H", HoldDialog)


def test_what_is_left_behind_says_who_drives() -> None:
    said = left_behind(played.soaking())
    assert said is not None and said.plain == "release of v2.3.3 goes on: watcher on bastion (pid 4711) drives it"
    warned = left_behind(played.undriven())
    assert warned is not None and warned.plain.startswith("WARNING: nobody drives release of v2.3.3")
    for nothing in (None, pictures.healthy(), played.completed()):
        assert left_behind(nothing) is None


def test_choices_keep_the_chosen_one_in_sight() -> None:
    names = [f"phase-{number:02}" for number in range(30)]
    for at in (0, 15, 29):
        row = plain(choices("from   ", names, at))
        assert names[at] in row and len(row) <= 75


def test_a_rollback_that_is_done_leaves_the_plain_one_to_the_cluster() -> None:
    rolled = played.rolled_back()
    action = next(action for action in ACTIONS if action.id == "rollback")
    assert action.disabled_reason(rolled) is None
    assert rolled.rollout is not None and rolled.rollout.state is RolloutState.ROLLED_BACK
    assert "403" in (action.disabled_reason(replace(rolled, cluster=pictures.failed("403"))) or "")


async def test_a_picture_that_comes_before_a_screen_is_there_waits_for_it() -> None:
    async with opened(played.soaking()) as console:
        for kind in (HoldDialog, RolloutRoom):
            console.app.push_screen(kind())
            console.app.on_picture_changed()
            console.app._tick()
            await until(console.pilot, lambda: console.app.screen.is_mounted, "the screen")
            await console.shows("41h12m of 72h")


async def test_a_rollout_that_moves_on_under_a_dialog_is_not_promoted_by_what_was_read_before() -> None:
    async with opened(played.ready(), size=SMALL) as console:
        dialog = await console.dialog("p", PromoteDialog)
        ready = played.ready()
        assert ready.rollout is not None
        console.desk.play(replace(ready, rollout=replace(ready.rollout, phase=4)))
        await console.shows("the rollout has moved on since this was opened")
        await console.type("hak-gal")
        assert console.asked == [] and dialog.query_one("#target", Input).value == "hak-gal"
        await console.press("enter")
        await console.sent("promote", "hak-gal", "")


async def test_a_dialog_that_is_over_says_so_and_shows_the_rollout_it_started() -> None:
    async with opened(played.none_yet(), size=SMALL) as console:
        await console.dialog("S", StartDialog)
        await console.shows("phase 1 of hotfix asks for 5%")
        await console.type("hak-gal")
        await console.sent("start_rollout", "hotfix", "hak-gal")
        console.desk.play(played.soaking())
        await console.shows("Esc leaves, o shows the rollout")
        assert "this is over; Esc leaves, o shows the rollout" in await console.press("question_mark")
        assert "this is over" in await console.press("h") and isinstance(console.app.screen, StartDialog)
        await console.press("o")
        await until(console.pilot, lambda: isinstance(console.app.screen, RolloutRoom), "the rollout")
        assert len(console.app.screen_stack) == 2

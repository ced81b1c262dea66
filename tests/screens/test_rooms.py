"""Dialogs, rooms and panels, over the real engine on a real Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import redis
from textual.pilot import Pilot
from textual.widgets import Input

from console.actions.table import actions_of
from console.app import ConsoleApp
from console.core.plans import RollbackPlan
from screens.bypass import BypassDialog
from screens.dialog import Dialog
from screens.help import HelpScreen
from screens.palette import PaletteScreen
from screens.pods import PodsRoom
from screens.rollback import RollbackDialog
from screens.runbooks import RunbooksRoom
from tests import pictures
from tests.conftest import RedisServer
from tests.engine_world import TinyWorld, tiny_world
from tests.screens.desks import PlayedDesk
from widgets.bypass_row import BypassRow
from widgets.rows import plain

Pilots = Pilot[str | None]


@pytest.fixture
def world(tmp_path: Path, redis_server: RedisServer) -> Iterator[TinyWorld]:
    world = tiny_world(tmp_path, redis_server)
    yield world
    world.close()


PLAN = RollbackPlan(
    target="hak-gal",
    workload="hak-gal",
    namespace="hak-gal",
    now_version="v2.3.3",
    now_revision=2,
    now_pods="6 of 6 pods, 6 ready",
    to_version="v2.3.2",
    to_revision=1,
    to_template="{}",
    why="previous revision, not recorded good",
    diff=(),
    does=(),
    leaves=(),
    choices=(),
    warnings=(),
    resource_version=pictures.CLUSTER.workloads[0].resource_version,
    read_at=pictures.NOW,
)


async def until(pilot: Pilots, wanted: Callable[[], object], what: str, within: float = 10.0) -> None:
    """Let the app run until `wanted` holds."""
    deadline = time.monotonic() + within
    while not wanted():
        assert time.monotonic() < deadline, f"{what} did not come true; on screen: {pilot.app.screen!r}"
        await asyncio.sleep(0.02)


@asynccontextmanager
async def shown(world: TinyWorld, *, read_only: bool = False) -> AsyncIterator[tuple[ConsoleApp, Pilots]]:
    engine = world.open(read_only=read_only)
    app = ConsoleApp(engine, environ={"LANG": "C.UTF-8"})
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: app.picture.alerts.checked_at and app.picture.bypass.value, "the first picture")
        yield app, pilot
    engine.stop("the test ended")


async def listening(app: ConsoleApp, pilot: Pilots, kind: type[Dialog]) -> Dialog:
    await until(pilot, lambda: isinstance(app.screen, kind) and app.screen.listens, f"{kind.__name__} listening")
    assert isinstance(app.screen, kind)
    return app.screen


async def test_a_bypass_by_keys_shows_its_countdown_on_every_screen(world: TinyWorld) -> None:
    client = redis.Redis(port=world.redis.port)
    async with shown(world) as (app, pilot):
        await pilot.press("b")
        dialog = await listening(app, pilot, BypassDialog)
        await pilot.press(*"guards block", "enter")
        assert client.get("tiny:bypass") is None
        await pilot.press("enter")
        assert app.focused is not None and app.focused.id == "target"
        await pilot.press("enter")
        assert client.get("tiny:bypass") is None, "Enter on an empty entry did something"
        await pilot.press(*"tinny", "enter")
        await until(pilot, lambda: "nothing was done" in str(dialog.trouble.rows), "the refusal")
        assert client.get("tiny:bypass") is None
        dialog.query_one("#target", Input).value = "tiny"
        await pilot.press("enter")
        await until(pilot, lambda: client.get("tiny:bypass") is not None, "the grant")
        await pilot.press("escape")
        for key, room in (("", None), ("r", RunbooksRoom), ("question_mark", HelpScreen), ("colon", PaletteScreen)):
            if key:
                await pilot.press(key)
                await until(pilot, lambda room=room: isinstance(app.screen, room), str(room))  # type: ignore[misc,arg-type]
            row = app.screen.query_one(BypassRow)
            await until(pilot, lambda row=row: "BYPASS ON" in "".join(row.text()), f"the countdown on {app.screen!r}")  # type: ignore[misc]
            if key:
                await pilot.press("escape")
        await pilot.press("B")
        await until(pilot, lambda: client.get("tiny:bypass") is None, "the revocation")
    client.close()


async def test_keys_of_the_first_half_second_go_nowhere(world: TinyWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("screens.dialog.DEAF", 2.5)
    async with shown(world) as (app, pilot):
        await pilot.press("b", "i", "enter")
        await until(pilot, lambda: isinstance(app.screen, BypassDialog), "the dialog")
        assert isinstance(app.screen, BypassDialog) and not app.screen.listens
        dialog = await listening(app, pilot, BypassDialog)
        assert dialog.query_one("#reason", Input).value == ""
        await pilot.press("i")
        assert dialog.query_one("#reason", Input).value == "i"


async def test_minutes_that_are_none_are_refused_in_place(world: TinyWorld) -> None:
    async with shown(world) as (app, pilot):
        await pilot.press("b")
        dialog = await listening(app, pilot, BypassDialog)
        dialog.query_one("#reason", Input).value = "why not"
        dialog.query_one("#target", Input).value = "tiny"
        for typed in ("16", "0", "-3", "nan", "many"):
            dialog.query_one("#minutes", Input).value = typed
            dialog.query_one("#target", Input).focus()
            await pilot.press("enter")
            await until(pilot, lambda: dialog.trouble.rows, f"the refusal of {typed}")
            assert dialog.operation is None
            dialog.complain()


async def test_help_lists_the_keys_of_the_screen_it_was_asked_on(world: TinyWorld) -> None:
    async with shown(world) as (app, pilot):
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen), "help")
        assert isinstance(app.screen, HelpScreen)
        words = "\n".join("".join(text for text, _ in row) for row in app.screen.listing.rows)
        assert "Emergency bypass" in words and "not now: what runs is not known" in words
        await pilot.press("question_mark")
        await until(pilot, lambda: len(app.screen_stack) == 1, "the dashboard")


async def test_the_palette_finds_and_does_an_action(world: TinyWorld) -> None:
    async with shown(world) as (app, pilot):
        await pilot.press("colon")
        await until(pilot, lambda: isinstance(app.screen, PaletteScreen), "the palette")
        await pilot.press(*"runbooks")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunbooksRoom), "the runbooks")


async def test_a_rollback_planned_from_a_cluster_that_does_not_answer_says_so() -> None:
    class Planning(PlayedDesk):
        def plan_rollback(self, revision: int | None = None, workload: str | None = None) -> RollbackPlan:
            return PLAN

    desk = Planning(pictures.healthy())
    app = ConsoleApp(desk, clock=lambda: pictures.NOW, environ={"LANG": "C.UTF-8"})
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.ready, "the desk")
        await pilot.press("R")
        dialog = await listening(app, pilot, RollbackDialog)
        assert "does not answer now" not in str(dialog.said.rows)
        gone = replace(desk.picture.cluster, error="kubernetes 10.0.0.1: connection refused")
        desk.play(replace(desk.picture, cluster=gone))
        await until(pilot, lambda: "Kubernetes does not answer now" in str(dialog.said.rows), "the warning")


async def test_control_c_says_which_key_quits() -> None:
    app = ConsoleApp(PlayedDesk(pictures.healthy()), clock=lambda: pictures.NOW, environ={"LANG": "C.UTF-8"})
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.ready, "the desk")
        await pilot.press("ctrl+c")
        await until(pilot, lambda: "q quits" in str(app.screen.query_one("#footer").text()), "the words")  # type: ignore[attr-defined]
        assert not app._notifications, "Textual's own words, which name another key, were shown"


@pytest.mark.parametrize("warnings", range(6))
async def test_the_entry_of_a_rollback_is_seen_however_much_is_said_above_it(warnings: int) -> None:
    said = tuple(
        f"{number}: a sentence that is long enough to take two rows of the dialog, or so" for number in range(warnings)
    )
    diff = tuple(f"+line {number}" for number in range(30))
    plan = replace(PLAN, diff=diff, does=("one thing", "another"), leaves=("the rest",), warnings=said)

    class Planning(PlayedDesk):
        def plan_rollback(self, revision: int | None = None, workload: str | None = None) -> RollbackPlan:
            return plan

    app = ConsoleApp(Planning(pictures.healthy()), clock=lambda: pictures.NOW, environ={"LANG": "C.UTF-8"})
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.ready, "the desk")
        await pilot.press("R")
        dialog = await listening(app, pilot, RollbackDialog)
        await pilot.press(*"wrong", "enter")
        await until(pilot, lambda: dialog.trouble.rows, "the refusal")
        box = dialog.query_one("#dialog")
        assert dialog.query_one("#target").region.bottom < box.region.bottom <= 24
        assert dialog.trouble.region.bottom < box.region.bottom
        seen: set[str] = set()
        for _page in range(30):
            seen |= {plain(each)[7:] for each in dialog.said.rows}
            await pilot.press("pagedown")
        assert set(diff) <= seen


async def test_help_says_all_of_the_row_at_the_cursor_on_80_columns(world: TinyWorld) -> None:
    async with shown(world) as (app, pilot):
        await pilot.resize_terminal(80, 24)
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen), "help")
        help = app.screen
        assert isinstance(help, HelpScreen)
        for place, action in enumerate(actions_of("dashboard")):
            said = " ".join(plain(each).strip() for each in help.said.rows).strip()
            why = action.disabled_reason(app.picture)
            assert said == (f"not now: {why}" if why else action.help), place
            assert all(len(plain(each)) <= 76 for each in help.said.rows)
            await pilot.press("down")
        await pilot.press("end", "escape")


async def test_the_palette_says_why_an_action_cannot_be_done(world: TinyWorld) -> None:
    async with shown(world, read_only=True) as (app, pilot):
        await pilot.press("colon")
        await until(pilot, lambda: isinstance(app.screen, PaletteScreen), "the palette")
        palette = app.screen
        assert isinstance(palette, PaletteScreen)
        await pilot.press(*"emergency", "enter")
        assert app.screen is palette and "read-only" in str(palette.said.rows)


async def test_a_key_that_cannot_work_now_says_why(world: TinyWorld) -> None:
    async with shown(world) as (app, pilot):
        await pilot.press("R")
        footer = app.screen.query_one("#footer")
        await until(pilot, lambda: "what runs is not known" in str(footer.text()), "the reason")  # type: ignore[attr-defined]
        await pilot.press("d")
        assert not isinstance(app.screen, PodsRoom)

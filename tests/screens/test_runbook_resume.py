"""The list of runbooks, runs that are gone on with, changed files, and alerts that open their runbook."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from console.core.states import AlertState
from screens.runbook import RunbookRoom
from screens.runbook_dialogs import EndDialog
from screens.runbook_form import FormScreen
from screens.runbook_resume import ChangesDialog, ResumeDialog
from screens.runbooks import RunbooksRoom
from tests import pictures
from tests.screens.played_runbooks import PATH, runbook
from tests.screens.test_rooms import until
from tests.screens.walked import Walked, walked


@pytest.fixture(autouse=True)
def _hearing_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("screens.dialog.DEAF", 0.01)


async def opened_again(console: Walked) -> None:
    """The list of runbooks, and the first of them."""
    await console.press("r")
    await until(console.pilot, lambda: isinstance(console.app.screen, RunbooksRoom), "the list")
    await console.shows("Enter resumes")
    await console.press("enter")
    await until(
        console.pilot,
        lambda: isinstance(console.app.screen, ResumeDialog) and console.app.screen.listens,
        "the open run",
    )


async def test_an_open_run_is_offered_first_and_gone_on_with_where_it_stands() -> None:
    async with walked(begun=True) as console:
        await console.at(3)
        await console.press("t")
        await console.asks("tick", 3, "")
        await console.press("escape")
        await opened_again(console)
        assert "1 of 6 done, at step 4" in console.text
        await console.press("enter")
        await until(console.pilot, lambda: isinstance(console.app.screen, RunbookRoom), "the runbook")
        await until(console.pilot, lambda: console.room.walk.run, "the run")
        assert console.room.walk.at == 4


async def test_a_run_can_be_begun_anew_beside_an_open_one() -> None:
    async with walked(begun=True) as console:
        await console.press("escape")
        await opened_again(console)
        await console.press("n")
        await console.shows("no run yet")
        await console.at(3)
        await console.press("t")
        await console.asks("tick", 3, "")
        assert len(console.played.all_runs) == 2


async def test_a_changed_file_is_shown_and_taken_up_only_when_asked() -> None:
    async with walked() as console:
        console.played.begin(PATH)
        console.played.diff = ("--- then", "+++ now", "@@ -8 +8 @@", "-redis-cli INFO", "+redis-cli PING")
        await console.press("escape")
        await opened_again(console)
        await console.press("enter")
        await until(console.pilot, lambda: isinstance(console.app.screen, ChangesDialog), "the changes")
        assert "-redis-cli INFO" in console.text and "+redis-cli PING" in console.text
        await until(console.pilot, lambda: console.app.screen.listens, "it listens")  # type: ignore[attr-defined]
        await console.press("c")
        assert ("take_up",) not in console.wanted
        await console.dialog("c", ChangesDialog)
        await console.press("u")
        await console.asks("take_up")


async def test_secrets_are_asked_for_again_when_a_run_is_gone_on_with() -> None:
    async with walked(given=False) as console:
        run = console.played.begin(PATH)
        console.played.values = {"redis_host": "redis-0"}
        console.played.all_runs[run.id] = replace(run, asked=("REDIS_PASSWORD",))
        await console.press("escape")
        await opened_again(console)
        await console.press("enter")
        await until(console.pilot, lambda: isinstance(console.app.screen, FormScreen), "the form")
        await console.shows("▸ $REDIS_PASSWORD")


async def test_a_run_that_was_ended_says_so_and_is_written_to_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("HAKGAL_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    async with walked(begun=True) as console:
        await console.dialog("E", EndDialog)
        assert "6 steps not settled" in console.text
        await console.type("redis came back by itself")
        await console.asks("end", "redis came back by itself")
        await console.shows("ENDED  redis came back by itself")
        await console.press("w")
        await console.asks("export")
        await console.shows("wrote ")
        written = list(tmp_path.rglob(f"{console.run}.md"))
        assert len(written) == 1 and written[0].stat().st_mode & 0o777 == 0o600
        await console.at(3)
        await console.press("t")
        await console.shows("this run has ended; r begins another")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
async def test_where_a_run_was_written_to_is_read_whole(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, size: tuple[int, int]
) -> None:
    deep = tmp_path / "a-folder-of-state" / "of-this-person-on-this-machine" / "and-of-this-console"
    deep.mkdir(parents=True)
    monkeypatch.setenv("HAKGAL_STATE_DIR", str(deep))
    monkeypatch.setenv("XDG_STATE_HOME", str(deep))
    async with walked(size=size, begun=True) as console:
        await console.at(2)
        await console.press("w")
        await console.shows(f"wrote {console.run}.md; the text says where")
        written = next(deep.rglob(f"{console.run}.md"))
        await console.at(4)
        await console.press("tab", "z")
        assert " wrote   /" in console.text and "the text says where" not in console.text
        assert str(written) in "".join(part.strip() for part in console.text.splitlines())


async def test_a_file_that_cannot_be_read_says_so_in_its_room_and_in_its_row() -> None:
    async with walked() as console:
        gone = PATH.with_name("gone.md")
        console.desk.system = replace(console.desk.system, runbooks=(gone, PATH))
        await console.press("escape", "r")
        await console.shows("gone.md:1: no such file")
        assert "5 to run, 1 to tick" in console.text
        console.app.screen.listing.cursor = console.app.screen.paths.index(gone)  # type: ignore[attr-defined]
        await console.press("enter")
        await console.shows("could not read: runbooks/hak-gal/gone.md:1: no such file")


async def test_the_list_is_narrowed_by_words_and_begins_with_what_is_called_for() -> None:
    async with walked() as console:
        other, firing = PATH.with_name("aaa.md"), PATH.with_name("zzz.md")
        console.played.documents |= {
            other: replace(runbook(other), title="Aardvarks"), firing: replace(runbook(firing), title="Storms")
        }  # fmt: skip
        console.desk.system = replace(console.desk.system, runbooks=(PATH, other, firing))
        console.played.begin(PATH)
        alert = pictures.alert("rate limit storm", AlertState.FIRING, "1", "2")
        alerts = replace(console.desk.picture.alerts, alerts=(replace(alert, runbook=firing),))
        console.desk.play(replace(console.desk.picture, alerts=alerts))
        await console.press("escape", "r")
        await console.shows("rate limit storm is FIRING")
        titles = [console.text.index(title) for title in ("Storms", "Redis down", "Aardvarks")]
        assert titles == sorted(titles), "what fires, then what is under way, then the rest"
        await console.press("slash", *"aard")
        assert "Aardvarks" in console.text and "Storms" not in console.text
        await console.press("enter", "enter")
        await until(console.pilot, lambda: isinstance(console.app.screen, RunbookRoom), "the runbook")
        await console.press("escape", "slash", "escape")
        assert "Storms" in console.text


async def test_an_alert_opens_its_runbook_with_one_key() -> None:
    async with walked() as console:
        await console.press("escape")
        alert = replace(pictures.alert("redis down", AlertState.FIRING, "1", "2"), runbook=PATH)
        alerts = replace(console.desk.picture.alerts, alerts=(alert,))
        console.desk.play(replace(console.desk.picture, alerts=alerts))
        for key in ("enter", "r"):
            await console.press("2", key)
            await until(console.pilot, lambda: isinstance(console.app.screen, RunbookRoom), f"the runbook by {key}")
            await console.shows("Sessions are lost when Redis")
            await console.press("escape")
        await console.press("1", "r")
        await until(console.pilot, lambda: isinstance(console.app.screen, RunbooksRoom), "the list")


async def test_the_list_of_runbooks_opens_at_its_first_row_however_the_rows_change_places(tmp_path: Path) -> None:
    async with walked() as console:
        paths = [tmp_path / f"{name}.md" for name in ("aa", "bb", "cc")]
        for path, title in zip(paths, ("Zebra", "Middle", "Alpha"), strict=True):
            console.played.documents[path] = replace(runbook(path), title=title)
        console.desk.system = replace(console.desk.system, runbooks=tuple(paths))
        console.app.push_screen(RunbooksRoom())
        await console.shows("Zebra")
        room = console.app.screen
        assert isinstance(room, RunbooksRoom)
        assert room.paths == paths[::-1] and room.listing.cursor == 0
        await console.press("down", "down")
        console.played.documents[paths[0]] = replace(runbook(paths[0]), title="A first one")
        room._read({paths[0]: replace(room.read[paths[0]], title="A first one")}, "")
        assert room.paths[0] == paths[0] and room.listing.cursor == 0, "it follows what was gone to"

"""The runbook screen over the real engine: real bash, a real journal, steps that outlive the screen."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual import events

from console.app import ConsoleApp
from console.core.runbooks.runs import Mark
from screens.runbook import RunbookRoom
from screens.runbook_dialogs import InputDialog
from screens.runbook_form import FormScreen
from screens.runbook_resume import ResumeDialog
from screens.runbook_run import RunDialog
from screens.runbook_walk import Walk
from screens.runbooks import RunbooksRoom
from tests.conftest import RedisServer
from tests.engine_world import TinyWorld, tiny_world
from tests.screens.test_rooms import Pilots, listening, shown, until
from tests.walkthrough.steps import end_steps

LOOK = """# Look

Read before you write.

```bash
echo "looked at $((40 + 2))"
```

Expected output:

```
looked at 42
```

- [ ] Tell the others

```bash
touch <file-name> && echo "touched <file-name>"
```

```bash
read -r -p "Go on? [y/N] " answer; echo "answered $answer"
```

```bash
echo began; sleep 60
```
"""


@pytest.fixture
def world(tmp_path: Path, redis_server: RedisServer) -> Iterator[TinyWorld]:
    world = tiny_world(tmp_path, redis_server)
    (world.system.parent / "look.md").write_text(LOOK)
    yield world
    world.close()
    end_steps(tmp_path)


@asynccontextmanager
async def opened(world: TinyWorld) -> AsyncIterator[tuple[ConsoleApp, Pilots, Walk]]:
    async with shown(world) as (app, pilot):
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, RunbooksRoom), "the list")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunbookRoom) and app.screen.is_mounted, "the screen")
        room = app.screen
        assert isinstance(room, RunbookRoom)
        await until(pilot, lambda: room.walk.document, "the runbook")
        yield app, pilot, room.walk


def text(app: ConsoleApp) -> str:
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())


async def shows(app: ConsoleApp, pilot: Pilots, words: str) -> None:
    await until(pilot, lambda: words in text(app), f"{words!r} on the screen")


async def test_a_runbook_is_walked_through_by_keys(world: TinyWorld) -> None:
    async with opened(world) as (app, pilot, walk):
        await until(pilot, lambda: 1 in walk.assessed, "the judgement before a run")
        await pilot.press("enter")
        await shows(app, pilot, "looked at 42")
        await until(pilot, lambda: walk.mark(1) is Mark.RAN, "the end of the step")
        await shows(app, pilot, "the output is as the runbook expects")
        assert walk.at == 3, "what is only shown is passed by"
        await pilot.press("t")
        await until(pilot, lambda: walk.mark(3) is Mark.TICKED and walk.at == 4, "the tick")
        await pilot.press("enter")
        await listening_form(app, pilot)
        await pilot.press(*"a b; rm x", "enter")
        await until(pilot, lambda: isinstance(app.screen, RunbookRoom), "the runbook again")
        await until(pilot, lambda: walk.at in walk.assessed and not walk.doing, "the judgement")
        await pilot.press("enter")
        dialog = await listening(app, pilot, RunDialog)
        assert "CHANGES" in text(app) and "a b; rm x" in text(app)
        assert isinstance(dialog, RunDialog)
        await pilot.press(*dialog.assessment.target, "enter")
        await shows(app, pilot, "touched a b; rm x")
        run = walk.run
        assert run is not None
        await left(app, pilot)
        await pilot.press("r", "enter")
        await listening(app, pilot, ResumeDialog)
        assert run.id in text(app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunbookRoom) and app.screen.walk.run, "the run")
        assert isinstance(app.screen, RunbookRoom)
        again = app.screen.walk
        assert [again.mark(number) for number in (1, 3, 4)] == [Mark.RAN, Mark.TICKED, Mark.RAN] and again.at == 5
        await shows(app, pilot, "touched a b; rm x")


async def listening_form(app: ConsoleApp, pilot: Pilots) -> None:
    form = await listening(app, pilot, FormScreen)
    assert isinstance(form, FormScreen)
    await until(pilot, lambda: form.questions, "the questions")


async def left(app: ConsoleApp, pilot: Pilots) -> None:
    """Back to the dashboard, screen by screen."""
    while len(app.screen_stack) > 1:
        below = app.screen_stack[-2]
        await pilot.press("escape")
        await until(pilot, lambda below=below: app.screen is below, "the screen below")  # type: ignore[misc]


async def started(app: ConsoleApp, pilot: Pilots, walk: Walk, step: int) -> None:
    """Run a step from wherever the run stands, whatever it asks."""
    room = app.screen
    assert isinstance(room, RunbookRoom)
    room.go(step)
    await until(pilot, lambda: step in walk.assessed, "the judgement")
    await pilot.press("enter")
    if walk.assessed[step].danger.level.asks:
        dialog = await listening(app, pilot, RunDialog)
        assert isinstance(dialog, RunDialog)
        await pilot.press(*dialog.assessment.target, "enter")
    await until(pilot, lambda: app.screen is room and walk.mark(step) is Mark.RUNNING, "the step")


async def test_a_question_of_a_step_is_answered_from_the_screen(world: TinyWorld) -> None:
    async with opened(world) as (app, pilot, walk):
        await started(app, pilot, walk, 5)
        await shows(app, pilot, "Go on? [y/N]")
        await shows(app, pilot, "i answers it")
        await pilot.press("i")
        await listening(app, pilot, InputDialog)
        await pilot.press("y", "enter")
        await shows(app, pilot, "answered y")


async def test_a_step_goes_on_without_its_screen_and_is_stopped_when_it_is_opened_again(world: TinyWorld) -> None:
    async with opened(world) as (app, pilot, walk):
        await started(app, pilot, walk, 6)
        await shows(app, pilot, "began")
        await left(app, pilot)
        await pilot.press("5")
        await shows(app, pilot, "look.md:")
        await pilot.press("r", "enter")
        await listening(app, pilot, ResumeDialog)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunbookRoom) and app.screen.walk.run, "the run")
        room = app.screen
        assert isinstance(room, RunbookRoom)
        assert room.walk.mark(6) is Mark.RUNNING
        await shows(app, pilot, "began")
        await pilot.press("x")
        await until(pilot, lambda: room.walk.mark(6) in (Mark.UNKNOWN, Mark.FAILED), "the stop")


async def test_any_file_is_opened_by_its_path_and_listed_while_its_run_is_open(
    world: TinyWorld, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere.md"
    elsewhere.write_text("# From elsewhere\n\n- [ ] first\n- [ ] second\n")
    async with shown(world) as (app, pilot):
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, RunbooksRoom), "the list")
        await shows(app, pilot, "open a file")
        await pilot.press("f")
        await shows(app, pilot, "file:")
        await pilot.press(*"/nowhere.md", "enter")
        await shows(app, pilot, "there is no file /nowhere.md")
        await shows(app, pilot, "file: /nowhere.md")
        await pilot.press("ctrl+u", *"/tmp", "enter")
        await shows(app, pilot, "/tmp is a folder")
        await pilot.press("r")
        await shows(app, pilot, "file: /tmpr")
        await pilot.press("ctrl+u", *str(tmp_path), "enter")
        await shows(app, pilot, f"/{tmp_path.name} is a folder")
        await pilot.press("ctrl+u")
        app.screen.post_message(events.Paste(f"{elsewhere}\nrest"))
        await shows(app, pilot, "elsewhere.md")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunbookRoom) and app.screen.is_mounted, "the screen")
        await shows(app, pilot, "step 1 of 2")
        await pilot.press("t")
        await shows(app, pilot, "1 of 2 done")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, RunbooksRoom), "the list")
        await shows(app, pilot, "From elsewhere")
        await shows(app, pilot, "run 50%")

"""A console on the runbook screen, over runbooks that are played."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from console.app import ConsoleApp
from screens.runbook import RunbookRoom
from tests import pictures
from tests.screens.desks import PlayedDesk
from tests.screens.played_runbooks import PATH, PlayedRunbooks
from tests.screens.steered import LARGE, Opened
from tests.screens.test_rooms import until


class Walked(Opened):
    """A console on the runbook screen."""

    @property
    def played(self) -> PlayedRunbooks:
        return self.desk.runbooks

    @property
    def room(self) -> RunbookRoom:
        room = self.app.screen
        assert isinstance(room, RunbookRoom), room
        return room

    @property
    def run(self) -> str:
        return next(iter(self.played.all_runs))

    @property
    def wanted(self) -> list[tuple[object, ...]]:
        return self.played.asked

    async def asks(self, *asked: object) -> None:
        await until(self.pilot, lambda: asked in self.played.asked, f"{asked} of {self.played.asked}")
        await self.idle()

    async def idle(self) -> None:
        await until(self.pilot, lambda: not self.walk.doing and not self.walk._renewing, "the desk's answer")
        await self.pilot.pause()

    @property
    def walk(self):  # type: ignore[no-untyped-def]
        return next(screen for screen in self.app.screen_stack if isinstance(screen, RunbookRoom)).walk

    async def at(self, step: int) -> None:
        """Put the cursor on a step, and wait until it is judged."""
        self.room.go(step)
        await self.judged()

    async def judged(self) -> None:
        step = self.walk.step
        if step is not None and step.runnable:
            await until(self.pilot, lambda: self.walk.at in self.walk.assessed, "the judgement")
        await self.pilot.pause()

    async def reads(self, step: int) -> None:
        """Begin a run, and start a step that only reads."""
        await self.at(step)
        await self.press("enter")
        await self.asks("start", step, "")
        await self.shows(f"of step {step}")


@asynccontextmanager
async def walked(
    *, size: tuple[int, int] = LARGE, given: bool = True, begun: bool = False, ascii_only: bool = False
) -> AsyncIterator[Walked]:
    """given: every value has an answer. begun: a run is open, and gone on with."""
    desk = PlayedDesk(pictures.healthy(), pictures.log_lines(20))
    desk.system = replace(desk.system, runbooks=(PATH,))
    if given:
        desk.runbooks.values = {"redis_host": "redis-0", "REDIS_PASSWORD": "hunter2"}
    if begun:
        desk.runbooks.begin(PATH)
    app = ConsoleApp(desk, clock=lambda: pictures.NOW, theme="night", environ={}, ascii_only=ascii_only)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        console = Walked(app, pilot, desk)
        app.push_screen(RunbookRoom(PATH, next(iter(desk.runbooks.all_runs), "")))
        await until(pilot, lambda: isinstance(app.screen, RunbookRoom) and app.screen.is_mounted, "the screen")
        await until(pilot, lambda: app.screen.walk.document, "the runbook")  # type: ignore[attr-defined]
        if begun:
            await until(pilot, lambda: console.room.walk.run, "the run")
        await pilot.pause()
        yield console

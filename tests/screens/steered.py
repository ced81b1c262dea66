"""A console over a played rollout, steered by keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Input

from console.app import ConsoleApp
from console.core.picture import Picture
from screens.dialog import Dialog
from tests import pictures
from tests.screens.desks import PlayedDesk
from tests.screens.test_rooms import until

SMALL, LARGE = (80, 24), (120, 40)


class Opened:
    """A console over a played rollout."""

    def __init__(self, app: ConsoleApp, pilot: Pilot[Any], desk: PlayedDesk) -> None:
        self.app, self.pilot, self.desk = app, pilot, desk

    @property
    def text(self) -> str:
        return "\n".join(strip.text.rstrip() for strip in self.app.screen._compositor.render_strips())

    @property
    def asked(self) -> list[tuple[str, ...]]:
        """What was asked of the rollout."""
        return [asked for asked in self.desk.asked if asked[0] not in ("start", "foresee")]

    async def press(self, *keys: str) -> str:
        await self.pilot.press(*keys)
        await self.pilot.pause()
        return self.text

    async def type(self, *texts: str) -> str:
        """Fill in one entry after the other, with Enter behind each."""
        for text in texts:
            assert isinstance(self.app.focused, Input)
            self.app.focused.insert_text_at_cursor(text)
            await self.pilot.press("enter")
        await self.pilot.pause()
        return self.text

    async def dialog(self, key: str, kind: type[Dialog]) -> Dialog:
        """Press the key, and wait until the dialog listens."""
        await self.pilot.press(key)
        await until(self.pilot, lambda: isinstance(self.app.screen, kind) and self.app.screen.listens, kind.__name__)
        screen = self.app.screen
        assert isinstance(screen, kind)
        return screen

    async def shows(self, words: str) -> None:
        await until(self.pilot, lambda: words in self.text, f"{words!r} on the screen")

    async def sent(self, *asked: str) -> None:
        await until(self.pilot, lambda: asked in self.desk.asked, f"{asked} of {self.desk.asked}")


@asynccontextmanager
async def opened(
    picture: Picture, *, size: tuple[int, int] = LARGE, keys: dict[str, str] | None = None
) -> AsyncIterator[Opened]:
    desk = PlayedDesk(picture, pictures.log_lines(20))
    app = ConsoleApp(desk, clock=lambda: pictures.NOW, theme="night", environ={}, keys=keys)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield Opened(app, pilot, desk)

"""A whole screen beside the dashboard: a title row, the bypass row, its own content, and the keys that work there."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widget import Widget

from console.core.picture import Picture
from console.engine.desk import Desk
from screens.base import ConsoleScreen
from widgets.header import Clock
from widgets.listing import Lines
from widgets.rows import row
from widgets.vocabulary import TONE_INK, Ink, Look


class Room(ConsoleScreen):
    """A screen that the app keeps up to date. Escape goes back; what runs goes on."""

    CSS_PATH = Path(__file__).with_name("room.tcss")
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Back", show=False)]

    @property
    def desk(self) -> Desk:
        """The engine."""
        return self.console.desk

    @property
    def look(self) -> Look:
        """How things look here."""
        return self.console.look

    def title_of(self, picture: Picture, now: datetime) -> str:
        """What the screen is about, after system and environment."""
        raise NotImplementedError

    def content(self) -> Iterable[Widget]:
        """The widgets between the title and the keys."""
        return ()

    def draw(self, picture: Picture, now: datetime) -> None:
        """Bring the content up to date."""
        raise NotImplementedError

    def body(self) -> Iterable[Widget]:
        """The content."""
        return self.content()

    def compose(self) -> ComposeResult:
        """The title above the bypass row: where one is comes before everything."""
        self.head = Lines(self.look, [row("")], id="head", grows=False)
        self.utc = Clock(self.look)
        yield Horizontal(self.head, self.utc, id="top")
        yield from super().compose()

    def picture_changed(self, picture: Picture) -> None:
        """Draw what is new."""
        self._draw(picture, self.console.now())

    def ticked(self, now: datetime) -> None:
        """Let ages grow."""
        self._draw(self.console.picture, now)

    def _draw(self, picture: Picture, now: datetime) -> None:
        title = row(
            " ",
            (picture.system, Ink.STRONG),
            (f" {self.look.glyphs.into} ", Ink.DIM),
            (f" {picture.environment.upper()} ", TONE_INK[picture.tone]),
            (" READ-ONLY " if picture.read_only else "", Ink.BADGE),
            "   ",
            (self.title_of(picture, now), Ink.TITLE),
        )
        self.head.set([title])
        self.utc.tick(now)
        self.draw(picture, now)

    def action_leave(self) -> None:
        """Go back to the screen before."""
        self.dismiss(None)

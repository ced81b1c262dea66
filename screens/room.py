"""A whole screen beside the dashboard: a title row, the bypass row, its own content, and the keys that work there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widget import Widget

from console.actions.table import footer_of
from console.core.picture import Picture
from console.engine.desk import Desk
from widgets.bypass_row import BypassRow
from widgets.footer import Footer
from widgets.header import Clock
from widgets.listing import Lines
from widgets.rows import Row, row
from widgets.vocabulary import TONE_INK, Ink, Look


class Room(Screen[None]):
    """A screen that the app keeps up to date through `show`. Escape goes back; what runs goes on."""

    CSS_PATH = "room.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Back", show=False)]

    where = ""

    def __init__(self, desk: Desk, look: Look, clock: Callable[[], datetime]) -> None:
        super().__init__()
        self.desk = desk
        self.look = look
        self.clock = clock
        self.head = Lines(look, [row("")], id="head", grows=False)
        self.utc = Clock(look)
        self.bypass = BypassRow(look)
        self.foot = Footer(look, footer_of(self.where), {})

    def title_of(self, picture: Picture, now: datetime) -> str:
        """What the screen is about, after system and environment."""
        raise NotImplementedError

    def content(self) -> Iterable[Widget]:
        """The widgets between the title and the keys."""
        return ()

    def draw(self, picture: Picture, now: datetime) -> None:
        """Bring the content up to date."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """Title, bypass, content, keys."""
        yield self.head
        yield self.utc
        yield self.bypass
        yield from self.content()
        yield self.foot

    def on_mount(self) -> None:
        """Draw at once."""
        self.show(self.desk.picture, self.clock())

    def show(self, picture: Picture, now: datetime) -> None:
        """Take a new picture, or the same one a second later."""
        title: Row = row(
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
        self.bypass.show(picture, now)
        self.foot.show(picture)
        self.draw(picture, now)

    def say(self, sentence: str, ink: Ink = Ink.WARN) -> None:
        """Say one sentence in place of the keys, until the next key."""
        self.foot.say(sentence, ink)

    def on_key(self) -> None:
        """Any key brings the keys back."""
        self.foot.say("")

    def action_leave(self) -> None:
        """Go back to the screen before."""
        self.dismiss(None)

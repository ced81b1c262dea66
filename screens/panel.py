"""A small framed list over the screen: what help, faults and palette have in common."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widget import Widget

from console.engine.desk import Desk
from screens.base import ConsoleDialog
from widgets.bypass_row import BypassRow
from widgets.vocabulary import Look

Result = TypeVar("Result")


class Panel(ConsoleDialog[Result]):
    """A frame in the middle; Escape leaves. height: of the frame, as far as there is room."""

    CSS_PATH = Path(__file__).with_name("panel.tcss")
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave", show=False)]

    heading = ""
    subheading = " Esc leaves "
    height = 18

    @property
    def desk(self) -> Desk:
        """The engine."""
        return self.console.desk

    @property
    def look(self) -> Look:
        """How things look here."""
        return self.console.look

    def content(self) -> Iterable[Widget]:
        """The widgets in the frame."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """The bypass row, for it is on every screen, and the frame."""
        yield BypassRow(self.look)
        box = Vertical(*self.content(), id="panel")
        box.border_title = self.heading
        box.border_subtitle = self.subheading
        box.set_class(self.look.ascii, "-ascii")
        box.styles.height = max(6, min(self.height, self.app.size.height - 2))
        yield box

    def on_key(self, event: events.Key) -> None:
        """A panel has no keys but its own bindings: those of the action table are for screens."""
        event.prevent_default()

    def action_leave(self) -> None:
        """Close."""
        self.dismiss(None)

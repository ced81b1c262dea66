"""The notice of a terminal that is too small: it swallows every key but the one that quits."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from textual import events
from textual.widget import Widget

from screens.base import ConsoleDialog
from widgets.bypass_row import BypassRow
from widgets.pane import Strips
from widgets.rows import EMPTY, Row, fit, row
from widgets.vocabulary import Ink

if TYPE_CHECKING:
    from console.core.picture import Picture

LEAST = (80, 24)


class Notice(Strips):
    """The words, in the middle."""

    DEFAULT_CSS = "Notice { width: 1fr; height: 1fr; }"

    def draw(self, width: int, height: int) -> list[Row]:
        """Four lines, centred as far as there is room."""
        told = (
            ("This terminal is too small.", Ink.WARN),
            (f"It has {self.app.size.width}x{self.app.size.height};", Ink.TEXT),
            (f"the console needs {LEAST[0]}x{LEAST[1]}.", Ink.TEXT),
            ("Make it larger, or q quits.", Ink.DIM),
        )
        above = max((height - len(told)) // 2, 0)
        rows = [EMPTY] * above + [row((words.center(width), ink)) for words, ink in told]
        return [fit(spans, width) for spans in (*rows, *[EMPTY] * height)][:height]


class TooSmall(ConsoleDialog[None]):
    """Shown instead of everything else below 80x24."""

    DEFAULT_CSS = "TooSmall { layout: vertical; overflow: hidden; background: $background; }"
    place = "too-small"

    def compose(self) -> Iterable[Widget]:
        """The bypass row stays."""
        yield BypassRow(self.console.look)
        yield Notice(self.console.look)

    def on_key(self, event: events.Key) -> None:
        """Quit, or nothing."""
        event.stop()
        event.prevent_default()
        if event.key in ("q", "ctrl+q"):
            self.console.do("quit")

    def picture_changed(self, picture: Picture) -> None:
        """Nothing but the bypass row changes."""

    def ticked(self, now: datetime) -> None:
        """Nothing but the bypass row changes."""

    def on_resize(self) -> None:
        """Say the new size."""
        for notice in self.query(Notice):
            notice.repaint()

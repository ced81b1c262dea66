"""Help: every key of a screen, from the action table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from console.actions.table import actions_of
from console.core.picture import Picture
from console.engine.desk import Desk
from widgets.bypass_row import BypassRow
from widgets.footer import key_sign
from widgets.listing import Listing
from widgets.rows import Row, cell, right, row
from widgets.vocabulary import Ink, Look


class HelpScreen(ModalScreen[None]):
    """A list that scrolls; Escape, `q` or `?` closes it."""

    CSS_PATH = "panel.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark", "leave", "Leave", show=False)]

    def __init__(
        self, desk: Desk, look: Look, clock: Callable[[], datetime], *, where: str, keys: Mapping[str, str]
    ) -> None:
        super().__init__()
        self.desk = desk
        self.look = look
        self.clock = clock
        self.where = where
        self.keys = keys
        self.bypass = BypassRow(look)
        self.listing = Listing(look, self.rows())

    def rows(self) -> list[Row]:
        """A row an action: key, title, what it does, or why it cannot be done now."""
        rows = []
        for action in actions_of(self.where):
            why = action.disabled_reason(self.desk.picture)
            rows.append(
                row(
                    right(key_sign(self.keys.get(action.id, action.key)), 7, Ink.DIM if why else Ink.KEY),
                    "  ",
                    cell(action.title, 26, Ink.DIM if why else Ink.STRONG),
                    (f"not now: {why}", Ink.WARN) if why else (action.help, Ink.TEXT),
                )
            )
        rows.append(
            row(right("arrows", 7, Ink.KEY), "  ", cell("Move", 26, Ink.STRONG), "j and k too; page keys, Home and End")
        )
        rows.append(row(right("Tab", 7, Ink.KEY), "  ", cell("Next pane", 26, Ink.STRONG), "Shift+Tab goes back"))
        return rows

    def compose(self) -> ComposeResult:
        """The framed list."""
        yield self.bypass
        box = Vertical(self.listing, id="panel", classes="-wide")
        box.border_title = " Keys "
        box.border_subtitle = " Esc leaves "
        box.set_class(self.look.ascii, "-ascii")
        yield box

    def on_mount(self) -> None:
        """Begin at the top."""
        self.query_one("#panel").styles.height = min(len(self.listing.rows) + 2, max(6, self.app.size.height - 2))
        self.bypass.show(self.desk.picture, self.clock())
        self.listing.focus()

    def show(self, picture: Picture, now: datetime) -> None:
        """Keep the bypass row true."""
        self.bypass.show(picture, now)

    def action_leave(self) -> None:
        """Close."""
        self.dismiss(None)

"""Help: every key of a screen, from the action table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from console.actions.table import actions_of
from screens.base import Console
from screens.panel import Panel
from widgets.footer import key_sign
from widgets.listing import Listing
from widgets.rows import EMPTY, Row, cell, right, row
from widgets.vocabulary import Ink
from widgets.words import clean


class HelpScreen(Panel[None]):
    """A list that scrolls; Escape, `q` or `?` closes it. moves: (keys, words) of what is no action, such as moving."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("q,question_mark", "leave", "Leave", show=False)]
    heading = " Keys "

    def __init__(self, where: str, moves: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__()
        self.where = where
        self.moves = tuple(moves)

    def rows(self) -> list[Row]:
        """A row an action: key, title, what it does, or why it cannot be done now."""
        rows = []
        for action in actions_of(self.where):
            why = action.disabled_reason(self.console.picture)
            rows.append(
                row(
                    right(key_sign(self.console.keys.get(action.id, action.key)), 12, Ink.DIM if why else Ink.KEY),
                    "  ",
                    cell(action.title, 26, Ink.DIM if why else Ink.STRONG),
                    (f"not now: {clean(why)}", Ink.WARN) if why else (action.help, Ink.TEXT),
                )
            )
        if self.moves:
            rows.append(EMPTY)
        rows += [row(right(keys, 12, Ink.KEY), "  ", words) for keys, words in self.moves]
        return rows

    def content(self) -> Iterable[Widget]:
        """The list."""
        rows = self.rows()
        self.height = len(rows) + 2
        self.listing = Listing(self.look, rows)
        yield self.listing

    def on_mount(self) -> None:
        """Begin at the top."""
        super().on_mount()
        self.listing.focus()


def open_help(console: Console) -> None:
    """Show the keys of the screen that is seen."""
    screen = console.screen
    console.push_screen(HelpScreen(getattr(screen, "place", "dashboard"), getattr(screen, "moves", ())))

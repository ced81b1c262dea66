"""Help: every key of a screen, from the action table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from console.actions.table import actions_of
from screens.base import Console
from screens.folding import folded_prose
from screens.panel import Panel
from widgets.footer import key_sign
from widgets.listing import Lines, Listing
from widgets.rows import EMPTY, Row, cell, right, row
from widgets.vocabulary import Ink
from widgets.words import clean

SAID = 2
"""Rows for the words at the cursor."""
WIDEST = 112


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
        rows: list[Row] = []
        self._whole: list[tuple[str, Ink]] = []
        for action in actions_of(self.where):
            why = action.disabled_reason(self.console.picture)
            words = (f"not now: {clean(why)}", Ink.WARN) if why else (action.help, Ink.TEXT)
            rows.append(
                row(
                    right(key_sign(self.console.keys.get(action.id, action.key)), 12, Ink.DIM if why else Ink.KEY),
                    "  ",
                    cell(action.title, 26, Ink.DIM if why else Ink.STRONG),
                    words,
                )
            )
            self._whole.append(words)
        moves = (("", ""), *self.moves) if self.moves else ()
        for keys, what in moves:
            rows.append(row(right(keys, 12, Ink.KEY), "  ", what) if what else EMPTY)
            self._whole.append((what, Ink.TEXT))
        return rows

    def content(self) -> Iterable[Widget]:
        """The list, and below it all that is said of the row at the cursor, which may not fit beside its key."""
        rows = self.rows()
        self.height = len(rows) + SAID + 2
        self.listing = Listing(self.look, rows)
        self.said = Lines(self.look, [EMPTY] * SAID)
        yield from (self.listing, self.said)

    def on_mount(self) -> None:
        """Begin at the top."""
        super().on_mount()
        self.listing.focus()
        self._say(0)

    def on_listing_moved(self, event: Listing.Moved) -> None:
        """Say all of the row at the cursor."""
        event.stop()
        self._say(event.index)

    def on_resize(self) -> None:
        """Fold anew."""
        self._say(self.listing.cursor)

    def _say(self, place: int) -> None:
        words, ink = self._whole[place]
        parts = folded_prose(words, max(min(self.app.size.width, WIDEST) - 5, 20))[:SAID]
        self.said.set([*(row((f" {part}", ink)) for part in parts), *[EMPTY] * (SAID - len(parts))])


def open_help(console: Console) -> None:
    """Show the keys of the screen that is seen."""
    screen = console.screen
    console.push_screen(HelpScreen(getattr(screen, "place", "dashboard"), getattr(screen, "moves", ())))

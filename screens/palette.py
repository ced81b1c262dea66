"""The palette: any action of the screen, found by its name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Input

from console.actions.table import actions_of
from console.core.actions import Action
from screens.base import Console
from screens.folding import folded_prose
from screens.panel import Panel
from widgets.footer import key_sign
from widgets.listing import Lines, Listing
from widgets.rows import EMPTY, Row, cell, right, row
from widgets.vocabulary import Ink
from widgets.words import clean

ROOM = 59
"""Cells of a row inside the frame, behind one blank."""
SAID = 2


def matching(actions: tuple[Action, ...], typed: str) -> list[Action]:
    """Actions whose title or help has every word typed; titles that begin with it come first."""
    words = typed.casefold().split()
    found = [action for action in actions if all(word in f"{action.title} {action.help}".casefold() for word in words)]
    return sorted(found, key=lambda action: not action.title.casefold().startswith(typed.casefold()))


class PaletteScreen(Panel[str | None]):
    """Type to narrow, arrows to move, Enter to do; gives the action's id, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False, priority=True),
        Binding("down", "move(1)", "Down", show=False, priority=True),
    ]
    heading = " Palette "
    subheading = " Enter does it, Esc leaves "

    def __init__(self, where: str) -> None:
        super().__init__()
        self.actions = tuple(action for action in actions_of(where) if action.id not in ("palette", "back"))
        self.found = list(self.actions)

    def content(self) -> Iterable[Widget]:
        """What is typed, what it finds, and what the one at the mark does."""
        self.entry = Input(placeholder="an action's name", compact=True)
        self.entry.cursor_blink = False
        self.listing = Listing(self.look, empty=row((" no action has these words", Ink.DIM)))
        self.listing.can_focus = False
        self.said = Lines(self.look, [EMPTY] * SAID)
        yield from (self.entry, self.listing, self.said)

    def on_mount(self) -> None:
        """Listen to what is typed."""
        super().on_mount()
        self._narrow("")
        self.entry.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Narrow the list."""
        event.stop()
        self._narrow(event.value)

    def _narrow(self, typed: str) -> None:
        self.found = matching(self.actions, typed)
        self.listing.cursor = 0
        self._paint()

    def _paint(self) -> None:
        self.listing.set([self._row(place, action) for place, action in enumerate(self.found)])
        at = self.found[self.listing.cursor] if self.found else None
        why = at.disabled_reason(self.console.picture) if at else None
        words, ink = (f"not now: {clean(why)}", Ink.WARN) if why else (at.help if at else "", Ink.DIM)
        parts = folded_prose(words, ROOM)[:SAID]
        self.said.set([*(row((f" {part}", ink)) for part in parts), *[EMPTY] * (SAID - len(parts))])

    def _row(self, place: int, action: Action) -> Row:
        dim = action.disabled_reason(self.console.picture) is not None
        mark = self.look.glyphs.running if place == self.listing.cursor else " "
        ink = Ink.DIM if dim else Ink.STRONG if place == self.listing.cursor else Ink.TEXT
        key = key_sign(self.console.keys.get(action.id, action.key))
        return row((f"{mark} ", Ink.ACCENT), cell(action.title, 40, ink), right(key, 8, Ink.KEY))

    def action_move(self, by: int) -> None:
        """Move the mark."""
        self.listing.cursor = max(0, min(self.listing.cursor + by, len(self.found) - 1))
        self._paint()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Do what is marked, unless it cannot be done now."""
        event.stop()
        if not self.found:
            return
        action = self.found[self.listing.cursor]
        if action.disabled_reason(self.console.picture) is None:
            self.dismiss(action.id)


def open_palette(console: Console) -> None:
    """Show the actions of the screen that is seen, and do the one that is picked."""

    def picked(action: str | None) -> None:
        if action is not None:
            console.do(action)

    console.push_screen(PaletteScreen(getattr(console.screen, "place", "dashboard")), picked)

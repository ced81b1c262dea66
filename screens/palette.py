"""The palette: any action of the screen, found by its name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from console.actions.table import actions_of
from console.core.actions import Action
from console.core.picture import Picture
from console.engine.desk import Desk
from widgets.bypass_row import BypassRow
from widgets.footer import key_sign
from widgets.listing import Lines, Listing
from widgets.rows import EMPTY, Row, cell, right, row
from widgets.vocabulary import Ink, Look
from widgets.words import clean


def matching(actions: tuple[Action, ...], typed: str) -> list[Action]:
    """Actions whose title or help has every word typed; titles that begin with it come first."""
    words = typed.casefold().split()
    found = [action for action in actions if all(word in f"{action.title} {action.help}".casefold() for word in words)]
    return sorted(found, key=lambda action: not action.title.casefold().startswith(typed.casefold()))


class PaletteScreen(ModalScreen[str | None]):
    """Type to narrow, arrows to move, Enter to do; gives the action's id, or None."""

    CSS_PATH = "panel.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave", show=False),
        Binding("up", "move(-1)", "Up", show=False, priority=True),
        Binding("down", "move(1)", "Down", show=False, priority=True),
    ]

    def __init__(self, desk: Desk, look: Look, clock: Callable[[], datetime], *, where: str) -> None:
        super().__init__()
        self.desk = desk
        self.look = look
        self.clock = clock
        self.actions = tuple(action for action in actions_of(where) if action.id not in ("palette", "back"))
        self.found = list(self.actions)
        self.bypass = BypassRow(look)
        self.entry = Input(placeholder="an action's name", compact=True)
        self.entry.cursor_blink = False
        self.listing = Listing(look, empty=row((" no action has these words", Ink.DIM)))
        self.listing.can_focus = False
        self.said = Lines(look, [EMPTY])

    def compose(self) -> ComposeResult:
        """What is typed, and what it finds."""
        yield self.bypass
        box = Vertical(self.entry, self.listing, self.said, id="panel")
        box.border_title = " Palette "
        box.border_subtitle = " Enter does it, Esc leaves "
        box.set_class(self.look.ascii, "-ascii")
        box.styles.height = 18
        yield box

    def on_mount(self) -> None:
        """Listen to what is typed."""
        self.bypass.show(self.desk.picture, self.clock())
        self._narrow("")
        self.entry.focus()

    def show(self, picture: Picture, now: datetime) -> None:
        """Keep the bypass row true."""
        self.bypass.show(picture, now)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Narrow the list."""
        self._narrow(event.value)

    def _narrow(self, typed: str) -> None:
        self.found = matching(self.actions, typed)
        self.listing.cursor = 0
        self._paint()

    def _paint(self) -> None:
        self.listing.set([self._row(place, action) for place, action in enumerate(self.found)])
        at = self.found[self.listing.cursor] if self.found else None
        why = at.disabled_reason(self.desk.picture) if at else None
        told: Row = row((f" not now: {clean(why)}", Ink.WARN)) if why else row((f" {at.help}" if at else "", Ink.DIM))
        self.said.set([told])

    def _row(self, place: int, action: Action) -> Row:
        dim = action.disabled_reason(self.desk.picture) is not None
        mark = self.look.glyphs.running if place == self.listing.cursor else " "
        ink = Ink.DIM if dim else Ink.STRONG if place == self.listing.cursor else Ink.TEXT
        return row((f"{mark} ", Ink.ACCENT), cell(action.title, 40, ink), right(key_sign(action.key), 8, Ink.KEY))

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
        if action.disabled_reason(self.desk.picture) is None:
            self.dismiss(action.id)

    def action_leave(self) -> None:
        """Close."""
        self.dismiss(None)

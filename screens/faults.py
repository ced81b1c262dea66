"""The fault menu of a practice world: what can go wrong, switched on and off by Enter."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from console.core.actions import Refused
from console.core.picture import Picture
from console.engine.desk import Desk
from widgets.bypass_row import BypassRow
from widgets.listing import Lines, Listing
from widgets.rows import EMPTY, Row, cell, row
from widgets.states import placeholder
from widgets.vocabulary import Ink, Look
from widgets.words import clean


class FaultsScreen(ModalScreen[None]):
    """A fault a row; Enter or Space switches the one at the cursor."""

    CSS_PATH = "panel.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,x", "leave", "Leave", show=False),
        Binding("space", "switch", "Switch", show=False),
    ]

    def __init__(self, desk: Desk, look: Look, clock: Callable[[], datetime]) -> None:
        super().__init__()
        self.desk = desk
        self.look = look
        self.clock = clock
        self.bypass = BypassRow(look)
        self.listing = Listing(look, empty=row((" reading…", Ink.DIM)))
        self.said = Lines(look, [row((" Enter switches; faults end with the sandbox", Ink.DIM))])
        self._asked: dict[str, bool] = {}

    def compose(self) -> ComposeResult:
        """The framed list."""
        yield self.bypass
        box = Vertical(self.listing, self.said, id="panel")
        box.border_title = " Faults of the sandbox "
        box.border_subtitle = " Esc leaves "
        box.set_class(self.look.ascii, "-ascii")
        box.styles.height = 17
        yield box

    def on_mount(self) -> None:
        """Draw and listen."""
        self.show(self.desk.picture, self.clock())
        self.listing.focus()

    def show(self, picture: Picture, now: datetime) -> None:
        """Take a new picture."""
        self.bypass.show(picture, now)
        faults = picture.faults.value
        if faults is None:
            self.listing.set([], placeholder(picture.faults, picture, "faults"))
            return
        self.listing.set([self._row(name, on) for name, on in faults])

    def _row(self, name: str, on: bool) -> Row:
        asked = self._asked.get(name)
        if asked == on:
            self._asked.pop(name, None)
            asked = None
        word = ("switching…", Ink.ACCENT) if asked is not None else ("ON", Ink.ALARM) if on else ("off", Ink.DIM)
        return row(" ", cell(clean(name), 28, Ink.STRONG if on else Ink.TEXT), word)

    def on_listing_chosen(self, event: Listing.Chosen) -> None:
        """Enter on a fault."""
        event.stop()
        self.action_switch()

    def action_switch(self) -> None:
        """Switch the fault at the cursor; the answer is waited for in a thread."""
        faults = self.desk.picture.faults.value
        if not faults or self.listing.cursor >= len(faults):
            return
        name, on = faults[self.listing.cursor]
        self._asked[name] = not on
        self.show(self.desk.picture, self.clock())
        self.run_worker(lambda: self._switch(name, not on), thread=True, group="faults")

    def _switch(self, name: str, on: bool) -> None:
        try:
            self.desk.set_fault(name, on)
        except Refused as error:
            self.app.call_from_thread(self._failed, name, str(error))
        else:
            self.app.call_from_thread(self.said.set, [EMPTY])

    def _failed(self, name: str, why: str) -> None:
        self._asked.pop(name, None)
        self.said.set([row((f" {clean(why)}", Ink.BAD))])
        self.show(self.desk.picture, self.clock())

    def action_leave(self) -> None:
        """Close."""
        self.dismiss(None)

"""The fault menu of a practice world: what can go wrong, switched on and off by Enter."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from console.core.operations import Refused
from console.core.picture import Picture
from screens.base import Console
from screens.panel import Panel
from widgets.listing import Lines, Listing
from widgets.rows import EMPTY, Row, cell, row
from widgets.states import placeholder
from widgets.vocabulary import Ink
from widgets.words import clean


class FaultsScreen(Panel[None]):
    """A fault a row; Enter or Space switches the one at the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,x", "leave", "Leave", show=False),
        Binding("space", "switch", "Switch", show=False),
    ]
    heading = " Faults of the sandbox "
    subheading = " Enter switches, Esc leaves "

    def content(self) -> Iterable[Widget]:
        """The list, and what the sandbox answered."""
        self._asked: dict[str, bool] = {}
        self.height = len(self.console.picture.faults.value or ()) + 3
        self.listing = Listing(self.look, empty=row((" reading…", Ink.DIM)))
        self.said = Lines(self.look, [row((" a fault ends with the sandbox at the latest", Ink.DIM))])
        yield from (self.listing, self.said)

    def on_mount(self) -> None:
        """Draw and listen."""
        super().on_mount()
        self.listing.focus()

    def picture_changed(self, picture: Picture) -> None:
        """Draw the faults as they are."""
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
        word = ("switching…", Ink.ACCENT) if asked is not None else (" ON ", Ink.ALARM) if on else ("off", Ink.DIM)
        return row(" ", cell(clean(name), 28, Ink.STRONG if on else Ink.TEXT), word)

    def on_listing_chosen(self, event: Listing.Chosen) -> None:
        """Enter on a fault."""
        event.stop()
        self.action_switch()

    def action_switch(self) -> None:
        """Switch the fault at the cursor; the answer is waited for in a thread."""
        faults = self.console.picture.faults.value
        if not faults or self.listing.cursor >= len(faults):
            return
        name, on = faults[self.listing.cursor]
        self._asked[name] = not on
        self.picture_changed(self.console.picture)
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
        self.picture_changed(self.console.picture)


def open_faults(console: Console) -> None:
    """Show the faults."""
    console.push_screen(FaultsScreen())

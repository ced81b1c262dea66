"""The picker: which system, and which of its environments, before the console opens."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from console.core.system import System, Tone
from screens.theme import TEXTUAL_THEMES, look_for
from widgets.listing import Lines, Listing
from widgets.rows import Row, cell, row
from widgets.vocabulary import TONE_INK, Ink
from widgets.words import clean


@dataclass(frozen=True, slots=True)
class Entry:
    """One line to pick: an environment of a system, or a system whose file is broken (fault says how)."""

    path: str
    name: str
    title: str
    environment: str
    tone: Tone
    fault: str = ""


def entries_of(systems: Sequence[System]) -> list[Entry]:
    """Every environment of every system."""
    return [
        Entry(str(system.path), system.name, system.title, environment.name, environment.tone)
        for system in systems
        for environment in system.environments
    ]


class PickerApp(App[Entry | None]):
    """A list; Enter picks, Escape or `q` leaves."""

    CSS_PATH = "picker.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "quit", "Leave", show=False)]

    def __init__(self, entries: Sequence[Entry], *, ascii_only: bool = False) -> None:
        super().__init__()
        self.look = look_for(os.environ, ascii_only="yes" if ascii_only else "no")
        self.entries = tuple(entries)
        self.listing = Listing(self.look, [self._row(entry) for entry in entries])
        self.said = Lines(self.look, [row((" Enter picks, q leaves", Ink.DIM))])

    def compose(self) -> ComposeResult:
        """The framed list."""
        box = Vertical(self.listing, self.said, id="panel")
        box.border_title = " Which system, and where? "
        box.set_class(self.look.ascii, "-ascii")
        box.styles.height = min(len(self.entries) + 3, 20)
        yield box

    def on_mount(self) -> None:
        """Take the terminal's theme and listen."""
        theme = TEXTUAL_THEMES[self.look.palette]
        self.register_theme(theme)
        self.theme = theme.name
        self.listing.focus()

    def _row(self, entry: Entry) -> Row:
        if entry.fault:
            return row(" ", cell(clean(entry.name), 16, Ink.DIM), (f"cannot be read: {clean(entry.fault)}", Ink.BAD))
        return row(
            " ",
            cell(clean(entry.name), 16, Ink.STRONG),
            (f" {entry.environment.upper()} ", TONE_INK[entry.tone]),
            "  ",
            (clean(entry.title), Ink.DIM),
        )

    def on_listing_chosen(self, event: Listing.Chosen) -> None:
        """Pick, unless its file is broken."""
        entry = self.entries[event.index]
        if entry.fault:
            self.said.set([row((f" hakgal-console check {entry.path} says what is wrong", Ink.WARN))])
            return
        self.exit(entry)

    async def action_quit(self) -> None:
        """Leave without a choice."""
        self.exit(None)

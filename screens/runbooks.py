"""The list of a system's runbooks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from textual.widget import Widget

from console.core.operations import Refused
from console.core.picture import AlertState, Picture
from screens.base import Console
from screens.room import Room
from screens.runbook import RunbookRoom
from widgets.listing import Listing
from widgets.rows import Row, cell, row
from widgets.vocabulary import Ink
from widgets.words import clean, plural


class RunbooksRoom(Room):
    """Every Markdown file of the system; Enter opens one. Those that a firing alert points to come first."""

    place = "runbooks"

    def content(self) -> Iterable[Widget]:
        """The list."""
        self.listing = Listing(self.look, empty=row((" this system has no runbooks", Ink.DIM)))
        self.paths = list(self.desk.system.runbooks)
        yield self.listing

    def title_of(self, picture: Picture, now: datetime) -> str:
        """How many."""
        return plural(len(self.desk.system.runbooks), "runbook")

    def on_mount(self) -> None:
        """Listen."""
        super().on_mount()
        self.listing.focus()

    def draw(self, picture: Picture, now: datetime) -> None:
        """Those that are called for first, then by name."""
        called = {
            alert.runbook: alert.title
            for alert in picture.alerts.alerts
            if alert.runbook is not None and alert.state is AlertState.FIRING
        }
        at = self.paths[self.listing.cursor] if self.paths else None
        self.paths = sorted(self.desk.system.runbooks, key=lambda path: (path not in called, path.name))
        rows: list[Row] = []
        for path in self.paths:
            fires = called.get(path)
            words = (f"{fires} is firing", Ink.ALARM) if fires else ("", Ink.DIM)
            rows.append(
                row(" ", cell(clean(path.stem.replace("-", " ")), 40, Ink.STRONG if fires else Ink.TEXT), words)
            )
        if at in self.paths and self.listing.rows:
            self.listing.cursor = self.paths.index(at)
        self.listing.set(rows)

    def on_listing_chosen(self, event: Listing.Chosen) -> None:
        """Open the runbook at the cursor."""
        event.stop()
        open_runbook(self.console, self.paths[event.index])


def open_runbooks(console: Console) -> None:
    """List the runbooks."""
    console.push_screen(RunbooksRoom())


def open_runbook(console: Console, path: Path) -> None:
    """Open one runbook, or say why it cannot be read."""
    try:
        runbook = console.desk.read_runbook(path)
    except Refused as error:
        console.say(str(error), Ink.BAD)
        return
    console.push_screen(RunbookRoom(runbook))

"""Dialogs at the beginning of a walk: which open run to go on with, and what has changed in the file since."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType

from console.core.picture import Picture
from console.core.runbooks.runs import Mark, Run
from screens.dialog import ROOM, Dialog
from screens.folding import folded_code
from widgets.rows import EMPTY, Row, cell, inked, row
from widgets.steps import done_words
from widgets.vocabulary import Ink
from widgets.words import ago, clean, plural

ANEW = "anew"
AROUND = 7


def run_words(run: Run, now: datetime) -> str:
    """`3 of 9 done, at step 4, since 20m by ines@bastion`."""
    unknown = sum(step.mark is Mark.UNKNOWN for step in run.steps)
    odd = f", {plural(unknown, 'step')} to verify" if unknown else ""
    return f"{done_words(run)}, at step {run.here}{odd}, began {ago(run.began, now)} by {run.by}"


class ChoiceDialog(Dialog):
    """A dialog with nothing to type: its keys are its bindings, once it listens."""

    def fields(self) -> tuple[()]:
        """None."""
        return ()

    def submit(self) -> None:
        """Nothing is typed here."""

    def on_key(self, event: events.Key) -> None:
        """Every other key says which there are."""
        event.prevent_default()
        if self.listens and event.key != "escape":
            self.complain(row((self.keys_words, Ink.WARN)))

    keys_words = ""


class ResumeDialog(ChoiceDialog):
    """Open runs of a runbook: Enter goes on with the one at the mark, `n` begins anew. Gives a run's id, or ANEW."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("enter", "resume", "Go on", show=False),
        Binding("n", "anew", "Begin anew", show=False),
    ]
    keys_words = "Enter goes on with it, n begins anew, Esc only reads"

    def __init__(self, runs: tuple[Run, ...]) -> None:
        super().__init__()
        self.runs = runs
        self.at = 0

    def heading(self) -> str:
        """How many there are."""
        return f" {plural(len(self.runs), 'open run')} of this runbook "

    def rows(self, picture: Picture, now: datetime) -> Sequence[Row]:
        """A run in two rows; the mark stands at one."""
        most = max((self.app.size.height - AROUND) // 2 - 2, 1)
        begin = max(0, min(self.at - most // 2, len(self.runs) - most))
        rows: list[Row] = []
        for number, run in enumerate(self.runs[begin : begin + most], begin):
            chosen = number == self.at
            mark = self.look.glyphs.running if chosen else " "
            first = row((f"{mark} ", Ink.ACCENT), (run.id, Ink.STRONG))
            rows.append(inked(first, Ink.SELECTED) if chosen else first)
            rows.append(row((f"    {clean(run_words(run, now))}", Ink.TEXT if chosen else Ink.DIM)))
        keys = row(
            ("Enter", Ink.KEY), " go on with it   ", ("n", Ink.KEY), " begin anew   ", ("Esc", Ink.KEY), " only read"
        )
        return [*rows, EMPTY, keys]

    def action_move(self, by: int) -> None:
        """Move the mark."""
        self.at = max(0, min(self.at + by, len(self.runs) - 1))
        self.take(self.console.picture)

    def action_resume(self) -> None:
        """Go on with it."""
        if self.listens:
            self.dismiss(self.runs[self.at].id)  # type: ignore[arg-type]

    def action_anew(self) -> None:
        """Begin anew."""
        if self.listens:
            self.dismiss(ANEW)  # type: ignore[arg-type]


class ChangesDialog(ChoiceDialog):
    """What has changed in the file since the run began; gives whether the new file is taken up."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll(-1)", "Up", show=False),
        Binding("down", "scroll(1)", "Down", show=False),
        Binding("pageup", "scroll(-12)", "Page up", show=False),
        Binding("pagedown", "scroll(12)", "Page down", show=False),
        Binding("c", "choose(False)", "The copy", show=False),
        Binding("u", "choose(True)", "The new file", show=False),
    ]
    keys_words = "c goes on with the copy, u takes up the new file"

    def __init__(self, changes: tuple[str, ...]) -> None:
        super().__init__()
        self.changes = changes
        self._top = 0

    def heading(self) -> str:
        """What it is about."""
        return " The file has changed since the run began "

    def rows(self, picture: Picture, now: datetime) -> Sequence[Row]:
        """The difference, as much as fits; then the keys."""
        inks = {"+": Ink.OK, "-": Ink.BAD, "@": Ink.DIM}
        rows = [
            row((part, inks.get(line[:1], Ink.TEXT)))
            for line in self.changes
            for part in folded_code(clean(line), ROOM)
        ]
        room = max(self.app.size.height - AROUND - 3, 4)
        self._top = max(0, min(self._top, len(rows) - room))
        left = len(rows) - self._top - room
        more = row((f"{plural(left, 'more row')} below; arrows and page keys move", Ink.DIM)) if left > 0 else EMPTY
        keys = row(("c", Ink.KEY), cell(" go on with the copy as it was", 32), ("u", Ink.KEY), " take up the new file")
        return [*rows[self._top : self._top + room], more, keys]

    def action_scroll(self, by: int) -> None:
        """Move through the difference."""
        self._top += by
        self.take(self.console.picture)

    def action_choose(self, take_up: bool) -> None:
        """The copy, or the new file."""
        if self.listens:
            self.dismiss(take_up)  # type: ignore[arg-type]

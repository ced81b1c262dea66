"""A dialog that stands before a dangerous action: it names everything, and asks for the target's name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from textwrap import wrap
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Label

from console.core.picture import Picture
from console.engine.desk import Desk
from screens.base import ConsoleDialog
from widgets.bypass_row import BypassRow
from widgets.listing import Lines
from widgets.rows import Row, row
from widgets.vocabulary import Ink, Look
from widgets.words import clean, plural

DEAF = 0.5
ROOM = 74
"""Cells of a row inside the frame."""


def told(label: str, text: str, ink: Ink = Ink.TEXT, label_ink: Ink = Ink.DIM) -> list[Row]:
    """A label and its text, folded between words, with the text's rows one below the other."""
    parts = wrap(clean(text), ROOM - len(label)) or [""]
    heads = [label, *(" " * len(label) for _ in parts[1:])]
    return [row((head, label_ink), (part, ink)) for head, part in zip(heads, parts, strict=True)]


class Field(Horizontal):
    """A label and what is typed behind it. missing: what Enter says where it is empty; empty where it may be."""

    def __init__(
        self, label: str, *, id: str, value: str = "", width: int | None = None, missing: str | None = None
    ) -> None:
        super().__init__(classes="field")
        self._label = label
        name = label.partition("(")[0].rstrip(" :")
        self.missing = f"nothing was done: {name!r} is required" if missing is None else missing
        self._width = width
        self.entry = Input(value, id=id, compact=True, select_on_focus=False)
        self.entry.cursor_blink = False

    def compose(self) -> ComposeResult:
        """The label, then the entry."""
        yield Label(self._label, markup=False)
        if self._width:
            self.entry.styles.width = self._width
        yield self.entry


def target_field(target: str) -> Field:
    """The entry for the name that is typed to confirm."""
    missing = f"nothing was done: {target} must be typed first"
    return Field(f"Type {target} and press Enter:", id="target", missing=missing)


class Dialog(ConsoleDialog[None]):
    """Rows that say what will be done, entries, and a line for what is wrong.

    Keys pressed in the first half second go nowhere: they were meant for the screen below. Enter on an empty entry says
    that it is required. Escape leaves; what was begun goes on, for the engine owns it. What is over says so at any key
    but those it has.
    """

    CSS_PATH = Path(__file__).with_name("dialog.tcss")
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave", show=False)]

    def __init__(self) -> None:
        super().__init__()
        self.listens = False
        self._fields: tuple[Field, ...] = ()

    @property
    def desk(self) -> Desk:
        """The engine."""
        return self.console.desk

    @property
    def look(self) -> Look:
        """How things look here."""
        return self.console.look

    @property
    def finished(self) -> bool:
        """Whether nothing more can be done here but to leave."""
        return False

    @property
    def leaving(self) -> str:
        """What the last line of a finished dialog says of its keys."""
        return "Esc leaves, o shows the rollout" if self.console.picture.rollout is not None else "Esc leaves"

    def begin(self) -> None:
        """Find out what is to be said; called once, before anything is drawn."""

    def fields(self) -> Iterable[Field]:
        """The entries, in the order they are filled in."""
        return ()

    def heading(self) -> str:
        """The words in the frame."""
        raise NotImplementedError

    def rows(self, picture: Picture, now: datetime) -> Sequence[Row]:
        """What is said above the entries."""
        raise NotImplementedError

    def submit(self) -> None:
        """Every entry is filled in and Enter was pressed in the last one."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """The bypass row, for it is on every screen, and the framed dialog."""
        self.begin()
        self.said = Lines(self.look, id="said")
        self.trouble = Lines(self.look, id="trouble")
        self._fields = tuple(self.fields())
        yield BypassRow(self.look)
        self.box = Vertical(self.said, *self._fields, self.trouble, id="dialog")
        self.box.border_title = self.look.spell(self.heading())
        self.box.set_class(self.look.ascii, "-ascii")
        yield self.box

    def on_mount(self) -> None:
        """Draw at once; listen half a second later."""
        self.take(self.console.picture)
        self.set_timer(DEAF, self._listen)

    def _listen(self) -> None:
        self.listens = True
        self.ready()

    def ready(self) -> None:
        """Half a second has passed: put the cursor into the first entry."""
        if self._fields:
            self._fields[0].entry.focus()

    def picture_changed(self, picture: Picture) -> None:
        """Say it anew."""
        self._say(picture, self.console.now())

    def ticked(self, now: datetime) -> None:
        """Let ages grow."""
        self._say(self.console.picture, now)

    def _say(self, picture: Picture, now: datetime) -> None:
        """The rows, and in the frame what the panes behind, which stand still meanwhile, no longer tell."""
        self.said.set(self.rows(picture, now))
        firing = len(picture.alerts.firing)
        alerts = f"{plural(firing, 'alert')} firing" if firing else "no alert fires"
        if picture.alerts.checked_at is None:
            alerts = "alerts not judged yet"
        self.box.border_subtitle = self.look.spell(f" {now:%H:%M:%SZ} · {alerts} · the panes behind stand still ")

    def complain(self, *rows: Row) -> None:
        """Say what is wrong, below the entries; without rows, nothing is."""
        self.trouble.set(rows)

    def close_entries(self) -> None:
        """Nothing more is to be typed."""
        self.complain()
        self.set_focus(None)
        for field in self._fields:
            field.display = False
        self.take(self.console.picture)

    def value(self, id: str) -> str:
        """What is typed in an entry."""
        return self.query_one(f"#{id}", Input).value.strip()

    def on_key(self, event: events.Key) -> None:
        """A dialog has no keys but its own bindings: those of the action table are for screens."""
        event.prevent_default()
        if not (self.listens and self.finished) or event.key == "escape":
            return
        if event.key == "o" and self.console.picture.rollout is not None:
            self.dismiss(None)
            self.console.do("rollout")
        else:
            self.complain(row((f"this is over; {self.leaving}", Ink.WARN)))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter: on to the next entry, or submit from the last; an empty one that is required says so."""
        event.stop()
        if not self.listens:
            return
        at = next(place for place, field in enumerate(self._fields) if field.entry is event.input)
        here, later = self._fields[at], self._fields[at + 1 :]
        if not self._lacks(here):
            self.complain()
            if later:
                later[0].entry.focus()
            elif not any(map(self._lacks, self._fields)):
                self.submit()

    def _lacks(self, field: Field) -> bool:
        """Whether it is empty and must not be; it is said, and the cursor goes there."""
        if field.entry.value.strip() or not field.missing:
            return False
        field.entry.focus()
        self.complain(*told("", field.missing, Ink.WARN))
        return True

    def action_leave(self) -> None:
        """Close the dialog."""
        self.dismiss(None)

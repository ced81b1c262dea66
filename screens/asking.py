"""A dialog whose answer comes from the desk, in a thread of the app's; told here, or wherever one is by then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import ClassVar

from textual.binding import Binding, BindingType

from console.core.picture import Picture
from console.core.rollouts.view import RolloutView
from screens.dialog import Dialog, Field, target_field, told
from widgets.rows import EMPTY, Row, row
from widgets.vocabulary import Ink
from widgets.words import clean, plural

AROUND = 7
"""Rows of the screen that are not for what is said: the bypass, the frame, a refusal."""


class AskDialog(Dialog):
    """Says what will be done, asks for what is to be typed, hands it to the desk.

    Page keys move through what does not fit. What was asked is done although the dialog is left; its answer is said in
    the footer then. stays: the answer stays in the dialog until Escape; else the dialog closes on it.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pageup", "page(-1)", "Page up", show=False, priority=True),
        Binding("pagedown", "page(1)", "Page down", show=False, priority=True),
    ]
    stays = True
    doing = "it"

    def __init__(self) -> None:
        super().__init__()
        self.busy = False
        self.answer = ""
        self._top = 0

    @property
    def view(self) -> RolloutView | None:
        """The rollout under way."""
        return self.console.picture.under_way

    @property
    def finished(self) -> bool:
        """Whether the answer is there."""
        return bool(self.answer)

    @property
    def target(self) -> str:
        """What is typed to confirm."""
        return self.console.picture.system

    def target_field(self) -> Field:
        """The last entry."""
        return target_field(self.target)

    def said_rows(self, picture: Picture, now: datetime) -> Sequence[Row]:
        """What is said above the entries while nothing was sent."""
        raise NotImplementedError

    def rows(self, picture: Picture, now: datetime) -> Sequence[Row]:
        """What is said, as much of it as fits; or that it is being asked; or the answer."""
        if self.answer:
            return [*told("", self.answer, Ink.OK), EMPTY, row((self.leaving, Ink.STRONG))]
        if self.busy:
            return [row((f"{self.doing}…", Ink.ACCENT)), EMPTY, row(("Esc leaves; it is done all the same", Ink.DIM))]
        rows = list(self.said_rows(picture, now))
        fields = sum(bool(field.display) for field in self._fields)
        room = max(self.app.size.height - AROUND - fields, 4)
        if len(rows) <= room:
            self._top = 0
            return rows
        self._top = max(0, min(self._top, len(rows) - room + 1))
        left = len(rows) - self._top - (room - 1)
        more = f"{plural(left, 'more line')} below" if left > 0 else "the end"
        return [*rows[self._top : self._top + room - 1], row((f"{more}; page keys move", Ink.DIM))]

    def send(self, call: Callable[[], str]) -> None:
        """Hand it to the desk."""
        if self.busy or self.answer:
            return
        self.busy = True
        self.close_entries()
        self.console.ask(self.doing, call, self._answered)

    def _answered(self, answer: str | None, why: str) -> None:
        self.busy = False
        if not self.is_attached or self.app.screen is not self:
            self.console.say(answer if answer is not None else why, Ink.WARN if answer is None else Ink.OK)
            return
        if answer is None:
            for field in self._fields:
                field.display = True
            self.complain(*told("", why, Ink.WARN))
            self.take(self.console.picture)
            self._fields[-1].entry.focus()
        elif self.stays:
            self.answer = answer or "done"
            self.take(self.console.picture)
        else:
            self.dismiss(None)
            self.console.say(answer, Ink.OK)

    def action_page(self, pages: int) -> None:
        """Move through what does not fit."""
        self._top += pages * 6
        self.take(self.console.picture)


def choices(label: str, names: Sequence[str], at: int, room: int = 68) -> Row:
    """The names with the chosen one marked, as many around it as fit."""
    first, last = at, at + 1
    width = len(names[at]) + 2
    while True:
        before = first > 0 and width + len(names[first - 1]) + 2 <= room
        after = last < len(names) and width + len(names[last]) + 2 <= room
        if not (before or after):
            break
        if before and (not after or at - first <= last - 1 - at):
            first -= 1
            width += len(names[first]) + 2
        else:
            width += len(names[last]) + 2
            last += 1
    spans = [
        (f" {clean(name)} ", Ink.SELECTED if first + place == at else Ink.TEXT)
        for place, name in enumerate(names[first:last])
    ]
    return row((label, Ink.DIM), *spans)

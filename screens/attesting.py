"""Dialogs by which a person vouches for something: a checklist item, a role's go or no-go, a look."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar

from textual.binding import Binding, BindingType

from console.core.rollouts.view import ItemView, RolloutView
from screens.asking import choices
from screens.dialog import Field, told
from screens.promoting import unmet
from screens.steering import SteerDialog
from widgets.phases import rollout_time
from widgets.rows import Row, row
from widgets.vocabulary import Ink
from widgets.words import ago, clean


def ticked_words(item: ItemView, now: datetime) -> str:
    """`ticked by ines@bastion 4m ago: told at nine`. now: rollout time."""
    return f"ticked by {item.by} {ago(item.at, now)}" + (f": {item.note}" if item.note else "")


class TickDialog(SteerDialog):
    """Tick an item, or take its tick back; with a note of what was seen. item: its place, from 0."""

    stays = False

    def __init__(self, item: int, *, done: bool) -> None:
        super().__init__()
        self.item = item
        self.done = done
        self.words = "Tick for" if done else "Take a tick back for"
        self.doing = "writing the tick"
        self.text = ""
        self._read: object = None

    def begin(self) -> None:
        """Remember which item, and how it stands."""
        super().begin()
        self.text = self.text_now()
        self._read = self._stands()

    def text_now(self) -> str:
        """The item's text as it is now; empty where there is none."""
        items = self.view.checklist if self.view is not None else ()
        return items[self.item].text if self.item < len(items) else ""

    def _rollout_time(self) -> datetime:
        return rollout_time(self.console.picture, self.console.now())

    def _stands(self) -> tuple[object, ...]:
        """Who ticked the item and when; empty where nobody did."""
        item = self.view.checklist[self.item] if self.view is not None and self.text_now() else None
        return () if item is None or not item.done else (item.by, item.at)

    def fields(self) -> Iterable[Field]:
        """The note: a tick needs none."""
        if self.done:
            return (Field("What was seen (may be left empty):", id="note", missing=""),)
        return (Field("Why it no longer holds (required):", id="note"),)

    def does(self, view: RolloutView) -> list[Row]:
        """The item as it is written."""
        if self.text_now() != self.text:
            return told("item   ", "this phase has no such item any more", Ink.WARN)
        item = view.checklist[self.item]
        rows = told("item   ", item.text, Ink.STRONG)
        if item.done:
            rows += told("       ", ticked_words(item, self._rollout_time()), Ink.WARN)
        return rows

    def submit(self) -> None:
        """Write it down, for the item that was read and no other."""
        if self.text_now() != self.text:
            self.complain(*told("", "this item is not there any more; Esc leaves", Ink.WARN))
            return
        if self._stands() != self._read:
            self._read = self._stands()
            asks = "it is ticked already" if self._read else "it is not ticked any more"
            self.complain(*told("", f"{asks}, since this was opened; Enter again writes over that", Ink.BAD))
            return
        note = self.value("note")
        self.send(lambda: self.desk.tick(self.item, self.done, note))


class SignDialog(SteerDialog):
    """Sign for a role; up and down pick it. Nothing but `go` and `no-go` is taken."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "pick(-1)", "Role before", show=False, priority=True),
        Binding("down", "pick(1)", "Role after", show=False, priority=True),
    ]
    stays = False
    words, doing = "Sign for", "writing the signature"

    def __init__(self, role: str = "") -> None:
        super().__init__()
        self.role = role
        self.roles: tuple[str, ...] = ()
        self.at = 0
        self.add_class("-dangerous")

    def begin(self) -> None:
        """The roles; the one at the cursor, else the first that has not signed, is chosen."""
        super().begin()
        view = self.view
        if view is None:
            return
        self.roles = tuple(sign.role for sign in view.sign_offs)
        waiting = next((place for place, sign in enumerate(view.sign_offs) if not sign.decision), 0)
        self.at = self.roles.index(self.role) if self.role in self.roles else waiting

    def fields(self) -> Iterable[Field]:
        """Decision, note, target."""
        return (
            Field("go or no-go (required):", id="decision", width=10),
            Field("Note (required):", id="note"),
            self.target_field(),
        )

    def does(self, view: RolloutView) -> list[Row]:
        """For whom, what was said so far, and what is not met at this moment."""
        if not self.roles:
            return told("role   ", "nobody has to sign this phase; Esc leaves", Ink.WARN)
        rows = [choices("role   ", self.roles, self.at)]
        if len(self.roles) > 1:
            rows.append(row(("       up/down picks another", Ink.DIM)))
        for sign in view.sign_offs:
            if sign.decision:
                rows += told("said   ", f"{sign.role}: {sign.decision} by {sign.by}: {sign.note}", Ink.DIM)
        missing = [each for each in unmet(view) if not each.endswith("nothing yet")]
        rows += [line for each in missing for line in told("unmet  ", each, Ink.WARN)]
        if not missing:
            rows += told("       ", "every gate passes, the soak is over, everything is ticked", Ink.OK)
        return [*rows, row(("does   ", Ink.DIM), "a no-go holds the rollout; a go counts towards its promotion")]

    def submit(self) -> None:
        """Write it down."""
        decision = self.value("decision").lower()
        if decision not in ("go", "no-go"):
            self.complain(row((f"{clean(decision)} is neither go nor no-go", Ink.WARN)))
            self.query_one("#decision").focus()
            return
        if not self.roles:
            return
        role, note, typed = self.roles[self.at], self.value("note"), self.value("target")
        self.send(lambda: self.desk.sign(role, decision, note, typed))

    def action_pick(self, by: int) -> None:
        """Pick another role."""
        if self.roles and not self.busy:
            self.at = max(0, min(self.at + by, len(self.roles) - 1))
            self.take(self.console.picture)


class LookDialog(SteerDialog):
    """Mark that a person looked; what was seen is written down."""

    stays = False
    words, doing = "A look at", "writing the look"

    def fields(self) -> Iterable[Field]:
        """What was seen."""
        return (Field("What you saw (required):", id="note"),)

    def does(self, view: RolloutView) -> list[Row]:
        """What a person looks for that no rule can see."""
        return [line for each in view.manual for line in told("look   ", f"roll back by hand when {each}")]

    def submit(self) -> None:
        """Write it down."""
        note = self.value("note")
        self.send(lambda: self.desk.look(note))

"""The start dialog: pick a plan, read what it will do, type the target."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import ClassVar

from textual.binding import Binding, BindingType

from console.core.picture import Picture
from screens.asking import AskDialog, choices
from screens.base import Console
from screens.dialog import Field, told
from widgets.rows import EMPTY, Row, row
from widgets.vocabulary import Ink
from widgets.words import ago


class StartDialog(AskDialog):
    """Up and down pick the plan; page keys move through what it will do."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "pick(-1)", "Plan before", show=False, priority=True),
        Binding("down", "pick(1)", "Plan after", show=False, priority=True),
    ]
    doing = "starting the rollout"

    def __init__(self) -> None:
        super().__init__()
        self.add_class("-dangerous")
        self.plans: tuple[str, ...] = ()
        self.at = 0
        self.foreseen: dict[str, tuple[str, ...]] = {}
        self.refused: dict[str, str] = {}

    @property
    def plan(self) -> str:
        """The plan that is picked."""
        return self.plans[self.at]

    def begin(self) -> None:
        """The plans there are; the first is foreseen at once."""
        self.plans = self.console.picture.rollout_plans
        if self.plans:
            self._foresee()

    def heading(self) -> str:
        """Which system."""
        return f" Start a rollout of {self.target} "

    def fields(self) -> Iterable[Field]:
        """The typed target."""
        return (self.target_field(),)

    def said_rows(self, picture: Picture, now: datetime) -> Sequence[Row]:
        """The plans, and what the one that is picked will do."""
        if not self.plans:
            return [row(("there is no plan to start; Esc leaves", Ink.WARN))]
        rows = [*self._runs(picture, now), choices("plan   ", self.plans, self.at)]
        if len(self.plans) > 1:
            rows.append(row(("       up/down picks another", Ink.DIM)))
        if self.plan in self.refused:
            rows += told("WARN   ", self.refused[self.plan], Ink.WARN, Ink.WARN)
        elif self.plan in self.foreseen:
            heads = ("does   ", *("       ",) * len(self.foreseen[self.plan]))
            for head, said in zip(heads, self.foreseen[self.plan], strict=False):
                rows += told(head, said)
        else:
            rows.append(row(("       reading…", Ink.DIM)))
        return [*rows, EMPTY]

    def _runs(self, picture: Picture, now: datetime) -> list[Row]:
        """What runs now, where, and how old that news is."""
        deployed, where = picture.deployed, picture.environment.upper()
        if deployed is None:
            why = picture.cluster.error or "Kubernetes has not answered yet"
            return told("now    ", f"what runs in {where} is not known: {why}", Ink.WARN)
        age = ago(picture.cluster.taken_at, now)
        return told("now    ", f"{deployed.now or 'no version'} in {where}: {deployed.why}; read {age}")

    def _foresee(self) -> None:
        plan = self.plan
        if plan in self.foreseen or plan in self.refused:
            return

        def answered(said: tuple[str, ...] | None, why: str) -> None:
            if said is None:
                self.refused[plan] = why
            else:
                self.foreseen[plan] = said
            if self.is_attached:
                self.take(self.console.picture)

        self.console.ask("", lambda: self.desk.foresee_start(plan), answered)

    def submit(self) -> None:
        """Start what was read; nothing that could not be foreseen."""
        plan, typed = self.plan, self.value("target")
        if plan not in self.foreseen:
            why = self.refused.get(plan, "what it will do is still being read")
            self.complain(*told("", why, Ink.WARN))
            return
        self.send(lambda: self.desk.start_rollout(plan, typed))

    def action_pick(self, by: int) -> None:
        """Pick another plan."""
        if self.plans and not (self.busy or self.answer):
            self.at = max(0, min(self.at + by, len(self.plans) - 1))
            self._top = 0
            self.complain()
            self._foresee()
            self.take(self.console.picture)


def open_start(console: Console) -> None:
    """Ask which plan."""
    console.push_screen(StartDialog())

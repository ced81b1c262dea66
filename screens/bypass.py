"""The bypass dialog: why, for how long, what it switches off, what stays on, and where it ends by itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from console.core.operations import Operation, Refused
from console.core.picture import Picture
from console.core.plans import BypassPlan
from console.core.states import Outcome
from screens.base import Console
from screens.dialog import Dialog, Field, target_field, told
from widgets.rollout import OUTCOME_INK
from widgets.rows import EMPTY, Row, row
from widgets.vocabulary import Ink
from widgets.words import clean


class BypassDialog(Dialog):
    """Grant an emergency bypass."""

    def __init__(self) -> None:
        super().__init__()
        self.add_class("-dangerous")
        self.plan: BypassPlan | None = None
        self.refused = ""
        self.operation: str | None = None

    def begin(self) -> None:
        """Plan, from what is in memory."""
        try:
            self.plan = self.desk.plan_bypass()
        except Refused as error:
            self.refused = str(error)

    def heading(self) -> str:
        """Which system, where."""
        picture = self.console.picture
        return f" Emergency bypass of {picture.system} in {picture.environment.upper()} "

    def fields(self) -> Iterable[Field]:
        """Reason, minutes, target."""
        longest = int(self.plan.longest.total_seconds() // 60) if self.plan else 15
        return (
            Field("Reason (required):", id="reason"),
            Field(f"Minutes ({longest} at most):", id="minutes", value=str(longest), width=8),
            target_field(self.console.picture.system),
        )

    def rows(self, picture: Picture, now: datetime) -> Sequence[Row]:
        """What it does, or how it went."""
        if self.operation is not None:
            return self._progress(picture)
        if self.plan is None:
            return [*told("", self.refused, Ink.WARN), EMPTY, row(("Esc leaves", Ink.DIM))]
        plan = self.plan
        return [
            *told("switches off  ", "; ".join(plan.off) or "what the system reads it for", Ink.BAD),
            *told("stays on      ", "; ".join(plan.on), Ink.OK),
            *(line for place in plan.enforced for line in told("enforced      ", place)),
            row(("today         ", Ink.DIM), f"{plan.today} of {plan.a_day} used"),
            EMPTY,
        ]

    def _progress(self, picture: Picture) -> list[Row]:
        operation = self._operation(picture)
        if operation is None:
            return [row(("asking the store…", Ink.DIM))]
        rows = [part for line in operation.lines for part in told("", line)]
        if operation.outcome is not Outcome.RUNNING:
            rows += told("", operation.summary, OUTCOME_INK[operation.outcome])
            return [*rows, EMPTY, row((self.leaving, Ink.STRONG))]
        return [*rows, EMPTY, row(("Esc leaves", Ink.DIM))]

    @property
    def finished(self) -> bool:
        """Whether it is granted, or was refused."""
        operation = self._operation(self.console.picture)
        return operation is not None and operation.outcome is not Outcome.RUNNING

    def _operation(self, picture: Picture) -> Operation | None:
        return next((entry for entry in picture.operations if entry.id == self.operation), None)

    def ready(self) -> None:
        """Listen only where there is something to fill in."""
        if self.plan is None:
            for field in self._fields:
                field.display = False
            return
        super().ready()

    def submit(self) -> None:
        """Grant."""
        if self.plan is None or self.operation is not None:
            return
        try:
            length = timedelta(minutes=float(self.value("minutes")))
        except (ValueError, OverflowError):
            self.complain(row((f"{clean(self.value('minutes'))} is not a number of minutes", Ink.WARN)))
            self.query_one("#minutes").focus()
            return
        if not timedelta(0) < length <= self.plan.longest:
            most = int(self.plan.longest.total_seconds() // 60)
            self.complain(row((f"a bypass lasts more than 0 and at most {most} minutes", Ink.WARN)))
            self.query_one("#minutes").focus()
            return
        try:
            self.operation = self.desk.grant_bypass(self.value("reason"), length, self.value("target")).id
        except Refused as error:
            self.complain(*told("", str(error), Ink.WARN))
            return
        self.close_entries()


def open_bypass(console: Console) -> None:
    """Ask before a bypass."""
    console.push_screen(BypassDialog())

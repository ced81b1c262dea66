"""The rollback dialog: what runs, what it returns to, and then, in place, how it goes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import ClassVar

from textual.binding import Binding, BindingType

from console.core.operations import Operation, Refused
from console.core.picture import Picture
from console.core.plans import RollbackPlan
from console.core.states import Outcome
from screens.base import Console
from screens.dialog import Dialog, Field, target_field, told
from widgets.rollout import OUTCOME_INK
from widgets.rows import EMPTY, Row, row
from widgets.vocabulary import Ink
from widgets.words import ago, clean, plural

DIFF_ROWS = 5
AROUND = 8
"""Rows beside those of the plan: the bypass, the frame, what is said below the difference, the entry, a refusal."""
PROGRESS_ROWS = 12


def rollout_stands(picture: Picture) -> tuple[object, ...] | None:
    """What of the rollout under way a plan to roll it back rests on; None without one."""
    view = picture.under_way
    return None if view is None else (view.id, view.state, view.phase, view.driver.epoch)


class RollbackDialog(Dialog):
    """Roll back a deployment. Up and down pick another revision, page keys move through the difference."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "pick(-1)", "Newer revision", show=False, priority=True),
        Binding("down", "pick(1)", "Older revision", show=False, priority=True),
        Binding("pageup", "scroll_diff(-1)", "Diff up", show=False, priority=True),
        Binding("pagedown", "scroll_diff(1)", "Diff down", show=False, priority=True),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.add_class("-dangerous")
        self.plan: RollbackPlan | None = None
        self.operation: str | None = None
        self.refused = ""
        self._picked: int | None = None
        self._diff_top = 0
        self._at_once = DIFF_ROWS
        self._stands: object = None

    def begin(self) -> None:
        """Plan, from what is in memory."""
        self._make_plan()

    def _make_plan(self) -> None:
        self._stands = rollout_stands(self.console.picture)
        try:
            self.plan = self.desk.plan_rollback(self._picked)
            self.refused = ""
        except Refused as error:
            self.plan = None
            self.refused = str(error)

    def heading(self) -> str:
        """Which system, where."""
        picture = self.console.picture
        view = picture.under_way
        where = view.environment if view is not None and self.plan and self.plan.rollout else picture.environment
        where = self.plan.environment if self.plan and self.plan.environment else where
        return f" Roll back {picture.system} in {where.upper()} "

    def fields(self) -> Iterable[Field]:
        """The typed target."""
        return (target_field(self.console.picture.system),)

    def rows(self, picture: Picture, now: datetime) -> Sequence[Row]:
        """The plan while it is asked for; its progress once it is under way."""
        if self.operation is not None:
            return self._progress(picture)
        self._keep_up(picture)
        plan = self.plan
        if plan is None:
            return [*told("", self.refused, Ink.WARN), EMPTY, row(("Esc leaves", Ink.DIM))]
        revision = "" if plan.rollout else f"revision {plan.now_revision}, "
        read = f"{revision}{plan.now_pods}; read {ago(plan.read_at, now)}"
        rows: list[Row] = [
            *(told("all of ", plan.rollout, Ink.STRONG) if plan.rollout else ()),
            row(("now    ", Ink.DIM), (clean(plan.now_version), Ink.STRONG)),
            *told("       ", read),
            row(("to     ", Ink.DIM), (clean(plan.to_version), Ink.STRONG), f"  {clean(plan.why)}"),
        ]
        if len(plan.choices) > 1:
            rows.append(row(("       up/down picks another of ", Ink.DIM), *self._choices(plan)))
        rows += [line for does in plan.does for line in told("does   ", does)]
        rows += told("leaves ", "; ".join(plan.leaves))
        warnings = plan.warnings
        if picture.cluster.error is not None:
            warnings = ("Kubernetes does not answer now: what runs may be another by now", *warnings)
        rows += [line for warning in warnings for line in told("WARN   ", warning, Ink.WARN, Ink.WARN)]
        self._at_once = max(1, min(DIFF_ROWS, self.app.size.height - len(rows) - AROUND))
        rows += self._diff(plan) if plan.diff or not plan.rollout else []
        rows.append(EMPTY)
        return rows

    def _keep_up(self, picture: Picture) -> None:
        """Plan again where the rollout or the deployment has changed under the dialog."""
        if rollout_stands(picture) != self._stands:
            self._make_plan()
        cluster = picture.cluster.value
        if self.plan is None or self.plan.rollout or cluster is None:
            return
        for workload in cluster.workloads:
            if workload.name == self.plan.workload and workload.resource_version != self.plan.resource_version:
                self._make_plan()

    def _choices(self, plan: RollbackPlan) -> Row:
        parts: list[tuple[str, Ink]] = []
        for number, version, _why in plan.choices[:6]:
            ink = Ink.SELECTED if number == plan.to_revision else Ink.TEXT
            parts += [(f" {number} {version} ", ink)]
        return tuple(parts)

    def _diff(self, plan: RollbackPlan) -> list[Row]:
        changed = [line for line in plan.diff if not line.startswith(("---", "+++", "@@"))]
        if not changed:
            return [row(("diff   ", Ink.DIM), ("the two templates are equal", Ink.DIM))]
        at_once = self._at_once + (len(changed) == self._at_once + 1)
        self._diff_top = max(0, min(self._diff_top, len(changed) - at_once))
        shown = changed[self._diff_top : self._diff_top + at_once]
        inks = {"+": Ink.OK, "-": Ink.BAD}
        rows = []
        for place, line in enumerate(shown):
            head = "diff   " if place == 0 else "       "
            rows.append(row((head, Ink.DIM), (clean(line), inks.get(line[:1], Ink.DIM))))
        if len(shown) < len(changed):
            more = plural(len(changed) - self._diff_top - len(shown), "more line")
            rows.append(row((f"       {more}; page keys move", Ink.DIM)))
        return rows

    def _progress(self, picture: Picture) -> list[Row]:
        operation = self._operation(picture)
        if operation is None:
            return [row(("beginning…", Ink.DIM))]
        rows: list[Row] = [row((clean(operation.title), Ink.STRONG)), EMPTY]
        lines = operation.lines[-PROGRESS_ROWS:]
        rows += [part for line in lines for part in told(f"{self.look.glyphs.running} ", line)]
        if operation.outcome is Outcome.RUNNING:
            return [*rows, EMPTY, row(("Esc leaves; the rollback goes on", Ink.DIM))]
        rows += [EMPTY, *told("", operation.summary, OUTCOME_INK[operation.outcome])]
        return [*rows, EMPTY, row((self.leaving, Ink.STRONG))]

    @property
    def finished(self) -> bool:
        """Whether the rollback is over, well or not."""
        operation = self._operation(self.console.picture)
        return operation is not None and operation.outcome is not Outcome.RUNNING

    def _operation(self, picture: Picture) -> Operation | None:
        return next((entry for entry in picture.operations if entry.id == self.operation), None)

    def ready(self) -> None:
        """Listen only where there is something to confirm."""
        if self.plan is None:
            for field in self._fields:
                field.display = False
            return
        super().ready()

    def submit(self) -> None:
        """Begin."""
        if self.plan is None or self.operation is not None:
            return
        try:
            self.operation = self.desk.roll_back(self.plan, self.value("target")).id
        except Refused as error:
            self.complain(*told("", str(error), Ink.WARN))
            return
        self.close_entries()

    def action_pick(self, by: int) -> None:
        """Pick the next revision of those that can be returned to."""
        plan = self.plan
        if plan is None or self.operation is not None or not plan.choices:
            return
        numbers = [number for number, _version, _why in plan.choices]
        place = numbers.index(plan.to_revision) if plan.to_revision in numbers else -1
        self._picked = numbers[max(0, min(place + by, len(numbers) - 1))]
        self._diff_top = 0
        self._make_plan()
        self.take(self.console.picture)

    def action_scroll_diff(self, pages: int) -> None:
        """Move through the difference."""
        self._diff_top += pages * self._at_once
        self.take(self.console.picture)


def open_rollback(console: Console) -> None:
    """Ask before a rollback."""
    console.push_screen(RollbackDialog())

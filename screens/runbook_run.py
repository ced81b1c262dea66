"""The dialog before a step that may change something: all of the command, what it touches, and the typed target."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType

from console.core.operations import Operation
from console.core.picture import Picture
from console.core.runbooks.document import Step
from console.core.runbooks.filling import Assessment
from console.core.runbooks.runs import Mark
from screens.dialog import ROOM, Dialog, Field, told
from screens.folding import folded_code
from screens.runbook_page import level_row, touches_words
from screens.runbook_walk import Walk
from widgets.folds import Line, folded
from widgets.rows import EMPTY, Row, row
from widgets.vocabulary import Ink
from widgets.words import clean

CHANGED = "the command is another one since this was opened, and nothing was run: read it again before Enter"
AROUND = 8
"""Rows of the screen that are not for what is said: the bypass, the frame, the entry, a refusal."""
LEAST = 3


class RunDialog(Dialog):
    """All of the command, its level and why, what it would touch, the safer form; then the target's name.

    Page keys move through a command that does not fit. It is judged again before it runs: where it has changed since it
    was shown, it is shown anew and not run. began: called with the operation of a step that was started. Gives
    (step, what was typed, digest) where the step is to get the terminal itself.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pageup", "scroll(-1)", "Up", show=False, priority=True),
        Binding("pagedown", "scroll(1)", "Down", show=False, priority=True),
    ]

    def __init__(self, walk: Walk, step: Step, assessment: Assessment, began: Callable[[int, Operation], None]) -> None:
        super().__init__()
        self.walk = walk
        self.step = step
        self.assessment = assessment
        self.busy = False
        self._began = began
        self._top = 0
        self._seen = 0
        if assessment.danger.level.asks:
            self.add_class("-dangerous")

    def heading(self) -> str:
        """Which step, where."""
        picture = self.console.picture
        where = f"{self.walk.path.name}:{self.step.line}"
        return f" Run step {self.step.number}, {where}, in {picture.environment.upper()} "

    def fields(self) -> Iterable[Field]:
        """The typed target, where there is one."""
        target = self.assessment.target
        if not target:
            return ()
        field = Field(f"Type {target} and press Enter:", id="target")
        field.missing = f"nothing was run: {target} must be typed first"
        return (field,)

    def rows(self, picture: Picture, now: datetime) -> Sequence[Row]:
        """The level first, then the text as bash gets it, what it touches, and what would be safer."""
        if self.busy:
            return [row(("starting…", Ink.ACCENT)), EMPTY, row(("Esc leaves; it is started all the same", Ink.DIM))]
        above, below = self._above(), self._below()
        command = self._command()
        room = max(self.app.size.height - AROUND - len(above) - len(below), LEAST)
        if len(command) > room:
            room -= 1
            self._top = max(0, min(self._top, len(command) - room))
            shown = command[self._top : self._top + room]
            self._seen = max(self._seen, self._top + len(shown))
            words = f"rows {self._top + 1} to {self._top + len(shown)} of {len(command)} that run; page keys move"
            shown = [*shown, row((words, Ink.WARN))]
        else:
            shown, self._seen = command, len(command)
        return [*above, *shown, *below]

    def _above(self) -> list[Row]:
        danger = self.assessment.danger
        rows = list(folded(Line(level_row(danger, ""), row("  "), words=True), ROOM))
        if self.walk.mark(self.step.number) is Mark.UNKNOWN:
            rows += told("! ", "how its last attempt ended is not known; running it repeats it", Ink.BAD, Ink.BAD)
        return [*rows, EMPTY]

    def _below(self) -> list[Row]:
        danger = self.assessment.danger
        rows: list[Row] = [EMPTY]
        if touched := touches_words(danger):
            rows += told("touches  ", touched, Ink.STRONG)
        if danger.safer:
            rows += told("safer    ", danger.safer, Ink.OK)
        if self.assessment.variables:
            rows += told("given    ", "in its environment: " + ", ".join(self.assessment.variables), Ink.DIM)
        if self.step.options.interactive:
            rows += told("runs     ", "on this terminal itself, which comes back when it is over", Ink.WARN)
        if not self.assessment.target:
            rows.append(row(("Enter runs it; Esc leaves", Ink.STRONG)))
        return rows

    def _command(self) -> list[Row]:
        rows: list[Row] = []
        for line in self.assessment.command.rstrip("\n").split("\n"):
            first, *others = folded_code(clean(line), ROOM - 2)
            rows.append(row("  ", (first, Ink.ACCENT)))
            rows += [row((self.look.glyphs.cut, Ink.DIM), " ", (part, Ink.ACCENT)) for part in others]
        return rows

    def action_scroll(self, pages: int) -> None:
        """Move through the command."""
        self._top += pages * max(self.app.size.height - AROUND - 8, LEAST)
        self.take(self.console.picture)

    def on_key(self, event: events.Key) -> None:
        """Enter, where nothing is typed."""
        if event.key == "enter" and self.listens and not self._fields and not self.busy:
            event.stop()
            event.prevent_default()
            self.submit()
            return
        super().on_key(event)

    def submit(self) -> None:
        """Judge it again; run what was shown and nothing else."""
        if self.busy:
            return
        shown, number = self.assessment, self.step.number
        typed = self.value("target") if self._fields else ""
        if typed != shown.target:
            self.complain(*told("", f"nothing was run: {typed!r} is not {shown.target!r}", Ink.BAD))
            return
        interactive = self.step.options.interactive

        def start() -> Operation | Assessment | None:
            fresh = self.walk.call(lambda desk, run: desk.assess(run, number))
            if fresh.digest != shown.digest or fresh.target != shown.target:
                return fresh
            if interactive:
                return None
            return self.walk.call(lambda desk, run: desk.start(run, number, typed=typed, digest=shown.digest))

        def answered(answer: Operation | Assessment | None, why: str) -> None:
            self.busy = False
            if isinstance(answer, Operation):
                self._began(number, answer)
                self.walk.renew()
            if not self.is_attached or self.app.screen is not self:
                if why:
                    self.console.say(why)
            elif isinstance(answer, Assessment):
                self._renewed(answer)
            elif why:
                self._back(told("", why, Ink.WARN))
            else:
                self.dismiss((self.step, typed, shown.digest) if interactive else None)  # type: ignore[arg-type]

        self.busy = True
        self.close_entries()
        self.console.ask(f"starting step {number}", start, answered)

    def _renewed(self, assessment: Assessment) -> None:
        """Show what would run now; the name that was typed was for something else."""
        self.assessment = assessment
        self.walk.assessed[self.step.number] = assessment
        self._top = self._seen = 0
        for field in self._fields:
            field.entry.value = ""
        self._back(told("", assessment.why_not or CHANGED, Ink.BAD))

    def _back(self, rows: list[Row]) -> None:
        for field in self._fields:
            field.display = True
        self.complain(*rows)
        self.take(self.console.picture)
        if self._fields:
            self._fields[-1].entry.focus()

"""Small dialogs about a step or its run: skip, keep evidence, answer, verify, end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import ClassVar

from textual.binding import Binding, BindingType

from console.core.picture import Picture
from console.core.runbooks.document import Step, StepKind
from console.core.runbooks.order import progress
from console.engine.runbook_desk import RunbookDesk
from screens.asking import AskDialog, choices
from screens.dialog import Field, told
from screens.runbook_walk import Walk
from widgets.rows import EMPTY, Row, row
from widgets.sgr import bare
from widgets.vocabulary import Ink
from widgets.words import plural


class WalkDialog(AskDialog):
    """A dialog that writes something down about a run; where there is none yet, one begins.

    What is typed is only words, so letters are taken from the first moment on; Enter waits as in every dialog.
    """

    stays = False
    words = ""

    def __init__(self, walk: Walk) -> None:
        super().__init__()
        self.walk = walk

    def on_mount(self) -> None:
        """Take letters at once."""
        super().on_mount()
        self._fields[0].entry.focus()

    def act(self, answer: str, call: Callable[[RunbookDesk, str], object]) -> None:
        """Make the call; the answer is said in the footer when it is done."""

        def made() -> str:
            self.walk.call(call)
            return answer

        self.send(made)

    def _answered(self, answer: str | None, why: str) -> None:
        super()._answered(answer, why)
        self.walk.renew()


class StepDialog(WalkDialog):
    """One about a step."""

    def __init__(self, walk: Walk, step: Step) -> None:
        super().__init__(walk)
        self.step = step

    def heading(self) -> str:
        """What, and which step."""
        return f" {self.words} step {self.step.number}, line {self.step.line} "

    def said_rows(self, picture: Picture, now: datetime) -> Sequence[Row]:
        """The step's title, of a checklist item all of it; and what is done."""
        title = " ".join(self.step.written.split()) if self.step.kind is StepKind.CHECK else self.step.title
        return [*told("step   ", title or self.step.title, Ink.STRONG), *self.does(), EMPTY]

    def does(self) -> Sequence[Row]:
        """What is done."""
        return ()


class SkipDialog(StepDialog):
    """Leave a step out, and say why."""

    words, doing = "Skip", "writing the skip"

    def fields(self) -> Iterable[Field]:
        """The reason."""
        return (Field("Reason (required):", id="reason"),)

    def does(self) -> Sequence[Row]:
        """What a skip means."""
        return told("does   ", "nothing is run; the run goes on behind it, and the reason is kept")

    def submit(self) -> None:
        """Write it down."""
        reason, number = self.value("reason"), self.step.number
        self.act(f"step {number} is skipped", lambda desk, run: desk.skip(run, number, reason))


class ChoosingDialog(StepDialog):
    """One with a choice above its entry; up and down choose."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,left", "pick(-1)", "Before", show=False, priority=True),
        Binding("down,right", "pick(1)", "After", show=False, priority=True),
    ]
    names: ClassVar[tuple[str, ...]] = ()
    label = "as     "

    def __init__(self, walk: Walk, step: Step) -> None:
        super().__init__(walk, step)
        self.at = 0

    def does(self) -> Sequence[Row]:
        """The choice."""
        return [choices(self.label, self.names, self.at), row(("       up and down choose", Ink.DIM))]

    def action_pick(self, by: int) -> None:
        """Choose another."""
        if not self.busy:
            self.at = max(0, min(self.at + by, len(self.names) - 1))
            self.take(self.console.picture)


class EvidenceDialog(ChoosingDialog):
    """Keep a text or a file as evidence of a step, or write a note to it."""

    words, doing = "Evidence of", "keeping it"
    names: ClassVar[tuple[str, ...]] = ("evidence: a text, or the path of a file", "a note")

    def fields(self) -> Iterable[Field]:
        """The text."""
        return (Field("Text or path (required):", id="text"),)

    def does(self) -> Sequence[Row]:
        """The choice, and what becomes of a file."""
        more = "a file of at most 10 MB is copied beside the run" if self.at == 0 else "it stands in the export"
        return [*super().does(), row((f"       {more}", Ink.DIM))]

    def submit(self) -> None:
        """Keep it."""
        text, number = self.value("text"), self.step.number
        if self.at == 0:
            self.act(f"kept as evidence of step {number}", lambda desk, run: desk.evidence(run, number, text))
        else:
            self.act(f"noted to step {number}", lambda desk, run: desk.note(run, number, text))


class VerifyDialog(ChoosingDialog):
    """Say what a person has found of a step whose end nobody has seen."""

    words, doing = "Verify", "writing what was found"
    label = "it     "
    names: ClassVar[tuple[str, ...]] = ("did not work", "worked")

    def __init__(self, walk: Walk, step: Step) -> None:
        super().__init__(walk, step)
        self.at = -1  # neither: what nobody has seen is not to be taken for granted by an Enter

    def fields(self) -> Iterable[Field]:
        """What was found."""
        return (Field("What you found (required):", id="note"),)

    def does(self) -> Sequence[Row]:
        """Why it is asked, and the choice."""
        why = "its process ended while nobody looked; look at what it was to do before you say"
        if self.at >= 0:
            return [*told("why    ", why, Ink.WARN), *super().does()]
        names = "  ".join(f" {name} " for name in self.names).rstrip()
        hint = row(("       not said yet: up and down choose", Ink.STRONG))
        return [*told("why    ", why, Ink.WARN), row((self.label, Ink.DIM), names), hint]

    def submit(self) -> None:
        """Write it down."""
        if self.at < 0:
            self.complain(*told("", "nothing was written: up and down choose whether it worked", Ink.WARN))
            return
        note, number, worked = self.value("note"), self.step.number, self.names[self.at] == "worked"
        said = f"step {number} {'worked' if worked else 'did not work'}: written down"
        self.act(said, lambda desk, run: desk.verify(run, number, worked, note))


class InputDialog(WalkDialog):
    """Type one line to the step that runs; masked where it seems to ask for a secret. Ctrl-T shows or hides it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+t", "mask", "Show or hide", show=False, priority=True),
    ]
    doing = "typing it"

    def __init__(self, walk: Walk, step: int, last: str, masked: bool) -> None:
        super().__init__(walk)
        self.step = step
        self.last = last
        self.masked = masked

    def heading(self) -> str:
        """To which step."""
        return f" Answer step {self.step} "

    def fields(self) -> Iterable[Field]:
        """The line; it may be empty, which is an Enter."""
        field = Field("Line:", id="line", missing="")
        field.entry.password = self.masked
        return (field,)

    def said_rows(self, picture: Picture, now: datetime) -> Sequence[Row]:
        """What it printed last."""
        hidden = "what is typed is not shown; ^T shows it" if self.masked else "^T hides what is typed"
        return [*told("asks   ", bare(self.last) or "nothing printed yet", Ink.ACCENT), row((hidden, Ink.DIM)), EMPTY]

    def action_mask(self) -> None:
        """Show what is typed, or hide it."""
        self.masked = not self.masked
        self._fields[0].entry.password = self.masked
        self.take(self.console.picture)

    def submit(self) -> None:
        """Send it."""
        text = self._fields[0].entry.value
        self.act(f"sent to step {self.step}", lambda desk, run: desk.send(run, text))


class EndDialog(WalkDialog):
    """End the run; how it ended is said in words."""

    doing = "ending the run"

    def heading(self) -> str:
        """Which run."""
        return f" End run {self.walk.run.id if self.walk.run is not None else ''} "

    def fields(self) -> Iterable[Field]:
        """How it ended."""
        return (Field("How it ended (required):", id="outcome"),)

    def said_rows(self, picture: Picture, now: datetime) -> Sequence[Row]:
        """What is left undone."""
        run = self.walk.run
        steps = run.steps if run is not None else ()
        done, due = progress(run) if run is not None else (0, 0)
        left = due - done
        rows = told("left   ", f"{plural(left, 'step')} not settled" if left else "every step is settled")
        background = [step for step in steps if step.mark.value.endswith("background")]
        if background:
            names = ", ".join(f"step {step.number}" for step in background)
            rows += told("stops  ", f"{names}, in the background", Ink.WARN)
        return [*rows, *told("does   ", "the run is closed; w writes it as Markdown"), EMPTY]

    def submit(self) -> None:
        """End it."""
        outcome = self.value("outcome")
        self.act("the run has ended; w writes it as Markdown", lambda desk, run: desk.end(run, outcome))

"""One runbook, step by step: the steps with their marks, the text around one of them, and what it prints."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.widget import Widget

from console.actions.table import actions_of, footer_of
from console.core.picture import Picture
from console.core.runbooks.document import Runbook, StepKind
from console.core.runbooks.runs import Mark
from screens import runbook_page
from screens.opening import OPENING
from screens.room import Room
from screens.runbook_keys import StepKeys
from screens.runbook_walk import Walk
from widgets.folds import Headed, Line, Page
from widgets.footer import Footer
from widgets.listing import Lines
from widgets.output import Output, asks
from widgets.rows import EMPTY, Row, ends, fit, row, width_of
from widgets.steps import Steps, is_through
from widgets.vocabulary import Ink
from widgets.words import clean, plural, span

WIDE = 100
KEEPS = 6
"""Seconds for which a sentence stands in place of the keys."""
RENEW = 4
"""Seconds after which a run is read anew although nothing is heard of it: another console may go on with it."""


def alert_words(picture: Picture) -> Row:
    """`1 alert fires: DB pool exhausted`, for what is fixed here is seen in the alerts first."""
    firing = picture.alerts.firing
    if picture.alerts.checked_at is None:
        return row(("alerts not judged yet ", Ink.DIM))
    if not firing:
        return row(("no alert fires ", Ink.DIM))
    names = ", ".join(clean(alert.title) for alert in firing)
    return row((f"{plural(len(firing), 'alert')} {'fires' if len(firing) == 1 else 'fire'}: {names} ", Ink.BAD))


class RunbookRoom(StepKeys, Room):
    """Arrows move from step to step, Enter runs the one at the cursor, Tab goes on to the text and to the output.

    Nothing is begun by looking: the first step that is run, ticked or skipped begins a run. What runs goes on when the
    screen is left.
    """

    place = "runbook"
    CSS_PATH: ClassVar[list[Path]] = [Path(__file__).with_name(name) for name in ("room.tcss", "runbook.tcss")]  # type: ignore[assignment]
    HORIZONTAL_BREAKPOINTS: ClassVar[list[tuple[int, str]]] = [(0, "-narrow"), (WIDE, "-wide")]  # type: ignore[misc]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "focus_by(1)", "Next part", show=False),
        Binding("shift+tab", "focus_by(-1)", "Part before", show=False),
    ]
    moves = (
        ("up down", "from step to step; in text and output, by rows"),
        ("PgUp PgDn", "by a page"),
        ("Home End", "first, last; in the output End follows what comes"),
        ("Tab", "steps, text, output"),
    )

    def __init__(self, path: Path, resume: str = "") -> None:
        super().__init__()
        self.path = path
        self.resume = resume
        self.shown = 0
        self._started: tuple[int, int] | None = None
        self.zoomed = False
        self._paged: object = None
        self._placed: object = None
        self._beats = 0
        self._said = 0
        self._passing: tuple[str, int, Mark] | None = None

    def content(self) -> Iterable[Widget]:
        """The run's line, the steps, the text, the output."""
        look = self.look
        self.walk = Walk(self.console, self.path, self.walked)
        self.line = Lines(look, [EMPTY], id="run", grows=False)
        self.steps = Steps(look, id="steps")
        self.page = Page(look, id="page")
        self.output = Output(look, id="output")
        self.parts: tuple[Headed, ...] = (self.steps, self.page, self.output)
        self.reading = Container(self.page, self.output, id="reading")
        yield self.line
        yield Container(self.steps, self.reading, id="work")

    def title_of(self, picture: Picture, now: datetime) -> str:
        """Which runbook."""
        document = self.walk.document
        return clean(document.title) if document is not None else self.path.name

    def on_mount(self) -> None:
        """Read the file and whatever run of it is open."""
        super().on_mount()
        self.steps.focus()
        self.open()

    def on_screen_resume(self) -> None:
        """Catch up; what a dialog did is read at once."""
        super().on_screen_resume()
        if self.walk.document is not None:
            self.walk.renew()

    def on_resize(self) -> None:
        """Fold anew."""
        if self.console.ready:
            self.call_after_refresh(self.walked)

    def walked(self) -> None:
        """What is known of the runbook or its run is new."""
        if self.is_attached and self.console.ready:
            self.take(self.console.picture)

    def say(self, sentence: str, ink: Ink = Ink.WARN) -> None:
        """Show one sentence in place of the keys, for a while."""
        self._said = self._beats
        super().say(sentence, ink)

    def pass_on(self, sentence: str, step: int) -> None:
        """Say what holds only until a step stands otherwise."""
        self.say(sentence)
        self._passing = (sentence, step, self.walk.mark(step))

    def _let_pass(self) -> None:
        """Bring the keys back where what was said no longer holds."""
        if self._passing is not None and self.walk.mark(self._passing[1]) is not self._passing[2]:
            if self.says == self._passing[0]:
                self.say("")
            self._passing = None

    def ticked(self, now: datetime) -> None:
        """Let ages grow; now and then ask how the run stands, and what a step prints that runs elsewhere."""
        self._beats += 1
        if self.says and not self.says.startswith(OPENING) and self._beats - self._said >= KEEPS:
            self.say("")
        run = self.walk.run
        if run is not None and run.open and self._beats % RENEW == 0:
            self.walk.renew()
            if self.walk.mark(self.shown) in (Mark.RUNNING, Mark.BACKGROUND):
                self.walk.fetch(self.shown)
        super().ticked(now)

    def draw(self, picture: Picture, now: datetime) -> None:
        """Everything anew; only rows that differ are painted."""
        walk = self.walk
        walk.watch(picture)
        document = walk.document
        self.line.set([self._run_row(picture, now)])
        if document is None:
            self._draw_unread()
            return
        walk.judge()
        self.steps.edged = self.size.width >= WIDE and not self.zoomed
        self.steps.show(document, walk.run, walk.at, now, walk.done, edged=self.steps.edged)
        count = f"  {len(document.steps)}" if walk.run is None else ""
        self.steps.set_head(row(("Steps", Ink.TITLE), (count, Ink.DIM)))
        self._draw_page(document, now)
        self._draw_output(picture, now)
        self._draw_keys()
        self._let_pass()

    def _draw_keys(self) -> None:
        """The keys of the last row: V first where the step at the cursor is to be verified."""
        actions = footer_of(self.place)
        if self.walk.mark(self.walk.at) is Mark.UNKNOWN:
            actions = (*(each for each in actions_of(self.place) if each.id == "verify-step"), *actions)
        for footer in self.query(Footer):
            if footer.actions != actions:
                footer.actions = actions
                footer.repaint()

    def _draw_unread(self) -> None:
        why = self.walk.fault
        self.steps.absent = "not read" if why else "reading…"
        self.steps.repaint()
        self.page.set_head(row((self.path.name, Ink.TITLE)))
        said = runbook_page.said("could not read: ", why, Ink.BAD, Ink.BAD)
        self.page.set([said if why else Line(row((" reading…", Ink.DIM)))])

    def _run_row(self, picture: Picture, now: datetime) -> Row:
        run, document = self.walk.run, self.walk.document
        target = row((f"{clean(picture.system)} in ", Ink.DIM), (f"{picture.environment.upper()} ", Ink.STRONG))
        alerts = alert_words(picture)
        alerts = fit(alerts, min(width_of(alerts), self.size.width // 2), self.look.glyphs.cut)
        # The title says the system as well, so that where there is no room the alerts stand for it.
        target = (*alerts, *row("   "), *target) if self.size.width >= WIDE else alerts
        if run is None:
            faults = plural(len(document.faults), "fault") + " in the file  " if document and document.faults else ""
            begins = "no run yet; the first Enter, t or s begins one"
            words = row((f" {begins}" if document is not None else "", Ink.DIM))
            return ends(words, row((faults, Ink.WARN), *target), self.size.width, self.look.glyphs.cut)
        if not run.open:
            ended = row((" ENDED ", Ink.BADGE), f" {clean(run.outcome)}", (f"   run {run.id}", Ink.DIM))
            return ends(ended, target, self.size.width, self.look.glyphs.cut)
        last = run.ended or now
        running = self.walk.running()
        failed = sum(step.mark is Mark.FAILED for step in run.steps)
        over = ": E ends the run, w writes it down" if self.size.width >= WIDE and is_through(run) else ""
        left = row(
            (" run ", Ink.DIM),
            (run.id if self.size.width >= WIDE else run.id.rsplit("-", 1)[-1], Ink.STRONG),
            (f"  {span(last - run.began)}  ", Ink.TEXT),
            (f"step {running} runs" if running else self.walk.done, Ink.ACCENT if running else Ink.TEXT),
            (f"  {failed} failed" if failed else "", Ink.BAD),
            ("" if running else over, Ink.OK),
            (f"   {self.walk.doing}…" if self.walk.doing else "", Ink.ACCENT),
        )
        return ends(left, target, self.size.width, self.look.glyphs.cut)

    def _draw_page(self, document: Runbook, now: datetime) -> None:
        walk, step = self.walk, self.walk.step
        if step is None:
            self.page.set_head(row(("Text", Ink.TITLE)))
            self.page.set(runbook_page.whole_page(document, walk.source).lines)
            return
        assessment = walk.assessed.get(step.number)
        state = walk.run.step(step.number) if walk.run is not None and step.number <= len(walk.run.steps) else None
        quarter = int(now.timestamp()) // 15  # ages in it move in such steps
        through = walk.run is not None and is_through(walk.run)
        key = (document.digest, step.number, state, assessment, walk.trouble, walk.wrote, through, quarter)
        if key != self._paged:
            self._paged = key
            told = runbook_page.step_page(
                document, step, walk.run, assessment, walk.trouble, walk.source, now, self.look.glyphs
            )
            first, last, lines = told.first, told.last, told.lines
            if walk.wrote is not None:
                path = row((" wrote   ", Ink.DIM), (clean(str(walk.wrote)), Ink.OK))
                wrote = Line(path, row(" " * 9))
                last, lines = last + 1, (*lines[:first], wrote, *lines[first:])
            changed = self.page.set(lines)
            place = (document.digest, step.number, assessment is not None, bool(walk.trouble), walk.wrote)
            if changed and place != self._placed:
                self._placed = place
                self.page.reveal(first, last)
        self.page.set_head(self._step_head(document))

    def _step_head(self, document: Runbook) -> Row:
        step = self.walk.step
        assert step is not None
        where = f"step {step.number} of {len(document.steps)}"
        words = row((where, Ink.TITLE), (f"  line {step.line}", Ink.DIM))
        assessment = self.walk.assessed.get(step.number)
        if assessment is None or step.kind is not StepKind.COMMAND:
            return words
        level = assessment.danger.level
        return (*words, ("  ", Ink.TEXT), (f" {level.value.upper()} ", runbook_page.LEVEL_INK[level]))

    def _draw_output(self, picture: Picture, now: datetime) -> None:
        walk = self.walk
        newest = walk.started
        if newest != self._started:
            # What was started last is shown, wherever the cursor is; moving the cursor shows another.
            self._started, self.shown = newest, newest[1] if newest is not None else 0
        self.set_class(not self.shown, "-unrun")
        self.set_class(bool(self.shown) and self.shown == walk.at, "-ran")
        attempt = walk.newest(self.shown) if self.shown else None
        if attempt is None or walk.run is None:
            self.output.set_head(row(("Output", Ink.TITLE)))
            self.output.set(None, (), empty=row((" nothing has run yet", Ink.DIM)))
            return
        lines = walk.output(self.shown, picture)
        running = attempt.mark in (Mark.RUNNING, Mark.BACKGROUND)
        waits = running and lines is not None and asks(lines)
        state, here = walk.run.step(self.shown), self.shown == walk.at
        stops = running and (here or attempt.mark is Mark.RUNNING)  # in the background, x is for the step at the cursor
        words = row((" i answers it ", Ink.BYPASS)) if waits else row("x stops it" if stops else "")
        result = runbook_page.result_words(state, now, self.look.glyphs)
        self.output.set_head(row(("Output", Ink.TITLE), f" of step {self.shown}  ", *result, "  ", *words))
        none = "reading…" if lines is None else "nothing printed yet" if running else "it printed nothing"
        tail = () if running else runbook_page.ending(state, self.look.glyphs, here=here)
        self.output.set((self.shown, attempt.intent), lines or (), tail, row((f" {none}", Ink.DIM)))

    def on_steps_moved(self, event: Steps.Moved) -> None:
        """Another step is at the cursor."""
        event.stop()
        self.go(event.step)

    def go(self, step: int) -> None:
        """Put the cursor on a step; nothing is done."""
        self.walk.at = step
        self.walk.trouble = ""
        if self.walk.attempt is not None:
            self.shown = step
        self.walked()

    def action_focus_by(self, by: int) -> None:
        """On to the next part, or back."""
        at = next((number for number, part in enumerate(self.parts) if part.has_focus), 0)
        part = self.parts[(at + by) % len(self.parts)]
        if self.zoomed:
            self._zoom(part)
        part.focus()

    def do_zoom_part(self) -> None:
        """Give the part that has the keys the whole screen, or give it back."""
        self.zoomed = not self.zoomed
        part = next((part for part in self.parts if part.has_focus), self.steps)
        self._zoom(part)
        self.set_class(self.zoomed, "-zoomed")
        self.call_after_refresh(self.walked)

    def _zoom(self, part: Headed) -> None:
        for each in self.parts:
            each.set_class(each is part, "-zoom")
        self.reading.set_class(part is not self.steps, "-holds")

    def copied(self) -> str:
        """The command at the cursor, as it would run."""
        step = self.walk.step
        assessment = self.walk.assessed.get(self.walk.at)
        return assessment.command if assessment is not None else step.text or step.written if step is not None else ""

    def action_leave(self) -> None:
        """Escape."""
        self.do_back()

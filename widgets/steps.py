"""The steps of a runbook with how each stands: a mark, a word and a colour; one of them is at the cursor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from console.core.runbooks.document import Step, StepKind
from console.core.runbooks.order import is_passed, progress
from console.core.runbooks.runs import Mark, StepRun
from widgets.folds import Headed
from widgets.rows import EMPTY, Row, ends, fit, inked, row
from widgets.vocabulary import Glyphs, Ink, Look
from widgets.words import clean, span

if TYPE_CHECKING:
    from datetime import timedelta

    from console.core.runbooks.document import Runbook
    from console.core.runbooks.runs import Run

SECTIONED = 10
"""Rows from which the headings of the file stand between the steps."""


def lasted(length: timedelta | None) -> str:
    """` in 2s`, ` in 0.4s`; empty where it is not known."""
    if length is None:
        return ""
    seconds = length.total_seconds()
    return f" in {f'{seconds:.1f}'.removesuffix('.0')}s" if seconds < 10 else f" in {span(length)}"


def mark_of(step: Step, state: StepRun | None, glyphs: Glyphs, *, here: bool) -> tuple[str, Ink]:
    """The sign of a step and its colour. here: whether the run stands at it."""
    mark = Mark.TODO if state is None else state.mark
    if mark is Mark.TODO:
        if here:
            return glyphs.here, Ink.ACCENT
        if step.ticked:
            return glyphs.ok, Ink.DIM
        return (glyphs.dot, Ink.DIM) if step.kind is StepKind.NOTE else (glyphs.todo, Ink.DIM)
    return {
        Mark.RUNNING: (glyphs.running, Ink.ACCENT),
        Mark.BACKGROUND: (glyphs.running, Ink.OK),
        Mark.RAN: (glyphs.ok, Ink.OK),
        Mark.TICKED: (glyphs.ok, Ink.OK),
        Mark.SKIPPED: (glyphs.skipped, Ink.WARN),
        Mark.FAILED: (glyphs.failed, Ink.BAD),
        Mark.UNKNOWN: (glyphs.unknown, Ink.UNKNOWN),
    }[mark]


def is_verified(state: StepRun) -> bool:
    """Whether a person has said how its newest attempt ended, of which nobody had seen the end."""
    return bool(state.attempts) and state.attempts[-1].mark is Mark.UNKNOWN and state.mark in (Mark.RAN, Mark.FAILED)


def mark_words(
    step: Step, state: StepRun | None, now: datetime, others: int = 0, *, passed: bool = False
) -> tuple[str, Ink]:
    """How a step stands, in words: `ran 0 in 2s`, `skipped: why`. others: how many alternatives it is one of. passed:
    whether another of them was taken.
    """
    mark = Mark.TODO if state is None else state.mark
    attempt = state.attempts[-1] if state is not None and state.attempts else None
    if mark is Mark.TODO or state is None:
        if step.ticked:
            return "ticked in the file", Ink.DIM
        if step.kind is StepKind.NOTE:
            return "shown, not run", Ink.DIM
        if step.kind is StepKind.COMMAND and not step.runnable:
            return "not runnable", Ink.WARN
        if passed:
            return "another was taken", Ink.DIM
        return (f"one of {others}", Ink.DIM) if others else ("", Ink.DIM)
    if mark is Mark.RUNNING:
        return (f"runs {span(now - attempt.began)}" if attempt else "runs"), Ink.ACCENT
    if is_verified(state):
        return f"verified: {mark.value}", Ink.OK if mark is Mark.RAN else Ink.BAD
    if mark in (Mark.RAN, Mark.FAILED) and attempt is not None and attempt.stopped:
        return f"stopped by {clean(attempt.stopped.partition('@')[0])}", Ink.DIM if mark is Mark.RAN else Ink.WARN
    if mark in (Mark.RAN, Mark.FAILED) and attempt is not None:
        code = "" if attempt.exit_code is None else f" {attempt.exit_code}"
        return f"{mark.value}{code}{lasted(attempt.duration)}", Ink.OK if mark is Mark.RAN else Ink.BAD
    if mark is Mark.BACKGROUND:
        return "in background", Ink.OK
    if mark is Mark.SKIPPED:
        return f"skipped: {clean(state.reason)}", Ink.WARN
    return mark.value, {Mark.UNKNOWN: Ink.UNKNOWN, Mark.FAILED: Ink.BAD}.get(mark, Ink.OK)


def is_through(run: Run) -> bool:
    """Whether nothing is left to do in an open run but to end it."""
    done, due = progress(run)
    return run.open and 0 < due == done


def done_words(run: Run) -> str:
    """`3 of 9 done`."""
    done, due = progress(run)
    return f"{done} of {due} done"


@dataclass(frozen=True, slots=True)
class Place:
    """A row of the list: a step by its number, or a heading of the file."""

    step: int = 0
    heading: str = ""


def places_of(runbook: Runbook, *, sectioned: bool) -> tuple[Place, ...]:
    """The rows of the list: every step, and before those of another section its heading."""
    places: list[Place] = []
    path: tuple[str, ...] = ()
    for step in runbook.steps:
        if sectioned and step.path != path and step.path and (len(step.path) > 1 or step.path[0] != runbook.title):
            places.append(Place(heading=step.path[-1]))
        path = step.path
        places.append(Place(step.number))
    return tuple(places)


class Steps(Headed):
    """Arrows move the cursor from step to step; only the rows that are seen are made."""

    DEFAULT_CSS = "Steps { height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "move(-1000000)", "First", show=False),
        Binding("end", "move(1000000)", "Last", show=False),
    ]

    @dataclass
    class Moved(Message):
        """The cursor stands at another step."""

        step: int

    def __init__(self, look: Look, *, id: str | None = None) -> None:
        super().__init__(look, id=id)
        self.runbook: Runbook | None = None
        self.absent = "reading…"
        self.run: Run | None = None
        self.now: datetime | None = None
        self.at = 1
        self.done = ""
        self.edged = False
        self._top = 0
        self._places: dict[bool, tuple[Place, ...]] = {}
        self._index: dict[bool, dict[int, int]] = {}
        self._sizes: dict[int, int] = {}

    def show(self, runbook: Runbook, run: Run | None, at: int, now: datetime, done: str = "", *, edged: bool) -> None:
        """Take how everything stands. at: the step at the cursor. done: how far the run is. edged: with a line
        at the right.
        """
        if runbook is not self.runbook:
            self.runbook = runbook
            self._places = {sectioned: places_of(runbook, sectioned=sectioned) for sectioned in (True, False)}
            self._index = {
                sectioned: {place.step: number for number, place in enumerate(places) if place.step}
                for sectioned, places in self._places.items()
            }
            choices: dict[int, set[str]] = {}
            for step in runbook.steps:
                if step.group is not None:
                    choices.setdefault(step.group, set()).add(step.choice)
            self._sizes = {group: len(names) for group, names in choices.items()}
        self.run, self.at, self.now, self.done, self.edged = run, at, now, done, edged
        self.repaint()

    def below(self, width: int, height: int) -> list[Row]:
        """The rows around the cursor."""
        glyphs = self.look.glyphs
        edge: Row = ((glyphs.down, Ink.FRAME),) if self.edged else EMPTY
        room = width - len(edge)
        rows = [fit(each, room, glyphs.cut) for each in self._around(room, height)]
        return [(*each, *edge) for each in (*rows, *([fit(EMPTY, room)] * (height - len(rows))))]

    def _around(self, width: int, height: int) -> list[Row]:
        if self.runbook is None:
            return [row((f" {self.absent}", Ink.DIM))]
        sectioned = height >= SECTIONED
        places = self._places[sectioned]
        if not places:
            return [row((" no steps: it is only read", Ink.DIM))]
        cursor = self._index[sectioned].get(self.at, 0)
        # A row is kept above and below the cursor, for where one comes from and where one goes.
        margin = 1 if height > 2 else 0
        self._top = max(min(self._top, cursor - margin), cursor + margin - height + 1)
        self._top = max(0, min(self._top, len(places) - height))
        return [self._row(place, width) for place in places[self._top : self._top + height]]

    def _row(self, place: Place, width: int) -> Row:
        glyphs = self.look.glyphs
        if not place.step:
            return row((f" {clean(place.heading)}", Ink.TITLE))
        assert self.runbook is not None and self.now is not None
        step = self.runbook.step(place.step)
        state = self.run.step(step.number) if self.run is not None and step.number <= len(self.run.steps) else None
        here = self.run is not None and self.run.open and self.run.here == step.number
        chosen = step.number == self.at
        sign, sign_ink = mark_of(step, state, glyphs, here=here)
        others = self._sizes.get(step.group or 0, 0)
        passed = self.run is not None and state is not None and step.group is not None and is_passed(self.run, state)
        words, ink = mark_words(step, state, self.now, others, passed=passed)
        settled = passed or (state is not None and state.mark.settled)
        title_ink = Ink.STRONG if chosen or here else Ink.DIM if settled or step.kind is StepKind.NOTE else Ink.TEXT
        indent = "  " if step.owner is not None else ""
        title = f"{step.choice}: {step.title}" if step.choice else step.title
        left = row(
            (glyphs.running if chosen else " ", Ink.ACCENT),
            (f"{indent}{sign} ", sign_ink),
            (f"{step.number} ", Ink.DIM),
            (clean(title), title_ink),
        )
        end = (
            fit(row((f"  {words} ", ink)), min(len(words) + 3, max(width * 2 // 5, 14)), glyphs.cut) if words else EMPTY
        )
        spans = ends(left, end, width, glyphs.cut)
        return inked(spans, Ink.SELECTED) if chosen and self.has_focus else spans

    def more(self) -> Row:
        """How many steps are settled."""
        return row((self.done, Ink.DIM)) if self.done else EMPTY

    def action_move(self, by: int) -> None:
        """Move the cursor by steps."""
        count = len(self.runbook.steps) if self.runbook is not None else 0
        to = max(1, min(self.at + by, count))
        if count and to != self.at:
            self.at = to
            self.repaint()
            self.post_message(self.Moved(to))

    def action_page(self, pages: int) -> None:
        """Move by a screenful."""
        self.action_move(pages * max(1, self.size.height - 2))

"""The list of a system's runbooks: those that are called for first, with the runs that are open."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from textual import events
from textual.widget import Widget

from console.core.operations import Refused
from console.core.picture import AlertState, Picture
from console.core.runbooks.document import Runbook, StepKind
from console.core.runbooks.order import progress
from console.core.runbooks.runs import Run
from screens.base import Console
from screens.room import Room
from screens.runbook import WIDE, RunbookRoom
from widgets.listing import Lines, Listing
from widgets.prompt import Prompt
from widgets.rows import EMPTY, Row, cell, row
from widgets.vocabulary import Ink
from widgets.words import clean, plural, steps

if TYPE_CHECKING:
    from console.engine.runbook_desk import RunbookDesk

SHORT = 60
"""Characters of a path that is repeated whole."""
LETTERS = 32
"""Cells of a title, on 80 columns; on more, a third of those more."""


@dataclass(frozen=True, slots=True)
class Read:
    """A runbook as the list knows it. fault: why it could not be read."""

    title: str
    commands: int = 0
    checks: int = 0
    fault: str = ""


def read_all(desk: RunbookDesk, paths: Iterable[Path]) -> dict[Path, Read]:
    """Every file; one that cannot be read says so in its own row. Blocks."""
    found: dict[Path, Read] = {}
    for path in paths:
        try:
            found[path] = summary(desk.read(path))
        except Refused as refused:
            found[path] = Read(path.stem.replace("-", " "), fault=str(refused))
    return found


def summary(runbook: Runbook) -> Read:
    """What the list says of a runbook."""
    kinds = [step.kind for step in runbook.steps if step.runnable or step.kind is StepKind.CHECK]
    return Read(runbook.title, kinds.count(StepKind.COMMAND), kinds.count(StepKind.CHECK))


class RunbooksRoom(Room):
    """Every Markdown file of the system; Enter opens one, `/` narrows the list."""

    place = "runbooks"
    moves = (("up down", "choose a runbook"), ("Enter", "open it; an open run of it is offered first"))

    def __init__(self) -> None:
        super().__init__()
        self.read: dict[Path, Read] = {}
        self.runs: tuple[Run, ...] = ()
        self.prompt: Prompt | None = None
        self.naming = False
        self.narrowed = ""
        self.problem = ""
        self.went = False

    def content(self) -> Iterable[Widget]:
        """The list, and below it the filter while it is typed."""
        self.listing = Listing(self.look, empty=row((" this system has no runbooks", Ink.DIM)))
        self.paths = list(self.desk.system.runbooks)
        self.foot = Lines(self.look, [EMPTY], grows=False)
        self.foot.styles.height = 1
        yield from (self.listing, self.foot)

    def title_of(self, picture: Picture, now: datetime) -> str:
        """How many."""
        return plural(len(self.desk.system.runbooks), "runbook")

    def on_mount(self) -> None:
        """Listen, and read the files in a thread."""
        super().on_mount()
        self.listing.focus()
        desk, paths = self.desk.runbooks, tuple(self.desk.system.runbooks)
        self.console.ask("", lambda: read_all(desk, paths), self._read)

    def on_screen_resume(self) -> None:
        """Catch up; which runs are open is read anew."""
        super().on_screen_resume()
        desk = self.desk.runbooks
        self.console.ask("", lambda: tuple(run for run in desk.runs() if run.open), self._ran)

    def _read(self, read: dict[Path, Read] | None, why: str) -> None:
        self.read, self.problem = {**self.read, **(read or {})}, why or self.problem
        self._renewed()

    def _ran(self, runs: tuple[Run, ...] | None, why: str) -> None:
        self.runs, self.problem = runs or (), why or self.problem
        if others := tuple(path for path in self._listed() if path not in self.desk.system.runbooks):
            desk = self.desk.runbooks
            self.console.ask("", lambda: read_all(desk, others), self._read)
        self._renewed()

    def _listed(self) -> tuple[Path, ...]:
        """The system's files, and those from elsewhere that have an open run."""
        known = {path.resolve() for path in self.desk.system.runbooks}
        others = dict.fromkeys(run.path for run in self.runs if run.path.resolve() not in known)
        return (*self.desk.system.runbooks, *others)

    def _renewed(self) -> None:
        if self.is_attached:
            self.take(self.console.picture)

    def draw(self, picture: Picture, now: datetime) -> None:
        """Those that are called for first, then those with an open run, then by title."""
        called = {
            alert.runbook.resolve(): alert.title
            for alert in picture.alerts.alerts
            if alert.runbook is not None and alert.state is AlertState.FIRING
        }
        runs = {run.path.resolve(): run for run in reversed(self.runs)}
        every = {path: path.resolve() for path in self._listed()}
        # Rows change places while files are read: until one was gone to, the cursor stays at the first.
        at = self.paths[self.listing.cursor] if self.went and self.paths and self.listing.rows else None
        self.paths = sorted(
            (path for path in every if self._wanted(path)),
            key=lambda path: (every[path] not in called, every[path] not in runs, self._title(path).casefold()),
        )
        rows = [self._row(path, called.get(every[path], ""), runs.get(every[path]), now) for path in self.paths]
        if at in self.paths and self.listing.rows:
            self.listing.cursor = self.paths.index(at)
        none = f" no runbook has {clean(self.narrowed)!r} in its name; / and Enter shows all" if self.narrowed else ""
        self.listing.set(rows, row((none or " this system has no runbooks", Ink.DIM)))
        typed = self.prompt.row() if self.prompt is not None else EMPTY
        shown = row((f" only those with {clean(self.narrowed)!r}", Ink.WARN)) if self.narrowed else EMPTY
        told = row((f" {clean(self.problem)}" if self.problem else "", Ink.WARN))
        below = [told] if typed and told and self.naming else []
        self.foot.styles.height = 1 + len(below)
        self.foot.set([typed or told or shown, *below])

    def _title(self, path: Path) -> str:
        return self.read[path].title if path in self.read else path.stem.replace("-", " ")

    def _wanted(self, path: Path) -> bool:
        words = self.narrowed.casefold().split()
        return all(word in f"{self._title(path)} {path.stem}".casefold() for word in words)

    def _row(self, path: Path, fires: str, run: Run | None, now: datetime) -> Row:
        read = self.read.get(path)
        width = LETTERS + max(self.size.width - 80, 0) // 3
        ink = Ink.STRONG if fires or run is not None else Ink.TEXT
        title = cell(clean(self._title(path)), width, ink, cut=self.look.glyphs.cut)
        if read is None:
            return row("  ", title, ("reading…", Ink.DIM))
        if read.fault:
            return row("  ", title, (f"{self.look.glyphs.failed} {clean(read.fault)}", Ink.BAD))
        count = ", ".join(
            filter(
                None,
                (f"{read.commands} to run" if read.commands else "", f"{read.checks} to tick" if read.checks else ""),
            )
        )
        fired = (f" {clean(fires)} is FIRING ", Ink.ALARM) if fires else ("", Ink.DIM)
        done, due = progress(run) if run is not None else (0, 0)
        share = 100 * done // max(due, 1)
        going = f" run {share}% since {steps(now - run.began)}, Enter resumes" if run is not None else ""
        loud = bool(fires) or run is not None
        counted = cell(count or "only read", 22, Ink.DIM) if not loud or self.size.width >= WIDE else ""
        return row("  ", title, counted, fired, (going, Ink.ACCENT))

    def do_filter_runbooks(self) -> None:
        """Ask for words."""
        self.prompt = Prompt("/", self.narrowed, "words of its title; Enter keeps, Esc ends")
        self.take(self.console.picture)

    def do_open_file(self) -> None:
        """Ask for a path."""
        self.prompt, self.naming = Prompt("file: ", "", "any Markdown file; Enter opens it, Esc ends"), True
        self.problem = ""
        self.take(self.console.picture)

    def _open_named(self, name: str) -> None:
        """Open the file of that name, or say why not and keep what was typed; no name ends it."""
        path = Path(name).expanduser().absolute()
        if name and not path.is_file():
            short = str(path) if len(str(path)) <= SHORT else f"{self.look.glyphs.cut}/{path.name}"
            self.problem = f"{short} is a folder" if path.is_dir() else f"there is no file {short}"
            return
        self.prompt, self.naming, self.problem = None, False, ""
        if name:
            open_runbook(self.console, path)

    def on_key(self, event: events.Key) -> None:
        """Typing goes to the filter while there is one."""
        if self.prompt is None:
            super().on_key(event)
            return
        event.stop()
        event.prevent_default()
        if self.naming and event.key == "enter":
            self._open_named(self.prompt.text.strip())
        elif self.naming and event.key == "escape":
            self.prompt, self.naming, self.problem = None, False, ""
        elif event.key == "escape":
            self.prompt, self.narrowed = None, ""
        elif event.key == "enter":
            self.prompt = None
        elif self.prompt.key(event.key, event.character) and not self.naming:
            self.narrowed = self.prompt.text
            self.listing.cursor = 0
        self.take(self.console.picture)

    def on_paste(self, event: events.Paste) -> None:
        """Into what is typed, or nowhere: pasted text must never act as keys."""
        event.stop()
        if self.prompt is not None:
            self.prompt.insert(event.text)
            self.take(self.console.picture)

    def on_listing_moved(self, event: Listing.Moved) -> None:
        """A person has gone to a row, which the cursor follows from then on."""
        event.stop()
        self.went = True

    def on_listing_chosen(self, event: Listing.Chosen) -> None:
        """Open the runbook at the cursor."""
        event.stop()
        self.went = True
        open_runbook(self.console, self.paths[event.index])


def open_runbooks(console: Console) -> None:
    """List the runbooks."""
    console.push_screen(RunbooksRoom())


def open_runbook(console: Console, path: Path) -> None:
    """Open one runbook; it is read, and an open run of it is offered, when the screen is there."""
    console.push_screen(RunbookRoom(path))

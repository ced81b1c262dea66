"""The rollout screen: every phase with its dates, and all of the one that is chosen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from console.core.picture import Picture
from console.core.rollouts.plan import Phase, RolloutPlan
from console.core.rollouts.view import RolloutView
from screens.attesting import LookDialog, SignDialog, TickDialog
from screens.base import Console
from screens.rollout_page import Entry, page, phase_heading, phase_row
from screens.room import Room
from widgets.listing import Lines, Listing
from widgets.phases import rollout_time, soak_row
from widgets.progress import state_rows
from widgets.rows import EMPTY, row
from widgets.vocabulary import Ink
from widgets.words import clean

SHORT = 30
FEW = 5
"""Phases shown at once below SHORT rows."""
MANY = 10


def opened_words(why: str) -> str:
    """The one line as the rollout screen says it: what Enter opens elsewhere is open here."""
    return why.replace("Enter opens them", "Space ticks, g signs")


class Sheet(Listing, inherit_bindings=False):
    """A list whose letters are left to the screen: `k` and `g` are actions there."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "move(-1000000)", "First", show=False),
        Binding("end", "move(1000000)", "Last", show=False),
        Binding("enter", "choose", "Choose", show=False),
    ]


class RolloutRoom(Room):
    """Phases above, the chosen one below; Tab goes from one to the other."""

    place = "rollout"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("tab,shift+tab", "swap", "Phases or page", show=False)]
    moves = (
        ("Tab", "from the phases to the page of the chosen one, and back"),
        ("up down", "choose a phase; move in the page"),
        ("PgUp PgDn", "move by a page"),
        ("Home End", "first, last"),
        ("Enter", "act on what is marked: tick, sign"),
    )

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[Entry] = []
        self.plan: RolloutPlan | None = None
        self._here: int | None = None
        self._placed = False

    def content(self) -> Iterable[Widget]:
        """State, phases, page."""
        self.state = Lines(self.look, id="state")
        self.over = Lines(self.look, [EMPTY], grows=False, id="over")
        self.over.styles.height = 1
        self.phases = Sheet(self.look, id="phases")
        self.between = Lines(self.look, [EMPTY], grows=False, id="between")
        self.between.styles.height = 1
        self.page = Sheet(self.look, empty=row((" reading…", Ink.DIM)), id="page")
        yield from (self.state, self.over, self.phases, self.between, self.page)

    def title_of(self, picture: Picture, now: datetime) -> str:
        """Which rollout."""
        view = picture.rollout
        return f"{clean(view.title)} {clean(view.version)}" if view else "no rollout"

    def on_mount(self) -> None:
        """Begin in the page, at the first thing that is asked; read what the file says of the other phases."""
        super().on_mount()
        self.page.focus()
        self.console.ask("", self.desk.rollout_plans, self._read)

    def on_resize(self) -> None:
        """Fold anew."""
        if self.console.ready:
            self.take(self.console.picture)

    def _read(self, plans: tuple[RolloutPlan, ...] | None, _why: str) -> None:
        view = self.console.picture.rollout
        if self.is_attached and view is not None:
            self.plan = next((plan for plan in plans or () if plan.name == view.plan), None)
            self.take(self.console.picture)

    @property
    def chosen(self) -> int:
        """The phase that is told."""
        return self.phases.cursor

    def written(self, view: RolloutView) -> Phase | None:
        """The chosen phase as its file says."""
        name = view.phases[self.chosen].name
        return next((phase for phase in self.plan.phases if phase.name == name), None) if self.plan else None

    def draw(self, picture: Picture, now: datetime) -> None:
        """Everything anew; only rows that differ are painted. The choice follows the rollout into its next phase."""
        view = picture.rollout
        width, height = self.size
        if view is None or not width:
            return
        at = rollout_time(picture, now)
        told = replace(view, why=opened_words(view.why))
        self.state.set([*state_rows(told, now, width, 3), soak_row(view, at, width, self.look.glyphs)])
        if self._here != view.phase:
            if self._here is None or self.chosen == self._here:
                self.phases.cursor = view.phase
            self._here = view.phase
        self.over.set([phase_heading(width)])
        self.phases.styles.height = min(len(view.phases), FEW if height < SHORT else MANY)
        self.phases.set([phase_row(phase, view.history, at, width, self.look.glyphs) for phase in view.phases])
        title = clean(view.phases[self.chosen].title or view.phases[self.chosen].name)
        here = "" if self.chosen == view.phase else "  not the present phase"
        self.between.set([row((f"{self.look.glyphs.across * 3} ", Ink.FRAME), (title, Ink.TITLE), (here, Ink.DIM))])
        self.entries = page(view, self.chosen, self.written(view), now, at, width, self.look.glyphs)
        self.page.set([entry.row for entry in self.entries])
        if not self._placed:
            self._placed = True
            self._to_first_asked()

    def _to_first_asked(self) -> None:
        view = self.console.picture.rollout
        if view is None:
            return
        for place, entry in enumerate(self.entries):
            item = entry.item is not None and not view.checklist[entry.item].done
            role = any(sign.role == entry.role and not sign.decision for sign in view.sign_offs)
            if item or role:
                self.page.cursor = place
                self.page.repaint()
                return

    def at_cursor(self) -> Entry | None:
        """The entry at the page's cursor; only those of the present phase are something to act on."""
        return self.entries[self.page.cursor] if self.page.cursor < len(self.entries) else None

    def on_listing_moved(self, event: Listing.Moved) -> None:
        """Another phase is chosen."""
        event.stop()
        if event.listing is self.phases:
            self.page.cursor = 0
            self.take(self.console.picture)

    def on_listing_chosen(self, event: Listing.Chosen) -> None:
        """Enter: into the page, or act on what is marked there."""
        event.stop()
        if event.listing is self.phases:
            self.page.focus()
            return
        entry = self.at_cursor()
        if entry is not None and entry.item is not None:
            self.console.do("tick")
        elif entry is not None and entry.role:
            self.console.do("sign")

    def do_tick(self) -> None:
        """Tick what is marked; where nothing is, go to the first item that is open."""
        view = self.console.picture.rollout
        entry = self.at_cursor()
        if view is None or entry is None or entry.item is None or not self.page.has_focus:
            self._to_open_item(view)
            return
        self.console.push_screen(TickDialog(entry.item, done=not view.checklist[entry.item].done))

    def _to_open_item(self, view: RolloutView | None) -> None:
        if view is None or not view.checklist:
            self.console.say("this phase has no checklist")
            return
        self.phases.cursor = view.phase
        self.take(self.console.picture)
        self.page.focus()
        open_items = [place for place, item in enumerate(view.checklist) if not item.done] or [0]
        at = next(place for place, entry in enumerate(self.entries) if entry.item == open_items[0])
        self.page.cursor = at
        self.page.repaint()
        self.console.say("Space again ticks what is marked")

    def do_sign(self) -> None:
        """Sign for the role that is marked, or for the first that is waited for."""
        view = self.console.picture.rollout
        if view is None or not view.sign_offs:
            self.console.say("nobody has to sign this phase")
            return
        entry = self.at_cursor()
        self.console.push_screen(SignDialog(entry.role if entry is not None else ""))

    def do_look(self) -> None:
        """Mark a look."""
        self.console.push_screen(LookDialog())

    def do_rollout(self) -> None:
        """It is here already."""

    def copied(self) -> str:
        """The row at the page's cursor."""
        entry = self.entries[self.page.cursor] if self.page.cursor < len(self.entries) else None
        return "".join(text for text, _ in entry.row).strip() if entry else ""

    def action_swap(self) -> None:
        """From the phases to the page, and back."""
        (self.page if self.phases.has_focus else self.phases).focus()


def open_rollout(console: Console) -> None:
    """Show the rollout."""
    console.push_screen(RolloutRoom())

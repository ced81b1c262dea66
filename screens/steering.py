"""Dialogs that steer a rollout: hold, resume, abort, retry, take over; and starting a watcher."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import ClassVar

from textual.binding import Binding, BindingType

from console.core.picture import Picture
from console.core.rollouts.view import RolloutView
from screens.asking import AskDialog, choices
from screens.base import Console
from screens.dialog import Field, told
from widgets.phases import driver_words, share_words, soak_words, state_words
from widgets.rows import EMPTY, Row, row
from widgets.vocabulary import Glyphs, Ink
from widgets.words import ago, clean

ENDED = "the rollout has ended meanwhile; Esc leaves"
MOVED = "the rollout has moved on since this was opened, and nothing was done: read it again before Enter"


def standing(view: RolloutView, now: datetime, glyphs: Glyphs) -> list[Row]:
    """Where the rollout stands, for every dialog about it: what, where, how far, how old the news is, who drives."""
    here = view.here
    rows = [
        row(
            ("now    ", Ink.DIM),
            (clean(view.version), Ink.STRONG),
            f"  phase {view.phase + 1} of {len(view.phases)}, {clean(here.title or here.name)}, in ",
            (clean(view.environment).upper(), Ink.STRONG),
        ),
        row(
            "       ",
            *state_words(view),
            *(("  ", Ink.TEXT), *soak_words(view.soak)) if view.soak and view.soak.needed else EMPTY,
        ),
        row("       ", *share_words(view, glyphs), (f"  as of {ago(view.taken_at, now)}", Ink.DIM)),
    ]
    if not view.driver.alive and not view.state.over:
        rows.append(row("       ", *driver_words(view, now)))
    return rows


def place_of(view: RolloutView | None) -> tuple[object, ...]:
    """Which attempt of which phase of which rollout is talked about."""
    return () if view is None else (view.id, view.phase, len(view.history))


class SteerDialog(AskDialog):
    """A dialog about the rollout under way. When that moves on under it, the first Enter says so and does nothing: what
    was read was about another phase.
    """

    words = ""
    opened_on: tuple[object, ...] = ()

    def begin(self) -> None:
        """Remember what it is about."""
        self.opened_on = place_of(self.view)

    def send(self, call: Callable[[], str]) -> None:
        """Hand it to the desk, unless the rollout has moved on."""
        if place_of(self.view) != self.opened_on:
            self.opened_on = place_of(self.view)
            self.complain(*told("", MOVED, Ink.BAD))
            return
        super().send(call)

    def heading(self) -> str:
        """What is to be done, to which system, where."""
        picture = self.console.picture
        view = picture.rollout
        where = (view.environment if view else picture.environment).upper()
        return f" {self.words} {picture.system} in {where} "

    def said_rows(self, picture: Picture, now: datetime) -> Sequence[Row]:
        """Where it stands, then what will be done."""
        view = picture.under_way
        if view is None:
            return [row((ENDED, Ink.WARN))]
        moved = told("", MOVED, Ink.BAD) if place_of(view) != self.opened_on else []
        return [*moved, *standing(view, now, self.look.glyphs), *self.does(view), EMPTY]

    def does(self, view: RolloutView) -> list[Row]:
        """What will be done."""
        raise NotImplementedError


class HoldDialog(SteerDialog):
    """Hold: a reason, and no typed target, for it makes the world safer."""

    stays = False
    words, doing = "Hold the rollout of", "writing the hold"

    def fields(self) -> Iterable[Field]:
        """The reason."""
        return (Field("Reason (required):", id="reason"),)

    def does(self, view: RolloutView) -> list[Row]:
        """What stops and what does not."""
        return [
            *told("does   ", "the soak clock and promotion stop until h resumes"),
            *told("leaves ", "the traffic as it is; rollback criteria stay armed"),
        ]

    def submit(self) -> None:
        """Write it down."""
        reason = self.value("reason")
        self.send(lambda: self.desk.hold(reason))


class ResumeDialog(SteerDialog):
    """Resume; a hold after a failed apply would apply again, so the target is typed."""

    words, doing = "Resume the rollout of", "writing that it goes on"

    def fields(self) -> Iterable[Field]:
        """The typed target."""
        return (self.target_field(),)

    def does(self, view: RolloutView) -> list[Row]:
        """Why it is held, and what follows."""
        return [
            *told("held   ", view.why, Ink.WARN),
            *told("does   ", "goes back to the state before the hold; what was being applied is applied again"),
        ]

    def submit(self) -> None:
        """Write it down."""
        if self.value("target") != self.target:
            self.complain(*told("", f"that is not {self.target}; nothing was done", Ink.WARN))
            return
        self.send(self.desk.resume)


class AbortDialog(SteerDialog):
    """Abort: the one way to end a rollout halfway."""

    words, doing = "Abort the rollout of", "asking for the end"

    def __init__(self) -> None:
        super().__init__()
        self.add_class("-dangerous")

    def fields(self) -> Iterable[Field]:
        """Reason and target."""
        return (Field("Reason (required):", id="reason"), self.target_field())

    def does(self, view: RolloutView) -> list[Row]:
        """What ends and what stays."""
        return [
            *told("does   ", "ends the rollout for good and gives the autoscaler its bounds back"),
            *told("leaves ", "the traffic exactly as it is now, split as it is split"),
            *told(
                "WARN   ", "nothing rolls back by itself any more; R puts the traffic back instead", Ink.BAD, Ink.BAD
            ),
        ]

    def submit(self) -> None:
        """Ask for it."""
        typed, reason = self.value("target"), self.value("reason")
        self.send(lambda: self.desk.abort(typed, reason))


class TakeOverDialog(SteerDialog):
    """Take over: the lease goes to a watcher of this machine."""

    words, doing = "Take over the rollout of", "taking over"

    def __init__(self) -> None:
        super().__init__()
        self.add_class("-dangerous")

    def fields(self) -> Iterable[Field]:
        """The typed target."""
        return (self.target_field(),)

    def does(self, view: RolloutView) -> list[Row]:
        """Who loses it and who gets it."""
        driver = view.driver
        who = f"{driver.who}, last seen {ago(driver.seen, self.console.now())}" if driver.who else "nobody"
        return [
            *told("drives ", f"{who}; epoch {driver.epoch}"),
            *told("does   ", f"a watcher of this machine takes the lease with epoch {driver.epoch + 1}"),
            *told("       ", "the one that drove until now writes nothing more"),
        ]

    def submit(self) -> None:
        """Take it."""
        typed = self.value("target")
        self.send(lambda: self.desk.take_over(typed))


class RetryDialog(SteerDialog):
    """Retry: up and down pick the phase, of those that were reached."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "pick(-1)", "Earlier phase", show=False, priority=True),
        Binding("down", "pick(1)", "Later phase", show=False, priority=True),
    ]
    words, doing = "Retry the rollout of", "asking for the retry"

    def __init__(self) -> None:
        super().__init__()
        self.add_class("-dangerous")
        self.phases: tuple[str, ...] = ()
        self.at = 0

    def begin(self) -> None:
        """The phases that were reached, the newest chosen."""
        super().begin()
        view = self.view
        if view is not None:
            names = [phase.name for phase in view.phases]
            tried = [names.index(each.phase) for each in view.history if each.phase in names]
            self.phases = tuple(names[: max([view.phase, *tried]) + 1])
            self.at = min(view.phase, len(self.phases) - 1)

    def fields(self) -> Iterable[Field]:
        """The typed target."""
        return (self.target_field(),) if self.phases else ()

    def does(self, view: RolloutView) -> list[Row]:
        """From which phase, and what that phase asks."""
        phase = next((each for each in view.phases if each.name == self.phases[self.at]), view.here)
        asks = (
            f"asks for {phase.share} in {phase.environment}"
            if phase.share
            else f"changes no traffic; {phase.environment}"
        )
        return [
            choices("from   ", self.phases, self.at),
            row(("       up/down picks another", Ink.DIM)),
            *told("does   ", f"begins {phase.title or phase.name} anew: {asks}; its soak begins from nothing"),
            *told("       ", "the phases after it follow as planned; the history keeps every attempt"),
        ]

    def submit(self) -> None:
        """Ask for it."""
        phase, typed = self.phases[self.at], self.value("target")
        self.send(lambda: self.desk.retry(phase, typed))

    def action_pick(self, by: int) -> None:
        """Pick another phase."""
        if not (self.busy or self.answer):
            self.at = max(0, min(self.at + by, len(self.phases) - 1))
            self.take(self.console.picture)


def open_hold(console: Console) -> None:
    """Ask before a hold, or before its end where it is held."""
    view = console.picture.under_way
    held = view is not None and not view.cannot("resume")
    console.push_screen(ResumeDialog() if held else HoldDialog())


def open_abort(console: Console) -> None:
    """Ask before the end."""
    console.push_screen(AbortDialog())


def open_retry(console: Console) -> None:
    """Ask from which phase."""
    console.push_screen(RetryDialog())


def open_take_over(console: Console) -> None:
    """Ask before the lease is taken."""
    console.push_screen(TakeOverDialog())


def open_watcher(console: Console) -> None:
    """Start a watcher; no dialog, for it carries on what was confirmed when the rollout was started."""

    def answered(answer: str | None, why: str) -> None:
        console.say(answer if answer is not None else why, Ink.BAD if answer is None else Ink.OK)

    console.say("a watcher is being started…", Ink.ACCENT)
    console.ask("starting a watcher", console.desk.start_watcher, answered)

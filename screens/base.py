"""What every screen of the console has: the bypass row, the footer, keys from the action table, the newest picture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from textual import events
from textual.app import ComposeResult
from textual.screen import ModalScreen, Screen
from textual.widget import Widget

from console.actions.table import actions_of, footer_of
from console.core.actions import Action
from widgets.bypass_row import BypassRow
from widgets.footer import Footer
from widgets.vocabulary import Ink, Look

if TYPE_CHECKING:
    from console.core.picture import Alert, Picture
    from console.engine.desk import Desk

Result = TypeVar("Result")
Answer = TypeVar("Answer")


class Console(Protocol):
    """The application as screens see it."""

    look: Look
    keys: dict[str, str]
    naming: tuple[str, str]

    @property
    def desk(self) -> Desk:
        """The engine."""

    @property
    def ready(self) -> bool:
        """Whether the desk is open; before that there is no picture."""

    @property
    def picture(self) -> Picture:
        """The newest picture."""

    def now(self) -> datetime:
        """The time, aware UTC."""

    def say(self, sentence: str, ink: Ink = Ink.WARN) -> None:
        """Show one sentence in the footer until the next key."""

    def do(self, action: str) -> None:
        """Do the action of that id, or say why it cannot be done now."""

    def put_on_clipboard(self, text: str) -> None:
        """Copy by OSC 52."""

    @property
    def screen(self) -> Screen[object]:
        """The screen that is seen."""

    def push_screen(self, screen: Screen[Any], callback: Callable[[Any], None] | None = None) -> object:
        """Show a screen over this one; `callback` gets what it was left with."""

    def open_alert(self, alert: Alert | None) -> None:
        """Open the runbook of an alert."""

    def ask(self, doing: str, call: Callable[[], Answer], answered: Callable[[Answer | None, str], None]) -> None:
        """Call the desk in a thread that no screen owns; `answered` gets what it returned, or None and why it refused.

        doing: what is being done, for whoever leaves meanwhile (`starting a watcher`); empty for what only reads.
        """


class Place:
    """What screens and dialogs share. place: the screen's name in the action table's `where`.

    A subclass composes `body()` and may take `picture_changed` and `ticked`; it is given the newest picture when it is
    shown, when one comes, and again when it is uncovered. A method `do_<action id>` (with `_` for `-`) does that action
    here.
    """

    place = ""

    @property
    def console(self) -> Console:
        """The application."""
        return cast(Console, cast(Widget, self).app)

    def body(self) -> Iterable[Widget]:
        """The widgets between the bypass row and the footer."""
        return ()

    def compose(self) -> ComposeResult:
        """The bypass row, the body, the footer."""
        yield BypassRow(self.console.look)
        yield from self.body()
        yield Footer(self.console.look, footer_of(self.place), self.console.keys)

    def picture_changed(self, picture: Picture) -> None:
        """A new picture is there. Compare before repainting."""

    def ticked(self, now: datetime) -> None:
        """A second has passed."""

    def copied(self) -> str:
        """The text that copying takes; empty where there is none."""
        return ""

    def take(self, picture: Picture) -> None:
        """Hand the picture to everything on this screen."""
        for row in self._all(BypassRow):
            row.show(picture, self.console.now())
        for footer in self._all(Footer):
            footer.show(picture)
        self.picture_changed(picture)

    def tick(self, now: datetime) -> None:
        """Hand the second to everything on this screen."""
        for row in self._all(BypassRow):
            row.show(self.console.picture if self.console.ready else None, now)
        self.ticked(now)

    def say(self, sentence: str, ink: Ink = Ink.WARN) -> None:
        """Show one sentence in this screen's footer."""
        for footer in self._all(Footer):
            footer.say(sentence, ink)

    @property
    def says(self) -> str:
        """The sentence in this screen's footer."""
        return next((footer.sentence for footer in self._all(Footer)), "")

    def action_for(self, key: str) -> Action | None:
        """The action of this screen that the key stands for."""
        for action in actions_of(self.place):
            if self.console.keys.get(action.id, action.key) == key:
                return action
        return None

    def on_key(self, event: events.Key) -> None:
        """Do what the key stands for."""
        self.say("")
        action = self.action_for(event.key)
        if action is not None:
            event.stop()
            event.prevent_default()
            self.console.do(action.id)

    def on_mount(self) -> None:
        """Show what is known."""
        if self.console.ready:
            self.take(self.console.picture)

    def on_screen_resume(self) -> None:
        """Catch up with what was missed while covered."""
        if self.console.ready:
            self.take(self.console.picture)

    def _all(self, kind: type[Found]) -> Iterator[Found]:
        return iter(cast(Widget, self).query(kind))


Found = TypeVar("Found", bound=Widget)


class ConsoleScreen(Place, Screen[None]):
    """A screen that fills the terminal. What was typed while it is covered was meant for what covers it."""

    async def on_event(self, event: events.Event) -> None:
        """Drop keys that were on their way here when another screen was opened."""
        if self.is_active or not isinstance(event, (events.Key, events.Paste)):
            await super().on_event(event)


class ConsoleDialog(Place, ModalScreen[Result]):
    """A dialog over a screen. Actions it begins belong to the desk and outlive it."""

"""The console on a terminal: the Textual application that shows pictures and hands keys to the desk."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

# Textual reads these when it is imported: nothing is animated, and over SSH a frame is never sent more than 15 times a
# second.
os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
os.environ.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")
if os.environ.get("SSH_CONNECTION"):
    os.environ.setdefault("TEXTUAL_FPS", "15")

import asyncio
import signal
import threading

from rich.text import Text
from textual import events
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.app import App
from textual.screen import Screen

from console.actions.table import action as action_of
from console.core.operations import Refused
from console.core.states import Outcome
from screens.base import Place
from screens.dashboard import Dashboard
from screens.delta import Shown
from screens.errands import Errands
from screens.leftovers import crash_sentence, left_behind, write_screen
from screens.messages import LogsArrived, PictureChanged
from screens.openers import OPENERS
from screens.opening import Opening
from screens.terminal import ConsoleDriver, restore_now
from screens.theme import TEXTUAL_THEMES, look_for
from screens.too_small import LEAST, TooSmall
from widgets.footer import key_sign
from widgets.vocabulary import Ink

if TYPE_CHECKING:
    from rich.console import RenderableType

    from console.core.picture import Alert, Picture
    from console.engine.desk import Desk

Answer = TypeVar("Answer")
SWITCH = "switch"
LAST_RESORT = 6.0


def utc_now() -> datetime:
    """The time, aware UTC."""
    return datetime.now(UTC)


class ConsoleApp(App[str]):
    """Shows what the desk knows and asks it for what the keys say.

    desk: the engine; it is started after the first paint and stopped on SIGHUP and SIGTERM. opening: makes the desk, in
    a thread of its own after the first paint, where it is not there yet; what it raises ends the app and is raised by
    `run`. naming: system and environment, as shown until then. keys: keys by action id, in
    Textual's spelling, where they differ from the table's. theme: `night`, `ansi` or `plain`; by default what suits the
    terminal. Returns `switch` where another environment is asked for.
    """

    ENABLE_COMMAND_PALETTE = False
    TITLE = "hakgal-console"
    CSS_PATH = Dashboard.SHEET
    BINDINGS: ClassVar[list[Any]] = []

    def __init__(
        self,
        desk: Desk | None = None,
        *,
        opening: Callable[[], Desk] | None = None,
        naming: tuple[str, str] = ("", ""),
        clock: Callable[[], datetime] = utc_now,
        theme: str | None = None,
        ascii_only: bool = False,
        mouse: bool = False,
        keys: Mapping[str, str] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        environ = os.environ if environ is None else environ
        self.look = look_for(environ, theme=theme, ascii_only="yes" if ascii_only else "no")
        super().__init__(driver_class=ConsoleDriver, ansi_color=True if "NO_COLOR" in os.environ else None)
        self._desk = desk
        self._opening = opening
        self.failure: Exception | None = None
        self.naming = naming if desk is None else (desk.picture.system, desk.picture.environment)
        self.keys = dict(keys or {})
        self.now = clock
        self._mouse_wanted = mouse
        self._newest: Picture | None = None if desk is None else desk.picture
        self._told = threading.Event()
        self._logged = threading.Event()
        self._leave: list[Callable[[], None]] = []
        self._stopping: threading.Thread | None = None
        self._warned = False
        self._errands = Errands(self._from_thread)
        self._shown = Shown()
        self._opening_place = Opening(self, self.call_after_refresh)
        textual_theme = TEXTUAL_THEMES[self.look.palette]
        self.register_theme(textual_theme)
        self.theme = textual_theme.name

    @property
    def desk(self) -> Desk:
        """The engine."""
        assert self._desk is not None, "the desk is not open yet"
        return self._desk

    @property
    def ready(self) -> bool:
        """Whether the desk is open."""
        return self._desk is not None

    @property
    def picture(self) -> Picture:
        """The newest picture."""
        assert self._newest is not None, "the desk is not open yet"
        return self._newest

    @property
    def dashboard(self) -> Dashboard:
        """The first screen."""
        screen = self.screen_stack[0]
        assert isinstance(screen, Dashboard)
        return screen

    @property
    def seen(self) -> Place | None:
        """The screen that is seen; None while the app ends, when messages of other threads may still arrive."""
        top: object = self.screen_stack[-1] if self.screen_stack else None
        return top if isinstance(top, Place) else None

    def get_default_screen(self) -> Screen[Any]:
        """The dashboard itself: no blank screen is painted before it."""
        return Dashboard(self.size)

    def run(self, *arguments: Any, **options: Any) -> str | None:
        """Run on the terminal; the mouse is left to the terminal unless it was asked for."""
        options.setdefault("mouse", self._mouse_wanted)
        try:
            result = super().run(*arguments, **options)
        finally:
            if self._stopping is not None:
                self._stopping.join(3.0)
        if self.failure is not None:
            raise self.failure
        return result

    def on_mount(self) -> None:
        """Paint first, then begin to observe."""
        self.set_interval(1.0, self._tick, name="clock")
        if isinstance(self._driver, ConsoleDriver):
            system, environment = self.naming
            self._driver.set_title(f"{system} {environment.upper()}".strip() or self.title)
            self._mind_signals()
        self.call_after_refresh(self._begin if self.ready else self._open)

    def on_unmount(self) -> None:
        """Hear no more of the desk."""
        for leave in self._leave:
            leave()

    def on_resize(self, event: events.Resize) -> None:
        """Give up below 80x24, and come back above it."""
        self._shown.forget()
        if self.seen is None:
            return
        small = event.size.width < LEAST[0] or event.size.height < LEAST[1]
        if small and not isinstance(self.screen, TooSmall):
            self.push_screen(TooSmall())
        elif not small and isinstance(self.screen, TooSmall):
            self.pop_screen()

    async def on_event(self, event: events.Event) -> None:
        """Let no key through while a screen is being opened: it was meant for that one."""
        if not (isinstance(event, (events.Key, events.Paste)) and self._opening_place.under_way):
            await super().on_event(event)

    def on_picture_changed(self) -> None:
        """Hand the newest picture to the screen that is seen; covered ones catch up when they are uncovered."""
        self._told.clear()
        self._newest = self.desk.picture
        if self.seen is not None and self.screen.is_mounted:  # it takes the newest one itself when it is mounted
            self.seen.take(self._newest)

    def on_logs_arrived(self) -> None:
        """Have the dashboard read the new lines, while it is seen."""
        self._logged.clear()
        if isinstance(seen := self.seen, Dashboard):
            seen.read_logs()

    def say(self, sentence: str, ink: Ink = Ink.WARN) -> None:
        """Show one sentence in the footer until the next key."""
        if self.seen is not None:
            self.seen.say(sentence, ink)

    def put_on_clipboard(self, text: str) -> None:
        """Copy by OSC 52."""
        if not text:
            self.say("there is nothing here to copy")
            return
        self.copy_to_clipboard(text)
        self.say(
            f"copied {len(text):,} characters to your terminal's clipboard; if it ignores that, D writes a file", Ink.OK
        )

    def do(self, action: str) -> None:
        """Do the action of that id, or say why it cannot be done now. The screen that is seen is asked first."""
        entry = action_of(action)
        if self._opening_place.closed and action != "quit":
            return
        if not self.ready and action != "quit":
            self.say("the system is still being read")
            return
        why = entry.disabled_reason(self.picture)
        if why is not None:
            self.say(f"{entry.short}: {why}")
            return
        name = f"do_{action.replace('-', '_')}"
        method = getattr(self.screen, name, None) or getattr(self, name, None)
        if method is not None:
            method()
        elif action in OPENERS:
            self._opening_place.open(entry.title, OPENERS[action])
        else:
            self.say(f"{entry.title} does not work on this screen")

    def open_alert(self, alert: Alert | None) -> None:
        """Open the runbook of an alert, or say what to do where it names none."""
        self._opening_place.open_alert(alert)

    def ask(self, doing: str, call: Callable[[], Answer], answered: Callable[[Answer | None, str], None]) -> None:
        """Call the desk as `Errands.ask` says; leaving warns meanwhile."""
        self._errands.ask(doing, call, answered)

    def do_bypass_revoke(self) -> None:
        """End the open bypass; no dialog, for it makes the world safer."""
        try:
            self.desk.revoke_bypass()
        except Refused as refused:
            self.say(str(refused))

    def do_refresh(self) -> None:
        """Ask every source at once."""
        self.desk.refresh()
        self.say("every source is being read", Ink.OK)

    def do_switch(self) -> None:
        """Leave for the picker."""
        if self._may_leave():
            self.exit(SWITCH)

    def do_quit(self) -> None:
        """Leave. What runs in this process is named first: leaving would cut it off."""
        if self._may_leave():
            self.exit(message=left_behind(self._newest))

    async def action_quit(self) -> None:
        """The same for Textual's own key."""
        self.do_quit()

    def action_help_quit(self) -> None:
        """Ctrl-C ends nothing by itself; say what does."""
        self.say(f"{key_sign(self.keys.get('quit', action_of('quit').key))} quits; Ctrl-C ends nothing here")

    def do_back(self) -> None:
        """Leave the screen that is seen."""
        if len(self.screen_stack) > 1:
            self.pop_screen()

    def do_suspend(self) -> None:
        """Stop, as the shell's own job control would."""
        self.action_suspend_process()

    def do_mouse(self) -> None:
        """Switch the mouse."""
        self._mouse_wanted = not self._mouse_wanted
        if isinstance(self._driver, ConsoleDriver):
            self._driver.set_mouse(self._mouse_wanted)
        self.say(
            "the mouse works here now; m gives it back" if self._mouse_wanted else "the mouse is the terminal's", Ink.OK
        )

    def do_copy(self) -> None:
        """Copy what the screen says is under the mark."""
        self.put_on_clipboard(self.seen.copied() if self.seen is not None else "")

    def do_dump(self) -> None:
        """Write the screen as plain text into the state folder."""
        try:
            path = write_screen(self.naming[0], self.screen._compositor.render_strips(), self.now())
        except OSError as error:
            self.say(f"the screen could not be written: {error}")
        else:
            self.say(f"wrote {path}", Ink.OK)

    def paint_again(self) -> None:
        """Paint everything: what the terminal shows is not known any more."""
        self._shown.forget()
        self.refresh()

    def hang_up(self) -> None:
        """The terminal is gone."""
        self._leave_by(signal.SIGHUP)

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        writes = self._running and not self._closed and not self._batch_count and not self.is_headless
        if writes and isinstance(renderable, (LayoutUpdate, ChopsUpdate)):
            super()._display(screen, self._shown.difference(renderable))  # type: ignore[arg-type]
        else:
            super()._display(screen, renderable)

    def _fatal_error(self) -> None:
        # Textual would print the traceback with every local variable over the terminal.
        self._exit_renderables.append(Text(crash_sentence(self.naming[0] or "unknown", self.now())))
        self._close_messages_no_wait()

    def _open(self) -> None:
        threading.Thread(target=self._open_desk, name="opening", daemon=True).start()

    def _open_desk(self) -> None:
        assert self._opening is not None, "a desk, or what opens one, is needed"
        try:
            desk = self._opening()
        except Exception as error:  # noqa: BLE001  (the edge of the thread: `run` raises it)
            self.failure = error
            self._from_thread(self.exit)
            return
        self._desk = desk
        self._newest = desk.picture
        self._from_thread(self._begin)

    def _from_thread(self, call: Callable[[], None]) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.call_later, call)

    def _stop(self, reason: str) -> None:
        if self._desk is not None:
            self._desk.stop(reason)

    def _begin(self) -> None:
        self._leave += [self.desk.subscribe(self._pictured), self.desk.subscribe_logs(self._log_grew)]
        self.desk.start()
        self.post_message(PictureChanged(self.desk.picture))

    def _pictured(self, picture: Picture) -> None:
        # From the engine's threads. One message at most is on its way: a screen that is slow to paint must not pile
        # them up.
        if not self._told.is_set():
            self._told.set()
            self.post_message(PictureChanged(picture))

    def _log_grew(self, newest: int) -> None:
        if not self._logged.is_set():
            self._logged.set()
            self.post_message(LogsArrived(newest))

    def _tick(self) -> None:
        if self.seen is not None and self.screen.is_mounted:
            self.seen.tick(self.now())

    def _may_leave(self) -> bool:
        operations = self.picture.operations if self.ready else ()
        running = [entry.title for entry in operations if entry.outcome is Outcome.RUNNING]
        running += self._errands.under_way
        if not running or self._warned:
            return True
        self._warned = True
        self.set_timer(5.0, lambda: setattr(self, "_warned", False))
        self.say(f"the same key again leaves, though this still runs: {running[0]}")
        return False

    def _mind_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGHUP, signal.SIGTERM):
            loop.add_signal_handler(number, self._leave_by, number)

    def _leave_by(self, number: signal.Signals) -> None:
        if self._stopping is not None:
            return
        self._stopping = threading.Thread(target=self._stop, args=(f"{number.name} was received",), daemon=True)
        self._stopping.start()
        last = threading.Timer(LAST_RESORT, self._end_hard, [number])
        last.daemon = True
        last.start()
        self.exit(return_code=128 + number, message=left_behind(self._newest))

    def _end_hard(self, number: signal.Signals) -> None:
        restore_now(2)
        os._exit(128 + number)

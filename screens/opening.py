"""Opening a screen: it is said at once, and until the screen is there no key means anything else."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from screens.base import Console, ConsoleDialog, Place
from screens.openers import OPENERS, opener
from widgets.vocabulary import Ink

if TYPE_CHECKING:
    from console.core.picture import Alert

OPENING = "opening "


class Opening:
    """later: calls a function once the terminal shows what was said. Importing and planning may take seconds."""

    def __init__(self, console: Console, later: Callable[..., object]) -> None:
        self._console = console
        self._later = later
        self.under_way = False

    @property
    def closed(self) -> bool:
        """Whether a hot key may open nothing now: a dialog is seen, or something is being opened already."""
        return self.under_way or isinstance(self._console.screen, ConsoleDialog)

    def open(self, title: str, where: str, *arguments: Any) -> None:
        """Say so in the footer, then call the opener at `where`."""
        if self.closed:
            return
        self.under_way = True
        self._console.say(f"{OPENING}{title} …", Ink.ACCENT)
        self._later(self._open, where, arguments)

    def open_alert(self, alert: Alert | None) -> None:
        """Open the runbook of an alert, or say what to do where it names none."""
        if alert is None:
            self._console.say("no alert is marked")
        elif alert.runbook is None:
            self._console.say(f"{alert.title}: {alert.action or 'no runbook is named for this rule'}")
        else:
            self.open(alert.title, OPENERS["runbook"], alert.runbook)

    def _open(self, where: str, arguments: tuple[Any, ...]) -> None:
        below = self._console.screen
        try:
            opener(where)(self._console, *arguments)
        finally:
            self.under_way = False
            if isinstance(below, Place):
                # What it says about itself comes after; a screen over it is waited for until it is drawn.
                self._console.screen.call_after_refresh(self._unsay, below)

    def _unsay(self, below: Place) -> None:
        if below.says.startswith(OPENING):
            below.say("")

"""The dashboard: header, what is deployed, alerts, Redis, logs; one row of keys."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from textual import events
from textual.containers import Container
from textual.geometry import Size
from textual.widget import Widget

from console.core.states import AlertState
from screens.base import ConsoleScreen
from widgets.activity import ActivityPane
from widgets.alerts import AlertsPane
from widgets.header import Clock, Header
from widgets.log_view import HELD, BadFilter
from widgets.logs import LogsPane
from widgets.pane import ALONE, Edges, Pane
from widgets.prompt import Prompt
from widgets.redis import RedisPane
from widgets.rollout import RolloutPane

if TYPE_CHECKING:
    from console.core.picture import Alert, Picture

WIDE = 110
ROOMY = 30
TALL = 36
FEW = 5
"""Gates or criteria up to which the rollout's pane stays small on a tall terminal."""

MOVES = (
    ("up down j k", "move in the pane; in the logs, moving up pauses"),
    ("PgUp PgDn", "move by a page"),
    ("Home g End G", "oldest, newest; newest follows"),
    ("left right", "shift long log lines"),
    ("Tab", "next pane"),
    ("Enter", "open what is marked: the rollout or the pods, an alert's runbook, a match among its neighbours"),
    ("Esc", "step back: the prompt, the match, the pause, the filter, the zoom"),
)

_STEPS = {"up": -1, "k": -1, "down": 1, "j": 1}
_ORDER = ("rollout", "alerts", "redis", "logs")


class Dashboard(ConsoleScreen):
    """The first screen. Which pane has the keys is its own matter: a change of it repaints two frames and no more."""

    # The app reads this sheet: Textual reads a screen's CSS_PATH when it is pushed, and the first one never is.
    SHEET = Path(__file__).with_suffix(".tcss")
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]  # noqa: RUF012  (Textual declares an instance variable)
    VERTICAL_BREAKPOINTS = [(0, "-short"), (ROOMY, "-roomy"), (TALL, "-tall")]  # noqa: RUF012
    AUTO_FOCUS = ""

    place = "dashboard"

    def __init__(self, size: Size) -> None:
        # The first layout comes before the breakpoints are looked at; with these it is the right one at once.
        width = self._get_breakpoint_classes(size.width, self.HORIZONTAL_BREAKPOINTS)
        height = self._get_breakpoint_classes(size.height, self.VERTICAL_BREAKPOINTS)
        super().__init__(id="dashboard", classes=" ".join((*width, *height)))
        self.at = "rollout"
        self.zoomed = False
        self._last_log = 0

    def body(self) -> Iterable[Widget]:
        """Header, panes."""
        look = self.console.look
        self.header = Header(look, self.console.naming)
        self.clock = Clock(look)
        self.panes: dict[str, Pane] = {
            "rollout": RolloutPane(look, lambda: self.edges("rollout"), id="rollout"),
            "alerts": AlertsPane(look, lambda: self.edges("alerts"), id="alerts"),
            "redis": RedisPane(look, lambda: self.edges("redis"), id="redis"),
            "logs": LogsPane(look, lambda: self.edges("logs"), id="logs"),
            "activity": ActivityPane(look, lambda: self.edges("activity"), id="activity"),
        }
        self.panes[self.at].lit = True
        yield self.panes["rollout"]
        yield Container(self.panes["alerts"], self.panes["redis"], id="middle")
        yield self.panes["logs"]
        yield self.panes["activity"]

    def compose(self) -> Iterable[Widget]:
        """The header above the bypass row: where one is comes before everything."""
        bypass, *body, footer = super().compose()
        yield Container(self.header, self.clock, id="top")
        yield bypass
        yield from body
        yield footer

    @property
    def logs(self) -> LogsPane:
        """Pane 4."""
        pane = self.panes["logs"]
        assert isinstance(pane, LogsPane)
        return pane

    @property
    def focused_pane(self) -> Pane:
        """The pane that has the keys."""
        return self.panes[self.at]

    def edges(self, name: str) -> Edges:
        """How a pane's frame meets its neighbours' at the present size."""
        if self.zoomed:
            return ALONE
        wide = self.size.width >= WIDE
        if name == "rollout":
            return Edges("top_left", "top_right")
        if name == "alerts" and wide:
            return Edges(top_right="", right="")
        if name == "redis" and wide:
            return Edges(top_left="tee_down")
        if name == "logs":
            return Edges(bottom=True, tee=self.panes["redis"].region.x if wide else None)
        return Edges()

    def picture_changed(self, picture: Picture) -> None:
        """Hand every pane its slice."""
        now = self.console.now()
        view = picture.under_way
        self.set_class(view is not None, "-rollout")
        self.set_class(view is not None and max(len(view.gates), len(view.criteria)) > FEW, "-many")
        self.header.show(picture)
        self.clock.tick(now)
        for pane in self.panes.values():
            pane.show(picture, now)
        self.read_logs()

    def ticked(self, now: datetime) -> None:
        """The clock, and what grows old."""
        self.clock.tick(now)
        for pane in self.panes.values():
            if pane.display:
                pane.tick(now)

    def read_logs(self) -> None:
        """Take the log lines that came since."""
        lines, lost = self.console.desk.log_lines(self._last_log, HELD)
        if not lines:
            return
        self._last_log = lines[-1].number
        self.logs.take(lines, lost if self._last_log else 0)

    def focus_pane(self, name: str) -> None:
        """Give the keys to a pane. The fifth is only ever seen zoomed."""
        if name == self.at:
            return
        was_zoomed, leaving = self.zoomed, self.at
        self.panes[leaving].light(False)
        self.at = name
        self.panes[name].light(True)
        if name == "activity" or leaving == "activity":
            self._zoom(name == "activity")
        elif was_zoomed:
            self._zoom(True)

    def do_zoom(self) -> None:
        """Give the focused pane the whole screen, or give it back."""
        if self.at == "activity":
            self.focus_pane("rollout")
        else:
            self._zoom(not self.zoomed)

    def back(self) -> bool:
        """Step out once of whatever one is in; False where there is nothing to leave."""
        logs = self.logs
        if logs.prompt is not None:
            logs.prompt, logs.problem = None, ""
            logs.repaint()
        elif self.at == "logs" and logs.view.leave():
            logs.shift = 0
            logs.repaint()
        elif self.zoomed:
            self.do_zoom()
        else:
            return False
        return True

    def do_filter(self) -> None:
        """Ask for a filter at the foot of the logs."""
        self.focus_pane("logs")
        logs = self.logs
        logs.problem = ""
        text = logs.view.filter.text if logs.view.filter else ""
        logs.prompt = Prompt("/", text, "regular expression; ! in front excludes")
        logs.repaint()

    def step_match(self, by: int) -> None:
        """Go to the next or previous match, among its neighbours."""
        self.focus_pane("logs")
        if self.logs.view.filter is None:
            self.console.say("there is no filter to step through; / sets one")
        elif not self.logs.view.step(by):
            self.console.say("no further match " + ("below" if by > 0 else "above"))
        self.logs.repaint()

    def do_next_match(self) -> None:
        """The next match."""
        self.step_match(1)

    def do_previous_match(self) -> None:
        """The match before."""
        self.step_match(-1)

    def do_focus_rollout(self) -> None:
        """Pane 1."""
        self.focus_pane("rollout")

    def do_focus_alerts(self) -> None:
        """Pane 2."""
        self.focus_pane("alerts")

    def do_focus_redis(self) -> None:
        """Pane 3."""
        self.focus_pane("redis")

    def do_focus_logs(self) -> None:
        """Pane 4."""
        self.focus_pane("logs")

    def do_focus_activity(self) -> None:
        """Pane 5."""
        self.focus_pane("activity")

    def do_follow(self) -> None:
        """Pause the logs, or follow them again."""
        self.focus_pane("logs")
        view = self.logs.view
        if view.following:
            view.pause()
        else:
            view.follow()
        self.logs.repaint()

    def copied(self) -> str:
        """The line that copying takes."""
        pane = self.focused_pane
        if isinstance(pane, (AlertsPane, LogsPane)):
            return pane.line()
        return "\n".join(line.strip("│|").rstrip() for line in pane.text()[1:]).strip()

    def on_click(self, event: events.Click) -> None:
        """A click gives a pane the keys."""
        if isinstance(event.widget, Pane):
            self.focus_pane(str(event.widget.id))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel moves in the pane that has the keys."""
        self._wheel(event, "up")

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel moves in the pane that has the keys."""
        self._wheel(event, "down")

    def _wheel(self, event: events.MouseEvent, key: str) -> None:
        event.stop()
        for _ in range(3):
            self._move(key)

    def on_key(self, event: events.Key) -> None:
        """Typing, then moving, then the action table."""
        if self.logs.prompt is not None:
            event.stop()
            event.prevent_default()
            self._type(event)
            return
        if self._move(event.key):
            self.say("")
            event.stop()
            event.prevent_default()
            return
        action = self.action_for(event.key)
        if action is not None and action.id == "runbooks" and (alert := self.called_for) is not None:
            event.stop()
            event.prevent_default()
            self.console.open_alert(alert)
            return
        super().on_key(event)

    @property
    def called_for(self) -> Alert | None:
        """The marked alert, where it is not quiet and names a runbook: that one is opened, and not the list."""
        pane = self.focused_pane
        alert = pane.marked if isinstance(pane, AlertsPane) else None
        wanted = alert is not None and alert.runbook is not None and alert.state is not AlertState.QUIET
        return alert if wanted else None

    def on_paste(self, event: events.Paste) -> None:
        """Into the prompt, or nowhere: pasted text must never act as keys."""
        event.stop()
        if self.logs.prompt is not None:
            self.logs.prompt.insert(event.text)
            self.logs.repaint()

    def _type(self, event: events.Key) -> None:
        logs = self.logs
        prompt = logs.prompt
        assert prompt is not None
        if event.key == "escape":
            logs.prompt, logs.problem = None, ""
        elif event.key == "enter":
            try:
                logs.view.set_filter(prompt.text)
                logs.prompt, logs.problem = None, ""
            except BadFilter as error:
                # The prompt stays open: whoever corrects what was typed must not press keys by it.
                logs.problem = str(error)
        elif prompt.key(event.key, event.character):
            logs.problem = ""
        logs.repaint()

    def _move(self, key: str) -> bool:
        if key in ("tab", "shift+tab"):
            names = _ORDER if self.at in _ORDER else ("rollout",)
            place = names.index(self.at) if self.at in names else 0
            self.focus_pane(names[(place + (1 if key == "tab" else -1)) % len(names)])
            return True
        if key == "escape":
            return self.back()
        if key == "enter":
            return self._open()
        pane = self.focused_pane
        page = max(pane.size.height - 3, 1)
        by = {**_STEPS, "pageup": -page, "pagedown": page}.get(key)
        if isinstance(pane, LogsPane):
            return self._move_logs(pane, key, by)
        if by is not None and isinstance(pane, (AlertsPane, ActivityPane)):
            pane.move(by)
            return True
        if isinstance(pane, (AlertsPane, ActivityPane)) and key in ("home", "g", "end", "G"):
            pane.move(-(10**6) if key in ("home", "g") else 10**6)
            return True
        return by is not None

    def _move_logs(self, pane: LogsPane, key: str, by: int | None) -> bool:
        if by is not None:
            pane.view.move(by)
        elif key in ("home", "g"):
            pane.view.home()
        elif key in ("end", "G"):
            pane.view.follow()
        elif key in ("left", "right"):
            pane.shift = max(pane.shift + (20 if key == "right" else -20), 0)
        else:
            return False
        pane.repaint()
        return True

    def _open(self) -> bool:
        pane = self.focused_pane
        if isinstance(pane, AlertsPane):
            self.console.open_alert(pane.marked)
        elif isinstance(pane, RolloutPane):
            rollout = self.console.ready and self.console.picture.rollout is not None
            self.console.do("rollout" if rollout else "pods")
        elif isinstance(pane, LogsPane) and pane.view.filter is not None and not pane.view.in_context:
            self.step_match(1)
        elif not self.zoomed:
            self.do_zoom()
        return True

    def _zoom(self, on: bool) -> None:
        self.zoomed = on
        for name, pane in self.panes.items():
            pane.set_class(on and name == self.at, "-zoom")
            if isinstance(pane, (AlertsPane, RedisPane)):
                pane.whole = on and name == self.at
        self.query_one("#middle").set_class(on and self.at in ("alerts", "redis"), "-holds")
        self.set_class(on, "-zoomed")
        for pane in self.panes.values():
            pane.repaint()

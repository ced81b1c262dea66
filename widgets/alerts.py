"""Pane 2: what is wrong, worst first; what is nearly wrong; and what nobody can tell."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from rich.cells import cell_len

from console.core.states import AlertState
from widgets.pane import Face, Pane
from widgets.rows import EMPTY, Row, cell, ends, inked, plain, row
from widgets.vocabulary import Glyphs, Ink
from widgets.words import ago, clean, plural, steps

if TYPE_CHECKING:
    from console.core.picture import Alert, Alerts, Picture

_STATES = {
    AlertState.FIRING: ("FIRING", Ink.ALARM),
    AlertState.PENDING: ("pending", Ink.WARN),
    AlertState.NODATA: ("no data", Ink.UNKNOWN),
    AlertState.ERROR: ("error", Ink.UNKNOWN),
    AlertState.QUIET: ("quiet", Ink.DIM),
}


def title_width(alerts: Alerts, width: int) -> int:
    """Cells for the titles: as wide as the longest, at most two fifths of the pane."""
    longest = max((cell_len(alert.title) for alert in alerts.alerts), default=0) + 2
    return min(longest, width * 2 // 5)


def alert_row(alert: Alert, now: datetime, width: int, titles: int, glyphs: Glyphs) -> Row:
    """`P1  FIRING   4m   rate limit storm   1,204/h > 1,000/h  ↵`."""
    word, ink = _STATES[alert.state]
    loud = alert.state is AlertState.FIRING
    quiet = alert.state is AlertState.QUIET
    if alert.state in (AlertState.NODATA, AlertState.ERROR):
        said = row((clean(alert.detail) or "no answer", Ink.UNKNOWN))
    else:
        said = row(
            (clean(alert.value), Ink.STRONG if not quiet else Ink.DIM),
            (f" {clean(alert.threshold)}" if alert.threshold else "", Ink.DIM if quiet else Ink.TEXT),
        )
    start = row(
        " ",
        (alert.severity.name, Ink.BAD if loud else Ink.DIM),
        " ",
        (f" {word:<8}", ink),
        " ",
        cell("" if quiet else steps(now - alert.since), 6, Ink.DIM),
        cell(clean(alert.title), titles, Ink.STRONG if loud else Ink.DIM if quiet else Ink.TEXT),
        *said,
    )
    end = row((f" {glyphs.enter} ", Ink.KEY)) if alert.runbook is not None and not quiet else EMPTY
    return ends(start, end, width, glyphs.cut)


def quiet_row(alerts: Alerts, now: datetime, glyphs: Glyphs) -> Row:
    """`✓ 4 rules quiet · checked just now`; `no alerts` only where something was checked."""
    quiet = sum(alert.state is AlertState.QUIET for alert in alerts.alerts)
    checked = f"checked {ago(alerts.checked_at, now)}"
    if not alerts.alerts:
        return row((f" {glyphs.none} ", Ink.DIM), "no rules are declared", (f" ({checked})", Ink.DIM))
    if quiet == len(alerts.alerts):
        words = f"{plural(quiet, 'rule')}, {checked}"
        return row((f" {glyphs.ok} ", Ink.OK), "no alerts", (f" ({words})", Ink.DIM))
    return row((f" {glyphs.ok} ", Ink.OK), (f"{plural(quiet, 'rule')} quiet {glyphs.dot} {checked}", Ink.DIM))


def detail_rows(alert: Alert, width: int, glyphs: Glyphs) -> list[Row]:
    """What a zoomed pane says below the chosen alert."""
    del width
    rows = [row((f"      {alert.condition}", Ink.ACCENT))]
    if alert.detail:
        rows.append(row((f"      {clean(alert.detail)}", Ink.UNKNOWN)))
    if alert.action:
        rows.append(row(("      do  ", Ink.DIM), clean(alert.action)))
    if alert.runbook is not None:
        rows.append(row((f"      {glyphs.enter}   ", Ink.KEY), f"opens {alert.runbook.name}"))
    return rows


def alert_rows(
    alerts: Alerts, now: datetime, width: int, height: int, glyphs: Glyphs, *, chosen: int = -1, whole: bool = False
) -> list[Row]:
    """The pane's rows. chosen: the index of the marked alert, -1 for none. whole: with details of the chosen one."""
    if alerts.checked_at is None:
        return [row((" reading…", Ink.DIM))]
    loud = [alert for alert in alerts.alerts if alert.state is not AlertState.QUIET]
    rows: list[Row] = []
    titles = title_width(alerts, width)
    shown = list(alerts.alerts)
    if not loud and not whole:
        rows.append(quiet_row(alerts, now, glyphs))
    begin = 0
    if not whole and chosen >= height > 0:
        begin = chosen - height + 1
    for index, alert in enumerate(shown):
        if index < begin:
            continue
        spans = alert_row(alert, now, width, titles, glyphs)
        if index == chosen:
            spans = inked(spans, Ink.SELECTED)
        rows.append(spans)
        if whole and index == chosen:
            rows += detail_rows(alert, width, glyphs)
    if whole:
        rows += [EMPTY, quiet_row(alerts, now, glyphs)]
        return rows[-height:] if chosen >= len(shown) // 2 else rows[:height]
    hidden_loud = len(loud) - begin - height
    if begin == 0 and hidden_loud > 0:
        more = row((f" {glyphs.warn} {plural(hidden_loud + 1, 'more alert')} below; z shows all", Ink.BAD))
        return [*rows[: height - 1], more]
    return rows[:height]


def title(alerts: Alerts, now: datetime, glyphs: Glyphs) -> Row:
    """`2 firing · 1 pending · checked 15s ago`."""
    if alerts.checked_at is None:
        return EMPTY
    states = [alert.state for alert in alerts.alerts]
    parts: list[str | tuple[str, Ink]] = []
    firing = states.count(AlertState.FIRING)
    if firing:
        parts.append((f" {firing} FIRING ", Ink.ALARM))
    for state, ink in (
        (AlertState.PENDING, Ink.WARN),
        (AlertState.NODATA, Ink.UNKNOWN),
        (AlertState.ERROR, Ink.UNKNOWN),
    ):
        if number := states.count(state):
            word = "errors" if state is AlertState.ERROR and number > 1 else state.value
            parts += [" " if parts else "", (f"{number} {word}", ink)]
    age = now - alerts.checked_at
    if age.total_seconds() >= 15:
        parts += [" " if parts else "", (f"{glyphs.dot} checked {ago(alerts.checked_at, now)}", Ink.WARN)]
    if alerts.cleared:
        parts += [" " if parts else "", (f"cleared: {', '.join(map(clean, alerts.cleared))}", Ink.OK)]
    return row(*(parts or [("none", Ink.DIM)]))


class AlertsPane(Pane):
    """Every rule as it stands, with a mark that the arrow keys move while the pane is focused."""

    number = 2
    name_shown = "Alerts"

    def __init__(self, *args: object, **named: object) -> None:
        super().__init__(*args, **named)  # type: ignore[arg-type]
        self.chosen = 0
        self.whole = False

    def slice_of(self, picture: Picture) -> object:
        """The alerts."""
        return picture.alerts

    @property
    def marked(self) -> Alert | None:
        """The alert under the mark."""
        alerts = self.picture.alerts.alerts if self.picture else ()
        return alerts[min(self.chosen, len(alerts) - 1)] if alerts else None

    def move(self, by: int) -> None:
        """Move the mark."""
        last = len(self.picture.alerts.alerts) - 1 if self.picture else 0
        self.chosen = min(max(self.chosen + by, 0), max(last, 0))
        self.repaint()

    def face(self, picture: Picture, now: datetime, width: int, height: int) -> Face:
        """Title and rows."""
        glyphs = self.look.glyphs
        chosen = min(self.chosen, len(picture.alerts.alerts) - 1) if self.lit else -1
        rows = alert_rows(picture.alerts, now, width, height, glyphs, chosen=chosen, whole=self.whole)
        return Face(title(picture.alerts, now, glyphs), rows)

    def line(self) -> str:
        """The marked alert as text, for copying."""
        alert = self.marked
        if alert is None or self.now is None:
            return ""
        return plain(alert_row(alert, self.now, 200, cell_len(alert.title) + 2, self.look.glyphs)).strip()

"""Pane 4: the logs, live; filtered, paused, and searched without losing a line unmarked."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from widgets.log_view import Filter, LogView
from widgets.pane import Face, Pane
from widgets.prompt import Prompt
from widgets.rows import EMPTY, Row, cell, inked, row, width_of
from widgets.states import placeholders, staleness
from widgets.vocabulary import Glyphs, Ink
from widgets.words import clean, count, plural, steps

if TYPE_CHECKING:
    from console.core.picture import Picture
    from console.core.readings import LogCounts, LogLine, Reading

_LEVELS = {"ERROR": Ink.BAD, "WARN": Ink.WARN, "INFO": Ink.DIM, "DEBUG": Ink.DIM}
_SAID_ALREADY = re.compile(
    r"^\W{0,2}(?:\d{4}-\d\d-\d\d[T ])?\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?\W{0,2}\s+(?=\S)"
)
_LEVEL_WORD = re.compile(
    r"^\W{0,2}(?:FATAL|CRITICAL|ERROR|ERR|WARNING|WARN|INFO|DEBUG|TRACE)\b[\]:)]*\s*[-|:]?\s*", re.I
)


_POD = re.compile(r".+-[a-z0-9]{5,10}-([a-z0-9]{5})")


def origin(name: str) -> str:
    """A short name of where a line comes from: of a pod the part that tells it from its neighbours."""
    pod = _POD.fullmatch(name)
    return pod[1] if pod else clean(name)


def message(line: LogLine) -> str:
    """The line without the time and the level that the columns beside it already say."""
    text = line.text
    if line.at is not None:
        text = _SAID_ALREADY.sub("", text, count=1)
    if line.level:
        text = _LEVEL_WORD.sub("", text, count=1)
    if text.startswith(f"{line.origin} "):
        text = text[len(line.origin) + 1 :]
    return clean(text)


def line_row(line: LogLine, width: int, origin_width: int, glyphs: Glyphs, found: Filter | None, shift: int = 0) -> Row:
    """`21:04:09.412 WARN  pod-7f  rate_limit_reject tenant=acme`, with what the filter found marked."""
    if line.marker:
        return row((f" {clean(line.text)}", Ink.UNKNOWN))
    time = f"{line.at:%H:%M:%S}.{line.at.microsecond // 1000:03d}" if line.at else " " * 12
    ink = _LEVELS.get(line.level, Ink.DIM)
    start = row(
        (f" {time} ", Ink.DIM),
        (f"{line.level[:5]:<5} ", ink),
        cell(origin(line.origin), origin_width, Ink.DIM, cut=glyphs.cut) if origin_width else "",
    )
    text = message(line)
    text_ink = Ink.STRONG if line.level == "ERROR" else Ink.TEXT
    if shift:
        text = glyphs.cut + text[shift:] if len(text) > shift else glyphs.cut
    if found is None or found.inverse:
        return (*start, (text, text_ink))
    spans: list[tuple[str, Ink]] = []
    at = 0
    for match in found.pattern.finditer(text[:2_000]):
        if match.end() == match.start():
            continue
        spans += [(text[at : match.start()], text_ink), (match.group(), Ink.MATCH)]
        at = match.end()
    spans.append((text[at:], text_ink))
    del width
    return (*start, *(entry for entry in spans if entry[0]))


def rates(counts: LogCounts, glyphs: Glyphs) -> Row:
    """`errors 0/h · rejects 1,204/h`; before an hour was observed, the counts so far: `errors 0 · rejects 4 in 2m`.

    The first pattern is always told, the others only once they have matched.
    """
    if not counts.patterns:
        return EMPTY
    whole = counts.observed >= timedelta(hours=1)
    told = [entry for index, entry in enumerate(counts.patterns) if entry[1] or index == 0]
    words = [f"{clean(name)} {count(hour)}{'/h' if whole else ''}" for name, hour, _ in told]
    so_far = "" if whole else f" in {steps(counts.observed)}"
    return row((f" {glyphs.dot} ".join(words) + so_far, Ink.DIM))


def origins(counts: LogCounts) -> Row:
    """`hak_gal.log + 4 pods`, and how many of them are not followed."""
    names = [clean(name) for name, _ in counts.origins]
    files = [name for name in names if "." in name]
    others = len(names) - len(files)
    told = " + ".join([*files[:1], *([f"{len(files) - 1} more"] if len(files) > 1 else [])])
    if others:
        told = f"{told} + {plural(others, 'pod')}" if told else plural(others, "pod")
    failed = sum(bool(error) for _, error in counts.origins)
    return row((told, Ink.TEXT), (f"  {failed} not followed" if failed else "", Ink.WARN))


def title(reading: Reading[LogCounts], view: LogView, now: datetime, glyphs: Glyphs) -> Row:
    """What is followed, what was counted, and how the view stands."""
    if stale := staleness(reading, now, glyphs):
        return stale
    dot = (f" {glyphs.dot} ", Ink.FRAME)
    parts: list[Row] = []
    if view.filter is not None:
        sign = f"/{clean(view.filter.text)}"
        if view.in_context:
            at, of = view.place()
            parts.append(row((sign, Ink.MATCH), f" match {count(at)} of {count(of)}, in context"))
        else:
            parts.append(row((sign, Ink.MATCH), f" {plural(view.matches, 'line')}"))
    if not view.following:
        waiting = view.waiting
        paused = f"paused {glyphs.dot} {count(waiting)} new" if waiting else "paused"
        parts.append(row((paused, Ink.WARN), (" f follows", Ink.DIM)))
    elif reading.value is not None:
        parts.append(row(("following", Ink.OK)))
    if reading.value is not None:
        parts += [part for part in (origins(reading.value), rates(reading.value, glyphs)) if part]
    spans: Row = EMPTY
    for part in parts:
        spans = (*spans, dot, *part) if spans else part
    return spans


class LogsPane(Pane):
    """The logs."""

    number = 4
    name_shown = "Logs"

    def __init__(self, *args: object, **named: object) -> None:
        super().__init__(*args, **named)  # type: ignore[arg-type]
        self.view = LogView()
        self.prompt: Prompt | None = None
        self.problem = ""
        self.shift = 0

    def slice_of(self, picture: Picture) -> object:
        """Counts and origins; the lines themselves come by `take`."""
        return (picture.logs, picture.sources)

    def take(self, lines: Iterable[LogLine], lost: int = 0) -> None:
        """Take new lines and show them where they can be seen. Paused, only the count in the title grows, on a tick."""
        self.view.extend(lines, lost)
        if self.view.following:
            self.repaint()

    def face(self, picture: Picture, now: datetime, width: int, height: int) -> Face:
        """Title and rows; the last row is the filter's prompt while one is typed."""
        glyphs = self.look.glyphs
        asked = (self.prompt is not None) + bool(self.problem)
        self.view.height = max(height - asked, 1)
        window = self.view.window()
        origin_width = self._origin_width(window, width)
        rows: list[Row] = []
        cursor = self.view.cursor if self.lit else None
        for line in window:
            spans = line_row(line, width, origin_width, glyphs, self.view.filter, self.shift)
            if line.number == cursor:
                spans = inked((*spans, (" " * max(width - width_of(spans), 0), Ink.TEXT)), Ink.SELECTED)
            rows.append(spans)
        if not window:
            rows += self._nothing(picture, width, self.view.height)
        if asked:
            rows += [EMPTY] * (height - asked - len(rows))
            if self.problem:
                rows.append(row((f" {glyphs.warn} ", Ink.BAD), (clean(self.problem), Ink.BAD)))
            if self.prompt is not None:
                rows.append(self.prompt.row())
        return Face(title(picture.logs, self.view, now, glyphs), rows)

    def _nothing(self, picture: Picture, width: int, height: int) -> list[Row]:
        if self.view.filter is not None:
            said = "no held line is left by" if self.view.filter.inverse else "no held line matches"
            return [row((f" {said} ", Ink.DIM), f"/{clean(self.view.filter.text)}")]
        missing = placeholders(picture.logs, picture, "logs", width, height)
        return missing or [row((" no lines yet", Ink.DIM))]

    @staticmethod
    def _origin_width(window: Iterable[LogLine], width: int) -> int:
        names = {origin(line.origin) for line in window if not line.marker}
        if len(names) < 2:
            return 0
        return min(max(len(name) for name in names) + 2, 24 if width > 100 else 13)

    def line(self) -> str:
        """The marked line, else the newest, as it was written; for copying."""
        marked = self.view.marked()
        window = self.view.window()
        return marked.text if marked else window[-1].text if window else ""

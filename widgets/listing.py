"""Plain rows, and a list of rows with a cursor; both repaint only what changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from widgets.pane import Strips
from widgets.rows import EMPTY, Row, fit, inked
from widgets.vocabulary import Ink, Look


class Lines(Strips):
    """Rows as given. As high as they are, unless its style says otherwise; longer content is scrolled by its owner."""

    DEFAULT_CSS = "Lines { height: auto; }"

    def __init__(self, look: Look, rows: Sequence[Row] = (), *, id: str | None = None, grows: bool = True) -> None:
        super().__init__(look, id=id)
        self.rows: tuple[Row, ...] = tuple(rows)
        self._grows = grows
        if grows:
            self.styles.height = len(self.rows)

    def set(self, rows: Sequence[Row]) -> None:
        """Show these rows instead."""
        if tuple(rows) == self.rows:
            return
        grown = len(rows) != len(self.rows)
        self.rows = tuple(rows)
        if grown and self._grows:
            self.styles.height = len(self.rows)
        # Also where it grew: it may shrink back before it is laid out, and is not asked to paint itself then.
        self.repaint()

    def draw(self, width: int, height: int) -> list[Row]:
        """As many rows as fit."""
        shown = [fit(spans, width, self.look.glyphs.cut) for spans in self.rows[:height]]
        return shown + [fit(EMPTY, width)] * (height - len(shown))


class Listing(Strips, can_focus=True):
    """A list with a cursor: the row there is drawn as selected; `empty` is shown where there is no row."""

    DEFAULT_CSS = "Listing { height: 1fr; }"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home,g", "move(-1000000)", "First", show=False),
        Binding("end,G", "move(1000000)", "Last", show=False),
        Binding("enter", "choose", "Choose", show=False),
    ]

    @dataclass
    class Chosen(Message):
        """Enter was pressed on a row."""

        listing: Listing
        index: int

        @property
        def control(self) -> Listing:
            """The listing it came from."""
            return self.listing

    @dataclass
    class Moved(Message):
        """The cursor stands on another row."""

        listing: Listing
        index: int

        @property
        def control(self) -> Listing:
            """The listing it came from."""
            return self.listing

    def __init__(self, look: Look, rows: Sequence[Row] = (), *, empty: Row = EMPTY, id: str | None = None) -> None:
        super().__init__(look, id=id)
        self.rows: tuple[Row, ...] = tuple(rows)
        self.empty = empty
        self.cursor = 0
        self._top = 0

    def set(self, rows: Sequence[Row], empty: Row | None = None) -> None:
        """Show these rows; the cursor keeps its place as far as there is one."""
        self.rows = tuple(rows)
        if empty is not None:
            self.empty = empty
        self.cursor = max(0, min(self.cursor, len(self.rows) - 1))
        self.repaint()

    def draw(self, width: int, height: int) -> list[Row]:
        """The rows around the cursor."""
        if not self.rows:
            return [fit(self.empty, width, self.look.glyphs.cut)] + [fit(EMPTY, width)] * (height - 1)
        if self.cursor < self._top:
            self._top = self.cursor
        if self.cursor >= self._top + height:
            self._top = self.cursor - height + 1
        self._top = max(0, min(self._top, len(self.rows) - height))
        shown = []
        for index in range(self._top, min(len(self.rows), self._top + height)):
            spans = fit(self.rows[index], width, self.look.glyphs.cut)
            shown.append(self._marked(spans) if index == self.cursor and self.has_focus else spans)
        return shown + [fit(EMPTY, width)] * (height - len(shown))

    def _marked(self, spans: Row) -> Row:
        """The row at the cursor: in its own ink, and with a sign where it begins with a blank."""
        if spans and spans[0][0].startswith(" "):
            spans = ((self.look.glyphs.running + spans[0][0][1:], spans[0][1]), *spans[1:])
        return inked(spans, Ink.SELECTED)

    def on_focus(self) -> None:
        """Show the cursor; later, for Textual notes the focus after this."""
        self.call_later(self.repaint)

    def on_blur(self) -> None:
        """Hide the cursor."""
        self.call_later(self.repaint)

    def action_move(self, by: int) -> None:
        """Move the cursor."""
        before, self.cursor = self.cursor, max(0, min(self.cursor + by, len(self.rows) - 1))
        if before != self.cursor:
            self.repaint()
            self.post_message(self.Moved(self, self.cursor))

    def action_page(self, pages: int) -> None:
        """Move by a screenful."""
        self.action_move(pages * max(1, self.size.height - 1))

    def action_choose(self) -> None:
        """Say that the row at the cursor was chosen."""
        if self.rows:
            self.post_message(self.Chosen(self, self.cursor))

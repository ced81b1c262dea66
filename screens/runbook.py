"""One runbook: its text with the block at the cursor, and below it what the block that ran has said."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import ClassVar

from rich.cells import cell_len
from textual.binding import Binding, BindingType
from textual.widget import Widget

from console.core.operations import Operation, Refused
from console.core.picture import Picture
from console.core.runbook import Block, Runbook
from console.core.states import Outcome
from screens.dialog import ROOM, Dialog, Field, target_field, told
from screens.folding import folded_code, folded_prose, goes_on
from screens.room import Room
from widgets.listing import Lines, Listing
from widgets.rollout import OUTCOME_INK
from widgets.rows import EMPTY, Row, row
from widgets.vocabulary import Ink
from widgets.words import clean, plural, span

OUTPUT_ROWS = 200
COMMAND_ROWS = 11
"""Rows of the command that the dialog shows at once on 24 rows; on more, as many more."""
GUTTER = 3


class RunbookRoom(Room):
    """Arrows move through the text, `n` and `N` from block to block, Enter runs the block there, `x` stops it."""

    place = "runbook"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "block(1)", "Next block", show=False),
        Binding("N", "block(-1)", "Previous block", show=False),
        Binding("tab", "swap", "Text or output", show=False),
    ]

    def __init__(self, runbook: Runbook) -> None:
        super().__init__()
        self.runbook = runbook
        self.operation: str | None = None
        self.lines = runbook.source.splitlines()
        self._marks: dict[int, Operation] = {}
        self._places: list[int] = []

    def content(self) -> Iterable[Widget]:
        """The text, a line that says how the newest run stands, and its output."""
        self.text = Listing(self.look, empty=row((" this file is empty", Ink.DIM)), id="text")
        self.state = Lines(self.look, [EMPTY], grows=False, id="state")
        self.state.styles.height = 1
        self.output = Listing(self.look, empty=row((" nothing has run yet", Ink.DIM)), id="output")
        self.text.styles.height = "2fr"
        self.output.styles.height = "1fr"
        yield from (self.text, self.state, self.output)

    def title_of(self, picture: Picture, now: datetime) -> str:
        """Which runbook, and how many blocks."""
        return f"{self.runbook.title} · {plural(len(self.runbook.blocks), 'block')}"

    def on_mount(self) -> None:
        """Begin at the first block, with as much of the text before it as leaves all of the block in sight."""
        super().on_mount()
        self.text.focus()
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        self.take(self.console.picture)
        if self.runbook.blocks:
            first = self.runbook.blocks[0]
            self._go(first.line + first.text.count("\n") + 1)
            self.text.repaint()
            self.call_after_refresh(self._go, first.line)

    def on_resize(self) -> None:
        """Fold anew."""
        if self.console.ready:
            self.take(self.console.picture)

    @property
    def here(self) -> int:
        """The line of the file at the cursor, from 1."""
        return self._places[self.text.cursor] if self._places else 1

    def _go(self, line: int) -> None:
        """Put the cursor on the first row of a line."""
        if line in self._places:
            self.text.action_move(self._places.index(line) - self.text.cursor)

    def draw(self, picture: Picture, now: datetime) -> None:
        """The text with marks, the state, the output."""
        operation = self._operation(picture)
        if operation is not None:
            self._marks[self._line_of(operation)] = operation
        self._fold()
        self.state.set([self._state_row(operation, now)])
        if operation is None:
            return
        at_end = self.output.cursor >= len(self.output.rows) - 1
        room = max(self.size.width - 1, 20)
        said = operation.lines[-OUTPUT_ROWS:]
        self.output.set([row(" ", part) for line in said for part in folded_code(clean(line), room)])
        if at_end and self.output.rows:
            self.output.cursor = len(self.output.rows) - 1
            self.output.repaint()

    def _operation(self, picture: Picture) -> Operation | None:
        return next((entry for entry in picture.operations if entry.id == self.operation), None)

    def _line_of(self, operation: Operation) -> int:
        return int(operation.title.rsplit(":", 1)[1])

    def _fold(self) -> None:
        """Every line of the file in as many rows as it needs; the cursor stays on its line."""
        before = self.here
        rows: list[Row] = []
        places: list[int] = []
        room = max(self.size.width - GUTTER, 20)
        for first, last in self._paragraphs(room):
            parts = self._text_rows(first, last, room)
            rows += parts
            places += [first] * len(parts)
        moved, self._places = places != self._places, places
        if moved and before in places:
            self.text.cursor = places.index(before)
        self.text.set(rows)

    def _paragraphs(self, room: int) -> Iterator[tuple[int, int]]:
        """First and last line of what is folded as one: a paragraph where it does not fit as it is, else a line."""
        number = 1
        while number <= len(self.lines):
            last = number
            while (
                last < len(self.lines)
                and self._block_at(last) is None
                and self._block_at(last + 1) is None
                and goes_on(self.lines[last - 1], self.lines[last])
            ):
                last += 1
            if all(cell_len(line) <= room for line in self.lines[number - 1 : last]):
                yield from ((each, each) for each in range(number, last + 1))
            else:
                yield number, last
            number = last + 1

    def _text_rows(self, number: int, last: int, room: int) -> list[Row]:
        block = self._block_at(number)
        line = clean(" ".join(self.lines[number - 1 : last]))
        if block is None:
            heading = line.startswith("#")
            return [row("   ", (part, Ink.TITLE if heading else Ink.TEXT)) for part in folded_prose(line, room)]
        ran = self._marks.get(block.line)
        mark = (" ", Ink.DIM)
        if number == block.line:
            glyphs = self.look.glyphs
            mark = (glyphs.unknown, Ink.WARN) if block.blocked else (glyphs.todo, Ink.ACCENT)
            if ran is not None:
                signs = {Outcome.DONE: glyphs.ok, Outcome.RUNNING: glyphs.running, Outcome.UNKNOWN: glyphs.unknown}
                mark = (signs.get(ran.outcome, glyphs.failed), OUTCOME_INK[ran.outcome])
        ink = Ink.DIM if line.lstrip().startswith(("```", "~~~")) else Ink.ACCENT
        first, *others = folded_code(line, room)
        more = (self.look.glyphs.cut, Ink.DIM)
        return [row(mark, " ", (first, ink)), *(row(more, " ", (part, ink)) for part in others)]

    def _block_at(self, number: int) -> Block | None:
        """The block whose fence or text the line is part of."""
        for block in self.runbook.blocks:
            if block.line <= number <= block.line + block.text.count("\n") + 1:
                return block
        return None

    def _state_row(self, operation: Operation | None, now: datetime) -> Row:
        if operation is None:
            return row((" Output", Ink.TITLE))
        if operation.outcome is Outcome.RUNNING:
            told = f"running {span(now - operation.began)}; x stops it, Esc leaves and it goes on"
            return row((f" {operation.title}  ", Ink.TITLE), (told, Ink.ACCENT))
        return row((f" {operation.title}  ", Ink.TITLE), (clean(operation.summary), OUTCOME_INK[operation.outcome]))

    def action_block(self, by: int) -> None:
        """Go to the next or previous block."""
        starts = [block.line for block in self.runbook.blocks]
        here = self.here
        wanted = [start for start in starts if start > here] if by > 0 else [start for start in starts if start < here]
        if wanted:
            self._go(wanted[0] if by > 0 else wanted[-1])

    def action_swap(self) -> None:
        """Go from the text to the output and back."""
        (self.output if self.text.has_focus else self.text).focus()

    def do_stop_block(self) -> None:
        """Stop the block that runs."""
        operation = self._operation(self.console.picture)
        if operation is None or operation.outcome is not Outcome.RUNNING:
            self.say("nothing runs here")
            return
        self.desk.cancel(operation.id)
        self.say("stopping: INT, then TERM, then KILL")

    def do_run_block(self) -> None:
        """Enter on a block: show exactly what would run, and ask."""
        block = self._block_at(self.here) if self.text.has_focus else None
        if block is None:
            self.say("there is no block at the cursor; n goes to the next one, Tab back to the text")
        elif block.blocked or not block.runnable:
            self.say(f"line {block.line} cannot be run: {block.blocked or f'{block.language} is not a shell'}")
        elif (running := self._operation(self.console.picture)) and running.outcome is Outcome.RUNNING:
            self.say("a block is still running; x stops it")
        else:
            self.app.push_screen(RunDialog(self.runbook, block, self._began))

    def _began(self, operation: Operation) -> None:
        self.operation = operation.id
        self.take(self.console.picture)


class RunDialog(Dialog):
    """The exact text of a block, all of it, and the typed target, before it runs. Page keys move through a long one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pageup", "scroll(-1)", "Up", show=False, priority=True),
        Binding("pagedown", "scroll(1)", "Down", show=False, priority=True),
    ]

    def __init__(self, runbook: Runbook, block: Block, began: Callable[[Operation], None]) -> None:
        super().__init__()
        self.runbook = runbook
        self.block = block
        self._began = began
        self._top = 0

    def heading(self) -> str:
        """Which block, where."""
        picture = self.console.picture
        return f" Run {self.runbook.path.name}:{self.block.line} for {picture.system} in {picture.environment.upper()} "

    def fields(self) -> Iterable[Field]:
        """The typed target."""
        return (target_field(self.console.picture.system),)

    def rows(self, picture: Picture, now: datetime) -> Sequence[Row]:
        """The text as bash gets it; what does not fit beside a line's beginning stands below it."""
        command = self._command()
        at_once = self._at_once()
        self._top = max(0, min(self._top, len(command) - at_once))
        rows = command[self._top : self._top + at_once]
        if len(command) > at_once:
            seen = f"rows {self._top + 1} to {self._top + len(rows)} of {len(command)} that run; page keys move"
            rows.append(row((seen, Ink.WARN)))
        return [*rows, EMPTY, row(("a new bash runs this on this machine; Esc leaves", Ink.DIM)), EMPTY]

    def _command(self) -> list[Row]:
        rows: list[Row] = []
        for line in self.block.text.rstrip("\n").split("\n"):
            first, *others = folded_code(clean(line), ROOM - 2)
            rows.append(row("  ", (first, Ink.ACCENT)))
            rows += [row((self.look.glyphs.cut, Ink.DIM), " ", (part, Ink.ACCENT)) for part in others]
        return rows

    def _at_once(self) -> int:
        return COMMAND_ROWS + max(0, self.app.size.height - 24)

    def action_scroll(self, pages: int) -> None:
        """Move through the command."""
        self._top += pages * self._at_once()
        self.take(self.console.picture)

    def submit(self) -> None:
        """Run it."""
        try:
            operation = self.desk.run_block(self.runbook, self.block, self.value("target"))
        except Refused as error:
            self.complain(*told("", str(error), Ink.WARN))
            return
        self._began(operation)
        self.dismiss(None)

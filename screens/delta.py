"""What the terminal already shows: of every paint only the cells that differ from it are sent.

Textual sends dirty regions whole, and after a layout the whole screen, often twice; over SSH that is most of what a
dialog, a zoom, a change of focus or one changed digit would cost.
"""

from __future__ import annotations

from itertools import takewhile

from rich.console import Console
from rich.control import Control
from rich.segment import Segment
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.strip import Strip


class Writes(CompositorUpdate):
    """Strips to be written: (row, column, strip)."""

    def __init__(self, writes: list[tuple[int, int, Strip]]) -> None:
        self.writes = writes

    def render_segments(self, console: Console) -> str:
        """The sequences that write them."""
        return "".join(Control.move_to(x, y).segment.text + strip.render(console) for y, x, strip in self.writes)


class Shown:
    """The strips on the terminal by row and first column, as far as they are known."""

    def __init__(self) -> None:
        self._rows: dict[int, dict[int, Strip]] = {}

    def forget(self) -> None:
        """The terminal was resized, or bytes were dropped: nothing is known."""
        self._rows.clear()

    def difference(self, update: LayoutUpdate | ChopsUpdate) -> Writes | None:
        """What must be sent for the terminal to show `update`; None where it does already."""
        writes = self._whole(update) if isinstance(update, LayoutUpdate) else self._parts(update)
        return Writes(writes) if writes else None

    def _whole(self, update: LayoutUpdate) -> list[tuple[int, int, Strip]]:
        writes = []
        for y, strips in enumerate(update.strips, update.region.y):
            new: dict[int, Strip] = {}
            x = update.region.x
            for strip in strips:
                new[x] = strip
                x += strip.cell_length
            old = self._rows.get(y, {})
            same_cuts = old.keys() == new.keys()
            for x, strip in new.items():
                if write := changed(old.get(x) if same_cuts else None, strip):
                    writes.append((y, x + write[0], write[1]))
            self._rows[y] = new
        return writes

    def _parts(self, update: ChopsUpdate) -> list[tuple[int, int, Strip]]:
        writes = []
        for y, x1, x2 in update.spans:
            line = update.chops[y]
            known = self._rows.setdefault(y, {})
            if known.keys() - line.keys():
                known.clear()
            for end, (x, strip) in zip(update.chop_ends[y], line.items(), strict=False):
                if strip is None or x >= x2 or end <= x1:
                    continue
                if x >= x1 and end <= x2:
                    write = changed(known.get(x), strip)
                    known[x] = strip
                else:
                    write = (0, strip.crop(0, min(end, x2) - x))
                    known.pop(x, None)
                if write:
                    writes.append((y, x + write[0], write[1]))
        return writes


def changed(old: Strip | None, new: Strip) -> tuple[int, Strip] | None:
    """From which cell on `new` differs from `old`, and the segments from there to the last that differs."""
    if old is None or old.cell_length != new.cell_length:
        return 0, new
    before, after = list(old), list(new)
    if before == after:
        return None
    begin, end = 0, new.cell_length
    while before and after and before[0] == after[0]:
        begin += after.pop(0).cell_length
        before.pop(0)
    while before and after and before[-1] == after[-1]:
        end -= after.pop().cell_length
        before.pop()
    if before and after:
        begin += _common(before[0], after[0])
    if len(before) > 1 and len(after) > 1:
        end -= _common(before[-1], after[-1], backwards=-1)
    elif len(before) == len(after) == 1:
        end -= min(_common(before[0], after[0], backwards=-1), end - begin - 1)
    return begin, new.crop(begin, end)


def _common(old: Segment, new: Segment, backwards: int = 1) -> int:
    """Cells at the start (or, with -1, at the end) that two segments of one style share."""
    if old.style != new.style or old.cell_length != len(old.text) or new.cell_length != len(new.text):
        return 0
    pairs = zip(old.text[::backwards], new.text[::backwards], strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))

"""Rows of inked text: built, cut to width, compared, and turned into strips."""

from __future__ import annotations

from collections.abc import Iterable

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.strip import Strip

from widgets.vocabulary import Ink, Look

Span = tuple[str, Ink]
Row = tuple[Span, ...]

EMPTY: Row = ()


def row(*parts: str | Span) -> Row:
    """A row of parts; a bare string is ordinary text."""
    return tuple((part, Ink.TEXT) if isinstance(part, str) else part for part in parts if part)


def width_of(spans: Iterable[Span]) -> int:
    """Cells that the spans take."""
    return sum(cell_len(text) for text, _ in spans)


def fit(spans: Row, width: int, cut: str = "…") -> Row:
    """The row cut or padded to exactly `width` cells; what was cut ends in `cut`."""
    total = width_of(spans)
    if total == width:
        return spans
    if total < width:
        return (*spans, (" " * (width - total), Ink.TEXT))
    if width <= 0:
        return EMPTY
    kept: list[Span] = []
    room = width - cell_len(cut)
    for text, ink in spans:
        cells = cell_len(text)
        if cells <= room:
            kept.append((text, ink))
            room -= cells
            continue
        kept.append((set_cell_size(text, max(room, 0)) + cut, ink))
        break
    return tuple(kept) if room >= 0 else ((set_cell_size(cut, width), Ink.DIM),)


def cell(text: str, width: int, ink: Ink = Ink.TEXT, *, cut: str = "…") -> Span:
    """A column of exactly `width` cells, left-aligned, with one blank always kept at its right end."""
    room = max(width - 1, 0)
    if cell_len(text) > room:
        text = set_cell_size(text, max(room - cell_len(cut), 0)) + cut
    return (set_cell_size(text, width), ink)


def right(text: str, width: int, ink: Ink = Ink.TEXT) -> Span:
    """A column of at least `width` cells, right-aligned."""
    return (" " * (width - cell_len(text)) + text, ink)


def ends(left: Row, end: Row, width: int, cut: str = "…") -> Row:
    """`left` at the left and `end` at the right end of `width` cells; `left` gives way when there is no room."""
    room = width - width_of(end)
    if room <= 0:
        return fit(left, width, cut)
    return fit(left, room, cut) + end


def inked(spans: Row, ink: Ink) -> Row:
    """The same words in one ink."""
    return tuple((text, ink) for text, _ in spans)


def plain(spans: Row) -> str:
    """The words alone."""
    return "".join(text for text, _ in spans)


def to_strip(spans: Row, look: Look) -> Strip:
    """The row as Textual paints it. Neighbours of one style become one segment: every change of style costs bytes."""
    segments: list[Segment] = []
    run = ""
    run_ink = Ink.TEXT
    cells = 0
    for text, ink in spans:
        cells += cell_len(text)
        if ink is run_ink:
            run += text
            continue
        if run:
            segments.append(Segment(look.spell(run), look.style(run_ink)))
        run, run_ink = text, ink
    if run:
        segments.append(Segment(look.spell(run), look.style(run_ink)))
    return Strip(segments, cells) if not look.ascii else Strip(segments)

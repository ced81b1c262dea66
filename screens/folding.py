"""Text folded to a width so that nothing of it is cut off: prose between words, code wherever the row ends."""

from __future__ import annotations

import re
from textwrap import wrap

from rich.cells import cell_len, chop_cells

_LIST = re.compile(r"\s*(?:[-*+] |\d+[.)] |> )?\s*")


def folded_code(line: str, width: int) -> list[str]:
    """The line in parts of at most `width` cells; put together again they are the line, blanks included."""
    return chop_cells(line, max(width, 2)) if cell_len(line) > width else [line]


def folded_prose(line: str, width: int) -> list[str]:
    """The line folded between words; the parts of a list's entry stand below its text."""
    if cell_len(line) <= width:
        return [line]
    head = _LIST.match(line)
    indent = " " * min(head.end() if head else 0, width // 2)
    parts = wrap(line, width, subsequent_indent=indent, break_on_hyphens=False, drop_whitespace=True)
    return [piece for part in parts for piece in folded_code(part, width)] or [line]

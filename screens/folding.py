"""Text folded to a width so that nothing of it is cut off: prose between words, code wherever the row ends."""

from __future__ import annotations

import re
from textwrap import wrap

from rich.cells import cell_len, chop_cells

_LIST = re.compile(r"\s*(?:[-*+] |\d+[.)] |> )?\s*")
# What is no running text in Markdown, or ends its line on purpose.
_OWN = re.compile(r"\s|[-*+#>|=`~]|\d+[.)] |.*(?:  |\\)$")


def folded_code(line: str, width: int) -> list[str]:
    """The line in parts of at most `width` cells, behind a blank where one is near; together they are the line."""
    parts: list[str] = []
    while cell_len(line) > width:
        most = chop_cells(line, max(width, 2))[0]
        blank = most.rfind(" ") + 1
        part = most[:blank] if blank > len(most) // 2 else most
        parts.append(part)
        line = line[len(part) :]
    return [*parts, line] if line or not parts else parts


def folded_prose(text: str, width: int) -> list[str]:
    """The text folded between words; the parts of a list's entry stand below its beginning."""
    if cell_len(text) <= width:
        return [text]
    head = _LIST.match(text)
    indent = " " * min(head.end() if head else 0, width // 2)
    parts = wrap(text, width, subsequent_indent=indent, break_on_hyphens=False, drop_whitespace=True)
    return [piece for part in parts for piece in folded_code(part, width)] or [text]


def goes_on(line: str, following: str) -> bool:
    """Whether `following` is more of the paragraph that `line` is part of: both are running text."""
    return all(each and not _OWN.match(each) for each in (line, following))

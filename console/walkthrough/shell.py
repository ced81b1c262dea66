"""Bash text as a syntax tree."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Language, Parser, Tree

# The grammar asks the C library whether what follows an opening brace is a digit, which reads past its table, and may
# end the process, where that is a character far from ASCII.
_AFTER_BRACE = re.compile(r"(?<=\{)([0-9.]*)([^\x00-\x7f])")


@cache
def bash() -> Language:
    """The grammar; loaded when it is first needed, for it takes longer than the first paint may."""
    import tree_sitter
    import tree_sitter_bash

    return tree_sitter.Language(tree_sitter_bash.language())


def parse(text: str) -> Tree:
    """The tree of a text. Offsets in it are bytes of the UTF-8 form; `root_node.has_error` says that it is not whole.

    Every call has a parser of its own, so that threads need not wait for each other.
    """
    import tree_sitter

    parser: Parser = tree_sitter.Parser(bash())
    return parser.parse(_AFTER_BRACE.sub(_plain, text).encode("utf-8", "surrogateescape"))


def _plain(match: re.Match[str]) -> str:
    """Letters in place of the character after a brace, as many as it has bytes, so that no offset moves."""
    return match[1] + "x" * len(match[2].encode("utf-8", "surrogateescape"))

"""Markdown taken apart into blocks: markdown-it's block rules, with a short way for lines of plain prose.

Inline marks are not parsed: what a step needs of them is told from the text, and a runbook of 1 MB must open at once.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

# What a block other than a paragraph can begin with.
OPENERS = frozenset("`~>#-+*_=<0123456789 \t")

FENCE = re.compile(r"([ \t]*)(`{3,}|~{3,})([^`]*)$")

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock
    from markdown_it.token import Token


def tokens_of(text: str) -> list[Token]:
    """The block tokens of a text: headings, paragraphs, lists, quotes, fences, code, HTML; maps are lines from 0."""
    return _parser().parse(text)


def deep_fences(token: Token) -> list[Token]:
    """Fences that stand so deep that Markdown takes them for indented code, each for itself; else the token alone."""
    from markdown_it.token import Token as Made

    rows = token.content.rstrip("\n").split("\n")
    if token.map is None or not FENCE.match(rows[0]):
        return [token]
    found: list[Token] = []
    at = 0
    while at < len(rows):
        mark = FENCE.match(rows[at])
        if mark is None:
            if rows[at].strip():
                return [token]
            at += 1
            continue
        shift, sign, info = mark.groups()
        end = next((row for row in range(at + 1, len(rows)) if rows[row].strip() == sign), None)
        if end is None:
            return [token]
        begin = token.map[0] + at
        inner = "".join(f"{row.removeprefix(shift)}\n" for row in rows[at + 1 : end])
        found.append(
            Made("code_block", "code", 0, map=[begin, begin + end - at + 1], content=inner, markup=sign, info=info)
        )
        at = end + 1
    return found


@cache
def _parser() -> MarkdownIt:
    """The parser; made when it is first needed, for its import takes longer than the first paint may."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark")
    parser.core.ruler.enableOnly(["normalize", "block"])
    # A link's definition is of no use here, and looking for one is dear.
    parser.block.ruler.disable("reference")
    parser.block.ruler.before("code", "prose", _prose)
    return parser


def _prose(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    """A paragraph, or a heading with a line under it, that begins with a sign which no other rule can want.

    The same as markdown-it's own two rules in one pass, which ask every rule about every line.
    """
    source, begins, shift, counts = state.src, state.bMarks, state.tShift, state.sCount
    begin = begins[first] + shift[first]
    if silent or counts[first] - state.blkIndent > 3:
        return False
    if source[begin] in OPENERS and not (source[begin] in "*_" and source[begin : begin + 3].lstrip("*_").isalpha()):
        return False
    terminators = state.md.block.ruler.getRules("paragraph")
    parent, state.parentType = state.parentType, "paragraph"
    indent = state.blkIndent
    line, under = first + 1, ""
    while line < last:
        at = begins[line] + shift[line]
        if at >= state.eMarks[line]:
            break
        # Lines that are deeper are of the paragraph; a negative count is a lazy line of a quote.
        if counts[line] - indent <= 3 and counts[line] >= 0 and source[at] in OPENERS:
            if counts[line] >= indent and source[at] in "-=":
                rule = source[at : state.eMarks[line]].rstrip(" \t")
                if rule == rule[0] * len(rule):
                    under = rule[0]
                    break
            if any(terminator(state, line, last, True) for terminator in terminators):
                break
        line += 1
    state.parentType = parent
    content = state.getLines(first, line, indent, False).strip()
    tag = {"": "p", "=": "h1", "-": "h2"}[under]
    kind = "heading" if under else "paragraph"
    state.line = line + 1 if under else line
    opening = state.push(f"{kind}_open", tag, 1)
    opening.map = [first, state.line]
    if under:
        opening.markup = under
    inline = state.push("inline", "", 0)
    inline.content = content
    inline.map = [first, line]
    inline.children = []
    closing = state.push(f"{kind}_close", tag, -1)
    if under:
        closing.markup = under
    return True

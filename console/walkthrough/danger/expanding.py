"""What the shell would make of a word, as far as variables with a certain value go."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.walkthrough.danger.heredocs import DOCUMENT, Heredoc
from console.walkthrough.danger.variables import Setters, source
from console.walkthrough.danger.words import Word

if TYPE_CHECKING:
    from tree_sitter import Node

_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))$")
# `$(cat <<EOF …)`: nothing but the heredoc's text.
_ONLY_A_DOCUMENT = re.compile(rf"\$\(\s*cat\s*<\s*{DOCUMENT}(\d+){DOCUMENT}\s*\)")
_ANSI = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "v": "\v"}
_IN_DOCUMENT = re.compile(r"\\([$`\\])|\\\n|\$\{(\w+)\}|\$([A-Za-z_]\w*|[0-9@*#?$!-])|(\$\()|(\$\{)|(`)")
_OPEN = frozenset(
    {
        "simple_expansion",
        "expansion",
        "command_substitution",
        "process_substitution",
        "arithmetic_expansion",
        "brace_expression",
    }
)


@dataclass(frozen=True, slots=True)
class _Piece:
    """Part of a word. open: not known. loose: unquoted, so that blanks in it part words."""

    text: str
    open: bool = False
    loose: bool = False
    own: bool = False
    bare: bool = False


class Expander:
    """Words out of nodes of one text."""

    def __init__(self, setters: Setters, known: Mapping[str, str], heredocs: Sequence[Heredoc] = ()) -> None:
        self.setters = setters
        self.known = known
        self.heredocs = heredocs
        self._resolving: set[str] = set()

    def words(self, node: Node) -> list[Word]:
        """The words that a node becomes: mostly one; none or several where a loose value has blanks."""
        pieces = self._pieces(node, quoted=False)
        if not any(piece.loose and not piece.open for piece in pieces):
            return [_join(pieces)]
        groups: list[list[_Piece]] = [[]]
        for piece in pieces:
            if not piece.loose or piece.open:
                groups[-1].append(piece)
                continue
            parts = re.split(r"([ \t\n]+)", piece.text)
            for part in parts:
                if part.isspace():
                    groups.append([])
                elif part:
                    groups[-1].append(_Piece(part))
        return [_join(group) for group in groups if group]

    def word(self, node: Node) -> Word:
        """The node as one word, as in an assignment or a redirect."""
        return _join(self._pieces(node, quoted=False))

    def document(self, heredoc: Heredoc) -> tuple[Word, list[str]]:
        """The text of a heredoc, and the commands in it."""
        if not heredoc.expands:
            return Word(heredoc.body), []
        pieces: list[_Piece] = []
        nested: list[str] = []
        at = 0
        while found := _IN_DOCUMENT.search(heredoc.body, at):
            pieces.append(_Piece(heredoc.body[at : found.start()]))
            at = found.end()
            escaped, braced, plain, command, brace, tick = found.groups()
            if escaped:
                pieces.append(_Piece(escaped))
            elif braced or plain:
                pieces.append(self._variable(braced or plain, None, found.group(), quoted=True))
            elif command or brace or tick:
                end = _closing(heredoc.body, at, ")" if command else "}" if brace else "`")
                pieces.append(_Piece(heredoc.body[found.start() : end + 1], open=True))
                nested.append(heredoc.body[at:end] if not brace else f': "${{{heredoc.body[at:end]}}}"')
                at = end + 1
        pieces.append(_Piece(heredoc.body[at:]))
        return _join(pieces), nested

    def _pieces(self, node: Node, *, quoted: bool) -> list[_Piece]:
        kind, text = node.type, source(node)
        if kind == "raw_string":
            return [_Piece(text[1:-1])]
        if kind == "ansi_c_string":
            return [_Piece(_ansi(text[2:-1]))]
        if kind in _OPEN:
            return [self._expansion(node, text, quoted=quoted)]
        if kind == "string_content" or (kind == "string" and not node.named_children):
            body = text if kind == "string_content" else text.strip("$")[1:-1]
            return [_Piece(re.sub(r"\\([$`\"\\])|\\\n", lambda m: m.group(1) or "", body))]
        if kind in ("string", "concatenation", "translated_string", "variable_assignment", "subscript", "array"):
            return self._parts(node, quoted=quoted or kind == "string")
        return [_Piece(re.sub(r"\\(.)|\\\n", lambda m: m.group(1) or "", text), bare=not quoted and "\\" not in text)]

    def _parts(self, node: Node, *, quoted: bool) -> list[_Piece]:
        """Children, and what the grammar leaves out between them."""
        pieces: list[_Piece] = []
        raw = node.text or b""
        at = 1 if node.type == "string" else 0
        end = len(raw) - (1 if node.type == "string" else 0)
        for child in node.named_children:
            start, stop = child.start_byte - node.start_byte, child.end_byte - node.start_byte
            pieces.append(_Piece(_plain(raw[at:start], quoted=quoted)))
            pieces.extend(self._pieces(child, quoted=quoted))
            at = stop
        pieces.append(_Piece(_plain(raw[at:end], quoted=quoted)))
        return [piece for piece in pieces if piece.text or piece.open] or [_Piece("")]

    def _expansion(self, node: Node, text: str, *, quoted: bool) -> _Piece:
        held = _ONLY_A_DOCUMENT.fullmatch(text) if quoted else None
        if held and int(held[1]) < len(self.heredocs):
            word, _ = self.document(self.heredocs[int(held[1])])
            return _Piece(word.text.rstrip("\n"), open=not word.known)
        plain = _VARIABLE.match(text) if node.type in ("simple_expansion", "expansion") else None
        if plain:
            return self._variable(plain.group(1) or plain.group(2), node, text, quoted=quoted)
        several = not quoted or "[@]" in text or text == "$@"
        loose = several and node.type not in ("arithmetic_expansion", "process_substitution")
        return _Piece(" ".join(text.split()), open=True, loose=loose)

    def _variable(self, name: str, node: Node | None, text: str, *, quoted: bool) -> _Piece:
        if name in self.setters.made:
            return _Piece(text, open=True, own=True)
        if not self.setters.blind and name not in self._resolving:
            value = self.setters.certain.get(name)
            if value is not None and (node is None or value.end_byte <= node.start_byte):
                self._resolving.add(name)
                word = self.word(value)
                self._resolving.discard(name)
                if word.known:
                    return _Piece(word.text, loose=not quoted)
            elif value is None and name in self.known and name not in self.setters.names:
                return _Piece(self.known[name], loose=not quoted)
        return _Piece(text, open=True, loose=not quoted)


def _join(pieces: list[_Piece]) -> Word:
    text = "".join(piece.text for piece in pieces)
    if not any(piece.open for piece in pieces):
        return Word(text, bare=all(piece.bare for piece in pieces))
    head = ""
    for piece in pieces:
        if piece.open:
            break
        head += piece.text
    filled = [piece for piece in pieces if piece.text or piece.open]
    splits = any(piece.open and piece.loose for piece in pieces)
    own = filled[0].own and "".join(piece.text for piece in filled[1:])[:1] in ("", "/")
    return Word(text, False, head, splits, len(filled) == 1, own)


def glued(first: Word, second: Word) -> Word:
    """Two words with nothing between them."""
    text = first.text + second.text
    known = first.known and second.known and not re.search(r"\$\w*$", first.text)
    head = first.text.rstrip("$") + second.head if first.known else first.head
    return Word(text, known, "" if known else head, first.splits or second.splits)


def _plain(raw: bytes, *, quoted: bool) -> str:
    text = raw.decode("utf-8", "surrogateescape")
    return text if quoted else re.sub(r"\\(.)|\\\n", lambda m: m.group(1) or "", text)


def _ansi(text: str) -> str:
    def one(found: re.Match[str]) -> str:
        body = found.group(1)
        if body[0] in "xuU":
            return chr(min(int(body[1:], 16), 0x10FFFF)) if len(body) > 1 else body
        if body[0].isdigit():
            return chr(int(body, 8) & 0xFF)
        return _ANSI.get(body, body)

    return re.sub(r"\\(x[0-9a-fA-F]{1,2}|u[0-9a-fA-F]{1,4}|U[0-9a-fA-F]{1,8}|[0-7]{1,3}|.)", one, text, flags=re.S)


def _closing(text: str, at: int, end: str) -> int:
    """Where a substitution ends, past quotes and inner brackets; the end of the text where it does not."""
    depth = 0
    quote = ""
    opening = {")": "(", "}": "{"}.get(end, "")
    while at < len(text):
        char = text[at]
        if char == "\\":
            at += 1
        elif quote:
            quote = "" if char == quote else quote
        elif char in "'\"" and end != "`":
            quote = char
        elif char == end:
            if depth == 0:
                return at
            depth -= 1
        elif opening and char == opening:
            depth += 1
        at += 1
    return len(text)

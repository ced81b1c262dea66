"""Heredocs and here-strings lifted out of shell text before it is parsed, whatever follows them on their line."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Private-use characters, which no shell text means: a mark is a word like any other to the grammar.
DOCUMENT, STRING = "\ue0d0", "\ue0d1"
MARKS = (DOCUMENT, STRING)

_START = re.compile(r"<<(-?)[ \t]*((?:\\.|'[^'\n]*'|\"[^\"\n]*\"|[^\s'\"\\<>|&;()`])+)")
_WORD_BEFORE = frozenset(" \t\n;&|()`")


@dataclass(frozen=True, slots=True)
class Heredoc:
    """What a heredoc holds. expands: its delimiter was unquoted, so `$` and backquotes in it work."""

    body: str
    expands: bool


def lift(text: str) -> tuple[str, list[Heredoc]]:
    """The text with `<<EOF` as `< DOCUMENT n DOCUMENT` and `<<< word` as `< STRING word`; and the heredocs by number.

    A heredoc that nothing ends goes to the end of the text, as it does in bash.
    """
    return _Lifter(text).run() if "<" in text else (text, [])


class _Lifter:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.out: list[str] = []
        self.found: list[Heredoc] = []
        self.pending: list[tuple[int, str, bool, bool]] = []
        # What ends the part being read: ")" and "`" for commands, '"' for a string, "}" and "))" for expansions.
        self.parts: list[str] = [""]

    def run(self) -> tuple[str, list[Heredoc]]:
        while self.at < len(self.text):
            self._step()
        return "".join(self.out), self.found

    def _copy(self, length: int) -> None:
        self.out.append(self.text[self.at : self.at + length])
        self.at += length

    def _step(self) -> None:
        text, at, part = self.text, self.at, self.parts[-1]
        char = text[at]
        if char == "\\":
            return self._copy(2)
        if part == '"':
            return self._in_string(char)
        if char == "\n" and self.pending and part not in ("}", "))"):
            self._copy(1)
            return self._bodies()
        if char == "'":
            return self._quoted(at)
        if char == '"':
            self.parts.append('"')
        elif text.startswith(("$((", "(("), at):
            self.parts.append("))")
            return self._copy(3 if char == "$" else 2)
        elif text.startswith(("$(", "<(", ">("), at):
            self.parts.append(")")
            return self._copy(2)
        elif text.startswith("${", at):
            self.parts.append("}")
            return self._copy(2)
        elif char == "(" and part != "))":
            self.parts.append(")")
        elif char == "`":
            self._pop() if part == "`" else self.parts.append("`")
        elif part == "))":
            return self._in_arithmetic(char)
        elif char == part:
            self._pop()
        elif char == "#" and part != "}" and (at == 0 or text[at - 1] in _WORD_BEFORE):
            end = text.find("\n", at)
            return self._copy((len(text) if end < 0 else end) - at)
        elif char == "<" and part != "}":
            return self._redirect()
        return self._copy(1)

    def _pop(self) -> None:
        if len(self.parts) > 1:
            self.parts.pop()

    def _in_string(self, char: str) -> None:
        text, at = self.text, self.at
        if char == '"':
            self._pop()
        elif text.startswith("$((", at):
            self.parts.append("))")
            return self._copy(3)
        elif text.startswith(("$(", "${"), at):
            self.parts.append(")" if text[at + 1] == "(" else "}")
            return self._copy(2)
        elif char == "`":
            self.parts.append("`")
        return self._copy(1)

    def _in_arithmetic(self, char: str) -> None:
        if self.text.startswith("))", self.at):
            self._pop()
            return self._copy(2)
        if char == "(":
            self.parts.append(")")
        return self._copy(1)

    def _quoted(self, at: int) -> None:
        """A single-quoted string; after `$` a backslash keeps a quote inside it."""
        ansi = at > 0 and self.text[at - 1] == "$"
        end = at + 1
        while end < len(self.text) and self.text[end] != "'":
            end += 2 if ansi and self.text[end] == "\\" else 1
        self._copy(end + 1 - at)

    def _redirect(self) -> None:
        text, at = self.text, self.at
        if text.startswith("<<<", at):
            rest = re.compile(r"(?:[ \t]|\\\n)*").match(text, at + 3)
            self.out.append(f"< {STRING}")
            self.at = rest.end() if rest else at + 3
        elif text.startswith("<>", at):
            # Opens for writing and leaves what is there: the grammar does not know it, `>>` says the same here.
            self.out.append(">>")
            self.at += 2
        elif found := _START.match(text, at):
            strips, delimiter = found.groups()
            number = len(self.found)
            self.found.append(Heredoc("", True))
            plain = re.sub(r"\\(.)|['\"]", r"\1", delimiter)
            self.pending.append((number, plain, plain == delimiter, bool(strips)))
            self.out.append(f"< {DOCUMENT}{number}{DOCUMENT}")
            self.at = found.end()
        else:
            self._copy(1)

    def _bodies(self) -> None:
        for number, delimiter, expands, strips in self.pending:
            lines: list[str] = []
            while self.at < len(self.text):
                end = self.text.find("\n", self.at)
                end = len(self.text) if end < 0 else end
                line = self.text[self.at : end]
                line = line.lstrip("\t") if strips else line
                self.at = min(end + 1, len(self.text))
                if line == delimiter:
                    break
                lines.append(line)
            self.found[number] = Heredoc("\n".join(lines), expands)
        self.pending.clear()

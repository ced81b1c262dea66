"""A walk through shell text: placeholders and variables, each with the quotes and the command around it.

A parser of bash cannot do this first: it takes `<name>` for a redirect. The walk knows what a placeholder looks like
and steps over it as over a word.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass, field
from functools import lru_cache

from console.walkthrough.filling.forms import Candidate, candidates, closings
from console.walkthrough.filling.places import Command, accepts
from console.walkthrough.filling.spots import Scan, Spot, Use, Where

_PLAIN = re.compile(r"[^\s\\'\"`$#<>|&;()]+")
_DOUBLED = re.compile(r"[^\\\"`$]+")
_BODY = re.compile(r"[^\\`$\n]+")
_INNER = re.compile(r"[^\\\"'`${}()\n]+")
_NAME = re.compile(r"\$([A-Za-z_]\w*)")
_BRACED = re.compile(r"\$\{([!#]?)(?:([A-Za-z_]\w*)|[0-9]+|[@*#?$!-])?(\[[^\]\n]*\])?(:?[-=?+]|[#%/^,@:]*)")
_DELIMITER = re.compile(r"<<(-?)[ \t]*(?:'([^'\n]+)'|\"([^\"\n]+)\"|(\\?)([^\s;&|<>()'\"`$]+))")
_KEYWORDS = frozenset(
    ("then", "do", "else", "if", "elif", "while", "until", "!", "{", "}", "time", "fi", "done", "coproc")
)
_DEEPEST = 40
# Of a command with more words the first ones tell what it is.
_WORDS = 200


@lru_cache(maxsize=512)
def scan(text: str) -> Scan:
    """Walk through shell text. Never raises: what is not whole is read as far as it goes."""
    walk = _Walk(text)
    walk.code("")
    walk.close()
    return Scan(tuple(sorted(walk.spots, key=lambda spot: spot.start)), tuple(walk.uses), tuple(walk.commands))


@dataclass
class _Walk:
    text: str
    at: int = 0
    spots: list[Spot] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    pending: list[tuple[Command, str, bool, bool]] = field(default_factory=list)
    command: Command = field(default_factory=Command)
    word: int = -1
    depth: int = 0
    ticks: int = 0
    named: int = -1
    heredoc: tuple[str, bool] = ("", False)

    def __post_init__(self) -> None:
        self.size = len(self.text)
        self.candidates = candidates(self.text)
        self.begins = sorted(self.candidates)
        self.closed = closings(self.text)
        self.commands.append(self.command)

    # placeholders and plain runs

    def take(self, where: Where, limit: int | None = None) -> bool:
        """Step over a placeholder that begins here, and keep it."""
        one = self.candidates.get(self.at)
        if one is None or (limit is not None and one.end > limit) or not self._accepted(one, where):
            return False
        if where is Where.WORD and self.word < 0:
            self.word = self.at
        in_body = where in (Where.HEREDOC, Where.RAW)
        line = self.text.rfind("\n", 0, self.at) + 1
        self.spots.append(
            Spot(
                one.start, one.end, one.form, one.body, where, self.command, -1 if in_body else len(self.command.words),
                self.text[line : self.at] if in_body or self.word < 0 else self.text[self.word : self.at],
                self.named == self.at, self.ticks > 0, *self.heredoc,
            )
        )  # fmt: skip
        self.at = one.end
        return True

    def _accepted(self, one: Candidate, where: Where) -> bool:
        if '"' in one.body and where in (Where.WORD, Where.DOUBLE):
            return False
        kind = "word" if where is Where.WORD else "body" if where in (Where.HEREDOC, Where.RAW) else "quoted"
        number = -1 if kind == "body" else len(self.command.words)
        return accepts(one, kind, self.text, self.command, number, self.closed)

    def run(self, pattern: re.Pattern[str]) -> None:
        """Go on over characters that mean nothing, but not past the next candidate."""
        match = pattern.match(self.text, self.at)
        end = match.end() if match else self.at + 1
        if not self.begins:
            self.at = end
            return
        later = bisect_left(self.begins, self.at + 1)
        self.at = min(end, self.begins[later]) if later < len(self.begins) else end

    # words and commands

    def start(self) -> None:
        if self.word < 0:
            self.word = self.at

    def close(self) -> None:
        """The word ends here."""
        if self.word < 0:
            return
        written = self.text[self.word : self.at]
        self.word = -1
        if written in _KEYWORDS and not self.command.words:
            return
        if written == "{" and self.command.words[:1] == ["function"]:
            self.separate(False)
            return
        if len(self.command.words) < _WORDS:
            self.command.words.append(written)

    def separate(self, piped: bool) -> None:
        """The command ends here."""
        self.close()
        if not self.command.words and not piped:
            return
        old, self.command = self.command, Command()
        self.commands.append(self.command)
        if piped:
            old.into = self.command

    def nested(self, until: str) -> None:
        """A command substitution: code of its own."""
        if self.depth >= _DEEPEST:
            return
        kept = self.command, self.word, self.pending, self.heredoc
        self.command, self.word, self.pending, self.heredoc = Command(), -1, [], ("", False)
        self.commands.append(self.command)
        self.depth += 1
        self.code(until)
        self.depth -= 1
        self.command, self.word, self.pending, self.heredoc = kept

    def code(self, until: str) -> None:
        """Shell code up to its end: of the text, or the `)` or backtick that closes it."""
        parens = cases = 0
        while self.at < self.size:
            char = self.text[self.at]
            if char == until == "`" or (char == ")" == until and not parens and not cases):
                self.close()
                self.at += 1
                return
            if self.at in self.candidates and self.take(Where.WORD):
                continue
            if self.at - self.word == 4 and self.word >= 0 and char in " \t\r\n;":
                ended = self.text[self.word : self.at]
                cases += (ended == "case" and not self.command.words) - (ended == "esac" and cases > 0)
            if char in " \t\r":
                self.close()
                self.at += 1
            elif char == "\n":
                self.separate(False)
                self.at += 1
                self.bodies()
            elif char in ";&|":
                self.operator(char)
            elif char == "(":
                parens += self.parenthesis()
            elif char == ")":
                parens = max(0, parens - 1)
                self.separate(False)
                self.at += 1
            elif char in "<>":
                self.redirect(char)
            elif char == "#" and self.word < 0:
                self.at = self.line_end()
            else:
                self.start()
                self.part(char)

    def part(self, char: str) -> None:
        """One part of a word."""
        if char == "\\":
            if self.text.startswith("\\\n", self.at) and self.word == self.at:
                self.word = -1
            self.at += 2
        elif char == "'":
            self.single()
        elif char == '"':
            self.double()
        elif char == "`":
            self.backticks()
        elif char == "$":
            self.dollar(Where.WORD)
        else:
            self.run(_PLAIN)

    def operator(self, char: str) -> None:
        two = self.text[self.at : self.at + 2]
        if two in ("&>", ">&"):
            self.close()
            self.at += 1
            return
        self.separate(char == "|" and two != "||")
        self.at += 2 if two in ("&&", "||", ";;", "|&", ";&") else 1

    def parenthesis(self) -> int:
        """An opening parenthesis; how much deeper the code is behind it."""
        if self.text.startswith("((", self.at) and self.word < 0 and self.command.words in ([], ["for"]):
            self.arithmetic(2)
            return 0
        self.separate(False)
        self.at += 1
        return 1

    def line_end(self) -> int:
        end = self.text.find("\n", self.at)
        return self.size if end < 0 else end

    # redirects and heredocs

    def redirect(self, char: str) -> None:
        if self.word >= 0 and self.text[self.word : self.at].isdigit():
            self.word = -1
        self.close()
        if self.text.startswith("<<<", self.at):
            self.command.words.append("<<<")
            self.at += 3
        elif self.text.startswith("<<", self.at) and (match := _DELIMITER.match(self.text, self.at)):
            delimiter = match[2] or match[3] or match[5]
            self.pending.append((self.command, delimiter, not (match[2] or match[3] or match[4]), bool(match[1])))
            self.at = match.end()
        elif self.text.startswith((f"{char}(",), self.at):
            self.start()
            self.at += 2
            self.nested(")")
        else:
            self.command.words.append(char)
            self.at += 1
            while self.at < self.size and self.text[self.at] in "<>&|":
                self.at += 1

    def bodies(self) -> None:
        """The heredocs whose bodies begin at this line."""
        pending, self.pending = self.pending, []
        kept = self.command, self.word
        for command, delimiter, expands, dashed in pending:
            self.command, self.word, self.heredoc = command, -1, (delimiter, dashed)
            while self.at < self.size:
                line = self.text[self.at : self.line_end()]
                if (line.lstrip("\t") if dashed else line).rstrip("\r") == delimiter:
                    self.at = min(self.size, self.line_end() + 1)
                    break
                self.body_line(expands)
        self.heredoc = ("", False)
        self.command, self.word = kept

    def body_line(self, expands: bool) -> None:
        end = self.line_end()
        while self.at < end:
            char = self.text[self.at]
            if self.take(Where.HEREDOC if expands else Where.RAW, end):
                continue
            if expands and char == "\\":
                self.at += 2
            elif expands and char == "$":
                self.dollar(Where.HEREDOC)
            elif expands and char == "`":
                self.backticks()
            else:
                self.run(_BODY)
        self.at = max(self.at, end)
        if self.at < self.size and self.text[self.at] == "\n":
            self.at += 1

    # quotes

    def single(self) -> None:
        close = self.text.find("'", self.at + 1)
        close = self.size if close < 0 else close
        self.at += 1
        while self.at < close:
            if not self.take(Where.SINGLE, close):
                later = bisect_left(self.begins, self.at + 1)
                self.at = min(close, self.begins[later]) if later < len(self.begins) else close
        self.at = min(self.size, close + 1)

    def ansi(self) -> None:
        self.at += 2
        while self.at < self.size and self.text[self.at] != "'":
            if self.take(Where.ANSI):
                continue
            self.at += 2 if self.text[self.at] == "\\" else 1
        self.at = min(self.size, self.at + 1)

    def double(self) -> None:
        self.at += 1
        while self.at < self.size:
            char = self.text[self.at]
            if char == '"':
                self.at += 1
                return
            if self.take(Where.DOUBLE):
                continue
            if char == "\\":
                self.at += 2
            elif char == "$":
                self.dollar(Where.DOUBLE)
            elif char == "`":
                self.backticks()
            else:
                self.run(_DOUBLED)

    def backticks(self) -> None:
        self.at += 1
        if self.ticks:
            return
        self.ticks += 1
        self.nested("`")
        self.ticks -= 1

    # expansions

    def dollar(self, where: Where) -> None:
        if self.text.startswith("$'", self.at) and where is Where.WORD:
            self.ansi()
        elif self.text.startswith('$"', self.at) and where is Where.WORD:
            self.at += 1
            self.double()
        elif self.text.startswith("$((", self.at):
            self.at += 1
            self.arithmetic(2)
        elif self.text.startswith("$(", self.at):
            self.at += 2
            self.nested(")")
        elif self.text.startswith("${", self.at):
            self.parameter(where)
        elif match := _NAME.match(self.text, self.at):
            self.use(match[1], "", match.end(), where)
            self.at = self.named = match.end()
        else:
            self.at += 2 if self.text[self.at + 1 : self.at + 2] in set("0123456789@*#?$!-") else 1

    def use(self, name: str, operator: str, end: int, where: Where) -> None:
        in_body = where is Where.HEREDOC
        line = self.text.rfind("\n", 0, self.at) + 1
        before = self.text[line : self.at] if in_body or self.word < 0 else self.text[self.word : self.at]
        number = -1 if in_body else len(self.command.words)
        self.uses.append(Use(self.at, end, name, operator, where, self.command, number, before))

    def parameter(self, where: Where) -> None:
        match = _BRACED.match(self.text, self.at)
        if match is None or self.depth >= _DEEPEST:
            self.at += 2
            return
        begin, slot = self.at, len(self.uses)
        self.depth += 1
        self.at = match.end()
        while self.at < self.size and self.text[self.at] != "}":
            char = self.text[self.at]
            if self.take(Where.PARAMETER):
                continue
            if char == "\\":
                self.at += 2
            elif char == "$":
                self.dollar(Where.PARAMETER)
            elif char == "`":
                self.backticks()
            elif char == '"' and where is not Where.DOUBLE:
                self.double()
            elif char == "'" and where is Where.WORD:
                self.single()
            else:
                self.run(_INNER)
        self.depth -= 1
        self.at = min(self.size, self.at + 1)
        if match[2]:
            end, self.at = self.at, begin
            self.use(match[2], match[4], end, where)
            self.at = end
            self.uses.insert(slot, self.uses.pop())

    def arithmetic(self, opening: int) -> None:
        self.at += opening
        deep = opening
        while self.at < self.size and deep:
            char = self.text[self.at]
            if self.take(Where.ARITHMETIC):
                continue
            if char == "$":
                if self.depth >= _DEEPEST:
                    self.at += 1
                    continue
                self.depth += 1
                self.dollar(Where.ARITHMETIC)
                self.depth -= 1
                continue
            deep += (char == "(") - (char == ")")
            self.at += 1

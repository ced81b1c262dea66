"""The walk through a document's blocks, in order: headings, lists, alternatives, and the steps among them."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from console.core.runbooks.document import Fault, Options, StepKind
from console.walkthrough.reading.alternatives import (
    Part,
    is_bare_or,
    named_option,
    named_system,
    offers_another,
    parts_of,
)
from console.walkthrough.reading.attributes import attributes_of, language_of, options_of
from console.walkthrough.reading.blocks import deep_fences
from console.walkthrough.reading.drafts import Draft, Scope, Set, cut, plain, step_title, title_of
from console.walkthrough.reading.expectations import (
    Announced,
    announced,
    forbids,
    is_expected,
    said_output,
)
from console.walkthrough.reading.fences import SCRIPTS, Judged, hidden_sign, judge
from console.walkthrough.reading.names import Names
from console.walkthrough.reading.preparing import Prepared
from console.walkthrough.reading.programs import words

if TYPE_CHECKING:
    from markdown_it.token import Token

TASK = re.compile(r"\[([ xX]?)\][ \t\n]+(?=\S)|([☐☑✅🔲])[ \t]+(?=\S)")
CLOSING = re.compile(r"^[ \t>]*(`{3,}|~{3,})[ \t]*$")
# A heading, a list or a fence behind an empty line: the page goes on in a block that nobody has closed.
WORDS_BEHIND = re.compile(r"\n[ \t]*\n(?:#{1,6} |[-*] |\d+\. |>|```|~~~|[A-Z][\w']* [a-z]+ [a-z]+ )")
INNER = re.compile(
    r"^ {0,3}(`{3,}|~{3,})[ \t]*(?:bash|sh|shell|console|zsh|yaml|json|text|sql)\b[^`\n]*$", re.MULTILINE
)

SETS = re.compile(r"\s*(?:export )?[A-Za-z_]\w*=\S")
# What a command may print in full.
DATA = words("json json5 jsonc yaml yml xml html diff csv tsv toml ini http properties log markdown md")
GLUED = "the fence ends behind a command; put ``` on a line of its own"

# What an alternative is told by, besides the level of a heading, from 1 to 6: where it ends hangs on it.
PART, WORDS, PAIR, ITEM, TAB = range(10, 15)


class Walk:
    """One walk. drafts, faults and title are its result. Lines are from 0 in here, and from 1 in what it finds."""

    def __init__(self, prepared: Prepared, lines: Sequence[str], base: Options) -> None:
        self.drafts: list[Draft] = []
        self.faults: list[Fault] = []
        self.title = ""
        self._prepared = prepared
        self._lines = lines
        self._base = base
        self.faults += [Fault(line + 1, GLUED) for line in sorted(prepared.glued)]
        self._plain_options = base == Options()
        self._tokens: list[Token] = []
        self._names = Names(())
        self._path: list[tuple[int, str]] = []
        self._headings: tuple[str, ...] = ()
        self._said = ""
        self._silent = False
        self._command: Draft | None = None
        # The command whose output may still follow: not behind what another program was asked.
        self._printing: Draft | None = None
        self._scopes: list[Scope] = []
        self._sets: dict[tuple[object, ...], Set] = {}
        self._containers: list[_Container] = [_Container("page")]
        self._another: tuple[Draft, bool] | None = None
        self._events = deque(sorted({*prepared.opened, *prepared.closed, *prepared.ended}))
        self._loose: Draft | None = None
        self._tabs: Set | None = None

    def go(self, tokens: list[Token]) -> None:
        """Walk through all of them."""
        self._tokens = tokens
        self._names = Names(tokens)
        for at, token in enumerate(tokens):
            kind = token.type
            if token.map is not None and self._events and self._events[0] <= token.map[0]:
                self._marks(token.map[0])
            if kind == "inline":
                if tokens[at - 1].type == "paragraph_open":
                    self._paragraph(at, token)
            elif kind == "fence":
                self._block(token)
            elif kind == "code_block":
                for block in deep_fences(token):
                    self._block(block)
            elif kind == "heading_open":
                self._heading(token, tokens[at + 1].content)
            elif kind == "html_block":
                self._html(token)
            elif kind in ("list_item_open", "blockquote_open", "bullet_list_open", "ordered_list_open"):
                self._open(token)
            elif kind in ("list_item_close", "blockquote_close", "bullet_list_close", "ordered_list_close"):
                self._close(kind)
        for number, draft in enumerate(self.drafts, 1):
            draft.number = number

    # ── headings, containers, tabs ────────────────────────────────────────────────────────────────────────────────
    def _heading(self, token: Token, content: str) -> None:
        level = int(token.tag[1:])
        text = plain(content)
        if level == 1 and not self.title:
            self.title = cut(text)
        self._path = [*(above for above in self._path if above[0] < level), (level, text)]
        self._headings = tuple(above for _level, above in self._path if above)
        self._scopes = [scope for scope in self._scopes if scope.level < level or scope.level in (ITEM, TAB)]
        self._containers[-1].option = None
        self._tabs = None
        option = named_option(text)
        system = "" if option else named_system(text)
        if option or system:
            family, label = option or ("system", text)
            parents = tuple(above for _level, above in self._path[:-1])
            key = (*parents, level, family)
            self._scopes.append(self._sets.setdefault(key, Set()).scope(label, level))
        self._another = None
        self._said = content
        self._silent = False
        if not announced(content):
            self._command = self._printing = None
        self._loose = None

    def _open(self, token: Token) -> None:
        container = _Container(token.type, depth=len(self._scopes))
        line = token.map[0] if token.map else -1
        if token.type == "list_item_open" and line in self._prepared.nested:
            parent = self._containers[-1]
            if parent.tabs is None:
                parent.tabs = Set()
            self._scopes.append(parent.tabs.scope(self._prepared.nested[line], ITEM))
        elif token.type == "list_item_open":
            self._containers[-1].tabs = None
        self._containers.append(container)

    def _close(self, kind: str) -> None:
        container = self._containers.pop()
        del self._scopes[container.depth :]
        if kind == "list_item_close":
            self._loose = container.task

    def _marks(self, line: int) -> None:
        """Tabs that are opened and closed by marks before this line."""
        while self._events and self._events[0] <= line:
            at = self._events.popleft()
            self._scopes = [scope for scope in self._scopes if scope.level != TAB]
            if at in self._prepared.ended:
                self._tabs = None
            elif at in self._prepared.opened:
                if self._tabs is None:
                    self._tabs = Set()
                self._scopes.append(self._tabs.scope(self._prepared.opened[at], TAB))

    def _html(self, token: Token) -> None:
        text = token.content.lstrip()
        if text.startswith("<!--") and "-->" not in text and token.map is not None:
            self.faults.append(Fault(token.map[0] + 1, "the comment that begins here never ends; end it with -->"))

    # ── paragraphs and checklist items ────────────────────────────────────────────────────────────────────────────
    def _paragraph(self, at: int, token: Token) -> None:
        text = token.content
        container = self._containers[-1]
        first = container.kind == "list_item_open" and self._tokens[at - 2].type == "list_item_open"
        task = TASK.match(text) if first else None
        if task is not None and token.map is not None:
            container.task = self._check(text[task.end() :], (task[1] or task[2] or " ") in "xX☑✅", token)
            self._said, self._silent, self._another = text[task.end() :], False, None
            return
        option = named_option(text) if text[:1] in "*_`#([" or first or len(text) < 80 else None
        if option is not None:
            self._option(option, container, first)
        if self._printing is not None and not self._printing.expected:
            self._printing.expected = said_output(text)
        bare = is_bare_or(text)
        if bare or offers_another(text):
            if self._command is not None and self._command.kind is StepKind.COMMAND:
                self._another = (self._command, bare)
        elif self._another is not None and not self._another[1]:
            self._another = None
        elif self._another is not None:
            self._another = (self._another[0], False)
        if not bare:
            self._said, self._silent = text, False

    def _option(self, option: tuple[str, str], container: _Container, first: bool) -> None:
        family, label = option
        if first:
            # The item is the alternative, and its list the set.
            key: tuple[object, ...] = ("list", self._containers[-2], family)
            self._scopes.append(self._sets.setdefault(key, Set()).scope(label, ITEM))
            return
        if container.option is not None and container.option in self._scopes:
            self._scopes.remove(container.option)
        key = ("text", *self._headings, len(self._containers), family)
        container.option = self._sets.setdefault(key, Set()).scope(label, WORDS)
        self._scopes.append(container.option)

    def _check(self, text: str, ticked: bool, token: Token) -> Draft:
        assert token.map is not None
        title = cut(plain(text)) or "item"
        return self._add(
            Draft(
                token.map[0] + 1, token.map[1], StepKind.CHECK, self._headings, title, "", text, "",
                "it is ticked by a person", self._base, ticked=ticked, owner=self._owner(),
            )
        )  # fmt: skip

    def _owner(self) -> Draft | None:
        """The checklist item that this belongs to."""
        return next((one.task for one in reversed(self._containers) if one.task is not None), None)

    def _add(self, draft: Draft) -> Draft:
        for scope in self._scopes:
            draft.enter(scope)
        self.drafts.append(draft)
        return draft

    # ── blocks ────────────────────────────────────────────────────────────────────────────────────────────────────
    def _block(self, token: Token) -> None:
        assert token.map is not None
        begin, end = token.map
        fenced = token.type == "fence"
        language = language_of(token.info) if fenced and token.info else ""
        options = self._options(token.info, begin) if "{" in token.info or not self._plain_options else self._base
        if not fenced:
            # Empty lines behind indented code are no part of it.
            while end > begin + 1 and not self._lines[end - 1].strip():
                end -= 1
            language = language_of(token.info) if token.info else ""
        closed = not fenced or self._is_closed(token, begin, end)
        inside = (begin + 1, end - closed) if fenced or token.markup else (begin, end)
        if options.interpreter and language not in SCRIPTS:
            judged = Judged(StepKind.COMMAND, token.content, "" if token.content.strip() else "it is empty")
        else:
            # Whoever names a block means it to be run.
            of_output = self._command is not None and (not options.name or options.name == self._base.name)
            judged = judge(
                token.content, language, known=self._names.programs if language not in SCRIPTS else frozenset(),
                announced=announced(self._said) if of_output else Announced.NOT,
                adjacent=self._silent and self._command is not None,
                said=self._said,
                used=self._names.variables if not language and SETS.match(token.content) else frozenset(),
            )  # fmt: skip
        if judged.kind is StepKind.COMMAND and forbids(self._said):
            judged = Judged(StepKind.NOTE, token.content, "the page says not to run it")
        why = judged.why_not
        if fenced and judged.kind is StepKind.COMMAND and INNER.search(token.content):
            why = self._swallowed(token, begin, closed) or why
        if not closed:
            why = self._unclosed(token, begin) or why
        if judged.inside and "interactive" not in token.info:
            options = replace(options, interactive=True)
        written = "".join(self._lines[inside[0] : inside[1]])
        if judged.kind is StepKind.COMMAND and not (written.isascii() and written.isprintable()):
            why = self._hidden(judged.text, written, inside[0]) or why
        owner = self._owner()
        in_item = any(one.kind == "list_item_open" for one in self._containers)
        if owner is None and self._loose is not None and not in_item and self._lines[begin][:1] in " \t":
            owner = self._loose
        parts = parts_of(token.content.split("\n")[:-1]) if judged.whole and not why else []
        if parts:
            self._divided(token, judged, parts, language, options, owner, (begin, end, inside[0]))
        else:
            named = options.name if options.name != self._base.name else ""
            said = self._said if judged.kind is StepKind.COMMAND else ""
            title = step_title(judged.text, said, named) or title_of(token.content) or language or "empty block"
            draft = Draft(
                begin + 1, end, judged.kind, self._headings, title, language, written, judged.text, why, options,
                judged.expected, owner=owner,
            )  # fmt: skip
            self._found(draft, judged)
        self._said, self._silent = "", judged.kind is StepKind.COMMAND

    def _found(self, draft: Draft, judged: Judged) -> None:
        """Put a block's step where it belongs: as another way, as what was expected, or for itself."""
        if draft.kind is StepKind.NOTE:
            before = self._printing
            expects = is_expected(self._said) or (self._silent and judged.is_output)
            if before is not None and expects and (judged.is_output or (draft.language in DATA and not self._silent)):
                if not before.expected:
                    before.expected = draft.text
                draft.why_not = "it is what the command before it is to print"
            elif not judged.is_output:
                self._printing = None
            self._add(draft)
            return
        self._add(draft)
        if self._another is not None:
            other = self._another[0]
            if not self._scopes and (other.scope is None or other.scope.level == PAIR):
                alternatives = other.scope.set_ if other.scope else Set()
                if other.scope is None:
                    other.enter(alternatives.scope("Option 1", PAIR))
                draft.enter(alternatives.scope(f"Option {len(alternatives.labels) + 1}", PAIR))
            self._another = None
        self._command = self._printing = draft

    def _divided(
        self, token: Token, judged: Judged, parts: list[Part], language: str, options: Options, owner: Draft | None,
        where: tuple[int, int, int],
    ) -> None:  # fmt: skip
        """A script with alternatives in it: a step each."""
        begin, end, first = where
        rows = token.content.split("\n")[:-1]
        alternatives = Set()
        for place, part in enumerate(parts):
            line = begin if place == 0 else first + part.begin
            last = end if place == len(parts) - 1 else first + part.end
            text = "\n".join(rows[part.begin : part.end]).strip("\n") + "\n"
            written = "".join(self._lines[first + part.begin : first + part.end])
            while last > line + 1 and place < len(parts) - 1 and not self._lines[last - 1].strip():
                last -= 1
            draft = Draft(
                line + 1, last, judged.kind, self._headings, title_of(text), language, written, text, "", options,
                owner=owner,
            )  # fmt: skip
            self._add(draft)
            if part.label:
                draft.enter(alternatives.scope(part.label, PART))
            self._command = self._printing = draft
        self._another = None

    def _options(self, info: str, line: int) -> Options:
        attributes, fault = attributes_of(info)
        if fault:
            self.faults.append(Fault(line + 1, fault))
        options, wrong = options_of(attributes, self._base)
        self.faults += [Fault(line + 1, what) for what in wrong]
        return options

    def _is_closed(self, token: Token, begin: int, end: int) -> bool:
        if end - begin < 2 or end > len(self._lines):
            return False
        last = CLOSING.match(self._lines[end - 1].rstrip("\r\n"))
        if last is None:
            # A listing of another tool, told as a fence.
            return end - 1 in self._prepared.shut
        mark = token.markup
        return last[1].startswith(mark) and token.content.count("\n") <= end - begin - 2

    def _unclosed(self, token: Token, line: int) -> str:
        self.faults.append(Fault(line + 1, f"the fence that opens here is never closed; close it with {token.markup}"))
        found = WORDS_BEHIND.search(token.content)
        if found is None:
            return ""
        row = line + 2 + token.content.count("\n", 0, found.start() + 1)
        return f"its fence is never closed, and line {row} is no command; close it with {token.markup}"

    def _swallowed(self, token: Token, line: int, closed: bool) -> str:
        """Why a block that holds the opening of another fence cannot be run: words between them are in it."""
        found = INNER.search(token.content)
        if found is None or not found[1].startswith(token.markup[0]) or len(found[1]) < len(token.markup):
            return ""
        inner = line + 2 + token.content.count("\n", 0, found.start())
        if closed:
            self.faults.append(
                Fault(line + 1, f"the fence that opens here is not closed before the one of line {inner}")
            )
        return f"its fence is not closed before line {inner}; close it with {token.markup}"

    def _hidden(self, text: str, written: str, first: int) -> str:
        found = hidden_sign(written) or hidden_sign(text)
        if found is None:
            return ""
        row, name = found
        return f"line {first + row + 1} holds the invisible character {name}; remove it from the file"


class _Container:
    """A list, an item or a quote that the walk is in. task: the checklist item it is. option: the alternative that a
    paragraph in it has begun. tabs: the set that tabs in it belong to. depth: how many scopes were open before it.
    """

    __slots__ = ("depth", "kind", "option", "tabs", "task")

    def __init__(self, kind: str, depth: int = 0) -> None:
        self.kind = kind
        self.depth = depth
        self.task: Draft | None = None
        self.option: Scope | None = None
        self.tabs: Set | None = None

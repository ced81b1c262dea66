"""Shell text to the simple commands in it, wherever they stand: in lists, loops, functions, substitutions, heredocs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from console.walkthrough.danger.calls import Call, Feed, Redirect, Script
from console.walkthrough.danger.expanding import Expander, glued
from console.walkthrough.danger.heredocs import DOCUMENT, MARKS, STRING, Heredoc, lift
from console.walkthrough.danger.printing import printed
from console.walkthrough.danger.variables import every, find_setters, source
from console.walkthrough.danger.words import Word, cut, names
from console.walkthrough.shell import parse

if TYPE_CHECKING:
    from tree_sitter import Node

_REDIRECTS = frozenset({"file_redirect", "herestring_redirect", "heredoc_redirect"})
_WORDS = names(
    "word number string raw_string ansi_c_string translated_string concatenation expansion"
    " simple_expansion command_substitution process_substitution arithmetic_expansion brace_expression"
    " extglob_pattern regex variable_name special_variable_name variable_assignment"
)
_STAGES = frozenset({"command", "redirected_statement", "compound_statement", "subshell"})


def read_script(text: str, known: Mapping[str, str], feed: Feed | None = None) -> Script:
    """What the text runs. feed: what stands on its input. Raises RecursionError where it is nested beyond measure."""
    clean = text.encode("utf-8", "replace").decode("utf-8").replace("\r\n", "\n").replace("\0", "")
    for mark in MARKS:
        clean = clean.replace(mark, "?")
    lifted, heredocs = lift(clean)
    # The grammar reads a line that begins with a backslash (`\\rm x`) as part of the one before it.
    lifted = re.sub(r"\n(?=\\[^\n])", "\n ", lifted)
    root = parse(lifted).root_node
    reader = _Reader(root, heredocs, known)
    reader.walk(root, feed)
    if root.has_error:
        wrong = next((node for node in every(root) if node.is_error or node.is_missing), root)
        reader.fault = reader.fault or f"line {wrong.start_point[0] + 1} cannot be read as shell"
    names = frozenset(reader.setters.names)
    return Script(tuple(reader.calls), reader.fault, frozenset(reader.functions), names)


class _Reader:
    def __init__(self, root: Node, heredocs: list[Heredoc], known: Mapping[str, str]) -> None:
        self.heredocs = heredocs
        # A text that begins with blanks has its root behind them.
        self.raw = b" " * root.start_byte + (root.text or b"")
        self.setters = find_setters(root)
        self.known = known
        self.expander = Expander(self.setters, known, heredocs)
        self.calls: list[Call] = []
        self.functions: set[str] = set()
        self.fault = ""
        # By the id of the command they belong to: redirects and words that the grammar hangs higher up.
        self.belated: dict[int, list[Node]] = {}

    def walk(self, node: Node, feed: Feed | None) -> None:
        kind = node.type
        if kind in ("command", "declaration_command", "unset_command"):
            self._command(node, feed)
        elif kind == "redirected_statement":
            self._redirected(node, feed)
        elif kind == "pipeline":
            self._pipeline(node, feed)
        elif kind == "test_command":
            self._test(node)
        else:
            if kind == "function_definition":
                name = node.child_by_field_name("name")
                self.functions.add(source(name) if name else "")
            if kind in ("command_substitution", "process_substitution"):
                feed = None
            redirects = [child for child in node.children if child.type in _REDIRECTS]
            if redirects:
                feed, written, _ = self._redirects(redirects, feed)
                self.calls.append(Call((), None, tuple(written)))
            for child in node.named_children:
                if child.type not in _REDIRECTS:
                    self.walk(child, feed)

    def _pipeline(self, node: Node, feed: Feed | None) -> None:
        for child in node.named_children:
            before = len(self.calls)
            self.walk(child, feed)
            made = self.calls[before:]
            if made and child is not node.named_children[0]:
                so_far = source(node).encode()[: child.start_byte - node.start_byte].decode("utf-8", "replace")
                self.calls[-1] = made[-1] = replace(made[-1], before=re.sub(r"\s*\|&?\s*$", "", so_far))
            if child.type in ("command", "redirected_statement"):
                # What stands before the last one was run for its words.
                made = made[-1:]
            text = printed(made) if child.type in _STAGES else None
            feed = Feed(text)

    def _redirected(self, node: Node, feed: Feed | None) -> None:
        body = node.child_by_field_name("body")
        redirects = [child for child in node.children if child.type in _REDIRECTS]
        last = body
        while last is not None and last.type in ("pipeline", "list", "negated_command", "redirected_statement"):
            inner = last.child_by_field_name("body") if last.type == "redirected_statement" else None
            last = inner or (last.named_children[-1] if last.named_children else None)
        if last is not None and last.type in ("command", "declaration_command", "unset_command"):
            self.belated.setdefault(last.id, []).extend(redirects)
            if body is not None:
                self.walk(body, feed)
            return
        feed, written, _ = self._redirects(redirects, feed)
        if body is not None:
            self.walk(body, feed)
        self.calls.append(Call((), None, tuple(written)))

    def _command(self, node: Node, feed: Feed | None) -> None:
        words: list[Word] = []
        sets: list[tuple[str, Word]] = []
        redirects: list[Node] = []
        touching = -1
        ended = node.start_byte
        if node.type != "command":
            words.append(Word(source(node.children[0])))
        for child in [*node.named_children, *self.belated.pop(node.id, [])]:
            if (words or redirects) and self._breaks(ended, child.start_byte):
                # Behind long pipelines the grammar takes the next line for more words of this one.
                self._made(words, sets, redirects, feed)
                words, sets, redirects, feed = [], [], [], None
            ended = max(ended, child.end_byte)
            if child.type in _REDIRECTS:
                redirects.append(child)
            elif child.type == "variable_assignment" and node.type == "command":
                self._inside(child)
                name, value = child.child_by_field_name("name"), child.child_by_field_name("value")
                got = self.expander.word(value) if value is not None else Word("")
                sets.append((source(name) if name else "", got))
            elif child.type == "command_name" or child.type in _WORDS or child.type == "subscript":
                self._inside(child)
                found = self.expander.words(child.children[0] if child.type == "command_name" else child)
                if words and found and child.start_byte == touching:
                    # What the grammar parts, the shell reads as one word.
                    found = [glued(words.pop(), found[0]), *found[1:]]
                words.extend(found)
                touching = child.end_byte
            else:
                self.walk(child, None)
        self._made(words, sets, redirects, feed)

    def _made(self, words: list[Word], sets: list[tuple[str, Word]], nodes: list[Node], feed: Feed | None) -> None:
        feed, written, more = self._redirects(nodes, feed)
        self.calls.append(Call((*words, *more), feed, tuple(written), tuple(sets)))

    def _breaks(self, end: int, start: int) -> bool:
        """Whether a line ends between two places of the text."""
        return b"\n" in self.raw[end:start].replace(b"\\\n", b"")

    def _redirects(self, nodes: list[Node], feed: Feed | None) -> tuple[Feed | None, list[Redirect], list[Word]]:
        """What stands on the input now, files written, and the words that the grammar takes for further targets."""
        written: list[Redirect] = []
        more: list[Word] = []
        for node in nodes:
            sign = next((child.type for child in node.children if not child.is_named), "")
            descriptor = next((source(child) for child in node.children if child.type == "file_descriptor"), "")
            targets = node.children_by_field_name("destination")
            for node_of in targets:
                self._inside(node_of)
            if not targets:
                continue
            target = self.expander.word(targets[0])
            rest = targets[1:]
            if rest and rest[0].start_byte == targets[0].end_byte:
                target = glued(target, self.expander.word(rest[0]))
                rest = rest[1:]
            more.extend(word for extra in rest for word in self.expander.words(extra))
            if target.start.startswith(MARKS):
                feed = self._here(target) if descriptor in ("", "0") else feed
            elif targets[0].type == "process_substitution" or (
                sign.endswith("&") and re.fullmatch(r"\d+-?|-", target.text)
            ):
                feed = Feed() if sign.startswith("<") else feed
            elif sign.startswith("<"):
                feed = Feed() if descriptor in ("", "0") else feed
            else:
                written.append(Redirect(target, sign.endswith(">>")))
        return feed, written, more

    def _here(self, target: Word) -> Feed:
        if target.start.startswith(STRING):
            return Feed(cut(target, 1))
        heredoc = self.heredocs[int(target.text.strip(DOCUMENT))]
        word, nested = self.expander.document(heredoc)
        for text in nested:
            script = read_script(text, {})
            self.calls.extend(script.calls)
            self.fault = self.fault or script.fault
        return Feed(word)

    def _inside(self, node: Node) -> None:
        """Commands within a word."""
        for child in node.named_children if node.type != "process_substitution" else [node]:
            self.walk(child, None)

    def _test(self, node: Node) -> None:
        self._inside(node)
        if node.children and node.children[0].type == "[":
            for part in every(node):
                # `[ a > b ]` is no comparison: the shell writes to the file b.
                right = part.child_by_field_name("right") if part.type == "binary_expression" else None
                if right is not None and any(child.type in (">", ">>") for child in part.children):
                    self.calls.append(Call((), None, (Redirect(self.expander.word(right)),)))

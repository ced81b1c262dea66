"""Which variables a text sets, and which it expands that nothing has set."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from console.walkthrough.filling.places import arguments, bare
from console.walkthrough.filling.scan import scan
from console.walkthrough.filling.spots import Use
from console.walkthrough.shell import bash, parse

if TYPE_CHECKING:
    from tree_sitter import Node, Query

_SPECIAL = re.compile(
    r"_|HOME|PWD|OLDPWD|USER|LOGNAME|SHELL|PATH|TERM|HOSTNAME|E?UID|PPID|S?RANDOM|SECONDS|LINENO|LANG|LC_\w+|IFS|OPTARG|OPTIND|OPTERR|"
    r"REPLY|BASH\w*|PIPESTATUS|FUNCNAME|DIRSTACK|GROUPS|HOSTTYPE|MACHTYPE|OSTYPE|SHELLOPTS|SHLVL|EPOCH(SECONDS|REALTIME)|COLUMNS|LINES|"
    r"COMP_\w+|COPROC\w*|MAPFILE|PS[0-4]|HAKGAL_(SECRET|VALUE)_\w+"
)
_NAME = re.compile(r"[A-Za-z_]\w*")
# A script that is read in may set anything; of these it is known that they set nothing that a runbook asks for.
_KNOWN_SCRIPTS = re.compile(r"bashrc|profile|completion|activate|nvm\.sh|zshrc|cargo/env")
# What of a tree is looked at; commands come last, and only where one may be among them that sets something.
_KINDS = (
    "variable_assignment", "declaration_command", "for_statement", "while_statement", "c_style_for_statement",
    "function_definition", "compound_statement", "arithmetic_expansion", "command",
)  # fmt: skip
_COMMANDS = re.compile(r"read|mapfile|printf|getopts|let")
_QUOTES = re.compile(r"[\"'\\]")
_READING = {"read": frozenset("adinNptu"), "mapfile": frozenset("dnOsuCc"), "readarray": frozenset("dnOsuCc")}


@dataclass(frozen=True, slots=True)
class Setting:
    """A name that gets a value. at: from where on; first, last: the part of the text in which that holds; lasting:
    whether it holds behind the text as well, for it was not in a subshell.
    """

    name: str
    at: int
    first: int
    last: int
    lasting: bool


@dataclass(frozen=True, slots=True)
class Variables:
    """What a text does with variables. settings: what it sets. uses: what it expands. again: spans that may run more
    than once (loops); later: spans that run when they are called (functions). sourced: from where on something else
    may have set anything, or None.
    """

    settings: tuple[Setting, ...]
    uses: tuple[Use, ...]
    again: tuple[tuple[int, int], ...]
    later: tuple[tuple[int, int], ...]
    sourced: int | None

    @property
    def lasting(self) -> frozenset[str]:
        """The names that are set for what comes after the text."""
        return frozenset(setting.name for setting in self.settings if setting.lasting)


@lru_cache(maxsize=256)
def variables_of(text: str) -> Variables:
    """Look at shell text in which no placeholder but variables is left."""
    found = scan(text)
    offsets = _Offsets(text)
    settings: list[Setting] = []
    again: list[tuple[int, int]] = []
    later: list[tuple[int, int]] = []
    for node in _nodes(text):
        start, end = offsets(node.start_byte), offsets(node.end_byte)
        if node.type in ("for_statement", "while_statement", "c_style_for_statement"):
            again.append((start, end))
        elif node.type == "function_definition":
            later.append((start, end))
        names = list(_names(node))
        if names:
            first, last, lasting = _scope(node, offsets, len(text))
            settings += [Setting(name, offsets(at) if at >= 0 else end, first, last, lasting) for name, at in names]
    settings += [Setting(use.name, use.start, 0, len(text), True) for use in found.uses if use.operator in ("=", ":=")]
    return Variables(tuple(settings), found.uses, tuple(again), tuple(later), _sourced(text))


def unset(variables: Variables, known: Collection[str]) -> tuple[Use, ...]:
    """Expansions of names that nothing has set, in their order. One that carries a default of its own is none, nor one
    that the text tests for being there.
    """
    ever = {setting.name for setting in variables.settings}
    optional = {use.name for use in variables.uses if use.operator in ("-", ":-") and _is_test(use)}
    return tuple(
        use
        for use in variables.uses
        if use.name not in known
        and use.name not in optional
        and not _SPECIAL.fullmatch(use.name)
        and use.operator.lstrip(":") not in ("-", "=", "+")
        and not (variables.sourced is not None and use.start > variables.sourced)
        and not any(_reaches(setting, use, variables) for setting in variables.settings if setting.name == use.name)
        and not (use.name in ever and _is_test(use))
    )


def _reaches(setting: Setting, use: Use, variables: Variables) -> bool:
    if not setting.first <= use.start < setting.last:
        return False
    return (
        setting.at <= use.start
        or any(begin <= use.start < end and begin < setting.at <= end for begin, end in variables.again)
        or any(begin <= use.start < end for begin, end in variables.later)
    )


def _is_test(use: Use) -> bool:
    words = use.command.words
    return bool(words) and words[0] in ("[", "[[", "test") and bool({"-z", "-n"} & set(words))


class _Offsets:
    """From bytes of the UTF-8 form to characters."""

    def __init__(self, text: str) -> None:
        self.table: list[int] | None = None
        if not text.isascii():
            self.table = []
            for at, char in enumerate(text):
                self.table += [at] * len(char.encode("utf-8", "surrogateescape"))
            self.table.append(len(text))

    def __call__(self, byte: int) -> int:
        return byte if self.table is None else self.table[min(byte, len(self.table) - 1)]


def _nodes(text: str) -> Sequence[Node]:
    """The nodes of a text's tree that may set a variable, or that say when something in them is set."""
    from tree_sitter import QueryCursor

    kinds = _KINDS if _COMMANDS.search(_QUOTES.sub("", text)) else _KINDS[:-1]
    return QueryCursor(_query(kinds)).captures(parse(text).root_node).get("node", ())


@cache
def _query(kinds: tuple[str, ...]) -> Query:
    from tree_sitter import Query

    return Query(bash(), " ".join(f"({kind}) @node" for kind in kinds))


def _text(node: Node | None) -> str:
    return "" if node is None or node.text is None else node.text.decode("utf-8", "replace")


def _names(node: Node) -> Iterator[tuple[str, int]]:
    """The names that a node sets, with the byte from where on; -1 for its end."""
    if node.type == "variable_assignment":
        # In front of a command it is set for that command alone.
        if node.parent is None or node.parent.type != "command":
            yield from ((match[0], -1) for match in [_NAME.match(_text(node))] if match)
    elif node.type == "declaration_command" and not _text(node).startswith(("export", "readonly")):
        yield from ((_text(child), -1) for child in node.children if child.type == "variable_name")
    elif node.type == "for_statement" and (variable := node.child_by_field_name("variable")) is not None:
        yield _text(variable), node.start_byte
    elif node.type == "c_style_for_statement":
        yield from (
            (name, node.start_byte) for name in re.findall(r"([A-Za-z_]\w*)\s*=[^=]", _text(node).split("))")[0])
        )
    elif node.type == "compound_statement" or node.type == "arithmetic_expansion":
        if _text(node).startswith(("((", "$((")):
            yield from ((name, -1) for name in re.findall(r"([A-Za-z_]\w*)\s*(?:[-+*/%]?=(?!=)|\+\+|--)", _text(node)))
    elif node.type == "command":
        yield from (
            (name, -1)
            for name in _of_command([_text(child) for child in node.children if child.type != "variable_assignment"])
        )


def _of_command(words: list[str]) -> Iterator[str]:
    name, given = arguments(words)
    if name in _READING:
        waits = False
        for word in given:
            if waits:
                waits = False
                if _NAME.fullmatch(word):
                    yield word
            elif word.startswith("-"):
                waits = word[-1] in _READING[name]
            elif _NAME.fullmatch(word):
                yield word
    elif (name == "printf" and given[:1] == ["-v"] and len(given) > 1) or (name == "getopts" and len(given) > 1):
        yield given[1]
    elif name == "let":
        yield from (match[0] for word in given if (match := re.match(r"[A-Za-z_]\w*(?=[-+*/%]?=)", bare(word))))


def _scope(node: Node, offsets: _Offsets, size: int) -> tuple[int, int, bool]:
    """The part of the text in which a setting holds: a subshell's end is its end."""
    inner, outer = node, node.parent
    while outer is not None:
        if outer.type in ("subshell", "command_substitution", "process_substitution"):
            return offsets(outer.start_byte), offsets(outer.end_byte), False
        if outer.type == "pipeline":
            return offsets(inner.start_byte), offsets(inner.end_byte), False
        inner, outer = outer, outer.parent
    return 0, size, True


def _sourced(text: str) -> int | None:
    """From where on something outside the text may have set a variable: a script read in, or printed code evaluated."""
    for match in re.finditer(r"(?:^|[;&|(\n]|\bthen|\bdo)[ \t]*(source|\.|eval)[ \t]+([^\n;]+)", text):
        if match[1] == "eval" and not re.search(r"\$\(|`", match[2]):
            continue
        if not _KNOWN_SCRIPTS.search(match[2]):
            return match.end()
    return None

"""Which variables of a text have one certain value, and where."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node

# An assignment under these is made for certain, before whatever is written after it.
_STRAIGHT = frozenset({"program", "variable_assignments", "declaration_command"})
_NAME = re.compile(r"[A-Za-z_]\w*")
_READERS = frozenset({"read", "mapfile", "readarray", "getopts", "let", "wait", "coproc"})


@dataclass(slots=True)
class Setters:
    """Where a text sets variables.

    certain: name to the value's node, for names set once and for certain. made: names that hold what `mktemp` made.
    names: all that are set. blind: something in the text may set any variable (`eval`, a sourced file, a nameref).
    """

    certain: dict[str, Node] = field(default_factory=dict)
    made: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    blind: bool = False


def find_setters(root: Node) -> Setters:
    """Every place of a tree that sets a variable."""
    setters = Setters()
    for node in every(root):
        kind = node.type
        if kind == "variable_assignment":
            _assignment(node, setters)
        elif kind in ("for_statement", "select_statement"):
            variable = node.child_by_field_name("variable")
            _lose(setters, source(variable) if variable else "")
        elif kind == "command":
            _command(node, setters)
        elif kind == "declaration_command":
            setters.blind |= bool(re.match(r"(declare|typeset|local)\s+-\w*n", source(node)))
        elif kind in ("unset_command", "c_style_for_statement", "arithmetic_expansion") or (
            kind == "compound_statement" and source(node).startswith("((")
        ):
            if kind != "arithmetic_expansion" or re.search(r"(?<![=!<>])=(?!=)|\+\+|--", source(node)):
                for name in _NAME.findall(source(node)):
                    _lose(setters, name)
        elif kind == "expansion" and re.match(r"\$\{\w+:?=", source(node)):
            _lose(setters, _NAME.findall(source(node))[0])
    return setters


def _assignment(node: Node, setters: Setters) -> None:
    name_node, value = node.child_by_field_name("name"), node.child_by_field_name("value")
    name = _NAME.match(source(name_node)) if name_node else None
    if name is None:
        return None
    again = name.group() in setters.names
    setters.names.add(name.group())
    plain = name_node is not None and name_node.type == "variable_name" and "+=" not in source(node)[: name.end() + 2]
    parent = node.parent
    while parent is not None and parent.type in _STRAIGHT:
        parent = parent.parent
    if again or not plain:
        return _lose(setters, name.group())
    if value is not None and re.match(r"[\"']?(\$\(|`)\s*mktemp\b[^|;&]*[)`][\"']?$", source(value)):
        setters.made.add(name.group())
    if parent is None and value is not None and value.type != "array":
        setters.certain[name.group()] = value
    return None


def _command(node: Node, setters: Setters) -> None:
    name = node.child_by_field_name("name")
    program = source(name) if name else ""
    if program in ("eval", "source", "."):
        setters.blind = True
    elif program == "printf":
        for word in re.findall(r"^printf\s+-v\s*[\"']?(\w+)", source(node)):
            _lose(setters, word)
    elif program in _READERS:
        for word in _NAME.findall(source(node)):
            _lose(setters, word)


def _lose(setters: Setters, name: str) -> None:
    setters.names.add(name)
    setters.certain.pop(name, None)
    setters.made.discard(name)


def every(node: Node) -> Iterator[Node]:
    """A node and all below it, in the order of the text, however deep."""
    stack = [node]
    while stack:
        top = stack.pop()
        yield top
        stack.extend(reversed(top.children))


def source(node: Node) -> str:
    """A node as it is written."""
    return (node.text or b"").decode("utf-8", "surrogateescape")

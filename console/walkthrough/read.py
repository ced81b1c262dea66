"""A Markdown runbook read: its shell blocks found, each with its line, its headings, and why it cannot be run."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from console.core.operations import Refused
from console.core.runbook import Block, Runbook
from console.walkthrough.variables import SECRET_VARIABLE, VARIABLES

if TYPE_CHECKING:
    from markdown_it.token import Token

SHELLS = ("bash", "sh", "shell", "zsh", "console", "shell-session", "shellsession")
LARGEST = 2_000_000
# Not behind `<`, which is a here-document, and not with blanks at its ends, which is a comparison.
PLACEHOLDER = re.compile(r"(?<!<)<([A-Za-z](?:[\w .:/|-]*\w)?)>")
USED = re.compile(r"(?<!\\)\$(?:\{(\w+)(?P<more>:?[-=+?])?|(\w+))")
SAFE = re.compile(r"[\w./:@%+=,-]+")
# What a terminal obeys or hides: control characters, and the marks that turn the direction of writing.
INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def read_runbook(path: Path, values: Mapping[str, str]) -> Runbook:
    """Read and parse a runbook. Raises Refused with the file, and the line where there is one.

    values: the environment its blocks will get, as `block_environment` makes it. A placeholder such as `<redis-host>`
    is filled in where it names one of the console's own variables.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise Refused(f"{path}: the runbook cannot be read: {error.strerror}") from None
    if len(raw) > LARGEST:
        raise Refused(f"{path}: the runbook is larger than 2 MB; split it")
    try:
        source = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise Refused(f"{path}:{line}: a byte is not UTF-8; save the file as UTF-8") from None
    tokens = _tokens(source)
    return Runbook(
        path=path,
        title=next((text for level, text in _headings(tokens) if level == 1), path.stem),
        source=source,
        digest=hashlib.sha256(raw).hexdigest(),
        blocks=tuple(_blocks(tokens, values)),
    )


def _tokens(source: str) -> list[Token]:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").parse(source)


def _headings(tokens: list[Token]) -> Iterator[tuple[int, str]]:
    """Every heading: its level and its text."""
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open":
            yield int(opening.tag[1:]), _plain(inline)


def _plain(inline: Token) -> str:
    """The text of a heading without its marks."""
    return "".join(child.content for child in inline.children or () if child.content).strip()


def _blocks(tokens: list[Token], values: Mapping[str, str]) -> Iterator[Block]:
    """The fenced blocks, wherever they are nested, in the file's order."""
    path: list[tuple[int, str]] = []
    number = 0
    for place, token in enumerate(tokens):
        if token.type == "heading_open":
            level = int(token.tag[1:])
            path = [*(above for above in path if above[0] < level), (level, _plain(tokens[place + 1]))]
        elif token.type == "fence":
            number += 1
            yield _block(number, token, tuple(text for _level, text in path), values)


def _block(number: int, token: Token, heading: tuple[str, ...], values: Mapping[str, str]) -> Block:
    words = token.info.strip().lstrip("{.").split()
    language = re.split(r"[,{}:]", words[0].lower())[0] if words else ""
    prompted = language in ("", "console", "shell-session", "shellsession") and _is_prompted(token.content)
    runnable = prompted or language in SHELLS
    line = (token.map[0] if token.map else 0) + 1
    text = _typed(token.content) if prompted else token.content
    blocked = None
    if runnable:
        text = _filled(text, values)
        blocked = why_blocked(text, values)
    return Block(number, line, heading, language or ("console" if prompted else ""), text, runnable, blocked)


def _is_prompted(text: str) -> bool:
    """Whether this is a session as typed: its first line that is not empty begins with a `$ ` prompt."""
    return next((line.startswith("$ ") for line in text.splitlines() if line.strip()), False)


def _typed(text: str) -> str:
    """The commands of a session: lines behind `$ `, and behind `> ` where they go on; what was printed is left out."""
    typed: list[str] = []
    goes_on = False
    for line in text.splitlines():
        if line.startswith("$ "):
            typed.append(line[2:])
            goes_on = True
        elif goes_on and (line.startswith("> ") or line == ">"):
            typed.append(line[2:])
        elif goes_on and typed[-1].endswith("\\"):
            typed.append(line)
        else:
            goes_on = False
    return "".join(f"{line}\n" for line in typed)


def _filled(text: str, values: Mapping[str, str]) -> str:
    """`text` with the placeholders that name a variable of the console filled in.

    Only with values that mean the same inside and outside of quotes, and never with a secret.
    """

    def value(found: re.Match[str]) -> str:
        name = re.sub(r"\W+", "_", found[1]).upper()
        known = values.get(name, "") if name in VARIABLES and name != SECRET_VARIABLE else ""
        return known if SAFE.fullmatch(known) else found[0]

    return PLACEHOLDER.sub(value, text)


def why_blocked(text: str, values: Mapping[str, str]) -> str | None:
    """Why a block cannot be run as it stands; None where it can, as far as is known before bash has seen it."""
    if not text.strip():
        return "it is empty"
    if found := INVISIBLE.search(text):
        row = text.count("\n", 0, found.start()) + 1
        return f"line {row} of it holds the invisible character U+{ord(found[0]):04X}; remove it from the file"
    if names := dict.fromkeys(found[0] for found in PLACEHOLDER.finditer(text)):
        stand = "stands for a value" if len(names) == 1 else "stand for values"
        return f"{' and '.join(names)} {stand}; copy the command and run it by hand"
    used = dict.fromkeys(found[1] or found[3] for found in USED.finditer(text) if not found["more"])
    missing = [name for name in used if name in VARIABLES and name not in values and f"{name}=" not in text]
    if missing:
        needed = " and ".join(f"${name}" for name in missing)
        return f"it needs {needed}, not known here; describe it in system.yaml, or set its secrets"
    return None

"""Steps while they are being found: what the walk through the document knows of them so far."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

from console.core.runbooks.document import Options, Step, StepKind

TITLE_CELLS = 60
LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()\s]*(?:\([^()]*\))?[^()]*\)|!?\[([^\[\]]+)\]\[[^\[\]]*\]")
ANCHOR = re.compile(r"\s*\{(?:#|:)[^{}]*\}\s*$|\s+#+\s*$")
MARKS = re.compile(r"(\*{1,3}|_{2,3}|~~)(?=\S)(.+?)(?<=\S)\1")
EMPHASIS = re.compile(r"(?<![\w\\])_(?=\S)([^_\n]+)(?<=\S)_(?!\w)")
TAGS = re.compile(
    r"</?(?:b|i|u|em|strong|code|span|a|br|kbd|sub|sup|font|p|div|details|summary)\b[^<>]*>", re.IGNORECASE
)
RULER = re.compile(r"[\W_]*$")
SENTENCE = re.compile(r"(?<=[.!?;])\s+(?=[A-Z0-9])")
OPTIONS = re.compile(r"set [-+]\w[\w -]*$")
STRUCTURE = re.compile(r"(?:for|while|until|if|case)\s|\w+=\$\(|[{(]|cd\s|export\s")
# Cells of a command that says more than the sentence before it, and letters of a sentence that says anything.
SHORT = 36
LEAST_LEAD = 12


@dataclass(slots=True, eq=False)
class Scope:
    """One alternative while its steps are found. set_: the set it belongs to."""

    label: str
    set_: Set
    level: int = 0


@dataclass(slots=True, eq=False)
class Set:
    """A set of alternatives: the labels met so far, and the first step in any of them."""

    labels: list[str] = field(default_factory=list)
    first: Draft | None = None

    def scope(self, label: str, level: int = 0) -> Scope:
        if label not in self.labels:
            self.labels.append(label)
        return Scope(label, self, level)


@dataclass(slots=True, eq=False)
class Draft:
    """A step whose expected output, choice and owner may still be found out. line, end: from 1."""

    line: int
    end: int
    kind: StepKind
    path: tuple[str, ...]
    title: str
    language: str
    written: str
    text: str
    why_not: str
    options: Options
    expected: str = ""
    ticked: bool = False
    owner: Draft | None = None
    scope: Scope | None = None
    number: int = 0

    def enter(self, scope: Scope) -> None:
        """Make it a step of an alternative."""
        self.scope = scope
        if scope.set_.first is None:
            scope.set_.first = self

    def step(self) -> Step:
        """The step as it is known at the end."""
        scope = self.scope if self.scope is not None and len(self.scope.set_.labels) > 1 else None
        return Step(
            self.number, self.line, self.end, self.kind, self.path, self.title, self.language, self.written, self.text,
            self.kind is StepKind.COMMAND and not self.why_not, self.why_not, self.options, self.expected, self.ticked,
            self.owner.number if self.owner is not None else None,
            scope.label if scope else "", scope.set_.first.number if scope and scope.set_.first else None,
        )  # fmt: skip


def plain(text: str) -> str:
    """Markdown of one line without its marks."""
    if any(sign in text for sign in "*_~[<`\\{#"):
        text = TAGS.sub("", LINK.sub(lambda found: found[1] or found[2] or "", text[:2000]))
        text = EMPHASIS.sub(r"\1", MARKS.sub(r"\2", ANCHOR.sub("", text)))
        text = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text.replace("`", ""))
    return " ".join(text.split())


def cut(text: str) -> str:
    """At most 60 cells of a line; signs that a terminal would obey are left out."""
    text = text[: TITLE_CELLS * 4]
    if text.isascii() and text.isprintable():
        return text if len(text) <= TITLE_CELLS else f"{text[: TITLE_CELLS - 1].rstrip()}…"
    text = "".join(sign for sign in text if sign.isprintable())
    width, end = 0, 0
    for sign in text:
        width += 2 if unicodedata.east_asian_width(sign) in "WF" else 0 if unicodedata.combining(sign) else 1
        if width > TITLE_CELLS - 1:
            break
        end += 1
    return text if end >= len(text) - 1 and width <= TITLE_CELLS else f"{text[:end].rstrip()}…"


def step_title(text: str, said: str, name: str) -> str:
    """What a block is called: its first comment; its first command where that is short; the sentence that leads to it,
    where one ends on a colon; else its command, behind the block's name where it has one.

    said: the paragraph before it. name: what the fence calls itself.
    """
    first = title_of(text)
    if not first or text.lstrip().startswith("#") or (len(first) <= SHORT and not STRUCTURE.match(first)):
        return first
    if said.rstrip().endswith(":"):
        lead = plain(said.rstrip().rstrip(":").rsplit("\n\n", 1)[-1])
        lead = SENTENCE.split(" ".join(lead.split()))[-1]
        if len(lead) >= LEAST_LEAD:
            return cut(lead)
    return cut(f"{name}: {first}") if name else first


def title_of(text: str) -> str:
    """The first comment of a text that says something, or its first command, in one line."""
    for line in text.split("\n", 40):
        bare = line.strip()
        if not bare or bare.startswith("#!") or OPTIONS.match(bare):
            continue
        if bare.startswith("#") and not RULER.match(bare):
            return cut(" ".join(bare.strip("#=-* \t").split()))
        if not bare.startswith("#"):
            return cut(" ".join(bare.split()))
    return ""

"""Alternatives: what says that of several ways only one is to be taken."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from console.walkthrough.reading.programs import words
from console.walkthrough.reading.shelltext import statements

ORDINAL = r"(?:[A-Z]|\d{1,2}|[IVX]{1,4}|one|two|three|four|five|first|second|third)"
FAMILIES = r"option|alternative|method|approach|variant|choice|solution|variation|possibility|way"
NAMED = re.compile(rf"^[\W_]*({FAMILIES})\s*\#?\s*({ORDINAL})(?![\w'])\s*[:.)–—-]?\s*(.*)$", re.IGNORECASE | re.DOTALL)
SYSTEMS = words(
    """linux macos mac windows osx ubuntu debian fedora centos rhel alpine arch archlinux opensuse suse freebsd docker
    kubernetes podman helm homebrew apt yum dnf systemd compose docker-compose bare-metal"""
)
SYSTEM = re.compile(
    r"^(?:(?:on|for|using|with|via|in)\s+)?([\w-]+)(?:\s*[/(,&].{0,40}| (?:users|os|x|systems?))?$", re.IGNORECASE
)


BARE_OR = re.compile(r"^[\W_]*(?:or|oder)[\W_]*$", re.IGNORECASE)
OR = re.compile(
    r"^[\W_]*(?:alternatively|alternative|or alternatively|or)\b"
    r"(?:[,:]|\s+(?:if|use|using|with|via|run|you|by|to|even|simply|just|do|for|the|a)\b)"
    r"|^[\W_]*alternatively\b|^[\W_]*or\b[^\n]{0,200}:[\W_]*$",
    re.IGNORECASE,
)
LATER_ALTERNATIVE = re.compile(r"[.!;]\s+(?:or )?alternatively,? [^.]*$", re.IGNORECASE)
OPTION_COMMENT = re.compile(rf"^\s*#+[\s=*-]*((?:{FAMILIES})\s*\#?\s*{ORDINAL}(?![\w'])[^\n]*)$", re.IGNORECASE)
OR_LINE = re.compile(r"^\s*(?:#+\s*)?[-=*_—–\s(\[<]*or[-=*_—–\s:)\]>]*$", re.IGNORECASE)
ALSO = re.compile(r"^\s*#.*\b(?:also|alternative(?:ly)?|instead|or|another)\b", re.IGNORECASE)
OR_COMMENT = re.compile(r"^\s*#+[\s-]*(?:alternatively|alternative|or)\b(?:[,: ].*)?$", re.IGNORECASE)


def named_option(text: str) -> tuple[str, str] | None:
    """The family of words and the label of `Option 1: …`, else None."""
    first = text.strip().partition("\n")[0]
    found = NAMED.match(first)
    if found is None or (found[2].isalpha() and len(found[2]) == 1 and not found[2].isupper()):
        return None
    return found[1].lower(), short(first)


def named_system(heading: str) -> str:
    """The label of a heading that names only a platform, in lower case; empty where it is none."""
    found = SYSTEM.match(heading.strip())
    return found[1].lower() if found and found[1].lower() in SYSTEMS else ""


def short(text: str) -> str:
    """A label as it is shown: the words that name it, without marks, at most 60 letters."""
    plain = re.sub(r"[*_`#]+", "", text).strip(" -:–—.")
    return plain if len(plain) <= 60 else f"{plain[:59].rstrip()}…"


def is_bare_or(text: str) -> bool:
    """Whether a paragraph is nothing but "or"."""
    return len(text) < 40 and BARE_OR.match(text) is not None


def offers_another(text: str) -> bool:
    """Whether a paragraph says that what follows is another way to do what was before."""
    return OR.match(text) is not None or LATER_ALTERNATIVE.search(text[-300:]) is not None


@dataclass(frozen=True, slots=True)
class Part:
    """Lines of a block, from 0, that are a step of their own. label: of the alternative; empty where it is none."""

    begin: int
    end: int
    label: str = ""


def parts_of(lines: Sequence[str]) -> list[Part]:
    """How a script divides by the alternatives in it; empty where there are none.

    Only between statements: a script that cannot be divided safely stays whole.
    """
    marks = [at for at, line in enumerate(lines) if _marks(lines, at, line)]
    if not marks:
        return []
    inner = {line for begin, end in statements(lines) for line in range(begin + 1, end)}
    if any(at in inner for at in marks):
        return []
    options = [at for at in marks if OPTION_COMMENT.match(lines[at])]
    parts = (
        _by_options(lines, options) if len(options) > 1 else _by_or(lines, [at for at in marks if at not in options])
    )
    runs = [part for part in parts if _runs(lines[part.begin : part.end])]
    return runs if sum(bool(part.label) for part in runs) > 1 else []


def _marks(lines: Sequence[str], at: int, line: str) -> bool:
    bare = line.lstrip()
    if bare[:1] not in "#-=*_—–(<[oO" or not bare:
        return False
    if OPTION_COMMENT.match(line) or OR_LINE.match(line):
        return True
    if bare.rstrip() == "-":
        # A lone dash is one where the comment below it says that there is another way.
        return at + 1 < len(lines) and ALSO.search(lines[at + 1]) is not None
    # "# or …" below another comment only goes on with it.
    return OR_COMMENT.match(line) is not None and not (at and lines[at - 1].lstrip().startswith("#"))


def _by_options(lines: Sequence[str], marks: list[int]) -> list[Part]:
    parts = [Part(0, marks[0])]
    for at, end in zip(marks, [*marks[1:], len(lines)], strict=True):
        label = OPTION_COMMENT.match(lines[at])
        parts.append(Part(at, end, short(label[1]) if label else "option"))
    # What follows the last one behind an empty line and under a comment of its own is for all of them.
    last = parts[-1]
    if not any(_sections(lines, part.begin, part.end) for part in parts[1:-1]):
        after = _sections(lines, last.begin, last.end)
        if after:
            parts[-1:] = [Part(last.begin, after[0], last.label), Part(after[0], last.end)]
    return parts


def _sections(lines: Sequence[str], begin: int, end: int) -> list[int]:
    """Where a comment stands behind an empty line and a command."""
    return [
        at
        for at in range(begin + 2, end)
        if lines[at].lstrip().startswith("#") and not lines[at - 1].strip() and _runs(lines[begin:at])
    ]


def _by_or(lines: Sequence[str], marks: list[int]) -> list[Part]:
    parts: list[Part] = []
    begin = 0
    for number, at in enumerate(marks, 1):
        first = _chunk_before(lines, begin, at) if number == 1 else begin
        if first > begin:
            parts.append(Part(begin, first))
        parts.append(Part(first, at, f"Option {number}"))
        begin = at if lines[at].lstrip().startswith("#") and not OR_LINE.match(lines[at]) else at + 1
    end = _chunk_after(lines, begin)
    parts.append(Part(begin, end, f"Option {len(marks) + 1}"))
    if end < len(lines):
        parts.append(Part(end, len(lines)))
    return parts


def _chunk_before(lines: Sequence[str], begin: int, end: int) -> int:
    """Where the command before `end`, with its comment, begins."""
    while end > begin and not lines[end - 1].strip():
        end -= 1
    spans = [span for span in statements(lines[:end]) if span[0] >= begin]
    if not spans:
        return begin
    at = spans[-1][0]
    for first, last in reversed(spans[:-1]):
        if last != at:
            break
        at = first
    while at > begin and lines[at - 1].lstrip().startswith("#"):
        at -= 1
    return at


def _chunk_after(lines: Sequence[str], begin: int) -> int:
    """Where the commands from `begin` end: before the first empty or comment line behind one."""
    seen = False
    for first, last in statements(lines[begin:]):
        first, last = first + begin, last + begin
        if seen and (not lines[first - 1].strip() or lines[first - 1].lstrip().startswith("#")):
            at = first
            while at > begin and lines[at - 1].lstrip().startswith("#"):
                at -= 1
            return at
        seen = True
    return len(lines)


def _runs(lines: Sequence[str]) -> bool:
    return any(line.strip() and not line.lstrip().startswith("#") for line in lines)

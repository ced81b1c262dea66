"""What other tools add to Markdown, told in plain Markdown line by line, so that every line keeps its number.

Tabs and admonitions of MkDocs, Docusaurus, Hugo, Jekyll and GitBook, lone HTML tags, and listings of AsciiDoc.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

# One look at the whole text: without any of these there is nothing to prepare.
ANY = re.compile(r"^[ \t>]*(?:!!!|\?\?\?|===[!+]? *\"|:::|///|\{[%{]|</?[A-Za-z]|\[source|\[,)", re.MULTILINE)
FENCE = re.compile(r"(?:[ \t>]|[-*+] |\d{1,9}[.)] )*(`{3,}|~{3,})(.*)$")
GLUED = re.compile(r"^[^`\n]*[^\s`>]```[ \t]*$", re.MULTILINE)
PAGE = re.compile(r"[ \t>]*(?:#{1,6} |[-*] |\d{1,3}[.)] |```\w|[A-Z*][\w'*]* [a-z]+ [a-z]+)")
NESTING = re.compile(r"([ \t]*)(!!!|\?\?\?\+?|===[!+]?) *(.*)$")
QUOTED = re.compile(r"""["“]([^"”]*)["”]""")
COLONS = re.compile(r"(?::::*|///+)[ \t]*\{?[ \t]*([\w-]*)\}?(?:[ \t]*\|?[ \t]*(.*))?$")
LIQUID = re.compile(r"\{(?:%-?|\{[<%])\s*(/?)\s*(\w[\w-]*)\s*(.*?)\s*(?:-?%\}|[>%]\}\})[ \t]*$")
TAG = re.compile(r"<(/?)([A-Za-z][\w.-]*)\b([^<>]*)>")
LISTING = re.compile(r"\[(?:source|listing)?,?\s*(\w+)?[^\]]*\][ \t]*$")
LABEL = re.compile(r"""(?:label|name|title|header|tabName|value)\s*=\s*\{?["']([^"']+)["']""")
# Ends what stands above it, as an empty line would not: indented code goes on behind those.
NOTHING = "<!-- -->"
# Tags of Jekyll and Hugo between which a listing stands.
LISTINGS = ("highlight", "text", "code", "codeblock", "code-block", "command", "bash", "shell", "console")
NAMED_LANGUAGE = re.compile(r"""lang(?:uage)?\s*=\s*["']?([\w-]+)""")
VERBATIM = ("pre", "code", "script", "style", "textarea", "kbd")
TAB_TAGS = ("tabitem", "tab", "tab-item")
TABS_TAGS = ("tabs", "tabset", "tab-set", "codegroup", "code-group", "tabbed-set")


@dataclass
class Prepared:
    """text: as many lines as the source has. nested: tabs whose content is indented, as label by line (from 0). opened,
    closed: tabs between two marks. ended: where a set of tabs is over. shut: where a listing of another tool ends.
    glued: where a fence ends behind the last command, on its line.
    """

    text: str
    nested: dict[int, str] = field(default_factory=dict)
    opened: dict[int, str] = field(default_factory=dict)
    closed: set[int] = field(default_factory=set)
    ended: set[int] = field(default_factory=set)
    shut: set[int] = field(default_factory=set)
    glued: set[int] = field(default_factory=set)


def prepare(text: str) -> Prepared:
    """`text` (line ends `\\n`) with other tools' marks taken out, or put as Markdown has them."""
    prepared = Prepared(text)
    if ANY.search(text) is None and not _holds_glued(text):
        return prepared
    lines = text.split("\n")
    fence = ""
    listing = -1
    comment = False
    for number, line in enumerate(lines):
        bare = line.lstrip(" \t>")
        comment = (comment or (not fence and bare.startswith("<!--"))) and "-->" not in line
        if comment or not bare or number in prepared.shut:
            continue
        if bare[:3] in ("```", "~~~") or (not fence and ("```" in line or "~~~" in line)):
            found = FENCE.match(line)
            if found and not fence:
                fence = "" if found[1][0] == "`" and "`" in found[2] else found[1]
            elif found and found[1].startswith(fence) and not found[2].strip():
                fence = ""
            continue
        if fence == "```" and bare.endswith("```") and _is_glued(lines, number):
            lines[number] = line.rstrip()[:-3]
            lines[number + 1] = _like(line, fence)
            prepared.glued.add(number)
            prepared.shut.add(number + 1)
            fence = ""
            continue
        if fence or bare[0] not in "!?=:/{<[-":
            if (fence == "----" and bare.rstrip() == fence) or (fence[:1] == "{" and _ends(bare, fence[1:])):
                lines[number], fence = _like(line, "````"), ""
                prepared.shut.add(number)
            continue
        if bare.startswith("----") and bare.rstrip() == "----" and listing == number - 1:
            language = LISTING.match(lines[listing].strip())
            lines[number] = _like(line, f"````{language[1] or '' if language else ''}")
            lines[listing] = ""
            fence = "----"
        elif bare[0] == "[":
            listing = number if LISTING.match(bare) else listing
        elif bare[0] in "!?=":
            lines[number] = _nesting(prepared, number, line)
        elif bare[0] in ":/":
            lines[number] = _colons(prepared, number, line, bare)
        elif bare[0] == "{":
            lines[number], fence = _liquid(prepared, number, line, bare)
        elif bare[0] == "<":
            following = lines[number + 1].lstrip(" \t>")[:3] if number + 1 < len(lines) else ""
            lines[number] = _tags(prepared, number, line, bare, following)
    prepared.text = "\n".join(lines)
    return prepared


def _holds_glued(text: str) -> bool:
    """Whether marks stand behind something on their line, told by the sign before them."""
    at = text.find("```\n")
    while at >= 0:
        if at and text[at - 1] not in " \t\n`>":
            return True
        at = text.find("```\n", at + 1)
    return False


def _is_glued(lines: list[str], number: int) -> bool:
    """Whether the marks at the end of a line are meant to end its fence: an empty line and the page follow."""
    if lines[number].count("`") > 3 or not GLUED.match(lines[number]) or number + 2 >= len(lines):
        return False
    if lines[number + 1].strip():
        return False
    following = next((line for line in lines[number + 2 :] if line.strip()), "")
    return PAGE.match(following) is not None


def _like(line: str, mark: str) -> str:
    """`mark` where the first sign of `line` stands."""
    return line[: len(line) - len(line.lstrip(" \t>"))] + mark


def _nesting(prepared: Prepared, number: int, line: str) -> str:
    """An admonition or a tab of MkDocs: what belongs to it is indented by four, as it is below a wide list marker."""
    found = NESTING.match(line)
    if found is None:
        return line
    label = QUOTED.search(found[3])
    if found[2].startswith("="):
        if label is None:
            return line
        prepared.nested[number] = label[1].strip()
    return f"{found[1]}-   {(label[1] if label else found[3]).strip() or 'Note'}"


def _colons(prepared: Prepared, number: int, line: str, bare: str) -> str:
    if not bare.startswith((":::", "///")):
        return line
    found = COLONS.match(bare.rstrip())
    if found is None:
        return line
    word, rest = found[1].lower(), (found[2] or "").strip()
    if word in TAB_TAGS:
        label = LABEL.search(rest)
        prepared.opened[number] = label[1] if label else rest.strip("\"'[]{} ") or "tab"
    elif word in TABS_TAGS:
        prepared.ended.add(number)
    elif not word:
        prepared.closed.add(number)
    return _like(line, NOTHING)


def _liquid(prepared: Prepared, number: int, line: str, bare: str) -> tuple[str, str]:
    """A line that is one tag of Jekyll, Hugo or GitBook; a highlighted listing becomes a fence."""
    found = LIQUID.match(bare)
    if found is None:
        return line, ""
    closing, word, rest = bool(found[1]) or found[2].startswith("end"), found[2].lower(), found[3]
    word = word.removeprefix("end")
    if word in LISTINGS and not closing:
        language = NAMED_LANGUAGE.search(rest) or re.match(r"[\"']?([\w-]+)[\"']?(?:[\s,]|$)", rest)
        named = word if word in ("bash", "shell", "console") else language[1] if language else ""
        return _like(line, f"````{named}"), f"{{{word}"
    _tab(prepared, number, word, closing, rest)
    return _like(line, NOTHING), ""


def _ends(bare: str, word: str) -> bool:
    """Whether this line ends the listing that a tag of that name has begun."""
    found = LIQUID.match(bare)
    return found is not None and f"{found[1]}{found[2]}".lower() in (f"/{word}", f"end{word}")


def _tags(prepared: Prepared, number: int, line: str, bare: str, following: str) -> str:
    """A line of HTML tags alone hides what follows it up to the next empty line; without it, a fence is a fence.

    Only tags of tabs and folds, and those right before a fence: a table goes on being one.
    """
    found = TAG.match(bare)
    if found is None or not bare.rstrip().endswith(">") or found[2].lower() in VERBATIM:
        return line
    if "<pre" in bare or "<!--" in bare or "<code" in bare:
        return line
    word = found[2].lower()
    if word not in (*TAB_TAGS, *TABS_TAGS, "details", "summary") and following not in ("```", "~~~"):
        return line
    _tab(prepared, number, word, bool(found[1]), found[3])
    return _like(line, NOTHING)


def _tab(prepared: Prepared, number: int, word: str, closing: bool, rest: str) -> None:
    if word in TABS_TAGS:
        prepared.ended.add(number)
    elif word in TAB_TAGS and closing:
        prepared.closed.add(number)
    elif word in TAB_TAGS:
        label = LABEL.search(rest) or QUOTED.search(rest)
        # `label` is what is shown; `value` only its key.
        shown = re.search(r"""label\s*=\s*\{?["']([^"']+)["']""", rest)
        prepared.opened[number] = (shown or label)[1] if (shown or label) else "tab"  # type: ignore[index]

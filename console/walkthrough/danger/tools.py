"""Tools of many verbs as tables: which flags take values, which verbs read, change, destroy."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from console.core.runbooks.danger import Level
from console.walkthrough.danger.calls import Call
from console.walkthrough.danger.findings import (
    Bench,
    Finding,
    Rule,
    Touches,
    cannot_tell,
    changes,
    destroys,
    first_literal,
    joined,
    pairs,
    reads,
)
from console.walkthrough.danger.wording import told
from console.walkthrough.danger.words import Given, Options, Word, options, read_flags, shown

# A variable between program and verb under such a name is the verb itself.
_VERBLIKE = re.compile(r"\$\{?(\w*(cmd|command|verb|action|sql|query)\w*|[0-9@*]+).*|[^$].*|\$\(.*", re.I)


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a tool, taken apart.

    verb: its words, blanks between. given: flags and operands after the verb, global flags among them. before: the
    words up to and including the verb, for safer forms. call: as it came.
    """

    call: Call
    verb: str
    given: Given
    before: tuple[Word, ...]
    after: tuple[Word, ...]
    touches: Touches

    def instead(self, text: str) -> str:
        """The same words with another verb in the place of this one's; a first word that both have stays."""
        kept = list(self.before)
        named = self.verb.split()
        for name in reversed(named):
            at = next(at for at in range(len(kept) - 1, -1, -1) if kept[at].literal == name)
            if name == named[0] and len(named) > 1 and text.startswith(f"{name} "):
                text = text.removeprefix(f"{name} ")
                break
            del kept[at]
        return " ".join(part for part in (shown(kept), text, shown(self.after)) if part)


VerbRule = Callable[[Use, Bench], Finding]


@dataclass(frozen=True, slots=True)
class Tool:
    """A table. verbs: by words, longest first; flags: which of them take values; places: flag to a kind of thing
    touched. kind: what operands name. codes: verbs that need a look of their own. inside: verbs whose words hold
    another command, with flags of its own. variants: verbs whose flags mean something else.
    nouns: how many words a verb may have where `guess` tells it by its form.
    """

    name: str
    flags: Options
    verbs: Mapping[str, Level]
    places: Mapping[str, str] = field(default_factory=dict)
    kind: str = ""
    codes: Mapping[str, VerbRule] = field(default_factory=dict)
    safer: Mapping[str, str] = field(default_factory=dict)
    nouns: int = 1
    rest: Level = Level.UNKNOWN
    guess: Callable[[str], Level | None] | None = None
    inside: frozenset[str] = frozenset()
    variants: Mapping[str, Options] = field(default_factory=dict)

    def __call__(self, call: Call, bench: Bench) -> Finding:
        return judge(self, call, bench)


def table(reads: str = "", changes: str = "", destroys: str = "") -> dict[str, Level]:
    """Verbs of several words have a plus sign between them: `rollout+status`."""
    found: dict[str, Level] = {}
    for text, level in ((reads, Level.READS), (changes, Level.CHANGES), (destroys, Level.DESTROYS)):
        found.update((verb.replace("+", " "), level) for verb in text.split())
    return found


def judge(tool: Tool, call: Call, bench: Bench) -> Finding:
    """One use by its table."""
    words = list(call.arguments)
    if any(word.literal in ("--help", "--version") for word in words[:1]) or not words:
        return reads(f"{tool.name} prints its help")
    verb, at, fault = _find_verb(tool, words)
    outer = _globals_only(tool, words, at, verb)
    spec = tool.variants.get(verb, tool.flags)
    given, _ = read_flags(outer, tool.flags)
    if verb not in tool.inside:
        given = _both(given, read_flags(words[at:], spec)[0])
    touches = joined(*(pairs(kind, given.values(flag)) for flag, kind in tool.places.items()))
    if fault:
        return cannot_tell(fault, touches)
    if not verb:
        if given.has("--help", "-h", "--version", "-v", "-V", "-version", "-help") and not given.operands:
            return reads(f"{tool.name} prints its help")
        if words and not given.operands:
            return cannot_tell(f"{tool.name} is given no command", touches)
    use = Use(call, verb, given, call.words[: at + 1], call.words[at + 1 :], touches)
    code = tool.codes.get(verb)
    if given.has("--help"):
        return reads(f"{tool.name} {verb} prints its help")
    if code is not None:
        return code(use, bench)
    level = tool.verbs.get(verb)
    if level is None:
        level = tool.guess(verb) if tool.guess else None
    if level is None:
        level = tool.rest
    if level is Level.UNKNOWN:
        return cannot_tell(f"{tool.name} {verb or shown(given.operands[:1])} is not a command known here", touches)
    return of_level(tool, use, level)


def _both(first: Given, second: Given) -> Given:
    """Flags before the verb and those after it, of which the later count."""
    every = {**first.flags, **second.flags}
    merged = {name: [*first.flags.get(name, []), *second.flags.get(name, [])] for name in every}
    operands = [*first.operands, *second.operands]
    return Given(merged, operands, second.tail, [*first.strange, *second.strange], first.doubtful | second.doubtful)


def of_level(tool: Tool, use: Use, level: Level) -> Finding:
    """A finding in the table's words."""
    things = [word for word in use.given.everything if not word.whole or word.known]
    kind = tool.kind
    named = pairs(kind, use.given.everything) if kind else ()
    given = [word for word in use.given.everything if word.text]
    what = shown(given[:3]).replace("…", "what it is fed")
    why = told(tool.name, use.verb, level, f"{kind} {what}".strip() if given and "…" not in given[0].text else what)
    safer = use.instead(tool.safer[use.verb]) if use.verb in tool.safer else ""
    return Finding(level, why, joined(use.touches, named), safer, first_literal(things) if level.asks else "")


def _find_verb(tool: Tool, words: list[Word]) -> tuple[str, int, str]:
    """The verb, how many words lead up to its end, and why it cannot be told."""
    longest, beginnings = _shape(tool.name, tuple(tool.verbs), tuple(tool.codes))
    longest = max(longest, tool.nouns)
    at = 0
    found: list[str] = []
    best: tuple[str, int] | None = None
    while at < len(words) and len(found) < longest:
        given, took = read_flags(words[at:], tool.flags, limit=1)
        if given.strange and not tool.flags.single and not given.tail and found == []:
            # Whether a strange flag takes the next word decides which word is the verb.
            return "", at + took, f"{tool.name} {given.strange[0]} is not a flag known here"
        if not given.operands:
            break
        word = given.operands[0]
        at += took
        if not word.known:
            loose = at < len(words) and passes(word)
            if loose and best is None:
                continue
            return "", at, f"which {tool.name} command {' '.join([*found, word.text])} is cannot be told"
        found.append(word.text)
        verb = " ".join(found)
        if verb in tool.codes or verb in tool.verbs:
            best = (verb, at)
        elif tool.guess is not None and tool.guess(verb) is not None:
            return verb, at, ""
        if tool.guess is None and verb not in beginnings:
            break
    if best is None:
        return "", 0, ""
    return best[0], best[1], ""


@cache
def _shape(name: str, verbs: tuple[str, ...], codes: tuple[str, ...]) -> tuple[int, frozenset[str]]:
    """How many words the longest verb has, and what verbs of several words begin with."""
    split = [verb.split() for verb in (*verbs, *codes)]
    begun = frozenset(" ".join(words[:count]) for words in split for count in range(1, len(words)))
    return max((len(words) for words in split), default=1), begun


def _globals_only(tool: Tool, words: list[Word], at: int, verb: str) -> list[Word]:
    """The words before the verb without the verb's own words."""
    names = verb.split()
    kept: list[Word] = []
    place = 0
    while place < at:
        given, took = read_flags(words[place:at], tool.flags, limit=1)
        part = words[place : place + took]
        if given.operands and names and given.operands[0].literal == names[0]:
            names.pop(0)
            part = part[:-1]
        elif given.operands and not given.operands[0].known:
            part = part[:-1]
        kept.extend(part)
        place += max(took, 1)
    return kept


def flags(valued: str = "", bare: str = "", *, single: bool = False) -> Options:
    """The same as `options`, with the flags that every tool has."""
    return options(valued, f"{bare} --help --version", single=single)


def flags_then_command(words: Sequence[Word], spec: Options) -> tuple[Given, list[Word]]:
    """Flags up to the first operand, and the words from it on. A variable among the flags that may hold several of
    them, with words after it, is passed over.
    """
    kept = list(words)
    while True:
        given, took = read_flags(kept, spec, limit=1)
        if given.operands and passes(given.operands[0]) and took < len(kept):
            del kept[took - 1]
            continue
        return given, [*given.operands, *kept[took:]] if given.tail is None else list(given.tail)


def passes(word: Word) -> bool:
    """Whether the word is a variable that may hold nothing but flags."""
    return word.whole and word.splits and not _VERBLIKE.fullmatch(word.text)


_NO_NAMES = frozenset(
    {"renew", "enable", "disable", "start", "stop", "restart", "reload", "init", "apply", "update", "upgrade", "reset"}
)


def by_last_flag(reading: str, destroying: str = "(?!)", changing: str = ".*") -> Rule:
    """A rule by the words in a row: the first of destroying, reading and changing that is found in them counts."""

    def rule(call: Call, bench: Bench) -> Finding:
        text = " ".join(word.start if word.known or word.start else "$" for word in call.arguments)
        name = call.words[0].text.rpartition("/")[2]
        whole = shown(call.words) if len(shown(call.words)) < 60 else name
        plain = [word for word in call.arguments if not word.start.startswith("-")]
        target = plain[-1].literal if plain and (len(plain) > 1 or plain[-1].literal not in _NO_NAMES) else ""
        if plain and plain[0].whole and not plain[0].known and destroying != "(?!)":
            return cannot_tell(f"what {name} is told to do cannot be told")
        if re.search(destroying, text):
            return destroys(f"{whole} takes something away", target=target)
        if re.search(reading, text):
            return reads(f"{name} only shows")
        return (
            changes(f"{whole} changes something", target=target)
            if re.search(changing, text)
            else cannot_tell(f"what {name} does cannot be told")
        )

    return rule


def plain_tool(
    name: str,
    valued: str,
    bare: str,
    places: dict[str, str],
    kind: str,
    *verbs: str,
    single: bool = False,
    safer: dict[str, str] | None = None,
) -> Tool:
    spec: Options = flags(valued, bare, single=single)
    return Tool(name, spec, table(*verbs), places, kind, {}, safer or {})

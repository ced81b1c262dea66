"""Secrets found in text by what they look like and by where they stand; nothing about their values is known."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from console.walkthrough.redaction.shapes import (
    COMMANDS,
    COOKIE,
    COOKIES,
    CREATE_SECRET,
    KEY_BLOCK,
    NAMED,
    OPTION,
    PAIRS,
    PIPED,
    PLACES,
    TOKENS,
)
from console.walkthrough.redaction.words import could_be_secret, is_told, names_secret

Span = tuple[int, int]
# Given a text, and the same in lower case and of the same length.
Find = Callable[[str, str], Iterable[Span]]

NAMES = ("pass", "pwd", "secret", "token", "key", "auth", "pw", "credential")
OPENING = re.compile(r"\$?\\*[\"']")
BARE = re.compile(r"(?:[^\s\"'`|;&,()\[\]{}<>\\]|\\.)+")
NEXT_NAME = re.compile(r"[&;,|][ \t]*[\w.\"'-]+[ \t]*[=:]")
NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")
LONGEST_NAME = 80
LINE_START = re.compile(r"[\s\"'>+-]*(?:(?:export|set|declare|local|readonly|ENV|env)\s+(?:-\w+\s+)?)?")
ENDING = re.compile(r"\s+#.*|[\s\"',;]+$")
# The beginning of what may become a token, an address with a password, or a value.
BEGUN = re.compile(
    r"(?:(?<![A-Za-z0-9])(?:A[KS]IA|gh[pousr]|github_|gl[a-z]+-|xox|xapp|ey|sk|rk|AIza|npm_|pypi|dckr|hv[sbr]\.|SG\.|"
    r"ya29|dop_v1|shpat|tskey|dapi)[\w.~-]*|[a-zA-Z][\w+.-]*://[^\s/@]*|sha256~\w*|-----BEGIN[^\n]*|[\w+/=-]{16,})\Z"
)
LONGEST_WORD = 512
COUNTED = b"0123456789abcdef"
QUOTE = re.compile("[\"']")
QUOTED = {"'": re.compile(r"[^'\n]*"), '"': re.compile(r'[^"\\\n]*(?:\\[\s\S]?[^"\\\n]*)*')}
BETWEEN = " \t\n\"'"
LAST_WORD = re.compile(r"(?:(?<=[\s\"'])|^)[^\s\"']+\Z")
OPEN_BLOCK = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----")


def triggers_in(lowered: str) -> tuple[str, ...]:
    """Which words that go with a secret a text in lower case holds; none means that no pattern finds anything in it."""
    # Lines of a log differ by numbers mostly: without them many are the same, and need be looked through once.
    lines = lowered.encode("utf-8", "surrogatepass").translate(None, COUNTED).split(b"\n")
    once = b"\n".join(set(lines))
    return tuple(word for word, bare in _UNCOUNTED if bare in once and word in lowered)


def spans(text: str, words: Collection[str]) -> list[Span]:
    """Where secrets are in lines; may overlap. Each line is looked at by itself, continued ones as one.

    words: what `triggers_in` says of it.
    """
    low = _lowered(text)
    found: list[Span] = []
    parts: dict[tuple[str, ...], _Part | None] = {}
    for own, also, find in dict.fromkeys(each for word in words for each in _FINDERS[word]):
        if own not in parts:
            parts[own] = _part(text, low, own)
        part = parts[own]
        if part is not None and (not also or any(word in part.low for word in also)):
            found += [part.place(*span) for span in find(part.text, part.low) if span[1] > span[0]]
    return found


@dataclass(frozen=True, slots=True)
class _Part:
    """Some of a text's lines. low: the same in lower case. begins: where each begins in it, and in the whole text; none
    where it is the whole.
    """

    text: str
    low: str
    begins: list[int]
    whole: list[int]

    def place(self, start: int, end: int) -> Span:
        """A span of it in the whole text."""
        if not self.begins:
            return start, end
        line = bisect_right(self.begins, start) - 1
        more = self.whole[line] - self.begins[line]
        return start + more, end + more


def _part(text: str, low: str, words: Collection[str]) -> _Part | None:
    """The lines that hold one of the words; the whole text where many do, or where lines belong together."""
    held = [word for word in words if word in low]
    if not held:
        return None
    most = 0 if "\\\n" in text else (low.count("\n") + 1) // 4
    lines: dict[int, int] = {}
    for word in held:
        at = low.find(word)
        while at >= 0:
            if len(lines) >= most:
                return _Part(text, low, [], [])
            end = low.find("\n", at)
            end = len(low) if end < 0 else end
            lines[low.rfind("\n", 0, at) + 1] = end
            at = low.find(word, end)
    begins: list[int] = []
    size = 0
    for begin, end in sorted(lines.items()):
        begins.append(size)
        size += end - begin + 1
    places = sorted(lines)
    return _Part(
        "\n".join(text[begin : lines[begin]] for begin in places),
        "\n".join(low[begin : lines[begin]] for begin in places),
        begins,
        places,
    )


def key_blocks(text: str) -> list[Span]:
    """Where the bodies of private keys over many lines are."""
    return [match.span("s") for match in KEY_BLOCK.finditer(text)]


def begun(text: str) -> int:
    """From where on the end of an unfinished line may be the beginning of a secret; its length where nowhere."""
    word = LAST_WORD.search(text, max(0, len(text) - LONGEST_WORD))
    if word is None:
        return len(text) if not text or text[-1] in BETWEEN else 0
    match = BEGUN.search(text, word.start())
    return match.start() if match else len(text)


def _token(pattern: re.Pattern[str]) -> Find:
    return lambda text, _low: (match.span("s") for match in pattern.finditer(text))


def _place(pattern: re.Pattern[str]) -> Find:
    def find(text: str, _low: str) -> Iterator[Span]:
        for match in pattern.finditer(text):
            group = next(name for name, value in match.groupdict().items() if value is not None)
            if could_be_secret(match[group].strip()) and not is_told(match[group]):
                yield match.span(group)

    return find


def _argument(command: re.Pattern[str], flags: re.Pattern[str]) -> Find:
    def find(text: str, _low: str) -> Iterator[Span]:
        for whole in command.finditer(text):
            for match in flags.finditer(text, *whole.span("args")):
                yield from _word(text, match.end())

    return find


def _pair(command: re.Pattern[str], flags: re.Pattern[str]) -> Find:
    def find(text: str, _low: str) -> Iterator[Span]:
        for whole in command.finditer(text):
            for match in flags.finditer(text, *whole.span("args")):
                start, end = next(_word(text, match.end(), always=True), (0, 0))
                colon = text.find(":", start, end)
                if colon >= 0 and could_be_secret(text[colon + 1 : end]):
                    yield colon + 1, end

    return find


def _named(text: str, low: str) -> Iterator[Span]:
    for match in (match for at in _hits(low) if (match := NAMED.match(text, at))):
        colon = match["sep"] == ":"
        start = _name_start(text, match.start())
        name = text[start : match.start("quote")].strip(".-")
        spaced = match["behind"] or match["quote"] or text[match.end() : match.end() + 1] in ("'", '"')
        if (colon and not spaced) or not names_secret(name, not colon):
            continue
        if not colon and match["before"] and not match["behind"]:
            continue
        if colon:
            yield from _told(text, start, match.end(), name)
        else:
            yield from _assigned(text, start, match, name)


def _hits(low: str) -> Iterator[int]:
    """Where a word stands that can make a name secret."""
    for word in NAMES:
        at = low.find(word)
        while at >= 0:
            yield at
            at = low.find(word, at + 1)


def _lowered(text: str) -> str:
    low = text.lower()
    # Some letters have two in lower case; places must stay the same.
    return low if len(low) == len(text) else "".join(low if len(low := each.lower()) == 1 else each for each in text)


def _assigned(text: str, start: int, match: re.Match[str], name: str) -> Iterator[Span]:
    at = match.end()
    first = text.rfind("\n", 0, start) + 1
    end = text.find("\n", at)
    line = text[at : end if end >= 0 else len(text)].rstrip()
    # As `env` prints it: nothing else stands in the line.
    one = not match["behind"] and not re.search(r"\s", line) and not NEXT_NAME.search(line)
    if one and LINE_START.fullmatch(text, first, start) and line[:1] not in ("'", '"', "\\", "$", "`"):
        if could_be_secret(line, name):
            yield at, at + len(line)
        return
    yield from _word(text, at, name)


def _told(text: str, start: int, at: int, name: str) -> Iterator[Span]:
    end = text.find("\n", at)
    line = text[at : end if end >= 0 else len(text)]
    if OPENING.match(line):
        yield from _word(text, at, name)
        return
    value = ENDING.sub("", line)
    first = text.rfind("\n", 0, start) + 1
    words = value.split()
    if not words or is_told(words[0]) or not could_be_secret(value, name) or not could_be_secret(words[0], name):
        return
    if LINE_START.fullmatch(text, first, start):
        yield at, at + len(value)
    else:
        yield from _word(text, at, name)


def _options(text: str, _low: str) -> Iterator[Span]:
    for match in OPTION.finditer(text) if "--" in text else ():
        name = match["name"]
        if name.lower().startswith("no-") or match["gap"] == "=" or not names_secret(name, True):
            continue
        yield from _word(text, match.end(), name)


def _cookies(text: str, _low: str) -> Iterator[Span]:
    for match in COOKIES.finditer(text):
        group = "args" if match["args"] is not None else "args2"
        for cookie in COOKIE.finditer(text, *match.span(group)):
            if could_be_secret(cookie[1]):
                yield cookie.span(1)


def _piped(text: str, _low: str) -> Iterator[Span]:
    for match in PIPED.finditer(text):
        yield from _word(text, match.start("at"))


def _name_start(text: str, at: int) -> int:
    least = max(0, at - LONGEST_NAME)
    while at > least and text[at - 1] in NAME_CHARACTERS:
        at -= 1
    return at


def _word(text: str, at: int, name: str = "", *, always: bool = False) -> Iterator[Span]:
    """The word that begins there as a shell, JSON or YAML reads it; without quotes where it is one quoted text.

    Nothing where it cannot be a secret, unless `always`.
    """
    opening = OPENING.match(text, at)
    if opening and "\\" in opening.group():
        # Quotes inside of quotes: the text goes to the next one.
        end = min((place for mark in '\\"\n' if (place := text.find(mark, opening.end())) >= 0), default=len(text))
        start = opening.end()
    else:
        end = _word_end(text, at)
        start = at
        if opening and end > opening.end() and _closing(text, opening.end() - 1) >= end:
            start = opening.end()
            end -= text[end - 1] == text[start - 1]
    if start < end and (always or could_be_secret(text[start:end], name)):
        yield start, end


def _word_end(text: str, at: int) -> int:
    outer = _open_quote(text, at)
    size = len(text)
    while at < size:
        character = text[at]
        if character.isspace() or character == outer or character in "<>`":
            break
        if character in "\"'":
            at = _closing(text, at)
        elif (bare := BARE.match(text, at)) is not None:
            at = bare.end()
        elif character == "\\" or not _separates(text, at):
            at += 1
        else:
            break
    return at


def _closing(text: str, at: int) -> int:
    """Behind the quote that closes the one there, or the end of the line."""
    quote = text[at]
    inside = QUOTED[quote].match(text, at + 1)
    end = inside.end() if inside else at + 1
    return end + 1 if text[end : end + 1] == quote else end


def _separates(text: str, at: int) -> bool:
    """Whether a mark that stands between words does so here, or is part of one."""
    following = text[at + 1 : at + 2]
    if not following or following.isspace():
        return True
    if text[at] in ")]}":
        return following in "\"'`,;:)]}|&."
    return following in "|;&,\"'" or NEXT_NAME.match(text, at) is not None


def _open_quote(text: str, at: int) -> str:
    """The quote within which a place lies, judging from the beginning of its line."""
    place = text.rfind("\n", 0, at) + 1
    while (match := QUOTE.search(text, place, at)) is not None:
        place = _closing(text, match.start())
        if place > at or (place == at and text[at - 1] != match[0]):
            return match[0]
    return ""


# The words without one of which, on whichever line, there is none; such words besides; and what finds it.
Finder = tuple[tuple[str, ...], tuple[str, ...], Find]


def _finders() -> dict[str, tuple[Finder, ...]]:
    """What looks for secrets with the words without one of which it finds none, by the words that are looked for at
    first: one that holds another is found with it.
    """
    every: list[Finder] = [
        *((words, also, _token(pattern)) for words, also, pattern in TOKENS),
        *((words, also, _place(pattern)) for words, also, pattern in PLACES),
        *((words, also, _argument(command, flags)) for words, also, command, flags in (*COMMANDS, CREATE_SECRET)),
        *((words, also, _pair(command, flags)) for words, also, command, flags in PAIRS),
        (NAMES, (), _named),
        (NAMES, (), _options),
        (("cookie", "curl"), (), _cookies),
        (("stdin", "sudo ", "passwd"), (), _piped),
    ]
    known = {word for words, _, _ in every for word in words}
    triggers = {word for word in known if not any(other != word and other in word for other in known)}
    return {trigger: tuple(each for each in every if any(trigger in word for word in each[0])) for trigger in triggers}


_FINDERS = _finders()
TRIGGERS = tuple(sorted(_FINDERS))
_UNCOUNTED = tuple((word, word.encode().translate(None, COUNTED)) for word in TRIGGERS)

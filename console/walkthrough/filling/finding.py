"""Every place in one text at which a person's value is needed."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from console.core.runbooks.document import Options
from console.core.runbooks.filling import Form, Want
from console.walkthrough.filling.forms import candidates, closings
from console.walkthrough.filling.names import key_of, name_of, want_of, want_of_spot, want_of_use
from console.walkthrough.filling.places import SHELLS, Command, accepts, begins_code
from console.walkthrough.filling.quoting import by_variable
from console.walkthrough.filling.scan import scan
from console.walkthrough.filling.spots import Scan, Spot, Use, Where
from console.walkthrough.filling.variables import unset, variables_of

_EXPORT = re.compile(
    r"^[ \t]*export[ \t]+([A-Za-z_]\w*)="
    r"(\"[^\"\n$`\\]*\"|'[^'\n]*'|[^\s;&|$`\"'()<>\\]*(?: +[^\s=;&|$`\"'()<>\\#]+)*)[ \t]*(?=[;&#\n]|\Z)",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Place:
    """One place of one placeholder. key: the same for all its spellings; name: the key, or a variable's own spelling.
    spot: where a value is put in; None for a variable, whose value comes by environment.
    """

    start: int
    key: str
    name: str
    written: str
    form: Form
    want: Want
    default: str = ""
    choices: tuple[str, ...] = ()
    spot: Spot | None = None
    use: Use | None = None


def speaks_shell(options: Options) -> bool:
    """Whether a block is given to a shell that quotes as bash does."""
    words = [word.rsplit("/", 1)[-1] for word in options.interpreter.split()]
    named = [word for word in words if word != "env" and not word.startswith("-")]
    return not named or named[0] in SHELLS


@lru_cache(maxsize=64)
def scan_plain(text: str) -> Scan:
    """Look for placeholders in text that no shell reads; braces mean something in most languages."""
    closed = closings(text)
    found: list[Spot] = []
    nobody = Command()
    for begin, one in sorted(candidates(text).items()):
        if found and begin < found[-1].end:
            continue
        if one.form in (Form.BRACE, Form.MUSTACHE) or not accepts(one, "code", text, nobody, 0, closed):
            continue
        before = text[text.rfind("\n", 0, begin) + 1 : begin]
        found.append(Spot(begin, one.end, one.form, one.body, Where.PLAIN, nobody, 0, before))
    return Scan(tuple(found), (), ())


def spots_of(text: str, options: Options) -> tuple[Spot, ...]:
    """The places at which values are put into a text, in its order."""
    if not speaks_shell(options):
        return scan_plain(text).spots
    spots = scan(text).spots
    if options.prompt_env != "yes" or options.skip_prompts:
        return spots
    prompts = [
        Spot(match.start(2), match.end(2), Form.VARIABLE, match[1], Where.WORD, Command(["export"]), 1, f"{match[1]}=")
        for match in _EXPORT.finditer(text)
        if not any(spot.start < match.end(2) and match.start(2) < spot.end for spot in spots)
    ]
    return tuple(sorted((*spots, *prompts), key=lambda spot: spot.start))


def places_of(text: str, known: Collection[str], options: Options) -> tuple[Place, ...]:
    """Every place that needs a value, in the text's order. known: names of variables that are set for it."""
    spots = spots_of(text, options)
    found = [_place_of_spot(spot, text) for spot in spots]
    if speaks_shell(options):
        plain = plain_of(text, options)
        uses = [use for use in variables_of(plain).uses if not use.name.startswith("HAKGAL_VALUE_")]
        inside = [spot for spot in spots if spot.form is Form.VARIABLE]
        originals = [use for use in scan(text).uses if not any(spot.start <= use.start < spot.end for spot in inside)]
        where = dict(zip(uses, originals, strict=True)) if len(uses) == len(originals) else {}
        found += [_place_of_use(where.get(use, use)) for use in unset(variables_of(plain), known)]
    return tuple(sorted(found, key=lambda place: place.start))


def lasting(text: str, options: Options) -> frozenset[str]:
    """The variables that a text leaves set for the steps behind it."""
    if options.background or not speaks_shell(options):
        return frozenset()
    return variables_of(plain_of(text, options)).lasting


@lru_cache(maxsize=64)
def plain_of(text: str, options: Options) -> str:
    """The text with words of the same kind in place of its placeholders."""
    return stood_in(text, spots_of(text, options))


def _place_of_spot(spot: Spot, text: str) -> Place:
    if spot.form is Form.VARIABLE:
        default = text[spot.start : spot.end].strip("\"'")
        return Place(
            spot.start,
            key_of(spot.body),
            spot.body,
            f"${spot.body}",
            spot.form,
            want_of(spot.body, ""),
            default,
            spot=spot,
        )
    key, default, choices = name_of(spot, text)
    want = want_of_spot(spot, key)
    return Place(spot.start, key, key, text[spot.start : spot.end], spot.form, want, default, choices, spot)


def _place_of_use(use: Use) -> Place:
    written = f"${use.name}" if use.end - use.start == len(use.name) + 1 else f"${{{use.name}}}"
    return Place(
        use.start, key_of(use.name) or use.name.lower(), use.name, written, Form.VARIABLE, want_of_use(use), use=use
    )


def variable_name(key: str, prefix: str) -> str:
    """The variable by which a placeholder's value comes in; a name that is not ASCII keeps what tells it apart."""
    plain = re.sub(r"[^A-Z0-9]", lambda match: "_" if match[0] == "_" else f"u{ord(match[0]):x}", key.upper())
    return f"{prefix}_{plain}"


_WORDS = {
    Want.NUMBER: "1",
    Want.PORT: "8080",
    Want.DURATION: "1",
    Want.SECRET: "secret",
    Want.URL: "http://url.invalid",
}


# What is filled in there decides what is done: no word may stand for it that a program could know.
_TELLS = re.compile(
    r"(^|_)(command|commands|cmd|subcommand|verb|action|operation|method|query|queries|sql|statement|statements|script"
    r"|code|program|expression|payload|patch)(_here)?$"
)


_EXPANSION = re.compile(r"\$\{HAKGAL_VALUE_\w+\}")
# A port as well as a count.
_FIRST_MARK = 47310


def stood_in(text: str, spots: tuple[Spot, ...]) -> str:
    """The text with a harmless word of the same kind at each of the places."""
    parts: list[str] = []
    at = 0
    for spot in spots:
        parts += [text[at : spot.start], _stand_in(spot, text)]
        at = spot.end
    return "".join((*parts, text[at:]))


def marked_in(text: str, options: Options) -> tuple[str, tuple[tuple[str, str], ...]]:
    """As `stood_in`, with words that stand nowhere else in the text, and pairs of such a word and the placeholder as it
    is written, the longest first.
    """
    parts: list[str] = []
    marks: list[tuple[str, str]] = []
    at = 0
    for number, spot in enumerate(spots_of(text, options), _FIRST_MARK):
        plain = _stand_in(spot, text)
        written = text[spot.start : spot.end]
        word = plain
        if expansion := _EXPANSION.search(plain):
            marks.append((expansion[0], written))
        elif not spot.glued and str(number) not in text:
            # A number stays one, and the word of a URL is a part of its host.
            word = (
                str(number)
                if plain.isdigit()
                else re.sub(r"(?=\.invalid$)|(?<!\.invalid)$", str(number), plain, count=1)
            )
            if host := word.partition("://")[2]:
                marks.append((host, written))
            marks.append((word, written))
        parts += [text[at : spot.start], word]
        at = spot.end
    return "".join((*parts, text[at:])), tuple(sorted(marks, key=lambda mark: -len(mark[0])))


def _stand_in(spot: Spot, text: str) -> str:
    key = name_of(spot, text)[0] if spot.form is not Form.VARIABLE else key_of(spot.body)
    want = want_of_spot(spot, key)
    word = re.sub(r"[^a-z0-9]+", "-", key).strip("-") or "value"
    if spot.where is Where.ARITHMETIC:
        return "1"
    if spot.where in (Where.WORD, Where.DOUBLE, Where.SINGLE) and begins_code(spot.command, spot.word, spot.before):
        return by_variable(spot, variable_name(key, "HAKGAL_VALUE"))
    if spot.glued:
        return f"-{word}"
    if _TELLS.search(key) and not spot.before.strip("'\"") and spot.where is not Where.HEREDOC:
        return by_variable(spot, variable_name(key, "HAKGAL_VALUE"))
    if want in _WORDS and text[spot.end : spot.end + 1] not in ("<", ">"):
        return word if want is Want.URL and spot.before.strip("'\"") else _WORDS[want]
    return word if re.search(r"[a-z]", word) else f"value-{word}"

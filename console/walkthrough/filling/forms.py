"""How placeholders are written: candidates in a text, by their form alone; where they stand decides later."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from console.core.runbooks.filling import Form

# What may stand between `<` and `>`: no expansion, no separator of commands; a double quote only where it is no quote.
_INSIDE = r"[\w .,:/|'\"()#+*@=!?%~\[\]{}…-]"
_ENDINGS = (
    "com|org|net|io|dev|local|internal|cloud|app|co|eu|de|us|uk|lan|yaml|yml|json|sh|txt|pem|key|crt|cer|csr|sql|dump|csv|conf|"
    "cfg|ini|env|log|xml|tar|tgz|gz|zip|toml|tf|py|js|properties|db|bak|list|service"
)
_SUFFIX = rf"(?:(?:\.example)?\.(?:{_ENDINGS})(?![\w-]|\.\w))?"
_NOUNS = (
    "domain|user|username|password|app|appname|host|hostname|server|site|name|company|org|organization|project|namespace|"
    "bucket|token|key|email|cluster|database|dbname|instance|registry|repo|image|file|secret|id|ip"
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that looks like a placeholder. start, end: offsets in the text; body: what names it."""

    start: int
    end: int
    form: Form
    body: str


# Each with words without one of which, in lower case, a text holds none of it: most texts need not be searched.
_ASKING = ("change", "replace", "fill", "set", "edit", "update", "insert", "enter", "put", "add", "paste")
_FORMS: tuple[tuple[Form, tuple[str, ...], re.Pattern[str]], ...] = (
    (Form.DOUBLE_ANGLE, ("<<",), re.compile(r"<<[ ]?(?P<body>[^\W\d][\w .:/-]{0,80}?)[ ]?>>(?!>)")),
    (Form.ANGLE, ("<",), re.compile(rf"\$?<(?P<body>(?:[\w\[(\"]{_INSIDE}{{0,118}}|\.\.\.|…))>")),
    (Form.ANGLE, ("&lt;",), re.compile(r"&lt;(?P<body>\w[\w .:/|-]{0,80}?)&gt;")),
    (
        Form.MUSTACHE,
        ("{{",),
        re.compile(r"(?<![{$\\])\{\{[ \t]*(?P<body>\.?[A-Za-z_][\w.-]*(?: [A-Za-z_][\w.-]*){0,5})[ \t]*\}\}(?!\})"),
    ),
    (Form.BRACE, ("{",), re.compile(r"(?<![{$@%#\\])\{(?P<body>[^\W\d_][\w./-]*(?: [^\W\d_][\w./-]*){0,4})\}(?!\})")),
    (
        Form.WORD,
        _ASKING,
        re.compile(
            r"(?<![\w$-])(?P<body>[Cc][Hh][Aa][Nn][Gg][Ee][_-]?[Mm][Ee](?:[_-]\w+)?"
            r"|(?:REPLACE|FILL|SET|EDIT|UPDATE|INSERT|ENTER|PUT)_?(?:ME|THIS|HERE|WITH)(?:_[A-Z0-9_]+)?"
            r"|(?:INSERT|ENTER|PUT|REPLACE|ADD|PASTE)_[A-Z0-9_]*_HERE)(?![\w-])"
        ),
    ),
    (Form.WORD, ("_here",), re.compile(r"(?<![\w$-])(?P<body>[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*_HERE)(?![\w-])")),
    # Only where the page says so: `1.18.x` is the name of many a branch.
    (Form.WORD, ("replace x ",), re.compile(r"(?<![\w.$])(?P<body>v?\d+\.\d+\.x(?:-[\w*]+)?)(?![\w.])")),
    (
        Form.WORD,
        ("your",),
        re.compile(
            rf"(?<![\w$-])(?P<body>(?:your|YOUR|Your)[-_]\w[\w-]*{_SUFFIX}|(?:your|YOUR)(?:{_NOUNS}|{_NOUNS.upper()})(?![\w]){_SUFFIX})"
        ),
    ),
    (
        Form.WORD,
        (".",),
        re.compile(r"(?<![\w.$-])(?P<body>(?:\d{1,3}|[xX]{1,3})(?:\.(?:\d{1,3}|[xX]{1,3})){3})(?![\w-]|\.\w)"),
    ),
    (
        Form.WORD,
        ("x.x", "x.y"),
        re.compile(r"(?<![\w.$-])(?P<body>[vV]?(?:[xX]\.[xX](?:\.[xX])?|X\.Y(?:\.Z)?))(?![\w-]|\.\w)"),
    ),
    (
        Form.WORD,
        ("xxx",),
        re.compile(
            rf"(?<![\w.$-])(?P<body>[\w.-]*?(?:(?<![A-Za-z0-9])(?:x{{3,}}|XXX)(?![A-Za-z])|X{{4,}})[\w-]*{_SUFFIX})",
        ),
    ),
    (Form.WORD, ("yyyy",), re.compile(r"(?<![\w$])(?P<body>YYYY(?:-?MM(?:-?DD)?)?)(?![\w-])")),
)  # fmt: skip


def candidates(text: str) -> dict[int, Candidate]:
    """What looks like a placeholder, by where it begins; of several at one place the form that is listed first."""
    found: dict[int, Candidate] = {}
    low = text.lower()
    for form, needed, pattern in _FORMS:
        if not any(word in low for word in needed):
            continue
        for match in pattern.finditer(text):
            body = match["body"]
            if form is Form.WORD and "x.x" not in body.lower() and re.fullmatch(r"[\d.]+", body):
                continue
            found.setdefault(match.start(), Candidate(match.start(), match.end(), form, body))
    return found


def closings(text: str) -> frozenset[str]:
    """Names of elements that the text closes: `</name>`; `<name>` is then markup."""
    return frozenset(match[1].lower() for match in re.finditer(r"</\s*([\w:.-]+)\s*>", text))


_MARKUP = frozenset(("br", "hr", "br/", "p", "html", "!doctype html"))
# What tools print where there is nothing; commands look for it: `docker images | grep '<none>'`.
_PRINTED = frozenset(("none", "nil", "null", "unset", "pending", "unknown", "empty", "invalid", "no value", "defunct"))
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+")
_FILE = re.compile(r"[\w./~-]*(\.\w{1,5}|/[\w.-]+)")


def is_markup(body: str, closed: frozenset[str]) -> bool:
    """Whether `<body>` is a tag or an address and no placeholder."""
    first = re.split(r"[\s/]", body.lower(), maxsplit=1)[0]
    return bool(
        first in closed
        or body.lower() in _MARKUP
        or body.endswith("/")
        or body.lower() in _PRINTED
        or _ADDRESS.fullmatch(body)
        or re.match(r"[\w:-]+ [\w:-]+=", body)
    )


def is_redirect(body: str, following: str) -> bool:
    """Whether an unquoted `<body>` is `<file >other` in a narrow coat: `sort <in.txt>out.txt`, `x <in 2>&1`."""
    if body != body.rstrip() or re.search(r" \d$| &&? ", body):
        return True
    return bool(_FILE.fullmatch(body) and re.match(r"[\w./~]*\.\w{1,5}\b|/|>|&", following))


def is_comparison(body: str) -> bool:
    """Whether a quoted `<body>` is two comparisons: `a <b and c> d`."""
    return body != body.strip() or bool(re.search(r" (and|or|AND|OR|&&|\|\|) ", body))


def default_of(body: str) -> tuple[str, str]:
    """The name and the default of `port:8080`, `port=8080`, `port (default: 8080)`; an empty default where none is."""
    if match := re.fullmatch(r"(.+?)[ ,]*\(?\bdefault(?:s to|:| is|=)? *([^\s()]+)\)?", body):
        return match[1].strip(" ,("), match[2]
    match = re.fullmatch(r"([A-Za-z][\w -]*?)[:=]([\w./-]+)", body)
    if match and (re.search(r"\d", match[2]) or match[2] in _VALUES):
        return match[1].strip(), match[2]
    return body, ""


_VALUES = frozenset(
    ("default", "prod", "production", "staging", "dev", "latest", "localhost", "main", "master", "true", "false")
)


def choices_of(body: str) -> tuple[str, ...]:
    """The values of a list of choices: `dev|staging|prod`."""
    parts = [part.strip() for part in body.split("|")]
    return tuple(parts) if len(parts) > 1 and all(re.fullmatch(r"[\w.-]+", part) for part in parts) else ()


def looks_like_one(value: str) -> bool:
    """Whether a whole value is itself written like a placeholder."""
    stripped = value.strip()
    return any(match for match in _whole(stripped))


def _whole(value: str) -> Iterator[bool]:
    for form, _, pattern in _FORMS:
        match = pattern.fullmatch(value)
        yield bool(match) and not (form is Form.WORD and re.fullmatch(r"[\d.]+", value))

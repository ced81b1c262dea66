"""Known secrets found in text: in every spelling that tools commonly print them in."""

from __future__ import annotations

import base64
import html
import json
import re
import shlex
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

Span = tuple[int, int]

# What a terminal never shows as it is; a secret that holds any is printed without.
UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# Below this many bytes the inner part of a base64 text, or a text in hex, says too little to be blotted wherever it is.
TELLING = 4
# A line that ends in so much base64 may be one of several that hold one text.
WRAPPED = 56
BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_")


def spellings(secrets: Iterable[str]) -> set[bytes]:
    """The ways a secret is commonly written: as it is, in a URL, in JSON, in a shell, in hex, in base64 (also inside of
    a longer text)."""
    found: set[bytes] = set()
    for secret in secrets:
        found |= {form.encode("utf-8", "surrogateescape") for form in _plain_forms(secret) | _inner_forms(secret)}
        if secret:
            found.add(_bytes(secret))
    return found


class Values:
    """Finds known secrets in text without control characters."""

    def __init__(self, secrets: Iterable[str]) -> None:
        known = {secret for secret in secrets if secret}
        plain = {form for secret in known for form in _plain_forms(secret)}
        inner = {form for secret in known for form in _inner_forms(secret)} - plain
        self._inner = frozenset(inner)
        self.forms = tuple(sorted(plain | inner, key=len, reverse=True))
        self.longest = len(self.forms[0]) if self.forms else 0
        # Whole lines with which a secret of several lines begins.
        self._heads = tuple(form[: at + 1] for form in self.forms for at in _places(form, "\n") if at + 1 < len(form))
        # A text in base64 is broken into lines by the tools that print it.
        coded = {form for form in self.forms if len(form) >= 8 and BASE64.issuperset(form.rstrip("="))}
        self._coded = tuple(sorted(coded, key=len, reverse=True))
        self._broken = tuple(re.compile(r"\s{0,8}".join(map(re.escape, form))) for form in self._coded)

    def spread(self, lines: Iterable[str]) -> bool:
        """Whether any of them may end in a secret that goes on in the next one."""
        if self._heads:
            return any(self.goes_on(line) for line in lines)
        # Nearly every line of text has a blank near its end.
        wrapped = [line for line in lines if len(line) >= WRAPPED and " " not in line[-WRAPPED:]] if self._coded else ()
        return any(self.goes_on(line) for line in wrapped)

    def in_lines(self, text: str) -> list[Span]:
        """Where they are in lines, doubles and overlaps included."""
        return [
            self._wide(text, at, at + len(form)) if form in self._inner else (at, at + len(form))
            for form in self.forms
            if form in text
            for at in _places(text, form)
        ]

    def spans(self, text: str) -> list[Span]:
        """The same, and where one is broken into several lines."""
        found = self.in_lines(text)
        if "\n" in text:
            for pattern in self._broken:
                found += [match.span() for match in pattern.finditer(text)]
        return found

    def unfinished(self, text: str) -> int:
        """How many characters at the end may be the beginning of a secret."""
        for length in range(min(self.longest - 1, len(text)), 0, -1):
            tail = text[-length:]
            if any(len(form) > length and form.startswith(tail) for form in self.forms):
                return length
        return 0

    def goes_on(self, text: str) -> bool:
        """Whether the lines so far may end in a secret that goes on in the next one."""
        if self._heads and (text + "\n").endswith(self._heads):
            return True
        end = text[-WRAPPED:]
        if not self._coded or len(end) < WRAPPED or not BASE64.issuperset(end):
            return False
        flat = re.sub(r"\s", "", text[-2 * len(self._coded[0]) :])
        return any(
            flat.endswith(form[:length]) for form in self._coded for length in range(1, min(len(form), len(flat) + 1))
        )

    def _wide(self, text: str, start: int, end: int) -> Span:
        """With the character at either end that holds some bits of it."""
        if start and text[start - 1] in BASE64:
            start -= 1
        if end < len(text) and text[end] in BASE64:
            end += 1
        return start, end


def _places(text: str, form: str) -> list[int]:
    places = []
    at = text.find(form)
    while at >= 0:
        places.append(at)
        at = text.find(form, at + 1)
    return places


def _plain_forms(secret: str) -> set[str]:
    """Spellings that hold the whole of it and nothing else."""
    forms: set[str] = set()
    for one in {secret, secret.strip(), UNSEEN.sub("", secret)} - {""}:
        raw = _bytes(one)
        # As a decoder shows it: what is no UTF-8 is replaced.
        forms |= {raw.decode("utf-8", "replace"), base64.b64encode(raw).decode(), _url_safe(raw)}
        forms |= {quote(raw, safe=""), quote(raw), quote_plus(raw), _small(quote(raw, safe=""))}
        shown = raw.decode("utf-8", "replace")
        forms |= {shown.replace("\\", "\\\\").replace('"', '\\"'), json.dumps(shown)[1:-1]}
        forms |= {json.dumps(shown, ensure_ascii=False)[1:-1], repr(shown)[1:-1], html.escape(shown)}
        forms |= {_bare(shlex.quote(shown)), shown.replace("'", "'\\''"), shown.replace("'", "''")}
        forms |= {re.sub(r"([^\w@%+=:,./-])", r"\\\1", shown), re.sub(r'([\\"$`])', r"\\\1", shown)}
        if len(raw) >= TELLING:
            forms |= {base64.b64encode(raw).decode().rstrip("="), _url_safe(raw).rstrip("=")}
            forms |= {raw.hex(), raw.hex().upper()}
    return forms - {""}


def _inner_forms(secret: str) -> set[str]:
    """What base64 makes of it inside of a longer text, without the characters that its neighbours have a part in."""
    forms: set[str] = set()
    for raw in {_bytes(secret), _bytes(secret.strip())}:
        if len(raw) < TELLING:
            continue
        for before in range(3):
            first = -(-before * 8 // 6)
            last = (before + len(raw)) * 8 // 6
            core = base64.b64encode(bytes(before) + raw + bytes(3)).decode()[first:last]
            forms |= {core, core.replace("+", "-").replace("/", "_")}
    return forms


def _bytes(secret: str) -> bytes:
    try:
        return secret.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return secret.encode("utf-8", "replace")


def _url_safe(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode()


def _small(quoted: str) -> str:
    return re.sub(r"%[0-9A-F]{2}", lambda match: match.group().lower(), quoted)


def _bare(quoted: str) -> str:
    """Without the quotes at both ends."""
    return quoted[1:-1] if quoted[:1] == "'" == quoted[-1:] else quoted

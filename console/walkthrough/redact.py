"""Secrets kept out of output: blotted out across chunks, and under a terminal's control sequences."""

from __future__ import annotations

import base64
import codecs
import io
import re
from collections.abc import Iterable
from urllib.parse import quote

BLOT = "[secret]"
LONGEST_LINE = 8192
# CSI, OSC and other strings, two-character escapes, and what is left of C0 and C1 but the tab.
CONTROL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?|\x1b[ -/]*[0-~]?|\x9b[0-?]*[ -/]*[@-~]"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)


class Redactor:
    """Blots secrets out of a stream of bytes, whatever its chunks are. At most one secret's length is held back."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = sorted(spellings(secrets), key=len, reverse=True)
        self._forms = forms
        self._longest = len(forms[0]) if forms else 0
        self._pattern = re.compile(b"|".join(re.escape(form) for form in forms)) if forms else None
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        """What can be shown now."""
        if self._pattern is None:
            return chunk
        waiting = self._pattern.sub(BLOT.encode(), self._held + chunk)
        keep = self._unfinished(waiting)
        self._held = waiting[len(waiting) - keep :]
        return waiting[: len(waiting) - keep]

    def end(self) -> bytes:
        """What was held back, when nothing more comes."""
        held, self._held = self._held, b""
        return held

    def _unfinished(self, data: bytes) -> int:
        """How many bytes at the end may be the beginning of a secret."""
        for length in range(min(self._longest - 1, len(data)), 0, -1):
            tail = data[-length:]
            if any(len(form) > length and form.startswith(tail) for form in self._forms):
                return length
        return 0


def spellings(secrets: Iterable[str]) -> set[bytes]:
    """The ways a secret is commonly written: as it is, in a URL, in JSON, in base64."""
    found: set[bytes] = set()
    for secret in secrets:
        if not secret:
            continue
        raw = secret.encode("utf-8", "surrogateescape")
        found |= {raw, quote(raw, safe="").encode(), base64.b64encode(raw)}
        found.add(secret.replace("\\", "\\\\").replace('"', '\\"').encode("utf-8", "surrogateescape"))
    return found


class Lines:
    """Redacted, plain lines of text out of raw output. A line longer than 8,192 characters comes in pieces."""

    def __init__(self, secrets: Iterable[str]) -> None:
        known = tuple(secrets)
        self._bytes = Redactor(known)
        self._decode = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder("utf-8")("replace"), translate=True)
        # A second look, for a secret that control sequences had cut in two.
        forms = sorted((form.decode("utf-8", "replace") for form in spellings(known)), key=len, reverse=True)
        self._again = re.compile("|".join(re.escape(form) for form in forms)) if forms else None
        self._overlap = max(map(len, forms), default=0)
        self._rest = ""

    def feed(self, chunk: bytes) -> list[str]:
        """The lines that are complete now."""
        self._rest += self._decode.decode(self._bytes.feed(chunk))
        *whole, self._rest = self._rest.split("\n")
        lines = [self._plain(line) for line in whole]
        while len(self._rest) > LONGEST_LINE + self._overlap:
            plain = self._plain(self._rest)
            cut = max(len(plain) - self._overlap, 1)
            lines.append(plain[:cut])
            self._rest = plain[cut:]
        return [piece for line in lines for piece in _pieces(line)]

    def end(self) -> list[str]:
        """What is left when nothing more comes."""
        self._rest += self._decode.decode(self._bytes.end(), final=True)
        rest, self._rest = self._rest, ""
        return [piece for line in rest.split("\n") for piece in _pieces(self._plain(line))] if rest else []

    def _plain(self, line: str) -> str:
        text = CONTROL.sub("", line)
        return self._again.sub(BLOT, text) if self._again else text


def _pieces(line: str) -> list[str]:
    if len(line) <= LONGEST_LINE:
        return [line]
    return [line[start : start + LONGEST_LINE] for start in range(0, len(line), LONGEST_LINE)]

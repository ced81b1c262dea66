"""Secrets kept out of what is stored and shown: blotted by value and by pattern, across chunks and under colours."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterable

from console.walkthrough.redaction.patterns import OPEN_BLOCK, begun, key_blocks, triggers_in
from console.walkthrough.redaction.patterns import spans as pattern_spans
from console.walkthrough.redaction.rows import BLOT, Row, Span, blotted, coloured, joined, painted
from console.walkthrough.redaction.rows import COLOUR as ONLY_COLOUR
from console.walkthrough.redaction.values import Values, spellings

__all__ = ["BLOT", "CONTROL", "LONGEST_LINE", "Lines", "Redactor", "redacted", "spellings"]

LONGEST_LINE = 8192
# Of a longer line: how much behind a piece, and before it, is looked at besides.
AHEAD = 1024
CONTEXT = 512
# Lines that belong together are held back together no longer than this.
LONGEST_HOLD = 16_384

# CSI, OSC and other strings, two-character escapes, and what is left of C0 and C1 but the tab.
CONTROL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?|\x1b[ -/]*[0-~]?|\x9b[0-?]*[ -/]*[@-~]"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
# The same one at a time, as they come: a string is told by its beginning alone.
TOKEN = re.compile(
    r"(?P<csi>(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,8}[@-~])|(?P<string>\x1b[\]PX^_])"
    r"|(?P<escape>\x1b[ -/]{0,8}[0-~]?)|(?P<one>[\x00-\x08\x0b-\x1f\x7f-\x9f])"
)
UNFINISHED = re.compile(r"(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,8}\Z|\x1b[ -/]{0,8}\Z")
STRING_END = re.compile(r"[\x07\x9c]|(?=\x1b)")
COLOUR = re.compile(r"(?:\x1b\[|\x9b)([0-9;:]*)m")
ERASE = re.compile(r"(?:\x1b\[|\x9b)(?:0?|(?P<all>2))K")
ANY_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
KEY_LINE = re.compile(
    r"[ \t>|\"'#-]*[A-Za-z0-9+/=]{0,120}[\"',\\]{0,3}|\s*(?:Proc-Type|DEK-Info|Comment|Version|Hash):.*"
)
KEY_END = re.compile(r"-----END")


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """A whole text (a command, a note, what a journal keeps) without secrets: known values, and what looks like one."""
    found = Values(secrets).spans(text)
    if words := triggers_in(text.lower()):
        found += pattern_spans(text, words) + key_blocks(text)
    return blotted(text, joined(found)) if found else text


class Redactor:
    """Blots known secrets out of a stream of bytes, whatever its chunks are. At most one's length is held back."""

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


class Lines:
    """Redacted lines of text out of raw output; what they are does not depend on how it was cut into chunks.

    Known values and what looks like a secret are blotted. Without `colours` lines are plain and a carriage return ends
    one, as for output of a pipe. With them the output is that of a terminal: lines keep their colours (SGR sequences,
    nothing else of control), and what a carriage return or a backspace has printed over is gone. A line longer than
    8,192 characters comes in pieces. Memory: some lines' length, however much comes.
    """

    def __init__(self, secrets: Iterable[str], *, colours: bool = False) -> None:
        self._values = Values(secrets)
        decode = codecs.getincrementaldecoder("utf-8")("replace")
        self._decode = decode if colours else io.IncrementalNewlineDecoder(decode, translate=True)
        self._colours = colours
        self._ahead = max(AHEAD, self._values.longest)
        self._row = Row()
        # Whether the row is to be printed over from its beginning on.
        self._returned = False
        self._escape = ""
        self._in_string = False
        self._batch: list[Row | str | tuple[str, str]] = []
        self._held: list[Row] = []
        self._in_key = False
        self._until = ""
        self._out: list[str] = []

    def feed(self, chunk: bytes) -> list[str]:
        """The lines that are complete now."""
        first, newline, rest = self._decode.decode(chunk).partition("\n")
        self._write(first)
        if newline:
            self._finish()
            body, newline, last = rest.rpartition("\n")
            if newline:
                self._many(body)
            self._write(last)
        self._flush()
        return self._take()

    def end(self) -> list[str]:
        """What is left when nothing more comes."""
        self._write(self._decode.decode(b"", final=True))
        if self._escape or not self._row.empty:
            self._finish()
        self._flush()
        self._release()
        return self._take()

    def partial(self) -> str:
        """What may be shown of the line that is not complete: without what may be a secret's beginning."""
        if self._in_key or self._until:
            return BLOT
        row = self._row
        before = "\n".join([*(held.text for held in self._held), ""])
        text = before + row.text
        spans = [(start - len(before), end - len(before)) for start, end in self._find(text) if end > len(before)]
        end = min(begun(text), len(text) - self._values.unfinished(text)) - len(before)
        end = next((b for a, b in spans if a < end < b), end)
        return painted(row, joined(spans), row.shown, max(end, row.shown))

    def _take(self) -> list[str]:
        out, self._out = self._out, []
        return out

    # Characters into rows.

    def _many(self, body: str) -> None:
        """Whole lines at once."""
        body = f"{body}\n".replace("\r\n", "\n")[:-1]
        lines = body.split("\n")
        plain = lines
        if "\x1b" in body and "m\x1b" not in body:
            body = ONLY_COLOUR.sub("", body)
            plain = body.split("\n")
        if not ANY_CONTROL.search(body) and max(map(len, plain)) <= LONGEST_LINE:
            self._batch += zip(plain, lines, strict=True) if self._colours and plain is not lines else plain
            return
        for line in lines:
            self._write(line)
            self._finish()

    def _write(self, text: str) -> None:
        """A part of one line."""
        text = self._escape + text
        self._escape = ""
        at = 0
        while at < len(text):
            if self._in_string:
                end = STRING_END.search(text, at)
                if end is None:
                    return
                self._in_string = False
                at = end.end()
                continue
            match = TOKEN.search(text, at)
            if match is None:
                self._put(text[at:])
                return
            self._put(text[at : match.start()])
            if UNFINISHED.match(text, match.start()):
                self._escape = text[match.start() :]
                return
            self._control(match)
            at = match.end()

    def _control(self, match: re.Match[str]) -> None:
        if match["string"]:
            self._in_string = True
        elif self._colours and (colour := COLOUR.fullmatch(match[0])):
            self._row.colour(f"\x1b[{colour[1]}m")
        elif self._colours and match[0] == "\r":
            self._row.back()
            self._returned = True
        elif self._colours and match[0] == "\b":
            self._settle()
            self._row.back(1)
        elif self._colours and (erase := ERASE.fullmatch(match[0])):
            self._settle()
            if erase["all"]:
                self._row.wipe()
            else:
                self._row.erase()

    def _put(self, text: str) -> None:
        if self._until:
            text = self._skipped(text)
        if text and self._returned:
            self._settle()
        most = LONGEST_LINE + self._ahead
        while text:
            room = self._row.shown + most - len(self._row.text)
            if room > 0:
                self._row.put(text[:room])
                text = text[room:]
            if len(self._row.text) - self._row.shown >= most:
                self._overflow()
                text = self._skipped(text) if self._until else text

    def _settle(self) -> None:
        """Blot what stands in the row before it is printed over: a part of a secret may be left."""
        self._returned = False
        row = self._row
        spans = [(max(a, row.shown) - row.shown, b - row.shown) for a, b in self._find(row.text) if b > row.shown]
        if spans:
            row.replace(blotted(row.text[row.shown :], joined(spans)))

    def _finish(self) -> None:
        """The end of a line has come."""
        if self._escape:
            self._put(CONTROL.sub("", self._escape))
        self._escape, self._in_string, self._until, self._returned = "", False, "", False
        row, self._row = self._row, Row()
        row.finish()
        if row.shown:
            if len(row.text) > row.shown or row.colours:
                self._flush()
                self._show(row, joined(self._find(row.text)), row.shown, len(row.text))
        else:
            self._batch.append(row if row.colours else row.text)

    # Rows into lines.

    def _flush(self) -> None:
        """Look through the rows that are complete: most of them hold nothing, so all at once."""
        batch, self._batch = self._batch, []
        if not batch:
            return
        lines = [row if isinstance(row, str) else row[0] if isinstance(row, tuple) else row.text for row in batch]
        text = "\n".join(lines)
        words = triggers_in(text.lower())
        continued = words and ("\\\n" in text or text.endswith("\\"))
        if self._held or self._in_key or continued or "PRIVATE KEY-" in text or self._values.spread(lines):
            for row in batch:
                self._line(_row(row))
            return
        spans = joined(self._values.in_lines(text) + (pattern_spans(text, words) if words else []))
        if not spans and max(map(len, lines)) <= LONGEST_LINE:
            whole = [row if isinstance(row, str) else row[1] for row in batch if not isinstance(row, Row)]
            if len(whole) == len(batch):
                self._out += whole
                return
        begins = place = 0
        for row, line in zip(batch, lines, strict=True):
            end = begins + len(line)
            here = []
            while place < len(spans) and spans[place][0] < end:
                here.append((spans[place][0] - begins, spans[place][1] - begins))
                place += 1
            if not here and not isinstance(row, Row) and len(line) <= LONGEST_LINE:
                self._out.append(row if isinstance(row, str) else row[1])
            elif isinstance(row, str) and len(line) <= LONGEST_LINE:
                self._out.append(blotted(row, here))
            else:
                self._show(_row(row), here, 0, len(line))
            begins = end + 1

    def _line(self, row: Row) -> None:
        if self._in_key:
            ends = KEY_END.search(row.text)
            if ends or KEY_LINE.fullmatch(row.text):
                self._in_key = not ends
                self._out.append(BLOT if not ends else BLOT + row.text[ends.start() :] if ends.start() else row.text)
                return
            self._in_key = False
        self._held.append(row)
        text = self._held[0].text if len(self._held) == 1 else "\n".join(held.text for held in self._held)
        if len(text) < LONGEST_HOLD and self._goes_on(text):
            return
        self._release(text)

    def _goes_on(self, text: str) -> bool:
        if text.endswith("\\") and triggers_in(text.lower()):
            return True
        return self._values.goes_on(text)

    def _release(self, text: str | None = None) -> None:
        rows, self._held = self._held, []
        if not rows:
            return
        if text is None:
            text = "\n".join(row.text for row in rows)
        spans = joined(self._find(text))
        begins = 0
        for row in rows:
            end = begins + len(row.text)
            here = [(max(a, begins) - begins, min(b, end) - begins) for a, b in spans if a < end and b > begins]
            self._show(row, here, 0, len(row.text))
            begins = end + 1
        opened = [match.end() for match in OPEN_BLOCK.finditer(rows[-1].text)]
        self._in_key = bool(opened) and not rows[-1].text[opened[-1] :].strip(" \\\"'|")

    def _find(self, text: str) -> list[Span]:
        found = self._values.spans(text)
        if words := triggers_in(text.lower()):
            found += pattern_spans(text, words)
        return found

    def _show(self, row: Row, spans: list[Span], start: int, end: int) -> None:
        while True:
            piece = min(start + LONGEST_LINE, end)
            piece = next((min(b, end) for a, b in spans if a < piece < b), piece)
            self._out.append(painted(row, spans, start, piece))
            start = piece
            if start >= end:
                return

    def _overflow(self) -> None:
        """A line that does not end: show a piece of it, and keep what may belong to what comes."""
        self._flush()
        self._release()
        self._in_key = False
        row = self._row
        spans = joined(self._find(row.text))
        cut = row.shown + LONGEST_LINE
        cut = next((b for a, b in spans if a < cut < b), cut)
        self._show(row, spans, row.shown, cut)
        if cut >= len(row.text) and spans:
            before = row.text[spans[-1][0] - 1 : spans[-1][0]]
            self._until = before if before in ("'", '"') else " "
        row.shown = cut
        row.drop(max(0, cut - CONTEXT))

    def _skipped(self, text: str) -> str:
        """What comes behind a secret of which a piece is blotted already."""
        end = text.find(self._until) if self._until != " " else _blank(text)
        if end < 0:
            return ""
        self._until = ""
        return text[end:]


def _row(one: Row | str | tuple[str, str]) -> Row:
    """A row of what is kept of one: itself, its text where it has no colours, or its text without and with them."""
    if isinstance(one, Row):
        return one
    return Row(one) if isinstance(one, str) else coloured(one[1])


def _blank(text: str) -> int:
    match = re.search(r"\s", text)
    return match.start() if match else -1

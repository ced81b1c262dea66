"""A Markdown runbook read: bytes to steps, with nothing run or changed, and every line where it is in the file."""

from __future__ import annotations

import gc
import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from console.core.operations import Refused
from console.core.runbooks.document import Fault, Options, Runbook
from console.walkthrough.reading.attributes import options_of
from console.walkthrough.reading.blocks import tokens_of
from console.walkthrough.reading.drafts import cut
from console.walkthrough.reading.front_matter import front_matter_of
from console.walkthrough.reading.preparing import prepare
from console.walkthrough.reading.walk import Walk

LARGEST = 2_000_000
OTHER_ENDS = re.compile(r"[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
LINE_END = re.compile(r"\r\n|\r|\n")


def read_runbook(path: Path) -> Runbook:
    """Read and parse a runbook. Raises Refused where it cannot be read, is larger than 2 MB, or is not UTF-8."""
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except OSError as error:
        raise Refused(f"{path}: the runbook cannot be read: {error.strerror}") from None
    return parse_runbook(path, raw)


def parse_runbook(path: Path, raw: bytes) -> Runbook:
    """The runbook that a file's bytes hold; `path` is only its name. Raises Refused as `read_runbook` does."""
    if len(raw) > LARGEST:
        raise Refused(f"{path}: the runbook is larger than 2 MB; split it")
    try:
        source = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise Refused(f"{path}:{line}: a byte is not UTF-8; save the file as UTF-8") from None
    with _collector_paused():
        return _read(path, raw, source)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Tens of thousands of objects that all live on: to look for garbage among them takes a quarter of the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _read(path: Path, raw: bytes, source: str) -> Runbook:
    text = LINE_END.sub("\n", source) if "\r" in source else source
    faults: list[Fault] = []
    front = front_matter_of(text)
    if front.fault is not None:
        faults.append(Fault(*front.fault))
    general, wrong = options_of(front.attributes)
    faults += [Fault(1, f"front matter: {what}") for what in wrong]
    prepared = prepare(_without_head(text, front.lines))
    walk = Walk(prepared, _lines(source), _for_steps(general))
    walk.go(tokens_of(prepared.text))
    faults += walk.faults
    named = front.attributes.get("title")
    title = walk.title or (cut(" ".join(named.split())) if isinstance(named, str) else "") or path.stem
    return Runbook(
        path=path,
        title=title,
        source=source,
        digest=hashlib.sha256(raw).hexdigest(),
        steps=tuple(draft.step() for draft in walk.drafts),
        options=general,
        faults=tuple(sorted(faults, key=lambda fault: fault.line)),
    )


def _without_head(text: str, lines: int) -> str:
    """`text` with as many of its first lines emptied, so that every other keeps its number."""
    if not lines:
        return text
    return "\n" * lines + text.split("\n", lines)[lines] if text.count("\n") >= lines else ""


def _lines(source: str) -> list[str]:
    """The lines of a text, each with its end; Python ends lines at signs at which Markdown does not."""
    if not OTHER_ENDS.search(source):
        return source.splitlines(keepends=True)
    lines: list[str] = []
    at = 0
    for found in LINE_END.finditer(source):
        lines.append(source[at : found.end()])
        at = found.end()
    return [*lines, source[at:]] if at < len(source) else lines


def _for_steps(general: Options) -> Options:
    """What the front matter says for each step: all but a name, which is the runbook's own."""
    return replace(general, name="") if general.name else general

"""The files of a run: the copy of its runbook, its evidence, and a folder for each time that a step was started."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from console.core.operations import Refused
from console.core.runbooks.document import Runbook
from console.core.runbooks.runs import Run
from console.systems.places import write_atomically
from console.walkthrough.keeping.jobs import TRANSCRIPT

COPY = "runbook.md"
STATE = "state.bash"
EVIDENCE = "evidence"
LARGEST_EVIDENCE = 10_000_000
LARGEST_TAIL = 4_000_000
LONGEST_NOTE = 4000


class RunFolder:
    """The folder of one run, mode 0700; its files are of mode 0600. Every method raises Refused."""

    def __init__(self, folder: Path) -> None:
        self.path = folder

    @property
    def state(self) -> Path:
        """What steps hand on to each other."""
        return self.path / STATE

    def make(self) -> None:
        """Make it with its parents. Refused where it is there already."""
        with _said(self.path, "made"):
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.mkdir(mode=0o700)

    def keep(self, runbook: Runbook, raw: bytes) -> None:
        """Keep a runbook's bytes: the first in `runbook.md`, later ones beside it under their digest."""
        path = self.path / COPY
        if path.exists():
            path = self._later(runbook.digest)
        with _said(path, "written"):
            # A runbook is UTF-8, so that its text is its bytes.
            write_atomically(path, raw.decode("utf-8"))

    def kept(self, run: Run) -> bytes:
        """The bytes of the runbook that the run follows."""
        later = self._later(run.digest)
        path = later if later.exists() else self.path / COPY
        with _said(path, "read"):
            raw = path.read_bytes()
        if hashlib.sha256(raw).hexdigest() != run.digest:
            raise Refused(f"{path}: is not the text that run {run.id} began with; take the file up as it is now")
        return raw

    def attempt(self, run: Run, step: int) -> Path:
        """A folder, not made yet, for one more start of a step: neither there nor named by an earlier one."""
        named = {attempt.folder for each in run.steps for attempt in each.attempts}
        for number in itertools.count(1):
            folder = self.path / f"{step:02d}-{number}"
            if folder.name not in named and not folder.exists():
                return folder
        raise AssertionError("there is always a next number")

    def keep_evidence(self, step: int, text: str, secrets: Collection[str]) -> str:
        """Keep evidence: a file's copy, or a text; returns what the note says. Text is kept without secrets."""
        from console.walkthrough.redaction.redact import redacted

        source = _file_of(text)
        if source is None:
            clean = redacted(text, secrets)
            return clean if len(clean) <= LONGEST_NOTE else self._put(step, "text.txt", clean.encode())
        with _said(source, "read"):
            if source.stat().st_size > LARGEST_EVIDENCE:
                raise Refused(f"{source}: is larger than 10 MB; keep the part that matters, or note where it lies")
            raw = source.read_bytes()
        # What is no text is kept as it is.
        with suppress(UnicodeDecodeError):
            raw = raw if b"\0" in raw else redacted(raw.decode(), secrets).encode()
        return self._put(step, source.name, raw)

    def _put(self, step: int, name: str, raw: bytes) -> str:
        folder = self.path / EVIDENCE
        with _said(folder, "written"):
            folder.mkdir(mode=0o700, exist_ok=True)
            for number in range(1, 10_000):
                path = folder / f"{step:02d}-{number}-{name}"
                try:
                    handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
                except FileExistsError:
                    continue
                with os.fdopen(handle, "wb") as file:
                    file.write(raw)
                return f"{EVIDENCE}/{path.name}"
        raise Refused(f"{folder}: there is no room for more evidence to step {step}")

    def _later(self, digest: str) -> Path:
        return self.path / f"runbook-{digest[:12]}.md"


def last_lines(folder: Path, most: int) -> tuple[str, ...]:
    """The last lines of an attempt's transcript; none where there is none. Reads at most 4 MB."""
    path = folder / TRANSCRIPT
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - LARGEST_TAIL))
            text = file.read(LARGEST_TAIL).decode("utf-8", "replace")
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise Refused(f"{path}: the transcript cannot be read: {error.strerror}") from None
    lines = text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    whole = lines if size <= LARGEST_TAIL else lines[1:]
    return tuple(whole[-most:]) if most > 0 else ()


def _file_of(text: str) -> Path | None:
    """The file that a text names; None where it is a text. Refused where it can only be meant as a path."""
    line = text.strip()
    if not line or "\n" in line or len(line) > 1024:
        return None
    try:
        path = Path(line).expanduser()
        if path.is_file():
            return path.absolute()
    except (OSError, RuntimeError, ValueError):
        return None
    if line.startswith(("/", "./", "../", "~/")) and " " not in line:
        raise Refused(f"{path}: there is no such file; nothing was kept")
    return None


@contextmanager
def _said(path: Path, done: str) -> Iterator[None]:
    """Errors of the disk as sentences."""
    try:
        yield
    except OSError as error:
        raise Refused(
            f"{path}: cannot be {done}: {error.strerror or error}; look at the disk's space and rights"
        ) from None

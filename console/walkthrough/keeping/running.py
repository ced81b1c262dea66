"""Steps started, followed, found again: each has a keeper, a process that lives on without this one."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import console
from console.core.operations import Refused
from console.walkthrough.keeping import results
from console.walkthrough.keeping.jobs import CONTROL, RESULT, TRANSCRIPT, Ended, Ending, Spec

GRACE = timedelta(seconds=2)
LOCK, PROMPT = "lock", "prompt"
POLL = 0.05
CHUNK = 65_536
# Told in one poll where a step is followed by its transcript; and of what was there before, the end.
MOST_LINES = 200
TAIL = 65_536
LONGEST_SEND = 1024
# What secret variables may take up in the pipe to this process.
SAFE_SIZE = 1 << 20
STARTS_WITHIN = 30.0


class Job:
    """A step's process, in this process's hands or found again by its folder. Calls from several threads may overlap,
    but only one follows it.
    """

    def __init__(self, folder: Path, lines: int = -1, safe: int = -1) -> None:
        self.folder = folder
        self._lines = lines
        self._safe = safe
        self._carried: tuple[tuple[str, str], ...] = ()
        self._lock = threading.Lock()

    def __del__(self) -> None:
        for fd in (self._lines, self._safe):
            if fd >= 0:
                with contextlib.suppress(OSError):
                    os.close(fd)

    @property
    def alive(self) -> bool:
        """Whether its keeper lives."""
        try:
            handle = os.open(self.folder / LOCK, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        finally:
            os.close(handle)
        return False

    @property
    def result(self) -> Ended | None:
        """How it ended; None while it runs, and for ever where its keeper was killed: nobody knows then."""
        found = results.read(self.folder / RESULT)
        return None if found is None else _ended(found)

    @property
    def carried(self) -> tuple[tuple[str, str], ...]:
        """Variables that the step has set and that look secret, as (name, value): for the `carried` of the next Spec.

        Known to the process that has started the step, when it has ended, and to nobody else.
        """
        with self._lock:
            if self._safe >= 0 and not self.alive:
                raw = b""
                with contextlib.suppress(OSError):
                    while chunk := os.read(self._safe, CHUNK):
                        raw += chunk
                os.close(self._safe)
                self._safe = -1
                with contextlib.suppress(ValueError, IndexError):
                    self._carried = tuple((name, value) for name, value in json.loads(raw.splitlines()[-1]))
            return self._carried

    def follow(
        self,
        on_line: Callable[[str], None],
        on_partial: Callable[[str], None],
        cancel: threading.Event,
        grace: timedelta = GRACE,
    ) -> Ended | None:
        """Follow it to its end. None: its keeper was killed, and nobody knows how it ended.

        on_line: called in this thread with each line, redacted, with colours (SGR); of a flood only with a part, and a
        line that says so. on_partial: with what stands unfinished, as a prompt does; empty when it is gone. cancel:
        when set, the step is stopped: INT, TERM, KILL, `grace` apart.
        """
        partial = ""
        asked = False
        for kind, text in self._piped(cancel) if self._lines >= 0 else self._tailed(cancel):
            if kind == "line":
                if partial:
                    on_partial(partial := "")
                on_line(text)
            elif kind == "partial" and text != partial:
                on_partial(partial := text)
            if cancel.is_set() and not asked:
                asked = True
                with contextlib.suppress(Refused):
                    self.stop(grace)
        if partial:
            on_partial("")
        return self.result

    def listen_no_more(self) -> None:
        """Let its lines go by: they are in the transcript. Not while it is followed."""
        if self._lines >= 0:
            os.close(self._lines)
            self._lines = -1

    def settled(self, within: float = 1.0) -> Ended | None:
        """How it ended, when its keeper has nothing more to say: that goes a moment before it is gone itself."""
        deadline = time.monotonic() + within
        while self.alive and time.monotonic() < deadline:
            time.sleep(POLL / 10)
        return self.result

    def send(self, text: str) -> None:
        """Type a line to it. Raises Refused where it is over."""
        pieces = [text[start : start + LONGEST_SEND] for start in range(0, len(text), LONGEST_SEND)] or [""]
        for number, piece in enumerate(pieces, 1):
            self._wish({"send": piece, "end": "line" if number == len(pieces) else ""})

    def end_input(self) -> None:
        """Tell it that nothing more is typed (Ctrl-D at the begin of a line). Raises Refused where it is over."""
        self._wish({"send": "", "end": "file"})

    def stop(self, grace: timedelta = GRACE) -> None:
        """Stop it: INT, then TERM, then KILL, `grace` apart. Raises Refused where it is over."""
        self._wish({"stop": grace.total_seconds()})

    def resize(self, columns: int, rows: int) -> None:
        """Change the size of its terminal. Raises Refused where it is over."""
        self._wish({"columns": columns, "rows": rows})

    def _wish(self, wish: dict[str, Any]) -> None:
        over = f"{self.folder.name}: the step is over"
        if not self.alive:
            raise Refused(over)
        raw = json.dumps(wish).encode() + b"\n"
        try:
            handle = os.open(self.folder / CONTROL, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            raise Refused(over) from None
        try:
            os.write(handle, raw)
        except BlockingIOError:
            raise Refused(f"{self.folder.name}: the step's keeper does not listen; try again") from None
        except OSError:
            raise Refused(over) from None
        finally:
            os.close(handle)

    def _piped(self, cancel: threading.Event) -> Iterator[tuple[str, str]]:
        rest = b""
        while True:
            if not select.select([self._lines], [], [], POLL)[0]:
                yield "", ""
                continue
            chunk = os.read(self._lines, CHUNK)
            if not chunk:
                break
            *whole, rest = (rest + chunk).split(b"\n")
            for raw in whole:
                yield from _told(json.loads(raw))
        self.listen_no_more()
        self.settled()

    def _tailed(self, cancel: threading.Event) -> Iterator[tuple[str, str]]:
        """By the transcript, for who has not started it."""
        path = self.folder / TRANSCRIPT
        at, rest = -1, b""
        while True:
            alive = self.alive
            with contextlib.suppress(OSError), path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                if at < 0:
                    at = max(0, size - TAIL)
                    file.seek(at)
                    if at:
                        at += len(file.readline())
                lines, unsaid = [], 0
                file.seek(at)
                while at < size and (chunk := file.read(min(CHUNK, size - at))):
                    at += len(chunk)
                    *whole, rest = (rest + chunk).split(b"\n")
                    lines += whole
                    unsaid += max(len(lines) - MOST_LINES, 0)
                    lines = lines[-MOST_LINES:]
                if unsaid:
                    yield "line", _not_shown(unsaid)
                for line in lines:
                    yield "line", line.decode("utf-8", "replace")
            if not alive:
                return
            try:
                yield "partial", (self.folder / PROMPT).read_text(encoding="utf-8", errors="replace")
            except OSError:
                yield "", ""
            cancel.wait(POLL) if not cancel.is_set() else time.sleep(POLL)


def start_job(folder: Path, spec: Spec) -> Job:
    """Start a step in a new folder. Raises Refused where the folder is there already or no keeper starts."""
    return _start(folder, spec, keys=None, screen=None)


def find_job(folder: Path) -> Job | None:
    """The step of a folder, None where there is none: it lives, or has ended, or nobody knows (see Job)."""
    return Job(folder) if folder.is_dir() else None


def start_on_terminal(folder: Path, spec: Spec, keys: int, screen: int) -> Job:
    """Start a step whose terminal is relayed by two pipes; the caller's ends of them are its own. Raises Refused."""
    job = _start(folder, spec, keys=keys, screen=screen)
    job.listen_no_more()
    return job


def _start(folder: Path, spec: Spec, *, keys: int | None, screen: int | None) -> Job:
    began = datetime.now(UTC)
    kept: list[int] = []
    given: list[int] = []
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
    except FileExistsError:
        raise Refused(f"{folder}: this step was started already") from None
    except OSError as error:
        raise Refused(f"{folder}: the step was not begun: {error.strerror}") from None
    try:
        lock = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        given.append(lock)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        result = results.prepare(folder / RESULT, {"state": "begun", "began": began.isoformat()})
        given.append(result)
        os.mkfifo(folder / CONTROL, 0o600)
        lines, told = os.pipe()
        kept.append(lines)
        given.append(told)
        safe, hands = os.pipe()
        kept.append(safe)
        given.append(hands)
        if setting := getattr(fcntl, "F_SETPIPE_SZ", None):
            with contextlib.suppress(OSError):
                fcntl.fcntl(hands, setting, SAFE_SIZE)
        descriptors = {"lock": lock, "result": result, "safe": hands}
        if keys is not None and screen is not None:
            descriptors |= {"keys": keys, "screen": screen}
        _spawn(folder, {**_as_json(spec), "began": began.isoformat(), "descriptors": descriptors}, told)
    except OSError as error:
        for fd in kept:
            os.close(fd)
        raise Refused(f"{folder}: the step was not begun: {error.strerror or error}") from None
    finally:
        for fd in given:
            os.close(fd)
    return Job(folder, lines, safe)


def _spawn(folder: Path, spec: dict[str, Any], told: int) -> None:
    """Start the keeper and give it the spec. Raises OSError."""
    root = str(Path(console.__file__).resolve().parents[1])
    process = subprocess.Popen(
        [sys.executable, "-S", "-E", "-c", STARTER, root, str(folder.resolve())],
        stdin=subprocess.PIPE,
        stdout=told,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "PYTHONUTF8": "1"},
        pass_fds=tuple(spec["descriptors"].values()),
    )
    try:
        process.communicate(json.dumps(spec).encode(), timeout=STARTS_WITHIN)
    except (OSError, subprocess.TimeoutExpired) as error:
        process.kill()
        process.wait()
        raise OSError(f"its keeper did not start: {error}") from None
    if process.returncode != 0:
        raise OSError("its keeper did not start")


# It leaves this process by itself: what was started with `-m` would import the site's packages first.
STARTER = "import sys; sys.path.insert(0, sys.argv.pop(1)); from console.walkthrough.keeping.keeper import main; main()"


def _as_json(spec: Spec) -> dict[str, Any]:
    return {
        "text": spec.text,
        "environ": spec.environ,
        "cwd": str(spec.cwd),
        "state": None if spec.state is None else str(spec.state),
        "secrets": [secret for secret in spec.secrets if secret],
        "timeout": None if spec.timeout is None else spec.timeout.total_seconds(),
        "interpreter": spec.interpreter,
        "background": spec.background,
        "expect": spec.expect,
        "check": spec.check,
        "retry": spec.retry,
        "columns": spec.columns,
        "rows": spec.rows,
        "carried": [list(pair) for pair in spec.carried],
    }


def _told(message: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if unsaid := message.get("before"):
        yield "line", _not_shown(unsaid)
    for line in message.get("lines", ()):
        yield "line", line
    if unsaid := message.get("unsaid"):
        yield "line", _not_shown(unsaid)
    if "partial" in message:
        yield "partial", message["partial"]
    yield "", ""


def _not_shown(count: int) -> str:
    return f"… {count:,} lines not shown; they are in the transcript"


def _ended(found: dict[str, Any]) -> Ended | None:
    try:
        return Ended(
            ending=Ending(found["ending"]),
            began=datetime.fromisoformat(found["began"]),
            duration=timedelta(seconds=found["duration"]),
            exit_code=found["exit_code"],
            signal=found.get("signal", ""),
            output=found["output"],
            lines=found["lines"],
            whole=found["whole"],
            why=found.get("why", ""),
            expectation=found.get("expectation", ""),
            tries=found.get("tries", 1),
            lost=tuple(found.get("lost", ())),
        )
    except (KeyError, TypeError, ValueError):
        return None

"""One shell block run: a bash of its own, its output as redacted lines, and an end that leaves nothing running."""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from console.core.operations import Refused
from console.walkthrough.redaction.redact import Lines
from console.walkthrough.transcript import Transcript
from console.walkthrough.variables import SECRET_VARIABLE, SOURCED, block_environment

__all__ = ["RunResult", "block_environment", "run_block", "syntax_fault"]

CHUNK = 65_536
POLL = 0.05
GRACE = timedelta(seconds=2)
# Told to the caller in one poll; what is above that is in the transcript only.
MOST_LINES = 200
DRAIN = 0.3


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a block ended.

    exit_code: bash's own, or None where a signal ended it or nothing could. signal: that signal's name, or the last one
    that was sent to stop it. cancelled, timed_out: why it was stopped. lines: how many it printed. skipped: how many of
    them `on_line` was not told. truncated: the transcript is not whole. left_behind: processes were still running when
    bash had ended, and were ended.
    """

    exit_code: int | None
    signal: str | None
    duration: timedelta
    cancelled: bool
    timed_out: bool
    lines: int
    skipped: int
    truncated: bool
    left_behind: bool


def run_block(
    text: str,
    *,
    environ: Mapping[str, str],
    cwd: Path,
    on_line: Callable[[str], None],
    cancel: threading.Event,
    transcript: Path | None = None,
    secrets: Iterable[str] = (),
    timeout: timedelta | None = None,
    grace: timedelta = GRACE,
) -> RunResult:
    """Run exactly `text` in a new bash, and wait for its end. Raises Refused where it was not begun.

    environ: the whole environment. on_line: called in this thread with each line of output and errors as they come,
    plain and without secrets; of a flood only a part, and a line that says so. cancel: when set, the process group gets
    INT, then TERM, then KILL, `grace` apart. transcript: a new file for the whole output. secrets: values to be blotted
    out, besides the Redis password in `environ`. The block reads from /dev/null and has no terminal.
    """
    bash = shutil.which("bash", path=environ.get("PATH")) or shutil.which("bash")
    if bash is None:
        raise Refused("bash is not on PATH; install it")
    if fault := syntax_fault(text):
        raise Refused(f"bash refuses the block: {fault}")
    hidden = tuple({*secrets, environ.get(SECRET_VARIABLE, "")} - {""})
    try:
        record = None if transcript is None else Transcript(transcript)
    except OSError as error:
        raise Refused(f"{transcript}: the transcript cannot be written: {error.strerror}") from None
    run = _Run(Lines(hidden), on_line, record)
    try:
        for line in Lines(hidden).feed(text.rstrip("\n").encode("utf-8", "surrogateescape") + b"\n"):
            run.keep(f"$ {line}")
        process = _start(bash, text, environ, cwd)
    except OSError as error:
        if record is not None:
            record.close(f"not begun: {error}")
        raise Refused(f"the block was not begun: {error.strerror}: {error.filename}") from None
    try:
        return run.follow(process, cancel, timeout, grace)
    except BaseException:
        # Whoever listened has failed; what nobody follows must not go on.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if record is not None:
            record.close("-- killed: the console failed while it followed")
        raise


def syntax_fault(text: str) -> str | None:
    """What bash says of a text it cannot read, else None. Nothing is run."""
    bash = shutil.which("bash")
    if bash is None:
        return None
    try:
        checked = subprocess.run(
            [bash, "--norc", "-n", "-s"], input=text.encode("utf-8", "surrogateescape"), capture_output=True,
            timeout=10, env={"PATH": os.defpath, "LC_ALL": "C"}, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"it could not be checked: {error}"
    if checked.returncode == 0 and not checked.stderr:
        return None
    said = checked.stderr.decode("utf-8", "replace").splitlines() or [f"exit {checked.returncode}"]
    return said[0].removeprefix("bash: ").removeprefix(f"{bash}: ")


def _start(bash: str, text: str, environ: Mapping[str, str], cwd: Path) -> subprocess.Popen[bytes]:
    """Start bash on the text, given as an unnamed file, so that it shows in no list of processes. Raises OSError."""
    with tempfile.TemporaryFile() as script:
        script.write(text.encode("utf-8", "surrogateescape"))
        script.flush()
        script.seek(0)
        return subprocess.Popen(
            [bash, "--noprofile", "--norc", f"/dev/fd/{script.fileno()}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(script.fileno(),),
            cwd=cwd,
            env={name: value for name, value in environ.items() if name not in SOURCED},
            # Without a terminal of its own nothing in it can ask, and hang, behind the console's screen.
            start_new_session=True,
        )


class _Run:
    """One run as it goes: lines told and kept, signals sent."""

    def __init__(self, lines: Lines, on_line: Callable[[str], None], record: Transcript | None) -> None:
        self._lines = lines
        self._on_line = on_line
        self._record = record
        self._count = 0
        self._skipped = 0
        self._told_at = 0.0
        self._told = 0
        self._unsaid = 0

    def keep(self, line: str) -> None:
        if self._record is not None:
            self._record.write(line)

    def follow(
        self, process: subprocess.Popen[bytes], cancel: threading.Event, timeout: timedelta | None, grace: timedelta
    ) -> RunResult:
        began = time.monotonic()
        deadline = None if timeout is None else began + timeout.total_seconds()
        stop = _Stop(process, grace.total_seconds())
        left_behind = cancelled = timed_out = False
        assert process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            os.set_blocking(process.stdout.fileno(), False)
            open_, ended_at = True, None
            while open_ or ended_at is None:
                if open_ and selector.select(POLL):
                    open_ = self._read(process.stdout.fileno())
                elif not open_:
                    # It closed its output and goes on: nothing to read, only its end to wait for.
                    cancel.wait(POLL) if not stop.begun else time.sleep(POLL)
                now = time.monotonic()
                self._say_unsaid(now)
                if ended_at is None and process.poll() is not None:
                    ended_at = now
                if ended_at is not None:
                    # What it left in the background may hold the output open for ever.
                    if open_ and now - ended_at > DRAIN:
                        break
                    continue
                if cancel.is_set() and not stop.begun:
                    cancelled = True
                    stop.begin(now)
                elif deadline is not None and now > deadline and not stop.begun:
                    timed_out = True
                    stop.begin(now)
                stop.go_on(now)
                if stop.gave_up(now):
                    break
            left_behind = stop.sweep()
            while open_ and selector.select(0) and (open_ := self._read(process.stdout.fileno())):
                if time.monotonic() - (ended_at or began) > DRAIN + 1:
                    break
        process.stdout.close()
        self._say(self._lines.end())
        self._say_unsaid(float("inf"))
        return self._result(process, began, stop, cancelled, timed_out, left_behind)

    def _result(
        self, process: subprocess.Popen[bytes], began: float, stop: _Stop, cancelled: bool, timed_out: bool,
        left_behind: bool,
    ) -> RunResult:  # fmt: skip
        code: int | None = process.returncode
        exit_code = code if code is not None and code >= 0 else None
        ended_by = stop.sent.name if stop.sent else None
        if code is not None and code < 0:
            ended_by = signal.Signals(-code).name
        duration = timedelta(seconds=time.monotonic() - began)
        if left_behind:
            self._tell("what the block had left running in the background was ended")
        truncated = False
        if self._record is not None:
            how = f"ended by {ended_by}" if exit_code is None else f"exit {exit_code}"
            self._record.close(f"-- {how} after {duration.total_seconds():.1f} s")
            truncated = self._record.truncated or self._record.error is not None
            if self._record.error is not None:
                self._on_line(f"the transcript is not whole: {self._record.error}")
        return RunResult(
            exit_code=exit_code,
            signal=ended_by,
            duration=duration,
            cancelled=cancelled,
            timed_out=timed_out,
            lines=self._count,
            skipped=self._skipped,
            truncated=truncated,
            left_behind=left_behind,
        )

    def _read(self, handle: int) -> bool:
        """Read once; False at the end of the output."""
        try:
            chunk = os.read(handle, CHUNK)
        except BlockingIOError:
            return True
        self._say(self._lines.feed(chunk))
        return bool(chunk)

    def _say(self, lines: list[str]) -> None:
        for line in lines:
            self._count += 1
            self.keep(line)
            now = time.monotonic()
            if now - self._told_at > POLL:
                self._say_unsaid(now)
                self._told_at, self._told = now, 0
            self._told += 1
            if self._told <= MOST_LINES:
                self._on_line(line)
            else:
                self._unsaid += 1
                self._skipped += 1

    def _say_unsaid(self, now: float) -> None:
        if self._unsaid and now - self._told_at > POLL:
            where = "; they are in the transcript" if self._record is not None else ""
            self._on_line(f"… {self._unsaid:,} lines not shown{where}")
            self._unsaid = 0

    def _tell(self, line: str) -> None:
        self.keep(line)
        self._on_line(line)


class _Stop:
    """INT, TERM and KILL in turn to the whole process group."""

    def __init__(self, process: subprocess.Popen[bytes], grace: float) -> None:
        self._process = process
        self._grace = grace
        self._waiting = [signal.SIGINT, signal.SIGTERM, signal.SIGKILL]
        self._next_at = 0.0
        self.begun = False
        self.sent: signal.Signals | None = None

    def begin(self, now: float) -> None:
        self.begun = True
        self._next_at = now

    def go_on(self, now: float) -> None:
        if self.begun and self._waiting and now >= self._next_at:
            self.sent = self._waiting.pop(0)
            self._next_at = now + self._grace
            self._signal(self.sent)

    def gave_up(self, now: float) -> bool:
        """Whether even KILL did nothing: the kernel holds the process, and it cannot be waited for."""
        return self.begun and not self._waiting and now > self._next_at

    def sweep(self) -> bool:
        """End what is left of the group after bash has ended; whether there was anything."""
        if not self._signal(signal.SIGTERM):
            return False
        deadline = time.monotonic() + self._grace
        while time.monotonic() < deadline:
            if not self._signal(0):
                return True
            time.sleep(POLL)
        self._signal(signal.SIGKILL)
        return True

    def _signal(self, number: int) -> bool:
        """Whether the group is still there."""
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):
            return False
        return True

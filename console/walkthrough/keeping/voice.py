"""What a step prints, on its way: redacted, kept, searched for what is expected, and told to who listens."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import time
from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path

from console.walkthrough.redaction.redact import CONTROL, Lines

TICK = 0.05
# Told to the listener in one tick; what is above that is in the transcript only.
MOST_LINES = 200
MOST_BYTES = 262_144
# Of what was not told, the end is: there stands why something failed.
LAST = 50
QUIET = 0.08
WINDOW = 50
LARGEST = 1 << 30


class Transcript:
    """A new file of mode 0600. fault: why it is not whole, empty while it is; the step goes on without it."""

    def __init__(self, path: Path) -> None:
        self.fault = ""
        self._left = LARGEST
        self._handle = -1
        try:
            self._handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            self._broken(error)

    def write(self, lines: Iterable[str]) -> None:
        """Add lines."""
        if self.fault:
            return
        raw = "\n".join((*lines, "")).encode("utf-8", "replace")
        self._left -= len(raw)
        if self._left < 0:
            raw, self.fault = b"-- the rest was not kept\n", f"a transcript holds {LARGEST >> 30} GiB"
        try:
            while raw:
                raw = raw[os.write(self._handle, raw) :]
        except OSError as error:
            self._broken(error)

    def close(self) -> None:
        """See it onto the disk."""
        if self._handle < 0:
            return
        try:
            os.fsync(self._handle)
        except OSError as error:
            if error.errno != errno.EINVAL:
                self._broken(error)
        os.close(self._handle)
        self._handle = -1

    def _broken(self, error: OSError) -> None:
        self.fault = self.fault or f"the transcript cannot be written: {error.strerror}"


class Expectation:
    """Whether what is expected has come: a text of one or more lines, or a pattern between slashes."""

    def __init__(self, wanted: str) -> None:
        """Raises re.error."""
        self._wanted = wanted
        self.met = not wanted
        self._pattern: re.Pattern[str] | None = None
        self._lines: list[str] = []
        if len(wanted) > 2 and wanted.startswith("/") and wanted.endswith("/"):
            self._pattern = re.compile(wanted[1:-1], re.MULTILINE)
            several = "\\n" in wanted or "\\s" in wanted or "(?s" in wanted or "[^" in wanted
            self._window: deque[str] = deque(maxlen=WINDOW if several else 1)
        else:
            self._lines = [line.rstrip() for line in wanted.strip("\n").splitlines()]
            self._window = deque(maxlen=max(len(self._lines), 1))

    def look(self, line: str) -> None:
        """Look at one more line of output, with colours or without."""
        if self.met:
            return
        self._window.append(CONTROL.sub("", line).rstrip())
        if self._pattern is not None:
            self.met = self._pattern.search("\n".join(self._window)) is not None
        else:
            self.met = "\n".join(self._lines) in "\n".join(self._window)

    @property
    def fault(self) -> str:
        """What did not come."""
        return "" if self.met else f"`{self._wanted}` did not come in the output"


class Voice:
    """Takes raw output in. lines, output: how many, and how many bytes, so far.

    The listener is a pipe; who does not read it, or is gone, is told less, and holds nothing up.
    """

    def __init__(self, listener: int, transcript: Path, secrets: Iterable[str], prompt: Path) -> None:
        self.transcript = Transcript(transcript)
        self.lines = 0
        self.output = 0
        self.expectation = Expectation("")
        self._secrets = tuple(secrets)
        self._source = Lines(self._secrets, colours=True)
        self._listener = listener
        os.set_blocking(listener, False)
        self._prompt = prompt
        self._waiting: list[str] = []
        self._bytes = 0
        self._unsaid = 0
        self._skipped: deque[str] = deque(maxlen=LAST)
        self._owed: list[str] = []
        self._sending = b""
        self._told_at = 0.0
        self._fed_at = 0.0
        self._partial = ""
        self._quiet = True

    def feed(self, chunk: bytes) -> None:
        """Take what was printed."""
        self.output += len(chunk)
        self._fed_at = time.monotonic()
        self._quiet = False
        self._say(self._source.feed(chunk))

    def notice(self, line: str) -> None:
        """Say something that is not the step's output."""
        self._say(self._source.end())
        self.transcript.write([f"-- {line}"])
        self._tell(f"-- {line}")

    def hide(self, secret: str) -> None:
        """Blot this too from now on."""
        unfinished = bool(self._source.partial())
        lines = self._source.end()
        self._secrets += (secret,)
        self._source = Lines(self._secrets, colours=True)
        if unfinished and lines:
            # The line goes on.
            self._source.feed(lines.pop().encode("utf-8", "replace"))
        self._say(lines)

    def due(self, now: float) -> float | None:
        """In how many seconds `tick` has something to do, None where it has not."""
        if self._sending or self._waiting or self._unsaid:
            return max(self._told_at + TICK - now, 0.0)
        return None if self._quiet else max(self._fed_at + QUIET - now, 0.0)

    def tick(self, now: float) -> None:
        """Tell what waits. When it is quiet for a moment: the end of what was not told, and the line that stands
        unfinished, such as a prompt.
        """
        if now - self._told_at >= TICK:
            self._flush(now)
        if not self._quiet and now - self._fed_at >= QUIET and not (self._waiting or self._unsaid):
            self._quiet = True
            self._catch_up()
            partial = self._source.partial()
            if partial != self._partial:
                self._partial = partial
                self._send({"partial": partial})
                # Who comes later has no pipe.
                with contextlib.suppress(OSError):
                    self._prompt.write_text(partial, encoding="utf-8", errors="replace")

    def end(self, within: float = 1.0) -> None:
        """The output is over: tell its last lines, as long as anybody reads them, and close the transcript."""
        self._say(self._source.end())
        self.transcript.close()
        deadline = time.monotonic() + within
        while self._listener >= 0 and time.monotonic() < deadline:
            self._flush(time.monotonic())
            if not (self._waiting or self._unsaid):
                self._catch_up()
            if not (self._sending or self._waiting or self._unsaid):
                return
            time.sleep(TICK / 5)

    def _say(self, lines: list[str]) -> None:
        if not lines:
            return
        self.lines += len(lines)
        self._partial = ""
        self.transcript.write(lines)
        if not self.expectation.met:
            for line in lines:
                self.expectation.look(line)
        if self._listener < 0:
            return
        room = MOST_LINES - len(self._waiting) if not self._unsaid else 0
        for line in lines[: max(room, 0)]:
            self._tell(line)
        if rest := lines[max(room, 0) :]:
            self._unsaid += len(rest)
            self._skipped.extend(rest[-LAST:])

    def _tell(self, line: str) -> None:
        if self._bytes + len(line) > MOST_BYTES or self._unsaid:
            self._unsaid += 1
            self._skipped.append(line)
            return
        self._bytes += len(line)
        self._waiting.append(line)

    def _flush(self, now: float) -> None:
        self._push()
        if self._sending or not (self._waiting or self._unsaid):
            return
        self._told_at = now
        # The last ones are not counted yet: they are told if it is quiet after them.
        message = {"before": len(self._owed), "lines": self._waiting, "unsaid": self._unsaid - len(self._skipped)}
        self._owed = list(self._skipped)
        self._waiting, self._bytes, self._unsaid = [], 0, 0
        self._skipped.clear()
        self._send(message)

    def _catch_up(self) -> None:
        if self._owed:
            self._send({"lines": self._owed})
            self._owed = []

    def _send(self, message: Mapping[str, object]) -> None:
        if self._listener < 0 or len(self._sending) > MOST_BYTES:
            return
        self._sending += json.dumps(message).encode() + b"\n"
        self._push()

    def _push(self) -> None:
        try:
            while self._sending and self._listener >= 0:
                self._sending = self._sending[os.write(self._listener, self._sending) :]
        except BlockingIOError:
            return
        except OSError:
            os.close(self._listener)
            self._listener, self._sending, self._waiting = -1, b"", []

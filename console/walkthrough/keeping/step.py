"""A step's terminal and what goes on in it: programs begun, output read, keys typed, wishes heard, everything ended."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import termios
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from console.walkthrough.keeping.processes import Ladder, Process, members, tell
from console.walkthrough.keeping.shell import begin, open_terminal, resize
from console.walkthrough.keeping.terminal import Relayed
from console.walkthrough.keeping.voice import Voice

CHUNK = 65_536
# What bash leaves behind may print for so long.
DRAIN = 0.3
LARGEST_STATE = 8 << 20
LARGEST_WISH = 1 << 20
WATCH = 0.5
SHORTEST_SECRET = 4


class Terminal:
    """A pseudo-terminal, this process's controlling one. stopped: the word why the step is being stopped, or empty."""

    def __init__(
        self, folder: Path, fifo: Path, voice: Voice, relayed: Relayed | None, *, size: tuple[int, int],
        deadline: float | None,
    ) -> None:  # fmt: skip
        self.stopped = ""
        self._folder = folder
        self._voice = voice
        self._relayed = relayed
        self._deadline = deadline
        self._grace = 2.0
        self._hangup = False
        self._dumped = bytearray()
        self._typed = b""
        self._wish = b""
        self._shell = 0
        self._status: int | None = None
        self._ended_at = 0.0
        self._ladder: Ladder | None = None
        self.master, self._slave = open_terminal(*size)
        self._wakes, woken = os.pipe()
        for fd in (self._wakes, woken):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._control = os.open(folder / "control", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._dump = os.open(fifo, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._selector = selectors.DefaultSelector()
        calls: list[tuple[int, Callable[[], object]]] = [
            (self.master, self._read), (self._control, self._listen), (self._dump, self._read_dump),
            (self._wakes, self._wake),
        ]  # fmt: skip
        if relayed is not None:
            calls.append((relayed.source, self._take_keys))
        for fd, call in calls:
            self._selector.register(fd, selectors.EVENT_READ, call)

    def run(
        self, bash: str, environ: Mapping[str, str], *, prelude: str, script: str, other: str, umask: int,
        traps: bool, background: Callable[[bytes, int], None] | None,
    ) -> tuple[int, bytes]:  # fmt: skip
        """Run a script to its end. Returns its exit code, or the signal as a negative number, and what it has written
        to the FIFO. Raises OSError where it is not begun.

        background: what it leaves behind goes on, and is waited for; called with the same when bash has ended. None:
        what it leaves behind is ended.
        """
        self._dumped.clear()
        self._status = None
        self._shell = begin(
            bash, self._folder, self._slave, environ, prelude=prelude, script=script, other=other, umask=umask
        )
        self._ladder = Ladder(os.getpid(), self.master, traps=traps)
        if self.stopped:
            self._ladder.begin(time.monotonic(), self._grace, hangup=self._hangup)
        while self._turn(background is not None):
            status = self._ended_with()
            if status is not None and background is not None and not self.stopped:
                background(bytes(self._dumped), status)
                self._dumped.clear()
                background = _nothing
        self._read_rest()
        # Where even KILL does nothing the kernel holds it, and nobody can say more.
        status = self._ended_with()
        return -int(signal.SIGKILL) if status is None else status, bytes(self._dumped)

    def pause(self, seconds: float) -> bool:
        """Wait; False where the step is stopped meanwhile."""
        until = time.monotonic() + seconds
        while (now := time.monotonic()) < until and not self.stopped:
            self._dispatch(min(until - now, self._until_due(now)))
            self._see_to(time.monotonic())
        return not self.stopped

    def stop(self, word: str, grace: float, *, hangup: bool = False) -> None:
        """Begin to end everything."""
        if not self.stopped:
            self.stopped, self._grace, self._hangup = word, grace, hangup
            if self._ladder is not None:
                self._ladder.begin(time.monotonic(), grace, hangup=hangup)

    def end_all(self) -> None:
        """Kill what is in the terminal: this process cannot go on."""
        for one in members(os.getpid(), self._shell):
            tell(one.pid, signal.SIGKILL)

    def _ended_with(self) -> int | None:
        return self._status

    def _turn(self, stays: bool) -> bool:
        now = time.monotonic()
        assert self._ladder is not None
        wait = self._until_due(now)
        if self._ladder.begun:
            wait = min(wait, 0.03)
        elif self._status is not None:
            wait = min(wait, WATCH if stays else 0.02)
        self._dispatch(wait)
        now = time.monotonic()
        self._see_to(now)
        self._reap(now)
        if self._ladder.begun:
            return self._ladder.go_on(now, self._shell, self._status is None)
        if self._status is None:
            return True
        left = members(os.getpid(), self._shell)
        return bool(left) if stays else self._sweep(left, now - self._ended_at)

    def _until_due(self, now: float) -> float:
        dues = [self._voice.due(now), self._relayed.due(now) if self._relayed else None]
        if self._deadline is not None and self._deadline > 0 and not self.stopped:
            dues.append(max(self._deadline - now, 0.0))
        return min((due for due in dues if due is not None), default=60.0)

    def _see_to(self, now: float) -> None:
        self._voice.tick(now)
        if self._relayed is not None:
            self._relayed.tick(now)
        if self._deadline is not None and now >= self._deadline:
            self.stop("timed out", self._grace)

    def _dispatch(self, timeout: float) -> None:
        for key, _ in self._selector.select(timeout):
            key.data()
        if self._typed:
            self._type(b"")

    def _reap(self, now: float) -> None:
        if self._status is None:
            pid, status = os.waitpid(self._shell, os.WNOHANG)
            if pid:
                self._status, self._ended_at = os.waitstatus_to_exitcode(status), now
                self._read_dump()

    def _sweep(self, left: list[Process], since: float) -> bool:
        """End what bash has left behind, but for what ignores the end of its terminal, as with `nohup`."""
        others = [one for one in left if not one.stubborn]
        if others and since < DRAIN:
            return True
        for word, some in (
            ("goes on, for it ignores SIGHUP", [one for one in left if one.stubborn]),
            ("was ended", others),
        ):
            if some:
                names = ", ".join(f"{one.name} ({one.pid})" for one in some[:5])
                self._voice.notice(f"what the block had left running in the background {word}: {names}")
        if others:
            assert self._ladder is not None
            for number in (signal.SIGHUP, signal.SIGCONT):
                for one in others:
                    tell(one.pid, number)
            deadline = time.monotonic() + self._grace
            while others:
                self._dispatch(0.02)
                alive = {one.pid for one in members(os.getpid(), self._shell)}
                others = [one for one in others if one.pid in alive]
                if time.monotonic() > deadline:
                    for one in others:
                        tell(one.pid, signal.SIGKILL)
                    if time.monotonic() > deadline + 1:
                        return False
        return False

    def _read(self) -> None:
        if self._relayed is not None and self._relayed.full:
            time.sleep(0.005)
            return
        chunk = b""
        # A terminal gives little at a time.
        with contextlib.suppress(OSError):
            while len(chunk) < CHUNK and (more := os.read(self.master, CHUNK)):
                chunk += more
        if not chunk:
            return
        self._voice.feed(chunk)
        if self._relayed is not None:
            self._relayed.show(chunk)

    def _read_rest(self) -> None:
        """Read what is in the terminal; what goes on to print has had its time."""
        until = time.monotonic() + DRAIN
        while time.monotonic() < until:
            before = self._voice.output
            self._read()
            if self._voice.output == before and not (self._relayed is not None and self._relayed.full):
                return
            self._see_to(time.monotonic())

    def _read_dump(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self._dump, CHUNK):
                if len(self._dumped) <= LARGEST_STATE:
                    self._dumped += chunk

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wakes, 512)

    def _take_keys(self) -> None:
        assert self._relayed is not None
        keys = self._relayed.keys()
        if keys is None:
            self._selector.unregister(self._relayed.source)
            self.stop("stopped", self._grace, hangup=True)
        else:
            self._type(keys)

    def _listen(self) -> None:
        """Hear what is wished: JSON, one object a line."""
        with contextlib.suppress(BlockingIOError):
            self._wish += os.read(self._control, CHUNK)
        *whole, self._wish = self._wish.split(b"\n")
        self._wish = self._wish[:LARGEST_WISH]
        for line in whole:
            with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
                self._do(json.loads(line))

    def _do(self, wish: dict[str, Any]) -> None:
        if "stop" in wish:
            self.stop("stopped", float(wish["stop"]))
        elif "columns" in wish:
            resize(self.master, int(wish["columns"]), int(wish["rows"]))
        elif "send" in wish:
            self._send(str(wish["send"]), str(wish.get("end", "line")))

    def _send(self, text: str, end: str) -> None:
        try:
            kinds = termios.tcgetattr(self.master)
        except termios.error:
            return
        cooked = bool(kinds[3] & termios.ICANON)
        if not kinds[3] & termios.ECHO and cooked and len(text) >= SHORTEST_SECRET:
            # What is asked without being shown is a secret wherever it turns up.
            self._voice.hide(text)
        ends = {"line": b"\r" if kinds[0] & termios.ICRNL or not cooked else b"\n", "file": b"\x04"}
        self._type(text.encode("utf-8", "surrogateescape") + ends.get(end, b""))

    def _type(self, keys: bytes) -> None:
        self._typed += keys
        with contextlib.suppress(OSError):
            while self._typed:
                self._typed = self._typed[os.write(self.master, self._typed) :]


def _nothing(dumped: bytes, status: int) -> None:
    """What is to be done has been done."""

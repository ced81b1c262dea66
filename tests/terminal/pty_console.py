"""A program on a pseudo-terminal: bytes counted, the screen modelled, the reader stalled on request."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.conftest import wait_until
from tests.terminal.vt import Terminal

ROOT = Path(__file__).resolve().parents[2]


class PtyProgram:
    """A program with a terminal of its own, as its session's leader."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        size: tuple[int, int] = (120, 40),
        environ: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self.terminal = Terminal(*size)
        self.received = 0
        self.recording = bytearray()
        self.last_byte = time.monotonic()
        self._closing = False
        self._read = threading.Event()
        self._read.set()
        self._lock = threading.Lock()
        self.master, slave = pty.openpty()
        self._size(size)
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("TEXTUAL", "SSH_"))}
        for name in ("NO_COLOR", "COLORTERM", "LC_ALL", "TMUX", "COLUMNS", "LINES"):
            clean.pop(name, None)
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=ROOT,
            env={**clean, "TERM": "xterm-256color", "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT), **(environ or {})},
            start_new_session=True,
            preexec_fn=_take_terminal,
            pass_fds=pass_fds,
        )
        self.failure: AssertionError | None = None
        self._reader = threading.Thread(target=self._pump, daemon=True)
        self._reader.start()

    def send(self, keys: str) -> None:
        """Type."""
        os.write(self.master, keys.encode())

    def stall(self) -> None:
        """Stop reading what the program writes."""
        self._read.clear()

    def go_on(self) -> None:
        """Read again."""
        self._read.set()

    def press(self, keys: str) -> int:
        """Type, wait until it shows and is quiet; returns the bytes that came."""
        self.mark()
        self.send(keys)
        wait_until(lambda: self.received, what=f"an echo of {keys!r}")
        self.quiet()
        return self.received

    def resize(self, width: int, height: int) -> None:
        """Change the window's size."""
        with self._lock:
            self.terminal.resize(width, height)
        self._size((width, height))
        self.process.send_signal(signal.SIGWINCH)

    def text(self) -> str:
        """What is on the screen."""
        if self.failure is not None:
            raise self.failure
        with self._lock:
            return self.terminal.text()

    def style_of(self, words: str) -> str:
        """The SGR parameters under the first letter of `words`."""
        with self._lock:
            return self.terminal.style_of(words)

    def wait_for(self, words: str, within: float = 15.0) -> str:
        """Wait until the words are on the screen."""
        try:
            wait_until(lambda: words in self.text(), within=within, what=f"{words!r} on the screen")
        except AssertionError as error:
            ended = self.process.poll()
            raise AssertionError(f"{error}; exit {ended}; wrote {self.terminal.main_text!r}:\n{self.text()}") from None
        return self.text()

    def quiet(self, seconds: float = 0.25, *, since: float = 0.0) -> None:
        """Wait until nothing has come for this long, counted from `since` at the earliest."""
        wait_until(lambda: time.monotonic() - max(self.last_byte, since) > seconds, what="a quiet terminal")

    def mark(self) -> None:
        """Begin to count bytes anew."""
        with self._lock:
            self.received = 0
            self.recording.clear()

    def wait(self, within: float = 10.0) -> int:
        """Wait for its end; returns the exit code."""
        code = self.process.wait(within)
        self.quiet(0.1)
        return code

    def settings_restored(self) -> bool:
        """Whether the terminal's line settings are as they were."""
        return termios.tcgetattr(self.slave)[:6] == self.before[:6]

    def hang_up(self) -> None:
        """Close the line."""
        self._close_line()

    def close(self) -> None:
        """End the program, if it has not ended, and close the line."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._close_line()

    def _close_line(self) -> None:
        # The pump must be gone first: a descriptor's number is given to the next console at once.
        self._closing = True
        self._reader.join()
        for fd in (self.slave, self.master):
            if fd >= 0:
                os.close(fd)
        self.slave = self.master = -1

    def _size(self, size: tuple[int, int]) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))

    def _pump(self) -> None:
        while not self._closing:
            if not self._read.wait(0.1):
                continue
            try:
                if not select.select([self.master], [], [], 0.05)[0]:
                    continue
                data = os.read(self.master, 65536)
            except (OSError, ValueError):
                return
            if not data:
                return
            with self._lock:
                self.received += len(data)
                self.recording += data
                self.last_byte = time.monotonic()
                try:
                    self.terminal.feed(data)
                except AssertionError as error:
                    self.failure = error
                    return


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


# A shell that leads the session, as at the end of an SSH line: it is still there when the console is not.
SHELL = ("/bin/sh", "-c", '"$@"; code=$?; read _; exit $code', "sh")


class PlayedConsole(PtyProgram):
    """The console over a desk that plays pictures on command, through a pipe beside the terminal."""

    def __init__(
        self,
        picture: str = "healthy",
        *,
        size: tuple[int, int] = (120, 40),
        environ: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
        lines: int = 60,
        under: Sequence[str] = (),
    ) -> None:
        down, self._commands = os.pipe()
        self._answers, up = os.pipe()
        command = [
            *under,
            sys.executable,
            "-m",
            "tests.terminal.player",
            str(down),
            str(up),
            picture,
            str(lines),
            *options,
        ]
        super().__init__(command, size=size, environ=environ, pass_fds=(down, up))
        os.close(down)
        os.close(up)
        self._reply = b""

    def ask(self, *words: object, within: float = 15.0) -> str:
        """Give a command and wait for its answer."""
        os.write(self._commands, (" ".join(map(str, words)) + "\n").encode())
        return self.answer(within, to=f" to {words}")

    def answer(self, within: float = 15.0, to: str = "") -> str:
        """The next answer; after its end, what the desk was asked to do."""
        deadline = time.monotonic() + within
        while b"\n" not in self._reply:
            if not select.select([self._answers], [], [], max(deadline - time.monotonic(), 0))[0]:
                raise AssertionError(f"no answer{to} in {within} s; the screen:\n{self.text()}")
            data = os.read(self._answers, 65536)
            if not data:
                raise AssertionError(f"the console ended without an answer{to}; it wrote:\n{self.terminal.main_text}")
            self._reply += data
        answer, _, self._reply = self._reply.partition(b"\n")
        return answer.decode()

    def assert_faithful(self) -> None:
        """What the terminal shows is, cell for cell, what the application means it to show."""
        believed = "\n".join(json.loads(self.ask("text")))
        wait_until(lambda: self.text() == believed, what=f"the terminal showing\n{believed}\nbut it is\n{self.text()}")

    def cost(self, *words: object) -> int:
        """Give a command, wait until it is painted; returns the bytes that it cost."""
        self.mark()
        self.ask(*words)
        self.quiet(0.1, since=time.monotonic())
        return self.received

    def close(self) -> None:
        super().close()
        for fd in (self._commands, self._answers):
            with contextlib.suppress(OSError):
                os.close(fd)


@contextlib.contextmanager
def opened(*arguments: str, **options: object) -> Iterator[PlayedConsole]:
    """A played console, painted and quiet."""
    console = PlayedConsole(*arguments, **options)  # type: ignore[arg-type]
    try:
        console.wait_for("21:04:11Z")
        console.ask("settle")
        console.quiet()
        yield console
    finally:
        console.close()

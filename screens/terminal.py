"""The terminal: writing to it never waits for it, and leaving it always restores it."""

from __future__ import annotations

import contextlib
import os
import select
import termios
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from textual.drivers.linux_driver import LinuxDriver
from textual.events import AppBlur, AppFocus

if TYPE_CHECKING:
    from textual.app import App
    from textual.message import Message

LIMIT = 256 * 1024
_CHUNK = 4096
RESTORE = (
    "\x1b[?2026l\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1016l\x1b[?2004l\x1b[?2048l\x1b[?7h\x1b[<u"
    "\x1b[?1049l\x1b[?25h\x1b[?1004l\x1b[0m\x1b[23;0t"
)


class Outlet:
    """Bytes on their way to the terminal, in a thread of their own.

    At most `LIMIT` bytes wait. When a reader stalls, what comes after is dropped, and `recovered` is called once the
    reader has caught up, for the screen to be painted whole. `gone` is called when the terminal is no more.
    """

    def __init__(self, fileno: int, *, recovered: Callable[[], None], gone: Callable[[], None]) -> None:
        self._recovered = recovered
        self._gone = gone
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._changed = threading.Condition()
        self._dropping = False
        self._ended = False
        self._abandoned = False
        self._dead = False
        self._fd, self._own = _not_blocking(fileno)
        self._thread = threading.Thread(target=self._run, name="terminal-output", daemon=True)
        self._thread.start()

    def write(self, text: str) -> None:
        """Hand text over; returns at once."""
        data = text.encode("utf-8", "replace")
        with self._changed:
            if self._dead or self._ended:
                return
            if self._dropping or self._size + len(data) > LIMIT:
                self._dropping = True
                return
            self._waiting.append(data)
            self._size += len(data)
            self._changed.notify()

    def end(self, last: str, *, within: float = 1.0) -> None:
        """Write `last` after what waits, or instead of it where the reader stalls; then end the thread."""
        with self._changed:
            if not self._dropping:
                self._waiting.append(last.encode())
            self._abandoned = self._dropping
            self._ended = True
            self._changed.notify()
        self._thread.join(within)
        if self._thread.is_alive():
            self._abandoned = True
            self._thread.join(within)
        if self._abandoned:
            # What the kernel still holds for the reader would keep the terminal from being put back; CAN ends whatever
            # sequence it is cut off in.
            with contextlib.suppress(OSError, termios.error):
                termios.tcflush(self._fd, termios.TCOFLUSH)
                os.write(self._fd, b"\x18" + RESTORE.encode())
        if self._own and not self._thread.is_alive():
            os.close(self._fd)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._ended:
                    self._changed.wait()
                if not self._waiting:
                    return
                data = self._waiting.popleft()
            if not self._send(data):
                return
            with self._changed:
                self._size = max(self._size - len(data), 0)
                recovered = self._dropping and not self._waiting
                if recovered:
                    self._dropping = False
            if recovered:
                self._recovered()

    def _send(self, data: bytes) -> bool:
        view = memoryview(data)
        while view:
            if self._abandoned:
                return False
            try:
                if not select.select([], [self._fd], [], 0.2)[1]:
                    continue
                view = view[os.write(self._fd, view[:_CHUNK]) :]
            except BlockingIOError:
                continue
            except (OSError, ValueError):
                with self._changed:
                    self._dead = True
                    self._waiting.clear()
                    self._size = 0
                self._gone()
                return False
        return True


def _not_blocking(fileno: int) -> tuple[int, bool]:
    """A descriptor of our own on the same terminal: the shared one is the shell's too, and must go on blocking."""
    try:
        return os.open(os.ttyname(fileno), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK), True
    except OSError:
        return fileno, False


def restore_now(fileno: int) -> None:
    """Put the terminal back without waiting for anything; for a process that is about to end itself."""
    with contextlib.suppress(OSError, ValueError):
        fd, _ = _not_blocking(fileno)
        os.write(fd, RESTORE.encode())


class ConsoleDriver(LinuxDriver):
    """Textual's Linux driver with our outlet: a reader that stalls blocks nothing and costs no memory."""

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        self._outlet: Outlet | None = None
        self._left = False

    def write(self, data: str) -> None:
        """Hand data to the outlet."""
        if self._outlet is not None:
            self._outlet.write(data)

    def start_application_mode(self) -> None:
        """Take the terminal."""
        # Textual draws on standard error; where that goes to a file, the terminal is still at standard output.
        output = next((fd for fd in (2, 1) if os.isatty(fd)), 2)
        self._outlet = Outlet(output, recovered=self._repaint, gone=self._hung_up)
        self.write("\x1b[22;0t")
        super().start_application_mode()  # type: ignore[no-untyped-call]
        if self._left:
            self._repaint()

    def stop_application_mode(self) -> None:
        """Give the terminal back."""
        super().stop_application_mode()
        self._left = True
        if self._outlet is not None:
            self._outlet.end("\x1b[23;0t")
            self._outlet = None

    def run_input_thread(self) -> None:
        """Read keys; a terminal that is gone is a hang-up and not a crash."""
        try:
            super().run_input_thread()
        except OSError:
            self._hung_up()

    def process_message(self, message: Message) -> None:
        """Whether the window has the focus changes nothing here, and must not have everything painted anew."""
        if not isinstance(message, (AppFocus, AppBlur)):
            super().process_message(message)

    def set_title(self, title: str) -> None:
        """Name the terminal's window."""
        self.write(f"\x1b]2;{title}\x07")

    def set_mouse(self, on: bool) -> None:
        """Begin or end to report the mouse."""
        if on:
            self._mouse = True
            self._enable_mouse_support()
        else:
            self._disable_mouse_support()
            self._mouse = False

    def _call(self, name: str) -> None:
        loop = self._app._loop
        callback = getattr(self._app, name, None)
        if loop is not None and callback is not None:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(callback)

    def _repaint(self) -> None:
        self._call("paint_again")

    def _hung_up(self) -> None:
        self._call("hang_up")

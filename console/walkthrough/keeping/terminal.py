"""A person's own terminal at the other end of two pipes: what is printed goes there, what is typed comes back."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable

from console.walkthrough.redaction.redact import Redactor

# What may be a secret's beginning is held back no longer than this: a person types into it.
HOLD = 0.04
FULL = 65_536


class Relayed:
    """keys, screen: descriptors of pipes. source: the first of them."""

    def __init__(self, keys: int, screen: int, secrets: Iterable[str]) -> None:
        self.source = keys
        self._screen = screen
        self._redact = Redactor(secrets)
        self._waiting = b""
        self._fed_at = 0.0
        self._held = False
        os.set_blocking(keys, False)
        os.set_blocking(screen, False)

    @property
    def full(self) -> bool:
        """Whether the terminal does not take what there is: nothing more is to be read for it."""
        return len(self._waiting) > FULL

    def show(self, chunk: bytes) -> None:
        """Print, known secrets blotted out."""
        self._waiting += self._redact.feed(chunk)
        self._fed_at, self._held = time.monotonic(), True
        self._push()

    def keys(self) -> bytes | None:
        """What was typed; None when the terminal has gone away."""
        try:
            return os.read(self.source, 4096) or None
        except BlockingIOError:
            return b""
        except OSError:
            return None

    def due(self, now: float) -> float | None:
        """In how many seconds `tick` has something to do, None where it has not."""
        if self._waiting:
            return 0.01
        return max(self._fed_at + HOLD - now, 0.0) if self._held else None

    def tick(self, now: float) -> None:
        """Print what was held back long enough."""
        if self._held and now - self._fed_at >= HOLD:
            self._held = False
            self._waiting += self._redact.end()
        self._push()

    def end(self, within: float = 2.0) -> None:
        """Print the rest."""
        self._waiting += self._redact.end()
        deadline = time.monotonic() + within
        while self._waiting and time.monotonic() < deadline:
            self._push()
            if self._waiting:
                time.sleep(0.005)

    def _push(self) -> None:
        try:
            while self._waiting:
                self._waiting = self._waiting[os.write(self._screen, self._waiting) :]
        except BlockingIOError:
            return
        except OSError:
            self._waiting = b""

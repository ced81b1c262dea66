"""Giving the terminal to another program for a while."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.app import App


@contextmanager
def given_away(console: object) -> Iterator[None]:
    """The terminal is another program's meanwhile; Ctrl-C is for that one. Raises SuspendNotSupported."""
    app: App[object] = console  # type: ignore[assignment]
    with app.suspend():
        # A handler, not SIG_IGN: what is started inherits what is ignored.
        before = signal.signal(signal.SIGINT, lambda _number, _frame: None)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

"""Calls to the desk that may block, each in a thread that no screen owns."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

from console.core.operations import Refused

Answer = TypeVar("Answer")


class Errands:
    """tell: calls a function in the app's own loop. A thread is not waited for when the app ends."""

    def __init__(self, tell: Callable[[Callable[[], None]], None]) -> None:
        self._tell = tell
        self._doing: list[str] = []

    @property
    def under_way(self) -> list[str]:
        """What is being done, but for what only reads."""
        return [doing for doing in self._doing if doing]

    def ask(self, doing: str, call: Callable[[], Answer], answered: Callable[[Answer | None, str], None]) -> None:
        """Make the call; `answered` gets what it returned, or None and why it was refused, in the app's own loop."""
        self._doing.append(doing)

        def finished(answer: Answer | None, why: str) -> None:
            self._doing.remove(doing)
            answered(answer, why)

        def run() -> None:
            answer, why = None, ""
            try:
                answer = call()
            except Refused as refused:
                why = str(refused)
            except Exception as error:  # noqa: BLE001  (the edge of the thread: it becomes a sentence)
                why = f"{doing or 'reading'} failed: {error or type(error).__name__}"
            with contextlib.suppress(RuntimeError):  # the app has ended, and nobody is left to be told
                self._tell(lambda: finished(answer, why))

        threading.Thread(target=run, name=f"errand: {doing}", daemon=True).start()

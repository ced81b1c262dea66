"""What an API server does on a bad day, on order."""

from __future__ import annotations

import asyncio
import fnmatch
from dataclasses import dataclass
from enum import Enum


class Outage(Enum):
    """How requests fail while the API server is unavailable."""

    REFUSED = "503 with a Status body, as a server that is starting"
    HTML = "502 with a page of HTML, as a proxy in between"
    HANG = "no answer at all until the outage ends"


@dataclass(slots=True)
class _Conflicts:
    pattern: str
    left: int


class Faults:
    """The faults in force. Used from the server's event loop."""

    def __init__(self) -> None:
        self._conflicts: list[_Conflicts] = []
        self._outage: Outage | None = None
        self._ends_at = 0.0
        self._over = asyncio.Event()

    def conflict(self, pattern: str = "*", *, times: int = 1) -> None:
        """Answer the next `times` writes (PUT and PATCH) whose path matches the shell pattern with a 409."""
        self._conflicts.append(_Conflicts(pattern, times))

    def unavailable(self, outage: Outage = Outage.REFUSED, *, seconds: float = float("inf")) -> None:
        """Fail every request for that long, or until `clear`."""
        self.clear_outage()
        self._outage = outage
        self._ends_at = asyncio.get_running_loop().time() + seconds

    def clear_outage(self) -> None:
        """Answer again; what hung goes on."""
        self._outage = None
        self._over.set()
        self._over = asyncio.Event()

    def clear(self) -> None:
        """End all faults."""
        self._conflicts.clear()
        self.clear_outage()

    @property
    def outage(self) -> Outage | None:
        """The outage in force."""
        if self._outage is not None and asyncio.get_running_loop().time() >= self._ends_at:
            self.clear_outage()
        return self._outage

    async def hang(self) -> None:
        """Wait until the outage is over."""
        while self.outage is Outage.HANG:
            left = self._ends_at - asyncio.get_running_loop().time()
            try:
                await asyncio.wait_for(self._over.wait(), None if left == float("inf") else left)
            except TimeoutError:
                continue

    def takes_conflict(self, path: str) -> bool:
        """Whether this write is to be answered with a 409; counts it."""
        for fault in self._conflicts:
            if fault.left > 0 and fnmatch.fnmatch(path, fault.pattern):
                fault.left -= 1
                return True
        return False

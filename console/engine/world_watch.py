"""Whether a practice world is still there: its control address answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta

from console.core.system import System

PATIENCE = timedelta(minutes=1)
ANSWER = timedelta(seconds=3)


def control_addresses(system: System) -> tuple[str, ...]:
    """The control addresses of a system that is nothing but a practice world; empty where anything of it is real."""
    found = [environment.faults for environment in system.environments]
    return tuple(dict.fromkeys(url for url in found if url)) if all(found) else ()


class PracticeWatch:
    """Asks the addresses in a thread of its own, and calls `gone` once when none has answered for `patience`."""

    def __init__(self, addresses: Sequence[str], gone: Callable[[], None], patience: timedelta = PATIENCE) -> None:
        self._addresses = addresses
        self._gone = gone
        self._patience = patience.total_seconds()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="practice", daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def stop(self) -> None:
        """Ask no more."""
        self._stopped.set()

    def _watch(self) -> None:
        answered = time.monotonic()
        while not self._stopped.wait(self._patience / 10):
            if any(_answers(address) for address in self._addresses):
                answered = time.monotonic()
            elif time.monotonic() - answered >= self._patience:
                self._gone()
                return


def _answers(address: str) -> bool:
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import ProxyHandler, build_opener

    try:
        # A proxy of the surroundings knows nothing of an address on the loopback.
        with build_opener(ProxyHandler({})).open(f"{address}/faults", timeout=ANSWER.total_seconds()):
            return True
    except HTTPError:
        return True
    except (OSError, HTTPException, ValueError):
        return False

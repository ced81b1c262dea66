"""Courses: whole rollouts on one practice world, one after the other; several worlds at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass

from tests.rollouts.practice import Ended, Practice


@dataclass(frozen=True, slots=True)
class Run:
    """One rollout. world: a system's name, or with `#2` a second world of it. phase: where it begins, by default first.

    fault: on once the new version has traffic, so that a criterion trips. before: done to the world before.
    """

    world: str
    plan: str
    version: str
    phase: str | None = None
    fault: str = ""
    before: Callable[[Practice], None] = lambda _: None

    @property
    def id(self) -> str:
        system = self.world.partition("#")[0]
        return f"{system}-{self.plan}" + (f"-{self.fault}" if self.fault else "")


class Courses:
    """Runs each world's runs in a thread of its own, in their order. opened: makes a world."""

    def __init__(
        self,
        runs: Iterable[Run],
        opened: Callable[[str, threading.Event], AbstractContextManager[Practice]],
    ) -> None:
        self._opened = opened
        self._stopped = threading.Event()
        self._ends: dict[str, Future[Ended]] = {}
        worlds: dict[str, list[Run]] = {}
        for run in runs:
            worlds.setdefault(run.world, []).append(run)
            self._ends[run.id] = Future()
        self._threads = [
            threading.Thread(target=self._go, args=(world, found), name=f"course-{world}", daemon=True)
            for world, found in worlds.items()
        ]
        for thread in self._threads:
            thread.start()

    def ended(self, run: Run, within: float) -> Ended:
        """How a run ended, waited for. Raises what it raised."""
        return self._ends[run.id].result(within)

    def stop(self) -> None:
        """End every world, also in the midst of a run."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(30)

    def _go(self, world: str, runs: Sequence[Run]) -> None:
        left = list(runs)
        try:
            with self._opened(world, self._stopped) as opened:
                while left and not self._stopped.is_set():
                    run = left[0]
                    run.before(opened)
                    ended = opened.go_through(run.plan, version=run.version, phase=run.phase, fault=run.fault)
                    self._ends[run.id].set_result(ended)
                    left.pop(0)
        except Exception as error:  # noqa: BLE001  (the edge of the thread: every test that waits gets it)
            for run in left:
                self._ends[run.id].set_exception(error)

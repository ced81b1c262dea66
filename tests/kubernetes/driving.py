"""One driver of a rollout, as the tests of strategies need it: what it says, what it writes, and when it is cut off."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from console.actions.rollback import Patience
from console.actions.strategies.base import Applied, Asked, Fenced, Strategy
from console.actions.strategies.writing import Writer
from console.core.rollouts.plan import Share
from console.systems.kubernetes_connection import KubernetesApi
from tests.kubernetes.cluster import NEW, PATIENCE

ROLLOUT = "release-1"
WRITES = ("PATCH", "POST", "DELETE")

# Short of a real cluster's, so that what never gets ready is said soon.
QUICK = Patience(
    every=timedelta(milliseconds=40),
    contact=timedelta(seconds=20),
    trouble=timedelta(milliseconds=400),
    whole=timedelta(seconds=PATIENCE),
)


class Killed(BaseException):
    """The driver's process ends here."""


def ask(share: Share, version: str = NEW, epoch: int = 1, **settings: str) -> Asked:
    return Asked(version, share, tuple(settings.items()), ROLLOUT, epoch, "phase")


@dataclass
class Driver:
    """What a driver hands to a strategy. dies_before: the number of the write (from 1) before which it is killed.

    on_write: called with each write's line right before it goes out.
    """

    epoch: int = 1
    dies_before: int = 0
    lines: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    when: Callable[[str], object] = lambda _line: None
    on_write: Callable[[str], object] = lambda _line: None
    overtaken: bool = False

    def say(self, line: str) -> None:
        self.lines.append(line)
        self.when(line)

    def write(self, line: str) -> None:
        self.writes.append(line)
        self.on_write(line)

    def fence(self) -> None:
        if self.overtaken:
            raise Fenced("another watcher holds the lease")
        if self.dies_before and len(self.writes) + 1 == self.dies_before:
            raise Killed

    @property
    def hands(self) -> dict[str, Any]:
        return {"say": self.say, "on_write": self.write, "fence": self.fence, "stopped": self.stopped}

    def writer(self, api: KubernetesApi, patience: Patience = QUICK) -> Writer:
        asked = ask(Share(ratio=1.0), epoch=self.epoch)
        return Writer(api, api.namespace, asked, patience=patience, **self.hands)

    def apply(self, strategy: Strategy, asked: Asked) -> Applied:
        return strategy.apply(replace(asked, epoch=self.epoch), **self.hands)

    def roll_back(self, strategy: Strategy, good: Any, asked: Asked) -> str:
        return strategy.roll_back(good, replace(asked, epoch=self.epoch), **self.hands)

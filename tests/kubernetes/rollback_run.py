"""One rollback through the proxy, and what the tests of rollbacks ask of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from console.actions.rollback import Patience, plan_rollback, roll_back
from console.core.plans import Good, RollbackPlan
from console.systems.kubernetes_connection import REPLICA_SETS
from tests.conftest import wait_until
from tests.kubernetes.cluster import NAME, PATIENCE, World, image, utc_now
from tests.kubernetes.proxy import Request

QUICK = Patience(
    every=timedelta(milliseconds=50),
    contact=timedelta(seconds=20),
    trouble=timedelta(seconds=1),
    whole=timedelta(seconds=PATIENCE),
)


@dataclass
class Run:
    """One rollback through the proxy. before_write: called right before the first write goes out."""

    world: World
    plan: RollbackPlan
    patience: Patience = QUICK
    lines: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    when: Callable[[str], None] = lambda _line: None

    def go(self) -> str:
        api = self.world.proxy.api()

        def say(line: str) -> None:
            self.lines.append(line)
            self.when(line)

        return roll_back(
            api,
            self.plan,
            say=say,
            stopped=self.stopped,
            clock=utc_now,
            on_write=self.writes.append,
            patience=self.patience,
        )


def plan(world: World, known: Good | None = None, pick: int | None = None) -> RollbackPlan:
    return plan_rollback(world.workload(), world.pods(), target_name=NAME, good=known, revision=pick, now=utc_now())


def good(world: World) -> Good:
    """What runs now, recorded good."""
    workload = world.workload()
    return Good(workload.version, workload.image, workload.template, utc_now())


def is_patch(request: Request) -> bool:
    return request.method == "PATCH"


def is_written(line: str) -> bool:
    """Whether a rollback says with it that its write has arrived."""
    return line.startswith("PATCH") and not line.endswith("writing again")


def patches(world: World) -> list[Request]:
    return [request for request in world.proxy.forwarded if is_patch(request)]


def wait_until_forgotten(world: World, version: str) -> None:
    """Wait until the cluster keeps no ReplicaSet of the version."""

    def kept() -> list[Any]:
        return [each for each in world.api.list(REPLICA_SETS) if f'"{image(version)}"' in json.dumps(each["spec"])]

    wait_until(lambda: not kept(), within=PATIENCE, what=f"the end of the ReplicaSet of {version}")

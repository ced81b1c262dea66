"""The loop that every controller runs in: changes become keys, keys are reconciled one at a time."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from console.sandbox.kube.api import Api
from console.sandbox.kube.errors import ApiError
from console.sandbox.kube.kinds import Kind
from console.sandbox.kube.objects import Obj, clone, controller_of, is_controlled_by, owner_reference
from console.sandbox.kube.selectors import Match
from console.sandbox.kube.store import Change, Key

RETRY_AFTER = 0.05
MOST_RETRY_AFTER = 5.0

log = logging.getLogger(__name__)


class Controller(Protocol):
    """Brings the world nearer to what one object asks for."""

    def keys(self, change: Change) -> Iterable[Key]:
        """Which objects a change concerns."""

    def existing(self) -> Iterable[Key]:
        """Which objects to look at when it starts."""

    def reconcile(self, key: Key) -> float | None:
        """Do what is to do for one object now; gives after how many seconds to look again, None for not by itself."""


class Manager:
    """Runs controllers in the event loop: of the keys that came up, those of the first controllers first.

    ReplicaSets before Deployments, so that pods are deleted before a Deployment makes use of the room.
    """

    def __init__(self, api: Api, controllers: Iterable[Controller]) -> None:
        self._store = api.store
        self._controllers = tuple(controllers)
        self._queues: dict[int, deque[Key]] = {id(controller): deque() for controller in self._controllers}
        self._queued: set[tuple[int, Key]] = set()
        self._failures: dict[tuple[int, Key], int] = {}
        self._timers: dict[tuple[int, Key], asyncio.TimerHandle] = {}
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._unsubscribe: Callable[[], None] | None = None

    def start(self) -> None:
        """Begin; what exists is looked at first."""
        self._unsubscribe = self._store.subscribe(self._changed)
        for controller in self._controllers:
            for key in controller.existing():
                self._add(controller, key)
        self._task = asyncio.create_task(self._run(), name="kube-controllers")

    async def stop(self) -> None:
        """End, with nothing half done."""
        if self._unsubscribe is not None:
            self._unsubscribe()
        for timer in self._timers.values():
            timer.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _changed(self, change: Change) -> None:
        for controller in self._controllers:
            for key in controller.keys(change):
                self._add(controller, key)

    def _add(self, controller: Controller, key: Key) -> None:
        if (id(controller), key) not in self._queued:
            self._queued.add((id(controller), key))
            self._queues[id(controller)].append(key)
            self._woken.set()

    def _add_later(self, controller: Controller, key: Key, seconds: float) -> None:
        identity = (id(controller), key)
        if old := self._timers.pop(identity, None):
            old.cancel()

        def due() -> None:
            self._timers.pop(identity, None)
            self._add(controller, key)

        self._timers[identity] = asyncio.get_running_loop().call_later(seconds, due)

    async def _run(self) -> None:
        while True:
            controller = next((each for each in self._controllers if self._queues[id(each)]), None)
            if controller is None:
                self._woken.clear()
                await self._woken.wait()
                continue
            key = self._queues[id(controller)].popleft()
            self._queued.discard((id(controller), key))
            self._reconcile(controller, key)
            await asyncio.sleep(0)

    def _reconcile(self, controller: Controller, key: Key) -> None:
        identity = (id(controller), key)
        try:
            again = controller.reconcile(key)
        except Exception as error:
            if not isinstance(error, ApiError) or error.reason not in ("Conflict", "NotFound", "Forbidden"):
                log.exception("%s could not reconcile %s/%s", type(controller).__name__, *key)
            failures = self._failures.get(identity, 0) + 1
            self._failures[identity] = failures
            self._add_later(controller, key, min(RETRY_AFTER * 2 ** min(failures, 10), MOST_RETRY_AFTER))
        else:
            self._failures.pop(identity, None)
            if again is not None:
                self._add_later(controller, key, again)


def claim(api: Api, kind: Kind, owner: Obj, matches: Match) -> list[Obj]:
    """The objects of a kind that a controller owns, after adopting fitting orphans and letting go of misfits."""
    claimed: list[Obj] = []
    deleting = bool(owner["metadata"].get("deletionTimestamp"))
    for obj in api.list(kind, owner["metadata"]["namespace"]):
        references = obj["metadata"].get("ownerReferences") or []
        fits = matches(obj)
        if is_controlled_by(obj, owner):
            if fits:
                claimed.append(obj)
            elif not deleting:
                kept = [item for item in references if item["uid"] != owner["metadata"]["uid"]]
                api.update(kind, _with_owners(obj, kept))
        elif fits and not deleting and _is_orphan(obj):
            claimed.append(api.update(kind, _with_owners(obj, [*references, owner_reference(owner)])))
    return claimed


def _is_orphan(obj: Obj) -> bool:
    metadata = obj["metadata"]
    return not metadata.get("deletionTimestamp") and controller_of(obj) is None


def _with_owners(obj: Obj, references: list[Obj]) -> Obj:
    result: Obj = clone(obj)
    result["metadata"]["ownerReferences"] = references
    if not references:
        del result["metadata"]["ownerReferences"]
    return result

"""What etcd is to a real API server: objects by key, one increasing revision, and a bounded history of changes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from console.sandbox.kube.errors import expired
from console.sandbox.kube.objects import Obj, clone, name_of, namespace_of

Key = tuple[str, str]


class ChangeType(Enum):
    """What happened to an object; the value is the word a watch says."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"


@dataclass(frozen=True, slots=True)
class Change:
    """One write. `object` is the state after it, for a deletion the last state with the deletion's revision."""

    revision: int
    type: ChangeType
    store: str
    object: Obj
    previous: Obj | None

    @property
    def key(self) -> Key:
        """Namespace and name."""
        return namespace_of(self.object), name_of(self.object)


Listener = Callable[[Change], None]


class Store:
    """Objects in the form they are stored in, by store name and key.

    Used from one event loop only. What `get` and `all` give is shared and must not be changed.
    history: how many changes are kept for watches and old snapshots.
    """

    def __init__(self, *, history: int = 5_000) -> None:
        self._objects: dict[str, dict[Key, Obj]] = {}
        self._history: deque[Change] = deque()
        self._most = history
        self._listeners: list[Listener] = []
        self._compacted = 0
        self.revision = 1

    @property
    def compacted(self) -> int:
        """The newest revision whose changes are no longer kept; history can be asked for after it."""
        return self._compacted

    def get(self, store: str, namespace: str, name: str) -> Obj | None:
        """The object as it is now."""
        return self._objects.get(store, {}).get((namespace, name))

    def all(self, store: str, namespace: str | None = None) -> list[Obj]:
        """The objects as they are now, by namespace and name."""
        objects = self._objects.get(store, {})
        return [objects[key] for key in sorted(objects) if namespace is None or key[0] == namespace]

    def at(self, store: str, revision: int, namespace: str | None = None) -> list[Obj]:
        """The objects as they were at a revision; raises ApiError 410 where the history does not reach back."""
        if revision < self._compacted:
            raise expired(revision, self._compacted)
        objects = dict(self._objects.get(store, {}))
        for change in reversed(self._history):
            if change.revision <= revision:
                break
            if change.store != store:
                continue
            if change.previous is None:
                objects.pop(change.key, None)
            else:
                objects[change.key] = change.previous
        return [objects[key] for key in sorted(objects) if namespace is None or key[0] == namespace]

    def since(self, store: str, revision: int) -> list[Change]:
        """The changes of a store after a revision; raises ApiError 410 where the history does not reach back."""
        if revision < self._compacted:
            raise expired(revision, self._compacted)
        found: list[Change] = []
        for change in reversed(self._history):
            if change.revision <= revision:
                break
            if change.store == store:
                found.append(change)
        found.reverse()
        return found

    def write(self, store: str, obj: Obj) -> Obj:
        """Create or replace an object; gives what was stored, with its resourceVersion."""
        stored: Obj = clone(obj)
        key = namespace_of(stored), name_of(stored)
        previous = self._objects.setdefault(store, {}).get(key)
        self.revision += 1
        stored["metadata"]["resourceVersion"] = str(self.revision)
        self._objects[store][key] = stored
        self._record(
            Change(self.revision, ChangeType.MODIFIED if previous else ChangeType.ADDED, store, stored, previous)
        )
        return stored

    def remove(self, store: str, namespace: str, name: str) -> Obj:
        """Delete an object; gives its last state with the revision of the deletion. KeyError where there is none."""
        previous = self._objects[store].pop((namespace, name))
        self.revision += 1
        last = {**previous, "metadata": {**previous["metadata"], "resourceVersion": str(self.revision)}}
        self._record(Change(self.revision, ChangeType.DELETED, store, last, previous))
        return last

    def compact(self, keep: int = 0) -> None:
        """Forget all but the newest `keep` changes."""
        while len(self._history) > keep:
            self._compacted = self._history.popleft().revision
        if keep == 0:
            self._compacted = self.revision

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` after every change, in order, inside the write; gives a function that ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def _record(self, change: Change) -> None:
        self._history.append(change)
        while len(self._history) > self._most:
            self._compacted = self._history.popleft().revision
        for listener in tuple(self._listeners):
            listener(change)

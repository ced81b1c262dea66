"""What clients of the cluster wrote: each write that changed an object, so that two runs can be compared."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any

MOST = 5_000


class Writes:
    """Effective writes, oldest first. A write that changed nothing is none; neither is a controller's."""

    def __init__(self) -> None:
        self._kept: deque[dict[str, Any]] = deque(maxlen=MOST)
        self._counts: Counter[str] = Counter()

    def add(self, verb: str, what: str, namespace: str, name: str, revision: str) -> None:
        """One write. what: `deployments.apps`. revision: the resourceVersion after it."""
        told = {"verb": verb, "what": what, "namespace": namespace, "name": name, "resource_version": revision}
        self._kept.append(told)
        self._counts["/".join(part for part in (namespace, what, name) if part)] += 1

    def told(self) -> dict[str, Any]:
        """All that is kept, and how many there were by object, as `namespace/plural.group/name`."""
        return {"counts": dict(self._counts), "log": list(self._kept)}

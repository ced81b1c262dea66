"""Events: what components say happened to an object, repeated ones counted and not listed again."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

from console.sandbox.kube.api import Api
from console.sandbox.kube.errors import ApiError
from console.sandbox.kube.kinds import EVENTS
from console.sandbox.kube.objects import Obj, namespace_of, object_reference, timestamp
from console.sandbox.kube.store import Key

NORMAL, WARNING = "Normal", "Warning"
MOST_KEPT = 2_000
# A probe that fails many times a second must not push everything else out of the history.
REPEAT_EVERY = timedelta(seconds=1)


@dataclass(slots=True)
class _Known:
    """An event that was written, and how often it came up since."""

    key: Key
    written_at: datetime
    unwritten: int = 0


class Recorder:
    """Writes the events of one component, such as `deployment-controller`."""

    def __init__(self, api: Api, component: str, *, host: str = "") -> None:
        self._api = api
        self._component = component
        self._host = host
        self._known: OrderedDict[tuple[str, ...], _Known] = OrderedDict()
        self._count = 0

    def normal(self, obj: Obj, reason: str, message: str, *, field: str = "") -> None:
        """Something went as it should."""
        self._record(obj, NORMAL, reason, message, field)

    def warning(self, obj: Obj, reason: str, message: str, *, field: str = "") -> None:
        """Something went wrong."""
        self._record(obj, WARNING, reason, message, field)

    def _record(self, obj: Obj, kind: str, reason: str, message: str, field: str) -> None:
        now = timestamp(self._api.clock())
        involved = object_reference(obj)
        if field:
            involved["fieldPath"] = field
        namespace = namespace_of(obj) or "default"
        identity = (namespace, involved["kind"], involved["name"], involved["uid"], field, kind, reason, message)
        known = self._known.get(identity)
        if known is not None and (event := self._api.find(EVENTS, *known.key)):
            known.unwritten += 1
            if self._api.clock() - known.written_at >= REPEAT_EVERY:
                event["count"] = event.get("count", 1) + known.unwritten
                event["lastTimestamp"] = now
                known.written_at, known.unwritten = self._api.clock(), 0
                self._api.update(EVENTS, event)
            return
        self._count += 1
        name = f"{involved['name']}.{self._api.store.revision:x}{self._count:08x}"
        source = {"component": self._component, **({"host": self._host} if self._host else {})}
        event = {
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": involved,
            "reason": reason,
            "message": message,
            "source": source,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "type": kind,
            "eventTime": None,
            "reportingComponent": self._component,
            "reportingInstance": self._host,
        }
        try:
            self._api.create(EVENTS, namespace, event)
        except ApiError as error:
            # A namespace that is going away takes no more events; nobody is left to read them.
            if error.reason not in ("NotFound", "Forbidden"):
                raise
            return
        self._known[identity] = _Known((namespace, name), self._api.clock())
        self._forget()

    def _forget(self) -> None:
        while len(self._known) > MOST_KEPT:
            _, oldest = self._known.popitem(last=False)
            if self._api.find(EVENTS, *oldest.key) is not None:
                self._api.delete(EVENTS, *oldest.key)

"""The one way in which a rollout writes to a cluster: bound to what was read, marked, fenced, and never twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from console.actions.rollback import Patience
from console.actions.rollback_standing import Standing, judge
from console.actions.strategies.base import EPOCH, ROLLOUT, VERSION, Asked, Fenced, Say
from console.actions.strategies.following import Follow
from console.core.operations import ActionFailed, Unverified
from console.core.units import show_span
from console.systems.kubernetes_errors import KubernetesError
from console.systems.kubernetes_objects import selector_text

if TYPE_CHECKING:
    from console.systems.kubernetes_connection import KubernetesApi, Resource

__all__ = [
    "APPLYING",
    "PUTTING_BACK",
    "Change",
    "Operations",
    "Patience",
    "Writer",
    "annotation",
    "passes",
    "pointer",
]

Json = dict[str, Any]
Operations = Sequence[Json]
Change = Callable[[Json], Operations | None]

APPLYING = Patience(contact=timedelta(minutes=15))
"""With a server that is away while a phase is applied: a short outage is no reason to hold."""
PUTTING_BACK = Patience(contact=timedelta(hours=1))
"""While traffic is put back nothing better can be done than to go on trying."""

_READ_SECONDS = 3.0
_LONGEST_PAUSE = 2.0
_ANEW = "what is there is compared anew when it is tried again"


def passes(error: KubernetesError) -> bool:
    """Whether asking the same again may help: no answer, overload, a server that fails for the moment, a conflict."""
    if error.status == 0:
        return error.reason in ("Refused", "Timeout", "Disconnected")
    return error.status in (408, 409, 429) or error.status >= 500 or error.reason == "NotJSON"


def annotation(thing: Json | None, key: str) -> str:
    """The object's annotation of that key, empty where it has none or there is no object."""
    return str((((thing or {}).get("metadata") or {}).get("annotations") or {}).get(key, ""))


def pointer(*keys: str) -> str:
    """A JSON pointer: `pointer("metadata", "labels", "a/b")` is `/metadata/labels/a~1b`."""
    return "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys)


class Writer:
    """Writes for one rollout at one epoch into one namespace. Methods block; one thread at a time.

    Every method raises Fenced where a newer epoch of this rollout is found on an object or `fence` says so,
    ActionFailed where the server refuses for good (403, 404, 422), and Unverified where the server cannot be reached
    for longer than `patience.contact` or `stopped` is set: what was asked may be asked again, for it is compared anew.
    writes: how many writes arrived.
    """

    def __init__(
        self,
        api: KubernetesApi,
        namespace: str,
        asked: Asked,
        *,
        say: Say,
        on_write: Say,
        fence: Callable[[], None],
        stopped: threading.Event,
        patience: Patience | None = None,
    ) -> None:
        self.api = api
        self.namespace = namespace
        self.asked = asked
        self.say = say
        self.on_write = on_write
        self.fence = fence
        self.stopped = stopped
        self.patience = patience or APPLYING
        self.writes = 0

    def read(self, resource: Resource, name: str) -> Json | None:
        """The object as it is now, None where there is none of that name."""
        return self._read(f"GET {resource.plural}/{name} in {self.namespace}", resource, name)

    def read_all(self, resource: Resource, label_selector: str = "") -> Sequence[Json]:
        """Every object of the kind in the namespace."""
        contact = _Contact(self, f"GET {resource.plural} in {self.namespace}")
        while True:
            try:
                return self.api.list(resource, namespace=self.namespace, label_selector=label_selector)
            except KubernetesError as error:
                contact.lost(error)

    def guard(self, live: Json | None) -> None:
        """Raise Fenced where the object says that a newer epoch of this rollout writes."""
        epoch = annotation(live, EPOCH)
        if annotation(live, ROLLOUT) == self.asked.rollout and epoch.isdigit() and int(epoch) > self.asked.epoch:
            name = (live or {}).get("metadata", {}).get("name", "")
            raise Fenced(
                f"{name} in {self.namespace} was written by epoch {epoch} of rollout {self.asked.rollout} while this "
                f"process drives epoch {self.asked.epoch}: another one drives now, and nothing more is written here"
            )

    def write(self, resource: Resource, name: str, change: Change, what: str) -> Json:
        """Patch what `change` finds to differ; the object as it is then.

        change: from the live object to JSON patch operations, None where nothing is to be done, empty where only the
        marks of rollout and epoch are to be put on it, as a claim. It is asked again whenever the object has changed in
        between. what: for the line that is said, such as `2 → 3 pods`.
        """
        from console.systems.kubernetes_connection import JSON_PATCH

        line = f"PATCH {resource.plural}/{name} in {self.namespace}: {what}"
        contact = _Contact(self, line)
        while True:
            live = self._read(line, resource, name, contact.doubted)
            if live is None:
                raise ActionFailed(
                    f"kubernetes {self.api.host}: {line}: there is no {resource.plural}/{name}; check the name in the "
                    "plan, or whether it was deleted, then resume (h)"
                )
            self.guard(live)
            operations = change(live)
            if operations is None or (not operations and self._is_marked(live)):
                if contact.doubted:
                    self._arrived(f"{line}; only the answer was lost")
                return live
            contact.doubted = False
            self.fence()
            self.on_write(line)
            try:
                written = self.api.patch(
                    resource,
                    name,
                    [*self._binding(live), *operations],
                    content_type=JSON_PATCH,
                    namespace=self.namespace,
                )
            except KubernetesError as error:
                contact.lost(error)
            else:
                self._arrived(line)
                return written

    def create(self, resource: Resource, body: Json, what: str) -> Json:
        """Create the object with the marks on it; the object, which may be one that somebody else has made meanwhile:
        follow with `write`.
        """
        name = str(body["metadata"]["name"])
        line = f"POST {resource.plural}/{name} in {self.namespace}: {what}"
        metadata = {**body["metadata"], "namespace": self.namespace}
        metadata["annotations"] = {**(metadata.get("annotations") or {}), **self._marks()}
        contact = _Contact(self, line)
        while True:
            live = self._read(line, resource, name, contact.doubted)
            if live is not None:
                self.guard(live)
                if contact.doubted:
                    self._arrived(f"{line}; only the answer was lost")
                return live
            contact.doubted = False
            self.fence()
            self.on_write(line)
            try:
                created = self.api.create(resource, {**body, "metadata": metadata}, namespace=self.namespace)
            except KubernetesError as error:
                contact.lost(error)
            else:
                self._arrived(line)
                return created

    def delete(self, resource: Resource, name: str, what: str) -> None:
        """Delete the object; nothing is done where it is gone or going."""
        line = f"DELETE {resource.plural}/{name} in {self.namespace}: {what}"
        contact = _Contact(self, line)
        while True:
            live = self._read(line, resource, name, contact.doubted)
            if live is None or live["metadata"].get("deletionTimestamp"):
                if contact.doubted:
                    self._arrived(f"{line}; only the answer was lost")
                return
            self.guard(live)
            contact.doubted = False
            self.fence()
            self.on_write(line)
            try:
                self.api.delete(resource, name, namespace=self.namespace)
            except KubernetesError as error:
                if error.status != 404:
                    contact.lost(error)
            else:
                self._arrived(line)
                return

    def wait_ready(self, written: Json, container: str | None = None) -> Json:
        """Follow a Deployment until its controller has observed it, every pod wanted is of the newest template and
        available, and none of another is left; the Deployment as it is then.

        written: as it was after the last write. Raises ActionFailed where it cannot get ready (with the reason), or
        somebody puts another template on it meanwhile.
        """
        return Follow(self, written, container).until_ready()

    def standing(self, deployment: Json) -> Standing:
        """How a Deployment stands now, by its pods."""
        from console.systems.kubernetes_connection import PODS, REPLICA_SETS

        selector = selector_text(deployment["spec"].get("selector") or {})
        return judge(deployment, self.read_all(REPLICA_SETS, selector), self.read_all(PODS, selector))

    def _read(self, line: str, resource: Resource, name: str, doubted: bool = False) -> Json | None:
        contact = _Contact(self, line, doubted)
        while True:
            try:
                return self.api.get(resource, name, namespace=self.namespace, timeout=_READ_SECONDS)
            except KubernetesError as error:
                # Servers that do not know the kind answer 404 too, without the name.
                if error.status == 404 and f'"{name}" not found' in error.detail:
                    return None
                contact.lost(error)

    def _marks(self) -> dict[str, str]:
        marks = {ROLLOUT: self.asked.rollout, EPOCH: str(self.asked.epoch), VERSION: self.asked.version}
        return {key: value for key, value in marks.items() if value}

    def _is_marked(self, live: Json) -> bool:
        return all(annotation(live, key) == value for key, value in self._marks().items())

    def _binding(self, live: Json) -> list[Json]:
        """The resourceVersion the rest was computed from (another one is a 409), and the marks."""
        metadata = live["metadata"]
        operations: list[Json] = [
            {"op": "replace", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"]}
        ]
        if not metadata.get("annotations"):
            return [*operations, {"op": "add", "path": "/metadata/annotations", "value": self._marks()}]
        return operations + [
            {"op": "add", "path": pointer("metadata", "annotations", key), "value": value}
            for key, value in self._marks().items()
        ]

    def _arrived(self, line: str) -> None:
        self.writes += 1
        self.say(line)


class _Contact:
    """How long one call is tried again. doubted: whether a write of it may have arrived without an answer."""

    def __init__(self, writer: Writer, line: str, doubted: bool = False) -> None:
        self.doubted = doubted
        self._writer = writer
        self._line = line
        self._began = time.monotonic()
        self._lost: float | None = None
        self._pause = 0.1
        self._conflicts = 0
        self._told = ""

    def lost(self, error: KubernetesError) -> None:
        """Wait before the next try. Raises where another cannot help, or out of time, or when told to stop."""
        patience, now = self._writer.patience, time.monotonic()
        if error.status == 409:
            self._lost = None
            pause = self._after_conflict(error, now)
        elif not passes(error):
            raise ActionFailed(f"{self._line}: {self._outcome()}: {error}; mend that, then resume (h)") from error
        else:
            self.doubted = self.doubted or (error.unknown and not self._line.startswith("GET"))
            self._lost = now if self._lost is None else self._lost
            if now - self._lost > patience.contact.total_seconds():
                raise Unverified(f"{self._line}: {self._outcome()}: {error}; {_ANEW}") from error
            self._say(f"{error}; trying again")
            pause = self._pause if error.retry_after is None else error.retry_after.total_seconds()
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        if self._writer.stopped.wait(pause):
            raise Unverified(f"{self._line}: {self._outcome()}: told to stop; {_ANEW}")

    def _after_conflict(self, error: KubernetesError, now: float) -> float:
        whole = self._writer.patience.whole
        pause = min(self._conflicts * 0.02, 0.5)
        self._conflicts += 1
        if now - self._began > whole.total_seconds():
            raise ActionFailed(
                f"{self._line}: the object has changed under every one of {self._conflicts} tries in "
                f"{show_span(whole)} ({error}); find out what keeps writing it, then resume (h)"
            ) from error
        self._say(f"{self._line}: it had changed in between; reading it again")
        return pause

    def _say(self, line: str) -> None:
        if line != self._told:
            self._told = line
            self._writer.say(line)

    def _outcome(self) -> str:
        if self.doubted:
            return "it may have been written, and it cannot be read whether"
        return "it cannot be read" if self._line.startswith("GET") else "it was not written"

"""List and watch: one kind of object of one namespace, kept in step with the API server by a thread of its own."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from console.systems.kubernetes_connection import KubernetesApi, KubernetesError, Resource, Stream

log = logging.getLogger(__name__)

Json = dict[str, Any]

_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 5.0
_LONGEST_ASKED_PAUSE = 30.0
_SHORTEST_WATCH = 1.0


class ListWatch:
    """Keeps `objects` as the server has them.

    It lists in pages, watches from the list's resourceVersion, resumes a watch that ends, and lists again when the
    version has expired (410 as an answer or as an ERROR event). A watch lasts about `watch_seconds`; failures are
    retried with jittered pauses of at most five seconds, or as long as the server asks. A disconnect alone is no error:
    only what fails again when asked again is.

    changed: called from its thread after every list and event, and when `error` changes; must return at once.
    """

    def __init__(
        self, api: KubernetesApi, resource: Resource, *, changed: Callable[[], None], watch_seconds: int = 25
    ) -> None:
        self._api = api
        self._resource = resource
        self._changed = changed
        self._watch_seconds = watch_seconds
        self._objects: dict[str, Json] = {}
        self._lock = threading.Lock()
        self._stream: Stream | None = None
        self._ended = threading.Event()
        self._wake = threading.Event()
        self._list_again = False
        self._version = ""
        self._failures = 0
        self.error: str | None = None
        self.listed = False
        self.lists = 0
        self.watches = 0

    def start(self) -> None:
        """Begin; returns at once."""
        threading.Thread(target=self._run, name=f"watch-{self._resource.plural}", daemon=True).start()

    def stop(self) -> None:
        """End; returns at once."""
        self._ended.set()
        self._interrupt()

    def resume(self) -> None:
        """Ask anew from the last version seen: for when the connection may have died in silence."""
        self._interrupt()

    def relist(self) -> None:
        """List again: for when the watch has fallen behind."""
        self._list_again = True
        self._interrupt()

    def objects(self) -> Mapping[str, Json]:
        """A copy: name → object. The objects themselves must not be changed."""
        with self._lock:
            return dict(self._objects)

    def find(self, name: str) -> Json | None:
        """The object of that name, if it is there."""
        with self._lock:
            return self._objects.get(name)

    def _interrupt(self) -> None:
        self._wake.set()
        stream = self._stream
        if stream is not None:
            stream.close()

    def _run(self) -> None:
        while not self._ended.is_set():
            self._wake.clear()
            try:
                if self._list_again or not self._version:
                    self._list_again = False
                    self._list()
                began = time.monotonic()
                self._watch()
                if time.monotonic() - began >= _SHORTEST_WATCH:
                    self._failures = 0
                elif not self._wake.is_set():
                    self._wake.wait(self._pause(None))
            except KubernetesError as error:
                self._after(error)
            except Exception as error:  # the edge of the task: an answer of a shape no API server gives
                log.exception("watch %s", self._resource.plural)
                self._say(f"kubernetes {self._api.host}: {self._resource.plural}: {type(error).__name__}: {error}")
                self._version = ""
                self._wake.wait(self._pause(None))

    def _after(self, error: KubernetesError) -> None:
        """Wait as the failure asks for, and decide whether the version reached is still good to go on from."""
        lost = error.status == 0 and error.reason in ("Disconnected", "Timeout")
        if not lost and error.status not in (429, 502, 503):
            self._version = ""
        if self._failures == 0 and (error.expired or lost):
            self._failures = 1
            return
        self._say(str(error))
        self._wake.wait(self._pause(error))

    def _list(self) -> None:
        objects: dict[str, Json] = {}
        version = ""
        for page in self._api.pages(self._resource):
            for item in page.get("items") or ():
                objects[item["metadata"]["name"]] = _trimmed(item)
            version = str((page.get("metadata") or {}).get("resourceVersion", ""))
        with self._lock:
            self._objects = objects
        self.lists += 1
        self.listed = True
        self._version = version
        self._say(None)
        self._changed()

    def _watch(self) -> None:
        """Follow until the server ends it, the connection is lost or it is interrupted."""
        seconds = self._watch_seconds + random.randrange(max(1, self._watch_seconds // 5))
        stream = self._api.watch(self._resource, resource_version=self._version, seconds=seconds)
        self._stream = stream
        self.watches += 1
        if self._wake.is_set() or self._ended.is_set():
            stream.close()
        self._say(None)
        try:
            for event in stream.events():
                self._failures = 0
                item = event["object"]
                if event["type"] != "BOOKMARK":
                    self._apply(event["type"], item)
                self._version = str(item["metadata"]["resourceVersion"])
                self._changed()
        except KubernetesError as error:
            if error.status != 0:
                raise
            # A lost connection is how many watches end; whether it is an error shows when it is asked for again.
            log.debug("%s", error)
        finally:
            self._stream = None

    def _apply(self, kind: str, item: Json) -> None:
        with self._lock:
            if kind == "DELETED":
                self._objects.pop(item["metadata"]["name"], None)
            else:
                self._objects[item["metadata"]["name"]] = _trimmed(item)

    def _say(self, error: str | None) -> None:
        if error != self.error:
            self.error = error
            self._changed()

    def _pause(self, error: KubernetesError | None) -> float:
        self._failures += 1
        if error is not None and error.retry_after is not None:
            return min(error.retry_after.total_seconds(), _LONGEST_ASKED_PAUSE) * random.uniform(1.0, 1.1)
        longest = min(_FIRST_PAUSE * 2.0 ** min(self._failures - 1, 8), _LONGEST_PAUSE)
        return longest * random.uniform(0.5, 1.0)


def _trimmed(item: Json) -> Json:
    """Without what is large and never read here."""
    item["metadata"].pop("managedFields", None)
    return item

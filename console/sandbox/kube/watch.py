"""Watches: a stream of what happens to the objects a client selected, from a resourceVersion on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

from console.sandbox.kube.api import Api
from console.sandbox.kube.conversions import present
from console.sandbox.kube.errors import ApiError, bad_request
from console.sandbox.kube.kinds import Kind
from console.sandbox.kube.objects import Obj, namespace_of
from console.sandbox.kube.selectors import Match
from console.sandbox.kube.store import Change, ChangeType

MOST_BEHIND = 10_000


@dataclass(frozen=True, slots=True)
class WatchRequest:
    """What a client watches.

    revision: start after it; None to be told of what exists first, then of changes.
    initial_events: what exists first, ended by a bookmark that says so (sendInitialEvents).
    timeout, bookmark_every: seconds.
    """

    kind: Kind
    namespace: str | None
    match: Match
    revision: int | None
    initial_events: bool
    bookmarks: bool
    timeout: float
    bookmark_every: float


def parse_revision(text: str) -> int | None:
    """A resourceVersion parameter; None for unset and `0`, which both mean any. Raises ApiError 400."""
    if text in ("", "0"):
        return None
    if not text.isdigit():
        raise bad_request(f'invalid resource version "{text}": strconv.ParseUint: parsing "{text}": invalid syntax')
    return int(text)


def translate(change: Change, request: WatchRequest) -> tuple[str, Obj] | None:
    """The event a change is to this watch; what enters or leaves the selection is ADDED or DELETED."""
    if request.namespace is not None and namespace_of(change.object) != request.namespace:
        return None
    before = change.previous is not None and request.match(change.previous)
    if change.type is ChangeType.DELETED:
        return ("DELETED", present(request.kind, change.object)) if before else None
    if request.match(change.object):
        return "MODIFIED" if before else "ADDED", present(request.kind, change.object)
    if before and change.previous is not None:
        gone = present(request.kind, change.previous)
        gone["metadata"]["resourceVersion"] = str(change.revision)
        return "DELETED", gone
    return None


def _bookmark(request: WatchRequest, revision: int, *, ends_initial: bool = False) -> Obj:
    metadata: Obj = {"resourceVersion": str(revision), "creationTimestamp": None}
    if ends_initial:
        metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
    return {"kind": request.kind.name, "apiVersion": request.kind.api_version, "metadata": metadata}


async def events(api: Api, request: WatchRequest, ended: asyncio.Event) -> AsyncGenerator[tuple[str, Obj], None]:
    """The events of a watch, until its time-out, `ended`, or a client too far behind.

    A revision that is no longer kept gives one ERROR event with a Status of code 410, as a real server's watch cache
    does: the answer itself is still a 200.
    """
    queue: asyncio.Queue[Change] = asyncio.Queue()
    store = api.store
    name = request.kind.stored_as
    unsubscribe = store.subscribe(lambda change: queue.put_nowait(change) if change.store == name else None)
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + request.timeout
    bookmark_at = loop.time() + request.bookmark_every
    last = store.revision
    floor = request.revision or 0
    try:
        if request.revision is None or request.initial_events:
            for stored in store.all(name, request.namespace):
                if request.match(stored):
                    yield "ADDED", present(request.kind, stored)
            floor = last
            if request.initial_events:
                yield "BOOKMARK", _bookmark(request, last, ends_initial=True)
        else:
            try:
                missed = store.since(name, request.revision)
            except ApiError as error:
                yield "ERROR", error.status()
                return
            # The subscription is older than this snapshot, so what is in both is told once.
            floor = max(last, request.revision)
            for change in missed:
                if event := translate(change, request):
                    yield event
        while not ended.is_set() and queue.qsize() < MOST_BEHIND:
            now = loop.time()
            if now >= ends_at:
                break
            due = min(ends_at, bookmark_at) if request.bookmarks else ends_at
            change_or_none = await _next(queue, ended, due - now)
            if change_or_none is not None:
                last = change_or_none.revision
                if last > floor and (event := translate(change_or_none, request)):
                    yield event
            elif request.bookmarks and loop.time() >= bookmark_at and queue.empty():
                bookmark_at = loop.time() + request.bookmark_every
                yield "BOOKMARK", _bookmark(request, max(store.revision, floor))
        if request.bookmarks and not ended.is_set() and queue.empty():
            yield "BOOKMARK", _bookmark(request, max(store.revision, floor))
    finally:
        unsubscribe()


async def _next(queue: asyncio.Queue[Change], ended: asyncio.Event, within: float) -> Change | None:
    """The next change; None after `within` seconds or when the watch is to end."""
    if not queue.empty():
        return queue.get_nowait()
    getting = asyncio.ensure_future(queue.get())
    ending = asyncio.ensure_future(ended.wait())
    try:
        await asyncio.wait({getting, ending}, timeout=max(within, 0), return_when=asyncio.FIRST_COMPLETED)
        return getting.result() if getting.done() else None
    finally:
        for task in (getting, ending):
            if not task.done():
                task.cancel()


def encode(kind: str, obj: Obj, shape: Callable[[Obj], Obj]) -> bytes:
    """One line of a watch; errors and bookmarks keep their own form where the client asked for tables."""
    body = obj if kind == "ERROR" else shape(obj)
    return json.dumps({"type": kind, "object": body}, separators=(",", ":")).encode() + b"\n"

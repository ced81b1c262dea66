"""Sessions as a source: a census over the key scheme by budgeted SCAN, in a thread of its own."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from console.core.readings import Reading, SessionCensus
from console.core.system import SessionScheme
from console.sources.base import Clock, SourceError
from console.sources.census import Pace, Tally, key_shape
from console.systems.redis_connection import explain, open_redis, redis_errors

if TYPE_CHECKING:
    from redis import Redis

    from console.systems.secrets import RedisAccess

RETRY = timedelta(seconds=1)
RESUME_WITHIN = timedelta(minutes=5)
PUBLISH_EVERY = 0.5
FIRST_WORD_AFTER = 0.04
PINGS = 3

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Walk:
    """One pass over the keyspace. server: the run id of the process that the cursor belongs to."""

    tally: Tally
    pace: Pace
    server: str
    keyspace: int
    began: datetime
    clocked: float
    cursor: int = 0
    scanned: int = 0
    round_trip: float = field(default=float("inf"))
    broken_at: datetime | None = None

    def census(self, now: datetime, *, complete: bool) -> SessionCensus:
        """What has been counted; under way, with the total projected from the part of the keyspace looked at."""
        scanned = min(self.scanned, self.keyspace)
        estimate = None
        if complete:
            scanned = self.keyspace
        elif scanned:
            estimate = max(self.tally.total, round(self.tally.total * self.keyspace / scanned))
        return SessionCensus(
            total=self.tally.total,
            tenants=self.tally.by_tenant(),
            complete=complete,
            scanned=scanned,
            keyspace=self.keyspace,
            began=self.began,
            ended=now,
            estimate=estimate,
        )


class SessionSource:
    """Counts sessions again every `scheme.every`, with pages of about a millisecond of the server's time.

    `reading` holds the last complete census and never falls back to a partial count; before the first one is complete
    it holds the walk's partial one, with its estimate. `progress` is the walk that is under way. A walk that a failure
    interrupts goes on where it was when the same server process answers again within five minutes.
    """

    name = "sessions"

    def __init__(self, access: RedisAccess, scheme: SessionScheme, *, clock: Clock) -> None:
        self._access = access
        self._scheme = scheme
        self._shape = key_shape(scheme.pattern)
        self._clock = clock
        self._reading: Reading[SessionCensus] = Reading(stale_after=max(scheme.every * 3, timedelta(seconds=6)))
        self._progress: SessionCensus | None = None
        self._client: Redis | None = None
        self._walk: _Walk | None = None
        self._changed: Callable[[], None] = lambda: None
        self._wake = threading.Event()
        self._ended = threading.Event()

    @property
    def reading(self) -> Reading[SessionCensus]:
        """The last complete census, or the first one as it grows."""
        return self._reading

    @property
    def progress(self) -> SessionCensus | None:
        """The walk under way, None between two."""
        return self._progress

    def start(self, changed: Callable[[], None]) -> None:
        """Begin to count."""
        self._changed = changed
        threading.Thread(target=self._run, name="source-sessions", daemon=True).start()

    def refresh(self) -> None:
        """Count now, or once more after the walk under way."""
        self._wake.set()

    def stop(self) -> None:
        """End; a page on its way is left to its deadline."""
        self._ended.set()
        self._wake.set()

    def _run(self) -> None:
        try:
            while not self._ended.is_set():
                self._wake.clear()
                pause = self._attempt()
                if self._ended.is_set():
                    return
                self._changed()
                self._wake.wait(pause.total_seconds())
        finally:
            self._drop()

    def _attempt(self) -> timedelta:
        """Count once, or go on with what a failure interrupted; gives the time until the next attempt."""
        try:
            walk = self._count()
        except SourceError as error:
            self._fail(str(error))
            return RETRY
        except Exception as error:  # the edge of the task: it becomes a failed reading
            log.exception("source sessions")
            self._walk = None
            self._fail(f"sessions: {type(error).__name__}: {error}")
            return RETRY
        if walk is None:
            return timedelta(0)
        now = self._clock()
        took = now - walk.began
        self._walk = self._progress = None
        stale_after = max(self._scheme.every * 3 + took * 2, timedelta(seconds=6))
        self._reading = replace(self._reading.good(walk.census(now, complete=True), now), stale_after=stale_after)
        return max(self._scheme.every - took, timedelta(0))

    def _fail(self, sentence: str) -> None:
        now = self._clock()
        if self._walk is not None:
            self._walk.broken_at = self._walk.broken_at or now
        self._reading = self._reading.failed(sentence, now)

    def _count(self) -> _Walk | None:
        """Walk to the end of the keyspace; None when stopped before."""
        if self._client is None:
            self._client = open_redis(self._access, name="hakgal-console-census")
        walk = self._walk = self._begin_or_resume()
        published = time.monotonic() - PUBLISH_EVERY + FIRST_WORD_AFTER
        while not self._ended.is_set():
            keys, busy = self._page(walk)
            walk.tally.add(keys)
            walk.scanned += max(walk.pace.count, len(keys))
            walk.pace.asked += walk.pace.count
            walk.pace.learn(busy)
            if walk.cursor == 0:
                return walk
            if time.monotonic() - published >= PUBLISH_EVERY:
                published = time.monotonic()
                self._publish(walk)
            due = walk.pace.due(time.monotonic() - walk.clocked)
            if due > 0:
                self._ended.wait(due)
        return None

    def _begin_or_resume(self) -> _Walk:
        """The interrupted walk where the same server process goes on with it, else a new one."""
        server = self._run_id()
        now = self._clock()
        walk = self._walk
        if walk is not None and server and walk.server == server and now - (walk.broken_at or now) <= RESUME_WITHIN:
            walk.broken_at = None
            walk.pace.asked, walk.clocked = 0, time.monotonic()
        else:
            keyspace = int(self._call("DBSIZE", "DBSIZE"))
            walk = _Walk(Tally(self._shape), Pace(max(1, self._scheme.budget)), server, keyspace, now, time.monotonic())
        for _ in range(PINGS):
            began = time.perf_counter()
            self._call("PING", "PING")
            walk.round_trip = min(walk.round_trip, time.perf_counter() - began)
        return walk

    def _run_id(self) -> str:
        """Names the server process; empty where INFO is not allowed, and then no walk is resumed."""
        assert self._client is not None
        from redis.exceptions import ResponseError

        try:
            return str(self._client.info("server").get("run_id", ""))
        except ResponseError:
            return ""
        except redis_errors() as error:
            self._drop()
            raise SourceError(explain(error, self._access, "INFO")) from error

    def _page(self, walk: _Walk) -> tuple[list[bytes], float]:
        """The next page, and for how many seconds the server was busy with it beyond a bare round trip.

        The time ends with the reply's first bytes: parsing it is our own effort and none of the server's.
        """
        assert self._client is not None
        pool = self._client.connection_pool
        try:
            connection: Any = pool.get_connection()
            try:
                began = time.perf_counter()
                connection.send_command("SCAN", walk.cursor, "MATCH", self._shape.glob, "COUNT", walk.pace.count)
                if not connection.can_read(self._access.timeout.total_seconds()):
                    raise TimeoutError
                answered = time.perf_counter() - began
                cursor, keys = connection.read_response()
            finally:
                pool.release(connection)
        except redis_errors() as error:
            self._drop()
            raise SourceError(explain(error, self._access, "SCAN")) from error
        walk.cursor = int(cursor)
        walk.round_trip = min(walk.round_trip, answered)
        return keys, answered - walk.round_trip

    def _publish(self, walk: _Walk) -> None:
        now = self._clock()
        self._progress = walk.census(now, complete=False)
        held = self._reading.value
        if held is None or not held.complete:
            self._reading = self._reading.good(self._progress, now)
        elif self._reading.error is not None:
            self._reading = replace(self._reading, error=None, error_at=None)
        self._changed()

    def _call(self, name: str, *command: Any) -> Any:
        client: Any = self._client
        try:
            return client.execute_command(*command)
        except redis_errors() as error:
            self._drop()
            raise SourceError(explain(error, self._access, name)) from error

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

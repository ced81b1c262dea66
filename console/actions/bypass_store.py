"""The Redis behind the emergency bypass: its commands, its clock, and its refusals in sentences."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from console.core.system import BypassRule
from console.systems.redis_connection import access_of, address, explain, redis_errors

if TYPE_CHECKING:
    from redis import Redis

ATTEMPTS = 5
KEEP_COUNT = 2 * 24 * 3600


class BypassRefused(Exception):
    """Nothing was granted or revoked; the message is one sentence: what, why, and what to do."""


class BypassUncertain(BypassRefused):
    """The store did not say whether it did what was asked; the message says what may be in force, and until when."""


@dataclass(frozen=True, slots=True)
class Held:
    """What the store holds at one moment. raw: the record as bytes; ttl: None for a key that never expires."""

    raw: bytes | None
    ttl: timedelta | None
    now: datetime


class Store:
    """The Redis behind the bypass, its errors as BypassRefused."""

    def __init__(self, client: Redis, rule: BypassRule) -> None:
        self._client: Any = client
        self._access = access_of(client)
        self.key = rule.key
        self.place = f"redis {address(self._access)}"

    def check_is_primary(self) -> None:
        """Raises BypassRefused on a replica: what is written there, nobody else sees. Unknown counts as a primary."""
        from redis.exceptions import ResponseError

        try:
            role = self._client.execute_command("ROLE")
        except ResponseError:
            return  # not every server or ACL knows ROLE, and a read-only replica refuses the write in any case
        except redis_errors() as error:
            raise self._refused(error, "ROLE") from error
        if role and role[0] in (b"slave", b"replica", "slave", "replica"):
            raise BypassRefused(
                f"{self.place} is a replica and cannot hold the bypass; point the console at the primary"
            )

    def watching(self) -> Watch:
        """A pipeline that watches the key; to be used with `with`."""
        return Watch(self)

    def open_pipe(self) -> Any:
        pipe = self._client.pipeline(transaction=True)
        try:
            pipe.watch(self.key)
        except redis_errors() as error:
            raise self._refused(error, "WATCH") from error
        return pipe

    def held(self, pipe: Any = None) -> Held:
        """What the key holds, by the store's clock."""
        try:
            # under WATCH each command is answered at once, and the transaction later fails where anything changed
            asked = self._client.pipeline(transaction=True) if pipe is None else pipe
            said = [asked.execute_command(*command) for command in (("GET", self.key), ("PTTL", self.key), ("TIME",))]
            raw, ends, (seconds, micro) = asked.execute() if pipe is None else said
        except redis_errors() as error:
            raise self._refused(error, "GET") from error
        now = datetime.fromtimestamp(int(seconds), UTC) + timedelta(microseconds=int(micro))
        ttl = None if int(ends) == -1 else timedelta(milliseconds=max(0, int(ends)))
        is_gone = raw is None or int(ends) == -2  # it may expire between the two
        return Held(None if is_gone else raw, ttl, now)

    def count_key(self, now: datetime) -> str:
        """Where the grants of the UTC day are counted."""
        return f"{self.key}:granted:{now:%Y-%m-%d}"

    def count(self, now: datetime, pipe: Any = None) -> tuple[int, str]:
        """(grants of the day, what is odd about the count). An odd one counts as all of them."""
        target = self._client if pipe is None else pipe
        key = self.count_key(now)
        try:
            if pipe is not None:
                pipe.watch(key)
            said = target.execute_command("GET", key)
        except redis_errors() as error:
            raise self._refused(error, "GET") from error
        try:
            number = int(said or 0)
        except ValueError:
            number = -1
        if number < 0:
            return 2**31, f"{self.place}: key {key} counts the day's bypasses and holds no such number; delete it"
        return number, ""

    def set(self, pipe: Any, record: bytes, seconds: int, now: datetime) -> bool:
        """Set the record with its expiry, and count it; False where another client was faster."""
        from redis.exceptions import ResponseError, WatchError

        try:
            pipe.multi()
            pipe.execute_command("SET", self.key, record, "NX", "EX", seconds)
            pipe.execute_command("INCR", self.count_key(now))
            pipe.execute_command("EXPIRE", self.count_key(now), KEEP_COUNT)
            answers = pipe.execute()
        except WatchError:
            return False
        except ResponseError as error:
            raise self._refused(error, "SET") from error
        except redis_errors() as error:
            raise self._after_silence(error, record, seconds) from error
        return bool(answers[0])

    def delete(self, pipe: Any) -> bool:
        """Delete the watched key; False where it changed meanwhile."""
        from redis.exceptions import WatchError

        try:
            pipe.multi()
            pipe.execute_command("DEL", self.key)
            pipe.execute()
        except WatchError:
            return False
        except redis_errors() as error:
            raise self._refused(error, "DEL") from error
        return True

    def remove_exactly(self, record: bytes) -> bool:
        """Delete the key where it holds exactly this record. True when the record is gone for sure."""
        try:
            for _ in range(ATTEMPTS):
                with self.watching() as pipe:
                    if self.held(pipe).raw != record or self.delete(pipe):
                        return True
        except BypassRefused:
            return False
        return False

    def _after_silence(self, error: Exception, record: bytes, seconds: int) -> BypassRefused:
        """No answer to the grant itself: it may have been done, so it is taken back where that is possible."""
        why = explain(error, self._access, "SET")
        if self.remove_exactly(record):
            return BypassRefused(f"{why}; the bypass was taken back, and is not in force")
        return BypassUncertain(
            f"{why}; the bypass may be in force, and then ends by itself in at most {seconds} s; look when it answers"
        )

    def _refused(self, error: Exception, call: str) -> BypassRefused:
        from redis import exceptions

        silent = isinstance(error, exceptions.ConnectionError | exceptions.TimeoutError | OSError)
        silent = silent and not isinstance(error, exceptions.AuthenticationError | exceptions.BusyLoadingError)
        verb = "does not answer" if silent else "refuses"
        why = explain(error, self._access, call).removeprefix(f"{self.place}: ")
        return BypassRefused(f"the bypass needs a store that expires by itself, and {self.place} {verb}: {why}")


class Watch:
    """A watching pipeline that is given back at the end, whatever happens."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pipe: Any = None

    def __enter__(self) -> Any:
        self._pipe = self._store.open_pipe()
        return self._pipe

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and self._pipe.connection is not None:
            # no UNWATCH is owed on a closed connection, and none must be waited for on a hung one
            self._pipe.connection.disconnect()
            self._pipe.watching = False
        self._pipe.reset()

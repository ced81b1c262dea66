"""Feature flags that a rollout keeps on and off: fields of a Redis hash, or members of a JSON object in a file."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from console.core.operations import ActionFailed, Unverified
from console.core.rollouts.plan import FileFlags, RedisFlags

if TYPE_CHECKING:
    from redis import Redis

Json = dict[str, Any]

ON, OFF = "true", "false"

_TRIES = 50


class FlagStore(Protocol):
    """Where flags are kept. Every method raises ActionFailed with what to do, and Unverified where a write may have
    arrived without an answer: it may be asked again, for only what differs is written.
    """

    def record(self) -> Json:
        """What there is now, for `restore`: {"kind", "where", "values": {name: value}}."""

    def apply(self, on: Iterable[str], off: Iterable[str]) -> tuple[str, ...]:
        """Switch those that differ, all at once; a line for each that was switched: `llm_v2: off → on`."""

    def restore(self, record: Mapping[str, Any], names: Iterable[str] = ()) -> tuple[str, ...]:
        """Put back what differs from the record; a line for each. names: those that the plan switches: only they are
        put back, and one that was not there is taken away again; without names every recorded one is put back.
        """

    def drift(self, on: Iterable[str], off: Iterable[str]) -> tuple[str, ...]:
        """A sentence for each that is not as it is to be: `llm_v2 is off, and the plan keeps it on`."""


def flag_store(store: RedisFlags | FileFlags, redis: Callable[[], Redis]) -> FlagStore:
    """The store that a plan names. redis: opens the environment's Redis; called only where flags are kept there."""
    return RedisFlagStore(redis(), store.key) if isinstance(store, RedisFlags) else FileFlagStore(store.path)


class RedisFlagStore:
    """Fields of one hash: `true` and `false`. One that reads otherwise is written anew. One transaction a change, tried
    again where somebody else writes the hash in between.
    """

    def __init__(self, client: Redis, key: str) -> None:
        self._client = client
        self._key = key

    def record(self) -> Json:
        """As `FlagStore`; values are texts."""
        return {"kind": "redis", "where": self._key, "values": self._read()}

    def apply(self, on: Iterable[str], off: Iterable[str]) -> tuple[str, ...]:
        """As `FlagStore`."""
        wanted: dict[str, str | None] = {**dict.fromkeys(on, ON), **dict.fromkeys(off, OFF)}
        return self._bring(wanted)

    def restore(self, record: Mapping[str, Any], names: Iterable[str] = ()) -> tuple[str, ...]:
        """As `FlagStore`."""
        return self._bring(_recorded(record, names))

    def drift(self, on: Iterable[str], off: Iterable[str]) -> tuple[str, ...]:
        """As `FlagStore`."""
        return _drift(self._read(), dict.fromkeys(on, ON) | dict.fromkeys(off, OFF), f"Redis {self._key}")

    def _read(self) -> dict[str, str]:
        from console.systems.redis_connection import redis_errors

        try:
            return _texts(self._client.hgetall(self._key))
        except redis_errors() as error:
            raise ActionFailed(f"{self._why(error, f'HGETALL {self._key}')}; then resume (h)") from error

    def _bring(self, wanted: Mapping[str, str | None]) -> tuple[str, ...]:
        """Write what differs and read it back in one transaction. None: not to be there."""
        from redis.exceptions import WatchError

        from console.systems.redis_connection import redis_errors

        if not wanted:
            return ()
        call = f"HSET {self._key}"
        sent = False
        try:
            with self._client.pipeline(transaction=True) as pipe:
                for _ in range(_TRIES):
                    with suppress(WatchError):
                        sent = False
                        pipe.watch(self._key)  # type: ignore[no-untyped-call]
                        now = _texts(pipe.hgetall(self._key))
                        differ = {name: value for name, value in wanted.items() if now.get(name) != value}
                        if not differ:
                            pipe.reset()
                            return ()
                        pipe.multi()
                        put: dict[Any, Any] = {name: value for name, value in differ.items() if value is not None}
                        if put:
                            pipe.hset(self._key, mapping=put)
                        if gone := [name for name, value in differ.items() if value is None]:
                            pipe.hdel(self._key, *gone)
                        pipe.hgetall(self._key)
                        sent = True
                        after = _texts(pipe.execute()[-1])
                        self._see(after, wanted)
                        return tuple(_line(name, now.get(name), value) for name, value in differ.items())
        except redis_errors() as error:
            if sent and _unanswered(error):
                raise Unverified(
                    f"{self._why(error, call)}; the flags may be switched, and are compared anew when it is tried again"
                ) from error
            raise ActionFailed(f"no flag was switched: {self._why(error, call)}; then resume (h)") from error
        raise ActionFailed(
            f"no flag was switched: somebody wrote {self._key} under each of {_TRIES} tries; find out who does, then "
            "resume (h)"
        )

    def _see(self, after: Mapping[str, str], wanted: Mapping[str, str | None]) -> None:
        if wrong := [name for name, value in wanted.items() if after.get(name) != value]:
            raise ActionFailed(
                f"{', '.join(sorted(wrong))} of {self._key} did not take what was written; does a Redis function or a "
                "proxy rewrite it? Look at HGETALL, then resume (h)"
            )

    def _why(self, error: BaseException, call: str) -> str:
        from console.systems.redis_connection import access_of, explain

        return explain(error, access_of(self._client), call)


class FileFlagStore:
    """Members of a JSON object, `true` and `false`. The file is replaced as a whole, with its mode and owner kept, its
    other members in their order, and indented by 2. A symbolic link is followed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def record(self) -> Json:
        """As `FlagStore`; values are as JSON has them."""
        return {"kind": "file", "where": str(self._path), "values": self._read()[1]}

    def apply(self, on: Iterable[str], off: Iterable[str]) -> tuple[str, ...]:
        """As `FlagStore`."""
        return self._bring({**dict.fromkeys(on, True), **dict.fromkeys(off, False)})

    def restore(self, record: Mapping[str, Any], names: Iterable[str] = ()) -> tuple[str, ...]:
        """As `FlagStore`."""
        return self._bring(_recorded(record, names))

    def drift(self, on: Iterable[str], off: Iterable[str]) -> tuple[str, ...]:
        """As `FlagStore`."""
        return _drift(self._read()[1], dict.fromkeys(on, True) | dict.fromkeys(off, False), str(self._path))

    def _read(self) -> tuple[bytes, Json]:
        """The file's bytes, and its members."""
        try:
            data = self._path.read_bytes()
        except OSError as error:
            raise ActionFailed(
                f"{self._path}: the flags cannot be read ({error.strerror}); check `flags.file` in the plan, then "
                "resume (h)"
            ) from error
        try:
            found = json.loads(data)
        except json.JSONDecodeError as error:
            raise ActionFailed(
                f"{self._path}:{error.lineno}: this is not JSON ({error.msg}); mend it, then resume (h)"
            ) from error
        except ValueError as error:
            raise ActionFailed(f"{self._path}: this is not UTF-8 text; mend it, then resume (h)") from error
        if not isinstance(found, dict):
            raise ActionFailed(f"{self._path}:1: flags are the members of a JSON object; make it one, then resume (h)")
        return data, found

    def _bring(self, wanted: Mapping[str, Any]) -> tuple[str, ...]:
        """Write what differs. None: not to be there."""
        for _ in range(_TRIES):
            data, now = self._read()
            differ = {name: value for name, value in wanted.items() if _other(now, name, value)}
            if not differ:
                return ()
            lines = tuple(_line(name, now.get(name), value) for name, value in differ.items())
            for name, value in differ.items():
                if value is None:
                    del now[name]
                else:
                    now[name] = value
            text = json.dumps(now, indent=2, ensure_ascii=False) + ("\n" if data.endswith(b"\n") else "")
            if self._replace(data, text.encode()):
                return lines
        raise ActionFailed(
            f"no flag was switched: somebody wrote {self._path} under each of {_TRIES} tries; find out who does, then "
            "resume (h)"
        )

    def _replace(self, read: bytes, data: bytes) -> bool:
        """Replace the file in one step; False where it is no longer what was read."""
        path = Path(os.path.realpath(self._path))
        kept = ""
        try:
            was = path.stat()
            descriptor, kept = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(file.fileno(), stat.S_IMODE(was.st_mode))
                if (was.st_uid, was.st_gid) != (os.geteuid(), os.getegid()):
                    with suppress(PermissionError):
                        os.fchown(file.fileno(), was.st_uid, was.st_gid)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if path.read_bytes() != read:
                return False
            Path(kept).replace(path)
            kept = ""
            _sync(path.parent)
        except OSError as error:
            raise ActionFailed(
                f"{path}: no flag was switched: it cannot be replaced ({error.strerror}); give the console's user the "
                "right to write in its folder, then resume (h)"
            ) from error
        else:
            return True
        finally:
            if kept:
                with suppress(OSError):
                    Path(kept).unlink()


def _recorded(record: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    values = dict(record["values"])
    chosen = tuple(names)
    return {name: values.get(name) for name in chosen} if chosen else values


def _drift(now: Mapping[str, Any], wanted: Mapping[str, Any], where: str) -> tuple[str, ...]:
    return tuple(
        f"{name} is {_word(now.get(name))} in {where}, and the plan keeps it {_word(value)}"
        for name, value in wanted.items()
        if _other(now, name, value)
    )


def _other(now: Mapping[str, Any], name: str, value: Any) -> bool:
    """Whether it is not so; in Python, unlike in JSON, 1 is true."""
    if value is None:
        return name in now
    return name not in now or type(now[name]) is not type(value) or now[name] != value


def _line(name: str, before: Any, after: Any) -> str:
    return f"{name}: {_word(before)} → {_word(after)}"


def _word(value: Any) -> str:
    if value is None:
        return "not set"
    if value is True or value == ON:
        return "on"
    if value is False or value == OFF:
        return "off"
    return json.dumps(value, ensure_ascii=False)


def _texts(found: Any) -> dict[str, str]:
    return {_text(name): _text(value) for name, value in dict(found).items()}


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _unanswered(error: BaseException) -> bool:
    from redis.exceptions import ConnectionError, TimeoutError

    return isinstance(error, ConnectionError | TimeoutError | OSError)


def _sync(folder: Path) -> None:
    """Make the new name durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

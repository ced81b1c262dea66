"""Redis connections with a deadline on every call and no retries, and their errors in sentences."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redis import Redis

    from console.systems.secrets import RedisAccess

LONGEST_QUOTE = 160


def open_redis(access: RedisAccess, *, name: str) -> Redis:
    """A client for `access`; it connects at its first command and again after a failure.

    name: what `CLIENT LIST` shows; a server whose ACL forbids CLIENT is used without it. Replies are bytes. Every
    connect, write and read waits at most `access.timeout`; nothing is sent twice.
    """
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.exceptions import ResponseError
    from redis.retry import Retry

    def greet(connection: Any) -> None:
        connection.on_connect()
        connection.send_command("CLIENT", "SETNAME", name)
        try:
            connection.read_response()
        except ResponseError:
            # a name is a courtesy: an ACL without +client|setname must not keep the console out
            return

    seconds = access.timeout.total_seconds()
    return Redis(
        host=access.host,
        port=access.port,
        db=access.database,
        username=access.username,
        password=access.password,
        ssl=access.tls,
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 0),
        retry_on_error=[],
        health_check_interval=0,
        decode_responses=False,
        protocol=2,
        redis_connect_func=greet,  # type: ignore[arg-type]
    )


def redis_errors() -> tuple[type[Exception], ...]:
    """What a call on a client of `open_redis` may raise; `explain` puts each into words."""
    from redis.exceptions import RedisError

    return (RedisError, OSError, ValueError)


def access_of(client: Redis) -> RedisAccess:
    """Where and as whom a client was opened, for `explain`."""
    from console.systems.secrets import RedisAccess

    given = client.connection_pool.connection_kwargs
    return RedisAccess(
        host=str(given.get("host", "localhost")),
        port=int(given.get("port", 6379)),
        username=given.get("username"),
        password=given.get("password"),
        tls="ssl_cert_reqs" in given,
        database=int(given.get("db") or 0),
        timeout=timedelta(seconds=float(given.get("socket_timeout") or 0)),
    )


def address(access: RedisAccess) -> str:
    """`127.0.0.1:6379`, or `[::1]:6379`."""
    host = f"[{access.host}]" if ":" in access.host else access.host
    return f"{host}:{access.port}"


def explain(error: BaseException, access: RedisAccess, call: str) -> str:
    """One sentence with host, call, and what to do: `redis 127.0.0.1:6379: no answer in 1 s to INFO`.

    call: the command as the engineer knows it, such as `INFO` or `SET`. The password never appears.
    """
    return f"redis {address(access)}: {_reason(error, access, call)}"


def _reason(error: BaseException, access: RedisAccess, call: str) -> str:
    from redis import exceptions

    text = str(error)
    if isinstance(error, exceptions.TimeoutError | TimeoutError):
        if "connecting" in text:
            tls = ", and whether this port speaks TLS" if access.tls else ""
            return f"no connection in {_seconds(access)}; check the address and the firewall on the way{tls}"
        return f"no answer in {_seconds(access)} to {call}"
    refusal = _refusal(error, text, access, call)
    if refusal is not None:
        return refusal
    for cause in _causes(error):
        known = _transport(cause, access, call)
        if known is not None:
            return known
    return _conversation(text, access, call)


def _refusal(error: BaseException, text: str, access: RedisAccess, call: str) -> str | None:
    """What Redis itself answered instead of doing it."""
    from redis import exceptions

    user = access.username or "default"
    if isinstance(error, exceptions.AuthenticationError | exceptions.AuthenticationWrongNumberOfArgsError):
        if "without any password" in text or "no password is set" in text:
            return "it has no password for the default user, and one was sent; name the user, or send no password"
        if access.password is None or "required" in text.lower():
            return (
                f"it asks for a password to {call}; set the variable that `password` names in system.yaml, "
                "such as REDIS_CLOUD_PASSWORD"
            )
        return (
            f"it refused the password of user {user}; check the variables that `username` and `password` name "
            "in system.yaml (Redis Cloud wants the database password, not the API key)"
        )
    if isinstance(error, exceptions.NoPermissionError) or text.startswith("NOPERM"):
        command = re.search(r"'([^']+)' command", text)
        if command is not None:
            name = command[1].lower()
            return f"user {user} may not run {name.upper()}; allow it: ACL SETUSER {user} +{name}"
        return f"user {user} may not touch the keys of {call}; allow them: ACL SETUSER {user} ~<pattern>"
    if isinstance(error, exceptions.BusyLoadingError) or text.startswith("LOADING"):
        return f"it is still loading its data from disk and refused {call}; it answers when it has"
    if isinstance(error, exceptions.ReadOnlyError) or text.startswith("READONLY"):
        return f"it is a read-only replica and refused {call}; point the console at the primary"
    if isinstance(error, exceptions.MasterDownError) or text.startswith("MASTERDOWN"):
        return f"it is a replica that has lost its primary and refused {call}; point the console at the primary"
    if isinstance(error, exceptions.MovedError):
        return f"it is a cluster node that does not hold the key of {call}; point the console at {_quote(text, access)}"
    if isinstance(error, exceptions.OutOfMemoryError) or text.startswith("OOM"):
        return f"it is at maxmemory and refused {call}; free memory or raise maxmemory"
    if "max number of clients" in text:
        return "it has reached maxclients and takes no more connections; close some or raise maxclients"
    if text.startswith("MISCONF"):
        return f"it cannot write its snapshot and refuses {call}; look at its log and its disk"
    if "unknown command" in text:
        return f"it does not know {call}"
    return None


def _transport(cause: BaseException, access: RedisAccess, call: str) -> str | None:
    """What went wrong below Redis's own protocol."""
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {cause.verify_message.lower()}; check the host name and the CA"
    if isinstance(cause, ssl.SSLError):
        why = (cause.reason or "no handshake").lower().replace("_", " ")
        return f"TLS failed: {why}; if this port does not speak TLS, set `tls: false`"
    if isinstance(cause, socket.gaierror):
        return f"the name {access.host} is not known; check `host`, or the resolver of this machine"
    if isinstance(cause, ConnectionRefusedError):
        return "connection refused; nothing listens there: start Redis, or correct host and port"
    if isinstance(cause, ConnectionResetError | BrokenPipeError):
        return _closed(access, call)
    if isinstance(cause, TimeoutError):
        return f"no answer in {_seconds(access)} to {call}"
    if isinstance(cause, OSError) and cause.strerror:
        return f"{cause.strerror.lower()}; check the address and the route to it"
    return None


def _conversation(text: str, access: RedisAccess, call: str) -> str:
    """Whatever else was said."""
    if re.search(r"HTTP/\d|<!DOCTYPE|<html", text, re.IGNORECASE):
        return "an HTTP server answers there, not Redis; correct host and port"
    if "Protocol Error" in text:
        if re.search(r"\\x15|\\x16", text) and not access.tls:
            return "it speaks TLS and was spoken to in plain text; set `tls: true`"
        return f"what answers there does not speak Redis's protocol: {_quote(text, access)}; correct host and port"
    if "closed by server" in text.lower():
        return _closed(access, call)
    return f"{call} failed: {_quote(text, access) or 'no reason given'}"


def _closed(access: RedisAccess, call: str) -> str:
    hint = "" if access.tls else "; if this port speaks TLS, set `tls: true`"
    return f"it closed the connection during {call}{hint}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from, nearest first."""
    seen: BaseException | None = error
    for _ in range(8):
        if seen is None:
            return
        yield seen
        seen = seen.__cause__ or seen.__context__


def _seconds(access: RedisAccess) -> str:
    return f"{access.timeout.total_seconds():g} s"


def _quote(text: str, access: RedisAccess) -> str:
    """Foreign words made safe to show: no password, no control characters, not too long."""
    if access.password:
        text = text.replace(access.password, "…")
    text = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 1] + "…"

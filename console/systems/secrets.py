"""Secrets: from a dotenv file of mode 0600 or the environment, and never in a repr, an error or a picture."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from console.core.system import Environment, RedisTarget, Secret

LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*")


class MissingSecret(Exception):
    """A secret is not to be had; the message names the variable, the places looked at, and what to do."""


@dataclass(frozen=True, slots=True)
class RedisAccess:
    """How to reach a Redis. password: kept out of repr and str. timeout: per call."""

    host: str
    port: int
    username: str | None
    password: str | None = field(repr=False)
    tls: bool
    database: int
    timeout: timedelta

    @property
    def place(self) -> str:
        """Host and port, for sentences."""
        return f"{self.host}:{self.port}"


def resolve_redis(target: RedisTarget, environ: Mapping[str, str] | None = None) -> RedisAccess:
    """`target` with its secrets filled in. Raises MissingSecret naming every variable that is missing."""
    secrets = _Secrets(target.secrets_file, environ)
    host = secrets.fill(target.host)
    port = secrets.fill(target.port)
    username = secrets.fill(target.username)
    password = secrets.fill(target.password)
    secrets.complain("redis")
    if not str(port).isdigit() or not 1 <= int(port or 0) <= 65535:
        named = target.port.variable if isinstance(target.port, Secret) else "port"
        raise MissingSecret(f"redis: {named} is not a port; set it to a number from 1 to 65535")
    return RedisAccess(
        str(host), int(port or 0), username or None, password, target.tls, target.database, target.timeout
    )


def resolve_secret(secret: Secret, secrets_file: Path | None, environ: Mapping[str, str] | None = None) -> str:
    """The value of one secret. Raises MissingSecret."""
    secrets = _Secrets(secrets_file, environ)
    value = secrets.fill(secret)
    secrets.complain("the environment")
    return value or ""


def secret_values(environment: Environment, environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Every secret value of an environment that is there, longest first: what must be kept out of stored output.

    Its Redis password and its Prometheus token, and whatever else stands in its secrets file with four characters or
    more, but for what `redis:` names as host, port or user name.
    """
    secrets = _Secrets(environment.secrets_file, environ)
    try:
        held = dict(secrets.file)
    except MissingSecret:
        held = {}
    wanted: list[Secret] = []
    if (redis := environment.redis) is not None:
        for plain in (redis.host, redis.port, redis.username):
            if isinstance(plain, Secret):
                held.pop(plain.variable, None)
        wanted += [redis.password] if redis.password else []
    if environment.prometheus is not None and environment.prometheus.token is not None:
        wanted.append(environment.prometheus.token)
    values = {value for value in held.values() if len(value) >= 4}
    for secret in wanted:
        values |= {held.get(secret.variable, ""), secrets.environ.get(secret.variable, "")}
    return tuple(sorted(values - {""}, key=len, reverse=True))


def read_secrets(path: Path) -> Mapping[str, str]:
    """The variables of a dotenv file. Raises MissingSecret where others may read it, or where a line is not read."""
    try:
        with path.open(encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise MissingSecret(f"secrets file {path} has mode {mode:04o}, others may read it: chmod 600 {path}")
            rows = file.read().splitlines()
    except OSError as error:
        raise MissingSecret(f"secrets file {path} cannot be read: {error.strerror}; write it, mode 0600") from None
    except UnicodeDecodeError:
        raise MissingSecret(f"secrets file {path} is not UTF-8; save it as UTF-8") from None
    found: dict[str, str] = {}
    for number, row in enumerate(rows, 1):
        if not row.strip() or row.lstrip().startswith("#"):
            continue
        match = LINE.fullmatch(row.strip())
        if match is None:
            raise MissingSecret(f"{path}:{number}: not a variable; write NAME=value")
        found[match[1]] = _unquoted(match[2])
    return found


def _unquoted(text: str) -> str:
    """A dotenv value without the quotes around it; a `#` after a space begins a comment outside of quotes."""
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    return re.split(r"\s#", text, maxsplit=1)[0].rstrip()


class _Secrets:
    """Secrets as they are looked up: the file first, so that environments can differ; then the environment."""

    def __init__(self, path: Path | None, environ: Mapping[str, str] | None) -> None:
        self.path = path
        self.environ = os.environ if environ is None else environ
        self._missing: list[str] = []
        self._file: Mapping[str, str] | None = None

    @property
    def file(self) -> Mapping[str, str]:
        if self._file is None:
            self._file = {} if self.path is None else read_secrets(self.path)
        return self._file

    def fill(self, value: str | int | Secret | None) -> str | None:
        """A literal as it is; a Secret's value; None for None."""
        if not isinstance(value, Secret):
            return None if value is None else str(value)
        found = self.file.get(value.variable) or self.environ.get(value.variable)
        if not found:
            self._missing.append(value.variable)
        return found

    def complain(self, what: str) -> None:
        if self._missing:
            where = (
                f"in {self.path} or in the environment"
                if self.path
                else "in the environment, or in a secrets file as runbooks/README.md says"
            )
            raise MissingSecret(f"{what}: {', '.join(self._missing)} not set; set {_them(self._missing)} {where}")


def _them(names: list[str]) -> str:
    return "it" if len(names) == 1 else "them"

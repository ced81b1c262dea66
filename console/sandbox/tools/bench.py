"""The stand-ins of one practice world: their scripts on PATH, and who answers them."""

from __future__ import annotations

import inspect
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from console.sandbox.extras import Extras
from console.sandbox.faults import Faults
from console.sandbox.metrics import Hand
from console.sandbox.tools.backrest import Pgbackrest
from console.sandbox.tools.calls import Answer, Call, Failed, Stand
from console.sandbox.tools.database import Database
from console.sandbox.tools.docker import DockerHost
from console.sandbox.tools.docker_cli import Docker
from console.sandbox.tools.patroni import Patronictl
from console.sandbox.tools.psql import Psql
from console.sandbox.tools.sayings import Sayer

CLIENT = Path(__file__).with_name("client.py")
OPERATOR, DATABASE, APP = "bin", "inside/database", "inside/app"
_MARK = "# A practice stand-in, written by the sandbox for this world alone; it is not the real program."


class Bench:
    """All of them. folder: the world's. fills: what `{gateway}` and the like are in texts of the sandbox.yaml."""

    def __init__(self, extras: Extras, folder: Path, faults: Faults, hand: Hand) -> None:
        self.programs = folder / OPERATOR
        self.inside_database = folder / DATABASE
        self.inside_app = folder / APP
        self.checkout = folder / "checkout"
        self.database = Database(extras.database, faults) if extras.database else None
        self._extras = extras
        self._folder = folder
        self._faults = faults
        self._hand = hand
        self._docker: DockerHost | None = None
        self._stands: dict[str, Stand | Callable[[Call], Awaitable[Answer]]] = {}

    async def begin(self, control_url: str, fills: Mapping[str, str]) -> None:
        """Write the scripts and the checkout, and start the containers. Raises OSError."""
        for place in (self.programs, self.inside_database, self.inside_app):
            place.mkdir(parents=True, exist_ok=True)
        self._redis_cli()
        if self._extras.checkout:
            self._check_out(fills)
        for name, sayings in self._extras.commands.items():
            told = tuple(
                replace(one, says=_filled(one.says, fills), instead=_filled(one.instead, fills)) for one in sayings
            )
            self._stands[name] = Sayer(name, told, self._faults)
            self._script(self.programs, name, control_url)
        if self.database is not None:
            self._stands |= {
                "psql": Psql(self.database),
                "patronictl": Patronictl(self.database),
                "pgbackrest": Pgbackrest(self.database, self._hand),
            }
            for name in ("psql", "patronictl", "pgbackrest"):
                self._script(self.inside_database, name, control_url)
            for name in ("psql", "pgbackrest"):
                self._script(self.programs, name, control_url)
        if self._extras.containers:
            await self._begin_docker(control_url, fills)

    async def call(self, name: str, told: dict[str, Any]) -> dict[str, Any]:
        """Answer one call of a stand-in. Raises ValueError where there is none of that name."""
        stand = self._stands.get(name)
        if stand is None:
            raise ValueError(f"There is no stand-in {name!r}; there are: {', '.join(sorted(self._stands)) or 'none'}.")
        try:
            answer = stand(Call.told(told))
            if inspect.isawaitable(answer):
                answer = await answer
        except Failed as error:
            answer = Answer(err=f"{error}\n", code=error.code)
        return answer.told()

    async def end(self) -> None:
        """Stop what it runs."""
        if self._docker is not None:
            await self._docker.end()

    async def _begin_docker(self, control_url: str, fills: Mapping[str, str]) -> None:
        first = tuple(
            replace(spec, mounts={inner: _filled(outer, fills) for inner, outer in spec.mounts.items()})
            for spec in self._extras.containers
        )
        published = self._folder / "published.curlrc"
        self._docker = DockerHost(tuple(spec.image for spec in first), first, published)
        await self._docker.begin()
        self._stands["docker"] = Docker(self._docker)
        self._script(self.programs, "docker", control_url)
        if curl := shutil.which("curl"):
            command = f'exec {shlex.quote(curl)} --config {shlex.quote(str(published))} "$@"'
            _write(self.programs / "curl", f"# The real curl; ports of practice containers are led to them.\n{command}")

    def _script(self, place: Path, name: str, control_url: str) -> None:
        words = [sys.executable, "-I", "-S", str(CLIENT), control_url, name]
        _write(place / name, f'{_MARK}\nexec {" ".join(map(shlex.quote, words))} "$@"')

    def _redis_cli(self) -> None:
        """redis-cli inside of a pod asks the pod's own Redis, where it is told no other."""
        real = shutil.which("redis-cli") or shutil.which("valkey-cli")
        program = [real] if real else [sys.executable, "-I", "-S", str(CLIENT.with_name("redis_cli.py"))]
        if not real:
            _write(self.programs / "redis-cli", f'{_MARK}\nexec {" ".join(map(shlex.quote, program))} "$@"')
        target = '-h "$REDIS_CLOUD_HOST" -p "$REDIS_CLOUD_PORT"'
        text = f'export REDISCLI_AUTH="$REDIS_CLOUD_PASSWORD"\nexec {" ".join(map(shlex.quote, program))} {target} "$@"'
        _write(self.inside_app / "redis-cli", text)

    def _check_out(self, fills: Mapping[str, str]) -> None:
        """A working copy: the files, and a history of it where git is there."""
        for path, text in self._extras.checkout.items():
            file = self.checkout / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(_filled(text, fills), encoding="utf-8")
        git = shutil.which("git")
        if git is None:
            return
        own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "PATH": os.environ.get("PATH", os.defpath)}
        told = ["-c", "user.name=practice", "-c", "user.email=practice@localhost", "-c", "commit.gpgsign=false"]
        for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "-m", "The version that runs"]):
            subprocess.run([git, *told, *words], cwd=self.checkout, env=own, check=False, timeout=20,
                           stdin=subprocess.DEVNULL, capture_output=True)  # fmt: skip


def _write(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)


def _filled(text: str, fills: Mapping[str, str]) -> str:
    for name, value in fills.items():
        text = text.replace(f"{{{name}}}", value)
    return text

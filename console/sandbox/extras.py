"""What a sandbox.yaml has besides the system's pods: a database, containers, programs and a checkout for runbooks.

database:                    # Postgres under Patroni in pods of its own; psql, patronictl and pgbackrest reach it
  name: postgres
  pods: 3
  image: postgres:16
  cluster: knhk              # Patroni's name of it, and pgBackRest's stanza
  application: knhk
  faults: {stuck: db-pool, deaf: leader-stalled, slow: slow-queries, unarchived: wal-stalled}
  ages: {full: full_backup}  # values of `exports` that a new backup of that type sets to 0
containers:                  # of a Docker host; `docker` and a `curl` of its own reach them
  prometheus: {image: prom/prometheus:latest, port: 9090, health: /-/healthy, says: Healthy., network: host,
               mounts: {/etc/prometheus/prometheus.yml: "{checkout}/monitoring/prometheus.yml"}, needs: [...]}
commands:                    # programs that say something, and something else while a fault is on
  weaver: [{given: registry check, says: passed, fault: weaver, instead: failed, code: 1}]
checkout:                    # a working copy in the world's folder, with these files
  registry/spans.yaml: "groups: []"
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from console.sandbox.tools.database import DatabaseSpec
from console.sandbox.tools.docker import HOST_NETWORK, ContainerSpec, ImageSpec
from console.sandbox.tools.sayings import Saying

KEYS = frozenset({"database", "containers", "commands", "checkout"})


@dataclass(frozen=True, slots=True)
class Extras:
    """All of it. commands: what each program says. checkout: text by path."""

    database: DatabaseSpec | None = None
    containers: tuple[ContainerSpec, ...] = ()
    commands: Mapping[str, tuple[Saying, ...]] = field(default_factory=dict)
    checkout: Mapping[str, str] = field(default_factory=dict)


class Reader(Protocol):
    """How values of the file are taken; what is wrong is a ValueError with the place it stands at."""

    def table(self, told: Any, at: str, keys: set[str] | None = None) -> dict[str, Any]:
        """A table, with these keys and no others."""

    def rows(self, told: Any, at: str) -> tuple[dict[str, Any], ...]:
        """A list of tables."""

    def text(self, table: Mapping[str, Any], key: str, usual: str | None = None) -> str:
        """A text that must be there unless there is a usual one."""

    def texts(self, told: Any, at: str) -> dict[str, str]:
        """A table of texts."""


def read_extras(reader: Reader, top: Mapping[str, Any]) -> Extras:
    """The part of a sandbox.yaml that is described above. Raises ValueError."""
    containers = reader.table(top.get("containers"), "containers")
    commands = reader.table(top.get("commands"), "commands")
    return Extras(
        database=_database(reader, top["database"]) if top.get("database") else None,
        containers=tuple(_container(reader, name, told) for name, told in containers.items()),
        commands={
            name: tuple(_saying(reader, row) for row in reader.rows(told, f"commands.{name}"))
            for name, told in commands.items()
        },
        checkout=reader.texts(top.get("checkout"), "checkout"),
    )


def _database(reader: Reader, told: Any) -> DatabaseSpec:
    table = reader.table(told, "database", {"name", "pods", "image", "cluster", "application", "faults", "ages"})
    faults = reader.texts(table.get("faults"), "database.faults")
    if unknown := set(faults) - {"stuck", "deaf", "slow", "unarchived"}:
        raise ValueError(f"there is no kind of fault `{min(unknown)}`; there are deaf, slow, stuck, unarchived")
    pods = int(table.get("pods", 1))
    if not 1 <= pods <= 9:
        raise ValueError(f"`pods` is {pods}; write 1 to 9")
    return DatabaseSpec(
        name=reader.text(table, "name", "postgres"),
        pods=pods,
        image=reader.text(table, "image", "postgres:16"),
        cluster=reader.text(table, "cluster"),
        application=reader.text(table, "application"),
        stuck=faults.get("stuck", ""),
        deaf=faults.get("deaf", ""),
        slow=faults.get("slow", ""),
        unarchived=faults.get("unarchived", ""),
        ages=tuple(reader.texts(table.get("ages"), "database.ages").items()),
    )


def _container(reader: Reader, name: str, told: Any) -> ContainerSpec:
    at = f"containers.{name}"
    keys = {"image", "port", "health", "says", "network", "mounts", "needs", "env", "command"}
    table = reader.table(told, at, keys)
    mounts, env = reader.texts(table.get("mounts"), f"{at}.mounts"), reader.texts(table.get("env"), f"{at}.env")
    needs = tuple(str(path) for path in table.get("needs") or ())
    image = ImageSpec(
        reader.text(table, "image"),
        int(table.get("port", 80)),
        reader.text(table, "health", "/"),
        reader.text(table, "says", "ok"),
        needs,
    )
    command = tuple(str(word) for word in table.get("command") or ())
    return ContainerSpec(name, image, reader.text(table, "network", HOST_NETWORK), command, env, mounts)


def _saying(reader: Reader, row: dict[str, Any]) -> Saying:
    unknown = set(row) - {"given", "says", "fault", "instead", "code"}
    if unknown:
        raise ValueError(f"there is no key `{min(unknown)}`; there are code, fault, given, instead, says")
    return Saying(
        given=tuple(str(row.get("given", "")).split()),
        says=reader.text(row, "says", ""),
        fault=reader.text(row, "fault", ""),
        instead=reader.text(row, "instead", ""),
        code=int(row.get("code", 1)),
    )

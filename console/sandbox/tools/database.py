"""A practice Postgres under Patroni: its members, who leads, its backends, and what faults make of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from console.sandbox.faults import Faults

_USUAL = 11  # connections that the service holds where nothing is wrong
_STUCK = 39


@dataclass(frozen=True, slots=True)
class DatabaseSpec:
    """The `database` of a sandbox.yaml. name: of its pods, `NAME-0` … . cluster: Patroni's and pgBackRest's name of it.
    application: who its clients say they are.

    stuck, deaf, slow, unarchived: the faults in which a transaction holds every connection up, the leader takes no
    connections, a query is slow, WAL is not archived; empty for none. ages: the values that tell how old the last
    backups are, by type.
    """

    name: str
    pods: int
    image: str
    cluster: str
    application: str
    stuck: str
    deaf: str
    slow: str
    unarchived: str
    ages: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Backend:
    """One connection. Times are seconds since the epoch; xact_start is None outside of a transaction."""

    pid: int
    state: str
    since: float
    xact_start: float | None
    wait: str
    query: str
    blocked_by: int | None = None


class Database:
    """The state of it. Used from the sandbox's event loop."""

    def __init__(self, spec: DatabaseSpec, faults: Faults) -> None:
        self.spec = spec
        self.members = [f"{spec.name}-{number}" for number in range(spec.pods)]
        self.leader = self.members[0]
        self.timeline = 3
        self.began = time.time()
        self._faults = faults
        self._gone: set[int] = set()
        self._stuck_at = 0.0
        self.when_led: Callable[[str], None] = lambda _leader: None
        if spec.stuck:
            faults.when(spec.stuck, self._stick)

    @property
    def answers(self) -> bool:
        """Whether the leader takes connections."""
        return not (self.spec.deaf and self._faults.on(self.spec.deaf))

    @property
    def archives(self) -> bool:
        """Whether WAL is archived."""
        return not (self.spec.unarchived and self._faults.on(self.spec.unarchived))

    @property
    def is_slow(self) -> bool:
        """Whether a query takes too long."""
        return bool(self.spec.slow) and self._faults.on(self.spec.slow)

    @property
    def is_stuck(self) -> bool:
        """Whether one transaction holds every connection up."""
        return bool(self.spec.stuck) and self._faults.on(self.spec.stuck)

    def backends(self) -> Sequence[Backend]:
        """The connections there are."""
        now = time.time()
        if not self.is_stuck:
            select = "SELECT snapshot FROM loop_state WHERE cycle = $1"
            return [
                Backend(8200 + number, "idle", now - 0.2 * number, None, "Client", select) for number in range(_USUAL)
            ]
        first = self._stuck_at - 900
        found = [Backend(8100, "idle in transaction", first, first, "Client", "UPDATE loop_state SET locked_by = $1")]
        for number in range(1, _STUCK):
            since = first + 20 * number
            waiting = "UPDATE loop_state SET cycle = cycle + 1 WHERE id = $1"
            found.append(Backend(8200 + number, "active", since, since, "Lock", waiting, 8100))
        return [backend for backend in found if backend.pid not in self._gone]

    def terminate(self, pid: int) -> bool:
        """End a connection; whether there was one. Without the transaction that blocks, the others go on."""
        found = next((backend for backend in self.backends() if backend.pid == pid), None)
        if found is None:
            return False
        if self.is_stuck and found.blocked_by is None:
            self._faults.switch(self.spec.stuck, False)
        else:
            self._gone.add(pid)
        return True

    def lead(self, member: str) -> None:
        """Let another member lead; what was wrong with the leader is wrong with one that leads no more."""
        self.leader = member
        self.timeline += 1
        self.when_led(member)
        if self.spec.deaf:
            self._faults.switch(self.spec.deaf, False)

    def _stick(self, on: bool) -> None:
        self._gone.clear()
        self._stuck_at = time.time() if on else 0.0

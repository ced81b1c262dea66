"""The watcher: the engine without a screen. It holds the lease, drives the rollout, and writes its status each tick."""

from __future__ import annotations

import fcntl
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

from console.core.rollouts.state import Judged, Rollout
from console.core.system import System
from console.engine.books import Books
from console.engine.driver import CHECKPOINT, Driver, Overtaken
from console.engine.ledger import JournalLedger, paced
from console.engine.processes import lives, process_mark
from console.engine.rollout_world import RolloutWorld
from console.engine.rollouts import Current, Rollouts
from console.engine.status import driven_body, write_status
from console.engine.watcher_process import LOCK
from console.engine.world_watch import PATIENCE, PracticeWatch, control_addresses
from console.journal.journal import JournalError
from console.journal.leases import Lease, LeaseHeld

INTERVAL = timedelta(seconds=2)
FAST_INTERVAL = timedelta(seconds=0.5)
LONGEST_TICK = timedelta(seconds=15)
LEAST_CHECKPOINT = timedelta(seconds=1)
SOON, LOOK = 0.05, 0.2
NOTICED = 2.0
HELD_BY_ANOTHER, BROKEN = 3, 1
STANDS_BY = "this watcher takes its place when it ends"

log = logging.getLogger(__name__)


class AlreadyWatched(Exception):
    """A watcher of this system runs here already; the message names it."""


class Watcher:
    """Watches one system, and drives its rollout while there is one.

    folder: the system's state. say: takes a line for people. until_over: end when the rollout is over. take_over: take
    the lease from whoever holds it, once. interval: between ticks; shorter where a practice world runs faster.
    patience: how long the control address of a practice world may not answer before its watcher ends.
    """

    def __init__(
        self,
        system: System,
        *,
        folder: Path,
        environ: Mapping[str, str],
        clock: Callable[[], datetime],
        say: Callable[[str], None],
        until_over: bool,
        take_over: bool,
        interval: timedelta = INTERVAL,
        patience: timedelta = PATIENCE,
    ) -> None:
        self._system = system
        self._folder = folder
        self._environ = environ
        self._clock = clock
        self._say = say
        self._until_over = until_over
        self._take_over = take_over
        self._interval = min(interval, FAST_INTERVAL if system.pace is not None else interval).total_seconds()
        self._books = Books(folder, system, system.environments[0], clock=clock)
        self._holder = f"watcher on {socket.gethostname()} (pid {os.getpid()})"
        self._rollouts = Rollouts(
            system, self._books, folder=folder, person=self._holder, clock=clock, environ=environ, read_only=False
        )
        self._lease: Lease | None = None
        self._world: RolloutWorld | None = None
        self._driver: Driver | None = None
        self._told = ""
        self._wake = threading.Event()
        self._exit: int | None = None
        self._lock: IO[bytes] | None = None
        self._world_gone = threading.Event()
        self._practice = PracticeWatch(control_addresses(system), self._ended_world, patience)

    def run(self, stopped: threading.Event) -> int:
        """Watch until told to stop, or done; returns the exit code. Raises AlreadyWatched, JournalError."""
        self._lock = _lock(self._folder) if not self._take_over else None
        try:
            if control_addresses(self._system):
                self._practice.start()
            self._books.open()
            self._books.journal  # noqa: B018  (raises with the sentence why the journal is not open)
            while not stopped.is_set() and self._exit is None:
                began, number = time.monotonic(), self._newest()
                self._beat()
                self._rest(began, number, stopped)
            return self._exit or 0
        finally:
            self._practice.stop()
            self._let_go()
            self._rollouts.close()
            self._books.close("the watcher ended")
            if self._lock is not None:
                self._lock.close()

    def _beat(self) -> None:
        """One tick, whatever befalls it."""
        try:
            if not self._system.path.exists() or not self._folder.exists():
                self._say(f"{self._system.path} or its state is gone, as a practice world's is that has ended")
                self._exit = 0
                return
            if self._world_gone.is_set():
                asked = " and ".join(control_addresses(self._system))
                self._say(f"{asked} has not answered for a while: the practice world has ended, and this watcher ends")
                self._exit = 0
                return
            self._lock_late()
            current = self._rollouts.current()
            if current is None or current.rollout.state.over:
                self._idle(current)
            else:
                self._drive(current)
        except Overtaken as error:
            self._overtaken(str(error))
        except JournalError as error:
            self._tell(f"the journal cannot be used: {error}")
        except Exception as error:  # the watcher must outlive any one tick
            log.exception("tick")
            self._tell(f"{type(error).__name__}: {error}; see console.log")

    def _ended_world(self) -> None:
        self._world_gone.set()
        self._wake.set()

    def _lock_late(self) -> None:
        """One that has taken over locks when the one before it has ended, so that it is found and no third begins."""
        if self._lock is None:
            with suppress(AlreadyWatched):
                self._lock = _lock(self._folder)

    def _drive(self, current: Current) -> None:
        if self._lease is None or self._lease.rollout != current.rollout.id:
            self._take(current)
        if self._lease is None or self._driver is None:
            return
        if not self._rollouts.leases.renew(self._lease):
            raise Overtaken(f"{self._lease.rollout}: somebody else drives it now")
        decision = self._driver.tick()
        log.debug("%s", decision)
        self._write(self._driver.rollout, self._driver.judged)

    def _take(self, current: Current) -> None:
        """Acquire the lease and make the driver; stays without both where somebody else drives."""
        self._let_go()
        rollout, leases = current.rollout, self._rollouts.leases
        try:
            if self._take_over:
                self._take_over = False
                lease = leases.take_over(rollout.id, self._holder, process_mark())
            else:
                lease = leases.acquire(rollout.id, self._holder, process_mark(), lives=lives)
        except LeaseHeld as error:
            self._tell(f"{error}; {STANDS_BY}")
            return
        self._lease = lease
        speed = self._system.pace.speed if self._system.pace else 1.0
        ledger = JournalLedger(
            self._books.journal, rollout.id, subject=self._system.name, by="driver", pace=self._system.pace
        )
        self._world = RolloutWorld(
            self._system,
            current.plan,
            ledger,
            folder=self._folder,
            environ=self._environ,
            clock=self._clock,
            fence=lambda: self._fence(lease),
            wake=self._wake.set,
            interval=timedelta(seconds=self._interval),
        )
        self._driver = Driver(
            current.plan,
            ledger,
            self._world,
            clock=lambda: paced(self._clock(), self._system.pace),
            monotonic=lambda: time.monotonic() * speed,
            epoch=lease.epoch,
            longest_tick=LONGEST_TICK * speed,
            checkpoint=max(CHECKPOINT, LEAST_CHECKPOINT * speed),
            fence=lambda: self._fence(lease),
        )
        from console.core.rollouts.facts import Kind

        ledger.write(Kind.DRIVEN, {"epoch": lease.epoch, "holder": lease.holder})
        self._tell(f"drives {rollout.id} ({rollout.state.value}), epoch {lease.epoch}")

    def _fence(self, lease: Lease) -> None:
        """Raises Overtaken where the lease is not this process's any more."""
        if not self._rollouts.leases.holds(lease):
            raise Overtaken(f"{lease.rollout}: somebody else drives it now")

    def _overtaken(self, why: str) -> None:
        """Another one drives: a watcher for good, a person's rollback for a while."""
        lease = self._lease
        self._let_go()
        now = self._rollouts.leases.current(lease.rollout) if lease is not None else None
        self._tell(why)
        if now is not None and now.fresh and now.holder.startswith("watcher"):
            self._say(f"{now.holder} has taken over; this watcher ends")
            self._exit = HELD_BY_ANOTHER

    def _idle(self, current: Current | None) -> None:
        """Nothing is under way."""
        if self._driver is not None and current is not None:
            self._tell(f"{current.rollout.id} is {current.rollout.state.value}")
            self._write(current.rollout, Judged())
        self._let_go()
        if self._until_over:
            self._exit = 0
            return
        self._tell("no rollout is under way; watching")
        write_status(
            self._folder,
            {
                "taken_at": self._clock(),
                "system": self._system.name,
                "watcher": self._holder,
                "rollout": None if current is None else _summary(current.rollout),
            },
        )

    def _write(self, rollout: Rollout, judged: Judged) -> None:
        view = self._rollouts.view()
        body: dict[str, Any] = {
            "taken_at": self._clock(),
            "system": self._system.name,
            "watcher": self._holder,
            "rollout": _summary(rollout),
            "why": view.why if view is not None else "",
            "driven": driven_body(rollout, judged, self._clock()),
        }
        if self._world is not None:
            body.update(self._world.seen())
        try:
            write_status(self._folder, body)
        except OSError as error:
            self._tell(f"{self._folder / 'monitoring'}: the status cannot be written: {error.strerror or error}")

    def _let_go(self) -> None:
        if self._world is not None:
            self._world.stop()
        if self._lease is not None:
            try:
                self._rollouts.leases.give_up(self._lease)
            except JournalError as error:
                log.warning("%s", error)
        self._world = self._driver = self._lease = None

    def _rest(self, began: float, number: int, stopped: threading.Event) -> None:
        """Until the next tick: sooner when rules were judged anew, a job ended, or the journal has grown since the tick
        began, by a person's word or by what the tick itself decided.
        """
        look = SOON
        while not stopped.is_set() and self._exit is None:
            woken = self._wake.wait(look)
            self._wake.clear()
            if woken or time.monotonic() - began >= self._interval or self._newest() != number:
                return
            look = LOOK

    def _newest(self) -> int:
        try:
            head = self._books.journal.head()
        except JournalError:
            return -1
        return head.seq if head is not None else 0

    def _tell(self, line: str) -> None:
        """Say a line, once until another one is said."""
        if line != self._told:
            self._told = line
            self._say(line)


def _summary(rollout: Rollout) -> dict[str, Any]:
    return {
        "id": rollout.id,
        "plan": rollout.plan,
        "version": rollout.version,
        "state": rollout.state.value,
        "phase": rollout.phase + 1,
        "held": rollout.held.why if rollout.held else None,
    }


def _lock(folder: Path) -> IO[bytes]:
    """A lock that the kernel frees when this process ends, however it ends. Raises AlreadyWatched, OSError."""
    path = folder / LOCK
    path.touch(mode=0o600)
    file = path.open("r+b")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        pid = file.read(20).decode("ascii", "replace").strip() or "unknown"
        file.close()
        raise AlreadyWatched(f"a watcher of this system runs already (pid {pid}); {path} is its lock") from None
    file.seek(0)
    file.truncate()
    file.write(f"{os.getpid()}\n".encode())
    file.flush()
    return file

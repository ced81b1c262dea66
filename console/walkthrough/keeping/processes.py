"""The processes of a step: who belongs to its session, and how they are asked, and made, to end."""

from __future__ import annotations

import contextlib
import os
import signal
import termios
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
HANGUP = 1 << (signal.SIGHUP - 1)


@dataclass(frozen=True, slots=True)
class Process:
    """One process. group: its process group. stubborn: it ignores SIGHUP, as what `nohup` starts does."""

    pid: int
    parent: int
    group: int
    name: str
    stubborn: bool = False


def members(session: int, group: int) -> list[Process]:
    """What lives in the session besides its leader; where the system does not say, the group as one process."""
    if not (PROC / "self/stat").exists():
        try:
            os.killpg(group, 0)
        except OSError:
            return []
        return [Process(group, 0, group, "")]
    found = []
    for entry in os.listdir(PROC):  # noqa: PTH208 - this is asked often
        if not entry.isdigit() or int(entry) == session:
            continue
        try:
            stat = Path(f"/proc/{entry}/stat").read_text(errors="replace")
            name, _, rest = stat.partition("(")[2].rpartition(")")
            state, parent, its_group, its_session = rest.split()[:4]
            if int(its_session) != session or state in "ZX":
                continue
            status = Path(f"/proc/{entry}/status").read_text(errors="replace")
        except (OSError, ValueError):
            continue
        ignored = int(status.partition("SigIgn:")[2].split()[0], 16)
        found.append(Process(int(entry), int(parent), int(its_group), name, bool(ignored & HANGUP)))
    return found


def foreground(master: int) -> int | None:
    """The process group that has the terminal."""
    try:
        group = os.tcgetpgrp(master)
    except (OSError, termios.error):
        return None
    return group if group > 1 else None


def tell_group(group: int | None, number: int) -> None:
    """Send a signal to a process group, if it is there."""
    if group is not None and group > 1 and group != os.getpgid(0):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)


def tell(pid: int, number: int) -> None:
    """Send a signal to a process, if it is there."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


class Ladder:
    """INT, TERM and KILL in turn to everything in the session.

    With INT bash itself is held, or it would go on with the block's next command when a program takes INT for a proper
    end, as ping does; it is let go with TERM as soon as its programs are gone. Where the block has traps, bash gets INT
    as it is, for they may be for that.
    """

    def __init__(self, session: int, master: int, *, traps: bool) -> None:
        self._session = session
        self._master = master
        self._traps = traps
        self._rungs = [signal.SIGINT, signal.SIGTERM, signal.SIGKILL]
        self._grace = 2.0
        self._next_at = 0.0
        self._held = 0
        self.begun = False

    def begin(self, now: float, grace: float, *, hangup: bool = False) -> None:
        """Stop from now on. hangup: the terminal has gone away, which is told first."""
        if self.begun:
            return
        self.begun = True
        self._grace = grace
        self._next_at = now
        if hangup:
            self._rungs[0] = signal.SIGHUP

    def go_on(self, now: float, shell: int, alive: bool) -> bool:
        """Send what is due; False where nothing is left. shell: bash. alive: whether it is not waited for."""
        left = [one for one in members(self._session, shell) if one.pid != shell]
        if not left and not alive:
            return False
        if self._held and not left:
            self._let_go(shell)
        if now < self._next_at or not self._rungs:
            # Even KILL may take a moment; what the kernel holds cannot be waited for.
            return bool(self._rungs) or now < self._next_at
        rung = self._rungs.pop(0)
        self._next_at = now + self._grace
        if rung == signal.SIGINT and alive and not self._traps and shell != foreground(self._master):
            tell_group(foreground(self._master), rung)
        if rung == signal.SIGINT and alive and not self._traps:
            self._held = shell
            tell(shell, signal.SIGSTOP)
        for one in left:
            tell(one.pid, rung)
        if alive and (rung != signal.SIGINT or self._traps):
            tell(shell, rung)
        if rung != signal.SIGINT:
            for pid in (shell if alive else 0, *(one.pid for one in left)):
                if pid:
                    tell(pid, signal.SIGCONT)
            self._held = 0
        return True

    def _let_go(self, shell: int) -> None:
        tell(shell, signal.SIGTERM)
        tell(shell, signal.SIGCONT)
        self._held = 0

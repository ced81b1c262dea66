"""A step on the person's own terminal: every key goes to it, what it prints is shown and kept, redacted."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import termios
import tty
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from console.core.operations import Refused, Unverified
from console.walkthrough.keeping.jobs import Ended, Ending, Spec
from console.walkthrough.keeping.running import Job, start_on_terminal

CHUNK = 65_536
POLL = 0.1
# What does not listen to the end of its terminal is killed by then.
STOPPED_WITHIN = 10.0
# What a program that was killed may have left on: the other screen, a hidden cursor, mouse reports, bracketed paste.
CALM = b"\x1b[?1049l\x1b[?25h\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[?1l\x1b>\x1b[0m\r\n"


def relay(
    folder: Path, spec: Spec, *, keep: Callable[[tuple[tuple[str, str], ...]], None] = lambda carried: None
) -> Ended:
    """Run a step on this process's terminal and wait for its end. The terminal is given back as it was.

    The step has a keeper as every other one has: where this process is killed, the step is told that its terminal has
    gone away, and the keeper writes down how it ended. keep: called with what the step has set that looks secret
    (`Job.carried`). Raises Refused where it is not begun, Unverified where its keeper was killed.
    """
    own, screen = sys.__stdin__, sys.__stdout__
    if own is None or screen is None or not os.isatty(own.fileno()) or not os.isatty(screen.fileno()):
        raise Refused(f"{folder.name}: an interactive step needs a terminal, and there is none; run it from one")
    source, sink = own.fileno(), screen.fileno()
    size = os.get_terminal_size(sink)
    typed, keys = os.pipe()
    shown, shows = -1, -1
    try:
        shown, shows = os.pipe()
        job = start_on_terminal(folder, replace(spec, columns=size.columns, rows=size.lines), typed, shows)
    except BaseException:
        os.close(keys)
        if shown >= 0:
            os.close(shown)
        raise
    finally:
        os.close(typed)
        if shows >= 0:
            os.close(shows)
    before = termios.tcgetattr(source)
    try:
        tty.setraw(source, termios.TCSADRAIN)
        _pass_on(job, source, sink, keys, shown, size)
    finally:
        os.close(shown)
        os.close(keys)
        with contextlib.suppress(termios.error):
            termios.tcsetattr(source, termios.TCSADRAIN, before)
    ended = job.settled(STOPPED_WITHIN)
    if ended is None or ended.ending is not Ending.EXITED:
        with contextlib.suppress(OSError):
            os.write(sink, CALM)
    if ended is None:
        raise Unverified(f"{folder.name}: what watched the step was killed; verify by hand what it has done")
    keep(job.carried)
    return ended


def _pass_on(job: Job, source: int, sink: int, keys: int, shown: int, size: os.terminal_size) -> None:
    """Keys in, output out, until the step is over. The size is looked at, for signals come to one thread only."""
    while True:
        ready = select.select([source, shown], [], [], POLL)[0]
        if shown in ready:
            chunk = os.read(shown, CHUNK)
            if not chunk:
                return
            while chunk:
                chunk = chunk[os.write(sink, chunk) :]
        if source in ready:
            typed = b""
            with contextlib.suppress(OSError):
                typed = os.read(source, CHUNK)
            if not typed:
                # The line was closed; the pipe's end is how the step hears of it.
                return
            with contextlib.suppress(BrokenPipeError):
                while typed:
                    typed = typed[os.write(keys, typed) :]
        with contextlib.suppress(OSError, Refused):
            if (now := os.get_terminal_size(sink)) != size:
                size = now
                job.resize(size.columns, size.lines)

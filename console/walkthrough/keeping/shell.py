"""A program begun on a terminal of its own, with its text given by descriptors that no list of processes shows."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import signal
import struct
import subprocess
import tempfile
import termios
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from console.walkthrough.keeping.carrying import OTHER_FD, PRELUDE_FD, TEXT_FD

SCRIPT = "step"
FDS = (PRELUDE_FD, TEXT_FD, OTHER_FD)
# Would run or set something before the block, or say what is no longer so.
WITHOUT = ("BASH_ENV", "ENV", "SHELLOPTS", "BASHOPTS", "POSIXLY_CORRECT", "COLUMNS", "LINES", "OLDPWD", "_")
CHECKED_WITHIN = 20
# What the keeper, or Python, handles otherwise.
DEFAULT = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGPIPE,
    signal.SIGTTOU,
    signal.SIGCHLD,
    signal.SIGXFSZ,
    signal.SIGTERM,
    signal.SIGQUIT,
    signal.SIGTTIN,
)


def environment(environ: Mapping[str, str], *, keep_term: bool) -> dict[str, str]:
    """What a step's programs get: all of it but what would get between bash and the block."""
    found = {name: value for name, value in environ.items() if name not in WITHOUT}
    return {**found, "TERM": found["TERM"] if keep_term and found.get("TERM") else "xterm-256color"}


def open_terminal(columns: int, rows: int) -> tuple[int, int]:
    """A pseudo-terminal of that size, its slave made this process's controlling terminal."""
    master, slave = pty.openpty()
    resize(master, columns, rows)
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    os.set_blocking(master, False)
    return master, slave


def resize(master: int, columns: int, rows: int) -> None:
    """Change the terminal's size; its programs are told by the kernel."""
    with contextlib.suppress(OSError):
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def unnamed(text: str) -> int:
    """A descriptor of a file that has the text and no name; in memory where the system can."""
    make: Callable[[str], int] | None = getattr(os, "memfd_create", None)
    if make is not None:
        handle = make(SCRIPT)
    else:
        with tempfile.TemporaryFile() as file:
            handle = os.dup(file.fileno())
    with os.fdopen(os.dup(handle), "wb") as file:
        file.write(text.encode("utf-8", "surrogateescape"))
    os.lseek(handle, 0, os.SEEK_SET)
    return handle


def fault(bash: str, text: str, shopts: Sequence[str]) -> str:
    """What bash says of a text that it cannot read, empty where it can. shopts: options that are on when it runs."""
    said = _said(bash, text, ("extglob",) if "extglob" in shopts else ())
    if said and "extglob" in text:
        # The text sets the option itself, which is not done while it is only read.
        return _said(bash, text, ("extglob",)) and said
    return said


def _said(bash: str, text: str, shopts: Sequence[str]) -> str:
    options = [word for name in shopts for word in ("-O", name)]
    try:
        checked = subprocess.run(
            [bash, "--norc", *options, "-n", "-s"], input=text.encode("utf-8", "surrogateescape"), capture_output=True,
            timeout=CHECKED_WITHIN, env={"PATH": os.defpath, "LC_ALL": "C"}, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"it could not be checked: {error}"
    if checked.returncode == 0 and not checked.stderr:
        return ""
    lines = checked.stderr.decode("utf-8", "replace").splitlines() or [f"exit {checked.returncode}"]
    return lines[0].removeprefix("bash: ").removeprefix(f"{bash}: ")


def begin(
    bash: str, folder: Path, slave: int, environ: Mapping[str, str], *,
    prelude: str, script: str, other: str, umask: int,
) -> int:  # fmt: skip
    """Start a bash on `script`, under the name of `step` in `folder`; returns its process id. Raises OSError.

    It leads the terminal's foreground process group in this process's session, so that its end does not hang up on what
    it leaves behind. prelude: what it reads before the script. other: a text for another program, which is begun by it.
    """
    texts = [unnamed(text) for text in (prelude, script, other)]
    link = folder / SCRIPT
    link.unlink(missing_ok=True)
    link.symlink_to(f"/dev/fd/{TEXT_FD}")
    environ = {**environ, "BASH_ENV": f"/dev/fd/{PRELUDE_FD}"}
    told, tells = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            # Out of the way first: any of these may have a number that is given away below.
            tells = fcntl.fcntl(tells, fcntl.F_DUPFD_CLOEXEC, 20)
            high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 20) for fd in (slave, *texts)]
            os.setpgid(0, 0)
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            os.tcsetpgrp(slave, os.getpid())
            for number in DEFAULT:
                signal.signal(number, signal.SIG_DFL)
            os.chdir(folder)
            os.umask(umask)
            for target, source in zip((0, 1, 2, *FDS), (*high[:1] * 3, *high[1:]), strict=True):
                os.dup2(source, target)
            if not other:
                os.close(OTHER_FD)
            os.execve(bash, [bash, "--noprofile", "--norc", SCRIPT], environ)
        except OSError as error:
            os.write(tells, str(error).encode())
        finally:
            os._exit(126)
    os.close(tells)
    for fd in texts:
        os.close(fd)
    with contextlib.suppress(OSError):
        os.setpgid(child, child)
    with os.fdopen(told, "rb") as answer:
        failed = answer.read()
    if failed:
        os.waitpid(child, 0)
        raise OSError(failed.decode("utf-8", "replace"))
    return child

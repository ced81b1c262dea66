"""Starting a sandbox from another process: commands and tests use this and nothing else of the sandbox."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any

READY_WITHIN = 30.0
FASTEST = 1_000_000


class SandboxError(Exception):
    """The sandbox did not start or did not do as asked; the message says why, with what it wrote."""


@dataclass
class Sandbox:
    """A running sandbox. told: the JSON object it printed. Ends with `stop`, or with this process."""

    told: Mapping[str, Any]
    process: subprocess.Popen[bytes]
    _errors: IO[bytes] = field(repr=False)

    @property
    def system(self) -> Path:
        """The system.yaml that points every command at it."""
        return Path(self.told["system"])

    @property
    def control_url(self) -> str:
        """Where faults are switched."""
        return str(self.told["control_url"])

    @property
    def errors(self) -> str:
        """What it wrote to its standard error."""
        return _tail(self._errors)

    def switch(self, fault: str, on: bool) -> None:
        """Switch a fault. Blocks for at most two seconds. Raises SandboxError."""
        self.ask("PUT", f"/faults/{fault}", {"on": on})

    def state(self) -> dict[str, Any]:
        """What is going on in it. Blocks for at most two seconds. Raises SandboxError."""
        return dict(self.ask("GET", "/state"))

    def set_metrics(self, **values: float | None) -> None:
        """Set values of the sample app by hand, or clear them with None. Blocks for at most two seconds.

        Raises SandboxError with the names there are.
        """
        self.ask("POST", "/metrics", values)

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None, within: float = 2.0) -> Any:
        """Ask its control address; gives the JSON it answers. Raises SandboxError with the answer's sentence."""
        import urllib.error
        import urllib.request

        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.control_url + path, data=data, method=method)
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(request, timeout=within) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with contextlib.suppress(ValueError, KeyError, TypeError):
                raise SandboxError(str(json.load(error)["error"])) from error
            raise SandboxError(f"{method} {self.control_url}{path}: answered {error.code}.") from error
        except OSError as error:
            raise SandboxError(f"{method} {self.control_url}{path}: {getattr(error, 'reason', error)}.") from error

    def stop(self, within: float = 5.0) -> None:
        """End it and everything it started; kills it after `within` seconds."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)
        for pipe in (self.process.stdin, self.process.stdout, self._errors):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def read_speed(text: str) -> int:
    """How many times faster than the clock rollouts run: `1440`, `1,000,000`. Raises ValueError."""
    digits = text.replace("_", "").replace(",", "")
    if not digits.isdecimal() or not 1 <= int(digits) <= FASTEST:
        raise ValueError(f"{text!r} is not a whole number from 1 to {FASTEST:,}")
    return int(digits)


def sandbox_command(
    system: str = "hak-gal",
    *,
    faults: Sequence[str] = (),
    folder: Path | None = None,
    prometheus: bool = True,
    speed: int | None = None,
    owned: bool = False,
) -> list[str]:
    """The command line that runs a sandbox. speed: of the engine's clock. owned: end when standard input ends."""
    command = [sys.executable, "-P", "-m", "console.sandbox", "--system", system]
    for fault in faults:
        command += ["--fault", fault]
    if folder is not None:
        command += ["--folder", str(folder)]
    if not prometheus:
        command.append("--no-prometheus")
    if speed is not None:
        command += ["--speed", str(speed)]
    if owned:
        command.append("--owned")
    return command


def start_sandbox(
    system: str = "hak-gal",
    *,
    faults: Sequence[str] = (),
    folder: Path | None = None,
    prometheus: bool = True,
    speed: int | None = None,
    environ: Mapping[str, str] | None = None,
    within: float = READY_WITHIN,
) -> Sandbox:
    """Start a sandbox and wait until it is ready; it ends when this process does.

    system: a shipped system's name, a folder, or a system.yaml. faults: switched on from the start. folder: where it
    keeps its files, a temporary one when None. speed: how many times faster than the clock rollouts run on it.
    environ: its environment, this process's own when None. Blocks for at most `within` seconds.
    Raises SandboxError with what it wrote to its standard error.
    """
    errors = tempfile.TemporaryFile()  # noqa: SIM115 - kept open as long as the sandbox runs
    process = subprocess.Popen(
        sandbox_command(system, faults=faults, folder=folder, prometheus=prometheus, speed=speed, owned=True),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        env=None if environ is None else dict(environ),
        start_new_session=True,
    )
    try:
        line = _first_line(process, time.monotonic() + within)
        told = json.loads(line) if line else None
    except ValueError:
        told = None
    except BaseException:
        process.kill()
        process.wait()
        raise
    sandbox = Sandbox(told if isinstance(told, dict) else {}, process, errors)
    if sandbox.told:
        return sandbox
    code = process.poll()
    why = f"ended with exit code {code}" if code is not None else f"was not ready within {within:g} s"
    wrote = sandbox.errors
    sandbox.stop()
    raise SandboxError(f"The sandbox {why}. {wrote or 'It wrote nothing to its standard error.'}")


def _first_line(process: subprocess.Popen[bytes], deadline: float) -> bytes:
    """What the process prints up to its first newline; what there is when it ends or the deadline passes."""
    assert process.stdout
    read = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while b"\n" not in read and (left := deadline - time.monotonic()) > 0:
            if selector.select(left):
                part = os.read(process.stdout.fileno(), 65536)
                if not part:
                    process.wait(5)
                    break
                read += part
    return read.partition(b"\n")[0] if b"\n" in read else b""


def _tail(errors: IO[bytes], most: int = 2000) -> str:
    try:
        size = os.fstat(errors.fileno()).st_size
        return os.pread(errors.fileno(), most, max(0, size - most)).decode(errors="replace").strip()
    except (OSError, ValueError):
        return ""

"""The keeper of one step: a process of its own that has the step's terminal and writes down what it prints and how it
ends. It lives on when the console is killed. `running.start_job` starts it.

It imports little, for it starts with every step.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

from console.walkthrough.keeping import results
from console.walkthrough.keeping.carrying import OTHER_FD, closing, opening, restoring
from console.walkthrough.keeping.shell import environment, fault
from console.walkthrough.keeping.state import State, Taken, parted, read_state, secret_values, taken, write_state
from console.walkthrough.keeping.step import LARGEST_STATE, Terminal
from console.walkthrough.keeping.terminal import Relayed
from console.walkthrough.keeping.voice import Expectation, Voice

TRANSCRIPT, PROMPT = "transcript.log", "prompt"
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0


class NotBegun(Exception):
    """The step is not run; the message says why."""


class Keeper:
    """One step from its begin to its end. result: the prepared result file. listener, safe: pipes to who started it,
    for lines and for what is secret. keys, screen: pipes to a person's terminal, if it is on one.
    """

    def __init__(
        self, folder: Path, spec: dict[str, Any], *, result: int, listener: int, safe: int, keys: int, screen: int
    ) -> None:
        self._folder = folder
        self._spec = spec
        self._result = result
        self._safe = safe
        os.set_blocking(safe, False)
        self._began = time.monotonic()
        self._environ = environment(spec["environ"], keep_term=keys >= 0)
        self._carried = tuple((str(name), str(value)) for name, value in spec["carried"])
        self._secrets = (*spec["secrets"], *secret_values(self._carried))
        self._voice = Voice(listener, folder / TRANSCRIPT, self._secrets, folder / PROMPT)
        self._relayed = Relayed(keys, screen, self._secrets) if keys >= 0 else None
        self._fifo = folder / f"state.{os.urandom(6).hex()}"
        self._state = State()
        self._raw_state: bytes | None = None
        self._lost: tuple[str, ...] = ()
        self.terminal: Terminal | None = None

    def run(self) -> None:
        """Run the step to its end, which is in the result file when this returns."""
        try:
            ended = self._run()
        except NotBegun as refused:
            ended = {"ending": "not begun", "why": str(refused)}
        self._voice.end()
        if self._relayed is not None:
            self._relayed.end()
        for path in (self._fifo, self._folder / "step", self._folder / PROMPT):
            path.unlink(missing_ok=True)
        voice = self._voice
        whole: dict[str, Any] = {"whole": not voice.transcript.fault, "output": voice.output, "lines": voice.lines}
        if voice.transcript.fault:
            whole["why"] = voice.transcript.fault
        duration = time.monotonic() - self._began
        results.end(
            self._result,
            {
                "exit_code": None,
                "began": self._spec["began"],
                "duration": duration,
                **whole,
                **ended,
                "lost": list(self._lost),
            },
        )

    def _run(self) -> dict[str, Any]:
        spec = self._spec
        self._state = self._read_state()
        bash = self._bash()
        expected = self._expectation()
        os.mkfifo(self._fifo, 0o600)
        deadline = None if spec["timeout"] is None else self._began + float(spec["timeout"])
        self.terminal = terminal = Terminal(
            self._folder,
            self._fifo,
            self._voice,
            self._relayed,
            size=(spec["columns"], spec["rows"]),
            deadline=deadline,
        )
        tries = 0
        while True:
            tries += 1
            self._voice.expectation = expected
            status, shell = self._once(bash)
            unmet = "" if terminal.stopped else self._unmet(bash, status, shell)
            if not (status or unmet) or tries > spec["retry"]:
                break
            pause = min(FIRST_PAUSE * 2 ** (tries - 1), LONGEST_PAUSE)
            if terminal.stopped:
                break
            how = unmet if not status else f"exit {status}" if status > 0 else signal.Signals(-status).name
            self._voice.notice(f"{how}; tried again in {pause:g} s ({tries + 1} of {spec['retry'] + 1})")
            if not terminal.pause(pause):
                break
            expected = self._expectation()
        if shell is not None and status >= 0 and not terminal.stopped:
            self._keep(shell)
        ended: dict[str, Any] = {
            "ending": terminal.stopped or ("exited" if status >= 0 else "signalled"),
            "tries": tries,
        }
        if status >= 0:
            ended["exit_code"] = status
        else:
            ended["signal"] = signal.Signals(-status).name
        return ended | {"expectation": unmet}

    def _read_state(self) -> State:
        if self._spec["state"] is None:
            return State()
        path = Path(self._spec["state"])
        try:
            state = read_state(path)
            self._raw_state = path.read_bytes() if path.exists() else None
        except (OSError, ValueError) as error:
            raise NotBegun(
                f"{path}: what the steps before have left cannot be read: {error}; move the file away"
            ) from None
        return state

    def _bash(self) -> str:
        """The bash to use, when everything is as it has to be. Raises NotBegun."""
        path = self._environ.get("PATH")
        bash = shutil.which("bash", path=path) or shutil.which("bash", path=os.defpath)
        if bash is None:
            raise NotBegun("bash is not on PATH; install it")
        folder = self._cwd
        if not Path(folder).is_dir() or not os.access(folder, os.X_OK):
            raise NotBegun(f"{folder}: the step would begin in this folder, which is gone or closed; make it again")
        texts = [self._spec["check"]]
        if self._spec["interpreter"]:
            program = _words(self._spec["interpreter"])[0]
            if shutil.which(program, path=path) is None:
                raise NotBegun(f"{program} is not on PATH; install it")
        else:
            texts.insert(0, self._spec["text"])
        for text in texts:
            if text and (said := fault(bash, text, self._state.shopts)):
                raise NotBegun(f"bash refuses the block: {said}")
        return bash

    @property
    def _cwd(self) -> str:
        return self._state.folders[0] if self._state.folders else str(self._spec["cwd"])

    def _umask(self, state: State) -> int:
        return int(state.umask, 8) if state.umask else int(self._spec["umask"])

    def _expectation(self) -> Expectation:
        try:
            return Expectation(self._spec["expect"])
        except re.error as error:
            raise NotBegun(f"expect={self._spec['expect']}: this is no pattern: {error}") from None

    def _once(self, bash: str) -> tuple[int, Taken | None]:
        """Run the text once."""
        assert self.terminal is not None
        spec, state = self._spec, self._state
        interpreter = _words(spec["interpreter"])
        text = spec["text"].rstrip("\n")
        if interpreter:
            plain = State(folders=state.folders, before=state.before)
            script = f"{opening(plain, self._cwd)}exec {shlex.join(interpreter)} /dev/fd/{OTHER_FD}\n"
        else:
            # The second line end, for a last line that ends in a backslash.
            script = f"{opening(state, self._cwd)}{text}\n\n{closing(self._fifo)}\n"
        prelude = restoring(state, self._carried, self._environ, text, None if interpreter else self._fifo)
        shell: Taken | None = None

        def early(dumped: bytes, status: int) -> None:
            found = taken(dumped, self._fifo.name, self._environ)
            if found is not None and status >= 0:
                self._keep(found)

        try:
            status, dumped = self.terminal.run(
                bash, self._environ, prelude=prelude, script=script, other=spec["text"] if interpreter else "",
                umask=self._umask(state), background=early if spec["background"] else None,
                traps="trap" in text or any("trap" in body for _, body in state.functions),
            )  # fmt: skip
        except OSError as error:
            raise NotBegun(f"bash was not begun: {error}") from None
        shell = taken(dumped, self._fifo.name, self._environ)
        if shell is None and len(dumped) > LARGEST_STATE:
            self._voice.notice(f"what the step leaves is more than {LARGEST_STATE >> 20} MB, and is not kept")
        return status, shell

    def _unmet(self, bash: str, status: int, shell: Taken | None) -> str:
        """What was asked of the step's outcome and is not so; empty where all is."""
        assert self.terminal is not None
        if self._voice.expectation.fault or status != 0 or not self._spec["check"]:
            return self._voice.expectation.fault
        check = self._spec["check"]
        state, carried = parted(shell, self._spec["secrets"]) if shell else (self._state, self._carried)
        cwd = state.folders[0] if state.folders else self._cwd
        try:
            code, _ = self.terminal.run(
                bash, self._environ, prelude=restoring(state, carried, self._environ, check, None),
                script=f"{opening(state, cwd)}{check}\n", other="", umask=self._umask(state),
                traps=True, background=None,
            )  # fmt: skip
        except OSError as error:
            return f"the check `{check}` was not begun: {error}"
        return "" if code == 0 else f"the check `{check}` ended with {_how(code)}"

    def _keep(self, shell: Taken) -> None:
        """Leave the shell to the next step."""
        if self._spec["state"] is None:
            return
        path = Path(self._spec["state"])
        state, carried = parted(shell, self._secrets)
        if self._spec["background"] and (path.read_bytes() if path.exists() else None) != self._raw_state:
            self._voice.notice("what the step leaves is not kept: other steps have gone on meanwhile")
            return
        try:
            write_state(path, state)
        except OSError as error:
            self._voice.notice(f"{path}: what the step leaves is not kept: {error.strerror}")
            return
        self._lost = tuple(name for name, _ in carried)
        message = json.dumps(carried).encode() + b"\n"
        with contextlib.suppress(OSError):
            while message:
                message = message[os.write(self._safe, message) :]


def _words(interpreter: str) -> list[str]:
    """The words of an interpreter's line; none for bash itself."""
    try:
        words = shlex.split(interpreter)
    except ValueError:
        words = interpreter.split()
    return [] if words in (["bash"], ["/bin/bash"], ["/usr/bin/env", "bash"]) else words


def _how(status: int) -> str:
    return f"exit {status}" if status >= 0 else signal.Signals(-status).name


def main() -> None:
    """Take the spec from stdin, leave the process that started this, and keep the step."""
    folder, spec = Path(sys.argv[1]), json.load(sys.stdin)
    descriptors = {
        name: int(spec["descriptors"].get(name, -1)) for name in ("lock", "result", "safe", "keys", "screen")
    }
    # Open from before the starter goes on, or a stop that comes before the terminal is there would go by unheard.
    os.open(folder / "control", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    if os.fork():
        os._exit(0)
    os.setsid()
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE, signal.SIGTTOU, signal.SIGTTIN):
        signal.signal(number, signal.SIG_IGN)
    spec["umask"] = os.umask(0o077)
    os.chdir("/")
    for fd in descriptors.values():
        if fd >= 0:
            os.set_inheritable(fd, False)
    # Held until this process ends: that is what says it lives.
    lock = descriptors.pop("lock")
    listener = os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    keeper = Keeper(folder, spec, listener=listener, **descriptors)
    try:
        keeper.run()
    except BaseException as error:  # noqa: BLE001 - nobody is there to see it; how the step ended is then unknown
        if keeper.terminal is not None:
            keeper.terminal.end_all()
        with contextlib.suppress(OSError):
            where = error.__traceback__
            while where is not None and where.tb_next is not None:
                where = where.tb_next
            line = f"{where.tb_frame.f_code.co_filename}:{where.tb_lineno}" if where else ""
            (folder / "broken").write_text(f"{type(error).__name__} at {line}\n", encoding="utf-8")
        os._exit(1)
    os.close(lock)


if __name__ == "__main__":
    main()

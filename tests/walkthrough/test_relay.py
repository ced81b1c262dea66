"""A step on a real terminal: keys go to it, secrets do not show, and the terminal is given back."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.core.operations import Refused
from console.walkthrough.keeping.jobs import Ending
from console.walkthrough.keeping.relay import relay
from console.walkthrough.keeping.running import find_job
from tests.conftest import wait_until
from tests.terminal.pty_console import PtyProgram
from tests.walkthrough.steps import Steps
from tests.walkthrough.test_keeper import keeper_of
from tests.walkthrough.test_run import gone
from tests.walkthrough.test_running import pid_in

# What the console does when it has given its terminal free.
CALLER = """
import json, sys
from pathlib import Path
from console.walkthrough.keeping.jobs import Spec
from console.walkthrough.keeping.relay import relay
folder, given = Path(sys.argv[1]), json.loads(sys.argv[2])
spec = Spec(given["text"], given["environ"], folder, folder / "state", secrets=("known0secret",))
kept = []
try:
    ended = relay(folder / "step", spec, keep=kept.extend)
except Exception as error:
    print(type(error).__name__, error)
else:
    print("back:", ended.ending.value, ended.exit_code, [name for name, _ in kept])
"""


class Caller(PtyProgram):
    """A process with a terminal of its own that runs a step on it."""

    def __init__(self, steps: Steps, text: str) -> None:
        given = json.dumps({"text": text, "environ": steps.environ})
        super().__init__([sys.executable, "-c", CALLER, str(steps.folder), given], size=(100, 30))
        self.folder = steps.folder / "step"

    def seen(self) -> str:
        """Everything that was written to the terminal."""
        return self.recording.decode("utf-8", "replace").replace("\r\n", "\n")

    def wait_seen(self, words: str) -> None:
        """Wait until that was written."""
        wait_until(lambda: words in self.seen(), what=f"{words!r} in {self.seen()!r}")


@pytest.fixture
def steps(tmp_path: Path) -> Steps:
    return Steps(tmp_path)


@pytest.fixture
def callers() -> Iterator[list[Caller]]:
    begun: list[Caller] = []
    yield begun
    for caller in begun:
        caller.close()


def test_keys_and_output_pass_and_the_terminal_is_given_back(steps: Steps, callers: list[Caller]) -> None:
    steps.run("before=carried")
    caller = Caller(
        steps,
        "stty size; test -t 0 && echo \"$before\"; read -p 'say: ' said; read -rsn1 -p 'a key: ' letter; echo\n"
        'printf "%s-%s\\n" "$said" "$letter" known0secret; API_TOKEN=tok-12345678; exit 3',
    )
    callers.append(caller)
    caller.wait_seen("say: ")
    caller.send("known0secret and more\r")
    caller.wait_seen("a key: ")
    assert not caller.settings_restored()
    caller.send("k")
    caller.wait_seen("back: exited 3 ['API_TOKEN', 'said']")
    assert caller.wait() == 0 and caller.settings_restored()
    text = caller.seen()
    assert "30 100" in text and "carried" in text and "[secret] and more-k" in text
    assert "30 100\ncarried\n" in (caller.folder / "transcript.log").read_text()
    assert b"known0secret and" not in (caller.folder / "transcript.log").read_bytes()
    job = find_job(caller.folder)
    assert job is not None and job.result is not None and job.result.exit_code == 3
    # It holds a secret, so it went over the pipe and not into the state.
    assert "known0secret" not in steps.state.read_text()
    steps.run('echo "${said-given back only by who has it}"')
    assert steps.said == ["given back only by who has it"]


def test_ctrl_c_is_the_program_s_and_the_size_follows(steps: Steps, callers: list[Caller]) -> None:
    caller = Caller(steps, "trap 'echo caught; stty size; exit 4' INT; echo ready; while :; do sleep 0.02; done")
    callers.append(caller)
    caller.wait_seen("ready")
    caller.resize(70, 20)
    caller.send("\x03")
    caller.wait_seen("back: exited 4")
    assert "caught" in caller.seen()
    assert caller.wait() == 0


def test_a_program_that_was_killed_leaves_the_terminal_usable(steps: Steps, callers: list[Caller]) -> None:
    caller = Caller(steps, "printf '\\e[?1049h\\e[?25lin the other screen'; echo $$ > pid; exec sleep 60")
    callers.append(caller)
    caller.wait_seen("in the other screen")
    os.kill(pid_in(steps.folder / "pid"), signal.SIGKILL)
    caller.wait_seen("back: signalled None")
    assert caller.wait() == 0 and caller.settings_restored()


def test_a_console_that_is_killed_takes_the_step_with_it_and_its_end_is_known(
    steps: Steps, callers: list[Caller]
) -> None:
    caller = Caller(steps, "echo $$ > pid; echo ready; sleep 60; touch went-on")
    callers.append(caller)
    caller.wait_seen("ready")
    os.kill(caller.process.pid, signal.SIGKILL)
    job = find_job(caller.folder)
    assert job is not None
    wait_until(lambda: not job.alive, what="the end of the step")
    assert job.result is not None and job.result.ending is Ending.STOPPED
    assert gone(pid_in(steps.folder / "pid")) and not (steps.folder / "went-on").exists()


def test_a_keeper_that_is_killed_is_told_as_unknown(steps: Steps, callers: list[Caller]) -> None:
    caller = Caller(steps, "echo ready; sleep 60")
    callers.append(caller)
    caller.wait_seen("ready")
    os.kill(keeper_of(caller.folder), signal.SIGKILL)
    caller.wait_seen("Unverified")
    assert caller.wait() == 0 and caller.settings_restored()


def test_without_a_terminal_an_interactive_step_is_refused(steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    with Path(os.devnull).open() as nothing:
        monkeypatch.setattr(sys, "__stdin__", nothing)
        with pytest.raises(Refused, match="needs a terminal"):
            relay(steps.folder / "step", steps.spec("true"))
    assert not (steps.folder / "step").exists()

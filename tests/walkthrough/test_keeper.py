"""A step's keeper outlives who started it, and who kills it leaves nobody a lie."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.walkthrough.keeping.jobs import Ending
from console.walkthrough.keeping.running import Job, find_job
from tests.conftest import wait_until
from tests.walkthrough.steps import Steps, end_steps
from tests.walkthrough.test_run import gone
from tests.walkthrough.test_running import pid_in

ROOT = Path(__file__).resolve().parents[2]
# Starts a step and follows it, as the console does, and writes down what it hears.
STARTER = """
import json, signal, sys, threading
from pathlib import Path
from console.walkthrough.keeping.jobs import Spec
from console.walkthrough.keeping.running import start_job
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # `nohup make test` ignores it
folder, given = Path(sys.argv[1]), json.loads(sys.argv[2])
job = start_job(folder / "step", Spec(given["text"], given["environ"], folder, folder / "state"))
heard = open(folder / "heard", "w", buffering=1)
print("started", flush=True)
job.follow(lambda line: heard.write(line + "\\n"), lambda text: None, threading.Event())
print("over", flush=True)
"""


@pytest.fixture
def steps(tmp_path: Path) -> Steps:
    return Steps(tmp_path)


class Starter:
    """Another process that has started a step, in a session of its own as the one of an SSH line."""

    def __init__(self, steps: Steps, text: str) -> None:
        given = json.dumps({"text": text, "environ": steps.environ})
        self.process = subprocess.Popen(
            [sys.executable, "-c", STARTER, str(steps.folder), given],
            cwd=ROOT, stdout=subprocess.PIPE, start_new_session=True, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "started\n"
        found = find_job(steps.folder / "step")
        assert found is not None and found.alive
        self.job: Job = found

    def close(self) -> None:
        """End it, if it lives."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def starters() -> Iterator[list[Starter]]:
    begun: list[Starter] = []
    yield begun
    for starter in begun:
        starter.close()
        end_steps(starter.job.folder)


def keeper_of(folder: Path) -> int:
    """The process id of a folder's keeper."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if str(folder.resolve()).encode() in words and b"-S" in words:
                return int(entry.name)
    raise AssertionError(f"{folder} has no keeper")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_a_step_goes_on_when_who_started_it_is_killed(
    steps: Steps, starters: list[Starter], number: signal.Signals
) -> None:
    starter = Starter(
        steps, "echo $$ > pid; until [ -e go ]; do echo tick; sleep 0.01; done; seq 20000; mine=set; exit 7"
    )
    starters.append(starter)
    pid_in(steps.folder / "pid")
    os.killpg(starter.process.pid, number)
    starter.process.wait(10)
    (steps.folder / "go").write_text("")
    wait_until(lambda: not starter.job.alive, what="the end of the step")
    result = starter.job.result
    assert result is not None and (result.ending, result.exit_code, result.whole) == (Ending.EXITED, 7, True)
    assert (steps.folder / "step" / "transcript.log").read_text().endswith("\n19999\n20000\n")
    steps.run("echo $mine")
    assert steps.said == ["set"]


def test_a_step_waits_for_nobody_who_has_been_stopped(steps: Steps, starters: list[Starter]) -> None:
    starter = Starter(steps, "until [ -e go ]; do sleep 0.01; done; seq 200000; echo last words")
    starters.append(starter)
    starter.process.send_signal(signal.SIGSTOP)
    (steps.folder / "go").write_text("")
    wait_until(lambda: not starter.job.alive, what="the end of the step")
    assert starter.job.result is not None and starter.job.result.lines == 200_001
    starter.process.send_signal(signal.SIGCONT)
    assert starter.process.stdout is not None and starter.process.stdout.readline() == "over\n"
    heard = (steps.folder / "heard").read_text().splitlines()
    assert 0 < len(heard) < 10_000


def test_when_the_keeper_is_killed_its_step_ends_and_nobody_knows_how(steps: Steps) -> None:
    job = steps.start("echo $$ > pid; sleep 60 & echo $! > child; echo ready; wait; touch went-on")
    pid, child = pid_in(steps.folder / "pid"), pid_in(steps.folder / "child")
    keeper = keeper_of(job.folder)
    steps.when["ready"] = lambda: os.kill(keeper, signal.SIGKILL)
    assert steps.follow(job) is None
    assert job.result is None and not job.alive and job.carried == ()
    for one in (pid, child):
        wait_until(lambda one=one: gone(one), what="the end of the step's processes")
    assert not (steps.folder / "went-on").exists() and not steps.state.exists()
    found = find_job(job.folder)
    assert found is not None and found.result is None
    assert found.follow(steps.said.append, steps.asked.append, threading.Event()) is None
    assert steps.said[-1] == "ready"


def test_a_keeper_survives_what_ends_a_session(steps: Steps) -> None:
    job = steps.start("echo ready; until [ -e go ]; do sleep 0.01; done")
    keeper = keeper_of(job.folder)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE):
        os.kill(keeper, number)
    steps.when["ready"] = lambda: (steps.folder / "go").write_text("")
    ended = steps.follow(job)
    assert ended is not None and ended.exit_code == 0


def test_a_flood_passes_in_little_memory_and_the_follower_is_told_little(steps: Steps) -> None:
    job = steps.start(
        "yes 'a line of output that is as long as such lines are, more or less' | head -c 20000000; echo over"
    )
    keeper, most, told = keeper_of(job.folder), 0, 0

    def measure(line: str) -> None:
        nonlocal most, told
        told += 1
        if told % 50 == 1:
            try:
                status = Path(f"/proc/{keeper}/status").read_text()
            except OSError:
                return
            most = max(most, int(status.partition("VmHWM:")[2].split()[0] if "VmHWM:" in status else 0))

    began = time.monotonic()
    ended = job.follow(measure, lambda text: None, threading.Event())
    took = time.monotonic() - began
    assert ended is not None and ended.whole and ended.output > 20_000_000
    transcript = job.folder / "transcript.log"
    assert transcript.stat().st_size == 20_000_000 + len("over\n")
    assert 0 < most < 60_000, f"{most} kB"
    assert told < 220 * (took / 0.05 + 2)
    transcript.unlink()

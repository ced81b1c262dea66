"""`rollout` and `watch` as a script and a terminal use them: real processes, exit codes, and a terminal that closes."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from console.engine.processes import lives
from console.engine.watcher_process import running_watcher
from tests.conftest import wait_until
from tests.rollouts.pair import Health, Pair

Run = Callable[..., subprocess.CompletedProcess[str]]


def command(pair: Pair, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "console.cli", *arguments, "--system", str(pair.folder)]


@pytest.fixture
def environ(pair: Pair) -> dict[str, str]:
    """A home of the test's own: the state of `pair` is in its folder."""
    home = pair.folder / "home"
    return {**os.environ, "HAKGAL_STATE_DIR": str(home), "XDG_CONFIG_HOME": str(home / "config"), "COLUMNS": "120"}


@pytest.fixture
def run(pair: Pair, environ: dict[str, str]) -> Iterator[Run]:
    """Runs a command to its end; watchers that it started are ended with the test."""

    def run_one(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(pair, *arguments), env=environ, capture_output=True, text=True, timeout=60, check=False
        )

    yield run_one
    if (mark := driver_of(pair)) and lives(mark):
        os.kill(int(mark.partition(":")[0]), signal.SIGTERM)
        wait_until(lambda: not lives(mark), what="the watcher's end")


def state_of(pair: Pair) -> Path:
    return pair.folder / "home" / "pair"


def driver_of(pair: Pair) -> str:
    """The process that holds the newest lease."""
    path = state_of(pair) / "leases.db"
    if not path.exists():
        return ""
    try:
        row = sqlite3.connect(path).execute("SELECT process FROM leases ORDER BY epoch DESC").fetchone()
    except sqlite3.OperationalError:  # it is being made just now
        return ""
    return str(row[0]) if row else ""


def told(run: Run) -> dict[str, object]:
    return dict(json.loads(run("rollout", "status", "--json").stdout) or {})


def test_a_rollout_by_commands_alone(pair: Pair, run: Run, health: Health) -> None:
    nothing = run("rollout", "status")
    assert (nothing.returncode, nothing.stdout) == (4, "no rollout was ever started here; plans: release\n")
    shown = run("rollout", "start", "release")
    assert shown.returncode == 0, shown.stderr
    assert "1. one-pod in live, 1 pod by canary, watched 1h" in shown.stdout
    assert "nothing was done; add --confirm pair to start it" in shown.stdout
    wrong = run("rollout", "start", "relaese", "--confirm", "pair")
    assert (wrong.returncode, wrong.stderr) == (2, "hakgal-console: pair has no plan relaese; it has release\n")
    begun = run("rollout", "start", "release", "--confirm", "pair")
    assert begun.returncode == 0, begun.stderr
    assert "started Release of v2; watcher on" in begun.stdout
    wait_until(lambda: told(run)["state"] == "waiting", within=40, every=0.3, what="waiting")
    status = run("rollout", "status")
    assert status.returncode == 1, "a person is waited for"
    assert "WAITING" in status.stdout
    assert "gate      pass" in status.stdout
    assert run("rollout", "hold", "for lunch").stdout.startswith("held: for lunch")
    refused = run("rollout", "promote", "--confirm", "pair")
    assert (refused.returncode, refused.stderr) == (
        2,
        "hakgal-console: it is held; `rollout resume` resumes it first\n",
    )
    assert run("rollout", "resume").stdout == "goes on\n"
    assert run("rollout", "promote", "--confirm", "pair").stdout == "promoted\n"
    back = run("rollback", "--confirm", "pair", "--env", "live").stdout.splitlines()
    assert back[-1].startswith("ROLLED BACK")
    writes = [line for line in back if line.startswith("PATCH ")]
    assert writes and len(set(writes)) == len(writes), "each write is said once"
    assert told(run)["state"] == "rolled back"
    assert run("rollout", "status").returncode == 3
    assert run("rollout", "abort", "enough", "--confirm", "pair").stdout.startswith("aborted")
    mark = driver_of(pair)
    wait_until(lambda: not lives(mark), what="the watcher's end, for the rollout is over")
    assert pair.live()["app"] == ("app:v1", 4, "")


def test_the_watcher_outlives_the_terminal_that_started_it(pair: Pair, environ: dict[str, str], run: Run) -> None:
    leader, follower = pty.openpty()
    starting = subprocess.Popen(
        command(pair, "rollout", "start", "release", "--confirm", "pair"),
        env=environ,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
        preexec_fn=lambda: _own_terminal(),
    )
    os.close(follower)
    wait_until(lambda: driver_of(pair), within=20, what="a driver")
    mark = driver_of(pair)
    os.close(leader)
    starting.wait(20)
    assert lives(mark)
    wait_until(lambda: told(run)["state"] == "waiting", within=40, every=0.3, what="waiting")
    assert driver_of(pair) == mark


def _own_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def test_a_detached_watcher_says_where_it_tells_what_happens_and_is_stopped_by_a_command(run: Run, pair: Pair) -> None:
    nobody = run("watch", "--stop")
    assert (nobody.returncode, nobody.stderr) == (1, "hakgal-console: no watcher of pair runs on this machine\n")
    first = run("watch", "--detach")
    assert first.returncode == 0, first.stderr
    pid = int(first.stdout.partition("(pid ")[2].partition(")")[0])
    try:
        told = (
            f"watching pair in the background (pid {pid}): no rollout is under way; watching; it says what happens in "
        )
        assert first.stdout.startswith(told)
        second = run("watch")
        assert second.returncode == 3
        assert f"a watcher of this system runs already (pid {pid})" in second.stderr
        status = state_of(pair) / "monitoring" / "last_status.json"
        wait_until(status.exists, what="a status")
        assert json.loads(status.read_text())["rollout"] is None
        stopped = run("watch", "--stop")
        assert (stopped.returncode, stopped.stdout) == (0, f"stopped the watcher of pair (pid {pid})\n")
        assert run("watch", "--stop").returncode == 1
    finally:
        if lives(str(pid)):
            os.kill(pid, signal.SIGTERM)
            wait_until(lambda: not lives(str(pid)), what="the watcher's end")


def test_only_a_watcher_is_stopped(run: Run, pair: Pair) -> None:
    lock = state_of(pair) / "watcher.lock"
    lock.parent.mkdir(parents=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(f"{os.getpid()}\n")
        file.flush()
        refused = run("watch", "--stop")
    assert refused.returncode == 1
    assert f"process {os.getpid()} in it is no watcher" in refused.stderr


def test_a_watcher_beside_one_that_drives_says_that_it_stands_by(pair: Pair, environ: dict[str, str], run: Run) -> None:
    assert run("rollout", "start", "release", "--confirm", "pair").returncode == 0
    holder = int(driver_of(pair).partition(":")[0])
    # As after a takeover whose loser has not yet ended, or from another machine: no lock bars the second.
    (state_of(pair) / "watcher.lock").unlink()
    second = run("watch", "--detach")
    assert second.returncode == 0, second.stderr
    pid = int(second.stdout.partition("(pid ")[2].partition(")")[0])
    try:
        assert second.stdout.startswith(f"standing by for pair in the background (pid {pid}): watcher on ")
        assert f"(pid {holder}) drives release-v2-" in second.stdout
    finally:
        stopped = run("watch", "--stop")
    assert stopped.stdout.startswith(f"stopped the watcher of pair (pid {pid}); release-v2-")


def test_a_watcher_that_has_taken_over_is_found_and_stopped_as_any_other(pair: Pair, run: Run) -> None:
    assert run("rollout", "start", "release", "--confirm", "pair").returncode == 0
    first = driver_of(pair)
    taken = run("watch", "--detach", "--take-over")
    assert "drives release-v2-" in taken.stdout, taken.stderr
    pid = int(taken.stdout.partition("(pid ")[2].partition(")")[0])
    wait_until(lambda: not lives(first), within=20, what="the end of the one that was overtaken")
    wait_until(lambda: running_watcher(state_of(pair)) == pid, what="the lock of the other")
    assert run("watch").returncode == 3
    assert run("watch", "--stop").stdout.startswith(f"stopped the watcher of pair (pid {pid}); release-v2-")


def test_the_unit_starts_this_program_on_this_system_in_this_folder(run: Run, pair: Pair) -> None:
    unit = run("watch", "--unit")
    assert unit.returncode == 0
    lines = unit.stdout.splitlines()
    start = next(line for line in lines if line.startswith("ExecStart="))
    assert start.endswith(f"watch --system {pair.folder / 'system.yaml'}")
    assert f"WorkingDirectory={Path.cwd()}" in lines
    assert "Restart=on-failure" in lines
    assert f'Environment="HAKGAL_STATE_DIR={pair.folder / "home"}"' in lines


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("rollout", "promote", "--confirm", "pair"), "no rollout was started; `rollout start PLAN` starts one"),
        (("rollout", "promote"), "nothing was done; add --confirm pair"),
        (("rollout", "abort", "enough"), "nothing was done; add --confirm pair"),
        (
            ("rollout", "start", "release", "--confirm", "piar"),
            "piar was typed where pair was asked for; nothing was done",
        ),
        (
            ("rollout", "start", "release", "--phase", "al", "--confirm", "pair"),
            "release has no phase al; it has one-pod, all",
        ),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(run: Run, arguments: tuple[str, ...], said: str) -> None:
    refused = run(*arguments)
    assert (refused.returncode, refused.stderr) == (2, f"hakgal-console: {said}\n")


def test_a_read_only_command_asks_for_nothing(run: Run) -> None:
    refused = run("rollout", "start", "release", "--confirm", "pair", "--read-only")
    assert refused.returncode == 2
    assert "only reads" in refused.stderr


def test_help_shows_examples_and_exit_codes(run: Run) -> None:
    for words in (("rollout", "--help"), ("watch", "--help")):
        shown = subprocess.run(
            [sys.executable, "-m", "console.cli", *words], capture_output=True, text=True, timeout=30, check=True
        ).stdout
        assert "examples:" in shown
        assert "exit codes" in shown

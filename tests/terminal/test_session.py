"""A person's session on a pseudo-terminal: the sandbox, a fault, the alert, a rollback by keys, and calm again."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.journal.journal import Journal
from tests.conftest import wait_until
from tests.terminal.pty_console import PtyProgram

CONSOLE = [sys.executable, "-m", "console.cli"]


@pytest.fixture
def session(tmp_path: Path) -> Iterator[PtyProgram]:
    program = PtyProgram([*CONSOLE, "sandbox", "--folder", str(tmp_path / "sandbox")], size=(120, 40))
    yield program
    program.close()


def open_fault(session: PtyProgram, name: str) -> None:
    """Switch a fault on through the menu, moving the cursor to its name."""
    session.send("x")
    session.wait_for("Faults of the sandbox")
    for _ in range(30):
        marked = next((line for line in session.text().splitlines() if "▸" in line and name in line), None)
        if marked is not None:
            break
        session.press("j")
    session.send("\r")
    session.wait_for(" ON ")
    session.send("\x1b")


def alert_row(session: PtyProgram, title: str) -> str:
    """The row of an alert, empty where it is not on the screen."""
    return next((line for line in session.text().splitlines() if f" {title} " in line and " P" in line), "")


@pytest.mark.timeout(240)
def test_an_error_spike_is_seen_rolled_back_and_gone(session: PtyProgram, tmp_path: Path) -> None:
    session.wait_for("every pod runs v2.3.3 and is ready", within=60)
    wait_until(lambda: "quiet" in alert_row(session, "error rate"), within=60, what="a judged error rate")
    open_fault(session, "error-spike")
    wait_until(lambda: "FIRING" in alert_row(session, "error rate"), within=45, what="the alert")

    session.send("R")
    session.wait_for("Roll back hak-gal in SANDBOX")
    session.wait_for("v2.3.2  previous revision, not recorded good")
    session.wait_for("+    image: hak-gal:v2.3.2")
    session.quiet(0.7)
    session.send("hak-ga\r")
    session.wait_for("nothing was done")
    session.send("l\r")
    session.wait_for("PATCH deployments/hak-gal")
    session.wait_for("ROLLED BACK and verified in", within=60)
    session.send("\x1b")

    session.wait_for("every pod runs v2.3.2 and is ready", within=20)
    session.send("d")
    pods = session.wait_for("Pods · 6 of 6 ready")
    assert pods.count(" v2.3.2 ") == 6 and " v2.3.3 " not in pods.split("Events")[0], pods
    session.send("\x1b")
    wait_until(lambda: "quiet" in alert_row(session, "error rate"), within=90, what="the end of the alert")

    session.send("q")
    assert session.wait(15) == 0
    assert session.settings_restored()
    [found] = [path for path in tmp_path.rglob("journal.db") if "prometheus" not in str(path)]
    from console.engine.engine import utc_now

    journal = Journal.open(found, clock=utc_now)
    rollback = [(event.role.value, event.outcome) for event in journal.events(kinds=("rollback",))]
    fired = [
        event.body["to"] for event in journal.events(kinds=("alert.changed",)) if event.body["alert"] == "error_rate"
    ]
    journal.close()
    assert rollback == [("intent", None), ("result", "done")]
    assert fired == ["firing", "quiet"]


def test_the_sandbox_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = tmp_path / "sandbox"
    program = PtyProgram([*CONSOLE, "sandbox", "--folder", str(folder)], size=(80, 24))
    try:
        program.wait_for("every pod runs", within=60)
        program.send("q")
        assert program.wait(15) == 0
        left = [
            entry
            for entry in Path("/proc").glob("[0-9]*/cmdline")
            if str(folder).encode() in _read(entry) and int(entry.parent.name) != os.getpid()
        ]
        assert not left, [_read(entry) for entry in left]
    finally:
        program.close()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_another_environment_can_be_picked_and_escape_leads_back() -> None:
    program = PtyProgram([*CONSOLE, "--system", "hak-gal", "--env", "staging"], size=(80, 24))
    try:
        program.wait_for("STAGING")
        program.wait_for("could not read")
        program.send("s")
        program.wait_for("Which system, and where?")
        program.quiet()
        program.send("\x1b")
        program.wait_for("1 Rollout")
        assert "STAGING" in program.wait_for("could not read")
        program.send("s")
        program.wait_for("Which system, and where?")
        program.quiet()
        program.send("j\r")
        program.wait_for("PRODUCTION")
        program.wait_for("could not read")
        program.send("q")
        assert program.wait(15) == 0
    finally:
        program.close()

"""A step on the real terminal: it has the keys, and its end is known whatever becomes of the console."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.core.operations import Refused
from console.core.runbooks.runs import Mark
from tests.conftest import wait_until
from tests.engine.runbook_place import RunbookPlace, marked, runbook_place

CONSOLE = """
import sys
from pathlib import Path
from console.engine.engine import Engine
from console.systems.loader import load_system

found = load_system(Path(sys.argv[1]), environ={})
engine = Engine(found, found.environments[0], folder=Path(sys.argv[2]))
engine.open_books()
run = engine.runbooks.begin(Path(sys.argv[3]))
seen = engine.runbooks.assess(run.id, 1)
print("told:", engine.runbooks.interact(run.id, 1, typed=seen.target, digest=seen.digest))
"""
ASKING = """```bash {"interactive":"true"}
read -r -p "go on? " word
echo "$word" >> MARK
```
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[RunbookPlace]:
    place = runbook_place(tmp_path)
    yield place
    place.close()


class Terminal:
    """A console that runs a step on a terminal of the test's own."""

    def __init__(self, place: RunbookPlace, runbook: Path) -> None:
        self.keys, theirs = os.openpty()
        command = [sys.executable, "-c", CONSOLE, str(place.system), str(place.state), str(runbook)]
        self.process = subprocess.Popen(command, stdin=theirs, stdout=theirs, start_new_session=True)
        os.close(theirs)
        os.set_blocking(self.keys, False)
        self._shown = b""

    @property
    def shown(self) -> str:
        with contextlib.suppress(OSError):
            while chunk := os.read(self.keys, 65_536):
                self._shown += chunk
        return self._shown.decode("utf-8", "replace")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.keys)


def test_the_step_has_the_keys_and_its_end_is_in_the_journal(place: RunbookPlace) -> None:
    terminal = Terminal(place, place.write(ASKING))
    wait_until(lambda: "go on? " in terminal.shown, within=30, what="the question")
    desk = place.engine().runbooks
    [run] = desk.runs()
    assert desk.run(run.id).step(1).mark is Mark.RUNNING
    os.write(terminal.keys, b"gladly\r")
    wait_until(lambda: "told: exit 0 after" in terminal.shown, what="how it ended")
    terminal.close()
    assert place.mark.read_text() == "gladly\n"
    assert desk.run(run.id).step(1).mark is Mark.RAN and len(place.results()) == 1


def test_a_console_killed_under_an_interactive_step_leaves_an_outcome_all_the_same(place: RunbookPlace) -> None:
    terminal = Terminal(place, place.write(ASKING))
    wait_until(lambda: "go on? " in terminal.shown, within=30, what="the question")
    terminal.close()
    desk = place.engine().runbooks
    [run] = desk.runs()
    now = marked(desk, run.id, 1, Mark.UNKNOWN)
    assert "verify what it left behind" in now.step(1).attempts[0].how
    assert place.marks == 0 and len(place.results()) == 1


def test_an_interactive_step_is_not_started_without_its_terminal(place: RunbookPlace) -> None:
    desk = place.engine().runbooks
    run = desk.begin(place.write(ASKING))
    seen = desk.assess(run.id, 1)
    with pytest.raises(Refused, match="needs the real terminal; run it there"):
        desk.start(run.id, 1, typed=seen.target, digest=seen.digest)
    with pytest.raises(Refused):
        desk.interact(run.id, 1, typed=f"{seen.target}x", digest=seen.digest)
    assert not place.results()

"""A person walks through a runbook by keys on a real terminal; the console is killed in mid-step; nothing is lost."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.journal.journal import Journal
from tests.conftest import wait_until
from tests.engine.runbook_place import SYSTEM
from tests.terminal.pty_console import PtyProgram
from tests.walkthrough.steps import end_steps

RUNBOOK = """# Mend the cache

Look first.

```bash
greeting="hello <name>"; echo "began $greeting" | tee -a MARK
```

- [ ] Somebody else knows

```bash
rm -f FOLDER/cache.db && echo "took it away" | tee -a MARK
```

```bash
echo "slow $greeting" >>MARK; read -r go <FOLDER/gate; echo "gate said $go" | tee -a MARK
```

- [ ] It is well
"""


class Place:
    """A system with one runbook, and consoles opened on it one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mark, self.gate = folder / "mark", folder / "gate"
        os.mkfifo(self.gate)
        (folder / "cache.db").write_text("stale")
        (folder / "tiny").mkdir()
        (folder / "tiny" / "system.yaml").write_text(SYSTEM)
        text = RUNBOOK.replace("MARK", str(self.mark)).replace("FOLDER", str(folder))
        (folder / "tiny" / "mend.md").write_text(text)

    @property
    def marks(self) -> list[str]:
        return self.mark.read_text().splitlines() if self.mark.exists() else []

    @contextlib.contextmanager
    def console(self, size: tuple[int, int]) -> Iterator[PtyProgram]:
        """The console on the runbook's screen."""
        command = [sys.executable, "-m", "console.cli", "--system", str(self.folder / "tiny" / "system.yaml")]
        program = PtyProgram(command, size=size, environ={"HAKGAL_STATE_DIR": str(self.folder / "state")})
        try:
            program.wait_for("no rules are declared")  # keys are heard before, but the system is not read yet
            program.quiet()
            program.press("r")
            program.wait_for("Mend the cache")
            program.quiet()
            program.press("\r")
            yield program
        finally:
            program.close()


def typed(console: PtyProgram, words: str, into: str) -> None:
    """Answer the dialog that says `into`, once it listens."""
    console.wait_for(into)
    console.quiet(0.8)
    console.send(words + "\r")


def run_asked(console: PtyProgram, target: str) -> None:
    """Run the step at the cursor, which asks for its target."""
    console.press("\r")
    typed(console, target, "press Enter:")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    yield Place(tmp_path)
    end_steps(tmp_path)


@pytest.mark.timeout(120)
def test_a_walk_by_keys_survives_the_kill_of_the_console_and_is_exported(place: Place, tmp_path: Path) -> None:
    with place.console((80, 24)) as console:
        console.wait_for("step 1 of 5")
        console.press("\r")
        typed(console, "O'Brien $(id)", "<name>")
        console.wait_for("every value is given")
        run_asked(console, "mark")
        wait_until(lambda: place.marks == ["began hello O'Brien $(id)"], what="the first step, quoted")
        console.wait_for("step 2 of 5")
        console.press("t")
        console.wait_for("step 3 of 5")
        console.wait_for("DESTROYS")
        run_asked(console, "nothing")
        console.wait_for("nothing was run")
        assert (tmp_path / "cache.db").exists()
        console.send("\x1b")
        console.quiet()
        run_asked(console, "cache.db")
        wait_until(lambda: not (tmp_path / "cache.db").exists(), what="the file's end")
        console.wait_for("step 4 of 5")
        run_asked(console, "mark")
        wait_until(lambda: "slow hello O'Brien $(id)" in place.marks, what="the step under way, with what was carried")
        os.killpg(console.process.pid, signal.SIGKILL)
        console.process.wait(10)
    # Nobody looks, and the step goes on to its end.
    place.gate.write_text("go\n")
    wait_until(lambda: place.marks[-1] == "gate said go", what="the end of the step")

    with place.console((120, 40)) as console:
        typed(console, "", "go on with it")
        console.wait_for("step 5 of 5")
        console.wait_for("gate said go")
        console.press("t")
        console.wait_for("5 of 5 done")
        console.press("w")
        console.wait_for(".md")
        console.send("\x1b\x1b")
    assert [line.split()[0] for line in place.marks] == ["began", "took", "slow", "gate"], "nothing ran twice"

    exported = next((tmp_path / "state" / "tiny").rglob("*mend-*.md")).read_text()
    for words in ("began hello O'Brien $(id)", "took it away", "gate said go", "exit code 0", "**ticked** by"):
        assert words in exported
    journal = Journal.open(tmp_path / "state" / "tiny" / "journal.db", clock=lambda: pytest.fail("only read"))
    with contextlib.closing(journal):
        assert journal.open_intents() == ()
        steps = list(journal.events(kinds=("runbook.step",)))
    assert [event.role.value for event in steps].count("result") == 3

"""A walk through a runbook by keys, in a real terminal: asked, run, typed to, interrupted, killed and resumed."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.walkthrough.steps import end_steps

WALK = """# Walk

```bash
greeting="hello <name>"
echo "$greeting"
```

```bash
redis-cli -a <password> ping || printf 'given: %s\\n' "${#PASSWORD}"
```

- [ ] the pods are well

```bash
rm -rf FOLDER/gone
```

```bash
printf 'go on? '; read -r answer; echo "answered $answer"
```

```bash
exit 3
```
"""


@dataclass
class Terminal:
    """A command in a terminal of its own."""

    folder: Path
    arguments: tuple[str, ...]
    said: str = ""
    _seen: int = 0
    pid: int = 0
    _handle: int = -1
    code: int | None = field(default=None)

    def __post_init__(self) -> None:
        self.pid, self._handle = pty.fork()
        if self.pid == 0:
            os.execv(sys.executable, [sys.executable, "-m", "console.cli", "runbook", *self.arguments])

    def expect(self, text: str, within: float = 30.0) -> str:
        """Wait for a text behind what was expected before; returns what stands between."""
        deadline = time.monotonic() + within
        while text not in self.said[self._seen :]:
            assert time.monotonic() < deadline, f"{text!r} did not come; there was:\n{self.said[self._seen :]}"
            if not self._read(0.2) and text not in self.said[self._seen :]:
                raise AssertionError(f"it ended without {text!r}:\n{self.said[self._seen :]}")
        at = self.said.index(text, self._seen)
        between, self._seen = self.said[self._seen : at], at + len(text)
        return between

    def type(self, text: str) -> None:
        os.write(self._handle, text.encode())

    def answer(self, question: str, text: str) -> str:
        between = self.expect(question)
        self.type(f"{text}\n")
        return between

    def end(self) -> int:
        """Its exit code, when it has ended by itself."""
        deadline = time.monotonic() + 30
        while self._read(0.2):
            assert time.monotonic() < deadline, f"it did not end:\n{self.said[self._seen :]}"
        self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.code

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def close(self) -> None:
        if self.code is None:
            self.kill()
        os.close(self._handle)

    def _read(self, within: float) -> bool:
        if not select.select([self._handle], [], [], within)[0]:
            return True
        try:
            chunk = os.read(self._handle, 65536)
        except OSError:
            return False
        self.said += chunk.decode("utf-8", "replace")
        return bool(chunk)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "system.yaml").write_text("name: tiny\nenvironments:\n  test: {tone: staging}\n")
    (folder / "walk.md").write_text(WALK.replace("FOLDER", str(tmp_path)))
    (tmp_path / "gone").mkdir()
    return folder


@pytest.fixture
def opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Terminal]]:
    monkeypatch.setenv("COLUMNS", "200")
    terminals: list[Terminal] = []
    yield terminals
    for terminal in terminals:
        terminal.close()
    end_steps(folder.parent)


def walk(opened: list[Terminal], folder: Path, *arguments: str) -> Terminal:
    terminal = Terminal(folder, (*arguments, "--system", str(folder)))
    opened.append(terminal)
    return terminal


def test_a_runbook_is_walked_through_by_keys(opened: list[Terminal], folder: Path, tmp_path: Path) -> None:
    terminal = walk(opened, folder, "run", "walk", "--yes-reads")
    terminal.answer("(text): ", "bob")
    terminal.expect("reads")
    terminal.expect("hello bob")
    secret = "hunter2 of mine"
    terminal.answer("not shown: ", secret)
    terminal.expect("given: ")
    terminal.answer("the pods are well", "")
    terminal.expect("t ticks it")
    terminal.answer("[q] quit", "t")
    terminal.expect("DESTROYS")
    assert "gone" in terminal.expect("[q] quit")
    terminal.type("r\n")
    terminal.answer("to run it: ", "something else")
    assert "was typed where" in terminal.expect("[q] quit")
    assert (tmp_path / "gone").exists()
    terminal.type("r\n")
    asked = re.search(r"type (\S+) to run it: ", terminal.said)
    assert asked is not None
    terminal.answer("to run it: ", asked[1])
    terminal.expect("'; read -r answer")
    terminal.answer("go on? ", "yes please")
    between = terminal.expect("answered yes please")
    assert "go on? " not in between and between.count("yes please") == 1, "the terminal has shown the answer"
    assert not (tmp_path / "gone").exists()
    terminal.expect("exit 3")
    terminal.answer("[q] quit", "s")
    terminal.answer("why is it left out? ", "it is meant to fail")
    terminal.answer("how did it end? ", "all well")
    terminal.expect("writes the proof of it")
    assert terminal.end() == 0
    assert secret not in terminal.said
    kept = [path for path in (tmp_path / "state").rglob("*") if path.is_file()]
    assert kept and not [path for path in kept if secret.encode() in path.read_bytes()]


def test_a_killed_walk_is_resumed_with_its_values_and_its_secrets_are_asked_again(
    opened: list[Terminal], folder: Path, tmp_path: Path
) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    (folder / "kept.md").write_text(
        f"# Kept\n\n```bash\necho <name>; test -n <password>\n```\n\n```bash\necho waits; cat {fifo}\n```\n\n"
        "```bash\ntest -n <password> && echo has it\n```\n"
    )
    first = walk(opened, folder, "run", "kept")
    first.answer("(text): ", "bob")
    first.answer("not shown: ", "hunter2 of mine")
    first.answer("[q] quit", "r")
    first.expect("✓ exit 0")
    first.answer("[q] quit", "r")
    first.expect("waits")
    first.kill()
    run = re.search(r"run (\S+-kept-\w+)", first.said)
    assert run is not None
    second = walk(opened, folder, "run", "--resume", run[1])
    second.expect("it runs already")
    fifo.write_text("the step went on\n")
    second.expect("the step went on")
    second.expect("3/3")
    second.answer("not shown: ", "hunter2 of mine")
    second.answer("[q] quit", "r")
    second.expect("has it")
    second.answer("how did it end? ", "")
    assert second.end() == 0
    assert "(text): " not in second.said, "what is no secret is remembered"


def test_an_interrupt_stops_the_step_and_then_the_walk_which_stays_open(opened: list[Terminal], folder: Path) -> None:
    (folder / "long.md").write_text("# Long\n\n```bash\necho begun; sleep 1000\n```\n")
    terminal = walk(opened, folder, "run", "long")
    terminal.answer("[q] quit", "r")
    terminal.expect("begun")
    terminal.type("\x03")
    terminal.expect("stopping it")
    terminal.expect("✗ ")
    terminal.expect("[q] quit")
    terminal.type("\x03")
    terminal.expect("goes on with it")
    assert terminal.end() == 130


def test_a_changed_file_is_shown_before_a_run_goes_on(opened: list[Terminal], folder: Path) -> None:
    path = folder / "short.md"
    path.write_text("# Short\n\n```bash\necho old\n```\n")
    first = walk(opened, folder, "run", "short")
    first.answer("[q] quit", "q")
    first.expect("goes on with it")
    assert first.end() == 1
    run = re.search(r"run (\S+-short-\w+)", first.said)
    assert run is not None
    path.write_text(path.read_text().replace("old", "new"))
    second = walk(opened, folder, "run", "--resume", run[1])
    assert "-echo old" in second.answer("[n] new text", "n")
    second.expect("    echo new")
    second.answer("[q] quit", "r")
    second.expect("new\r\n✓ exit 0")
    second.answer("how did it end? ", "done")
    assert second.end() == 0


def test_an_interactive_step_has_the_terminal(opened: list[Terminal], folder: Path) -> None:
    (folder / "own.md").write_text(
        "# Own\n\n```bash {interactive=true}\nread -rsp 'secretly? ' x; echo \"got ${#x}\"\n```\n"
        "\n```bash {background=true}\nsleep 1000\n```\n"
    )
    terminal = walk(opened, folder, "run", "own")
    terminal.answer("[q] quit", "r")
    terminal.answer("secretly? ", "four")
    terminal.expect("got 4")
    terminal.answer("[q] quit", "r")
    terminal.expect("runs in the background")
    terminal.answer("how did it end? ", "done")
    assert terminal.end() == 0
    assert "four" not in terminal.said


def test_a_command_of_one_line_stands_there_once_and_values_are_kept_or_taken_by_number(
    opened: list[Terminal], folder: Path
) -> None:
    (folder / "one.md").write_text("# One\n\n```bash\necho only once\n```\n\n```bash\necho <name>\n```\n")
    terminal = walk(opened, folder, "run", "one")
    assert terminal.answer("[q] quit", "r").count("echo only once") == 1
    terminal.answer("(text): ", "bob")
    terminal.expect("    echo bob")
    terminal.answer("[q] quit", "v")
    terminal.expect("#1 bob")
    terminal.answer("Enter keeps bob: ", "")
    terminal.expect("    echo bob")
    terminal.answer("[q] quit", "v")
    terminal.answer("a number above takes it", "ann")
    terminal.expect("    echo ann")
    terminal.answer("[q] quit", "v")
    terminal.answer("a number above takes it", "1")
    terminal.expect("    echo ann")
    terminal.answer("[q] quit", "q")
    assert terminal.end() == 1


def test_a_long_check_says_how_far_it_is_on_a_terminal_only(opened: list[Terminal], folder: Path) -> None:
    path = folder / "big.md"
    path.write_text("# Big\n\n" + "".join(f"```bash\nkubectl delete pod web-{n}\n```\n\n" for n in range(800)))
    terminal = Terminal(folder, ("check", str(path)))
    opened.append(terminal)
    terminal.expect("\rchecking big.md: ")
    terminal.expect(" of 800 steps")
    terminal.expect(f"{path}:")
    assert terminal.end() == 0
    words = [sys.executable, "-m", "console.cli", "runbook", "check", str(path)]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stderr == ""

"""A block runs in a real bash, is stopped with everything it started, and shows no secret."""

from __future__ import annotations

import base64
import contextlib
import os
import pty
import stat
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.core.operations import Refused
from console.walkthrough.redaction.redact import BLOT, Lines, Redactor
from console.walkthrough.run import RunResult, run_block, syntax_fault
from tests.conftest import wait_until

SECRET = "pä$$ word/1"


@dataclass
class Bash:
    """Runs blocks in a folder and keeps what they said."""

    folder: Path
    said: list[str] = field(default_factory=list)
    cancel: threading.Event = field(default_factory=threading.Event)
    when: dict[str, Callable[[], None]] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=lambda: {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"})

    def hear(self, line: str) -> None:
        self.said.append(line)
        if line in self.when:
            self.when[line]()

    def run(
        self,
        text: str,
        *,
        secrets: tuple[str, ...] = (),
        timeout: float | None = None,
        transcript: Path | None = None,
        grace: float = 0.3,
    ) -> RunResult:
        return run_block(
            text,
            environ=self.environ,
            cwd=self.folder,
            on_line=self.hear,
            cancel=self.cancel,
            transcript=transcript,
            secrets=secrets,
            timeout=None if timeout is None else timedelta(seconds=timeout),
            grace=timedelta(seconds=grace),
        )


@pytest.fixture
def bash(tmp_path: Path) -> Bash:
    return Bash(tmp_path)


def gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has waited for yet has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def test_exactly_the_text_is_run_and_its_end_is_told(bash: Bash) -> None:
    result = bash.run("x='a  b'\nfalse\necho \"$x\"\ncd /\npwd\necho problem >&2\nexit 3\n")
    assert bash.said == ["a  b", "/", "problem"]
    assert (result.exit_code, result.signal, result.cancelled, result.timed_out) == (3, None, False, False)
    assert (result.lines, result.skipped, result.left_behind) == (3, 0, False)


def test_each_run_is_a_fresh_bash_in_its_folder(bash: Bash) -> None:
    bash.environ["BASH_ENV"] = str(bash.folder / "evil")
    (bash.folder / "evil").write_text("echo sourced\n")
    bash.run("X=1; pwd")
    bash.run('echo "[$X]" "$-"')
    assert bash.said[0] == str(bash.folder)
    assert bash.said[1].startswith("[] ")
    assert not set("eux") & set(bash.said[1].split()[1])


def test_it_can_neither_ask_nor_wait_for_a_key(bash: Bash) -> None:
    bash.run('read -r x; echo "read $?"; { : </dev/tty; } 2>/dev/null && echo terminal || echo no terminal')
    assert bash.said == ["read 1", "no terminal"]


TERMINAL = """
import os, sys, threading
from pathlib import Path
from console.walkthrough.run import run_block
run_block("{ : </dev/tty; } 2>/dev/null && echo has || echo none", environ=dict(os.environ), cwd=Path("/"),
          on_line=lambda line: print("terminal:", line, flush=True), cancel=threading.Event())
"""


def test_the_consoles_own_terminal_is_out_of_its_reach() -> None:
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-c", TERMINAL])
    said = b""
    with contextlib.suppress(OSError):
        while chunk := os.read(terminal, 4096):
            said += chunk
    os.waitpid(child, 0)
    os.close(terminal)
    assert said.decode().strip() == "terminal: none"


def test_the_text_and_the_secrets_stand_in_no_list_of_processes(bash: Bash) -> None:
    bash.environ["REDISCLI_AUTH"] = SECRET
    bash.run("marker=here; tr '\\0' ' ' </proc/$$/cmdline; echo")
    assert "marker" not in bash.said[0] and SECRET not in bash.said[0] and "--norc" in bash.said[0]


def test_output_comes_as_it_is_printed(bash: Bash) -> None:
    fifo = bash.folder / "go"
    os.mkfifo(fifo)
    # The block waits for the line that is written only once its first line was heard.
    bash.when["first"] = lambda: threading.Thread(target=fifo.write_text, args=("second\n",), daemon=True).start()
    result = bash.run(f"echo first; cat {fifo}", timeout=20)
    assert bash.said == ["first", "second"] and not result.timed_out


def test_what_bash_cannot_read_is_refused_before_anything_runs(bash: Bash) -> None:
    with pytest.raises(Refused, match="bash refuses the block: line 3"):
        bash.run("touch made\nif true; then\n")
    assert not (bash.folder / "made").exists()
    assert syntax_fault("echo fine\n") is None


def test_what_cannot_begin_is_refused(bash: Bash) -> None:
    with pytest.raises(Refused, match="was not begun"):
        Bash(bash.folder / "absent").run("echo")
    (bash.folder / "file").write_text("")
    with pytest.raises(Refused, match="the transcript cannot be written"):
        bash.run("touch made", transcript=bash.folder / "file" / "t.log")
    with pytest.raises(Refused, match="the transcript cannot be written: File exists"):
        bash.run("touch made", transcript=bash.folder / "file")
    assert not (bash.folder / "made").exists()


def test_a_cancel_interrupts_first(bash: Bash) -> None:
    bash.when["ready"] = bash.cancel.set
    # No child: bash forgets an interrupt that comes just when its child ends by itself. A long grace: on a busy machine
    # bash may not have its turn within a short one.
    result = bash.run("trap 'echo cleaned up; exit 9' INT; echo ready; while :; do :; done", grace=20)
    assert bash.said == ["ready", "cleaned up"]
    assert (result.cancelled, result.exit_code, result.signal) == (True, 9, "SIGINT")


def test_a_cancel_ends_the_whole_group_however_it_resists(bash: Bash) -> None:
    bash.when["ready"] = bash.cancel.set
    result = bash.run("trap '' INT TERM\nsleep 1000 & echo $!\necho ready\nsleep 1000; sleep 1000")
    assert (result.cancelled, result.exit_code, result.signal) == (True, None, "SIGKILL")
    child = int(bash.said[0])
    wait_until(lambda: gone(child), what="the end of the background child")
    assert result.duration < timedelta(seconds=10)


def test_a_cancel_is_heard_while_output_floods_and_when_there_is_none(bash: Bash) -> None:
    bash.when["y"] = bash.cancel.set
    assert bash.run("yes").cancelled
    assert len(bash.said) < 20_000
    quiet = Bash(bash.folder)
    quiet.when["ready"] = quiet.cancel.set
    assert quiet.run("echo ready; exec >/dev/null 2>&1; sleep 1000").cancelled


def test_a_cancel_before_the_beginning_ends_it_at_once(bash: Bash) -> None:
    bash.cancel.set()
    assert bash.run("sleep 1000").cancelled


def test_a_timeout_ends_it_and_is_no_cancel(bash: Bash) -> None:
    result = bash.run("sleep 1000", timeout=0.2)
    assert (result.timed_out, result.cancelled) == (True, False)
    assert result.duration < timedelta(seconds=10)


def test_what_is_left_in_the_background_does_not_outlive_the_block(bash: Bash) -> None:
    began = time.monotonic()
    result = bash.run("sleep 1000 & echo $!; sleep 1000 >/dev/null 2>&1 & echo $!")
    assert (result.exit_code, result.left_behind) == (0, True)
    for line in bash.said[:2]:
        child = int(line)
        wait_until(lambda child=child: gone(child), what="the end of the background child")  # type: ignore[misc]
    assert "was ended" in bash.said[-1]
    assert time.monotonic() - began < 20


def test_nothing_goes_on_when_whoever_listens_fails(bash: Bash) -> None:
    def fail() -> None:
        raise RuntimeError("the screen broke")

    bash.when["ready"] = fail
    with pytest.raises(RuntimeError, match="the screen broke"):
        bash.run("sleep 1000 & echo $!; echo ready; sleep 1000")
    child = int(bash.said[0])
    wait_until(lambda: gone(child), what="the end of the block")


def test_a_flood_is_told_in_part_and_kept_whole(bash: Bash) -> None:
    transcript = bash.folder / "deep" / "t.log"
    result = bash.run("seq 100000", transcript=transcript)
    assert result.lines == 100_000 and 0 < result.skipped < 100_000
    assert len(bash.said) < 50_000
    assert any("lines not shown; they are in the transcript" in line for line in bash.said)
    kept = transcript.read_text().splitlines()
    assert kept[0] == "$ seq 100000" and kept[1:-1] == [str(number) for number in range(1, 100_001)]
    assert kept[-1].startswith("-- exit 0 after ")


def test_a_transcript_is_private_and_bounded(bash: Bash) -> None:
    transcript = bash.folder / "t" / "t.log"
    result = bash.run("head -c 11000000 /dev/zero | tr '\\0' x | fold -w 1000", transcript=transcript)
    assert result.truncated
    assert 9_990_000 <= transcript.stat().st_size < 10_100_000
    assert transcript.read_text().splitlines()[-1].startswith("-- exit 0")
    assert stat.S_IMODE(transcript.stat().st_mode) == 0o600
    assert stat.S_IMODE(transcript.parent.stat().st_mode) == 0o700


def test_secrets_reach_neither_screen_nor_transcript(bash: Bash) -> None:
    transcript = bash.folder / "t.log"
    bash.environ |= {"REDISCLI_AUTH": SECRET, "TOKEN": "abc.def"}
    text = """
    env | grep -a REDISCLI
    echo "before $REDISCLI_AUTH after"
    printf '%s' "${REDISCLI_AUTH:0:4}"; printf '%s\\n' "${REDISCLI_AUTH:4}"
    printf 'pä\\033[31m$$ word\\033[0m/1\\n'
    printf '%s' "$REDISCLI_AUTH" | base64
    echo "url p%C3%A4%24%24%20word%2F1"
    echo "$TOKEN"
    """
    bash.run(text, secrets=("abc.def",), transcript=transcript)
    everything = "\n".join(bash.said) + transcript.read_text()
    assert SECRET not in everything and "abc.def" not in everything
    assert base64.b64encode(SECRET.encode()).decode() not in everything
    assert "p%C3%A4%24%24" not in "\n".join(bash.said)
    assert bash.said == [
        f"REDISCLI_AUTH={BLOT}",
        f"before {BLOT} after",
        BLOT,
        BLOT,
        BLOT,
        f"url {BLOT}",
        BLOT,
    ]


def test_a_terminals_commands_do_not_reach_the_screen(bash: Bash) -> None:
    bash.run(
        "printf 'a\\033[2Jb\\033]0;title\\007c\\bd\\n'; printf '10%%\\r20%%\\r\\n'; printf '\\xff\\n'; printf 'no end'"
    )
    assert bash.said == ["abcd", "10%", "20%", "\ufffd", "no end"]


def test_a_long_line_comes_in_pieces(bash: Bash) -> None:
    bash.run("head -c 100000 /dev/zero | tr '\\0' x")
    assert "".join(bash.said) == "x" * 100_000
    assert max(map(len, bash.said)) <= 8192


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[str], list[bytes]]:
    """Secrets, and output that holds them and parts of them, in chunks of any size."""
    secrets = draw(st.lists(st.text("ab€", min_size=2, max_size=5), min_size=1, max_size=3))
    whole = "".join(draw(st.lists(st.sampled_from(secrets) | st.text("abx\n€", max_size=6), max_size=12))).encode()
    cuts = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    return secrets, [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]


@given(streams())
@settings(max_examples=200, deadline=None)
def test_no_secret_is_left_whatever_the_chunks(stream: tuple[list[str], list[bytes]]) -> None:
    secrets, chunks = stream
    redactor = Redactor(secrets)
    shown = b"".join([redactor.feed(chunk) for chunk in chunks] + [redactor.end()])
    parts = shown.split(BLOT.encode())
    for secret in secrets:
        for form in (secret, quote(secret, safe="")):
            assert not any(form.encode() in part for part in parts)
    if not any(secret.encode() in b"".join(chunks) for secret in secrets):
        assert BLOT.encode() not in shown or any(
            base64.b64encode(secret.encode()) in b"".join(chunks) for secret in secrets
        )


@given(streams())
@settings(max_examples=100, deadline=None)
def test_lines_hold_no_secret_whatever_the_chunks(stream: tuple[list[str], list[bytes]]) -> None:
    secrets, chunks = stream
    lines = Lines(secrets)
    shown = [line for chunk in chunks for line in lines.feed(chunk)] + lines.end()
    for line in shown:
        assert "\n" not in line
        for part in line.split(BLOT):
            assert not any(secret in part for secret in secrets)

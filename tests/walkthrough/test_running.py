"""A step under its keeper: its output, its end, its stop, what it asks and what it leaves behind."""

from __future__ import annotations

import contextlib
import os
import resource
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.core.operations import Refused
from console.walkthrough.keeping import results
from console.walkthrough.keeping.jobs import Ended, Ending
from console.walkthrough.keeping.running import find_job, start_job
from tests.conftest import wait_until
from tests.walkthrough.steps import Steps
from tests.walkthrough.test_run import gone


@pytest.fixture
def steps(tmp_path: Path) -> Steps:
    return Steps(tmp_path)


def pid_in(path: Path) -> int:
    """The process id that a step has written to a file."""
    wait_until(lambda: path.exists() and path.read_text().strip(), what=f"a process id in {path.name}")
    return int(path.read_text())


def test_output_comes_live_with_its_colours_and_is_kept_whole(steps: Steps) -> None:
    before = datetime.now(UTC)
    steps.when["first"] = lambda: (steps.folder / "go").write_text("")
    ended = steps.run(
        "echo first; until [ -e go ]; do sleep 0.01; done\n"
        "printf '\\e[31mred\\e[0m \\e[2J\\e]0;title\\a plain\\n'\n"
        "for n in 1 2 3; do printf 'at %s%%\\r' $n; done; echo done at\n"
        "echo problem >&2; printf unfinished"
    )
    assert steps.said == ["first", "\x1b[31mred\x1b[0m  plain", "done at", "problem", "unfinished"]
    assert steps.transcript().splitlines() == steps.said
    assert (ended.ending, ended.exit_code, ended.lines, ended.whole, ended.tries) == (Ending.EXITED, 0, 5, True, 1)
    assert before <= ended.began <= datetime.now(UTC) and ended.duration > timedelta(0)
    folder = steps.folder / "steps" / "1"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_a_step_has_a_terminal_of_its_own(steps: Steps) -> None:
    steps.run(
        "test -t 0 && test -t 1 && test -t 2 && echo yes; stty size; echo $TERM; ps -o tpgid=,pgid= -p $$",
        columns=90,
        rows=33,
    )
    assert steps.said[:3] == ["yes", "33 90", "xterm-256color"]
    assert len(set(steps.said[3].split())) == 1
    assert steps.run("exec 3<> /dev/tty && echo has one").exit_code == 0


def test_nothing_of_a_step_shows_in_the_list_of_processes(steps: Steps) -> None:
    ended = steps.run("ps axww -o args | grep -c 'needle[-]in'; true needle-in; echo $0", secrets=("known0secret",))
    assert ended.exit_code == 0 and steps.said == ["0", "step"]


def test_a_block_that_bash_cannot_read_is_not_begun(steps: Steps) -> None:
    ended = steps.run("echo one\nif true; then echo two\n")
    assert ended.ending is Ending.NOT_BEGUN and "syntax error" in ended.why and steps.said == []
    assert steps.run("cat <<EOF\nno end").ending is Ending.NOT_BEGUN
    assert steps.run("echo ok", check="if").ending is Ending.NOT_BEGUN
    assert steps.run("shopt -s extglob\ncase ab in a@(b|c)) echo matched;; esac").exit_code == 0
    assert steps.said == ["matched"]
    assert steps.run("case ab in a@(b|c)) echo still;; esac").exit_code == 0
    assert steps.run("echo ok", interpreter="no-such-program").why == "no-such-program is not on PATH; install it"
    assert steps.run("echo ok", expect="/(/").ending is Ending.NOT_BEGUN


def test_a_stop_that_comes_before_the_step_has_begun_stops_it(steps: Steps) -> None:
    # Its syntax is looked at first, and there is much of it.
    job = steps.start("sleep 60\n" + "echo never\n" * 100_000)
    job.stop(timedelta(seconds=0.3))
    ended = steps.follow(job)
    assert ended is not None and ended.ending is Ending.STOPPED and "never" not in steps.said


def test_a_step_can_be_started_only_once(steps: Steps) -> None:
    steps.run("echo once")
    with pytest.raises(Refused, match="started already"):
        start_job(steps.folder / "steps" / "1", steps.spec("echo twice"))
    assert steps.transcript(1) == "once\n"


def test_of_two_starts_of_one_step_one_wins(steps: Steps) -> None:
    folder, won, refused = steps.folder / "race", [], []

    def start() -> None:
        try:
            won.append(start_job(folder, steps.spec("echo $$ >> ran")))
        except Refused as error:
            refused.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(refused)) == (1, 3)
    assert steps.follow(won[0]) is not None
    assert len((steps.folder / "ran").read_text().split()) == 1


def test_a_secret_is_blotted_before_it_is_shown_or_stored(steps: Steps) -> None:
    secret = "s3cr3t-värde"
    steps.environ["GIVEN"] = secret
    steps.when["name? [secret]"] = lambda: None
    steps.run(
        'echo "it is $GIVEN."; printf %s "${GIVEN:0:5}"; sleep 0.3; printf "%s\\n" "${GIVEN:5}"\n'
        'printf "\\e[1m%s\\e[0m\\n" "$GIVEN"',
        secrets=(secret,),
    )
    assert steps.said == ["it is [secret].", "[secret]", "\x1b[1m[secret]\x1b[0m"]
    assert not [text for text in steps.asked if secret[:3] in text]
    for path in (steps.folder / "steps" / "1").rglob("*"):
        assert path.is_fifo() or secret[:5].encode() not in path.read_bytes()


def test_an_answer_is_typed_and_a_password_is_not_shown(steps: Steps) -> None:
    job = steps.start("read -p 'name? ' name; read -sp 'password: ' word; echo; echo \"$name/$word\"")
    steps.when["name? "] = lambda: job.send("ann")
    steps.when["password: "] = lambda: job.send("hunter2-typed")
    ended = steps.follow(job)
    assert ended is not None and ended.exit_code == 0
    assert steps.said == ["name? ann", "password: ", "ann/[secret]"]
    assert "hunter2" not in steps.transcript()
    job = steps.start("cat; echo over")
    steps.when["line"] = job.end_input
    job.send("line")
    assert steps.follow(job) is not None and steps.said[-1] == "over"
    with pytest.raises(Refused, match="over"):
        job.send("more")


def test_a_terminal_can_be_resized(steps: Steps) -> None:
    job = steps.start("trap 'stty size; exit 5' WINCH; echo ready; while :; do sleep 0.02; done")
    steps.when["ready"] = lambda: job.resize(61, 17)
    ended = steps.follow(job)
    assert ended is not None and (ended.exit_code, steps.said) == (5, ["ready", "17 61"])


def test_a_stop_ends_everything_and_nothing_of_the_block_comes_after_it(steps: Steps) -> None:
    steps.when["ready"] = steps.cancel.set
    # As ping does: a program that takes INT for a proper end.
    (steps.folder / "polite.py").write_text(
        "import signal, sys, time\nsignal.signal(2, lambda *_: sys.exit(0))\n"
        "print('ready', flush=True)\ntime.sleep(60)\n"
    )
    ended = steps.run("python3 polite.py\ntouch went-on")
    assert (ended.ending, ended.exit_code, ended.signal) == (Ending.STOPPED, None, "SIGTERM")
    assert not (steps.folder / "went-on").exists()


def test_traps_of_the_block_get_their_signal(steps: Steps) -> None:
    steps.when["ready"] = steps.cancel.set
    ended = steps.run("trap 'echo cleaned; exit 3' INT; echo ready; sleep 60")
    assert (ended.ending, ended.exit_code, steps.said[-1]) == (Ending.STOPPED, 3, "cleaned")


def test_what_ignores_int_and_term_is_killed_and_so_is_what_it_started(steps: Steps) -> None:
    steps.when["ready"] = steps.cancel.set
    ended = steps.run(
        "trap '' INT TERM HUP; sleep 60 & echo $! > one; echo $$ > three\n"
        "(setsid -w true; set -m; sleep 61 & echo $! > two; wait) &\n"
        "until [ -s two ]; do sleep 0.01; done; echo ready; while :; do sleep 1; done"
    )
    assert (ended.ending, ended.signal) == (Ending.STOPPED, "SIGKILL")
    for name in ("one", "two", "three"):
        wait_until(lambda name=name: gone(pid_in(steps.folder / name)), what=f"the end of {name}")


def test_a_timeout_stops_a_step(steps: Steps) -> None:
    ended = steps.run("echo begun; sleep 60", timeout=timedelta(seconds=0.4))
    assert (ended.ending, ended.exit_code) == (Ending.TIMED_OUT, None)
    assert timedelta(seconds=0.4) <= ended.duration < timedelta(seconds=5)


def test_what_a_block_leaves_behind_is_ended_but_for_what_is_meant_to_stay(steps: Steps) -> None:
    ended = steps.run(
        "sleep 60 & echo $! > left; nohup sleep 62 > /dev/null 2>&1 & echo $! > stays\n"
        "setsid sleep 63 & echo $! > away\n"
        "until [ -s left ] && [ -s away ]; do sleep 0.01; done; sleep 0.1; echo over"
    )
    assert ended.exit_code == 0
    assert "over" in steps.said and any("was ended: sleep" in line for line in steps.said)
    wait_until(lambda: gone(pid_in(steps.folder / "left")), what="the end of what was left behind")
    for name in ("stays", "away"):
        pid = pid_in(steps.folder / name)
        assert not gone(pid), name
        os.kill(pid, 9)


def test_a_background_step_stays_with_what_it_started(steps: Steps) -> None:
    job = steps.start("sleep 60 & server=$!; echo $server > pid; echo up", background=True)
    pid = pid_in(steps.folder / "pid")
    wait_until(steps.state.exists, what="the state that it has left at once")
    assert steps.run('echo "$server"; kill -0 "$server" && echo lives').exit_code == 0
    assert steps.said == [str(pid), "lives"]
    assert job.alive and job.result is None and not gone(pid)
    job.stop(timedelta(seconds=0.2))
    wait_until(lambda: not job.alive, what="its end")
    assert job.result is not None and job.result.ending is Ending.STOPPED
    assert gone(pid)
    assert "server" in steps.state.read_text()


def test_a_background_step_that_ends_late_takes_nothing_back(steps: Steps) -> None:
    job = steps.start("x=late; until [ -e go ]; do sleep 0.01; done", background=True)
    steps.run("x=newer")
    (steps.folder / "go").write_text("")
    assert steps.follow(job) is not None
    assert any("other steps have gone on" in line for line in steps.said)
    steps.run("echo $x")
    assert steps.said == ["newer"]


def test_expectations_checks_and_retries(steps: Steps) -> None:
    assert steps.run("echo all good here", expect="good").expectation == ""
    assert steps.run("printf '\\e[32mnumber\\e[0m 42\\n'", expect="/^number \\d+$/").expectation == ""
    assert steps.run("printf 'one  \\ntwo\\nthree\\n'", expect="one\ntwo").expectation == ""
    assert "did not come" in steps.run("echo bad", expect="good").expectation
    assert steps.run("n=1; f() { test $n = 1; }", check="f").expectation == ""
    ended = steps.run("n=2", check="f")
    assert ended.exit_code == 0 and ended.expectation == "the check `f` ended with exit 1"
    assert steps.run("exit 3", check="touch checked").expectation == "" and not (steps.folder / "checked").exists()
    ended = steps.run('n=$((n + 1)); echo x >> tries; test "$(wc -l < tries)" -eq 2', retry=3)
    assert (ended.exit_code, ended.tries) == (0, 2)
    assert steps.said == ["-- exit 1; tried again in 0.5 s (2 of 4)"]
    steps.run("echo $n")
    assert steps.said == ["3"]


def test_a_stop_ends_the_pause_between_two_tries(steps: Steps) -> None:
    steps.when["-- exit 1; tried again in 0.5 s (2 of 10)"] = steps.cancel.set
    ended = steps.run("echo run >> ran; false", retry=9)
    assert (ended.ending, ended.exit_code) == (Ending.STOPPED, 1)
    assert (steps.folder / "ran").read_text() == "run\n"


def test_another_interpreter_gets_the_text_as_a_file(steps: Steps) -> None:
    steps.run("export SENT=1; cd /")
    ended = steps.run(
        "import os, sys\nprint(os.environ['SENT'], os.getcwd(), sys.stdin.isatty())\nsys.exit(4)",
        interpreter="python3 -I",
    )
    assert (ended.exit_code, steps.said) == (4, ["1 / True"])


def test_a_flood_is_told_in_part_and_kept_whole(steps: Steps) -> None:
    ended = steps.run("seq 300000; echo the end")
    assert ended.lines == 300_001 and steps.transcript().count("\n") == 300_001
    assert steps.said[0] == "1" and steps.said[-1] == "the end"
    unsaid = [int(line.split()[1].replace(",", "")) for line in steps.said if line.startswith("…")]
    assert sum(unsaid) + len(steps.said) - len(unsaid) == 300_001
    assert len(steps.said) < 50_000


def test_a_disk_that_takes_nothing_more_loses_neither_the_step_nor_its_end(steps: Steps) -> None:
    steps.run("x=before")
    former = steps.state.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The keeper has the limit of who starts it.
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        job = steps.start("seq 50000; x=$(seq 50000); touch done; exit 5")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    ended = steps.follow(job)
    assert ended is not None and (ended.exit_code, ended.whole, ended.lines) == (5, False, 50_000)
    assert "transcript cannot be written: File too large" in ended.why
    assert steps.said[-1].endswith("what the step leaves is not kept: File too large")
    assert (steps.folder / "done").exists() and steps.state.read_bytes() == former


def test_a_result_that_is_torn_is_no_result(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    handle = results.prepare(path, {"state": "begun"})
    assert results.read(path) is None
    size = path.stat().st_size
    results.end(handle, {"exit_code": 0, "why": "x" * 100})
    os.close(handle)
    assert results.read(path) == {"exit_code": 0, "why": "x" * 100} and path.stat().st_size == size
    raw = path.read_bytes()
    for cut in (results.RECORD + 10, results.RECORD + 60, size - 4):
        path.write_bytes(raw[:cut] + b" " * (size - cut))
        assert results.read(path) is None
    path.write_bytes(raw[: size - 100])
    assert results.read(path) is None
    results.end(handle := os.open(path, os.O_RDWR), {"why": "é" * 20_000, "lost": ["n" * 50] * 2000, "exit_code": 1})
    os.close(handle)
    found = results.read(path)
    assert found is not None and found["exit_code"] == 1


def test_a_step_is_found_again_by_its_folder(steps: Steps) -> None:
    job = steps.start("seq 20000; echo middle; printf 'go on? '; read answer; echo \"got $answer\"; exit 6")
    found = find_job(job.folder)
    assert found is not None and found.alive and found.result is None
    wait_until(lambda: "middle" in steps.transcript(), what="its output")
    steps.when["go on? "] = lambda: found.send("yes")
    ended = steps.follow(found)
    assert isinstance(ended, Ended) and ended.exit_code == 6
    assert steps.said[-2:] == ["go on? yes", "got yes"] and 3 <= len(steps.said) < 2000
    again = find_job(job.folder)
    assert again is not None and not again.alive and again.result == ended
    assert find_job(steps.folder / "none") is None
    with contextlib.suppress(Refused):
        again.stop()
    began = time.monotonic()
    assert again.follow(lambda _: None, lambda _: None, threading.Event()) == ended and time.monotonic() - began < 1

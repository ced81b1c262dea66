"""A console killed in mid-step: the outcome is known, or said to be unknown, and nothing is ever run twice."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from console.core.operations import Refused
from console.core.runbooks.runs import Mark, Run
from console.core.states import Outcome
from console.engine.runbook_ledger import RunbookLedger
from console.journal.events import Event
from tests.conftest import wait_until
from tests.engine.runbook_place import RunbookPlace, done, marked, over, runbook_place, started

# A console that runs step 1 of a new run and is killed at a point of its own code, or lives on until the test ends it.
CONSOLE = """
import os, signal, sys, time
from pathlib import Path
from console.engine.engine import Engine
from console.engine.runbook_ledger import RunbookLedger
from console.systems.loader import load_system
import console.walkthrough.keeping.running as running

system, state, runbook, point, background = sys.argv[1:]
def die(*_arguments, **_named):
    os.kill(os.getpid(), signal.SIGKILL)
if point == "before the keeper":
    running.start_job = die
if point == "before the result":
    RunbookLedger.conclude = die
if point == "after the result":
    conclude = RunbookLedger.conclude
    RunbookLedger.conclude = lambda *arguments: (conclude(*arguments), die())
found = load_system(Path(system), environ={})
engine = Engine(found, found.environments[0], folder=Path(state))
engine.open_books()
run = engine.runbooks.begin(Path(runbook))
seen = engine.runbooks.assess(run.id, 1)
engine.runbooks.start(run.id, 1, typed=seen.target, digest=seen.digest)
time.sleep(60)
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[RunbookPlace]:
    place = runbook_place(tmp_path)
    yield place
    place.close()


def console(place: RunbookPlace, runbook: Path, point: str = "") -> subprocess.Popen[bytes]:
    """Another console, which runs the first step."""
    command = [sys.executable, "-c", CONSOLE, str(place.system), str(place.state), str(runbook), point, ""]
    return subprocess.Popen(command)


def the_run(place: RunbookPlace) -> Run:
    [run] = place.engine().runbooks.runs()
    return run


@pytest.mark.parametrize(
    ("point", "mark", "times"),
    [
        ("before the keeper", Mark.UNKNOWN, 0),
        ("before the result", Mark.RAN, 1),
        ("after the result", Mark.RAN, 1),
    ],
)
def test_killed_at_a_point_of_its_code(place: RunbookPlace, point: str, mark: Mark, times: int) -> None:
    runbook = place.write("```bash\necho once >> MARK\n```\n")
    killed = console(place, runbook, point)
    assert killed.wait(30) == -9
    desks = [place.engine().runbooks for _ in range(2)]
    [run] = desks[0].runs()
    for desk in desks:
        marked(desk, run.id, 1, mark)
    attempt = desks[0].run(run.id).step(1).attempts[0]
    assert ("verify" in attempt.how) is (mark is Mark.UNKNOWN), attempt.how
    assert place.marks == times
    assert len(place.results()) == 1 and len([event for event in place.events() if event.kind == "runbook.step"]) == 2


def test_a_step_whose_console_is_killed_goes_on_and_the_next_one_attaches(place: RunbookPlace) -> None:
    go = place.folder / "go"
    runbook = place.write(
        f"```bash\necho begun >> MARK; until [ -e {go} ]; do sleep 0.05; done; echo ended >> MARK\n```\n"
    )
    killed = console(place, runbook)
    wait_until(lambda: place.marks == 1, what="its first line")
    watching = place.engine()
    [seen] = watching.runbooks.runs()
    assert seen.step(1).mark is Mark.RUNNING and not watching._operations.views, "its own console follows it"
    killed.kill()
    killed.wait()
    [run] = watching.runbooks.runs()
    [operation] = watching._operations.running("run-step")
    assert operation.title == "look.md:1" and run.step(1).mark is Mark.RUNNING
    watching.runbooks.runs()
    assert len(watching._operations.views) == 1, "it is attached to once"
    go.touch()
    ended = over(watching, operation)
    assert ended.outcome is Outcome.DONE and ended.summary.startswith("exit 0 after")
    assert watching.runbooks.run(run.id).step(1).mark is Mark.RAN and place.marks == 2
    assert len(place.results()) == 1


def test_a_step_that_ended_while_no_console_was_there_is_settled_with_its_true_outcome(place: RunbookPlace) -> None:
    go = place.folder / "go"
    runbook = place.write(
        f"```bash\necho begun >> MARK; until [ -e {go} ]; do sleep 0.05; done; echo ended >> MARK; exit 7\n```\n"
    )
    killed = console(place, runbook)
    wait_until(lambda: place.marks == 1, what="its first line")
    killed.kill()
    killed.wait()
    go.touch()
    wait_until(lambda: place.marks == 2, what="its last line")
    engines = [place.engine() for _ in range(4)]
    looks = [threading.Thread(target=engine.runbooks.runs) for engine in engines]
    for look in looks:
        look.start()
    for look in looks:
        look.join()
    [run] = engines[0].runbooks.runs()
    for engine in engines:
        now = marked(engine.runbooks, run.id, 1, Mark.FAILED)
        assert now.step(1).attempts[0].exit_code == 7
    assert len(place.results()) == 1 and place.marks == 2


def test_a_keeper_killed_without_a_result_leaves_an_unknown_outcome(place: RunbookPlace) -> None:
    runbook = place.write("```bash\necho $PPID > MARK; sleep 60\n```\n")
    killed = console(place, runbook)
    wait_until(lambda: place.marks == 1, what="its first line")
    killed.kill()
    killed.wait()
    subprocess.run(["kill", "-9", place.mark.read_text().strip()], check=True)
    engine = place.engine()
    run = the_run(place)
    now = marked(engine.runbooks, run.id, 1, Mark.UNKNOWN)
    assert "verify what it left behind" in now.step(1).attempts[0].how
    assert len(place.results()) == 1
    assert engine.runbooks.verify(run.id, 1, True, "it had not begun to change anything").step(1).mark is Mark.RAN


def test_a_step_that_another_host_left_is_running_until_somebody_stops_it(
    place: RunbookPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = console(place, place.write("```bash\necho $PPID > MARK; sleep 60\n```\n"))
    wait_until(lambda: place.marks == 1, what="its first line")
    killed.kill()
    killed.wait()
    subprocess.run(["kill", "-9", place.mark.read_text().strip()], check=True)
    there = socket.gethostname()
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
    desk = place.engine().runbooks
    [run] = desk.runs()
    assert desk.run(run.id).step(1).mark is Mark.RUNNING
    desk.stop(run.id)
    ended = desk.run(run.id).step(1)
    assert ended.mark is Mark.UNKNOWN
    assert (
        ended.attempts[0].how == f"it was begun on {there}, which cannot be asked from here; verify what it left behind"
    )


def test_quitting_the_console_leaves_its_step_running_and_the_next_one_follows_it(place: RunbookPlace) -> None:
    go = place.folder / "go"
    runbook = place.write(
        f"```bash\necho begun >> MARK; until [ -e {go} ]; do sleep 0.05; done; echo ended >> MARK\n```\n"
    )
    first = place.engine()
    run = first.runbooks.begin(runbook)
    started(first, run.id, 1)
    wait_until(lambda: place.marks == 1, what="its first line")
    first.stop("quit")
    second = place.engine()
    assert second.runbooks.run(run.id).step(1).mark is Mark.RUNNING
    go.touch()
    marked(second.runbooks, run.id, 1, Mark.RAN)
    assert place.marks == 2 and len(place.results()) == 1


def test_of_two_intents_only_the_first_one_is_run(place: RunbookPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    runbook = place.write("```bash\necho once >> MARK; sleep 0.5\n```\n")
    one, two = place.engine(), place.engine()
    run = one.runbooks.begin(runbook)
    seen = one.runbooks.assess(run.id, 1)
    intend = RunbookLedger.intend

    def overtaken(ledger: RunbookLedger, id: str, body: Mapping[str, object]) -> Event:
        monkeypatch.setattr(RunbookLedger, "intend", intend)
        started(two, run.id, 1)
        return intend(ledger, id, body)

    monkeypatch.setattr(RunbookLedger, "intend", overtaken)
    with pytest.raises(Refused, match="running, started by"):
        one.runbooks.start(run.id, 1, typed=seen.target, digest=seen.digest)
    now = marked(one.runbooks, run.id, 1, Mark.RAN)
    assert place.marks == 1 and len(now.step(1).attempts) == 1
    assert sorted(str(event.outcome) for event in place.results()) == ["done", "refused"]


def test_two_consoles_that_start_at_once_run_one_step(place: RunbookPlace) -> None:
    runbook = place.write("```bash\necho once >> MARK; sleep 0.3\n```\n")
    engines = [place.engine() for _ in range(3)]
    run = engines[0].runbooks.begin(runbook)
    seen = engines[0].runbooks.assess(run.id, 1)
    barrier = threading.Barrier(len(engines))
    said: list[str] = []

    def press(index: int) -> None:
        barrier.wait()
        try:
            engines[index].runbooks.start(run.id, 1, typed=seen.target, digest=seen.digest)
            said.append("started")
        except Refused as error:
            said.append(str(error))

    threads = [threading.Thread(target=press, args=(index,)) for index in range(len(engines))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    marked(engines[0].runbooks, run.id, 1, Mark.RAN)
    assert said.count("started") == 1 and place.marks == 1, said
    assert all("running" in each or "changed" in each or "runs" in each for each in said if each != "started"), said
    assert len(engines[0].runbooks.run(run.id).step(1).attempts) == 1
    assert done(engines[1], run.id, 1).outcome is Outcome.DONE and place.marks == 2


def test_a_console_that_observes_takes_over_by_itself_what_another_one_left(place: RunbookPlace) -> None:
    go = place.folder / "go"
    text = f"```bash\necho begun >> MARK; until [ -e {go} ]; do sleep 0.05; done; echo ended >> MARK\n```\n"
    killed = console(place, place.write(text))
    wait_until(lambda: place.marks == 1, what="its first line")
    engine = place.engine()
    engine.start()
    killed.kill()
    killed.wait()
    later = place.engine()
    later.start()
    for each in (engine, later):
        wait_until(lambda each=each: each.picture.operations, what="the step in its picture")  # type: ignore[misc]
        assert each.picture.operations[0].action == "run-step"
    go.touch()
    for each in (engine, later):
        done = wait_until(
            lambda each=each: each.picture.operations[0].ended and each.picture.operations[0],  # type: ignore[misc]
            what="its end",
        )
        assert done.outcome is Outcome.DONE and done.summary.startswith("exit 0 after")
        assert not each.picture.notices, "the step is not called left behind"
    assert place.marks == 2 and len(place.results()) == 1

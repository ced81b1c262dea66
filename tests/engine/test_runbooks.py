"""Runs of runbooks, with a real bash and a real journal."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.core.operations import Refused
from console.core.runbooks.runs import Mark
from console.core.states import Outcome
from console.journal.journal import login
from tests.conftest import wait_until
from tests.engine.runbook_place import RunbookPlace, done, marked, over, runbook_place, started

WHO = f"{login()}@{socket.gethostname()}"
LOOK = """# Look

## First

```bash
GREETING="hello there"
echo counted >> MARK
```

## Then

```bash
echo "$GREETING, said $(wc -l < MARK)"
```

- [ ] the pods are well

```bash
exit 3
```
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[RunbookPlace]:
    place = runbook_place(tmp_path)
    yield place
    place.close()


def test_who_asks_before_the_books_are_open_waits_for_them(place: RunbookPlace) -> None:
    began = place.engine().runbooks.begin(place.write(LOOK))
    engine = place.shut_engine()
    answers: list[tuple[str, ...]] = []
    asking = threading.Thread(target=lambda: answers.append(tuple(run.id for run in engine.runbooks.runs())))
    asking.start()
    engine.open_books()
    asking.join(20)
    assert answers == [(began.id,)]


def test_steps_build_on_each_other_and_every_outcome_is_in_the_journal(place: RunbookPlace) -> None:
    engine = place.engine()
    desk = engine.runbooks
    run = desk.begin(place.write(LOOK))
    assert run.here == 1 and run.id.split("-")[2] == "look" and len(run.steps) == 4
    first = done(engine, run.id, 1)
    assert (first.action, first.title, first.outcome) == ("run-step", "look.md:5", Outcome.DONE), first
    second = done(engine, run.id, 2)
    assert second.lines[-1] == "hello there, said 1"
    assert desk.output(run.id, 2)[-1] == "hello there, said 1"
    assert desk.run(run.id).here == 3
    desk.tick(run.id, 3, "all three")
    failed = done(engine, run.id, 4)
    assert failed.outcome is Outcome.FAILED and failed.summary.startswith("exit 3 after ")
    now = desk.run(run.id)
    assert [step.mark for step in now.steps] == [Mark.RAN, Mark.RAN, Mark.TICKED, Mark.FAILED]
    assert now.step(4).attempts[0].exit_code == 3 and now.here == 4 and now.done == 3
    again = place.engine().runbooks
    assert again.run(run.id) == now, "another console folds the same journal to the same run"
    assert again.document(run.id).source == desk.document(run.id).source
    kinds = [event.kind for event in place.events()]
    assert kinds == ["runbook.begun", *["runbook.step"] * 4, "runbook.ticked", *["runbook.step"] * 2]
    assert [event.outcome for event in place.results()] == ["done", "done", "failed"]


def test_nothing_runs_that_was_not_shown_or_whose_target_was_not_typed(place: RunbookPlace) -> None:
    engine = place.engine()
    desk = engine.runbooks
    run = desk.begin(place.write("```bash\necho <word> >> MARK\n```\n"))
    unfilled = desk.assess(run.id, 1)
    assert unfilled.missing and unfilled.why_not
    with pytest.raises(Refused):
        desk.start(run.id, 1, typed=unfilled.target, digest=unfilled.digest)
    desk.fill(run.id, {"word": "one"})
    seen = desk.assess(run.id, 1)
    assert seen.target and not seen.why_not
    with pytest.raises(Refused, match=f"was typed where {seen.target} was asked for"):
        desk.start(run.id, 1, typed="something else", digest=seen.digest)
    desk.fill(run.id, {"word": "two"})
    with pytest.raises(Refused, match="the command has changed since it was shown; look again"):
        desk.start(run.id, 1, typed=seen.target, digest=seen.digest)
    with pytest.raises(Refused, match="has no step 2"):
        desk.assess(run.id, 2)
    assert place.marks == 0 and not place.results()
    done(engine, run.id, 1)
    assert place.mark.read_text() == "two\n"


def test_two_steps_of_a_run_never_run_at_once_in_whichever_console(place: RunbookPlace) -> None:
    one, two = place.engine(), place.engine()
    run = one.runbooks.begin(place.write("```bash\nsleep 60\n```\n\n```bash\necho second\n```\n"))
    operation = started(one, run.id, 1)
    wait_until(lambda: two.runbooks.run(run.id).step(1).mark is Mark.RUNNING, what="the step in the other console")
    for engine in (one, two):
        seen = engine.runbooks.assess(run.id, 2)
        with pytest.raises(Refused, match=r"step 1 \(line 1\) is running, started by .*; wait for it or stop it"):
            engine.runbooks.start(run.id, 2, typed="", digest=seen.digest)
        assert engine.runbooks.assess(run.id, 1).why_not == "it runs"
    two.runbooks.stop(run.id)
    stopped = over(one, operation)
    assert stopped.outcome is not Outcome.DONE and stopped.summary.startswith(f"stopped by {WHO} after")
    assert done(two, run.id, 2).outcome is Outcome.DONE
    assert len(place.results()) == 2


def test_a_stopped_command_that_changes_is_unknown_until_a_person_verifies_it(place: RunbookPlace) -> None:
    engine = place.engine()
    desk = engine.runbooks
    run = desk.begin(place.write("```bash\necho begun >> MARK; sleep 60; echo ended >> MARK\n```\n"))
    operation = started(engine, run.id, 1)
    wait_until(lambda: place.marks == 1, what="its first line")
    desk.stop(run.id)
    ended = over(engine, operation)
    assert ended.outcome is Outcome.UNKNOWN and "verify what it left behind" in ended.summary
    assert ended.summary.startswith(f"stopped by {WHO} after") and " by " in ended.summary
    assert "verify it before it is run again" in desk.assess(run.id, 1).why_not
    for settle in (lambda: desk.tick(run.id, 1), lambda: desk.skip(run.id, 1, "late")):
        with pytest.raises(Refused, match="verify it first"):
            settle()
    with pytest.raises(Refused, match="say what was found"):
        desk.verify(run.id, 1, True, " ")
    assert desk.verify(run.id, 1, False, "only one line is there").step(1).mark is Mark.FAILED
    assert place.marks == 1


def test_a_read_only_console_shows_runs_and_changes_nothing(place: RunbookPlace) -> None:
    path = place.write(LOOK)
    run = place.engine().runbooks.begin(path)
    before = len(place.events())
    desk = place.engine(read_only=True).runbooks
    assert desk.run(run.id).id == run.id and desk.form(run.id) == () and desk.changes(run.id) == ()
    seen = desk.assess(run.id, 2)
    for change in (
        lambda: desk.begin(path),
        lambda: desk.start(run.id, 2, typed="", digest=seen.digest),
        lambda: desk.run_all(run.id),
        lambda: desk.tick(run.id, 3),
        lambda: desk.skip(run.id, 3, "why"),
        lambda: desk.note(run.id, 3, "text"),
        lambda: desk.fill(run.id, {}),
        lambda: desk.end(run.id, "over"),
    ):
        with pytest.raises(Refused, match="read-only"):
            change()
    assert len(place.events()) == before


def test_a_step_in_the_background_goes_on_while_others_run_and_ends_with_the_run(place: RunbookPlace) -> None:
    engine = place.engine()
    desk = engine.runbooks
    run = desk.begin(
        place.write('```bash {"background":"true"}\necho listening; sleep 300\n```\n\n```bash\necho second\n```\n')
    )
    operation = over(engine, started(engine, run.id, 1))
    assert operation.outcome is Outcome.DONE and "background" in operation.summary
    assert desk.run(run.id).step(1).mark is Mark.BACKGROUND and desk.run(run.id).here == 2
    assert done(engine, run.id, 2).outcome is Outcome.DONE
    other = place.engine().runbooks
    assert other.run(run.id).step(1).mark is Mark.BACKGROUND
    ended = desk.end(run.id, "solved")
    assert not ended.open and ended.step(1).mark is Mark.RAN
    assert ended.step(1).attempts[0].how.startswith(f"stopped by {WHO} after")
    assert ended.step(1).attempts[0].stopped == WHO
    with pytest.raises(Refused, match="has ended: solved"):
        desk.tick(run.id, 2)


def test_a_background_step_that_fails_later_is_told(place: RunbookPlace) -> None:
    engine = place.engine()
    go = place.folder / "go"
    text = f'```bash {{"background":"true"}}\nuntil [ -e {go} ]; do sleep 0.05; done; exit 4\n```\n'
    run = engine.runbooks.begin(place.write(text))
    over(engine, started(engine, run.id, 1))
    assert engine.runbooks.run(run.id).step(1).mark is Mark.BACKGROUND
    go.touch()
    now = marked(engine.runbooks, run.id, 1, Mark.FAILED)
    assert now.step(1).attempts[0].exit_code == 4
    assert len(place.results()) == 1


def test_run_all_goes_up_to_the_first_step_that_needs_a_person(place: RunbookPlace) -> None:
    engine = place.engine()
    desk = engine.runbooks
    text = "```bash\necho one\n```\n\n```json\n{}\n```\n\n```bash\necho two\n```\n\n- [ ] looked\n\n"
    text += "```bash\necho MARK\n```\n\n```bash\necho four >> MARK\n```\n"
    run = desk.begin(place.write(text))
    first = over(engine, desk.run_all(run.id))
    assert first.outcome is Outcome.DONE
    assert first.summary == "2 steps ran; stopped before step 4 (line 13): it waits for a tick", first
    assert [step.mark for step in desk.run(run.id).steps][:4] == [Mark.RAN, Mark.TODO, Mark.RAN, Mark.TODO]
    desk.tick(run.id, 4)
    second = over(engine, desk.run_all(run.id))
    assert second.summary.startswith("1 step ran; stopped before step 6 (line 19): it "), second
    assert place.marks == 0
    done(engine, run.id, 6)
    assert over(engine, desk.run_all(run.id)).summary == "0 steps ran; no step is left"


def test_run_all_lets_a_person_choose_between_alternatives_and_passes_the_others_by(place: RunbookPlace) -> None:
    engine = place.engine()
    desk = engine.runbooks
    text = "# Way\n\n### Option 1\n\n```bash\necho one\n```\n\n### Option 2\n\n```bash\necho two\n```\n\n"
    run = desk.begin(place.write(f"{text}## Then\n\n```bash\necho three\n```\n"))
    stopped = over(engine, desk.run_all(run.id))
    assert "it is one of several ways (Option 1); choose one" in stopped.summary, stopped
    desk.go(run.id, 2)
    assert done(engine, run.id, 2).outcome is Outcome.DONE
    assert desk.run(run.id).here == 3
    desk.go(run.id, 1)
    assert over(engine, desk.run_all(run.id)).summary == "1 step ran; no step is left"
    assert [step.mark for step in desk.run(run.id).steps] == [Mark.TODO, Mark.RAN, Mark.RAN]


def test_a_checklist_item_is_ticked_behind_the_block_that_it_owns(place: RunbookPlace) -> None:
    engine = place.engine()
    desk = engine.runbooks
    run = desk.begin(place.write("# Do\n\n- [ ] look at it:\n\n  ```bash\n  echo looked\n  ```\n\n- [ ] tell them\n"))
    assert run.here == 2
    assert "stopped before step 1 (line 3): it waits for a tick" in over(engine, desk.run_all(run.id)).summary
    assert desk.tick(run.id, 1).here == 3
    assert desk.tick(run.id, 3).done == 3
    assert desk.tick(run.id, 3).step(3).mark is Mark.TODO, "a second tick takes the first one back"


def test_run_all_can_be_stopped_with_the_step_it_is_at(place: RunbookPlace) -> None:
    engine = place.engine()
    run = engine.runbooks.begin(place.write("```bash\nsleep 60\n```\n\n```bash\necho never\n```\n"))
    whole = engine.runbooks.run_all(run.id)
    marked(engine.runbooks, run.id, 1, Mark.RUNNING)
    with pytest.raises(Refused, match="goes on by itself already"):
        engine.runbooks.run_all(run.id)
    engine.cancel(whole.id)
    ended = over(engine, whole)
    assert ended.outcome is Outcome.FAILED and "stopped at step 1" in ended.summary and " by " in ended.summary
    assert engine.runbooks.run(run.id).step(2).mark is Mark.TODO


def test_run_all_stops_at_the_step_that_fails(place: RunbookPlace) -> None:
    engine = place.engine()
    run = engine.runbooks.begin(place.write("```bash\ntrue\n```\n\n```bash\nfalse\n```\n\n```bash\necho never\n```\n"))
    failed = over(engine, engine.runbooks.run_all(run.id))
    assert failed.outcome is Outcome.FAILED
    assert failed.summary.startswith("1 step ran; stopped at step 2 (line 5): exit 1 after "), failed
    assert engine.runbooks.run(run.id).step(3).mark is Mark.TODO and engine.runbooks.run(run.id).here == 2


def test_a_step_that_times_out_or_is_told_to_expect_something_says_so(place: RunbookPlace) -> None:
    engine = place.engine()
    text = '```bash {"timeout":"300ms"}\nsleep 60\n```\n\n```bash {"expect":"green"}\necho red\n```\n'
    run = engine.runbooks.begin(place.write(text))
    assert done(engine, run.id, 1).summary.startswith("timed out after")
    said = done(engine, run.id, 2)
    assert said.outcome is Outcome.FAILED and "exit 0" in said.summary and "green" in said.summary


def test_what_the_file_says_to_expect_is_held_against_what_came(place: RunbookPlace) -> None:
    engine = place.engine()
    text = "```bash\nprintf 'a\\nb\\n'\n```\n\nExpected output:\n\n```\na\nc\n```\n"
    run = engine.runbooks.begin(place.write(text))
    done(engine, run.id, 1)
    told = engine.runbooks.run(run.id).step(1).attempts[0].expected
    assert told is not None and any(line.startswith("-c") for line in told) and any(line == "+b" for line in told)


def test_a_question_of_a_step_is_seen_and_answered(place: RunbookPlace) -> None:
    engine = place.engine()
    run = engine.runbooks.begin(place.write('```bash\nread -r -p "go on? " word; echo "said $word"\n```\n'))
    operation = started(engine, run.id, 1)

    def lines() -> tuple[str, ...]:
        return next(each.lines for each in engine._operations.views if each.id == operation.id)

    wait_until(lambda: any("go on?" in line for line in lines()), what="the question")
    engine.runbooks.send(run.id, "gladly")
    ended = over(engine, operation)
    assert ended.outcome is Outcome.DONE and ended.lines[-1] == "said gladly"
    with pytest.raises(Refused, match="no step of"):
        engine.runbooks.send(run.id, "more")


def test_a_journal_that_takes_nothing_lets_nothing_run(place: RunbookPlace) -> None:
    engine = place.engine()
    run = engine.runbooks.begin(place.write(LOOK))
    seen = engine.runbooks.assess(run.id, 1)
    (place.state / "journal.db").rename(place.state / "gone.db")
    with pytest.raises(Refused, match=r"intent could not be written.*journal\.db"):
        engine.runbooks.start(run.id, 1, typed=seen.target, digest=seen.digest)
    assert place.marks == 0
    with pytest.raises(Refused, match=r"journal\.db"):
        engine.runbooks.tick(run.id, 3)


def test_a_result_that_cannot_be_written_now_is_written_later(place: RunbookPlace) -> None:
    engine = place.engine()
    go = place.folder / "go"
    run = engine.runbooks.begin(place.write(f"```bash\nuntil [ -e {go} ]; do sleep 0.05; done\n```\n"))
    operation = started(engine, run.id, 1)
    engine.runbooks.run(run.id)
    journal, away = place.state / "journal.db", place.state / "gone.db"
    journal.rename(away)
    go.touch()
    ended = over(engine, operation)
    assert ended.summary.startswith("exit 0 after") and "written when it can be" in ended.summary
    away.rename(journal)
    assert engine.runbooks.run(run.id).step(1).mark is Mark.RAN
    assert [event.outcome for event in place.results()] == ["done"]


def test_a_state_that_cannot_be_written_is_said_before_anything_begins(place: RunbookPlace) -> None:
    desk = place.engine().runbooks
    (place.state / "runs").write_text("a file where the folder should be")
    with pytest.raises(Refused, match=r"runs/.*cannot be made"):
        desk.begin(place.write(LOOK))
    assert not place.events()


def test_a_run_ends_in_a_persons_words_and_can_be_exported(place: RunbookPlace) -> None:
    engine = place.engine()
    desk = engine.runbooks
    run = desk.begin(place.write(LOOK))
    done(engine, run.id, 2)
    desk.note(run.id, 2, "it greets")
    desk.skip(run.id, 1, "not needed today")
    with pytest.raises(Refused, match="say how it ended"):
        desk.end(run.id, "")
    desk.end(run.id, "nothing was wrong")
    later = desk.begin(place.write(LOOK))
    assert [each.id for each in desk.runs()] == [later.id, run.id]
    text = desk.export(run.id)
    for told in ("it greets", "not needed today", "nothing was wrong", ", said"):
        assert told in text, told
    with pytest.raises(Refused, match="no run nothing is known"):
        desk.run("nothing")


def test_a_step_that_removes_says_in_which_folder_an_earlier_step_has_left_the_shell(place: RunbookPlace) -> None:
    desk = (engine := place.engine()).runbooks
    path = place.write(
        "# X\n\n```bash\ncd /tmp\n```\n\n```bash\nrm -r no-such-folder\n```\n\n```bash\ncd a && rm -r b\n```\n"
    )
    run = desk.begin(path)
    before = desk.assess(run.id, 2)
    assert before.folder == str(path.parent)
    assert before.danger.touches[:2] == (("folder", str(path.parent)), ("file", "no-such-folder"))
    done(engine, run.id, 1)
    seen = desk.assess(run.id, 2)
    assert (seen.folder, seen.danger.touches[0]) == ("/tmp", ("folder", "/tmp"))
    with pytest.raises(Refused, match="look again"):
        desk.start(run.id, 2, typed=before.target, digest=before.digest)
    behind = desk.assess(run.id, 3)
    assert behind.danger.touches[0] == ("folder", "/tmp/a") and behind.danger.safer.startswith("cd a && ")
    assert behind.digest != hashlib.sha256(behind.command.encode()).hexdigest(), "another folder is another command"

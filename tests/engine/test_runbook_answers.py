"""What a run asks, keeps and takes up: answers, secrets, evidence, and the file as it changes."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.core.operations import Refused
from console.core.runbooks.runs import Mark
from console.core.states import Outcome
from tests.engine.runbook_place import RunbookPlace, done, runbook_place

SECRET = "corr3ct-h0rse-battery"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[RunbookPlace]:
    place = runbook_place(tmp_path)
    yield place
    place.close()


def everything(place: RunbookPlace) -> list[Path]:
    """The files below the state that hold the secret."""
    return [path for path in place.state.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]


def test_a_secret_is_used_shown_nowhere_kept_nowhere_and_asked_again(place: RunbookPlace) -> None:
    engine = place.engine()
    desk = engine.runbooks
    run = desk.begin(place.write('```bash\necho "it is <api-token>"; echo "<api-token>" >> MARK\n```\n'))
    [question] = desk.form(run.id)
    assert question.placeholder.secret and not question.answered
    [question] = desk.fill(run.id, {question.placeholder.name: SECRET})
    assert question.answered and question.value == "" and not question.choices
    seen = desk.assess(run.id, 1)
    assert not seen.why_not and SECRET not in seen.command
    ended = done(engine, run.id, 1)
    assert ended.outcome is Outcome.DONE and place.mark.read_text() == f"{SECRET}\n"
    assert not any(SECRET in line for line in (*ended.lines, *desk.output(run.id, 1), desk.export(run.id)))
    assert desk.run(run.id).asked == (question.placeholder.name,)
    again = place.engine().runbooks
    assert [each.answered for each in again.form(run.id)] == [False]
    assert again.assess(run.id, 1).missing
    engine.stop("to see what is on the disk")
    assert not everything(place)


def test_a_value_that_holds_a_secret_is_kept_as_one(place: RunbookPlace) -> None:
    desk = place.engine().runbooks
    run = desk.begin(place.write("```bash\necho <store>\n```\n"))
    [question] = desk.fill(run.id, {"store": f"redis://:{SECRET}@db.example.net/0"})
    assert question.answered and question.placeholder.secret and question.value == ""
    assert desk.run(run.id).values == () and not everything(place)


def test_an_answer_that_is_given_anew_is_what_the_next_start_sees(place: RunbookPlace) -> None:
    engine = place.engine()
    desk = engine.runbooks
    run = desk.begin(place.write('```bash\necho "<word> $COLOUR"\n```\n'))
    for word, colour in (("one", "red"), ("two", "green and 'blue'")):
        desk.fill(run.id, {"word": word, "COLOUR": colour})
        assert done(engine, run.id, 1).lines[-1] == f"{word} {colour}"
    seen = desk.assess(run.id, 1)
    desk.fill(run.id, {"COLOUR": "black"})
    with pytest.raises(Refused, match="has changed since it was shown"):
        desk.start(run.id, 1, typed=seen.target, digest=seen.digest)


def test_what_is_not_valid_is_not_taken_and_the_rest_is(place: RunbookPlace) -> None:
    desk = place.engine().runbooks
    run = desk.begin(place.write("```bash\nnc -z <host> <port>\n```\n"))
    form = {each.placeholder.name: each for each in desk.fill(run.id, {"host": "db.example.net", "port": "many"})}
    assert form["host"].value == "db.example.net" and not form["host"].fault
    assert form["port"].fault and not form["port"].answered
    assert dict(desk.run(run.id).values) == {"host": "db.example.net"}
    assert [each.answered for each in desk.fill(run.id, {"host": ""})] == [False, False]
    with pytest.raises(Refused, match=r"colour is not asked for by look\.md; asked for: host, port"):
        desk.fill(run.id, {"colour": "red"})


def test_the_last_answer_is_offered_to_a_new_run_and_not_taken(place: RunbookPlace) -> None:
    desk = place.engine().runbooks
    first = desk.begin(place.write("```bash\necho <pod-name>\n```\n"))
    desk.fill(first.id, {"pod_name": "api-7"})
    second = desk.begin(place.write("# Other\n\n```bash\nkubectl logs <pod-name>\n```\n", "other.md"))
    [question] = place.engine().runbooks.form(second.id)
    assert question.choices == ("api-7",) and not question.answered and question.value == ""
    assert desk.assess(second.id, 1).missing


def test_a_variable_of_the_environment_is_no_question(place: RunbookPlace) -> None:
    desk = place.engine(environ={"REGION": "north"}).runbooks
    run = desk.begin(place.write("```bash\necho $SYSTEM $ENVIRONMENT $REGION $NOBODY_SET_THIS\n```\n"))
    assert [each.placeholder.name for each in desk.form(run.id)] == ["NOBODY_SET_THIS"]


def test_a_secret_variable_that_a_step_has_set_is_carried_by_its_process_alone(place: RunbookPlace) -> None:
    engine = place.engine()
    desk = engine.runbooks
    text = f'```bash\nexport API_TOKEN=$(echo {SECRET[:8]}; )"{SECRET[8:]}"\n```\n\n'
    text += '```bash\necho "${#API_TOKEN} long"\n```\n'
    run = desk.begin(place.write(text))
    done(engine, run.id, 1)
    assert done(engine, run.id, 2).lines[-1] == f"{len(SECRET)} long"
    assert desk.run(run.id).step(1).attempts[0].lost == ("API_TOKEN",)
    other = place.engine()
    assert "run step 1 again" in other.runbooks.assess(run.id, 2).why_not
    done(other, run.id, 1)
    assert done(other, run.id, 2).lines[-1] == f"{len(SECRET)} long"


BEFORE = "# Look\n\n```bash\necho one\n```\n\n```bash\necho two\n```\n"
AFTER = "# Look\n\n```bash\necho new\n```\n\n```bash\necho one\n```\n\n```bash\necho 2\n```\n"


def test_an_edited_file_is_shown_and_taken_up_only_when_asked(place: RunbookPlace) -> None:
    engine = place.engine()
    desk = engine.runbooks
    run = desk.begin(place.write(BEFORE))
    done(engine, run.id, 1)
    desk.note(run.id, 1, "seen")
    assert desk.changes(run.id) == () and desk.take_up(run.id) == desk.run(run.id)
    path = place.write(AFTER)
    changes = desk.changes(run.id)
    assert "+echo new" in changes and "-echo two" in changes and "+echo 2" in changes
    assert desk.document(run.id).source == BEFORE
    assert "echo two" in desk.assess(run.id, 2).command, "the run follows what it began with"
    taken = desk.take_up(run.id)
    assert [step.mark for step in taken.steps] == [Mark.TODO, Mark.RAN, Mark.TODO]
    assert taken.step(2).notes[0].text == "seen" and desk.output(run.id, 2)[-1] == "one"
    other = place.engine().runbooks
    assert other.document(run.id).source == AFTER and other.run(run.id) == taken
    assert done(engine, run.id, 1).lines[-1] == "new"
    path.unlink()
    with pytest.raises(Refused, match=r"look\.md"):
        desk.changes(run.id)
    assert desk.document(run.id).source == AFTER


def test_the_copy_of_a_run_is_private_and_one_that_was_edited_is_refused(place: RunbookPlace) -> None:
    desk = place.engine().runbooks
    run = desk.begin(place.write(BEFORE))
    copy = place.state / "runs" / run.id / "runbook.md"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600 and stat.S_IMODE(copy.parent.stat().st_mode) == 0o700
    assert copy.read_text() == BEFORE
    copy.write_text(AFTER)
    with pytest.raises(Refused, match="is not the text that run"):
        place.engine().runbooks.assess(run.id, 1)


def test_evidence_is_a_copy_of_the_file_or_the_text_and_without_secrets(place: RunbookPlace) -> None:
    desk = place.engine(environ={}).runbooks
    run = desk.begin(place.write(BEFORE))
    picture, log, large = (place.folder / name for name in ("shot.png", "app.log", "large.bin"))
    picture.write_bytes(b"\x89PNG\0\xff")
    log.write_text("connecting to redis://:hunter22@cache/0\n")
    large.write_bytes(b"x" * 10_000_001)
    kept = [desk.evidence(run.id, 2, text).step(2).notes[-1] for text in (str(picture), str(log), "it was red")]
    folder = place.state / "runs" / run.id
    assert [note.evidence for note in kept] == [True] * 3 and kept[2].text == "it was red"
    assert (folder / kept[0].text).read_bytes() == picture.read_bytes()
    assert "hunter22" not in (folder / kept[1].text).read_text() and "connecting" in (folder / kept[1].text).read_text()
    assert stat.S_IMODE((folder / kept[0].text).stat().st_mode) == 0o600
    picture.unlink()
    assert (folder / kept[0].text).exists()
    for wrong, why in ((str(large), "larger than 10 MB"), (str(picture), "no such file"), (" ", "no evidence")):
        with pytest.raises(Refused, match=why):
            desk.evidence(run.id, 2, wrong)
    assert len(desk.run(run.id).step(2).notes) == 3


def test_what_persons_write_goes_into_the_journal_without_secrets(place: RunbookPlace) -> None:
    desk = place.engine().runbooks
    run = desk.begin(place.write(BEFORE))
    desk.note(run.id, 1, f"I used redis-cli -a {SECRET} ping")
    desk.skip(run.id, 1, f"PGPASSWORD={SECRET} was wrong")
    told = desk.run(run.id).step(1)
    assert "redis-cli -a" in told.notes[0].text and "was wrong" in told.reason
    assert not everything(place)


def test_a_runbook_without_steps_or_that_is_no_text_is_refused(place: RunbookPlace) -> None:
    desk = place.engine().runbooks
    with pytest.raises(Refused, match="no step to run or to tick"):
        desk.begin(place.write("# Only words\n"))
    path = place.write("")
    path.write_bytes(b"# a\n\xff\n")
    with pytest.raises(Refused, match=r"look\.md:2"):
        desk.begin(path)
    assert not (place.state / "runs").exists() or not list((place.state / "runs").iterdir())

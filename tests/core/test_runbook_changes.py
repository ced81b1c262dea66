"""Which steps of an edited runbook are those of before."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from console.core.runbooks.changes import matched
from console.core.runbooks.document import Options, Runbook, Step, StepKind


def runbook(*steps: tuple[str, str], options: Options | None = None) -> Runbook:
    """A runbook of commands, each under a heading."""
    found = tuple(
        Step(
            number,
            number,
            number,
            StepKind.COMMAND,
            (heading,),
            text,
            "bash",
            text,
            text,
            True,
            "",
            options or Options(),
        )
        for number, (heading, text) in enumerate(steps, 1)
    )
    return Runbook(Path("/b/look.md"), "Look", "", "", found)


def test_a_step_put_in_between_leaves_the_others_what_they_were() -> None:
    before = runbook(("a", "one"), ("a", "two"), ("b", "three"))
    assert matched(before, runbook(("a", "one"), ("a", "new"), ("a", "two"), ("b", "three"))) == {1: 1, 3: 2, 4: 3}


def test_an_edited_command_is_another_step() -> None:
    assert matched(runbook(("a", "rm x"), ("a", "ls")), runbook(("a", "rm y"), ("a", "ls"))) == {2: 2}


def test_a_moved_step_and_one_under_a_renamed_heading_are_found() -> None:
    before = runbook(("a", "one"), ("b", "two"), ("c", "three"))
    assert matched(before, runbook(("c", "three"), ("a", "one"), ("other", "two"))) == {1: 3, 2: 1, 3: 2}


def test_of_equal_commands_each_keeps_its_heading() -> None:
    before = runbook(("staging", "deploy"), ("production", "deploy"))
    assert matched(before, runbook(("production", "deploy"), ("staging", "deploy"))) == {1: 2, 2: 1}
    assert matched(before, runbook(("production", "deploy"))) == {1: 2}


def test_a_step_that_is_run_in_another_way_is_another_step() -> None:
    assert not matched(runbook(("a", "ls")), runbook(("a", "ls"), options=Options(cwd="elsewhere")))


STEPS = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz")), max_size=7)


@settings(max_examples=120, deadline=None)
@given(STEPS, STEPS)
def test_no_step_is_two_and_every_match_says_the_same(old: list[tuple[str, str]], new: list[tuple[str, str]]) -> None:
    before, now = runbook(*old), runbook(*new)
    found = matched(before, now)
    assert len(set(found.values())) == len(found)
    assert all(now.step(number).text == before.step(was).text for number, was in found.items())
    texts = [text for _heading, text in new]
    missed = [text for _heading, text in old]
    for text in texts:
        if text in missed:
            missed.remove(text)
    assert len(found) == len(old) - len(missed), "a step that is still there was lost"

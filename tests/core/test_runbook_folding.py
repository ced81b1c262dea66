"""A run is the fold of its facts: total, the same step by step as at once, and never settled by nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from console.core.runbooks.document import StepKind
from console.core.runbooks.facts import Fact, Kind
from console.core.runbooks.folding import advance, folded
from console.core.runbooks.order import is_passed, next_open, ordered, progress
from console.core.runbooks.runs import Mark, Run

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROWS = [
    {"line": 3, "title": "look", "kind": "command"},
    {"line": 9, "title": "shown", "kind": "note"},
    {"line": 12, "title": "asked", "kind": "check"},
    {"line": 20, "title": "change", "kind": "command"},
]
BEGUN = {
    "system": "tiny",
    "environment": "test",
    "runbook": "/b/look.md",
    "title": "Look",
    "digest": "d",
    "steps": ROWS,
}


class History:
    """Facts as a journal would number them, and the run they make."""

    def __init__(self, rows: list[dict[str, Any]] | None = None) -> None:
        self.facts: list[Fact] = []
        self.note(Kind.BEGUN, {**BEGUN, "steps": rows or ROWS})

    def add(self, kind: Kind, body: Mapping[str, Any], role: str, intent: int | None = None) -> Fact:
        number = len(self.facts) + 1
        fact = Fact(kind, number, NOON + timedelta(seconds=number), "me@here", {"run": "r", **body}, role, intent)
        self.facts.append(fact)
        return fact

    def note(self, kind: Kind, body: Mapping[str, Any] | None = None) -> Run:
        self.add(kind, body or {}, "note")
        return self.run

    def start(self, step: int, **more: object) -> Fact:
        return self.add(Kind.STEP, {"step": step, "digest": "d", "folder": f"{step:02d}-1", **more}, "intent")

    def end(self, intent: Fact, mark: Mark, **more: object) -> Run:
        self.add(Kind.STEP, {"mark": mark.value, **more}, "result", intent.number)
        return self.run

    @property
    def run(self) -> Run:
        return folded(self.facts)["r"]


def test_a_step_that_ran_moves_the_run_past_what_is_only_shown() -> None:
    history = History()
    assert (history.run.here, history.run.open, history.run.done) == (1, True, 0)
    intent = history.start(1, command="ls", level="reads")
    assert history.run.step(1).mark is Mark.RUNNING
    run = history.end(intent, Mark.RAN, exit_code=0, duration=2.1, how="exit 0 after 2.1 s", expected=["-a", "+b"])
    attempt = run.step(1).attempts[0]
    assert (run.here, run.done, run.step(1).mark) == (3, 1, Mark.RAN)
    assert (attempt.exit_code, attempt.duration, attempt.how) == (0, timedelta(seconds=2.1), "exit 0 after 2.1 s")
    assert attempt.expected == ("-a", "+b") and attempt.level == "reads"


def test_two_steps_never_run_at_once_and_the_later_intent_counts_for_nothing() -> None:
    history = History()
    first = history.start(1)
    late = history.start(4)
    assert [step.mark for step in history.run.steps] == [Mark.RUNNING, Mark.TODO, Mark.TODO, Mark.TODO]
    run = history.end(late, Mark.RAN)
    assert run.step(4).mark is Mark.TODO
    run = history.end(first, Mark.FAILED, exit_code=3)
    assert (run.step(1).mark, run.here) == (Mark.FAILED, 1)


def test_a_second_result_of_an_intent_changes_nothing() -> None:
    history = History()
    intent = history.start(1)
    once = history.end(intent, Mark.RAN, exit_code=0)
    assert history.end(intent, Mark.FAILED, exit_code=1) == once


def test_an_intent_on_another_text_of_the_runbook_counts_for_nothing() -> None:
    history = History()
    history.start(1, digest="the file before it was edited")
    assert history.run.step(1).mark is Mark.TODO


def test_a_step_in_the_background_lets_others_run_and_ends_by_itself() -> None:
    history = History()
    behind = history.start(1, background=True)
    run = history.note(Kind.UNDER_WAY, {"step": 1, "of": behind.number})
    assert run.step(1).mark is Mark.BACKGROUND and run.here == 3
    other = history.start(4)
    assert history.run.step(4).mark is Mark.RUNNING
    history.end(other, Mark.RAN)
    run = history.end(behind, Mark.FAILED, exit_code=1)
    assert run.step(1).mark is Mark.FAILED and run.here == 4


def test_what_is_not_known_is_settled_by_a_person_and_by_nothing_else() -> None:
    history = History()
    run = history.end(history.start(1), Mark.UNKNOWN, how="nobody knows")
    for kind, body in (
        (Kind.TICKED, {"step": 1, "done": True}),
        (Kind.SKIPPED, {"step": 1, "reason": "it is late"}),
        (Kind.VERIFIED, {"step": 1, "worked": True, "note": ""}),
    ):
        assert history.note(kind, body).step(1).mark is Mark.UNKNOWN
    run = history.note(Kind.VERIFIED, {"step": 1, "worked": True, "note": "the pods are there"})
    assert (run.step(1).mark, run.step(1).settled_by, run.here) == (Mark.RAN, "me@here", 3)
    assert run.step(1).notes[0].text == "the pods are there"


def test_ticks_are_taken_back_and_a_skip_needs_a_reason() -> None:
    history = History()
    assert history.note(Kind.TICKED, {"step": 3, "done": True}).step(3).mark is Mark.TICKED
    assert history.note(Kind.TICKED, {"step": 3, "done": False}).step(3).mark is Mark.TODO
    assert history.note(Kind.SKIPPED, {"step": 3, "reason": ""}).step(3).mark is Mark.TODO
    run = history.note(Kind.SKIPPED, {"step": 3, "reason": "not ours"})
    assert (run.step(3).mark, run.step(3).reason) == (Mark.SKIPPED, "not ours")
    history.end(history.start(1), Mark.FAILED)
    history.note(Kind.TICKED, {"step": 1, "done": True})
    assert history.note(Kind.TICKED, {"step": 1, "done": False}).step(1).mark is Mark.FAILED


def test_answers_are_kept_replaced_and_taken_back() -> None:
    history = History()
    history.note(Kind.FILLED, {"values": {"pod": "a", "port": "1"}, "asked": ["token"]})
    assert history.run.asked == ("token",)
    run = history.note(Kind.FILLED, {"values": {"pod": "b"}, "gone": ["port", "token"]})
    assert (dict(run.values), run.asked) == ({"pod": "b"}, ())
    run = history.note(Kind.FILLED, {"asked": ["pod"]})
    assert (run.values, run.asked) == ((), ("pod",)), "what was found to be secret is not kept as a value"


def test_taking_the_file_up_keeps_what_is_unchanged_and_forgets_the_rest() -> None:
    history = History()
    history.end(history.start(1), Mark.RAN)
    history.note(Kind.NOTED, {"step": 1, "text": "seen"})
    history.note(Kind.TICKED, {"step": 3, "done": True})
    rows = [{"line": 3, "title": "new", "kind": "command"}, {**ROWS[0], "was": 1}, {**ROWS[3], "was": 4}]
    run = history.note(Kind.TAKEN_UP, {"title": "Look again", "digest": "e", "steps": rows})
    assert [step.mark for step in run.steps] == [Mark.TODO, Mark.RAN, Mark.TODO]
    assert run.step(2).number == 2 and run.step(2).notes[0].text == "seen"
    assert (run.here, run.digest, run.title) == (3, "e", "Look again")


def test_a_running_step_holds_the_file_and_the_end_of_the_run_up() -> None:
    history = History()
    intent = history.start(1)
    run = history.run
    assert history.note(Kind.TAKEN_UP, {"digest": "e", "steps": [{**ROWS[0], "was": 1}]}) == run
    assert history.note(Kind.ENDED, {"how": "solved"}) == run
    history.end(intent, Mark.RAN)
    run = history.note(Kind.ENDED, {"how": "solved"})
    assert (run.open, run.outcome) == (False, "solved")
    assert history.note(Kind.WENT, {"step": 4}) == run
    assert history.note(Kind.NOTED, {"step": 4, "text": "afterwards"}).step(4).notes


def test_a_checklist_item_comes_behind_its_blocks_and_alternatives_pass_each_other_by() -> None:
    rows = [
        {"line": 1, "kind": "check"},
        {"line": 2, "kind": "command", "owner": 1},
        {"line": 5, "kind": "command", "group": 3, "choice": "Option 1"},
        {"line": 8, "kind": "command", "group": 3, "choice": "Option 2"},
        {"line": 9, "kind": "command", "group": 3, "choice": "Option 2"},
        {"line": 12, "kind": "command"},
    ]
    history = History(rows)
    assert ordered(history.run.steps) == (2, 1, 3, 4, 5, 6) and history.run.here == 2
    run = history.end(history.start(2), Mark.RAN)
    assert run.here == 1
    run = history.note(Kind.TICKED, {"step": 1, "done": True})
    assert run.here == 3
    history.note(Kind.WENT, {"step": 4})
    run = history.end(history.start(4), Mark.RAN)
    assert run.here == 5 and is_passed(run, run.step(3)) and not is_passed(run, run.step(5))
    assert next_open(run, 5) == 6


WILD = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 9), st.floats(), st.text(max_size=4), st.lists(st.integers(0, 4))
)
ROW = st.fixed_dictionaries(
    {},
    optional={
        "line": WILD,
        "title": WILD,
        "kind": st.sampled_from(["command", "check", "note", 7]),
        "was": st.one_of(WILD, st.integers(1, 4)),
        "owner": st.one_of(WILD, st.integers(1, 4)),
        "group": st.integers(1, 3),
        "choice": st.sampled_from(["a", "b", 3]),
    },
)
BODY = st.fixed_dictionaries(
    {"run": st.sampled_from(["r", "r", "r", "other", 5])},
    optional={
        "step": st.one_of(st.integers(1, 4), WILD),
        "of": st.integers(1, 12),
        "digest": st.sampled_from(["d", "e"]),
        "done": WILD,
        "worked": WILD,
        "note": WILD,
        "reason": st.one_of(WILD, st.just("why")),
        "text": WILD,
        "how": WILD,
        "mark": st.sampled_from([*(mark.value for mark in Mark), "?"]),
        "duration": st.one_of(WILD, st.floats(), st.integers(-(10**30), 10**30)),
        "exit_code": WILD,
        "expected": st.one_of(WILD, st.lists(st.text(max_size=3), max_size=3)),
        "lost": WILD,
        "values": st.one_of(WILD, st.dictionaries(st.sampled_from(["a", "b"]), WILD, max_size=2)),
        "asked": st.one_of(WILD, st.lists(st.sampled_from(["a", "b"]), max_size=2)),
        "gone": st.lists(st.sampled_from(["a", "b"]), max_size=2),
        "steps": st.one_of(WILD, st.lists(ROW, max_size=5)),
    },
)
FACT = st.tuples(
    st.sampled_from(list(Kind)),
    BODY,
    st.sampled_from(["note", "intent", "result", "?"]),
    st.integers(1, 12) | st.none(),
)


def history_of(drawn: list[tuple[Kind, dict[str, Any], str, int | None]]) -> list[Fact]:
    facts = [Fact(Kind.BEGUN, 1, NOON, "me@here", {"run": "r", **BEGUN})]
    for number, (kind, body, role, intent) in enumerate(drawn, 2):
        facts.append(Fact(kind, number, NOON + timedelta(seconds=number), "me@here", body, role, intent))
    return facts


@settings(max_examples=150, deadline=None)
@given(st.lists(FACT, max_size=14))
def test_any_facts_fold_and_no_mark_comes_from_nowhere(
    drawn: list[tuple[Kind, dict[str, Any], str, int | None]],
) -> None:
    facts = history_of(drawn)
    whole = folded(facts)["r"]

    def step_by_step(run: Run | None, fact: Fact) -> Run | None:
        return advance(run, fact)

    assert reduce(step_by_step, [fact for fact in facts if fact.body["run"] == "r"], None) == whole
    assert 1 <= whole.here <= len(whole.steps)
    assert [step.number for step in whole.steps] == list(range(1, len(whole.steps) + 1))
    intents = {fact.number for fact in facts if fact.kind is Kind.STEP and fact.role == "intent"}
    running = 0
    for step in whole.steps:
        assert {attempt.intent for attempt in step.attempts} <= intents
        running += step.mark is Mark.RUNNING
        if step.mark in (Mark.TICKED, Mark.SKIPPED):
            assert step.settled_by
        if step.mark is Mark.SKIPPED:
            assert step.reason
        if step.mark in (Mark.RUNNING, Mark.BACKGROUND, Mark.RAN, Mark.UNKNOWN):
            assert step.attempts
        if step.mark is Mark.RAN and not step.settled_by:
            assert step.attempts[-1].mark is Mark.RAN
    assert running <= 1


@settings(max_examples=60, deadline=None)
@given(st.lists(ROW, min_size=1, max_size=8))
def test_every_step_has_one_place_in_the_order_whatever_owns_what(rows: list[dict[str, Any]]) -> None:
    history = History(rows)
    assert sorted(ordered(history.run.steps)) == list(range(1, len(rows) + 1))
    first = next_open(history.run)
    assert first is None or history.run.step(first).kind is not StepKind.NOTE


def test_what_is_only_shown_and_what_another_was_taken_for_are_counted_nowhere() -> None:
    ways = [
        {"line": 30 + at, "title": way, "kind": "command", "group": 1, "choice": way} for at, way in enumerate("ab")
    ]
    history = History([*ROWS, *ways])
    assert progress(history.run) == (0, 5), "nothing was taken yet"
    history.end(history.start(5), Mark.RAN)
    assert progress(history.run) == (1, 4)
    history.note(Kind.SKIPPED, {"step": 4, "reason": "late"})
    assert progress(history.run) == (2, 4)

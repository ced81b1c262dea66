"""Steps of a runbook in a list: how each stands, in a sign, a word and a colour, and which of them is at the cursor."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from console.core.runbooks.document import Runbook
from console.core.runbooks.runs import Attempt, Mark, Run, StepRun
from tests import pictures
from tests.screens.played_runbooks import runbook
from widgets.steps import Steps, mark_of, mark_words, places_of
from widgets.vocabulary import ASCII_GLYPHS, Glyphs, Ink, Look

ATTEMPT = Attempt(
    1, "a", "true", pictures.NOW - timedelta(seconds=40), "ines", exit_code=0, duration=timedelta(seconds=2)
)


def state(mark: Mark, **more: object) -> StepRun:
    attempts = (ATTEMPT,) if mark in (Mark.RUNNING, Mark.RAN, Mark.FAILED, Mark.UNKNOWN) else ()
    return StepRun(1, 8, "x", mark, attempts=attempts, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("mark", "sign", "words", "ink"),
    [
        (Mark.TODO, "○", "", Ink.DIM),
        (Mark.RUNNING, "▸", "runs 40s", Ink.ACCENT),
        (Mark.BACKGROUND, "▸", "in background", Ink.OK),
        (Mark.RAN, "✓", "ran 0 in 2s", Ink.OK),
        (Mark.FAILED, "✗", "failed 0 in 2s", Ink.BAD),
        (Mark.TICKED, "✓", "ticked", Ink.OK),
        (Mark.SKIPPED, "↷", "skipped: no time", Ink.WARN),
        (Mark.UNKNOWN, "?", "unknown, verify", Ink.UNKNOWN),
    ],
)
def test_a_mark_is_a_sign_a_word_and_a_colour(mark: Mark, sign: str, words: str, ink: Ink) -> None:
    step = runbook().step(1)
    stands = state(mark, reason="no time")
    assert mark_of(step, stands, Glyphs(), here=False) == (sign, ink)
    assert mark_words(step, stands, pictures.NOW)[0] == words
    assert mark_of(step, stands, ASCII_GLYPHS, here=False)[0].isascii()


def test_what_the_file_says_of_a_step_is_told_before_it_is_done() -> None:
    book = runbook()
    assert mark_words(book.step(6), None, pictures.NOW) == ("shown, not run", Ink.DIM)
    assert mark_words(replace(book.step(3), ticked=True), None, pictures.NOW) == ("ticked in the file", Ink.DIM)
    assert mark_words(replace(book.step(1), runnable=False), None, pictures.NOW) == ("not runnable", Ink.WARN)
    assert mark_words(book.step(4), None, pictures.NOW, 2) == ("one of 2", Ink.DIM)
    assert mark_of(book.step(1), None, Glyphs(), here=True) == ("●", Ink.ACCENT)


def test_headings_stand_between_the_steps_where_there_is_room() -> None:
    told = [place.heading or place.step for place in places_of(runbook(), sectioned=True)]
    assert told == ["See what is wrong", 1, 2, 3, "Bring it back", 4, 5, "Look at it again", 6, 7]
    assert [place.step for place in places_of(runbook(), sectioned=False)] == list(range(1, 8))


class Host(App[None]):
    def __init__(self, widget: Steps) -> None:
        super().__init__()
        self.widget = widget
        self.moved: list[int] = []

    def compose(self) -> ComposeResult:
        yield self.widget

    def on_steps_moved(self, event: Steps.Moved) -> None:
        self.moved.append(event.step)


@asynccontextmanager
async def shown(book: Runbook, run: Run | None, size: tuple[int, int]) -> AsyncIterator[tuple[Steps, Pilot[None]]]:
    steps = Steps(Look())
    async with Host(steps).run_test(size=size) as pilot:
        steps.focus()
        await pilot.pause()
        steps.show(book, run, 1, pictures.NOW, edged=False)
        yield steps, pilot


async def test_arrows_move_from_step_to_step_and_never_stand_on_a_heading() -> None:
    async with shown(runbook(), None, (60, 14)) as (steps, pilot):
        await pilot.press(*["down"] * 9)
        assert steps.at == 7 and pilot.app.moved == [2, 3, 4, 5, 6, 7]  # type: ignore[attr-defined]
        await pilot.press("home")
        assert steps.at == 1
        await pilot.press("pagedown")
        assert steps.at == 7


async def test_alternatives_and_what_was_taken_of_them_are_told() -> None:
    book = runbook()
    states = tuple(
        StepRun(step.number, step.line, step.title, choice=step.choice, group=step.group) for step in book.steps
    )
    taken = (*states[:3], replace(states[3], mark=Mark.RAN, attempts=(ATTEMPT,)), *states[4:])
    run = Run("r", "s", "e", book.path, "t", "d", pictures.NOW, "ines", taken, here=7)
    async with shown(book, run, (70, 9)) as (steps, _pilot):
        text = steps.text()
        assert "Option 1: kubectl rollout restart" in text[4] and text[4].rstrip().endswith("ran 0 in 2s")
        assert text[5].rstrip().endswith("another was taken")
        assert text[7].lstrip().startswith("●"), "the run stands at the last step"


async def test_of_ten_thousand_steps_only_those_in_sight_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    book = runbook()
    many = tuple(replace(book.step(1), number=number) for number in range(1, 10_001))
    async with shown(replace(book, steps=many), None, (60, 12)) as (steps, pilot):
        drawn: list[int] = []
        row = Steps._row
        monkeypatch.setattr(Steps, "_row", lambda self, place, width: drawn.append(1) or row(self, place, width))
        await pilot.press("end", "up")
        assert steps.at == 9_999 and len(drawn) <= 11 * 6


@pytest.mark.parametrize(("mark", "ink"), [(Mark.RAN, Ink.DIM), (Mark.FAILED, Ink.WARN)])
def test_a_step_that_a_person_stopped_is_told_as_stopped_by_whom(mark: Mark, ink: Ink) -> None:
    stopped = replace(state(mark), attempts=(replace(ATTEMPT, stopped="alice@jump-1"),))
    assert mark_words(runbook().step(1), stopped, pictures.NOW) == ("stopped by alice", ink)

"""The driver alone: what it writes before and after it acts, on a full disk, and when the clock jumps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from console.core.conditions import parse_condition
from console.core.evaluation import Evaluation, Verdict
from console.core.rollouts import decisions, machine
from console.core.rollouts.facts import Fact, Kind
from console.core.rollouts.plan import Canary, Phase, Promotion, RolloutPlan, Rule, Share
from console.core.rollouts.soak import Gap
from console.core.rollouts.state import Judged, Rollout, RolloutState
from console.core.units import UNITS
from console.engine.driver import Driver
from console.engine.driving import Filled, Job, Progress
from console.journal.journal import JournalError

BEGAN = datetime(2026, 3, 2, 9, tzinfo=UTC)
TICK = timedelta(seconds=2)
GATE = Rule("errors", parse_condition("errors < 1%", {"errors": UNITS["%"]}))
CRITERION = Rule("errors", parse_condition("errors > 5%", {"errors": UNITS["%"]}))
PLAN = RolloutPlan(
    "release",
    "Release",
    "pair",
    Path("release.rollout.yaml"),
    (
        Phase(
            "one",
            "live",
            strategy=Canary("app", "app-canary"),
            share=Share(pods=1),
            soak=timedelta(minutes=10),
            gates=(GATE,),
            criteria=(CRITERION,),
            promotion=Promotion.AUTOMATIC,
        ),
    ),
    tolerance=timedelta(minutes=5),
    grace=timedelta(minutes=1),
)


@dataclass
class Clocks:
    """The wall's clock, which may be changed, and one that only goes on."""

    wall: datetime = BEGAN
    ticks: float = 0.0

    def go_on(self, span: timedelta = TICK) -> None:
        self.wall += span
        self.ticks += span.total_seconds()


@dataclass
class Book:
    """A ledger in memory. full: why nothing can be written."""

    clocks: Clocks
    facts: list[Fact] = field(default_factory=list)
    full: str = ""

    def write(self, kind: Kind, body: Mapping[str, Any], *, intent: Fact | None = None, intends: str = "") -> Fact:
        if self.full:
            raise JournalError(self.full)
        role = "result" if intent is not None else "intent" if intends else "note"
        number = len(self.facts) + 1
        whole = {"rollout": "r", **body}
        fact = Fact(kind, number, self.clocks.wall, "driver", whole, role, intent.number if intent else None)
        self.facts.append(fact)
        return fact

    def since(self, number: int) -> list[Fact]:
        return self.facts[number:]

    @property
    def kinds(self) -> list[str]:
        return [f"{fact.kind.value.removeprefix('rollout.')} {fact.role}" for fact in self.facts]


@dataclass
class Stage:
    """A world that answers what a test sets. begun: every job. ends: how the next jobs end, else they are done."""

    verdict: Verdict = Verdict.PASS
    tripped: bool = False
    begun: list[Job] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    slow: bool = False
    filled: list[Filled] = field(default_factory=list)
    asked: list[Gap] = field(default_factory=list)
    _job: Job | None = None

    def judge(self, rollout: Rollout, phase: Phase, now: datetime) -> Judged:
        gate = Evaluation(self.verdict, 0.001, known=1.0)
        verdict, value = (Verdict.PASS, 0.1) if self.tripped else (Verdict.FAIL, 0.001)
        criterion = Evaluation(verdict, value, known=1.0)
        if self.verdict is Verdict.NODATA:
            criterion = gate
        return Judged({GATE.text: gate, CRITERION.text: criterion})

    def fill(self, rollout: Rollout, phase: Phase, gaps: Sequence[Gap]) -> Sequence[Filled]:
        self.asked += gaps
        return self.filled or [Filled(gap) for gap in gaps]

    def begin(self, job: Job, rollout: Rollout) -> None:
        self.begun.append(job)
        self._job = job

    def working(self) -> Progress | None:
        if self._job is None:
            return None
        if self.slow:
            return Progress(self._job, "running")
        outcome = self.ends[0] if self.ends else "done"
        good: tuple[str, Mapping[str, Any]] | None = (
            ("live", {"traffic": {}}) if self._job.what == "apply" and outcome == "done" else None
        )
        return Progress(self._job, outcome, f"{self._job.what}: {outcome}", 0.1, good)

    def take(self) -> None:
        self._job = None
        if self.ends:
            self.ends.pop(0)


@dataclass
class Play:
    """A driver on a stage."""

    clocks: Clocks
    book: Book
    stage: Stage
    driver: Driver

    def tick(self, times: int = 1) -> decisions.Decision:
        for _ in range(times):
            self.clocks.go_on()
            made = self.driver.tick()
        return made

    def again(self) -> None:
        """Another process takes the rollout up: it knows what is written, and nothing else."""
        self.driver = driver_of(self.clocks, self.book, self.stage)

    @property
    def rollout(self) -> Rollout:
        return self.driver.rollout

    def observed(self) -> timedelta:
        attempt = self.rollout.attempt
        assert attempt is not None
        return attempt.soak.observed


def driver_of(clocks: Clocks, book: Book, stage: Stage) -> Driver:
    return Driver(
        PLAN,
        book,
        stage,
        clock=lambda: clocks.wall,
        monotonic=lambda: clocks.ticks,
        epoch=1,
        longest_tick=timedelta(seconds=15),
    )


@pytest.fixture
def play() -> Play:
    clocks = Clocks()
    book, stage = Book(clocks), Stage()
    book.write(Kind.STARTED, {"plan": "release", "version": "v2", "phase": 0})
    return Play(clocks, book, stage, driver_of(clocks, book, stage))


def soaking(play: Play) -> None:
    while play.rollout.state is not RolloutState.SOAKING:
        play.tick()


def test_intent_comes_before_and_result_and_what_follows_after(play: Play) -> None:
    soaking(play)
    assert play.book.kinds[:6] == [
        "started note",
        "begun note",
        "apply intent",
        "good note",
        "apply result",
        "confirmed note",
    ]
    assert [job.what for job in play.stage.begun] == ["apply"]


def test_it_goes_through_and_unfreezes_before_it_says_completed(play: Play) -> None:
    soaking(play)
    play.tick(400)
    assert play.rollout.state is RolloutState.COMPLETED
    assert [job.what for job in play.stage.begun] == ["apply", "finish"]
    assert play.book.kinds[-3:] == ["apply intent", "apply result", "completed note"]


def test_a_breach_is_rolled_back_in_the_tick_that_sees_it(play: Play) -> None:
    soaking(play)
    play.stage.tripped = True
    made = play.tick()
    assert isinstance(made, decisions.RollBack)
    assert play.stage.begun[-1].what == "roll back"
    assert play.book.kinds[-2:] == ["rolling_back note", "roll_back intent"]
    play.tick(2)
    assert play.rollout.state is RolloutState.ROLLED_BACK
    assert sum(job.what == "roll back" for job in play.stage.begun) == 1


def test_a_full_disk_stops_no_rollback_and_it_is_written_when_there_is_room(play: Play) -> None:
    soaking(play)
    play.stage.tripped = True
    play.book.full = "the disk is full"
    with pytest.raises(JournalError):
        play.tick()
    assert [job.what for job in play.stage.begun] == ["apply", "roll back"]
    for _ in range(5):
        with pytest.raises(JournalError):
            play.tick()
    assert sum(job.what == "roll back" for job in play.stage.begun) == 1, "one rollback is enough"
    play.book.full = ""
    play.tick(4)
    assert play.rollout.state is RolloutState.ROLLED_BACK
    assert play.rollout.criterion == CRITERION.text
    assert sum(job.what == "roll back" for job in play.stage.begun) == 1


def test_a_full_disk_applies_nothing(play: Play) -> None:
    play.tick()
    play.book.full = "the disk is full"
    with pytest.raises(JournalError):
        play.tick()
    assert play.stage.begun == []


def test_an_intent_of_a_dead_driver_is_closed_and_the_world_compared_again(play: Play) -> None:
    play.stage.slow = True
    play.tick(2)
    assert play.book.kinds[-1] == "apply intent"
    play.stage.slow = False
    play.stage.take()
    play.again()
    play.tick(2)
    results = [fact for fact in play.book.facts if fact.role == "result"]
    assert [fact.body["outcome"] for fact in results] == ["unknown", "done"]
    assert play.rollout.state is RolloutState.SOAKING


def test_no_contact_holds_nothing_and_is_tried_again_after_a_rest(play: Play) -> None:
    play.stage.ends = ["unknown", "unknown"]
    soaking(play)
    assert [job.what for job in play.stage.begun] == ["apply"] * 3
    assert "held note" not in play.book.kinds
    begun = [fact.at for fact in play.book.facts if fact.kind is Kind.APPLY and fact.role == "intent"]
    assert all(later - earlier >= timedelta(seconds=10) for earlier, later in pairwise(begun))


def test_what_failed_is_held_with_its_sentence(play: Play) -> None:
    play.stage.ends = ["failed"]
    play.tick(3)
    assert play.rollout.state is RolloutState.HELD
    assert play.rollout.held is not None
    assert play.rollout.held.why == "one: could not be applied: apply: failed"


def test_a_restart_invents_no_soak_and_asks_for_what_it_missed(play: Play) -> None:
    soaking(play)
    play.tick(60)
    before = play.observed()
    assert before >= timedelta(seconds=110)
    play.clocks.go_on(timedelta(minutes=3))
    play.again()
    play.tick(4)
    assert play.observed() <= before + 4 * TICK
    assert play.stage.asked, "the gap is asked for"
    attempt = play.rollout.attempt
    assert attempt is not None
    assert attempt.soak.unobserved + attempt.soak.observed >= timedelta(minutes=3)


def test_a_restart_within_the_tolerance_ends_and_does_not_stall(play: Play) -> None:
    soaking(play)
    play.tick(60)
    play.clocks.go_on(timedelta(minutes=3))
    play.again()
    play.tick(400)
    assert play.rollout.state is RolloutState.COMPLETED
    assert play.rollout.attempts[0].soak.restarts == 0


@pytest.mark.parametrize("jump", [timedelta(hours=5), timedelta(hours=-5)])
def test_a_clock_that_jumps_adds_no_soak(play: Play, jump: timedelta) -> None:
    soaking(play)
    play.tick(60)
    before = play.observed()
    play.clocks.wall += jump
    play.tick(5)
    # Beyond the tolerance it begins anew, for nobody can say what was in between.
    assert play.observed() <= before + timedelta(seconds=12)


def test_blind_time_does_not_count_and_trips_nothing(play: Play) -> None:
    soaking(play)
    play.tick(10)
    before = play.observed()
    play.stage.verdict = Verdict.NODATA
    play.tick(500)
    assert play.observed() <= before + TICK
    assert play.rollout.state is RolloutState.SOAKING
    assert [job.what for job in play.stage.begun] == ["apply"]


def test_the_clock_is_written_now_and_then_and_not_at_every_tick(play: Play) -> None:
    soaking(play)
    play.tick(290)
    written = sum(kind == "soaked note" for kind in play.book.kinds)
    assert 8 <= written <= 14


def test_a_person_writes_between_two_ticks_and_nothing_is_lost(play: Play) -> None:
    soaking(play)
    held = replace(play.book.write(Kind.HELD, {"why": "lunch", "kind": "person", "phase": 0, "attempt": 1}), by="me")
    play.book.facts[-1] = held
    play.tick()
    assert play.rollout.state is RolloutState.HELD
    assert machine.may(PLAN, play.rollout, Judged(), "resume") == ""

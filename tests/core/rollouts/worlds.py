"""Plans, facts and verdicts for the tests of the pure rules of rollouts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from console.core.conditions import Condition, parse_condition
from console.core.evaluation import Evaluation, Verdict
from console.core.rollouts import decisions, machine
from console.core.rollouts.facts import Fact, Kind
from console.core.rollouts.plan import Phase, Promotion, RolloutPlan, Rule, Settings, Share
from console.core.rollouts.soak import Soak
from console.core.rollouts.state import Attempt, Judged, Rollout, RolloutState
from console.core.units import Unit, unit

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
UNITS: dict[str, Unit] = {"p99": unit("ms"), "error_rate": unit("%"), "memory": unit("MB"), "backup_age": unit("h")}
FAST, ERRORS, LEAK = "p99 < 200ms", "error_rate > 5% for 5m", "memory > 1GB for 5m"


def condition(text: str) -> Condition:
    return parse_condition(text, UNITS, ("api",))


def rule(text: str, name: str = "") -> Rule:
    return Rule(name or text.split()[0], condition(text))


def rules(*texts: str) -> tuple[Rule, ...]:
    return tuple(rule(text) for text in texts)


def phase(name: str = "canary", **changes: Any) -> Phase:
    plain = Phase(
        name,
        "production",
        share=Share(0.05),
        soak=48 * HOUR,
        gates=rules(FAST),
        criteria=rules(ERRORS),
        promotion=Promotion.PERSON,
    )
    return replace(plain, **changes)


def plan(*phases: Phase, **changes: Any) -> RolloutPlan:
    return replace(
        RolloutPlan("release", "A release", "hak-gal", Path("release.rollout.yaml"), phases or (phase(),)), **changes
    )


def says(verdict: Verdict, value: float | None = 0.1, detail: str = "") -> Evaluation:
    if verdict in (Verdict.NODATA, Verdict.ERROR):
        return Evaluation(verdict, None, detail=detail or f"{verdict.value} it is")
    return Evaluation(verdict, value, needed=5 * MINUTE, known=0.0 if value is None else 1.0, detail=detail)


GATE_OK, CRITERION_OK = says(Verdict.PASS, 0.143), says(Verdict.FAIL, 0.001)


def judged(plan: RolloutPlan, changes: Mapping[str, Evaluation] | None = None, **more: Any) -> Judged:
    """Every gate of the plan passes and every criterion is quiet, but for these."""
    verdicts: dict[str, Evaluation] = {}
    for one in plan.phases:
        verdicts |= {rule.text: GATE_OK for rule in (*one.gates, *one.preconditions.conditions)}
        verdicts |= {rule.text: CRITERION_OK for rule in one.criteria}
    return Judged({**verdicts, **(changes or {})}, **more)


@dataclass
class Run:
    """A rollout under test, driven as a driver would, in virtual time; every fact it wrote is kept.

    now: rollout time. judged: what the next step sees; None for all well. fails: what the world does to an apply.
    """

    plan: RolloutPlan
    now: datetime = NOON
    judged: Judged | None = None
    facts: list[Fact] = field(default_factory=list)
    longest: timedelta = MINUTE
    fails: str = ""
    soaks: dict[int, Soak] = field(default_factory=dict)
    seen: list[decisions.Decision] = field(default_factory=list)
    _folded: Rollout | None = None
    _upto: int = 0

    def __post_init__(self) -> None:
        if not self.facts:
            self.write(Kind.STARTED, by="ada@bastion", rollout="r1", plan=self.plan.name, version="v2.3.3", phase=0)
            self.write(Kind.DRIVEN, epoch=1, holder="watcher", how="acquired")

    @property
    def rollout(self) -> Rollout:
        """As its facts have it, with the soak clock that the driver keeps in memory."""
        for fact in self.facts[self._upto :]:
            self._folded = machine.advance(self.plan, self._folded, fact)
        self._upto, rollout = len(self.facts), self._folded
        assert rollout is not None
        if rollout.attempt is not None and rollout.attempt.number in self.soaks:
            return machine.with_soak(rollout, self.soaks[rollout.attempt.number])
        return rollout

    @property
    def attempt(self) -> Attempt:
        """The newest attempt, over or not."""
        return self.rollout.attempts[-1]

    @property
    def state(self) -> RolloutState:
        return self.rollout.state

    @property
    def verdicts(self) -> Judged:
        return self.judged if self.judged is not None else judged(self.plan)

    def write(self, kind: Kind, /, *, by: str = "driver", **body: Any) -> Fact:
        fact = Fact(kind, len(self.facts) + 1, self.now, by, body)
        self.facts.append(fact)
        return fact

    def ask(self, what: str, reason: str = "", **body: Any) -> Fact:
        """A person asks for something, about the attempt before them."""
        attempt = self.rollout.attempt
        if what != "retry":
            body.setdefault("phase", self.rollout.phase)
        if attempt is not None:
            body.setdefault("attempt", attempt.number)
        return self.write(Kind.ASKED, by="ada@bastion", what=what, reason=reason, **body)

    def person(self, kind: Kind, /, **body: Any) -> Fact:
        """A person writes a fact about the present attempt."""
        attempt = self.rollout.attempt
        if attempt is not None and kind in (Kind.TICKED, Kind.SIGNED, Kind.LOOKED):
            body = {"phase": attempt.phase, "attempt": attempt.number, **body}
        return self.write(kind, by="ada@bastion", **body)

    def restart(self) -> None:
        """The driver dies: what was only in its memory is gone."""
        self.soaks.clear()

    def step(self, after: timedelta = SECOND, *, passed: timedelta | str | None = "as the wall") -> decisions.Decision:
        """Let time go by, decide, and carry it out."""
        self.now += after
        span = after if isinstance(passed, str) else passed
        decision = self.decide(span)
        self.carry_out(decision)
        return decision

    def decide(self, passed: timedelta | None = None) -> decisions.Decision:
        return machine.decide(
            self.plan, self.rollout, self.verdicts, self.now, passed=passed, longest_tick=self.longest
        )

    def carry_out(self, decision: decisions.Decision) -> None:
        rollout, place = self.rollout, {"phase": self.rollout.phase}
        self.seen.append(decision)
        if rollout.attempt is not None:
            place["attempt"] = rollout.attempt.number
        match decision:
            case decisions.Stay(soak=soak):
                self._keep(soak)
            case decisions.Begin(number, attempt):
                self.write(Kind.BEGUN, phase=number, attempt=attempt)
            case decisions.Apply(number, _):
                self._apply(number, place)
            case decisions.ApplySettings(number, attempt, index, soak):
                self._keep(soak)
                self.write(Kind.SET, phase=number, attempt=attempt, index=index)
            case decisions.Ready(soak):
                self._keep(soak)
                self.write(Kind.SOAKED, soak=soak.as_body(), **place)
                self.write(Kind.READY, **place)
            case decisions.Promote():
                self._keep(decision.soak)
                self.write(Kind.SOAKED, soak=decision.soak.as_body(), **place)
                told = {"override": decision.override, "ask": decision.ask, "evidence": list(decision.evidence)}
                self.write(Kind.PROMOTED, asked_by=decision.by, **told, **place)
            case decisions.Refuse(ask, what, why):
                self.write(Kind.REFUSED, ask=ask, what=what, why=why)
            case decisions.RollBack(why, criterion, by, evidence):
                told = {"why": why, "criterion": criterion, "asked_by": by, "evidence": list(evidence)}
                self.write(Kind.ROLLING_BACK, epoch=rollout.epoch, **told)
            case decisions.PutBack():
                if self.fails:
                    self.write(Kind.HELD, why=self.fails, kind="engine")
                else:
                    self.write(Kind.ROLLED_BACK, says="v2.3.2 serves everything")
            case decisions.Hold(why):
                self.write(Kind.HELD, why=why, kind="engine")
            case decisions.Retry(number, ask, by):
                self.write(Kind.RETRIED, phase=number, ask=ask, asked_by=by)
            case decisions.Abort(ask, by, reason):
                self.write(Kind.ABORTED, ask=ask, asked_by=by, reason=reason)
            case decisions.Complete():
                self.write(Kind.COMPLETED)

    def until(self, state: RolloutState, *, tick: timedelta = MINUTE, most: int = 20_000) -> None:
        """Step until the rollout is in that state."""
        for _ in range(most):
            if self.state is state:
                return
            self.step(tick)
        raise AssertionError(f"never {state.value}, but {self.state.value}: {self.seen[-1]}")

    def _apply(self, number: int, place: Mapping[str, Any]) -> None:
        if self.fails:
            self.write(Kind.HELD, why=self.fails, kind="engine")
            return
        environment = self.plan.phases[number].environment
        if environment not in self.rollout.goods:
            self.write(Kind.GOOD, environment=environment, record={"replicas": 10}, **place)
        self.write(Kind.CONFIRMED, asked="5%", applied=0.05, says="1 of 20 pods", **place)

    def _keep(self, soak: Soak | None) -> None:
        attempt = self.rollout.attempt
        if soak is not None and attempt is not None:
            self.soaks[attempt.number] = soak


def settings(*rows: tuple[timedelta, str]) -> tuple[Settings, ...]:
    return tuple(Settings(after, (("AUDIT_LEVEL", value),)) for after, value in rows)

"""Persons of a rehearsal: who ticks, signs and promotes, after how long, and on which days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from console.core.rollouts.facts import Fact, Kind
from console.core.rollouts.plan import Phase, Promotion, RolloutPlan
from console.core.rollouts.state import Rollout, RolloutState

BY = "person"
LEAST_PATIENCE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Act:
    """One thing a person does. at: when. body: of the fact. deed: what the scenario calls it, empty where they do it by
    themselves.
    """

    at: datetime
    kind: Kind
    body: Mapping[str, Any]
    deed: str = ""


@dataclass(frozen=True, slots=True)
class People:
    """What persons do by themselves. Spans count from when they are waited for: from the end of the soak, and for
    `retries_after` (None is never) from the hold or the end of a rollback.

    decision: what is signed, `go` or `no-go`. not_on: weekdays (0 is Monday) on which nobody does anything. hours: from
    when to when on a day, UTC. absent: nobody is there at all.
    """

    ticks_after: timedelta = timedelta(minutes=5)
    signs_after: timedelta = timedelta(minutes=10)
    promotes_after: timedelta = timedelta(minutes=15)
    retries_after: timedelta | None = None
    decision: str = "go"
    not_on: frozenset[int] = frozenset()
    hours: tuple[time, time] | None = None
    absent: bool = False

    def at_work(self, at: datetime) -> datetime:
        """The first moment, not before `at`, at which somebody is there."""
        while True:
            midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
            if at.weekday() in self.not_on:
                at = midnight + timedelta(days=1)
            elif self.hours is None:
                return at
            elif at.time() < self.hours[0]:
                at = datetime.combine(at.date(), self.hours[0], at.tzinfo)
            elif at.time() >= self.hours[1]:
                at = midnight + timedelta(days=1)
            else:
                return at

    def due(self, plan: RolloutPlan, rollout: Rollout, facts: Sequence[Fact], now: datetime) -> tuple[Act, ...]:
        """What they do next, soonest first; what depends on it comes once it is done. facts: of the rollout so far."""
        if self.absent:
            return ()
        phase = plan.phases[rollout.phase]
        if rollout.state is RolloutState.WAITING:
            acts = self._leaving(phase, rollout, facts)
        elif rollout.state in (RolloutState.HELD, RolloutState.ROLLED_BACK) and self.retries_after is not None:
            acts = self._again(rollout, facts)
        else:
            return ()
        moved = [Act(self.at_work(max(act.at, now)), act.kind, act.body) for act in acts]
        return tuple(sorted(moved, key=lambda act: act.at))

    def _leaving(self, phase: Phase, rollout: Rollout, facts: Sequence[Fact]) -> list[Act]:
        """The ticks, signs and the promotion that a phase still needs."""
        attempt = rollout.attempt
        ready = _newest(facts, Kind.READY)
        if attempt is None or ready is None or any(ask.what == "promote" for ask in rollout.asks):
            return []
        place = {"phase": rollout.phase, "attempt": attempt.number, "by": BY, "note": ""}
        ticked = {tick.item for tick in attempt.ticks}
        acts = [
            Act(ready.at + self.ticks_after, Kind.TICKED, {**place, "item": item, "done": True})
            for item in range(len(phase.checklist))
            if item not in ticked
        ]
        signed = {sign.role for sign in attempt.signs}
        acts += [
            Act(ready.at + self.signs_after, Kind.SIGNED, {**place, "role": role, "decision": self.decision})
            for role in phase.sign_offs
            if role not in signed
        ]
        if acts or phase.promotion is not Promotion.PERSON:
            return acts
        asked_from = ready.at + self.promotes_after
        refused = _newest(facts, Kind.REFUSED)
        if refused is not None and refused.at >= ready.at:
            asked_from = max(asked_from, refused.at + max(self.promotes_after, LEAST_PATIENCE))
        return [Act(asked_from, Kind.ASKED, {**place, "what": "promote", "reason": ""})]

    def _again(self, rollout: Rollout, facts: Sequence[Fact]) -> list[Act]:
        """The retry of a phase that failed or was rolled back."""
        assert self.retries_after is not None
        if any(ask.what == "retry" for ask in rollout.asks):
            return []
        last = _newest(facts, Kind.HELD if rollout.state is RolloutState.HELD else Kind.ROLLED_BACK)
        if last is None:
            return []
        body = {"what": "retry", "phase": rollout.phase, "attempt": 0, "reason": "", "by": BY}
        return [Act(last.at + self.retries_after, Kind.ASKED, body)]


def _newest(facts: Sequence[Fact], kind: Kind) -> Fact | None:
    return next((fact for fact in reversed(facts) if fact.kind is kind), None)

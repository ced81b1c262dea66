"""A rollout plan run in virtual time against a scenario: the engine's own driver, no world but the script.

Time goes from one event to the next. The driver ticks on the grid in which the samples of the plan's metrics lie;
where it would do the same at many ticks in a row it need not be asked at each, and is not. Which ticks those are is
found by asking the conditions and the state machine themselves, so that a rehearsal ends as one that asks at each.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from console.core.rollouts import machine
from console.core.rollouts.decisions import Abort, Apply, ApplySettings, Complete, Decision, PutBack, Stay
from console.core.rollouts.facts import Fact, Kind
from console.core.rollouts.plan import RolloutPlan
from console.core.rollouts.soak import open_gaps
from console.core.rollouts.state import Rollout, RolloutState
from console.core.series import EPOCH
from console.core.system import Metric, MetricSource, System
from console.engine.driver import Driver
from console.engine.rehearsal_script import Script
from console.engine.scenario import Scenario
from console.engine.scripted_people import Act
from console.engine.scripted_world import ScriptedWorld, Work, tick_of
from console.engine.timeline import Rehearsed, Watching, rehearsed

CHECKPOINT = timedelta(minutes=5)
ALWAYS = timedelta(days=36500)
ROLLOUT = "rehearsal"


class MemoryLedger:
    """Ledger of `engine.driving` that forgets when the process ends. clock: rollout time."""

    def __init__(self, rollout: str) -> None:
        self.facts: list[Fact] = []
        self.now = EPOCH
        self._rollout = rollout

    def write(self, kind: Kind, body: Mapping[str, Any], *, intent: Fact | None = None, intends: str = "") -> Fact:
        """Keep a fact, as the journal would: its body is JSON."""
        role = "result" if intent is not None else "intent" if intends else "note"
        whole = {"rollout": self._rollout, **json.loads(json.dumps(dict(body)))}
        if intent is not None:
            whole.setdefault("outcome", "done")
        told = whole.get("at")
        at = datetime.fromisoformat(told) if isinstance(told, str) and told else self.now
        by, number = str(whole.get("by") or "driver"), None if intent is None else intent.number
        fact = Fact(kind, len(self.facts) + 1, at, by, whole, role, number)
        self.facts.append(fact)
        return fact

    def since(self, number: int) -> Iterable[Fact]:
        """The facts above `number`."""
        return self.facts[number:]


@dataclass(frozen=True, slots=True)
class Setting:
    """What a rehearsal is run with besides plan and scenario. here: the index of the phase that `here` means.

    every_tick: tick at every point of the grid, which takes long and ends the same.
    """

    starts: datetime
    here: int = 0
    first: int = 0
    every_tick: bool = False


class Rehearsal:
    """One run. Raises NoSteadyValue where a plan cannot pass whatever its metrics say."""

    def __init__(self, plan: RolloutPlan, system: System, scenario: Scenario, setting: Setting) -> None:
        self._plan = plan
        first = system.environment(plan.phases[setting.first].environment)
        self._target = (first.target if first is not None else None) or ""
        self._scenario = scenario
        self._setting = setting
        metrics = metrics_of(plan, system)
        self.tick = tick_of(metrics.values())
        self._now = self._up(setting.starts)
        self._ledger = MemoryLedger(ROLLOUT)
        self._script = Script(plan, scenario, metrics, here=setting.here, starts=self._now)
        self._world = ScriptedWorld(
            plan,
            metrics,
            self._script.signals,
            ranges=ranges_of(metrics.values()),
            absent=absent_checks(system, metrics.values()),
            tick=self.tick,
            work=Work(
                dict.fromkeys(("apply", "roll back"), scenario.applying),
                self._script.failure,
            ),
            ledger=self._ledger,
            clock=lambda: self._now,
        )
        self._epoch = 0
        self._driver = self._drive("acquired")
        self._watching = Watching()
        self.ticks = 0

    @property
    def facts(self) -> list[Fact]:
        """Every fact that was written, oldest first."""
        return self._ledger.facts

    def run(self) -> Rehearsed:
        """Run to the end: to completion, or until nothing can happen any more, or as long as the scenario lasts."""
        horizon = self._up(self._now + self._scenario.lasts)
        self._start()
        while self._now <= horizon:
            decision = self._step()
            if self._over(self._driver.rollout):
                break
            if self._setting.every_tick:
                self._now = self._after_outage(self._now + self.tick)
            else:
                self._now = self._next(decision, horizon)
        return rehearsed(
            self._plan,
            self._scenario,
            self._driver.rollout,
            self._ledger.facts,
            here=self._setting.here,
            said=self._script.said,
            applies=self._script.applies,
            watching=self._watching,
            ended=min(self._now, horizon),
            ticks=self.ticks,
        )

    def _start(self) -> None:
        self._write_at(
            self._now,
            Kind.STARTED,
            {
                "plan": self._plan.name,
                "path": str(self._plan.path),
                "digest": self._plan.digest,
                "text": self._plan.text,
                "version": self._plan.version or self._target,
                "system": self._plan.system,
                "speed": 1.0,
                "phase": self._setting.first,
                "by": "person",
            },
        )
        self._write_at(self._now, Kind.DRIVEN, {"epoch": self._epoch, "holder": "rehearsal", "how": "acquired"})

    def _step(self) -> Decision:
        """What persons have done by now, then a tick."""
        self._ledger.now = self._now
        while (act := self._act()) is not None and act.at <= self._now:
            self._write_at(act.at, act.kind, act.body)
            if act.deed:
                self._script.done(act)
        seen = len(self._ledger.facts)
        decision = self._driver.tick()
        self.ticks += 1
        for fact in self._ledger.facts[seen:]:
            self._script.noted(fact)
        self._watching.saw(self._plan, self._driver.rollout, self._driver.judged, self._now)
        return decision

    def _act(self) -> Act | None:
        """What a person does next."""
        if not self._ledger.facts or self._epoch == 0:
            return None
        deed = self._script.deed(self._driver.rollout)
        usual = self._scenario.people.due(self._plan, self._driver.rollout, self._ledger.facts, EPOCH)
        acts = [act for act in (deed, *usual[:1]) if act is not None]
        return min(acts, key=lambda act: act.at, default=None)

    def _write_at(self, at: datetime, kind: Kind, body: Mapping[str, Any]) -> None:
        self._ledger.now = at
        self._script.noted(self._ledger.write(kind, body))
        self._ledger.now = self._now

    def _next(self, decision: Decision, horizon: datetime) -> datetime:
        """The next moment at which the driver must tick."""
        soonest = self._now + self.tick
        if soonest > horizon:
            return soonest
        rollout = self._driver.rollout
        act, outage = self._act(), self._script.next_outage(self._now)
        moments = [horizon, self._world.ends, None if outage is None else self._aligned(outage.begin)]
        if act is not None:
            # The tick before it is needed: what a person does changes what the time since the last tick is worth.
            before = self._up(act.at) - self.tick
            moments.append(before if before > self._now else act.at)
        until = min(self._up(moment) for moment in moments if moment is not None)
        if not _steady(decision) or self._fills(rollout):
            return self._after_outage(soonest)
        until = max(soonest, until)
        change = self._world.changes(rollout, self._now, until)
        if change is not None:
            until = max(soonest, change - self.tick)
        return self._after_outage(self._first_other(decision, rollout, until))

    def _fills(self, rollout: Rollout) -> bool:
        """Whether the next tick ends a gap of the soak, or is told what one was."""
        attempt = rollout.attempt
        if attempt is None or attempt.confirmed_at is None or not attempt.soak.gaps:
            return False
        if gaps := open_gaps(attempt.soak):
            return bool(self._world.fill(rollout, self._plan.phases[attempt.phase], gaps))
        return machine.mood(self._plan, rollout, self._driver.judged) is not machine.Mood.BLIND

    def _first_other(self, decision: Decision, rollout: Rollout, until: datetime) -> datetime:
        """The first tick at which something else would be decided with the verdicts as they are; at most `until`."""

        def same(at: datetime) -> bool:
            soak = rollout.attempt.soak if rollout.attempt is not None else None
            marked = soak.marked if soak is not None else None
            passed = None if marked is None else at - marked
            other = machine.decide(self._plan, rollout, self._driver.judged, at, passed=passed, longest_tick=ALWAYS)
            return type(other) is type(decision)

        if same(until):
            return until
        low, high = 0, (until - self._now) // self.tick
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if same(self._now + self.tick * middle) else (low, middle)
        return self._now + self.tick * high

    def _after_outage(self, at: datetime) -> datetime:
        """`at`, or where the watcher is out then, the first tick after it is back; it is another process then."""
        out = self._script.out(at)
        if out is None:
            return at
        self._world.killed()
        self._driver = self._drive("acquired")
        back = self._up(out.end)
        self._write_at(back, Kind.DRIVEN, {"epoch": self._epoch, "holder": "rehearsal", "how": "acquired"})
        return back

    def _aligned(self, outage: datetime) -> datetime:
        """The last tick before an outage at which the soak clock is written down; at it or past it, the last tick."""
        last = self._up(outage) - self.tick
        written = next((fact.at for fact in reversed(self._ledger.facts) if fact.kind is Kind.SOAKED), None)
        if written is not None:
            every = -(-CHECKPOINT // self.tick) * self.tick
            aligned = written + (last - written) // every * every
            if aligned > self._now:
                return aligned
        return last if last > self._now else self._up(outage)

    def _drive(self, how: str) -> Driver:
        self._epoch += 1
        return Driver(
            self._plan,
            self._ledger,
            self._world,
            clock=lambda: self._now,
            monotonic=lambda: (self._now - EPOCH).total_seconds(),
            epoch=self._epoch,
            longest_tick=ALWAYS,
            checkpoint=CHECKPOINT,
        )

    def _over(self, rollout: Rollout) -> bool:
        if rollout.state.over:
            return True
        again = self._scenario.people.retries_after is not None and not self._scenario.people.absent
        return rollout.state is RolloutState.ROLLED_BACK and not again and not self._script.deeds_left

    def _up(self, at: datetime) -> datetime:
        return EPOCH + -((EPOCH - at) // self.tick) * self.tick


def _steady(decision: Decision) -> bool:
    """Whether nothing was written: it waits, or waits for a job."""
    return isinstance(decision, Stay | Apply | ApplySettings | PutBack | Abort | Complete)


def metrics_of(plan: RolloutPlan, system: System) -> dict[str, Metric]:
    """The metrics and health checks that the plan's rules are judged on, by name."""
    from console.engine.loop import checks_of

    known: dict[str, Metric] = {}
    for environment in system.environments:
        for check in checks_of(environment):
            known.setdefault(check.name, check)
    known |= {metric.name: metric for metric in system.metrics}
    names = [name for phase in plan.phases for rule in phase.rules for name in rule.condition.metrics]
    if plan.measured is not None:
        names.append(plan.measured)
    return {name: known[name] for name in dict.fromkeys(names) if name in known}


@cache
def _reads(query: str) -> timedelta:
    from console.sources.promql import longest_range

    return longest_range(query)


def ranges_of(metrics: Iterable[Metric]) -> dict[str, timedelta]:
    """How far back each metric reads: a query by its ranges, lines of a log by their hour."""
    reads: dict[str, timedelta] = {}
    for metric in metrics:
        if metric.source is MetricSource.PROMQL:
            reads[metric.name] = _reads(metric.query)
        elif metric.source is MetricSource.LOG:
            reads[metric.name] = timedelta(hours=1)
    return reads


def absent_checks(system: System, metrics: Iterable[Metric]) -> dict[str, frozenset[str]]:
    """By environment, the health checks among these metrics that it does not have."""
    checks = {metric.name for metric in metrics if system.metric(metric.name) is None}
    return {one.name: frozenset(checks - {check.name for check in one.health}) for one in system.environments}


def default_start(plan: RolloutPlan, scenario: Scenario, now: datetime) -> datetime:
    """When a rehearsal starts: as the scenario says; else so that the plan's first date can be met; else now."""
    dated = [place for place, phase in enumerate(plan.phases) if phase.not_before is not None]
    start = now
    if scenario.starts is not None:
        start = scenario.starts
    elif dated:
        first = plan.phases[dated[0]].not_before
        assert first is not None
        lead = sum((phase.soak + timedelta(hours=1) for phase in plan.phases[: dated[0]]), timedelta(0))
        start = first - lead
    if scenario.weekday is not None:
        weekday, hour, minute = scenario.weekday
        moved = start.replace(hour=hour, minute=minute, second=0, microsecond=0)
        while moved < start or moved.weekday() != weekday:
            moved += timedelta(days=1)
        start = moved
    return start


def usual_phase(plan: RolloutPlan) -> int:
    """The phase that a scenario is about where none is named: the first that soaks under criteria, or under gates."""
    soaking = [index for index, phase in enumerate(plan.phases) if phase.soak]
    under = [index for index in soaking if plan.phases[index].criteria]
    under += [index for index in soaking if plan.phases[index].gates]
    return under[0] if under else 0


def rehearse(
    plan: RolloutPlan,
    system: System,
    scenario: Scenario,
    now: datetime,
    *,
    starts: datetime | None = None,
    phases: Sequence[int] = (0,),
) -> tuple[Rehearsed, ...]:
    """A run for each of these phases as `here`, one after the other. starts: instead of the scenario's start.

    Raises NoSteadyValue where no values keep every gate passing and every criterion quiet.
    """
    begins = starts or default_start(plan, scenario, now)
    return tuple(Rehearsal(plan, system, scenario, Setting(begins, here)).run() for here in phases)

"""A scenario as it unfolds in one run: moments told from phases become times as the phases come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from console.core.rollouts.facts import Fact, Kind
from console.core.rollouts.plan import RolloutPlan
from console.core.rollouts.state import Rollout
from console.core.system import Metric, MetricSource
from console.engine.driving import Job
from console.engine.scenario import (
    HERE,
    Anchor,
    Deed,
    Entry,
    NoSteadyValue,
    Outage,
    Scenario,
    When,
    chosen_entries,
    good_value,
    wanted_of,
)
from console.engine.scripted import FOREVER, Piece, Signal
from console.engine.scripted_people import BY, Act

PROMETHEUS = "prometheus"
WATCHER = "watcher"
MOMENTS = {Kind.BEGUN: When.BEGUN, Kind.CONFIRMED: When.CONFIRMED, Kind.READY: When.READY}


@dataclass(frozen=True, slots=True)
class Out:
    """A stretch in which the watcher is not there."""

    begin: datetime
    end: datetime


class Script:
    """The signals of a run, its outages, failures and deeds. here: the phase's index that `here` means.

    said: what was chosen from the plan's conditions, as sentences.
    """

    def __init__(
        self, plan: RolloutPlan, scenario: Scenario, metrics: Mapping[str, Metric], *, here: int, starts: datetime
    ) -> None:
        self._plan = plan
        self._scenario = scenario
        self._here = here
        self._metrics = metrics
        self.signals = {
            name: Signal(metric.step, kept=metric.source is MetricSource.PROMQL) for name, metric in metrics.items()
        }
        self._reached: dict[tuple[When, str], datetime] = {(When.START, ""): starts}
        self._outs: list[Out] = []
        self._deeds: list[Deed] = list(scenario.deeds)
        self._usual = self._usual_values()
        for name, signal in self.signals.items():
            signal.usually(starts, self._usual[0][name])
        chosen = [chosen_entries(one, plan.phases[here], self._usual[here]) for one in scenario.chosen]
        self.said = tuple(told for _, told in chosen)
        self.applies = not chosen or any(entries for entries, _ in chosen)
        self._entries: list[Entry] = [*scenario.entries, *(entry for entries, _ in chosen for entry in entries)]
        self._outages: list[Outage] = list(scenario.outages)
        self._resolve(starts)

    def noted(self, fact: Fact) -> None:
        """A fact was written: what is told from it has a time now."""
        when = MOMENTS.get(fact.kind)
        if when is None or fact.role != "note":
            return
        index = int(fact.body["phase"])
        phase = self._plan.phases[index]
        if when is When.BEGUN:
            for name, signal in self.signals.items():
                if name != self._plan.measured:
                    signal.usually(fact.at, self._usual[index][name])
                    signal.changed(fact.at)
        elif when is When.CONFIRMED and self._plan.measured in self.signals:
            measured = self.signals[self._plan.measured]
            measured.usually(fact.at, self._usual[index][self._plan.measured])
            measured.changed(fact.at)
        if (when, phase.name) not in self._reached:
            self._reached[when, phase.name] = fact.at
            self._resolve(fact.at)

    def next_outage(self, now: datetime) -> Out | None:
        """The next one that begins after `now`."""
        return min((out for out in self._outs if out.begin > now), key=lambda out: out.begin, default=None)

    def out(self, at: datetime) -> Out | None:
        """The one that `at` lies in."""
        return next((out for out in self._outs if out.begin <= at < out.end), None)

    def failure(self, job: Job, tried: int) -> str:
        """Why a job fails; empty where it does not."""
        phase = self._plan.phases[job.phase].name
        for failure in self._scenario.failures:
            if failure.what == job.what and self._name(failure.phase) == phase and tried < failure.times:
                return failure.why
        return ""

    @property
    def deeds_left(self) -> bool:
        """Whether a person still does something of their own."""
        return any(self._time(deed.at) is not None for deed in self._deeds)

    def deed(self, rollout: Rollout) -> Act | None:
        """What a person does next of their own."""
        found: Act | None = None
        for deed in self._deeds:
            at = self._time(deed.at)
            if at is not None and (found is None or at < found.at):
                found = self._act(deed, at, rollout)
        return found

    def done(self, act: Act) -> None:
        """A deed was done."""
        self._deeds = [deed for deed in self._deeds if (self._time(deed.at), deed.what) != (act.at, act.deed)]

    def _act(self, deed: Deed, at: datetime, rollout: Rollout) -> Act:
        number = rollout.attempt.number if rollout.attempt is not None else 0
        place = {"phase": rollout.phase, "attempt": number, "by": BY}
        if deed.what == "hold":
            return Act(at, Kind.HELD, {**place, "why": deed.reason or "held by a person", "kind": "person"}, deed.what)
        if deed.what == "resume":
            return Act(at, Kind.RESUMED, place, deed.what)
        return Act(at, Kind.ASKED, {**place, "what": deed.what, "reason": deed.reason}, deed.what)

    def _name(self, phase: str) -> str:
        return self._plan.phases[self._here].name if phase == HERE else phase

    def _time(self, anchor: Anchor) -> datetime | None:
        if anchor.when is When.ABSOLUTE:
            return anchor.at
        name = self._name(anchor.phase)
        reached, index = self._reached.get((anchor.when, name)), self._plan.index(name)
        if reached is None:
            return None
        soak = self._plan.phases[index].soak if index is not None else timedelta(0)
        return reached + anchor.after + soak * anchor.part

    def _resolve(self, now: datetime) -> None:
        """Put what has a time by now into the signals."""
        changed = False
        for entry in list(self._entries):
            if (at := self._time(entry.at)) is not None:
                self._entries.remove(entry)
                piece = Piece(at, FOREVER if entry.lasts is None else at + entry.lasts, entry.shape)
                for name in self._meant(entry.name):
                    self.signals[name].add(piece)
                changed = True
        for outage in list(self._outages):
            if (at := self._time(outage.at)) is not None:
                self._outages.remove(outage)
                self._go_out(outage, at, at + outage.lasts)
                changed = True
        if changed:
            for signal in self.signals.values():
                signal.changed(now)

    def _go_out(self, outage: Outage, begin: datetime, end: datetime) -> None:
        if outage.of == WATCHER:
            self._outs.append(Out(begin, end))
        for signal in self.signals.values():
            if outage.of == WATCHER and not signal.kept:
                signal.lose(begin, end)
            elif outage.of == PROMETHEUS and signal.kept:
                signal.unreadable(begin, end, "Prometheus does not answer, by the scenario")
                if not outage.kept:
                    signal.lose(begin, end)

    def _meant(self, name: str) -> list[str]:
        """The signals of a metric's name; a health check's are its own and those of the metrics drawn from it."""
        drawn = [
            metric.name
            for metric in self._metrics.values()
            if metric.source is MetricSource.HEALTH and name in (metric.name, metric.query)
        ]
        return list(dict.fromkeys([*([name] if name in self.signals else []), *drawn]))

    def _usual_values(self) -> list[dict[str, float]]:
        """By phase, values at which every gate passes and no criterion trips; one for all phases where one will do."""
        values: list[dict[str, float]] = [{} for _ in self._plan.phases]
        for name, metric in self._metrics.items():
            try:
                if name == self._plan.measured:
                    raise NoSteadyValue
                wanted = wanted_of(self._plan.phases, name)
                unbound = metric.source is MetricSource.HEALTH and not wanted  # no check fails
                every = 0.0 if unbound else good_value(name, metric.unit, wanted)
                for of_phase in values:
                    of_phase[name] = every
            except NoSteadyValue:
                for of_phase, phase in zip(values, self._plan.phases, strict=True):
                    wanted = wanted_of((phase,), name)
                    share = phase.share.ratio if phase.share is not None else None
                    measured = name == self._plan.measured and share is not None
                    if measured and share is not None and all(one.met(share) for one in wanted):
                        of_phase[name] = share
                    else:
                        of_phase[name] = good_value(name, metric.unit, wanted)
        return values

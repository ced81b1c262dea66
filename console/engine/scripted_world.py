"""The world of a rehearsal: verdicts from scripted metrics, and work that takes as long as the scenario says."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from console.core.evaluation import Evaluation, Verdict
from console.core.rollouts import machine
from console.core.rollouts.facts import Kind
from console.core.rollouts.judging import ToJudge, breached, to_judge
from console.core.rollouts.plan import Nothing as NoStrategy
from console.core.rollouts.plan import Phase, RolloutPlan
from console.core.rollouts.soak import Gap, Mood
from console.core.rollouts.spans import merged
from console.core.rollouts.state import Judged, Rollout, RolloutState
from console.core.series import EPOCH
from console.core.system import Metric
from console.core.terms import Average, Comparison, Condition, FailedChecks, Freshness, Stability
from console.core.verdicts import evaluate
from console.core.view import fresh_for
from console.engine.driving import Filled, Job, Ledger, Progress
from console.engine.scripted import Signal

NOTHING = timedelta(0)
BACK = 160
"""How many points are read besides those of a condition's window: a strip, and since when a truth lasts."""
SLICES = 8
MOST_KNOWN = 2000
CHUNKS = (timedelta(minutes=2), timedelta(minutes=15), timedelta(hours=2), timedelta(days=1))
"""How far ahead is looked at once, so that a flapping metric is not followed to its end at each of its turns."""


@dataclass(frozen=True, slots=True)
class Work:
    """What jobs take, by what they do (`apply`, `settings`, …), and why one fails: asked with the job, and how often it
    was tried before; empty where it is done.
    """

    takes: Mapping[str, timedelta]
    fails: Callable[[Job, int], str] = lambda job, tried: ""


@dataclass
class _Running:
    job: Job
    ends: datetime
    progress: Progress


class ScriptedWorld:
    """World of `engine.driving` by a script. metrics: of the plan's rules, health checks included, by name; signals: by
    the same names. ranges: how far back each metric's query reads. absent: health checks that an environment has not.
    tick: the grid in which the driver ticks. ledger: where what is good is recorded before a job begins.
    """

    def __init__(
        self,
        plan: RolloutPlan,
        metrics: Mapping[str, Metric],
        signals: Mapping[str, Signal],
        *,
        ranges: Mapping[str, timedelta],
        absent: Mapping[str, frozenset[str]],
        tick: timedelta,
        work: Work,
        ledger: Ledger,
        clock: Callable[[], datetime],
    ) -> None:
        self._plan = plan
        self._metrics = metrics
        self._signals = signals
        self._ranges = ranges
        self._absent = absent
        self._tick = tick
        self._work = work
        self._ledger = ledger
        self._clock = clock
        self._running: _Running | None = None
        self._tried: dict[tuple[str, int], int] = {}
        self._version = 0
        self._known: dict[tuple[str, datetime | None, datetime, datetime | None], Evaluation] = {}

    def judge(self, rollout: Rollout, phase: Phase, now: datetime) -> Judged:
        """The verdicts of every rule that must be judged at `now`, from the samples that the script gives by then."""
        told = self._verdicts(to_judge(self._plan, rollout), now)
        unmet: tuple[str, ...] = ()
        if rollout.state is RolloutState.PLANNED:
            unmet = tuple(
                f"{rule.name}: {told[rule.text].detail or told[rule.text].verdict.value}"
                for rule in phase.preconditions.conditions
                if rule.text in told and told[rule.text].verdict is not Verdict.PASS
            )
        return Judged(told, unmet, measured=self._measured(now))

    def fill(self, rollout: Rollout, phase: Phase, gaps: Sequence[Gap]) -> Sequence[Filled]:
        """What a server kept of gaps: all of it where it keeps every metric, nothing where one is the console's own.

        While the server does not answer the gaps wait.
        """
        now = self._clock()
        signals = [self._signals[name] for one in to_judge(self._plan, rollout) for name in one.rule.condition.metrics]
        if not all(signal.kept for signal in signals):
            return [Filled(gap) for gap in gaps]
        if any(signal.error(now) is not None for signal in signals):
            return []
        return [self._told(rollout, gap) for gap in gaps]

    def begin(self, job: Job, rollout: Rollout) -> None:
        """Begin a job; it ends after what it takes."""
        tried = self._tried.get((job.what, job.phase), 0)
        self._tried[job.what, job.phase] = tried + 1
        why = self._work.fails(job, tried)
        phase = self._plan.phases[job.phase]
        if job.what == "apply" and phase.environment not in rollout.goods:
            body = {"phase": job.phase, "environment": phase.environment, "record": {"rehearsed": True}}
            self._ledger.write(Kind.GOOD, body)
        if why:
            progress = Progress(job, "failed", why)
        else:
            share = phase.share.ratio if phase.share is not None else None
            progress = Progress(job, "done", self._says(job, phase), share if job.what == "apply" else None)
        ends = self._clock() + self._takes(job, phase)
        self._running = _Running(job, ends, progress)

    def _takes(self, job: Job, phase: Phase) -> timedelta:
        """How long a job takes; one that changes and checks nothing takes no time."""
        idle = isinstance(phase.strategy, NoStrategy) and not (phase.before or phase.after or phase.settings)
        return NOTHING if job.what == "apply" and idle else self._work.takes.get(job.what, NOTHING)

    def working(self) -> Progress | None:
        """The job that runs, or has ended."""
        running = self._running
        if running is None:
            return None
        return running.progress if self._clock() >= running.ends else Progress(running.job, "running")

    def take(self) -> None:
        """Forget the job that ended."""
        self._running = None

    def killed(self) -> None:
        """The process is gone, and its job with it."""
        self._running = None

    @property
    def ends(self) -> datetime | None:
        """When the job that runs ends."""
        return None if self._running is None else self._running.ends

    def changes(self, rollout: Rollout, now: datetime, until: datetime) -> datetime | None:
        """The first tick in (now, until] at which any rule that must be judged means another thing than at `now`."""
        return self._next_change(to_judge(self._plan, rollout), now, until, None)

    def up(self, at: datetime) -> datetime:
        """The first tick that is not before `at`."""
        return EPOCH + -((EPOCH - at) // self._tick) * self._tick

    def _next_change(
        self, rules: Sequence[ToJudge], now: datetime, until: datetime, read: datetime | None
    ) -> datetime | None:
        present = [self._meaning(one, now, read) for one in rules]
        begin = now
        for chunk in (*CHUNKS, until - now):
            end = min(now + chunk, until)
            found: datetime | None = None
            for one, meaning in zip(rules, present, strict=True):
                found = self._change(one, meaning, begin, found or end, read) or found
            if found is not None or end == until:
                return found
            begin = end
        return None

    def _meaning(self, asked: ToJudge, at: datetime, read: datetime | None) -> tuple[object, ...]:
        """What a rule's verdict means to a rollout, without the number."""
        told = self._evaluation(asked, at, read)
        return told.verdict, told.value is None, told.known == 0, breached(asked.rule, told)

    def _change(
        self, asked: ToJudge, present: tuple[object, ...], begin: datetime, end: datetime, read: datetime | None
    ) -> datetime | None:
        """The first tick in (begin, end] at which a rule means anything but `present`, as it does at `begin`.

        Between two moments at which something enters or leaves what the condition looks at, its verdict changes at most
        once; on a slope, at most once in each of a few slices.
        """
        last = begin
        for probe in self._probes(asked.rule.condition, asked.began, begin, end):
            if self._meaning(asked, probe, read) != present:
                low, high = 0, (probe - last) // self._tick
                while high - low > 1:
                    middle = (low + high) // 2
                    same = self._meaning(asked, last + self._tick * middle, read) == present
                    low, high = (middle, high) if same else (low, middle)
                return last + self._tick * high
            last = probe
        return None

    def _probes(self, condition: Condition, began: datetime | None, now: datetime, until: datetime) -> list[datetime]:
        """The ticks in (now, until] at which to look, in order."""
        signals = [self._signals[name] for name in condition.metrics]
        step = max(signal.step for signal in signals)
        holed = condition.floor is not None or any(signal.holed for signal in signals)
        spans = _spans(condition, step, holed=holed)
        reach = max(spans) + 2 * step
        edges = {edge for signal in signals for edge in signal.edges(now - reach, until)}
        if began is not None:
            cut = began + self._ranges.get(condition.metric, NOTHING)
            if cut > now - reach:
                edges.add(cut)
        both_sides = holed or not isinstance(condition.test, Comparison | FailedChecks)
        probes: set[datetime] = set()
        for edge in edges:
            starts = {edge, *(edge - (edge - EPOCH) % signal.step for signal in signals)} if holed else (edge,)
            for knot in (start + span for start in starts for span in spans):
                tick = self.up(knot)
                if now < tick <= until:
                    probes.add(tick)
                if (both_sides or knot == edge) and now < tick - self._tick <= until:
                    probes.add(tick - self._tick)
        sloping = any(signal.sloping(now - reach, until) for signal in signals)
        if edges or sloping:
            probes.add(EPOCH + (until - EPOCH) // self._tick * self._tick)
            probes.discard(now)
        if sloping:
            probes = self._sliced(now, sorted(probes))
        return sorted(probes)

    def _sliced(self, now: datetime, probes: list[datetime]) -> set[datetime]:
        """More probes between these, for a slope."""
        sliced, last = set(probes), now
        for probe in probes:
            count = (probe - last) // self._tick
            sliced.update(last + self._tick * (count * place // SLICES) for place in range(1, SLICES))
            last = probe
        sliced.discard(now)
        return sliced

    def _evaluation(self, asked: ToJudge, now: datetime, read: datetime | None = None) -> Evaluation:
        """The verdict at `now`, worked out once as long as the script stays as it is."""
        version = sum(signal.version for signal in self._signals.values())
        if version != self._version or len(self._known) > MOST_KNOWN:
            self._version, self._known = version, {}
        key = (asked.rule.text, asked.began, now, read)
        if key not in self._known:
            self._known[key] = self._evaluated(asked, now, read)
        return self._known[key]

    def _evaluated(self, asked: ToJudge, now: datetime, read: datetime | None) -> Evaluation:
        """The verdict at `now`. read: when what a server kept is read, where that is later."""
        condition, began = asked.rule.condition, asked.began
        if unknown := [name for name in condition.metrics if name in self._absent.get(asked.environment, ())]:
            return Evaluation(Verdict.ERROR, detail=f"{', '.join(unknown)} is not measured in {asked.environment}")
        reach, longest = self._reach(condition), NOTHING
        if began is not None:
            longest = self._ranges.get(condition.metric, NOTHING)
            if not isinstance(condition.test, Freshness):
                reach = min(reach, max(now - began - longest, NOTHING) + 3 * self._step(condition.metric))
        series = self._signals[condition.metric].series(now, reach, read)
        floor = None
        if condition.floor is not None:
            name = condition.floor.metric
            floor = self._signals[name].series(now, reach + 3 * self._step(name), read)
        return evaluate(condition, series, now, began=began, longest_range=longest, floor=floor)

    def _reach(self, condition: Condition) -> timedelta:
        steps = max(self._step(name) for name in condition.metrics)
        return condition.window + steps * BACK

    def _step(self, name: str) -> timedelta:
        return self._signals[name].step

    def _measured(self, now: datetime) -> float | None:
        name = self._plan.measured
        if name is not None and name in self._signals:
            series = self._signals[name].series(now, fresh_for(self._step(name)))
            fresh = series.samples and series.error is None and now - series.samples[-1].at <= fresh_for(series.step)
            return series.samples[-1].value if fresh else None
        return None

    def _says(self, job: Job, phase: Phase) -> str:
        match job.what:
            case "apply":
                return f"{phase.share.text} asked, rehearsed" if phase.share is not None else "nothing to move"
            case "settings":
                return ", ".join(f"{name}={value}" for name, value in job.settings) or "nothing to set"
            case "roll back":
                return "everything as it was recorded good"
        return "nothing is frozen"

    def _told(self, rollout: Rollout, gap: Gap) -> Filled:
        """What each tick of a gap was worth; a tick stands for the time since the one before it."""
        rules, read = to_judge(self._plan, rollout), self._clock()
        stretches: dict[Mood, list[Gap]] = {mood: [] for mood in Mood}
        last, at = gap.begin, self.up(gap.begin + timedelta(microseconds=1))
        while last < gap.end:
            mood = machine.mood(self._plan, rollout, Judged(self._verdicts(rules, at, read)))
            change = self._next_change(rules, at, max(at, self.up(gap.end)), read)
            end = gap.end if change is None else min(gap.end, change - self._tick)
            stretches[mood].append(Gap(last, end))
            last, at = end, change or gap.end
        return Filled(gap, merged(stretches[Mood.GOOD]), merged(stretches[Mood.BAD]))

    def _verdicts(self, rules: Iterable[ToJudge], now: datetime, read: datetime | None = None) -> dict[str, Evaluation]:
        return {one.rule.text: self._evaluation(one, now, read) for one in rules}


def tick_of(metrics: Iterable[Metric]) -> timedelta:
    """The grid in which every point of these metrics' grids lies."""
    seconds = [math.gcd(metric.step // timedelta(seconds=1)) for metric in metrics]
    return timedelta(seconds=math.gcd(*seconds)) if seconds else timedelta(seconds=15)


def _spans(condition: Condition, step: timedelta, *, holed: bool) -> list[timedelta]:
    """How long after a change of the script a verdict on it may change; more moments where samples are missing."""
    spans = [NOTHING, step, fresh_for(step), fresh_for(step) + step] if holed else [NOTHING]
    match condition.test:
        case Comparison(lasting=span) if span:
            spans += [span, span + step]
            if holed:
                spans += [span - step, *(span * part for part in (0.2, 0.8, 1.2, 2.0))]
        case Average(span=span) | Stability(span=span):
            spans += [span * 0.8, span - step, span, span + step]
        case Freshness(within=span):
            spans += [span, span + step]
        case FailedChecks(times=times):
            spans += [step * (times - 1), step * times]
    return spans

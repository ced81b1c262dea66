"""What came of a rehearsal: when each phase began, was confirmed, soaked and left, what tripped, who had to do what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from console.core.evaluation import Evaluation, Verdict
from console.core.rollouts.facts import Fact, Kind
from console.core.rollouts.judging import breached
from console.core.rollouts.plan import Promotion, RolloutPlan
from console.core.rollouts.soak import Soak
from console.core.rollouts.state import Attempt, Judged, Rollout, RolloutState
from console.core.units import show_span
from console.engine.scenario import Scenario

ZERO = timedelta(0)
ONE_STORY = timedelta(hours=1)
"""Breaches of one rule that follow each other within this are told as one."""

SPLIT = "\0"
"""What stands before it is the same for all that is told together."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened. by: who, `engine` or a person. phase: its name."""

    at: datetime
    phase: str
    what: str
    by: str = "engine"


@dataclass(frozen=True, slots=True)
class PhaseRun:
    """One attempt of a phase. ready: when its soak was over and persons were waited for. left: when it ended. waited:
    from then to there. restarts: how often its soak began anew.
    """

    phase: str
    title: str
    attempt: int
    share: str
    environment: str
    begun: datetime
    confirmed: datetime | None
    ready: datetime | None
    left: datetime | None
    soak: timedelta
    observed: timedelta
    unobserved: timedelta
    bad: timedelta
    waited: timedelta
    outcome: str
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class Duty:
    """What persons must do. since: when they can. by: when at the latest, if nothing after it is to come later; None is
    at once. done: when they did in this run, None where they did not.
    """

    phase: str
    what: str
    since: datetime
    by: datetime | None
    done: datetime | None


@dataclass(frozen=True, slots=True)
class Trip:
    """A criterion that tripped. at: the second. began: the grid point at which its breach began, where it has one."""

    at: datetime
    phase: str
    criterion: str
    began: datetime | None
    why: str


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """A run. here: the phase the scenario was about. said: what was chosen from the plan's conditions. applies: False
    where the plan has nothing that the scenario could do. ticks: how often the driver was asked.
    """

    plan: str
    scenario: str
    here: str
    said: tuple[str, ...]
    applies: bool
    state: RolloutState
    why: str
    started: datetime
    ended: datetime
    phases: tuple[PhaseRun, ...]
    moments: tuple[Moment, ...]
    duties: tuple[Duty, ...]
    trips: tuple[Trip, ...]
    ticks: int

    @property
    def lasted(self) -> timedelta:
        """How long in all."""
        return self.ended - self.started


@dataclass
class _Story:
    """Breaches of one rule, or a blindness, that belong together."""

    phase: str
    text: str
    detail: str
    first: datetime
    last: datetime
    begun: datetime
    times: int = 1
    open: bool = True
    in_all: timedelta = ZERO


class Watching:
    """Tells breaches and blindness from the verdicts of each tick, and keeps the soak clock of each attempt.

    soaks: by phase and attempt, as it stood last. breaches: by a criterion's text, when its newest breach began.
    """

    def __init__(self) -> None:
        self._stories: dict[tuple[str, str, str], _Story] = {}
        self._told: list[tuple[datetime, str, str]] = []
        self.breaches: dict[str, datetime] = {}
        self.soaks: dict[tuple[int, int], Soak] = {}

    def saw(self, plan: RolloutPlan, rollout: Rollout, judged: Judged, now: datetime) -> None:
        """A tick's verdicts."""
        attempt = rollout.attempt
        if attempt is None or attempt.confirmed_at is None:
            for key in list(self._stories):
                self._tell(key)  # what was under way is not watched any more
            return
        self.soaks[attempt.phase, attempt.number] = attempt.soak
        phase = plan.phases[attempt.phase]
        for kind, rules in (
            ("breach", phase.criteria),
            ("gate", phase.gates),
            ("blind", (*phase.gates, *phase.criteria)),
        ):
            for rule in rules:
                if (told := judged.by_text.get(rule.text)) is None:
                    continue
                holds = {
                    "breach": breached(rule, told),
                    "gate": told.verdict is Verdict.FAIL,
                    "blind": told.verdict in (Verdict.NODATA, Verdict.ERROR),
                }[kind]
                if kind == "breach" and holds and told.since is not None:
                    self.breaches[rule.text] = told.since
                self._note(
                    (kind, phase.name, rule.text), _breach(told) if kind == "breach" else told.detail, holds, now
                )

    def moments(self) -> list[Moment]:
        """What was seen, as moments; rules that go blind or see again at the same time are told together."""
        for key in list(self._stories):
            self._tell(key)
        together: dict[tuple[datetime, str, str], list[str]] = {}
        for at, phase, what in self._told:
            begins, _, detail = what.partition(SPLIT)
            together.setdefault((at, phase, begins), []).append(detail)
        return [
            Moment(at, phase, begins + details[0] + (f" and {len(details) - 1} more" if details[1:] else ""))
            for (at, phase, begins), details in together.items()
        ]

    def _note(self, key: tuple[str, str, str], detail: str, holds: bool, now: datetime) -> None:
        story = self._stories.get(key)
        if holds and story is None:
            self._stories[key] = _Story(key[1], key[2], detail, now, now, now)
        elif holds and story is not None:
            if not story.open and now - story.last > ONE_STORY:
                self._tell(key)
                self._stories[key] = _Story(key[1], key[2], detail, now, now, now)
            elif not story.open:
                story.open, story.begun, story.times = True, now, story.times + 1
            else:
                story.last = now
        elif story is not None and story.open:
            story.open, story.last = False, now
            story.in_all += now - story.begun

    def _tell(self, key: tuple[str, str, str]) -> None:
        story = self._stories.pop(key)
        words = {
            "breach": (f"`{story.text}` is being breached{story.detail}", f"`{story.text}` is not breached any more"),
            "gate": (f"the gate `{story.text}` does not hold: the soak stands", f"the gate `{story.text}` holds again"),
            "blind": (f"flying blind: {SPLIT}{story.detail or story.text}", f"judged again: {SPLIT}`{story.text}`"),
        }
        begins, ends = words[key[0]]
        if story.times > 1:
            begins += f", {story.times} times until {story.last:%d %b %H:%M:%S}, {show_span(story.in_all)} in all"
        self._told.append((story.first, story.phase, begins))
        if not story.open and story.times == 1:
            self._told.append((story.last, story.phase, ends))


def _breach(evaluation: Evaluation) -> str:
    if not evaluation.needed or evaluation.since is None:
        return ""
    return f" since {evaluation.since:%H:%M:%S}, and trips after {show_span(evaluation.needed)}"


def rehearsed(
    plan: RolloutPlan,
    scenario: Scenario,
    rollout: Rollout,
    facts: Sequence[Fact],
    *,
    here: int,
    said: tuple[str, ...],
    applies: bool,
    watching: Watching,
    ended: datetime,
    ticks: int,
) -> Rehearsed:
    """Put a run's facts together."""
    moments = [moment for fact in facts if (moment := _moment(plan, fact)) is not None]
    moments += [*_anew(plan, facts), *watching.moments()]
    moments.sort(key=lambda moment: moment.at)
    runs = tuple(_run(plan, attempt, facts, watching) for attempt in rollout.attempts)
    return Rehearsed(
        plan=plan.name,
        scenario=scenario.name,
        here=plan.phases[here].name,
        said=said,
        applies=applies,
        state=rollout.state,
        why=rollout.why or (rollout.held.why if rollout.held is not None else ""),
        started=rollout.started,
        ended=rollout.ended or _last(facts, ended, rollout),
        phases=runs,
        moments=tuple(moments),
        duties=tuple(duty for run in runs for duty in _duties(plan, run, facts)),
        trips=tuple(_trips(plan, facts, watching)),
        ticks=ticks,
    )


def _anew(plan: RolloutPlan, facts: Sequence[Fact]) -> list[Moment]:
    """When a soak began anew, as the clock that was written down tells."""
    told: list[Moment] = []
    restarts: dict[tuple[int, int], int] = {}
    for fact in facts:
        if fact.kind is not Kind.SOAKED:
            continue
        place, count = (int(fact.body["phase"]), int(fact.body["attempt"])), int(fact.body["soak"]["restarts"])
        if count > restarts.get(place, 0):
            told.append(Moment(fact.at, plan.phases[place[0]].name, "the soak begins anew"))
        restarts[place] = count
    return told


def _last(facts: Sequence[Fact], ended: datetime, rollout: Rollout) -> datetime:
    if rollout.state in (RolloutState.COMPLETED, RolloutState.ROLLED_BACK, RolloutState.ABORTED) and facts:
        return facts[-1].at
    return ended


def _moment(plan: RolloutPlan, fact: Fact) -> Moment | None:
    """A fact in words; None for those that tell nothing new."""
    body = fact.body
    index = body.get("phase")
    phase = plan.phases[index] if isinstance(index, int) and fact.kind is not Kind.STARTED else None
    name = phase.name if phase is not None else ""
    by = str(body.get("asked_by") or body.get("by") or "engine")
    words: str | None = None
    match fact.kind:
        case Kind.STARTED:
            words = f"{plan.title} is started"
        case Kind.DRIVEN if body.get("epoch") != 1:
            words = "the watcher is back"
        case Kind.BEGUN:
            words = "begins" + (f": {phase.share.text} in {phase.environment}" if phase and phase.share else "")
        case Kind.CONFIRMED:
            words = f"confirmed: {body.get('says', '')}" + (
                f"; soaks {show_span(phase.soak)}" if phase is not None and phase.soak else ""
            )
        case Kind.SET if phase is not None:
            values = ", ".join(f"{key}={value}" for key, value in phase.settings[int(body["index"])].values)
            words = f"sets {values}"
        case Kind.READY:
            words = "the soak is over; waits for a person"
        case Kind.ASKED:
            words = f"asks: {body.get('what')}" + (f" ({body['reason']})" if body.get("reason") else "")
        case Kind.REFUSED:
            words = f"refused: {body.get('why')}"
        case Kind.PROMOTED:
            words = f"promoted past the gates: {body['override']}" if body.get("override") else "promoted"
        case Kind.HELD:
            words = f"held: {body.get('why')}"
        case Kind.RESUMED:
            words = "resumed"
        case Kind.TICKED if phase is not None:
            words = f"ticks: {phase.checklist[int(body['item'])]}"
        case Kind.SIGNED:
            words = f"{body.get('role')} says {body.get('decision')}"
        case Kind.ROLLING_BACK:
            words = f"ROLLS BACK: {body.get('why')}"
        case Kind.ROLLED_BACK:
            words = f"rolled back: {body.get('says')}"
        case Kind.RETRIED:
            words = "tried again"
        case Kind.ABORTED:
            words = "aborted"
        case Kind.COMPLETED:
            words = "completed"
    return None if words is None else Moment(fact.at, name, words, by)


def _run(plan: RolloutPlan, attempt: Attempt, facts: Sequence[Fact], watching: Watching) -> PhaseRun:
    phase = plan.phases[attempt.phase]
    soak = max(watching.soaks.get((attempt.phase, attempt.number), attempt.soak), attempt.soak, key=_accounted)
    ready = next((fact.at for fact in facts if fact.kind is Kind.READY and _is_of(fact, attempt)), None)
    return PhaseRun(
        phase=phase.name,
        title=phase.shown,
        attempt=attempt.number,
        share=phase.share.text if phase.share is not None else "",
        environment=phase.environment,
        begun=attempt.began,
        confirmed=attempt.confirmed_at,
        ready=ready,
        left=attempt.ended,
        soak=phase.soak,
        observed=soak.observed,
        unobserved=soak.unobserved,
        bad=soak.bad,
        waited=ZERO if ready is None or attempt.ended is None else attempt.ended - ready,
        outcome=attempt.outcome,
        restarts=soak.restarts,
    )


def _accounted(soak: Soak) -> tuple[bool, datetime | None]:
    """Up to when a clock knows; the journal may have a newer one than was seen, and the other way about."""
    return soak.marked is not None, soak.marked


def _is_of(fact: Fact, attempt: Attempt) -> bool:
    return fact.body.get("phase") == attempt.phase and fact.body.get("attempt") == attempt.number


def _duties(plan: RolloutPlan, run: PhaseRun, facts: Sequence[Fact]) -> list[Duty]:
    """What a phase asks of persons, from when on, and by when."""
    index = plan.index(run.phase)
    assert index is not None
    phase = plan.phases[index]
    duties: list[Duty] = []
    if phase.cadence is not None and run.confirmed is not None:
        until = run.ready or run.left
        looks = "" if until is None else f" ({(until - run.confirmed) // phase.cadence} looks)"
        duties.append(Duty(run.phase, f"look every {show_span(phase.cadence)}{looks}", run.confirmed, until, None))
    asked = [*(["tick " + _items(len(phase.checklist))] if phase.checklist else [])]
    asked += [f"sign-off: {role}" for role in phase.sign_offs]
    if phase.promotion is Promotion.PERSON:
        asked.append("promote")
    if run.ready is not None and asked:
        by = None
        if index + 1 < len(plan.phases) and run.confirmed is not None:
            later = plan.phases[index + 1]
            earliest = [run.confirmed + later.interval if later.interval else None, later.not_before]
            by = max((at for at in earliest if at is not None and at > run.ready), default=None)
        promoted = run.left if run.outcome.startswith(("promoted", "overridden")) else None
        duties.append(Duty(run.phase, ", ".join(asked), run.ready, by, promoted))
    return duties


def _items(count: int) -> str:
    return f"{count} item{'' if count == 1 else 's'}"


def _trips(plan: RolloutPlan, facts: Sequence[Fact], watching: Watching) -> list[Trip]:
    trips: list[Trip] = []
    for fact in facts:
        if fact.kind is Kind.ROLLING_BACK and fact.body.get("criterion"):
            criterion = str(fact.body["criterion"])
            phase = plan.phases[int(fact.body["phase"])].name
            trips.append(Trip(fact.at, phase, criterion, watching.breaches.get(criterion), str(fact.body["why"])))
    return trips

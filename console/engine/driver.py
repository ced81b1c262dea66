"""The driver of one rollout: each tick folds new facts, judges, decides, and carries the decision out.

It is the only one that acts for the rollout, and says so by its lease; what it decides is `core.rollouts.machine`'s.
The rehearsal drives with the same driver, on a scripted world and in virtual time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from console.core.rollouts import decisions, machine
from console.core.rollouts.facts import Fact, Kind
from console.core.rollouts.plan import RolloutPlan
from console.core.rollouts.soak import Mood, Soak, fill, open_gaps, settle
from console.core.rollouts.state import Judged, Rollout, RolloutState
from console.engine.driving import Job, Ledger, Progress, World
from console.journal.journal import JournalError

CHECKPOINT = timedelta(minutes=1)
PAUSE = timedelta(seconds=10)
BEFORE_TIMED = -1


class Overtaken(Exception):
    """Somebody else drives this rollout by now; this driver has stopped and writes nothing more."""


class Driver:
    """Drives one rollout, one `tick` at a time, in the thread that calls it.

    clock: rollout time. monotonic: seconds of rollout time by a clock that never jumps. longest_tick: a longer stretch
    between two ticks was not observed. checkpoint: how often the soak clock is written down while nothing else happens.
    fence: raises Overtaken where this process no longer drives; called before every fact it writes.
    """

    def __init__(
        self,
        plan: RolloutPlan,
        ledger: Ledger,
        world: World,
        *,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        epoch: int,
        longest_tick: timedelta,
        checkpoint: timedelta = CHECKPOINT,
        fence: Callable[[], None] = lambda: None,
    ) -> None:
        self._plan = plan
        self._ledger = ledger
        self._world = world
        self._clock = clock
        self._monotonic = monotonic
        self._epoch = epoch
        self._longest_tick = longest_tick
        self._checkpoint = checkpoint
        self._fence = fence
        self._rollout: Rollout | None = None
        self._soak: tuple[tuple[int, int], Soak] | None = None
        self._mark: tuple[datetime, float] | None = None
        self._mood: Mood | None = None
        self._written_at: datetime | None = None
        self._intent: Fact | None = None
        self._owed: dict[str, Any] | None = None
        self._again_at = float("-inf")
        self._abort: tuple[int, str, str] = (0, "", "")
        self.judged = Judged()

    @property
    def rollout(self) -> Rollout:
        """The rollout as it stands, with the soak clock as this driver keeps it. Raises LookupError before the first
        tick.
        """
        self._pull()
        if self._rollout is None:
            raise LookupError("no rollout was started under this name")
        attempt = self._rollout.attempt
        if attempt is None or self._soak is None or self._soak[0] != (attempt.phase, attempt.number):
            return self._rollout
        return machine.with_soak(self._rollout, self._soak[1])

    def tick(self) -> decisions.Decision:
        """One step; returns what was decided. Raises Overtaken, JournalError."""
        self._fence()
        if self._owed is not None:
            self._write(Kind.ROLLING_BACK, self._owed)
            self._owed = None
        rollout = self.rollout
        self._end_dangling(rollout)
        progress = self._world.working()
        if progress is not None and progress.outcome != "running":
            self._conclude(progress, rollout)
            self._world.take()
            progress, rollout = None, self.rollout
        phase = machine.needs_judging(self._plan, rollout)
        self.judged = Judged() if phase is None else self._world.judge(rollout, phase, self._clock())
        rollout = self._filled(rollout)
        # Both clocks together, and after all that takes time: what lies between them would look like a jump.
        now, ticks = self._clock(), self._monotonic()
        decision = machine.decide(
            self._plan,
            rollout,
            self.judged,
            now,
            passed=self._passed(rollout, ticks),
            longest_tick=self._longest_tick,
        )
        if (soak := getattr(decision, "soak", None)) is not None and soak.marked == now:
            self._mark = (now, ticks)
        self._carry_out(decision, rollout, now, progress)
        return decision

    def _carry_out(
        self, decision: decisions.Decision, rollout: Rollout, now: datetime, progress: Progress | None
    ) -> None:
        at = {"phase": rollout.phase, "attempt": rollout.attempt.number if rollout.attempt else 0}
        match decision:
            case decisions.Stay(soak=soak):
                if soak is not None:
                    self._keep(rollout, soak, now)
            case decisions.Begin(phase, attempt):
                self._write(Kind.BEGUN, {"phase": phase, "attempt": attempt})
            case decisions.Apply(phase, attempt):
                if progress is None:
                    settings = machine.settings_of(self._plan.phases[phase], BEFORE_TIMED)
                    self._begin(Job("apply", phase, attempt, self._epoch, settings, goods=rollout.goods), rollout)
            case decisions.ApplySettings(phase, attempt, index, soak):
                if soak is not None:
                    self._keep(rollout, soak, now)
                if progress is None:
                    settings = machine.settings_of(self._plan.phases[phase], index)
                    self._begin(Job("settings", phase, attempt, self._epoch, settings, index, rollout.goods), rollout)
            case decisions.Ready(soak):
                self._checkpoint_now(rollout, soak, now)
                self._write(Kind.READY, at)
            case decisions.Promote():
                self._promote(decision, rollout, now)
            case decisions.Refuse(ask, what, why):
                self._write(Kind.REFUSED, {"ask": ask, "what": what, "why": why})
            case decisions.RollBack():
                self._roll_back(decision, rollout, at, progress)
            case decisions.PutBack():
                if progress is None or progress.job.what != "roll back":
                    self._put_back(rollout)
            case decisions.Hold(why):
                self._write(Kind.HELD, {**at, "why": why, "kind": "engine"})
            case decisions.Retry(phase, ask, by):
                self._write(Kind.RETRIED, {"phase": phase, "ask": ask, "asked_by": by})
            case decisions.Abort(ask, by, reason):
                if progress is None:
                    self._abort = (ask, by, reason)
                    self._begin(Job("release", rollout.phase, at["attempt"], self._epoch, goods=rollout.goods), rollout)
            case decisions.Complete():
                if progress is None:
                    self._begin(Job("finish", rollout.phase, at["attempt"], self._epoch, goods=rollout.goods), rollout)

    def _roll_back(
        self, decision: decisions.RollBack, rollout: Rollout, at: Mapping[str, int], progress: Progress | None
    ) -> None:
        """Written down, then done in this very tick: a breach must not wait for the next one.

        Where it cannot be written down (a full disk) it is done all the same, and written when it can be.
        """
        body = {
            **at,
            "why": decision.why,
            "criterion": decision.criterion,
            "asked_by": decision.by,
            "epoch": self._epoch,
            "evidence": list(decision.evidence),
        }
        if progress is not None and progress.job.what == "roll back":
            self._write(Kind.ROLLING_BACK, body)
            return
        try:
            if rollout.attempt is not None and self._soak is not None:
                self._checkpoint_now(rollout, rollout.attempt.soak, self._clock())
            self._write(Kind.ROLLING_BACK, body)
        except JournalError:
            self._intent, self._owed = None, body
            self._world.begin(self._back_job(rollout), rollout)
            raise
        self._put_back(self.rollout)

    def _promote(self, decision: decisions.Promote, rollout: Rollout, now: datetime) -> None:
        self._checkpoint_now(rollout, decision.soak, now)
        self._write(
            Kind.PROMOTED,
            {
                "phase": decision.phase,
                "attempt": decision.attempt,
                "asked_by": decision.by,
                "override": decision.override,
                "ask": decision.ask,
                "evidence": list(decision.evidence),
            },
        )

    def _put_back(self, rollout: Rollout) -> None:
        self._begin(self._back_job(rollout), rollout)

    def _back_job(self, rollout: Rollout) -> Job:
        number = rollout.attempts[-1].number if rollout.attempts else 0
        return Job("roll back", rollout.phase, number, self._epoch, goods=rollout.goods)

    def _begin(self, job: Job, rollout: Rollout) -> None:
        """Intent first, then the job; not at once where the last one had no contact."""
        if self._monotonic() < self._again_at:
            return
        kind = Kind.ROLL_BACK if job.what == "roll back" else Kind.APPLY
        what = f"settings:{job.index}" if job.what == "settings" else job.what
        body = {"phase": job.phase, "attempt": job.attempt, "epoch": job.epoch, "what": what}
        self._intent = self._write(kind, body, intends="intent")
        self._world.begin(job, rollout)

    def _end_dangling(self, rollout: Rollout) -> None:
        """Intents of a process that is gone: the world is compared again, whatever became of them."""
        mine = self._intent.number if self._intent is not None else None
        for number in rollout.dangling:
            if number == mine:
                continue
            intent = next((fact for fact in self._ledger.since(number - 1) if fact.number == number), None)
            if intent is not None:
                told = "the driver was killed; what is there is compared again"
                self._write(
                    intent.kind,
                    {**_place(intent), "epoch": self._epoch, "outcome": "unknown", "summary": told},
                    intent=intent,
                )

    def _conclude(self, progress: Progress, rollout: Rollout) -> None:
        """Write down how a job ended, then what follows from it."""
        job, outcome = progress.job, progress.outcome
        if outcome == "fenced":
            raise Overtaken(progress.summary)
        if progress.good is not None and progress.good[0] not in rollout.goods:
            environment, record = progress.good
            self._write(Kind.GOOD, {"phase": job.phase, "environment": environment, "record": dict(record)})
        place = {"phase": job.phase, "attempt": job.attempt}
        if self._intent is not None:
            self._write(
                self._intent.kind,
                {**_place(self._intent), "outcome": outcome, "summary": progress.summary},
                intent=self._intent,
            )
            self._intent = None
        if outcome == "done":
            self._succeed(job, progress, place)
        elif rollout.state is RolloutState.ROLLING_BACK and job.what != "roll back":
            return  # an apply that was broken off by the rollback
        elif outcome == "unknown":
            # No contact, or told to stop: what is there is compared again, which is safe however often it is done.
            self._again_at = self._monotonic() + PAUSE.total_seconds()
        else:
            failed = {"apply": "could not be applied", "settings": "settings could not be set"}.get(job.what, job.what)
            what = f"{self._plan.phases[job.phase].shown}: {failed}: " if job.what != "roll back" else "roll back: "
            self._write(Kind.HELD, {**place, "why": f"{what}{progress.summary}", "kind": "engine", "job": job.what})

    def _succeed(self, job: Job, progress: Progress, place: Mapping[str, Any]) -> None:
        match job.what:
            case "apply":
                share = self._plan.phases[job.phase].share
                confirmed = self._write(
                    Kind.CONFIRMED,
                    {
                        **place,
                        "asked": share.text if share else "",
                        "applied": progress.applied,
                        "says": progress.summary,
                    },
                )
                self._mark = (confirmed.at, self._monotonic())
            case "settings":
                self._write(Kind.SET, {**place, "index": job.index})
            case "roll back":
                self._write(Kind.ROLLED_BACK, {"says": progress.summary})
            case "release":
                ask, by, reason = self._abort
                self._write(Kind.ABORTED, {"ask": ask, "asked_by": by, "reason": reason, "says": progress.summary})
            case "finish":
                self._write(Kind.COMPLETED, {"says": progress.summary})

    def _filled(self, rollout: Rollout) -> Rollout:
        """The rollout with what range queries tell of time that nobody watched; nothing of it is asked twice."""
        attempt = rollout.attempt
        if attempt is None or attempt.confirmed_at is None or not (gaps := open_gaps(attempt.soak)):
            return rollout
        phase = self._plan.phases[attempt.phase]
        rules = machine.rules_of(self._plan, phase, self._longest_tick)
        soak = attempt.soak
        for told in self._world.fill(rollout, phase, gaps):
            soak = settle(fill(soak, told.gap, told.good, told.bad, on_bad=phase.on_bad), told.gap, rules)
        if soak == attempt.soak:
            return rollout
        self._checkpoint_now(rollout, soak, self._clock())
        return self.rollout

    def _passed(self, rollout: Rollout, ticks: float) -> timedelta | None:
        """Since the soak clock was last marked, by the clock that does not jump; None where another process did."""
        attempt = rollout.attempt
        if attempt is None or self._mark is None or self._mark[0] != attempt.soak.marked:
            return None
        return timedelta(seconds=ticks - self._mark[1])

    def _keep(self, rollout: Rollout, soak: Soak, now: datetime) -> None:
        """Hold the clock in memory, and write it down now and then, and when its mood changed."""
        attempt = rollout.attempt
        if attempt is None:
            return
        mood = machine.mood(self._plan, rollout, self.judged)
        last = self._written_at
        if mood is not self._mood or last is None or abs(now - last) >= self._checkpoint:
            self._mood = mood
            self._checkpoint_now(rollout, soak, now)
        else:
            self._soak = ((attempt.phase, attempt.number), soak)

    def _checkpoint_now(self, rollout: Rollout, soak: Soak, now: datetime) -> None:
        """Write the clock down."""
        attempt = rollout.attempt
        if attempt is None:
            return
        place = (attempt.phase, attempt.number)
        if soak != attempt.soak or self._soak is not None:
            self._write(Kind.SOAKED, {"phase": place[0], "attempt": place[1], "soak": soak.as_body()})
        self._soak = (place, soak)
        self._written_at = now

    def _write(self, kind: Kind, body: Mapping[str, Any], *, intent: Fact | None = None, intends: str = "") -> Fact:
        self._fence()
        return self._ledger.write(kind, body, intent=intent, intends=intends)

    def _pull(self) -> None:
        number = 0 if self._rollout is None else self._rollout.number
        for fact in self._ledger.since(number):
            self._rollout = machine.advance(self._plan, self._rollout, fact)


def _place(fact: Fact) -> dict[str, Any]:
    return {key: fact.body[key] for key in ("phase", "attempt", "epoch", "what") if key in fact.body}

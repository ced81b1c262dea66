"""The real world of a rollout, as its driver sees it: an engine per environment, one job at a time, a lookout."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from console.actions.strategies.base import Fenced
from console.core.evaluation import Evaluation, Verdict
from console.core.operations import ActionFailed, Refused, Unverified
from console.core.picture import AlertState, Picture
from console.core.rollouts import machine
from console.core.rollouts.facts import Kind
from console.core.rollouts.plan import Phase, RolloutPlan
from console.core.rollouts.soak import Gap
from console.core.rollouts.state import Judged, Rollout
from console.core.system import System
from console.engine.driver import Overtaken
from console.engine.driving import Filled, Job, Ledger, Progress
from console.engine.engine import INTERVAL, Engine
from console.engine.lookout import Lookout
from console.engine.moving import Moving
from console.engine.past import Past
from console.engine.tools import Tools
from console.journal.journal import JournalError

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Running:
    """The job that runs, with its thread."""

    progress: Progress
    stopped: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None


class RolloutWorld:
    """Judges and moves one rollout's environments. Usable from one thread; its jobs run in threads of their own.

    ledger: where what is good is recorded before the first write. fence: raises Overtaken where this process no longer
    drives. clock: the wall's. wake: called when rules can be judged anew and when a job has ended: a breach does
    not wait for the driver's own beat.
    """

    def __init__(
        self,
        system: System,
        plan: RolloutPlan,
        ledger: Ledger,
        *,
        folder: Path,
        environ: Mapping[str, str],
        clock: Callable[[], datetime],
        fence: Callable[[], None],
        wake: Callable[[], None],
        interval: timedelta = INTERVAL,
    ) -> None:
        self._system = system
        self._plan = plan
        self._ledger = ledger
        self._folder = folder
        self._environ = environ
        self._clock = clock
        self._fence = fence
        self._wake = wake
        self._interval = interval
        self._judged_at: datetime | None = None
        self._engines: dict[str, Engine] = {}
        self._running: _Running | None = None
        self._lookout = Lookout(clock=clock, found=wake)
        self._past = Past()
        self._environment = ""
        self._version = ""

    def judge(self, rollout: Rollout, phase: Phase, now: datetime) -> Judged:
        """The verdicts of the phase's rules now, and what is unmet or has drifted."""
        engine = self.engine(phase.environment, rollout.version)
        self._environment = phase.environment
        told: dict[str, Evaluation] = {}
        for one in machine.to_judge(self._plan, rollout):
            began = None if one.began is None else self._wall(one.began)
            told |= self.engine(one.environment, rollout.version).judge([one.rule.condition], began, speed=self._speed)
        if not engine.picture.alerts.checked_at:
            return Judged(told, unmet=(f"the sources of {phase.environment} have not answered yet",))
        if self._running is not None:  # what it writes is not somebody else's
            return Judged(told, measured=self._measured(engine))
        tools = self.tools(phase.environment, rollout.version)
        seen = self._lookout.look(tools, self._plan, phase, rollout, now)
        unmet = (*seen.unmet, *(_not_held(phase, told) if rollout.attempt is None else ()))
        return Judged(told, unmet=unmet, drift=seen.drift, measured=self._measured(engine))

    def fill(self, rollout: Rollout, phase: Phase, gaps: Sequence[Gap]) -> Sequence[Filled]:
        """What range queries tell of gaps by now."""
        if self._speed != 1:
            return tuple(Filled(gap) for gap in gaps)
        engine = self.engine(phase.environment, rollout.version)
        attempt = rollout.attempt
        began = attempt.confirmed_at if attempt is not None else None
        conditions = [rule.condition for rule in (*phase.gates, *phase.criteria)]
        gates = frozenset(rule.text for rule in phase.gates)
        return self._past.told(engine, conditions, gates, began, gaps, self._clock())

    def begin(self, job: Job, rollout: Rollout) -> None:
        """Begin a job; a rollback takes the place of what runs, anything else waits for its end."""
        running = self._running
        if running is not None:
            running.stopped.set()
        fresh = _Running(Progress(job, "running"))
        before = running.thread if running is not None else None
        self._running = fresh
        fresh.thread = threading.Thread(
            target=self._work, args=(fresh, job, rollout, before), name=f"job-{job.what}", daemon=True
        )
        fresh.thread.start()

    def working(self) -> Progress | None:
        """The job that runs, or has ended and was not yet taken."""
        return None if self._running is None else self._running.progress

    def take(self) -> None:
        """Forget the job that has ended."""
        self._running = None

    def stop(self) -> None:
        """Break off waiting, end every engine. What was written stays written."""
        if self._running is not None:
            self._running.stopped.set()
        self._lookout.stop()
        for engine in self._engines.values():
            engine.stop("the watcher let go")
        self._engines.clear()

    def seen(self) -> dict[str, Any]:
        """What the present environment's engine sees, for the status file."""
        engine = self._engines.get(self._environment)
        if engine is None:
            return {}
        picture = engine.picture
        redis, sessions = picture.redis.value, picture.sessions.value
        firing = [alert for alert in picture.alerts.alerts if alert.state is AlertState.FIRING]
        return {
            "environment": self._environment,
            "alerts": [{"name": alert.name, "severity": alert.severity.name, "value": alert.value} for alert in firing],
            "metrics": {metric.name: metric.text for metric in picture.metrics},
            "redis": None if redis is None else {"used": redis.used, "limit": redis.limit},
            "sessions": None if sessions is None else sessions.total,
            "sources": {source.name: source.state.value for source in picture.sources},
        }

    def engine(self, environment: str, version: str) -> Engine:
        """The engine of an environment, started at its first use."""
        if environment not in self._engines:
            found = self._system.environment(environment)
            if found is None:
                raise ActionFailed(f"{self._system.name} has no environment {environment} any more")
            phases = [phase for phase in self._plan.phases if phase.environment == environment]
            engine = Engine(
                self._system,
                found,
                folder=self._folder,
                clock=self._clock,
                environ=self._environ,
                interval=self._interval,
                conditions=tuple(rule.condition for phase in phases for rule in phase.rules),
                version=version,
            )
            engine.subscribe(self._came)
            engine.start()
            self._engines[environment] = engine
        return self._engines[environment]

    def tools(self, environment: str, version: str) -> Tools:
        """The tools of an environment."""
        engine = self.engine(environment, version)
        return Tools(
            self._system, engine.environment, engine.assembled, self._environ, self._folder, self._plan.settings
        )

    @property
    def _speed(self) -> float:
        return self._system.pace.speed if self._system.pace else 1.0

    def _wall(self, at: datetime) -> datetime:
        return at if self._system.pace is None else self._system.pace.wall_time(at)

    def _measured(self, engine: Engine) -> float | None:
        """The new version's share as a metric measures it."""
        for metric in engine.picture.metrics:
            if metric.name == self._plan.measured and metric.error is None:
                return metric.value
        return None

    def _work(self, running: _Running, job: Job, rollout: Rollout, before: threading.Thread | None) -> None:
        if before is not None:
            # It was told to stop; its last write must be out before this one reads.
            before.join(timedelta(seconds=10).total_seconds())
        phase = self._plan.phases[job.phase]

        def say(line: str) -> None:
            log.info("%s: %s", job.what, line)
            if running.progress.outcome == "running":
                running.progress = replace(running.progress, summary=line)

        try:
            ended = self._done(job, rollout, phase, say, running.stopped)
        except (Fenced, Overtaken) as error:
            ended = Progress(job, "fenced", str(error))
        except Refused as error:
            ended = Progress(job, "refused", str(error))
        except Unverified as error:
            ended = Progress(job, "unknown", str(error))
        except (ActionFailed, JournalError) as error:
            ended = Progress(job, "failed", str(error))
        except Exception as error:  # the edge of the task: it becomes a hold
            log.exception("job %s", job.what)
            ended = Progress(job, "failed", f"{type(error).__name__}: {error}; verify what it left behind")
        running.progress = ended
        self._wake()

    def _came(self, picture: Picture) -> None:
        """A picture: only one of a new tick of its engine has new samples."""
        if picture.alerts.checked_at != self._judged_at:
            self._judged_at = picture.alerts.checked_at
            self._wake()

    def _done(
        self, job: Job, rollout: Rollout, phase: Phase, say: Callable[[str], None], stopped: threading.Event
    ) -> Progress:
        moving = Moving(
            tools=self.tools(phase.environment, rollout.version),
            plan=self._plan,
            phase=phase,
            rollout=rollout.id,
            version=rollout.version,
            epoch=job.epoch,
            clock=self._clock,
            say=say,
            on_write=lambda line: log.info("write: %s", line),
            fence=self._fence,
            stopped=stopped,
        )
        good = rollout.goods.get(phase.environment)
        match job.what:
            case "roll back":
                if good is None:
                    return Progress(job, "done", "nothing had been changed")
                told = moving.put_back(good)
                others = [name for name in rollout.goods if name != phase.environment]
                kept = f"; {rollout.version} stays in {', '.join(others)}" if others else ""
                return Progress(job, "done", f"{told}{kept}")
            case "release" | "finish":
                given = [
                    replace(moving, tools=self.tools(name, rollout.version)).release(record)
                    for name, record in rollout.goods.items()
                ]
                return Progress(job, "done", "; ".join(each for each in given if each))
            case "settings":
                applied = moving.set(job.settings, good)
            case _:
                applied = moving.apply(
                    job.settings,
                    good,
                    lambda record: self._keep(job, phase.environment, record),
                )
        if applied is None:
            return Progress(job, "done", "nothing to change")
        return Progress(job, "done", applied.says, applied.share)

    def _keep(self, job: Job, environment: str, record: Mapping[str, Any]) -> None:
        """Write down what is good before anything is written; on disk when this returns."""
        self._fence()
        self._ledger.write(Kind.GOOD, {"phase": job.phase, "environment": environment, "record": dict(record)})


def _not_held(phase: Phase, told: Mapping[str, Evaluation]) -> tuple[str, ...]:
    """A sentence for each condition before the phase that does not hold."""
    found = []
    for rule in phase.preconditions.conditions:
        one = told.get(rule.text)
        if one is None or one.verdict is not Verdict.PASS:
            why = one.detail if one is not None and one.detail else "it does not hold"
            found.append(f"{rule.name}: {rule.text} is asked, and {why}")
    return tuple(found)

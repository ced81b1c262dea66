"""What is asked of the world besides metrics: preconditions before a phase, and what others changed during it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from console.actions.strategies.base import Say
from console.actions.strategies.command import Ran
from console.core.operations import ActionFailed
from console.core.rollouts.plan import Autoscaler, Canary, Nothing, Phase, Rolling, RolloutPlan
from console.core.rollouts.state import Rollout, RolloutState
from console.engine.moving import deployments_of
from console.engine.tools import Tools
from console.systems.secrets import MissingSecret, resolve_redis

EVERY = timedelta(seconds=5)
NOT_LOOKED = "its preconditions have not been looked at yet"
SAME_SHARE = 0.02

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look found. unmet: before a phase. drift: during one."""

    unmet: tuple[str, ...] = ()
    drift: tuple[str, ...] = ()


class Lookout:
    """Looks in a thread of its own, every few seconds, at what the newest `look` was about.

    found: called, from that thread, when a look found something else than the one before.
    """

    def __init__(self, *, clock: Callable[[], datetime], found: Callable[[], None]) -> None:
        self._clock = clock
        self._found = found
        self._key: tuple[object, ...] = ()
        self._seen = Seen()
        self._looked_at: datetime | None = None
        self._thread: threading.Thread | None = None
        self._stopped = False

    def look(self, tools: Tools, plan: RolloutPlan, phase: Phase, rollout: Rollout, now: datetime) -> Seen:
        """What was last found for this phase in this state; begins another look where that is old."""
        before = rollout.state is RolloutState.PLANNED
        watched = rollout.state in (RolloutState.SOAKING, RolloutState.WAITING)
        if not before and not watched:
            return Seen()
        attempt = rollout.attempt
        key = (rollout.id, rollout.phase, attempt.number if attempt else 0, before, attempt and attempt.settings)
        if key != self._key:
            self._key = key
            self._looked_at = None
            self._seen = Seen(unmet=(NOT_LOOKED,)) if before else Seen()
        clock = self._clock()
        is_old = self._looked_at is None or abs(clock - self._looked_at) >= EVERY
        if is_old and (self._thread is None or not self._thread.is_alive()) and not self._stopped:
            self._thread = threading.Thread(
                target=self._find, args=(key, tools, plan, phase, rollout), name="lookout", daemon=True
            )
            self._thread.start()
        return self._seen

    def stop(self) -> None:
        """Begin no more looks."""
        self._stopped = True

    def _find(self, key: tuple[object, ...], tools: Tools, plan: RolloutPlan, phase: Phase, rollout: Rollout) -> None:
        try:
            if rollout.state is RolloutState.PLANNED:
                seen = Seen(unmet=unmet(tools, phase))
            else:
                seen = Seen(drift=drift(tools, phase, rollout))
        except Exception as error:  # the edge of the task: what cannot be looked at is not met, and is no drift
            log.exception("lookout")
            seen = Seen(unmet=(str(error),)) if rollout.state is RolloutState.PLANNED else self._seen
        if key == self._key:
            is_new, self._seen = seen != self._seen, seen
            self._looked_at = self._clock()
            if is_new:
                self._found()


def unmet(tools: Tools, phase: Phase) -> tuple[str, ...]:
    """Sentences for what must hold before the phase and does not; conditions are judged elsewhere."""
    needs = phase.preconditions
    found = list(_shared_redis(tools, needs.separate_redis))
    asks = needs.sticky_sessions or needs.workload_ready or phase.autoscaler is Autoscaler.ABSENT
    api = tools.cluster() if asks else None
    if asks and api is None:
        found.append(f"no Kubernetes is configured for {tools.environment.name}")
    elif api is not None:
        from console.actions.strategies.preconditions import unmet as not_held

        names = deployments_of(phase)
        found += not_held(
            api,
            tools.namespace,
            sticky_sessions=needs.sticky_sessions,
            autoscaler_absent=names if phase.autoscaler is Autoscaler.ABSENT else (),
            workload_ready=names[:1] if needs.workload_ready else (),
        )
    return tuple(found)


def drift(tools: Tools, phase: Phase, rollout: Rollout) -> tuple[str, ...]:
    """Sentences for what somebody else changed since the phase was confirmed."""
    found: list[str] = []
    if phase.flags is not None:
        from console.actions.strategies.flags import flag_store

        found += flag_store(phase.flags.store, tools.redis).drift(phase.flags.on, phase.flags.off)
    attempt = rollout.attempt
    if isinstance(phase.strategy, Nothing) or attempt is None or attempt.applied is None:
        return tuple(found)
    from console.actions.strategies.making import strategy_of

    good = rollout.goods.get(phase.environment) or {}
    strategy = strategy_of(
        phase,
        tools.cluster(),
        tools.namespace,
        run=partial(_read, tools, {"VERSION": rollout.version, "ROLLOUT": rollout.id, "PHASE": phase.name}),
        clock=lambda: datetime.now(UTC),
        good=good.get("traffic"),
    )
    sides = strategy.sides()
    live, wanted = sides.share, sides.new_wanted + sides.old_wanted
    if isinstance(phase.strategy, Canary | Rolling) and wanted:
        # By what is wanted: while pods are replaced there are more of them than anybody asked for.
        live = sides.new_wanted / wanted
    if live is not None and abs(live - attempt.applied) > SAME_SHARE:
        found.append(
            f"somebody changed the share: {live:.1%} is live where {attempt.applied:.1%} was confirmed "
            f"({sides.says}); h goes on with it, R rolls back"
        )
    return tuple(found)


def _read(
    tools: Tools,
    known: Mapping[str, str],
    command: str,
    values: Mapping[str, str],
    timeout: timedelta,
    say: Say,
    stopped: threading.Event,
) -> Ran:
    """Run a command that reads; it knows the rollout also where no share was asked of it in this process."""
    return tools.run(command, {**known, **values}, timeout, say, stopped)


def _shared_redis(tools: Tools, others: tuple[str, ...]) -> tuple[str, ...]:
    """Environments whose Redis is this one's too."""
    if not others:
        return ()
    here = tools.environment.redis
    if here is None:
        return (f"no Redis is configured for {tools.environment.name}",)
    try:
        mine = resolve_redis(here, tools.environ)
        found = []
        for name in others:
            environment = tools.system.environment(name)
            target = environment.redis if environment is not None else None
            if target is None:
                continue
            theirs = resolve_redis(target, tools.environ)
            if (mine.host.lower(), mine.port) == (theirs.host.lower(), theirs.port):
                found.append(f"{tools.environment.name} and {name} share the Redis at {mine.host}:{mine.port}")
        return tuple(found)
    except MissingSecret as error:
        raise ActionFailed(str(error)) from error

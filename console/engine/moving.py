"""What a driver, or a person in an emergency, does to the world for a phase: checks, records, writes, steps after."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from console.actions.strategies.base import Applied, Asked, Say, Strategy
from console.core.operations import ActionFailed
from console.core.rollouts.plan import (
    Autoscaler,
    BlueGreen,
    Check,
    ClearKeys,
    CommandCheck,
    HttpCheck,
    Nothing,
    Phase,
    RolloutPlan,
    Share,
    Step,
)
from console.engine.tools import Tools

NO_SHARE = Share()


@dataclass(frozen=True, slots=True)
class Moving:
    """The work on one phase of a rollout in its environment.

    keep: called with the record of what is good, before the first write; it is on disk when this returns. fence: raises
    where another one drives. on_write: takes the line of each write right before it goes out.
    """

    tools: Tools
    plan: RolloutPlan
    phase: Phase
    rollout: str
    version: str
    epoch: int
    clock: Callable[[], datetime]
    say: Say
    on_write: Say
    fence: Callable[[], None]
    stopped: threading.Event

    def apply(
        self,
        settings: tuple[tuple[str, str], ...],
        good: Mapping[str, Any] | None,
        keep: Callable[[Mapping[str, Any]], None],
    ) -> Applied | None:
        """Bring the phase about; None for one that changes no traffic. Raises ActionFailed, Unverified, Refused."""
        slot = self._other_side(good)
        self._check(self.phase.before, slot)
        applied = None
        if not isinstance(self.phase.strategy, Nothing):
            strategy = self._strategy(self.phase, good)
            foreseen = strategy.foresee(self._asked(settings))
            if foreseen.refused:
                raise ActionFailed(f"nothing was changed: {foreseen.refused}")
            for warning in foreseen.warnings:
                self.say(f"mind: {warning}")
            if good is None:
                self._not_there_yet(strategy)
                keep(self._record(strategy))
            self._freeze()
            self._set_flags()
            applied = self._apply(strategy, settings)
        self._check(self.phase.after, slot)
        return applied

    def set(self, settings: tuple[tuple[str, str], ...], good: Mapping[str, Any] | None) -> Applied | None:
        """Bring timed settings about."""
        if isinstance(self.phase.strategy, Nothing):
            return None
        return self._apply(self._strategy(self.phase, good), settings)

    def put_back(self, good: Mapping[str, Any]) -> str:
        """Return to what was recorded good: traffic, flags, autoscalers, then the plan's steps. One line of what was
        verified. Raises ActionFailed, Unverified.
        """
        phase = self.plan.phases[int(good["phase"])]
        strategy = self._strategy(phase, good)
        told = strategy.roll_back(
            good["traffic"],
            self._asked(()),
            say=self.say,
            on_write=self.on_write,
            fence=self.fence,
            stopped=self.stopped,
        )
        self.say(told)
        parts = [told]
        flagged = [
            each for each in self.plan.phases if each.environment == phase.environment and each.flags is not None
        ]
        if good.get("flags") is not None and flagged:
            names = {name for each in flagged if each.flags for name in (*each.flags.on, *each.flags.off)}
            parts += self._flag_store(flagged[0]).restore(good["flags"], sorted(names))
        if restored := self.release(good):
            parts.append(restored)
        for step in self.plan.then:
            parts.append(self._step(step, str(good["traffic"].get("live") or ""), told))
        return "; ".join(part for part in parts if part)

    def release(self, good: Mapping[str, Any]) -> str:
        """Give autoscalers their recorded bounds back; one line, empty where there was nothing to give back."""
        records = good.get("autoscalers") or ()
        api = self.tools.cluster()
        if not records or api is None:
            return ""
        from console.actions.strategies.autoscaler import restore

        return "; ".join(
            restore(
                api,
                self.tools.namespace,
                records,
                rollout=self.rollout,
                epoch=self.epoch,
                say=self.say,
                on_write=self.on_write,
                fence=self.fence,
                stopped=self.stopped,
            )
        )

    def _apply(self, strategy: Strategy, settings: tuple[tuple[str, str], ...]) -> Applied:
        return strategy.apply(
            self._asked(settings), say=self.say, on_write=self.on_write, fence=self.fence, stopped=self.stopped
        )

    def _asked(self, settings: tuple[tuple[str, str], ...]) -> Asked:
        share = self.phase.share or NO_SHARE
        return Asked(self.version, share, settings, self.rollout, self.epoch, self.phase.name)

    def _strategy(self, phase: Phase, good: Mapping[str, Any] | None = None) -> Strategy:
        from console.actions.strategies.making import strategy_of

        traffic = good.get("traffic") if good is not None else None
        return strategy_of(
            phase, self.tools.cluster(), self.tools.namespace, run=self.tools.run, clock=self.clock, good=traffic
        )

    def _record(self, strategy: Strategy) -> dict[str, Any]:
        """Everything that a rollback returns to."""
        index = self.plan.phases.index(self.phase)
        record: dict[str, Any] = {"phase": index, "strategy": self.phase.strategy.kind, "traffic": strategy.record()}
        api = self.tools.cluster()
        if api is not None:
            # Also where this phase leaves them alone: a later one may freeze them.
            from console.actions.strategies.autoscaler import record as bounds

            record["autoscalers"] = bounds(api, self.tools.namespace, deployments_of(self.phase))
        here = self.phase.environment
        flagged = next((each for each in self.plan.phases if each.environment == here and each.flags is not None), None)
        if flagged is not None:
            record["flags"] = self._flag_store(flagged).record()
        return record

    def _freeze(self) -> None:
        api = self.tools.cluster()
        if api is None or self.phase.autoscaler is not Autoscaler.FREEZE:
            return
        from console.actions.strategies.autoscaler import freeze

        freeze(
            api,
            self.tools.namespace,
            deployments_of(self.phase),
            rollout=self.rollout,
            epoch=self.epoch,
            say=self.say,
            on_write=self.on_write,
            fence=self.fence,
            stopped=self.stopped,
        )

    def _set_flags(self) -> None:
        flags = self.phase.flags
        if flags is None:
            return
        self.fence()
        for line in self._flag_store(self.phase).apply(flags.on, flags.off):
            self.say(line)

    def _flag_store(self, phase: Phase) -> Any:
        from console.actions.strategies.flags import flag_store

        assert phase.flags is not None
        return flag_store(phase.flags.store, self.tools.redis)

    def _not_there_yet(self, strategy: Strategy) -> None:
        """What is live must not be recorded good where the version to be released has traffic already."""
        sides = strategy.sides()
        if sides.new_version == self.version and sides.share:
            raise ActionFailed(
                f"nothing was changed: {self.version} has traffic in {self.phase.environment} already ({sides.says}), "
                "so what is live cannot be recorded as good; press R to take it away, then try again"
            )

    def _other_side(self, good: Mapping[str, Any] | None) -> str:
        """For blue-green: the side that gets the new version, which is the one that was not live at the start."""
        spec = self.phase.strategy
        if not isinstance(spec, BlueGreen):
            return ""
        traffic = good["traffic"] if good is not None else self._strategy(self.phase).record()
        return spec.green_value if traffic.get("live") == spec.blue_value else spec.blue_value

    def _check(self, checks: tuple[Check, ...], slot: str) -> None:
        for check in checks:
            self.say(self._step(check, slot, ""))

    def _step(self, step: Step, slot: str, before: str) -> str:
        """Do one step; one line of what came of it. slot: the side of a blue-green that `$SLOT` stands for.

        before: what stands already, told where the step fails.
        """
        from console.actions.strategies import steps

        try:
            match step:
                case CommandCheck():
                    return steps.command_check(
                        step, self._values(slot), run=self.tools.run, say=self.say, stopped=self.stopped
                    )
                case HttpCheck():
                    return steps.http_check(step, self._values(slot), stopped=self.stopped)
                case ClearKeys():
                    self.fence()
                    return steps.clear_keys(self.tools.redis(), step, say=self.say, stopped=self.stopped)
        except ActionFailed as error:
            raise ActionFailed(f"{before}; but {error}" if before else str(error)) from error

    def _values(self, slot: str) -> dict[str, str]:
        share = self.phase.share
        percent = f"{share.ratio * 100:g}" if share is not None and share.ratio is not None else ""
        return {
            "VERSION": self.version,
            "SHARE": percent,
            "ROLLOUT": self.rollout,
            "PHASE": self.phase.name,
            "EPOCH": str(self.epoch),
            "SLOT": slot,
        }


def deployments_of(phase: Phase) -> tuple[str, ...]:
    """The Deployments whose autoscalers a phase freezes: every one that its strategy scales or serves from."""
    spec = phase.strategy
    names = (getattr(spec, name, None) for name in ("stable", "canary", "deployment", "blue", "green"))
    return tuple(name for name in names if isinstance(name, str))

"""A desk that plays pictures on command: what screens are tested against."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from console.core.operations import Operation, Refused
from console.core.picture import Picture
from console.core.plans import BypassPlan, RollbackPlan
from console.core.readings import LogLine
from console.core.rollouts.plan import RolloutPlan
from console.core.states import Outcome
from console.core.system import System
from tests.screens.played_runbooks import PlayedRunbooks


class PlayedDesk:
    """Holds a picture and log lines; `play` and `log` tell whoever listens; `asked` keeps what it was asked to do.

    rollback: the plan of a rollback, where there is to be one. refusing: why every call about a rollout is refused,
    where it is not empty. thinking: such calls wait while it is not set, as the journal and the cluster can make them.
    """

    def __init__(self, picture: Picture, lines: Sequence[LogLine] = ()) -> None:
        self.system = System("hak-gal", "HAK_GAL", "", Path("system.yaml"), (), (), (), (), None, None, ())
        self.asked: list[tuple[str, ...]] = []
        self.plans: tuple[RolloutPlan, ...] = ()
        self.rollback: RollbackPlan | None = None
        self.refusing = ""
        self.thinking = threading.Event()
        self.thinking.set()
        self.runbooks = PlayedRunbooks(self)
        self._picture = picture
        self._lines = list(lines)
        self._listeners: list[Callable[[Picture], None]] = []
        self._log_listeners: list[Callable[[int], None]] = []

    @property
    def picture(self) -> Picture:
        return self._picture

    def play(self, picture: Picture) -> None:
        self._picture = picture
        for listener in tuple(self._listeners):
            listener(picture)

    def log(self, lines: Sequence[LogLine]) -> None:
        self._lines += lines
        for listener in tuple(self._log_listeners):
            listener(self._lines[-1].number)

    def start(self) -> None:
        self.asked.append(("start",))

    def stop(self, reason: str) -> None:
        self.asked.append(("stop", reason))

    def subscribe(self, listener: Callable[[Picture], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def subscribe_logs(self, listener: Callable[[int], None]) -> Callable[[], None]:
        self._log_listeners.append(listener)
        return lambda: self._log_listeners.remove(listener)

    def refresh(self) -> None:
        self.asked.append(("refresh",))

    def log_lines(self, after: int, most: int = 1000) -> tuple[Sequence[LogLine], int]:
        wanted = [line for line in self._lines[-most:] if line.number > after]
        return wanted, (wanted[0].number - after - 1 if wanted else 0)

    def plan_rollback(self, revision: int | None = None, workload: str | None = None) -> RollbackPlan:
        if self.rollback is not None:
            return self.rollback
        raise Refused("this desk only plays pictures")

    def roll_back(self, plan: RollbackPlan, typed: str) -> Operation:
        raise Refused("this desk only plays pictures")

    def plan_bypass(self) -> BypassPlan:
        raise Refused("this desk only plays pictures")

    def grant_bypass(self, reason: str, length: timedelta, typed: str) -> Operation:
        raise Refused("this desk only plays pictures")

    def revoke_bypass(self) -> Operation:
        self.asked.append(("revoke",))
        now = datetime.now(UTC)
        return Operation("o9", "bypass-revoke", "Revoke the bypass", Outcome.DONE, now, now, ())

    def cancel(self, operation: str) -> None:
        self.asked.append(("cancel", operation))

    def set_fault(self, name: str, on: bool) -> None:
        self.asked.append(("fault", name, str(on)))

    def rollout_plans(self) -> tuple[RolloutPlan, ...]:
        return self.plans

    def foresee_start(self, plan: str, phase: str | None = None) -> tuple[str, ...]:
        self._answer("foresee", plan)
        return tuple(f"phase {number} of {plan} asks for {share}" for number, share in enumerate(("5%", "50%"), 1))

    def start_rollout(self, plan: str, typed: str, *, phase: str | None = None) -> str:
        return self._answer("start_rollout", plan, typed)

    def promote(self, typed: str, reason: str = "") -> str:
        return self._answer("promote", typed, reason)

    def hold(self, reason: str) -> str:
        return self._answer("hold", reason)

    def resume(self) -> str:
        return self._answer("resume")

    def abort(self, typed: str, reason: str) -> str:
        return self._answer("abort", typed, reason)

    def retry(self, phase: str, typed: str) -> str:
        return self._answer("retry", phase, typed)

    def tick(self, item: int, done: bool, note: str) -> str:
        return self._answer("tick", str(item), str(done), note)

    def sign(self, role: str, decision: str, note: str, typed: str) -> str:
        return self._answer("sign", role, decision, note, typed)

    def look(self, note: str) -> str:
        return self._answer("look", note)

    def start_watcher(self) -> str:
        return self._answer("start_watcher")

    def take_over(self, typed: str) -> str:
        return self._answer("take_over", typed)

    def _answer(self, *asked: str) -> str:
        assert self.thinking.wait(10)
        if self.refusing:
            raise Refused(self.refusing)
        self.asked.append(asked)
        return f"written down: {asked[0]}"

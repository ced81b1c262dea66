"""A rollout as it is shown: everything the phase pane, the rollout screen and the commands say, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from console.core.evaluation import Mark, Verdict
from console.core.rollouts.state import RolloutState


@dataclass(frozen=True, slots=True)
class PhaseView:
    """One phase in the line. mark: `done`, `here`, `todo`, `failed`.

    share: as asked, empty where it changes no traffic.
    begins, ends: when it did, or (estimated is set) when it will at the earliest; None where that is not known.
    """

    name: str
    title: str
    environment: str
    share: str
    strategy: str
    mark: str
    soak: timedelta
    begins: datetime | None
    ends: datetime | None
    estimated: bool
    not_before: datetime | None
    sign_offs: tuple[str, ...]
    about: str = ""


@dataclass(frozen=True, slots=True)
class SoakView:
    """The soak clock. left: at best, until it is over. blind: it stands, for something cannot be judged."""

    observed: timedelta
    needed: timedelta
    unobserved: timedelta
    bad: timedelta
    left: timedelta
    blind: bool
    grace: timedelta
    restarts: int


@dataclass(frozen=True, slots=True)
class GateView:
    """One gate. need: `< 200 ms`. strip: the newest points, oldest first."""

    title: str
    text: str
    now: str
    need: str
    verdict: Verdict
    strip: tuple[Mark, ...]
    detail: str
    true_for: timedelta
    needed: timedelta


@dataclass(frozen=True, slots=True)
class CriterionView:
    """One rollback criterion. near: how close it is, 0 to 1 (1: at the threshold), None where unknown.

    true_for, needed: of a breach that is under way.
    """

    title: str
    text: str
    now: str
    verdict: Verdict
    near: float | None
    true_for: timedelta
    needed: timedelta
    detail: str


@dataclass(frozen=True, slots=True)
class ItemView:
    """One checklist item."""

    text: str
    done: bool
    by: str
    at: datetime | None
    note: str


@dataclass(frozen=True, slots=True)
class SignView:
    """One role's sign-off. decision: `go`, `no-go`, or empty while it is waited for."""

    role: str
    decision: str
    by: str
    at: datetime | None
    note: str


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One try of a phase, for the history. evidence: a sentence per rule, as it was at the end."""

    phase: str
    number: int
    began: datetime
    confirmed: datetime | None
    ended: datetime | None
    outcome: str
    observed: timedelta
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DriverView:
    """Who drives. who: `watcher on bastion (pid 4711)`, empty where nobody does. seen: its last sign of life."""

    who: str
    epoch: int
    seen: datetime | None
    alive: bool


@dataclass(frozen=True, slots=True)
class RolloutView:
    """A rollout as it stands.

    phase: the index of the present phase. state: with `blind`, it is flying blind. why: the one line why here, what
    next, which keys. asked: as written; applied, measured: 0 to 1, None where unknown. manual: when a person should
    roll back. look_due: when a person should look next, None without a cadence. can: (action id, why not) for start,
    promote, override, hold, resume, abort, retry, rollout-rollback, tick, sign, look; the reason is empty where it can
    be done now. notes: warnings, such as a plan file that was edited since.
    """

    id: str
    plan: str
    title: str
    version: str
    environment: str
    state: RolloutState
    phase: int
    phases: tuple[PhaseView, ...]
    why: str
    blind: bool
    soak: SoakView | None
    asked: str
    applied: float | None
    measured: float | None
    gates: tuple[GateView, ...]
    criteria: tuple[CriterionView, ...]
    checklist: tuple[ItemView, ...]
    sign_offs: tuple[SignView, ...]
    manual: tuple[str, ...]
    success: tuple[str, ...]
    driver: DriverView
    history: tuple[AttemptView, ...]
    look_due: datetime | None
    can: tuple[tuple[str, str], ...]
    taken_at: datetime
    started: datetime
    by: str
    notes: tuple[str, ...] = ()
    speed: float = 1.0

    @property
    def here(self) -> PhaseView:
        """The present phase."""
        return self.phases[self.phase]

    def cannot(self, action: str) -> str:
        """Why an action cannot be done now; empty where it can."""
        return next((why for name, why in self.can if name == action), "this rollout does not know how")

"""The state machine of a rollout: facts are folded in, and what is to be done next comes out. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from console.core.rollouts.decisions import Decision
from console.core.rollouts.facts import Fact
from console.core.rollouts.plan import RolloutPlan
from console.core.rollouts.state import Judged, Rollout


def advance(plan: RolloutPlan, rollout: Rollout | None, fact: Fact) -> Rollout:
    """The rollout after one more fact. None becomes a rollout with STARTED only.

    Total: a fact that does not fit the state (written by a process that was overtaken, or too late) changes nothing but
    `number` and is told in `ignored`.
    """
    raise NotImplementedError


def folded(plan: RolloutPlan, facts: Iterable[Fact]) -> Rollout | None:
    """The rollout that these facts make, oldest first; None where there is none."""
    raise NotImplementedError


def decide(
    plan: RolloutPlan,
    rollout: Rollout,
    judged: Judged,
    now: datetime,
    *,
    passed: timedelta | None,
    longest_tick: timedelta,
) -> Decision:
    """What is to be done next. Writes nothing; the same for the same arguments.

    passed: how long a clock that does not jump says has passed since the soak clock was last marked, None where it
    cannot say (another process marked it). longest_tick: a longer stretch between two marks was not observed.
    """
    raise NotImplementedError

"""Rollouts brought to a state, for the tests of what comes next."""

from __future__ import annotations

from console.core.evaluation import Verdict
from console.core.rollouts import decisions
from console.core.rollouts.facts import Kind
from console.core.rollouts.plan import Phase, Promotion
from console.core.rollouts.state import Judged, RolloutState
from tests.core.rollouts.worlds import (
    HOUR,
    Run,
    judged,
    phase,
    plan,
    says,
)

AUTOMATIC = Promotion.AUTOMATIC
TRIPS = says(Verdict.PASS, 0.06)


def run(*phases: Phase, **changes: object) -> Run:
    return Run(plan(*phases, **changes))


def soaking(*phases: Phase) -> Run:
    """A rollout whose first phase has begun to soak."""
    begun = run(*(phases or (phase(soak=2 * HOUR), phase("all", soak=HOUR))))
    begun.until(RolloutState.SOAKING)
    return begun


def waiting(*phases: Phase) -> Run:
    begun = soaking(*phases)
    begun.until(RolloutState.WAITING)
    return begun


def held(*phases: Phase) -> Run:
    begun = soaking(*phases)
    begun.person(Kind.HELD, why="lunch")
    return begun


def rolled_back(*phases: Phase) -> Run:
    begun = soaking(*phases)
    begun.ask("rollback")
    begun.until(RolloutState.ROLLED_BACK)
    return begun


def seen(run: Run, text: str, verdict: Verdict, value: float | None = 0.1) -> Judged:
    """From now on this rule says so."""
    run.judged = judged(run.plan, {text: says(verdict, value)})
    return run.judged


def refused(run: Run) -> str:
    decision = run.step()
    assert isinstance(decision, decisions.Refuse), decision
    assert run.rollout.asks == ()
    return decision.why

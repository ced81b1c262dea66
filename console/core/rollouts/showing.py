"""A rollout made into what is shown."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime

from console.core.evaluation import Evaluation, Verdict
from console.core.rollouts.asking import ACTIONS, may
from console.core.rollouts.bodies import judged_body, judged_from, view_body
from console.core.rollouts.judging import armed, bearing, blind, breached, shown_value, verdict
from console.core.rollouts.plan import Phase, RolloutPlan, Rule
from console.core.rollouts.schedule import schedule
from console.core.rollouts.soak import left
from console.core.rollouts.state import Attempt, Judged, Rollout, RolloutState
from console.core.rollouts.view import (
    AttemptView,
    CriterionView,
    DriverView,
    GateView,
    ItemView,
    RolloutView,
    SignView,
    SoakView,
)
from console.core.rollouts.wording import why_line
from console.core.terms import Average, Comparison, FailedChecks, Freshness, Operator, Stability
from console.core.units import Dimension, Unit, show

__all__ = ["judged_body", "judged_from", "near", "view_body", "view_of"]

_UNKNOWN = (Verdict.NODATA, Verdict.ERROR)
NOTHING_SEEN = "—"


def view_of(
    plan: RolloutPlan,
    rollout: Rollout,
    judged: Judged,
    units: Mapping[str, Unit],
    driver: DriverView,
    now: datetime,
    *,
    notes: tuple[str, ...] = (),
    speed: float = 1.0,
) -> RolloutView:
    """What is shown. units: by metric name. The `why` line and `can` come from the same rules as `decide`."""
    phase, attempt = plan.phases[rollout.phase], _shown_attempt(rollout)
    unseen = bool(blind(plan, rollout, judged))
    gates, _ = bearing(plan, rollout)
    if rollout.attempt is None and rollout.state is RolloutState.PLANNED and not rollout.through:
        gates = phase.preconditions.conditions
    return RolloutView(
        id=rollout.id,
        plan=rollout.plan,
        title=plan.title or plan.name,
        version=rollout.version,
        environment=phase.environment,
        state=rollout.state,
        phase=rollout.phase,
        phases=schedule(plan, rollout, now),
        why=_why(plan, rollout, judged, driver, now),
        blind=unseen,
        soak=None if rollout.attempt is None else _soak(phase, rollout.attempt, unseen),
        asked=phase.share.text if phase.share is not None else "",
        applied=_applied(plan, rollout),
        measured=judged.measured,
        gates=tuple(_gate(rule, verdict(judged, rule), units) for rule in gates),
        criteria=tuple(_criterion(rule, verdict(judged, rule), units) for rule in armed(plan, rollout)),
        checklist=_checklist(phase, attempt),
        sign_offs=_sign_offs(phase, attempt),
        manual=plan.manual,
        success=plan.success,
        driver=driver,
        history=tuple(_history(plan, one) for one in rollout.attempts),
        look_due=_look_due(phase, rollout),
        can=tuple((action, may(plan, rollout, judged, action)) for action in ACTIONS),
        taken_at=now,
        started=rollout.started,
        by=rollout.by,
        notes=notes,
        speed=speed,
    )


def near(rule: Rule, evaluation: Evaluation) -> float | None:
    """How close a criterion is to its threshold: 0 far, 1 there; None where that cannot be said.

    A share that must not fall, such as an availability, is measured by what is missing of it: 99.9 % of `< 99%` is 0.1.
    """
    value, test = evaluation.value, rule.condition.test
    if evaluation.verdict in _UNKNOWN or value is None or not math.isfinite(value):
        return None
    if breached(rule, evaluation):
        return 1.0
    match test:
        case FailedChecks(times):
            return _part(value, times)
        case Comparison(operator, threshold) | Average(operator, threshold):
            limit = threshold.base
            if operator in (Operator.ABOVE, Operator.AT_LEAST):
                return _part(value, limit)
            if operator in (Operator.BELOW, Operator.AT_MOST):
                if threshold.unit.dimension is Dimension.RATIO and 0.5 <= limit < 1:
                    return _part(1 - value, 1 - limit)
                return _part(limit, value)
            return None
        case Stability() | Freshness():
            return None


def _part(value: float, limit: float) -> float | None:
    if limit <= 0:
        return 0.0 if value <= limit == 0 else None
    return min(1.0, max(0.0, value / limit))


def _why(plan: RolloutPlan, rollout: Rollout, judged: Judged, driver: DriverView, now: datetime) -> str:
    line = why_line(plan, rollout, judged, now)
    if rollout.state.over:
        return line
    asked = "".join(f"{ask.what}, asked by {ask.by}, is not answered yet; " for ask in rollout.asks[:1])
    return f"{'' if driver.alive else 'nobody watches it, w starts a watcher; '}{asked}{line}"


def _shown_attempt(rollout: Rollout) -> Attempt | None:
    """The attempt whose ticks and signs are shown: the present one, or the one that ended in this very phase."""
    if rollout.attempt is not None:
        return rollout.attempt
    last = rollout.attempts[-1] if rollout.attempts else None
    ended_here = last is not None and last.phase == rollout.phase
    return last if ended_here and (rollout.state is not RolloutState.PLANNED or rollout.through) else None


def _applied(plan: RolloutPlan, rollout: Rollout) -> float | None:
    """The share confirmed last in the environment of the present phase, since the last rollback."""
    if not rollout.exposed:
        return 0.0 if rollout.rolled_back else None
    here = plan.phases[rollout.phase].environment
    last = next((one for one in reversed(rollout.attempts) if one.applied is not None), None)
    if last is None or plan.phases[last.phase].environment != here or last.outcome.startswith("rolled back"):
        return None
    return last.applied


def _soak(phase: Phase, attempt: Attempt, unseen: bool) -> SoakView | None:
    if attempt.confirmed_at is None:
        return None
    soak = attempt.soak
    return SoakView(
        observed=soak.observed,
        needed=phase.soak,
        unobserved=soak.unobserved,
        bad=soak.bad,
        left=left(soak, phase.soak),
        blind=unseen,
        grace=soak.grace,
        restarts=soak.restarts,
    )


def _value(rule: Rule, evaluation: Evaluation, units: Mapping[str, Unit]) -> str:
    unit = units.get(rule.condition.metric)
    if evaluation.value is None:
        return NOTHING_SEEN
    if unit is None or isinstance(rule.condition.test, FailedChecks):
        return shown_value(rule, evaluation)
    return show(evaluation.value, unit)


def _gate(rule: Rule, evaluation: Evaluation, units: Mapping[str, Unit]) -> GateView:
    return GateView(
        title=rule.name,
        text=rule.text,
        now=_value(rule, evaluation, units),
        need=rule.condition.need,
        verdict=evaluation.verdict,
        strip=evaluation.strip,
        detail=evaluation.detail,
        true_for=evaluation.true_for,
        needed=evaluation.needed,
    )


def _criterion(rule: Rule, evaluation: Evaluation, units: Mapping[str, Unit]) -> CriterionView:
    return CriterionView(
        title=rule.name,
        text=rule.text,
        now=_value(rule, evaluation, units),
        verdict=evaluation.verdict,
        near=near(rule, evaluation),
        true_for=evaluation.true_for,
        needed=evaluation.needed,
        detail=evaluation.detail,
    )


def _checklist(phase: Phase, attempt: Attempt | None) -> tuple[ItemView, ...]:
    ticks = {} if attempt is None else {tick.item: tick for tick in attempt.ticks}
    return tuple(
        ItemView(text, True, tick.by, tick.at, tick.note)
        if (tick := ticks.get(place)) is not None
        else ItemView(text, False, "", None, "")
        for place, text in enumerate(phase.checklist)
    )


def _sign_offs(phase: Phase, attempt: Attempt | None) -> tuple[SignView, ...]:
    signs = {} if attempt is None else {sign.role: sign for sign in attempt.signs}
    return tuple(
        SignView(role, sign.decision, sign.by, sign.at, sign.note)
        if (sign := signs.get(role)) is not None
        else SignView(role, "", "", None, "")
        for role in phase.sign_offs
    )


def _history(plan: RolloutPlan, attempt: Attempt) -> AttemptView:
    return AttemptView(
        phase=plan.phases[attempt.phase].name,
        number=attempt.number,
        began=attempt.began,
        confirmed=attempt.confirmed_at,
        ended=attempt.ended,
        outcome=attempt.outcome,
        observed=attempt.soak.observed,
        evidence=attempt.evidence,
    )


def _look_due(phase: Phase, rollout: Rollout) -> datetime | None:
    """When a person should look next; it may be past."""
    attempt = rollout.attempt
    if phase.cadence is None or attempt is None:
        return None
    since = attempt.looked_at or attempt.confirmed_at
    return None if since is None else since + phase.cadence

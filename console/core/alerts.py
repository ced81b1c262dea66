"""Alerts: the evaluations of a system's rules folded into one list, worst first.

A rule that cannot be judged is flying blind: it is NODATA or ERROR, which is not quiet. An alert that fires and then
loses its data keeps firing, with the sentence why it cannot be judged: only data that says otherwise ends it, for a
metric that dies with its process is the worst moment to fall silent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from console.core.evaluation import Evaluation, Verdict
from console.core.picture import Alert, Alerts, AlertState
from console.core.system import AlertRule
from console.core.terms import FailedChecks
from console.core.units import Unit, show

_STATES = {
    Verdict.PASS: AlertState.FIRING,
    Verdict.PENDING: AlertState.PENDING,
    Verdict.FAIL: AlertState.QUIET,
    Verdict.NODATA: AlertState.NODATA,
    Verdict.ERROR: AlertState.ERROR,
}
_BLIND = (AlertState.NODATA, AlertState.ERROR)
_WORST_FIRST = (AlertState.FIRING, AlertState.PENDING, AlertState.ERROR, AlertState.NODATA, AlertState.QUIET)
_NOT_EVALUATED = Evaluation(Verdict.NODATA, detail="this rule was not evaluated")


def fold(
    rules: Sequence[AlertRule],
    evaluations: Mapping[str, Evaluation],
    units: Mapping[str, Unit],
    previous: Alerts,
    now: datetime,
) -> Alerts:
    """The alerts at `now`: firing, pending, error, no data, quiet; in each by severity, then as the system has them.

    evaluations: by rule name; units: by metric name; previous: the last fold, from which `since` is kept while the
    state stays. A state that is new, or not known from before, began when its samples say so, or now.
    """
    before = {alert.name: alert for alert in previous.alerts}
    alerts = [
        _alert(rule, evaluations.get(rule.name, _NOT_EVALUATED), units.get(rule.condition.metric), before, now)
        for rule in rules
    ]
    firing_before = {alert.name for alert in previous.firing}
    cleared = tuple(
        alert.title for alert in alerts if alert.name in firing_before and alert.state is not AlertState.FIRING
    )
    alerts.sort(key=lambda alert: (_WORST_FIRST.index(alert.state), alert.severity.value))
    return Alerts(tuple(alerts), now, cleared)


def _alert(
    rule: AlertRule, evaluation: Evaluation, unit: Unit | None, before: Mapping[str, Alert], now: datetime
) -> Alert:
    old = before.get(rule.name)
    state, detail = _STATES[evaluation.verdict], evaluation.detail
    if state in _BLIND and old is not None and old.state is AlertState.FIRING:
        state = AlertState.FIRING
        detail = f"it fired when last seen, and cannot be judged now: {evaluation.detail}"
    since = old.since if old is not None and old.state is state else _began(state, evaluation, now)
    return Alert(
        name=rule.name,
        title=rule.title,
        severity=rule.severity,
        state=state,
        since=since,
        value=_value(rule, evaluation, unit),
        threshold=rule.condition.need,
        condition=rule.condition.text,
        action=rule.action,
        runbook=rule.runbook,
        verdict=evaluation.verdict,
        detail=detail,
    )


def _began(state: AlertState, evaluation: Evaluation, now: datetime) -> datetime:
    """When a new state began: pending with the truth, firing when that had lasted long enough."""
    if evaluation.since is None:
        return now
    if state is AlertState.PENDING:
        return min(evaluation.since, now)
    if state is AlertState.FIRING:
        return min(evaluation.since + min(evaluation.needed, evaluation.true_for), now)
    return now


def _value(rule: AlertRule, evaluation: Evaluation, unit: Unit | None) -> str:
    if evaluation.value is None:
        return "—"
    if isinstance(rule.condition.test, FailedChecks):
        times = f"{evaluation.value:.0f}" if evaluation.value == evaluation.value else "NaN"
        return f"{times} failure{'' if times == '1' else 's'}"
    return show(evaluation.value, unit) if unit is not None else f"{evaluation.value:g}"

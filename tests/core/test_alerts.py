"""Alerts: which is worst, since when, and what becomes of one whose data is lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from console.core.alerts import fold
from console.core.picture import Alert, Alerts, AlertState
from console.core.system import AlertRule, Severity
from console.core.verdicts import Evaluation, Verdict, evaluate
from tests.core.worlds import METRICS, MINUTE, NOON, condition, series


def rule(name: str, text: str, severity: Severity = Severity.P2) -> AlertRule:
    return AlertRule(name, name.replace("-", " "), severity, condition(text), f"look at {name}", None, 1)


STORM = rule("rate-limit-storm", "rejects > 1,000/h", Severity.P1)
SLOW = rule("redis-slow", "p99 > 200ms for 5m")
RULES = (STORM, SLOW)


def evaluation(verdict: Verdict, value: float | None = 0.5, detail: str = "") -> Evaluation:
    since = NOON - 3 * MINUTE if verdict in (Verdict.PASS, Verdict.PENDING) else None
    return Evaluation(verdict, value, since, 3 * MINUTE if since else 0 * MINUTE, detail=detail)


def folded(previous: Alerts = Alerts(), now: datetime = NOON, **verdicts: Verdict) -> Alerts:  # noqa: B008 (frozen)
    evaluations = {name.replace("_", "-"): evaluation(one) for name, one in verdicts.items()}
    return fold(RULES, evaluations, METRICS, previous, now)


def named(alerts: Alerts, name: str) -> Alert:
    return next(alert for alert in alerts.alerts if alert.name == name)


def test_an_alert_says_value_threshold_and_what_to_do() -> None:
    storm = evaluate(STORM.condition, series([1204 / 3600]), NOON)
    slow = evaluate(SLOW.condition, series([0.18, 0.243]), NOON)
    alerts = fold(RULES, {STORM.name: storm, SLOW.name: slow}, METRICS, Alerts(), NOON)
    assert alerts.alerts == (
        Alert(
            "rate-limit-storm",
            "rate limit storm",
            Severity.P1,
            AlertState.FIRING,
            NOON,
            "1,204/h",
            "> 1,000/h",
            "rejects > 1,000/h",
            "look at rate-limit-storm",
            None,
            Verdict.PASS,
        ),
        Alert(
            "redis-slow",
            "redis slow",
            Severity.P2,
            AlertState.PENDING,
            NOON,
            "243 ms",
            "> 200 ms for 5m",
            "p99 > 200ms for 5m",
            "look at redis-slow",
            None,
            Verdict.PENDING,
            "true since 12:00:00Z, not yet for 5m",
        ),
    )
    assert alerts.checked_at == NOON
    assert alerts.firing == alerts.alerts[:1]


def test_the_worst_comes_first_and_equals_stay_in_the_systems_order() -> None:
    rules = [rule(f"r{place}", "violations > 0", Severity(place % 4)) for place in range(20)]
    verdicts = [Verdict.FAIL, Verdict.NODATA, Verdict.ERROR, Verdict.PENDING, Verdict.PASS]
    evaluations = {one.name: evaluation(verdicts[place // 4]) for place, one in enumerate(rules)}
    alerts = fold(
        [*rules, replace(rules[16], name="again")],
        {**evaluations, "again": evaluations["r16"]},
        METRICS,
        Alerts(),
        NOON,
    )
    states = [alert.state for alert in alerts.alerts]
    order = [AlertState.FIRING, AlertState.PENDING, AlertState.ERROR, AlertState.NODATA, AlertState.QUIET]
    assert list(dict.fromkeys(states)) == order
    assert [alert.severity.value for alert in alerts.alerts[5:]] == [0, 1, 2, 3] * 4
    assert [alert.name for alert in alerts.alerts[:5]] == ["r16", "again", "r17", "r18", "r19"]


def test_since_is_kept_while_the_state_stays() -> None:
    first = folded(rate_limit_storm=Verdict.FAIL, redis_slow=Verdict.NODATA)
    later = folded(first, NOON + MINUTE, rate_limit_storm=Verdict.FAIL, redis_slow=Verdict.ERROR)
    assert named(later, "rate-limit-storm").since == NOON
    assert named(later, "redis-slow").since == NOON + MINUTE


def test_firing_began_when_the_truth_had_lasted_long_enough_also_after_a_restart() -> None:
    passing = evaluate(SLOW.condition, series([0.1, *[0.3] * 8]), NOON)
    alerts = fold((SLOW,), {SLOW.name: passing}, METRICS, Alerts(), NOON)
    assert alerts.alerts[0].since == NOON - 2 * MINUTE


def test_what_stopped_firing_is_named_once() -> None:
    firing = folded(rate_limit_storm=Verdict.PASS, redis_slow=Verdict.PASS)
    assert firing.cleared == ()
    one = folded(firing, NOON + MINUTE, rate_limit_storm=Verdict.FAIL, redis_slow=Verdict.PASS)
    assert one.cleared == ("rate limit storm",)
    other = folded(one, NOON + 2 * MINUTE, rate_limit_storm=Verdict.FAIL, redis_slow=Verdict.PENDING)
    assert other.cleared == ("redis slow",)
    assert folded(other, NOON + 3 * MINUTE, rate_limit_storm=Verdict.FAIL, redis_slow=Verdict.FAIL).cleared == ()


def test_a_firing_alert_whose_data_goes_missing_keeps_firing_and_says_so() -> None:
    firing = folded(rate_limit_storm=Verdict.PASS)
    blind = fold(
        RULES, {STORM.name: evaluation(Verdict.NODATA, None, "no sample at 12:01:00Z")}, METRICS, firing, NOON + MINUTE
    )
    storm = named(blind, STORM.name)
    assert (storm.state, storm.verdict, storm.since) == (AlertState.FIRING, Verdict.NODATA, NOON - 3 * MINUTE)
    assert storm.value == "—"
    assert storm.detail == "it fired when last seen, and cannot be judged now: no sample at 12:01:00Z"
    assert blind.cleared == ()
    still = folded(blind, NOON + 2 * MINUTE, rate_limit_storm=Verdict.ERROR)
    assert named(still, STORM.name).state is AlertState.FIRING
    seen = folded(still, NOON + 3 * MINUTE, rate_limit_storm=Verdict.FAIL)
    assert (named(seen, STORM.name).state, seen.cleared) == (AlertState.QUIET, ("rate limit storm",))


def test_a_rule_that_cannot_be_judged_is_not_quiet() -> None:
    alerts = folded(rate_limit_storm=Verdict.ERROR)
    assert named(alerts, STORM.name).state is AlertState.ERROR
    assert named(alerts, SLOW.name).state is AlertState.NODATA
    assert named(alerts, SLOW.name).detail == "this rule was not evaluated"


def test_failed_checks_are_counted_in_words() -> None:
    down = rule("api-down", "api fails 3 times")
    alerts = fold((down,), {down.name: evaluate(down.condition, series([2, 3]), NOON)}, METRICS, Alerts(), NOON)
    assert (alerts.alerts[0].value, alerts.alerts[0].threshold) == ("3 failures", "3 failures")


histories = st.lists(st.tuples(st.sampled_from(Verdict), st.sampled_from(Verdict)), max_size=12)


@given(histories)
def test_only_data_ends_a_firing_alert_and_equal_histories_give_equal_alerts(
    history: list[tuple[Verdict, Verdict]],
) -> None:
    def run() -> list[Alerts]:
        alerts, seen = Alerts(), []
        for minute, (storm, slow) in enumerate(history):
            alerts = folded(alerts, NOON + minute * MINUTE, rate_limit_storm=storm, redis_slow=slow)
            seen.append(alerts)
        return seen

    first = run()
    assert first == run()
    for before, after in pairwise(first):
        ended = {alert.name for alert in before.firing} - {alert.name for alert in after.firing}
        for name in ended:
            assert named(after, name).verdict in (Verdict.FAIL, Verdict.PENDING)
        assert len(after.cleared) == len(ended)
        for alert in after.alerts:
            if alert.verdict in (Verdict.NODATA, Verdict.ERROR):
                assert alert.state is not AlertState.QUIET
            old = named(before, alert.name)
            assert old.state is not alert.state or old.since == alert.since

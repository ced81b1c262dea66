"""With `on_gap: reset` a condition is what Prometheus's own `for:` makes of it, minute for minute."""

from __future__ import annotations

import json
import math
import random
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.core.conditions import Comparison, Condition, Operator, parse_condition
from console.core.units import unit
from console.core.verdicts import (
    LOOKBACK_2,
    LOOKBACK_3,
    Evaluation,
    Sample,
    Series,
    Verdict,
    evaluate,
    instant_grid,
)
from tests.conftest import program

MINUTE = timedelta(minutes=1)
ZERO = datetime(1970, 1, 1, tzinfo=UTC)
MINUTES = 45
CASES = {30: 30, 60: 130, 90: 25}
"""How many series of which spacing in seconds: as dense as the rules are evaluated, denser, and crossing."""
STALE = "stale"
RULES = (
    "x > 1 on gap reset",
    "x > 1 for 1m on gap reset",
    "x > 1 for 3m on gap reset",
    "x >= 1 for 2m on gap reset",
    "x < 1 for 5m on gap reset",
    "x <= 1 for 4m on gap reset",
    "x == 1 for 1m on gap reset",
    "x != 1 for 2m on gap reset",
    "x > 0 for 90s on gap reset",
    "x >= 0 for 10m on gap reset",
    "x > 1 for 2m if requests >= 10 on gap reset",
)
"""`!=` is asked of Prometheus together with `x == x`: there NaN differs from every number, here it satisfies none."""

Raw = float | str | None


@dataclass(frozen=True)
class Case:
    """Raw samples, evenly spaced, as they were scraped: a number, None where none was, or a stale marker."""

    number: int
    spacing: int
    x: tuple[Raw, ...]
    requests: tuple[Raw, ...]


def generated(seed: int) -> list[Case]:
    """Series of runs: steady, alternating, missing for longer and shorter than the look-back, stale, NaN, infinite."""
    dice = random.Random(seed)

    def run() -> list[Raw]:
        length = dice.choice((1, 1, 2, 3, 4, 5, 6, 7, 9, 12))
        kind = dice.choice(
            ("high", "high", "high", "low", "equal", "zero", "alternating", "missing", "stale", "nan", "any")
        )
        values: dict[str, list[Raw]] = {
            "high": [2.0],
            "low": [0.5],
            "equal": [1.0],
            "zero": [0.0],
            "alternating": [2.0, 0.5],
            "missing": [None],
            "nan": [math.nan],
            "any": [2.0, 1.0, None, math.nan, STALE, math.inf, -math.inf, -1.0, 0.0],
        }
        if kind == "stale":
            return [STALE, *([None] * (length - 1))]
        if kind == "any":
            return [dice.choice(values["any"]) for _ in range(length)]
        return [values[kind][place % len(values[kind])] for place in range(length)]

    def busy() -> list[Raw]:
        return [dice.choice((20.0, 20.0, 10.0, 9.0, None, STALE))] * dice.choice((3, 6, 12))

    def raw(one: Callable[[], list[Raw]], spacing: int) -> tuple[Raw, ...]:
        values: list[Raw] = []
        while len(values) <= MINUTES * 60 // spacing:
            values += one()
        return tuple(values[: MINUTES * 60 // spacing + 1])

    spacings = [spacing for spacing, count in CASES.items() for _ in range(count)]
    return [Case(number, spacing, raw(run, spacing), raw(busy, spacing)) for number, spacing in enumerate(spacings)]


def notation(values: tuple[Raw, ...]) -> str:
    """The values as promtool writes them."""
    words = {math.inf: "Inf", -math.inf: "-Inf"}
    return " ".join(
        "_"
        if value is None
        else value
        if isinstance(value, str)
        else words.get(value, "NaN" if math.isnan(value) else repr(value))
        for value in values
    )


def gridded(values: tuple[Raw, ...], spacing: int, lookback: timedelta) -> Series:
    """A raw series on the grid, through the same look-back as the sources'."""
    times = (ZERO + timedelta(seconds=spacing * place) for place in range(len(values)))
    seen = list(zip(times, values, strict=True))
    samples = [Sample(at, value) for at, value in seen if isinstance(value, float)]
    stale = [at for at, value in seen if value == STALE]
    return instant_grid(samples, stale, ZERO, ZERO + MINUTE * MINUTES, MINUTE, lookback)


def read_until(series: Series, now: datetime) -> Series:
    """As much of a series as had been read at `now`."""
    return Series(series.step, tuple(sample for sample in series.samples if sample.at <= now), end=now)


def expression(condition: Condition) -> str:
    """The condition as a Prometheus rule's expression."""
    assert isinstance(condition.test, Comparison)
    operator = condition.test.operator
    plain = f"x {operator.value} {condition.test.threshold.base!r}"
    if operator is Operator.UNEQUAL:
        plain = f"({plain}) and (x == x)"
    if condition.floor is not None:
        plain = f"({plain}) and (requests >= {condition.floor.least.base!r})"
    return plain


def parsed() -> dict[str, Condition]:
    metrics = {"x": unit("count"), "requests": unit("count")}
    return {f"r{place}": parse_condition(text, metrics) for place, text in enumerate(RULES)}


def lookback_of(promtool: str) -> timedelta:
    version = subprocess.run([promtool, "--version"], capture_output=True, text=True, check=True)
    return LOOKBACK_2 if " version 2." in version.stdout + version.stderr else LOOKBACK_3


def ours(cases: list[Case], lookback: timedelta) -> dict[int, list[tuple[str, int, Evaluation]]]:
    """By minute: every rule and case that is not inactive, as the console judges it."""
    found: dict[int, list[tuple[str, int, Evaluation]]] = {minute: [] for minute in range(MINUTES + 1)}
    rules = parsed()
    for case in cases:
        x, requests = gridded(case.x, case.spacing, lookback), gridded(case.requests, case.spacing, lookback)
        for minute, active in found.items():
            now = ZERO + MINUTE * minute
            seen, floor = read_until(x, now), read_until(requests, now)
            for name, condition in rules.items():
                evaluation = evaluate(condition, seen, now, floor=floor if condition.floor else None)
                if evaluation.verdict in (Verdict.PASS, Verdict.PENDING):
                    active.append((name, case.number, evaluation))
    return found


def expected(active: list[tuple[str, int, Evaluation]]) -> tuple[list[object], list[object]]:
    """The samples of ALERTS, and of ALERTS_FOR_STATE (the second at which the alert became active)."""
    alerts: list[object] = []
    since: list[object] = []
    for name, number, evaluation in active:
        state = "firing" if evaluation.verdict is Verdict.PASS else "pending"
        labels = f'alertname="{name}",case="{number}"'
        alerts.append({"labels": f'ALERTS{{{labels},alertstate="{state}"}}', "value": 1})
        assert evaluation.since is not None
        since.append({"labels": f"ALERTS_FOR_STATE{{{labels}}}", "value": (evaluation.since - ZERO).total_seconds()})
    return alerts, since


def ask(
    folder: Path, cases: list[Case], judged: dict[int, list[tuple[str, int, Evaluation]]]
) -> subprocess.CompletedProcess[str]:
    """Have promtool compare what the console found with what Prometheus finds, at every minute."""
    rules = [
        {"alert": name, "expr": expression(condition), "for": f"{condition.test.lasting.total_seconds():.0f}s"}
        for name, condition in parsed().items()
        if isinstance(condition.test, Comparison)
    ]
    (folder / "rules.json").write_text(json.dumps({"groups": [{"name": "oracle", "rules": rules}]}))
    groups = []
    for spacing in sorted({case.spacing for case in cases}):
        here = [case for case in cases if case.spacing == spacing]
        numbers = {case.number for case in here}
        questions: list[object] = []
        for minute, active in judged.items():
            alerts, since = expected([one for one in active if one[1] in numbers])
            questions.append({"expr": "ALERTS", "eval_time": f"{minute}m", "exp_samples": alerts})
            questions.append({"expr": "ALERTS_FOR_STATE", "eval_time": f"{minute}m", "exp_samples": since})
        inputs = [
            {"series": f'{metric}{{case="{case.number}"}}', "values": notation(values)}
            for case in here
            for metric, values in (("x", case.x), ("requests", case.requests))
        ]
        groups.append({"interval": f"{spacing}s", "input_series": inputs, "promql_expr_test": questions})
    (folder / "test.json").write_text(
        json.dumps({"rule_files": ["rules.json"], "evaluation_interval": "1m", "tests": groups})
    )
    return subprocess.run(
        [program("promtool"), "test", "rules", "test.json"], cwd=folder, capture_output=True, text=True, timeout=60
    )


@pytest.mark.real_prometheus
def test_with_on_gap_reset_every_minute_of_every_series_is_what_promtool_says(tmp_path: Path) -> None:
    cases = generated(seed=20260304)
    judged = ours(cases, lookback_of(program("promtool")))
    active = [evaluation for minute in judged.values() for _, _, evaluation in minute]
    assert sum(one.verdict is Verdict.PASS for one in active) > 3_000
    assert sum(one.verdict is Verdict.PENDING for one in active) > 3_000
    answer = ask(tmp_path, cases, judged)
    assert answer.returncode == 0, answer.stdout[:4000] + answer.stderr[:4000]


@pytest.mark.real_prometheus
def test_promtool_would_have_noticed_a_single_wrong_minute(tmp_path: Path) -> None:
    cases = generated(seed=7)[:3]
    judged = ours(cases, lookback_of(program("promtool")))
    assert ask(tmp_path, cases, judged).returncode == 0
    minute = next(minute for minute, active in judged.items() if active and minute > 5)
    judged[minute] = judged[minute][:-1]
    answer = ask(tmp_path, cases, judged)
    assert answer.returncode == 1
    assert f"time: {minute}m" in answer.stdout + answer.stderr

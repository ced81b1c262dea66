"""What a tick pays for judging 1,000 conditions, as a multiple of a plain loop over the same samples."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import timedelta

from console.core.conditions import Condition
from console.core.series import Series
from console.core.verdicts import Verdict, evaluate
from tests.core.worlds import NOON, condition, series

STEP = timedelta(seconds=15)
CONDITIONS = 1_000
TEXTS = (
    "violations > 7 for 5m",
    "violations > 7 for 2m on gap reset",
    "violations < 9 for 10m",
    "violations > 7",
    "violations > 7 over 5m",
    "violations stable within 90% over 10m",
)


def fastest(run: Callable[[], object], rounds: int = 7) -> float:
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return min(times)


def test_a_tick_judges_1000_conditions_for_little_more_than_reading_their_samples() -> None:
    dice = random.Random(1)
    work: list[tuple[Condition, Series]] = []
    for place in range(CONDITIONS):
        values = [None if dice.random() < 0.02 else dice.uniform(0, 8) for _ in range(59)]
        work.append((condition(TEXTS[place % len(TEXTS)]), series([*values, dice.uniform(0, 8)], step=STEP)))

    def plain() -> int:
        above = 0
        for _, one in work:
            for sample in one.samples:
                if sample.at <= NOON and sample.value > 7:
                    above += 1
        return above

    def judged() -> list[Verdict]:
        return [evaluate(asked, one, NOON).verdict for asked, one in work]

    verdicts = set(judged())
    assert {Verdict.PASS, Verdict.FAIL} <= verdicts
    loop, tick = fastest(plain), fastest(judged)
    print(f"1,000 conditions: {tick * 1000:.1f} ms, {tick / loop:.1f} times a plain loop over their samples")
    assert tick / loop < 18


def test_a_longer_window_costs_in_proportion_and_no_more() -> None:
    read = series([1.0] * 12_000, step=STEP)
    short, long = condition("violations > 0 for 3h"), condition("violations > 0 for 48h")
    assert evaluate(long, read, NOON).verdict is Verdict.PASS
    ratio = fastest(lambda: evaluate(long, read, NOON)) / fastest(lambda: evaluate(short, read, NOON))
    print(f"a window 16 times as long costs {ratio:.1f} times as much")
    assert ratio < 32


def test_history_that_no_window_reaches_costs_nothing() -> None:
    asked = condition("violations > 2 for 5m")
    long, short = series([1.0] * 200_000, step=STEP), series([1.0] * 100, step=STEP)

    def many(read: Series) -> Callable[[], object]:
        return lambda: [evaluate(asked, read, NOON) for _ in range(50)]

    ratio = fastest(many(long)) / fastest(many(short))
    print(f"2,000 times the history costs {ratio:.1f} times as much")
    assert ratio < 2

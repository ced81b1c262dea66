"""Soak clocks for the tests: rules, watched time, time in which nobody watched."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from console.core.rollouts.plan import OnBad
from console.core.rollouts.soak import (
    Mood,
    Soak,
    SoakRules,
    tick,
)
from tests.core.rollouts.worlds import HOUR, MINUTE, SECOND

ZERO = timedelta(0)
RULES = SoakRules(48 * HOUR, OnBad.PAUSE, tolerance=HOUR, grace=10 * MINUTE, longest_tick=30 * SECOND)
ANEW = replace(RULES, on_bad=OnBad.RESTART)


def go(soak: Soak, span: timedelta, mood: Mood = Mood.GOOD, rules: SoakRules = RULES) -> Soak:
    """Tick every ten seconds for that long."""
    step, end = 10 * SECOND, at(soak) + span
    while at(soak) < end:
        now = min(at(soak) + step, end)
        soak = tick(soak, now, mood, rules, passed=now - at(soak))
    return soak


def away(soak: Soak, span: timedelta, rules: SoakRules = RULES) -> Soak:
    """Nobody watched for that long; then a new process ticks."""
    return tick(soak, at(soak) + span, Mood.GOOD, rules, passed=None)


def at(soak: Soak) -> datetime:
    assert soak.marked is not None
    return soak.marked

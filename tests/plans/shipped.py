"""The shipped systems and plans, read once, and short forms of what is asked of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from functools import cache
from pathlib import Path

from console.core.rollouts.plan import HttpCheck, Phase, RolloutPlan, Rule, Step
from console.core.system import System
from console.systems.catalog import shipped_folder
from console.systems.loader import load_system
from console.systems.rollout_plans import load_plan

SYSTEMS = ("genesis", "hak-gal", "knhk", "lexikon")
FILES = tuple(sorted(path for name in SYSTEMS for path in (shipped_folder() / name).glob("*.rollout.yaml")))
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@cache
def system(name: str) -> System:
    """A shipped system, with no setting set."""
    return load_system(shipped_folder() / name, environ={})


@cache
def plan(name: str, rollout: str) -> RolloutPlan:
    """A shipped plan, with no setting set."""
    return load_plan(shipped_folder() / name / f"{rollout}.rollout.yaml", system(name), environ={})


def plan_of(path: Path) -> RolloutPlan:
    """The plan of one of FILES."""
    return plan(path.parent.name, path.name.removesuffix(".rollout.yaml"))


def phase(found: RolloutPlan, name: str) -> Phase:
    """The phase of that name."""
    index = found.index(name)
    assert index is not None, f"{found.name} has no phase {name}"
    return found.phases[index]


def said(rules: Iterable[Rule]) -> set[str]:
    """Conditions as text, one blank between words."""
    return {" ".join(rule.text.split()) for rule in rules}


def share(one: Phase) -> str:
    """The share as written, `-` where there is none."""
    return one.share.text if one.share is not None else "-"


def urls(steps: Iterable[Step]) -> list[str]:
    """The addresses asked."""
    return [step.url for step in steps if isinstance(step, HttpCheck)]


def ticks(one: Phase, *words: str) -> bool:
    """Whether one item of the checklist holds all of the words."""
    return any(all(word in item for word in words) for item in one.checklist)

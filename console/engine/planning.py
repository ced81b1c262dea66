"""Plans as they are started: read from their files or from the journal, and foreseen in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from console.core.operations import Refused
from console.core.rollouts.plan import RolloutPlan
from console.core.rollouts.state import Rollout
from console.core.system import System
from console.core.units import show_span


def read_plan(system: System, name: str, environ: Mapping[str, str]) -> RolloutPlan:
    """The plan of that name, or in that file. environ: where its settings are looked up. Raises Refused."""
    from console.systems.loader import BrokenFile
    from console.systems.rollout_plans import load_plan

    paths = {path.name.removesuffix(".rollout.yaml"): path for path in system.rollouts}
    path = paths.get(name) or (Path(name) if name.endswith(".rollout.yaml") else None)
    if path is None:
        raise Refused(f"{system.name} has no plan {name}; it has {', '.join(paths) or 'none'}")
    try:
        return load_plan(path, system, environ=environ)
    except BrokenFile as error:
        raise Refused("; ".join(str(fault) for fault in error.faults)) from error


def first_phase(plan: RolloutPlan, phase: str | None) -> int:
    """The place of the phase to begin at. Raises Refused."""
    if phase is None:
        return 0
    index = plan.index(phase)
    if index is None:
        known = ", ".join(each.name for each in plan.phases)
        raise Refused(f"{plan.name} has no phase {phase}; it has {known}")
    return index


def version_of(system: System, plan: RolloutPlan, first: int) -> str:
    """What a plan releases from a phase on. Raises Refused."""
    if plan.version:
        return plan.version
    for phase in plan.phases[first:]:
        environment = system.environment(phase.environment)
        if environment is not None and environment.target:
            return environment.target
    raise Refused(f"{plan.path}: says no `version`, and no environment of it has a `target`; add one of them")


def plan_of(system: System, body: Mapping[str, Any]) -> RolloutPlan:
    """The plan of a rollout as it was started. body: of its STARTED. Raises Refused where it cannot be read."""
    from console.systems.loader import BrokenFile
    from console.systems.rollout_plans import load_plan

    try:
        settings = {str(name): str(value) for name, value in dict(body.get("settings") or {}).items()}
        plan = load_plan(Path(str(body["path"])), system, environ=settings, text=str(body["text"]))
    except BrokenFile as error:
        raise Refused("; ".join(str(fault) for fault in error.faults)) from error
    except (KeyError, TypeError, ValueError) as error:
        raise Refused(f"its record is not complete: {error!r}") from error
    return replace(plan, version=str(body.get("version") or plan.version or ""))


def sentence(plan: RolloutPlan, index: int) -> str:
    """A phase in a line."""
    phase = plan.phases[index]
    named = f"{phase.name}: {phase.shown}" if phase.title and phase.title != phase.name else phase.name
    parts = [f"{index + 1}. {named} in {phase.environment}"]
    if phase.share is not None:
        parts.append(f"{phase.share.text} by {phase.strategy.kind}")
    if phase.soak:
        parts.append(f"watched {show_span(phase.soak)}")
    if phase.checklist:
        parts.append(f"{len(phase.checklist)} items to tick")
    if phase.sign_offs:
        parts.append(f"signed by {', '.join(phase.sign_offs)}")
    return ", ".join(parts)


def notes_of(plan: RolloutPlan, rollout: Rollout) -> tuple[str, ...]:
    """What is to be minded about the plan's file."""
    if rollout.state.over:
        return ()
    try:
        text = plan.path.read_text(encoding="utf-8-sig")
    except OSError:
        return (f"{plan.path.name} is not there any more; the rollout goes on by the plan as it was started",)
    if text != plan.text:
        return (f"{plan.path.name} was edited since; the rollout goes on by the plan as it was started",)
    return ()

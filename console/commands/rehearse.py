"""`hakgal-console rehearse PLAN`: a rollout plan run in virtual time against a scenario."""

from __future__ import annotations

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from console.commands.choosing import load
from console.commands.plain import as_json
from console.commands.rehearse_text import as_table, as_text
from console.commands.wishes import Unclear, wish_of

if TYPE_CHECKING:
    from console.core.rollouts.plan import RolloutPlan
    from console.core.system import System
    from console.engine.scenario import Scenario

ENDING = ".rollout.yaml"
HAPPY = "happy-path"
EXAMPLES = """examples:
  hakgal-console rehearse release                              when each phase begins and ends, if all goes well
  hakgal-console rehearse release --starts 2026-12-01T09:00Z   … if it is started then
  hakgal-console rehearse release --scenario error-spike       what trips in each phase, a line a phase
  hakgal-console rehearse release --scenario error-spike --phase staging-canary
  hakgal-console rehearse canary --system lexikon --scenario weekend
  hakgal-console rehearse ./my/next.rollout.yaml --scenario ./outage.yaml --json | jq '.runs[0].trips'

The engine that drives a real rollout drives it, in virtual time and on scripted metrics; nothing is reached over a
network, nothing is written. What a scenario does not name is good: every gate passes and no criterion trips.
Scenarios that ship: happy-path (default), error-spike, slow-leak, flapping, metrics-gone, weekend.

exit codes: 0 completed; 1 rolled back, held, aborted or not finished at the end; 2 plan, scenario or command not
understood
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    plan = parser.add_argument(
        "plan", metavar="PLAN", help=f"the name of a plan of the system, or a path to a *{ENDING}"
    )
    plan.completer = _plans  # type: ignore[attr-defined]
    scenario = parser.add_argument(
        "--scenario", metavar="FILE|NAME", default=HAPPY, help="what happens meanwhile (default: happy-path)"
    )
    scenario.completer = _scenarios  # type: ignore[attr-defined]
    phase = parser.add_argument("--phase", metavar="NAME", help="the phase that the scenario is about")
    phase.completer = _phases  # type: ignore[attr-defined]
    parser.add_argument("--starts", metavar="WHEN", help="when it is started, such as 2026-12-01T09:00Z (default: now)")
    parser.add_argument(
        "--system",
        metavar="NAME|PATH",
        default=argparse.SUPPRESS,
        help="a shipped or installed system, or the path of a system.yaml or its folder",
    )
    parser.add_argument("--json", action="store_true", help="every run as JSON, times in UTC, spans in seconds")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Rehearse and print."""
    from console.core.rollouts.state import RolloutState
    from console.engine.rehearsal import rehearse
    from console.engine.scenario import NoSteadyValue

    plan, system = _plan_of(arguments)
    if arguments.system is None and not arguments.plan.endswith(ENDING):
        # Beside what is printed, for that may be JSON; the system used last may have been another command's.
        print(f"rehearsing {plan.name} of {system.name} ({system.path})", file=sys.stderr)
    scenario = _scenario_of(arguments.scenario, plan, system)
    phases = _about(arguments.phase, plan, scenario)
    starts = None if arguments.starts is None else _time(arguments.starts)
    try:
        runs = rehearse(plan, system, scenario, datetime.now(UTC).replace(microsecond=0), starts=starts, phases=phases)
    except NoSteadyValue as error:
        raise Unclear(f"{plan.path}: {error}") from error
    if arguments.json:
        print(as_json({"plan": plan.name, "system": system.name, "scenario": scenario.name, "runs": runs}))
    else:
        lines = as_text(plan, scenario, runs[0]) if len(runs) == 1 else as_table(plan, scenario, runs)
        print("\n".join(lines))
    meant = [one for one in runs if one.applies]
    return 0 if all(one.state is RolloutState.COMPLETED for one in meant) else 1


def _plan_of(arguments: argparse.Namespace) -> tuple[RolloutPlan, System]:
    """The plan that is meant, with its system. Raises Unclear."""
    from console.systems.loader import BrokenFile
    from console.systems.rollout_plans import load_plan

    named, wish = Path(arguments.plan).expanduser(), wish_of(arguments)
    if arguments.plan.endswith(ENDING):
        if not named.is_file():
            raise Unclear(f"there is no file {named}")
        system = load(str(named.parent) if arguments.system is None else arguments.system)
    elif wish is None:
        raise Unclear("which system? name it with `--system`, or give the path of a plan")
    else:
        system = load(wish.system)
        plans = {path.name.removesuffix(ENDING): path for path in system.rollouts}
        if arguments.plan not in plans:
            from console.systems.faults import did_you_mean

            raise Unclear(
                f"{system.name} has no plan `{arguments.plan}`; {did_you_mean(arguments.plan, plans, 'it has')}"
            )
        named = plans[arguments.plan]
    try:
        return load_plan(named.absolute(), system, environ=os.environ), system
    except BrokenFile as error:
        raise Unclear("\n".join(str(fault) for fault in error.faults)) from error


def _scenario_of(name: str, plan: RolloutPlan, system: System) -> Scenario:
    from console.engine.scenarios import read_scenario, resolve_scenario
    from console.systems.faults import BrokenFile

    try:
        return read_scenario(resolve_scenario(name), plan, system)
    except LookupError as error:
        raise Unclear(str(error.args[0])) from error
    except BrokenFile as error:
        raise Unclear("\n".join(str(fault) for fault in error.faults)) from error


def _about(phase: str | None, plan: RolloutPlan, scenario: Scenario) -> tuple[int, ...]:
    """The phases that the runs are about. Without a name: each in turn, or the first that has something to watch."""
    from console.engine.rehearsal import usual_phase

    if phase is not None:
        index = plan.index(phase)
        if index is None:
            raise Unclear(f"{plan.path.name} has no phase {phase}; it has {', '.join(one.name for one in plan.phases)}")
        return (index,)
    return tuple(range(len(plan.phases))) if scenario.each else (usual_phase(plan),)


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise Unclear(f"`{text}` is no time with its zone; write `2026-12-01T09:00Z`")
    return at.astimezone(UTC)


def _plans(prefix: str, parsed_args: argparse.Namespace, **_other: object) -> list[str]:
    """Names of plans, for the shell."""
    from console.systems.rollout_plans import plan_names

    try:
        wish = wish_of(parsed_args)
        found = [] if wish is None else list(plan_names(load(wish.system).path.parent))
    except Unclear:
        found = []
    return found + [str(path) for path in Path(prefix or ".").parent.glob(f"*{ENDING}")]


def _scenarios(prefix: str, **_other: object) -> list[str]:
    """Names of scenarios that ship and files, for the shell."""
    from console.engine.scenarios import scenario_files

    folder = Path(prefix) if prefix.endswith("/") else Path(prefix or ".").parent
    return [*scenario_files(), *(str(path) for path in folder.glob("*.yaml") if not path.name.endswith(ENDING))]


def _phases(prefix: str, parsed_args: argparse.Namespace, **_other: object) -> list[str]:
    """The phases of the plan, for the shell."""
    try:
        return [phase.name for phase in _plan_of(parsed_args)[0].phases if phase.name.startswith(prefix)]
    except (Unclear, AttributeError, TypeError):
        return []

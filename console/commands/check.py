"""`hakgal-console check PATH`: every fault of a system's files at once."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from console.commands.plain import as_json
from console.systems.catalog import FILE, PLAN, UnknownSystem, plan_files, resolve_system
from console.systems.loader import BrokenFile, check, load_system

EXAMPLES = """examples:
  hakgal-console check runbooks/hak-gal
  hakgal-console check my-system/system.yaml
  hakgal-console check my-system/release.rollout.yaml

prints `file:line: what is wrong; what would be right` for each fault, and without one a line for each file read
exit codes: 0 no fault; 1 faults; 2 there is no such file
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    known = "a system.yaml, its folder, one of its *.rollout.yaml, or the name of a shipped system"
    parser.add_argument("path", help=known)
    parser.add_argument("--json", action="store_true", help="the faults as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print every fault."""
    try:
        path = resolve_system(arguments.path)
    except UnknownSystem as error:
        print(f"hakgal-console: {error}", file=sys.stderr)
        return 2
    faults = check(Path(path))
    if arguments.json:
        print(as_json({"path": path, "faults": faults}))
    else:
        print("\n".join([*map(str, faults), *_unjudged(path)] if faults else _read(path)))
    return 1 if faults else 0


def _read(path: Path) -> list[str]:
    """A line for each file that was read and has no fault."""
    from console.systems.rollout_plans import load_plan

    plan_only = path.name.endswith(PLAN)
    system = load_system(path.absolute().parent if plan_only else path)
    plans = (path,) if plan_only else system.rollouts
    lines = [] if plan_only else [f"{system.path}: no fault"]
    for plan in plans:
        phases = len(load_plan(plan, system).phases)
        lines.append(f"{plan}: no fault, {phases} phase{'' if phases == 1 else 's'}")
    return lines + [f"{runbook}: no fault" for runbook in (() if plan_only else system.runbooks)]


def _unjudged(path: Path) -> list[str]:
    """A line for each plan that was not looked at, for its system cannot be read."""
    plan_only = path.name.endswith(PLAN)
    folder = path.absolute() if path.is_dir() else path.absolute().parent
    try:
        load_system(folder)
    except BrokenFile:
        plans = (path,) if plan_only else plan_files(folder)
        return [f"{plan}: not judged, for {FILE} has faults; mend those first" for plan in plans]
    return []

"""`hakgal-console rollback`: the same rollback as the screen's, for scripts and for a terminal without one."""

from __future__ import annotations

import argparse
import sys

from console.commands.choosing import Choice, must_choose
from console.commands.desk_of import EXITS, cluster_answered, desk_of, follow, observed
from console.commands.plain import as_json
from console.commands.rollout_words import by_command
from console.commands.wishes import add_choice, add_read_only
from console.core.operations import Refused
from console.core.plans import RollbackPlan

EXAMPLES = """examples:
  hakgal-console rollback                                show what would be done, and do nothing
  hakgal-console rollback --confirm hak-gal              roll back to the version recorded good
  hakgal-console rollback --to 4 --confirm hak-gal       roll back to revision 4

exit codes: 0 rolled back and verified; 1 begun and not reached; 2 refused, nothing was done; 3 unknown, verify
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    add_choice(parser)
    parser.add_argument("--to", type=int, metavar="REVISION", help="the revision to return to")
    parser.add_argument("--workload", metavar="NAME", help="the deployment, where the system has several")
    parser.add_argument("--confirm", metavar="TARGET", help="the system's name; without it only the plan is shown")
    add_read_only(parser)
    parser.add_argument("--json", action="store_true", help="the outcome as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Show the plan; with --confirm, carry it out and follow it to its verified end."""
    choice = must_choose(arguments, changes=arguments.confirm is not None)
    with desk_of(choice, read_only=arguments.read_only) as engine:
        observed(engine, choice, cluster_answered)
        try:
            plan = engine.plan_rollback(arguments.to, arguments.workload)
            if plan.environment not in ("", choice.environment.name):
                raise Refused(_elsewhere(plan, choice))
            if not arguments.json:
                print("\n".join(as_text(plan, choice.environment.name)))
            if arguments.confirm is None:
                if arguments.json:
                    print(as_json({"plan": plan}))
                else:
                    print(f"nothing was done; add --confirm {plan.target} to roll back")
                return 0
            operation = engine.roll_back(plan, arguments.confirm)
        except Refused as error:
            print(f"hakgal-console: {by_command(str(error))}", file=sys.stderr)
            return 2
        ended = follow(engine, operation, quiet=arguments.json)
    print(as_json({"plan": plan, "operation": ended}) if arguments.json else by_command(ended.summary))
    return EXITS[ended.outcome]


def _elsewhere(plan: RollbackPlan, choice: Choice) -> str:
    """A rollout is under way in another environment than the one that was named; which of them is meant?"""
    here = choice.environment
    alone = here.kubernetes.workloads[0].deployment if here.kubernetes else "NAME"
    return (
        f"{plan.rollout} is under way in {plan.environment}: --env {plan.environment} rolls it back; "
        f"--env {here.name} --workload {alone} rolls {here.name} back and leaves it alone"
    )


def as_text(plan: RollbackPlan, environment: str) -> list[str]:
    """The plan as the dialog shows it."""
    revision = "" if plan.rollout else f"revision {plan.now_revision}, "
    target = "" if plan.rollout else f"revision {plan.to_revision or '(template from the journal)'}, "
    return [
        f"Roll back {plan.workload} in {environment.upper()} (namespace {plan.namespace})",
        *([f"  all of {plan.rollout}"] if plan.rollout else []),
        f"  now    {plan.now_version}  {revision}{plan.now_pods}",
        f"  to     {plan.to_version}  {target}{plan.why}",
        *(f"  does   {line}" for line in plan.does),
        *(f"  leaves {line}" for line in plan.leaves),
        *(f"  diff   {line}" for line in plan.diff),
        *(f"  WARN   {line}" for line in plan.warnings),
    ]

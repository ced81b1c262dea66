"""`hakgal-console bypass`: grant, revoke and look at the emergency bypass."""

from __future__ import annotations

import argparse
import sys
from datetime import timedelta

from console.commands.choosing import must_choose
from console.commands.desk_of import EXITS, desk_of, follow, observed, store_answered
from console.commands.plain import as_json
from console.commands.wishes import add_choice, add_read_only
from console.core.operations import Refused
from console.core.picture import Picture

EXAMPLES = """examples:
  hakgal-console bypass status
  hakgal-console bypass grant --reason "false positives after the rule push" --minutes 10 --confirm hak-gal
  hakgal-console bypass revoke

A bypass ends by itself after at most 15 minutes: the store holds it, not this program.
exit codes: 0 done (status: none open); 1 failed (status: one is open); 2 refused; 3 unknown
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the three verbs."""
    parser.epilog = EXAMPLES
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="grant|revoke|status")
    grant = verbs.add_parser("grant", help="switch the guards off for at most 15 minutes")
    grant.add_argument("--reason", required=True, help="why; it is written to the journal and the bypass log")
    grant.add_argument("--minutes", type=float, default=15.0, metavar="N", help="how long, 15 at most (default 15)")
    grant.add_argument("--confirm", required=True, metavar="TARGET", help="the system's name")
    revoke = verbs.add_parser("revoke", help="end the open bypass now")
    status = verbs.add_parser("status", help="say whether one is open")
    for verb, run in ((grant, run_grant), (revoke, run_revoke), (status, run_status)):
        add_choice(verb)
        verb.add_argument("--json", action="store_true", help="the outcome as JSON")
        add_read_only(verb)
        verb.set_defaults(run=run)


def run_grant(arguments: argparse.Namespace) -> int:
    """Grant and print until when."""
    choice = must_choose(arguments, changes=True)
    with desk_of(choice, read_only=arguments.read_only) as engine:
        observed(engine, choice, store_answered)
        try:
            engine.plan_bypass()
            operation = engine.grant_bypass(arguments.reason, timedelta(minutes=arguments.minutes), arguments.confirm)
        except Refused as error:
            return refused(error)
        ended = follow(engine, operation, quiet=arguments.json)
    print(as_json(ended) if arguments.json else ended.summary)
    return EXITS[ended.outcome]


def run_revoke(arguments: argparse.Namespace) -> int:
    """Revoke and print."""
    choice = must_choose(arguments, changes=True)
    with desk_of(choice, read_only=arguments.read_only) as engine:
        observed(engine, choice, store_answered)
        try:
            operation = engine.revoke_bypass()
        except Refused as error:
            return refused(error)
        ended = follow(engine, operation, quiet=arguments.json)
    print(as_json(ended) if arguments.json else ended.summary)
    return EXITS[ended.outcome]


def run_status(arguments: argparse.Namespace) -> int:
    """Print whether a bypass is open."""
    choice = must_choose(arguments)
    with desk_of(choice, read_only=True) as engine:
        picture = observed(engine, choice, store_answered)
    print(as_json({"bypass": picture.bypass}) if arguments.json else words(picture))
    if not picture.bypass_offered:
        return 2
    state = picture.bypass
    if state.value is None or state.error is not None:
        return 3
    return 0 if state.value.grant is None else 1


def words(picture: Picture) -> str:
    """The state of the bypass in a sentence."""
    if not picture.bypass_offered:
        return f"{picture.system} offers no bypass in {picture.environment}"
    state = picture.bypass
    if state.value is None or state.error is not None:
        return f"unknown: {state.error or 'the store has not answered'}"
    used = f"{state.value.today} of {state.value.a_day} used today"
    grant = state.value.grant
    if grant is None:
        odd = f"; {state.value.warning}" if state.value.warning else ""
        return f"no bypass is open; {used}{odd}"
    left = int(state.value.remaining.total_seconds())
    return f'BYPASS ON, {left // 60}:{left % 60:02} left: "{grant.reason}" by {grant.actor}@{grant.host}; {used}'


def refused(error: Refused) -> int:
    """Say why nothing was done."""
    print(f"hakgal-console: {error}", file=sys.stderr)
    return 2

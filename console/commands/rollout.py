"""`hakgal-console rollout`: start, see and steer a rollout from a script or a plain terminal."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import timedelta

from console.commands.choosing import Choice, choose, load
from console.commands.desk_of import desk_of
from console.commands.plain import as_json
from console.commands.rollout_json import as_body
from console.commands.rollout_text import as_text
from console.commands.rollout_words import by_command
from console.commands.wishes import Unclear, Wish, add_choice, add_read_only, wish_of
from console.core.operations import Refused
from console.core.rollouts.state import RolloutState
from console.core.rollouts.view import RolloutView
from console.engine.engine import Engine

EXAMPLES = """examples:
  hakgal-console rollout start release                       show what the plan would do, and do nothing
  hakgal-console rollout start release --confirm hak-gal     start it; a watcher drives it from here on
  hakgal-console rollout status                              where it stands, why, and what is next
  hakgal-console rollout status --json | jq .state
  hakgal-console rollout tick 2 --note "checked the logs"
  hakgal-console rollout sign "security lead" go --confirm genesis
  hakgal-console rollout promote --confirm hak-gal           only where every gate passes
  hakgal-console rollout promote --confirm hak-gal --override "the metric is known to be broken, see incident 12"
  hakgal-console rollout hold "waiting for the database team" / resume
  hakgal-console rollout retry staging-canary --confirm hak-gal
  hakgal-console rollout abort "not needed any more" --confirm hak-gal

Rolling back is `hakgal-console rollback`; while a rollout is under way it returns to what its start recorded good.

exit codes of status: 0 on its way or completed, 1 held, flying blind, waiting for a person, or nobody drives, 2 not
understood, 3 rolled back, rolling back or aborted, 4 no rollout was ever started; of the others: 0 done, 2 refused

JSON: .phase is {number, name, of}; a gate's .state is pass, fail, pending, no data or error; a rollback criterion's
.state is quiet, pending, tripped, no data or error; a phase has .begun, and .estimated while its .begins is to come
"""

STATUS = {
    RolloutState.HELD: 1,
    RolloutState.WAITING: 1,
    RolloutState.ROLLING_BACK: 3,
    RolloutState.ROLLED_BACK: 3,
    RolloutState.ABORTED: 3,
}
NONE = 4
READ = timedelta(seconds=3)


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    parser.set_defaults(run=run, ask=None)
    add_choice(parser)
    verbs = parser.add_subparsers(title="what to do", metavar="VERB")

    def verb(
        name: str, told: str, ask: Callable[[Engine, argparse.Namespace], str], *, typed: bool
    ) -> argparse.ArgumentParser:
        made = verbs.add_parser(name, help=told, description=told)
        add_choice(made)
        add_read_only(made)
        if typed:
            made.add_argument(
                "--confirm", metavar="TARGET", default="", help="the system's name, as a screen has it typed"
            )
        made.add_argument("--json", action="store_true", help="the rollout as JSON afterwards")
        made.set_defaults(run=run, ask=ask, verb=name)
        return made

    start = verb("start", "start a plan; without --confirm only show it", _start, typed=True)
    plan = start.add_argument("plan", metavar="PLAN", help="the plan's name, such as release")
    plan.completer = _plans  # type: ignore[attr-defined]
    start.add_argument("--phase", metavar="NAME", help="begin at this phase")
    start.add_argument("--version", dest="released", metavar="VERSION", help="instead of the plan's or the target")
    verb("status", "where the rollout stands", _status, typed=False)
    promote = verb("promote", "go on to the next phase", _promote, typed=True)
    promote.add_argument("--override", metavar="REASON", default="", help="although something is not met; recorded")
    hold = verb("hold", "stop the soak and promotion", _hold, typed=False)
    hold.add_argument("reason", metavar="REASON")
    verb("resume", "end a hold", _resume, typed=False)
    abort = verb("abort", "end the rollout and leave the traffic as it is", _abort, typed=True)
    abort.add_argument("reason", metavar="REASON")
    retry = verb("retry", "try again from a phase", _retry, typed=True)
    retry.add_argument("phase", metavar="PHASE")
    tick = verb("tick", "tick a checklist item", _tick, typed=False)
    tick.add_argument("item", type=int, metavar="NUMBER", help="from 1, as status lists them")
    tick.add_argument("--note", default="", metavar="TEXT")
    tick.add_argument("--undo", action="store_true", help="take the tick back")
    sign = verb("sign", "sign for a role", _sign, typed=True)
    sign.add_argument("role", metavar="ROLE")
    sign.add_argument("decision", choices=("go", "no-go"))
    sign.add_argument("--note", default="", metavar="TEXT")
    look = verb("look", "write down that somebody looked", _look, typed=False)
    look.add_argument("--note", default="", metavar="TEXT")
    verb("take-over", "have a watcher of this machine drive, whoever drives now", _take_over, typed=True)


def run(arguments: argparse.Namespace) -> int:
    """Do what the verb says; `status` where none was given."""
    if arguments.ask is None:
        arguments.ask, arguments.verb, arguments.json, arguments.read_only = _status, "status", False, True
    with desk_of(_choice(arguments), read_only=arguments.read_only or arguments.verb == "status") as engine:
        if not getattr(arguments, "confirm", "typed") and arguments.verb != "start" and not arguments.read_only:
            print(f"hakgal-console: nothing was done; add --confirm {engine.system.name}", file=sys.stderr)
            return 2
        engine.open_books()
        try:
            said = arguments.ask(engine, arguments)
        except Refused as error:
            print(f"hakgal-console: {by_command(str(error))}", file=sys.stderr)
            return 2
        view = engine.rollout
        if arguments.json:
            print(as_json(None if view is None else as_body(view)))
        elif said:
            print(said if arguments.verb == "status" else by_command(said))
        if arguments.verb != "status":
            return 0
        return NONE if view is None else status_code(view)


def status_code(view: RolloutView) -> int:
    """What a script is told of a rollout."""
    under_way = not view.state.over and view.state is not RolloutState.ROLLED_BACK
    if under_way and (view.blind or not view.driver.alive):
        return max(1, STATUS.get(view.state, 0))
    return STATUS.get(view.state, 0)


def _choice(arguments: argparse.Namespace) -> Choice:
    """The system; which of its environments does not matter, for a rollout goes through all of its plan's."""
    wish = wish_of(arguments)
    if wish is None:
        raise Unclear("say which system: --system with its name, or the path of a system.yaml")
    if arguments.verb != "status" and arguments.system is None:
        named = Wish(wish.system, None).name
        raise Unclear(f"say which system is meant: --system {named}; the one used last may have been another command's")
    choice = choose(arguments)
    if choice is not None:
        return choice
    system = load(wish.system)
    return Choice(system, system.environments[0])


def _start(engine: Engine, arguments: argparse.Namespace) -> str:
    if not arguments.confirm:
        lines = engine.foresee_start(arguments.plan, arguments.phase)
        return "\n".join([*lines, f"nothing was done; add --confirm {engine.system.name} to start it"])
    return engine.start_rollout(arguments.plan, arguments.confirm, phase=arguments.phase, version=arguments.released)


def _status(engine: Engine, arguments: argparse.Namespace) -> str:
    view = engine.rollout
    if view is None:
        plans = ", ".join(engine.rollout_names) or "none"
        why = engine.rollout_error
        return f"could not read: {why}" if why else f"no rollout was ever started here; plans: {plans}"
    return "\n".join(as_text(view))


def _promote(engine: Engine, arguments: argparse.Namespace) -> str:
    return engine.promote(arguments.confirm, arguments.override)


def _hold(engine: Engine, arguments: argparse.Namespace) -> str:
    return engine.hold(arguments.reason)


def _resume(engine: Engine, _arguments: argparse.Namespace) -> str:
    return engine.resume()


def _abort(engine: Engine, arguments: argparse.Namespace) -> str:
    return engine.abort(arguments.confirm, arguments.reason)


def _retry(engine: Engine, arguments: argparse.Namespace) -> str:
    return engine.retry(arguments.phase, arguments.confirm)


def _tick(engine: Engine, arguments: argparse.Namespace) -> str:
    return engine.tick(arguments.item - 1, not arguments.undo, arguments.note)


def _sign(engine: Engine, arguments: argparse.Namespace) -> str:
    return engine.sign(arguments.role, arguments.decision, arguments.note, arguments.confirm)


def _look(engine: Engine, arguments: argparse.Namespace) -> str:
    return engine.look(arguments.note)


def _take_over(engine: Engine, arguments: argparse.Namespace) -> str:
    return engine.take_over(arguments.confirm)


def _plans(prefix: str, parsed_args: argparse.Namespace, **_: object) -> list[str]:
    from console.systems.catalog import UnknownSystem, resolve_system
    from console.systems.rollout_plans import plan_names

    wish = wish_of(parsed_args)
    if wish is None:
        return []
    try:
        names = plan_names(resolve_system(wish.system).parent)
    except (UnknownSystem, OSError):
        return []
    return [name for name in names if name.startswith(prefix)]

"""`hakgal-console`: the console itself."""

from __future__ import annotations

import argparse
import sys

from console.actions.table import actions_of
from console.commands.choosing import Choice, Unclear, add_read_only, choose, folder_of, pick, remember
from console.engine.engine import Engine
from console.systems.settings import BrokenSettings, read_settings


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of the console itself."""
    add_read_only(parser, default=False)
    parser.add_argument("--ascii", action="store_true", help="draw with ASCII only")


def run(arguments: argparse.Namespace) -> int:
    """Open the console on what the arguments mean; ask where they leave it open."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Unclear("the console needs a terminal; for scripts there is `hakgal-console status --json`")
    choice = choose(arguments) or pick(arguments.system, ascii_only=arguments.ascii)
    return operate(choice, read_only=arguments.read_only, ascii_only=arguments.ascii)


SWITCH = -1


def operate(choice: Choice | None, *, read_only: bool, ascii_only: bool) -> int:
    """Open the console, and again on whatever is picked when the person asks for another environment."""
    while choice is not None:
        code = open_console(choice, read_only=read_only, ascii_only=ascii_only)
        if code != SWITCH:
            return code
        choice = pick(None, ascii_only=ascii_only)
    return 0


def open_console(choice: Choice, *, read_only: bool, ascii_only: bool) -> int:
    """Run the console; returns the exit code, or SWITCH where the person asked for another environment."""
    from console.app import ConsoleApp

    try:
        settings = read_settings({action.id: action.key for action in actions_of("dashboard")})
    except BrokenSettings as error:
        raise Unclear(str(error)) from error
    if choice.environment.faults is None:
        remember(choice)
    engine = Engine(choice.system, choice.environment, folder=folder_of(choice.system), read_only=read_only)
    engine.log_in(lambda line: print(line, file=sys.stderr, flush=True))
    app = ConsoleApp(
        engine,
        theme=settings.theme,
        ascii_only=ascii_only or settings.ascii,
        mouse=settings.mouse,
        keys=settings.keys,
    )
    try:
        app.run()
    finally:
        engine.stop("the console was left")
    return SWITCH if app.return_value == "switch" else (app.return_code or 0)

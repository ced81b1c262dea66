"""`hakgal-console`: the console itself."""

from __future__ import annotations

import argparse
import sys

from console.commands.choosing import Choice, Unclear, add_read_only, choose, load, remember
from console.core.system import Tone
from console.engine.engine import Engine
from console.systems.catalog import find_systems
from console.systems.places import state_dir


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of the console itself."""
    add_read_only(parser, default=False)
    parser.add_argument("--ascii", action="store_true", help="draw with ASCII only")


def run(arguments: argparse.Namespace) -> int:
    """Open the console on what the arguments mean; ask where they leave it open."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Unclear("the console needs a terminal; for scripts there is `hakgal-console status --json`")
    choice = choose(arguments)
    while True:
        if choice is None:
            choice = pick(arguments.system, ascii_only=arguments.ascii)
            if choice is None:
                return 0
        code = open_console(choice, read_only=arguments.read_only, ascii_only=arguments.ascii)
        if code != SWITCH:
            return code
        choice = None
        arguments.system = None


SWITCH = -1


def pick(system: str | None, *, ascii_only: bool) -> Choice | None:
    """Ask which system and environment; None where the person leaves. Raises Unclear where there is nothing to pick."""
    from screens.picker import Entry, PickerApp, entries_of

    if system is not None:
        entries = entries_of([load(system)])
    else:
        entries = []
        for found in find_systems():
            try:
                entries += entries_of([load(str(found.path))])
            except Unclear as error:
                first = str(error).splitlines()[0]
                entries.append(Entry(str(found.path), found.name, "", "", Tone.STAGING, fault=first))
    if not entries:
        raise Unclear("no system is installed; `hakgal-console sandbox` opens a practice world")
    picked = PickerApp(entries, ascii_only=ascii_only).run()
    if picked is None:
        return None
    loaded = load(picked.path)
    environment = loaded.environment(picked.environment)
    return None if environment is None else Choice(loaded, environment)


def open_console(choice: Choice, *, read_only: bool, ascii_only: bool) -> int:
    """Run the console; returns the exit code, or SWITCH where the person asked for another environment."""
    from console.app import ConsoleApp

    if choice.environment.faults is None:
        remember(choice)
    engine = Engine(choice.system, choice.environment, folder=state_dir(choice.system.name), read_only=read_only)
    app = ConsoleApp(engine, ascii_only=ascii_only)
    try:
        app.run()
    finally:
        engine.stop("the console was left")
    return SWITCH if app.return_value == "switch" else (app.return_code or 0)

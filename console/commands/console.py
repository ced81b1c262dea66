"""`hakgal-console`: the console itself. It paints first; the system's file is read behind the first picture."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from console.commands.wishes import Unclear, Wish, wish_of

if TYPE_CHECKING:
    from console.app import ConsoleApp
    from console.commands.choosing import Choice
    from console.engine.engine import Engine

SWITCH = -1


class LoginFirst(Exception):
    """The cluster's login may ask on the terminal, so the screen must give it back first."""

    def __init__(self, engine: Engine) -> None:
        super().__init__("the cluster asks for a login")
        self.engine = engine


def run(arguments: argparse.Namespace) -> int:
    """Open the console on what the arguments mean; ask where they leave it open."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Unclear("the console needs a terminal; for scripts there is `hakgal-console status --json`")
    wish = wish_of(arguments)
    if wish is None or wish.environment is None:
        from console.commands.choosing import choose, pick

        choice = choose(arguments) or pick(arguments.system, ascii_only=arguments.ascii)
        wish = None if choice is None else wish_for(choice)
    return operate(wish, read_only=arguments.read_only, ascii_only=arguments.ascii)


def wish_for(choice: Choice) -> Wish:
    """A choice as a wish."""
    return Wish(str(choice.system.path), choice.environment.name)


def operate(wish: Wish | None, *, read_only: bool, ascii_only: bool) -> int:
    """Open the console, and again when the person asks for another environment: on what is picked, or where it was."""
    while wish is not None:
        code = open_console(wish, read_only=read_only, ascii_only=ascii_only)
        if code != SWITCH:
            return code
        from console.commands.choosing import pick

        choice = pick(None, also=wish.system, ascii_only=ascii_only)
        wish = wish if choice is None else wish_for(choice)
    return 0


def open_console(wish: Wish, *, read_only: bool, ascii_only: bool) -> int:
    """Run the console; returns the exit code, or SWITCH where the person asked for another environment.

    Raises Unclear, after the terminal has been given back, where the system cannot be opened.
    """
    make = maker(ascii_only=ascii_only)
    opened: list[Engine] = []
    app = make(None, lambda: opened_engine(wish, read_only, opened), (wish.name, wish.environment or ""))
    try:
        try:
            app.run()
        except LoginFirst as first:
            first.engine.log_in(lambda line: print(line, file=sys.stderr, flush=True))
            app = make(first.engine, None, ("", ""))
            app.run()
    finally:
        for engine in opened:
            engine.stop("the console was left")
    return SWITCH if app.return_value == "switch" else (app.return_code or 0)


def opened_engine(wish: Wish, read_only: bool, opened: list[Engine]) -> Engine:
    """Read the system and make its engine; in a thread, behind the first picture. Raises Unclear and LoginFirst."""
    from console.commands.choosing import chosen, folder_of, remember
    from console.commands.logbook import keep_log
    from console.engine.engine import Engine

    choice = chosen(wish)
    if choice is None:
        raise Unclear(f"say which environment of {wish.system}: --env NAME")
    if choice.environment.faults is None:
        remember(choice)
    folder = folder_of(choice.system)
    keep_log(folder)
    engine = Engine(choice.system, choice.environment, folder=folder, read_only=read_only)
    opened.append(engine)
    if engine.asks_for_login:
        raise LoginFirst(engine)
    return engine


Maker = Callable[["Engine | None", "Callable[[], Engine] | None", tuple[str, str]], "ConsoleApp"]


def maker(*, ascii_only: bool) -> Maker:
    """What makes the application with the engineer's own settings. Raises Unclear where those are broken."""
    from console.actions.table import actions_of
    from console.app import ConsoleApp
    from console.systems.settings import BrokenSettings, read_settings

    try:
        settings = read_settings({action.id: action.key for action in actions_of("dashboard")})
    except BrokenSettings as error:
        raise Unclear(str(error)) from error

    def make(desk: Engine | None, opening: Callable[[], Engine] | None, naming: tuple[str, str]) -> ConsoleApp:
        return ConsoleApp(
            desk,
            opening=opening,
            naming=naming,
            theme=settings.theme,
            ascii_only=ascii_only or settings.ascii,
            mouse=settings.mouse,
            keys=settings.keys,
        )

    return make

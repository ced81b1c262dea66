"""Which system and environment a command means: named, the only one, or the one used last."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from console.commands.wishes import Unclear, Wish, wish_of
from console.core.system import Environment, System, Tone
from console.systems.catalog import UnknownSystem, find_systems, resolve_system
from console.systems.loader import BrokenFile, load_system
from console.systems.places import remember_used, state_of, state_root


@dataclass(frozen=True, slots=True)
class Choice:
    """A system and one of its environments."""

    system: System
    environment: Environment


def load(name_or_path: str) -> System:
    """The system of that name or path. Raises Unclear with every fault of a broken file."""
    try:
        return load_system(resolve_system(name_or_path))
    except BrokenFile as error:
        raise Unclear("\n".join(str(fault) for fault in error.faults)) from error
    except UnknownSystem as error:
        raise Unclear(str(error)) from error


def pick_environment(system: System, name: str | None) -> Environment | None:
    """The environment named, or the only one; None where the person must choose. Raises Unclear for an unknown name."""
    if name is None:
        return system.environments[0] if len(system.environments) == 1 else None
    environment = system.environment(name)
    if environment is None:
        known = [entry.name for entry in system.environments]
        near = get_close_matches(name, known, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise Unclear(f"{system.name} has no environment {name}; it has {', '.join(known)}{hint}")
    return environment


def chosen(wish: Wish) -> Choice | None:
    """What a wish means; None where its system has several environments and none was named. Raises Unclear."""
    system = load(wish.system)
    environment = pick_environment(system, wish.environment)
    return None if environment is None else Choice(system, environment)


def choose(arguments: argparse.Namespace) -> Choice | None:
    """What the arguments mean; None where only a person can say. Raises Unclear."""
    wish = wish_of(arguments)
    return None if wish is None else chosen(wish)


def must_choose(arguments: argparse.Namespace, *, changes: bool = False) -> Choice:
    """Like choose; asks on a terminal, and elsewhere raises Unclear with what can be typed.

    changes: what is to be done changes something, so that of several environments one must be named: the one used last
    may have been another command's.
    """
    choice = choose(arguments)
    if changes and choice is not None and arguments.env is None and len(choice.system.environments) > 1:
        arguments.system, choice = str(choice.system.path), None
    if choice is None and sys.stdin.isatty() and sys.stdout.isatty():
        choice = pick(arguments.system)
        if choice is None:
            raise Unclear("nothing was picked")
    if choice is None:
        if arguments.system is not None:
            known = ", ".join(entry.name for entry in load(arguments.system).environments)
            raise Unclear(f"say which environment: --env with one of {known}")
        names = ", ".join(entry.name for entry in find_systems())
        raise Unclear(f"say which system: --system with one of {names}, or the path of a system.yaml; and --env")
    return choice


def folder_of(system: System) -> Path:
    """Where the system's state is kept. Raises Unclear where it cannot be."""
    try:
        return state_of(system)
    except OSError as error:
        raise Unclear(
            f"{error.filename or state_root()}: the state folder cannot be made: {error.strerror}; "
            "make it writable, or set HAKGAL_STATE_DIR to a folder that is"
        ) from error


def remember(choice: Choice) -> None:
    """Keep the choice for the next command; a folder that cannot be written is no reason to stop."""
    try:
        remember_used(str(choice.system.path), choice.environment.name)
    except OSError as error:
        where = error.filename or state_root()
        print(f"the choice is not remembered: {where}: {error.strerror}", file=sys.stderr)


def pick(system: str | None, *, also: str | None = None, ascii_only: bool = False) -> Choice | None:
    """Ask which system and environment; None where the person leaves. Raises Unclear where there is nothing to pick.

    system: offer this one's environments only. also: the path of one to offer besides those that are installed.
    """
    from screens.picker import Entry, PickerApp, entries_of

    if system is not None:
        entries = entries_of([load(system)])
    else:
        entries = []
        offered = {str(found.path): found.name for found in find_systems()}
        for path, name in ({also: Wish(also, None).name} | offered if also else offered).items():
            try:
                entries += entries_of([load(path)])
            except Unclear as error:
                entries.append(Entry(path, name, "", "", Tone.STAGING, fault=str(error).splitlines()[0]))
    if not entries:
        raise Unclear("no system is installed; `hakgal-console sandbox` opens a practice world")
    picked = PickerApp(entries, ascii_only=ascii_only).run()
    if picked is None:
        return None
    loaded = load(picked.path)
    environment = loaded.environment(picked.environment)
    return None if environment is None else Choice(loaded, environment)

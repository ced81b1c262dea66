"""Where a run of a runbook belongs: a system's environment, or this machine where no system is meant."""

from __future__ import annotations

import argparse
from pathlib import Path

from console.commands.choosing import Choice, choose, load, must_choose
from console.commands.wishes import Unclear, wish_of
from console.core.system import Environment, System, Tone
from console.systems.catalog import FILE, UnknownSystem, resolve_system
from console.systems.places import last_used, state_root

LOCAL, HERE = "local", "here"


def local() -> Choice:
    """A system without servers, for files of no system. Its runs are kept in the state folder of its name."""
    # Nobody knows what is reached from this machine, so that it counts as the most careful kind of place.
    here = Environment(HERE, Tone.PRODUCTION, None, None, None, None, None, None, (), ())
    path = state_root() / LOCAL / FILE
    return Choice(System(LOCAL, LOCAL, "this machine", path, (here,), (), (), (), None, None, ()), here)


def has_local() -> bool:
    """Whether a run was ever begun on this machine without a system."""
    return (state_root() / LOCAL).is_dir()


def system_of(arguments: argparse.Namespace) -> System:
    """The system that is meant; that of this machine where no other was ever used. Raises Unclear."""
    if _means_local(arguments):
        return local().system
    wish = wish_of(arguments)
    if wish is not None:
        return load(wish.system)
    if has_local():
        return local().system
    raise Unclear("say which system: --system with its name, or the path of a system.yaml")


def place_of(path: Path, arguments: argparse.Namespace) -> Choice:
    """Where a run of this file belongs. Raises Unclear.

    What is named counts; else the system whose folder the file lies in; else what was used last, where it is still
    there; else this machine.
    """
    if _means_local(arguments):
        return _local_as(arguments.env)
    if arguments.system is None and (path.parent / FILE).is_file():
        arguments.system = str(path.parent / FILE)
    if arguments.system is not None:
        return must_choose(arguments, changes=True)
    used = last_used()
    if used is None or not _is_there(used.system):
        only = wish_of(arguments) if used is None else None
        return _local_as(arguments.env) if only is None else must_choose(arguments, changes=True)
    return choose(arguments) or must_choose(arguments, changes=True)


def _local_as(environment: str | None) -> Choice:
    if environment not in (None, HERE):
        raise Unclear(f"{LOCAL} has no environment {environment}; it has {HERE}; say which system with --system")
    return local()


def _means_local(arguments: argparse.Namespace) -> bool:
    """A system that is installed under the same name is meant before it."""
    return bool(arguments.system == LOCAL and not _is_there(LOCAL))


def _is_there(system: str) -> bool:
    try:
        resolve_system(system)
    except UnknownSystem:
        return False
    return True

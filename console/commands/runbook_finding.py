"""Which runbook, and which run, a command means."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path

from console.commands.choosing import Choice, pick_environment
from console.commands.desk_of import desk_of
from console.commands.runbook_place import has_local, local, system_of
from console.commands.wishes import Unclear, wish_of
from console.core.operations import Refused
from console.engine.engine import Engine

MARKDOWN = (".md", ".markdown")


def runbook_of(named: str, arguments: argparse.Namespace) -> Path:
    """The file that is meant: a path, or a name among the system's runbooks. Raises Unclear."""
    path = Path(named).expanduser()
    if path.is_file():
        return path
    if path.is_dir():
        raise Unclear(f"{path} is a folder; name one Markdown file in it")
    if "/" in named or path.suffix in MARKDOWN:
        known = [] if "/" in named else _in_system(named, arguments)
        if known:
            return known[0]
        raise Unclear(f"{path}: there is no such file")
    if found := _in_system(named, arguments):
        return found[0]
    system = system_of(arguments)
    names = sorted(each.stem for each in system.runbooks)
    near = get_close_matches(named, names, 1)
    hint = f"; did you mean {near[0]}?" if near else f"; it has {', '.join(names) or 'none'}"
    raise Unclear(f"{system.name} has no runbook {named}, and there is no such file{hint}")


def _in_system(named: str, arguments: argparse.Namespace) -> list[Path]:
    if wish_of(arguments) is None:
        return []
    return [path for path in system_of(arguments).runbooks if named in (path.stem, path.name)]


def choices_of(arguments: argparse.Namespace) -> list[Choice]:
    """The environments to look in: the one that is named, else all of the system's. Raises Unclear."""
    system = system_of(arguments)
    named = pick_environment(system, arguments.env) if arguments.env is not None else None
    return [Choice(system, named)] if named else [Choice(system, environment) for environment in system.environments]


@contextmanager
def books_of(choice: Choice, *, read_only: bool) -> Iterator[Engine]:
    """An engine whose journal is open and that observes nothing. Raises Refused."""
    with desk_of(choice, read_only=read_only) as engine:
        engine.open_books()
        yield engine


def environment_of(run: str, arguments: argparse.Namespace) -> Choice:
    """The environment in which a run was begun. Raises Unclear where there is no such run."""
    known: list[str] = []
    choices = choices_of(arguments)
    if arguments.system is None and arguments.env is None and has_local():
        choices.append(local())
    for choice in choices:
        with books_of(choice, read_only=True) as engine:
            try:
                engine.runbooks.run(run)
            except Refused:
                known += [each.id for each in engine.runbooks.runs()]
                continue
            return choice
    near = get_close_matches(run, known, 1)
    hint = f"; did you mean {near[0]}?" if near else "; `hakgal-console runbook runs` lists them"
    raise Unclear(f"there is no run {run} of {system_of(arguments).name}{hint}")

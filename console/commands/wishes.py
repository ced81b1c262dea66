"""What a command line asks for, before any file has been read."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

USAGE = 2


class Unclear(Exception):
    """A command cannot tell what is meant, or cannot do it; the message says what to type or mend."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A system by name or path, and an environment of it; None where only its file can tell."""

    system: str
    environment: str | None

    @property
    def name(self) -> str:
        """What the system is probably called: its folder's name."""
        path = Path(self.system)
        return path.parent.name if path.name.endswith((".yaml", ".yml")) else path.name


def add_choice(parser: argparse.ArgumentParser, *, default: object = argparse.SUPPRESS) -> None:
    """The options every command takes; they may stand before the command as well, and the later one counts."""
    parser.add_argument(
        "--system",
        metavar="NAME|PATH",
        default=default,
        help="a shipped or installed system, or the path of a system.yaml or its folder",
    )
    parser.add_argument(
        "--env", metavar="NAME", default=default, help="an environment of the system, such as staging or production"
    )


def add_read_only(parser: argparse.ArgumentParser, *, default: object = argparse.SUPPRESS) -> None:
    """The switch that switches every change off; it may stand before the command as well."""
    parser.add_argument("--read-only", action="store_true", default=default, help="switch every change off")


def wish_of(arguments: argparse.Namespace) -> Wish | None:
    """What the arguments ask for; what they leave open is what was used last, or the only system there is."""
    from console.systems.catalog import find_systems
    from console.systems.places import last_used

    used = last_used()
    named, wanted = arguments.system, arguments.env
    if named is None and used is not None:
        return Wish(used.system, wanted or used.environment)
    if named is None:
        found = find_systems()
        return Wish(str(found[0].path), wanted) if len(found) == 1 else None
    if wanted is None and used is not None and used.system == _path_of(named):
        wanted = used.environment
    return Wish(named, wanted)


def _path_of(name_or_path: str) -> str:
    from console.systems.catalog import UnknownSystem, resolve_system

    try:
        return str(resolve_system(name_or_path))
    except UnknownSystem:
        return name_or_path

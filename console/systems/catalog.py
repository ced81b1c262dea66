"""Which systems there are: those shipped, those in the settings folder, and any path."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path

from console.systems.faults import nearest
from console.systems.places import config_dir

FILE = "system.yaml"
PLAN = ".rollout.yaml"


class UnknownSystem(LookupError):
    """There is no such system; the message names the known ones and the nearest."""


@dataclass(frozen=True, slots=True)
class FoundSystem:
    """A system that can be opened by name. path: its system.yaml. origin: `shipped`, or the folder it was found in."""

    name: str
    path: Path
    origin: str


def shipped_folder() -> Path:
    """The folder of the systems that ship with the console."""
    return Path(next(iter(importlib.import_module("runbooks").__path__)))


def own_folder() -> Path:
    """The folder of the engineer's own systems."""
    return config_dir() / "systems"


def find_systems() -> tuple[FoundSystem, ...]:
    """Every system with a name, by name; one in the settings folder stands before a shipped one of its name."""
    found: dict[str, FoundSystem] = {}
    for folder, origin in ((shipped_folder(), "shipped"), (own_folder(), str(own_folder()))):
        for path in sorted(folder.glob(f"*/{FILE}")):
            found[path.parent.name] = FoundSystem(path.parent.name, path, origin)
    return tuple(found[name] for name in sorted(found))


def plan_files(folder: Path) -> tuple[Path, ...]:
    """The plan files of a system's folder, by name."""
    return tuple(sorted(folder.glob(f"*{PLAN}")))


def resolve_system(name_or_path: str) -> Path:
    """The system.yaml of a known name, a folder or a file. Raises UnknownSystem."""
    known = {system.name: system for system in find_systems()}
    if name_or_path in known:
        return known[name_or_path].path
    path = Path(name_or_path).expanduser()
    if path.is_dir():
        if (path / FILE).is_file():
            return (path / FILE).absolute()
        raise UnknownSystem(f"the folder {path} has no {FILE}; write one, or give the path of another folder")
    if path.is_file():
        return path.absolute()
    listed = ", ".join(known) or "none"
    guess = nearest(name_or_path, known)
    hint = f"did you mean {guess}? " if guess else ""
    raise UnknownSystem(
        f"there is no system, folder or file `{name_or_path}`; {hint}known systems: {listed} (more in {own_folder()})"
    )

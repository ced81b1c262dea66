"""Where the console keeps its own files: state, settings, and what was used last."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from console.core.system import System


NAME = "hakgal-console"


def state_root() -> Path:
    """`$HAKGAL_STATE_DIR`, else `$XDG_STATE_HOME/hakgal-console`, else `~/.local/state/hakgal-console`."""
    if own := os.environ.get("HAKGAL_STATE_DIR"):
        return Path(own).expanduser().absolute()
    return _xdg("XDG_STATE_HOME", ".local/state") / NAME


def state_dir(system: str) -> Path:
    """The folder of one system's journal, samples and transcripts; made with mode 0700. Raises OSError."""
    return _private(state_root() / system)


def state_of(system: System) -> Path:
    """Like `state_dir`, in the folder that the system's file names where it names one. Raises OSError."""
    return state_dir(system.name) if system.state is None else _private(system.state)


def config_dir() -> Path:
    """`$XDG_CONFIG_HOME/hakgal-console`, else `~/.config/hakgal-console`. Not made: it may not exist."""
    return _xdg("XDG_CONFIG_HOME", ".config") / NAME


@dataclass(frozen=True, slots=True)
class LastUsed:
    """What the console was opened on last. system: a name or a path, as `resolve_system` reads it."""

    system: str
    environment: str | None


def last_used() -> LastUsed | None:
    """What was opened last; None where nothing was, or where it cannot be read: it is a convenience only."""
    try:
        found = json.loads((state_root() / "last.json").read_text("utf-8"))
        environment = found["environment"]
        return LastUsed(str(found["system"]), None if environment is None else str(environment))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remember_used(system: str, environment: str | None) -> None:
    """Keep what was opened. system: a name or a path, as `resolve_system` reads it. Raises OSError."""
    text = json.dumps({"system": system, "environment": environment})
    write_atomically(_private(state_root()) / "last.json", text + "\n")


def write_atomically(path: Path, text: str) -> None:
    """Write a file of mode 0600 so that a reader sees the old or the new text, never a part. Raises OSError."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _xdg(variable: str, usual: str) -> Path:
    """An XDG folder; a relative value is to be ignored, by the XDG specification."""
    found = os.environ.get(variable, "")
    return Path(found) if found.startswith("/") else Path.home() / usual


def _private(folder: Path) -> Path:
    """`folder`, made with its parents where missing; the console's own are of mode 0700."""
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder

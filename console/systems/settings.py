"""The engineer's own settings: keys, theme, glyphs, mouse; `config.toml` in the settings folder."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from console.systems.places import config_dir

FILE = "config.toml"
THEMES = ("night", "ansi", "plain")


class BrokenSettings(Exception):
    """The settings file cannot be used; the message has a sentence a fault, each with the file and the key."""


@dataclass(frozen=True, slots=True)
class Settings:
    """keys: a key by action id, in Textual's spelling (`ctrl+r`, `f5`). theme: None is what suits the terminal."""

    keys: Mapping[str, str] = field(default_factory=dict)
    theme: str | None = None
    ascii: bool = False
    mouse: bool = False


def read_settings(actions: Mapping[str, str], path: Path | None = None) -> Settings:
    """The settings of `path`, by default config.toml in the settings folder; the defaults where there is none.

    actions: the default key of each action id. Raises BrokenSettings with every fault: an unknown name, a wrong type,
    an action there is not, one key for two actions.
    """
    path = config_dir() / FILE if path is None else path
    if not path.exists():
        return Settings()
    import tomllib

    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BrokenSettings(f"{path}: cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise BrokenSettings(f'{path}: {error}; write TOML, such as `theme = "ansi"`') from error
    faults = [*_names(path, told), *_types(path, told), *_keys(path, told.get("keys", {}), actions)]
    if faults:
        raise BrokenSettings("\n".join(faults))
    return Settings(told.get("keys", {}), told.get("theme"), told.get("ascii", False), told.get("mouse", False))


def _near(name: str, known: Collection[str]) -> str:
    found = get_close_matches(name, known, 1)
    return f"; did you mean `{found[0]}`?" if found else f"; there are {', '.join(known)}"


def _names(path: Path, told: Mapping[str, Any]) -> list[str]:
    known = ("keys", "theme", "ascii", "mouse")
    return [f"{path}: there is no setting `{name}`{_near(name, known)}" for name in told if name not in known]


def _types(path: Path, told: Mapping[str, Any]) -> list[str]:
    faults = [
        f"{path}: `{name}` is {told[name]!r}; write true or false"
        for name in ("ascii", "mouse")
        if name in told and not isinstance(told[name], bool)
    ]
    if "theme" in told and told["theme"] not in THEMES:
        faults.append(f"{path}: there is no theme {told['theme']!r}; write one of {', '.join(THEMES)}")
    return faults


def _keys(path: Path, keys: Any, actions: Mapping[str, str]) -> list[str]:
    if not isinstance(keys, dict):
        return [f'{path}: `keys` is {keys!r}; write a table, such as [keys] and below it rollback = "f8"']
    faults = [f"{path}: there is no action `{name}`{_near(name, actions)}" for name in keys if name not in actions]
    faults += [
        f'{path}: the key of `{name}` is {key!r}; write its name, such as "f8" or "ctrl+r"'
        for name, key in keys.items()
        if not isinstance(key, str) or not key
    ]
    taken: dict[str, str] = {}
    for name, key in {**actions, **{name: key for name, key in keys.items() if isinstance(key, str)}}.items():
        if key in taken and (name in keys or taken[key] in keys):
            faults.append(f"{path}: `{key}` is the key of both `{taken[key]}` and `{name}`; give one of them another")
        taken.setdefault(key, name)
    return faults

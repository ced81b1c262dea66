"""What a screen leaves behind: files of what it showed and of a bug of its own, a line of what goes on without it."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from rich.text import Text
from textual.strip import Strip

from widgets.words import clean

if TYPE_CHECKING:
    from pathlib import Path

    from console.core.picture import Picture


def write_screen(system: str, strips: Iterable[Strip], now: datetime) -> Path:
    """Write what is on the screen as plain text; returns the file. Raises OSError."""
    text = "\n".join(strip.text.rstrip() for strip in strips)
    return _write(system, f"screen-{now:%Y%m%dT%H%M%SZ}.txt", text)


def crash_sentence(system: str, now: datetime) -> str:
    """Write the traceback of the exception at hand to a file; returns the one sentence for the terminal."""
    said = traceback.format_exc()
    try:
        where = f"its traceback is in {_write(system, f'crash-{now:%Y%m%dT%H%M%SZ}.txt', said)}"
    except OSError as error:
        where = f"its traceback could not be written: {error}"
    return f"hakgal-console ended on a bug of its own ({said.strip().splitlines()[-1]}); {where}"


def left_behind(picture: Picture | None) -> Text | None:
    """Who drives the rollout that goes on when the screen is gone; a warning where nobody does; None without one."""
    if picture is None or (view := picture.rollout) is None or view.state.over:
        return None
    name = f"{clean(view.plan)} of {clean(view.version)}"
    if view.driver.alive and view.driver.who:
        return Text(f"{name} goes on: {clean(view.driver.who)} drives it")
    watch = f"hakgal-console watch {clean(picture.system)} --detach"
    return Text(f"WARNING: nobody drives {name}, and nothing rolls back by itself: `{watch}` starts a watcher")


def _write(system: str, name: str, text: str) -> Path:
    from console.systems.places import state_dir

    path = state_dir(system) / name
    path.write_text(text + "\n", encoding="utf-8")
    path.chmod(0o600)
    return path

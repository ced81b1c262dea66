"""Files that a screen leaves in the state folder: what it showed, and what a bug of its own said."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from textual.strip import Strip

if TYPE_CHECKING:
    from pathlib import Path


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


def _write(system: str, name: str, text: str) -> Path:
    from console.systems.places import state_dir

    path = state_dir(system) / name
    path.write_text(text + "\n", encoding="utf-8")
    path.chmod(0o600)
    return path

"""The console's themes: which palette and glyphs a terminal gets, and the same colours for Textual's own widgets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from textual.theme import BUILTIN_THEMES, Theme

from widgets.vocabulary import ASCII_GLYPHS, NIGHT_BACKGROUND, PALETTES, Glyphs, Look

NIGHT_THEME = Theme(
    name="hakgal-night",
    primary="#5fb3d9",
    secondary="#7fd0f5",
    warning="#e6b450",
    error="#ff7b72",
    success="#6cc58a",
    accent="#7fd0f5",
    foreground="#c8d0dc",
    background=NIGHT_BACKGROUND,
    surface=NIGHT_BACKGROUND,
    panel="#1a212c",
    dark=True,
)

# Textual's own ANSI theme with our accent: its stylesheets need variables that only ANSI themes define.
ANSI_THEME = replace(
    BUILTIN_THEMES["ansi-dark"],
    name="hakgal-ansi",
    primary="ansi_cyan",
    accent="ansi_cyan",
)

TEXTUAL_THEMES = {"night": NIGHT_THEME, "ansi": ANSI_THEME, "plain": ANSI_THEME}


def is_remote(environ: Mapping[str, str]) -> bool:
    """Whether the terminal is at the other end of an SSH line."""
    return bool(environ.get("SSH_CONNECTION") or environ.get("SSH_TTY"))


def palette_for(environ: Mapping[str, str], asked: str | None = None) -> str:
    """The palette's name: `plain` under NO_COLOR, what was asked for, `ansi` over SSH and on terminals that do not
    promise true colour, else `night`. Raises ValueError for a name there is not.
    """
    if asked is not None and asked not in PALETTES:
        raise ValueError(f"there is no theme {asked!r}; the themes are {', '.join(PALETTES)}")
    if "NO_COLOR" in environ:
        return "plain"
    if asked is not None:
        return asked
    if is_remote(environ) or environ.get("COLORTERM", "") not in ("truecolor", "24bit"):
        return "ansi"
    return "night"


def look_for(environ: Mapping[str, str], *, theme: str | None = None, ascii_only: str = "no") -> Look:
    """The look of a terminal. ascii_only: `yes`, or `no` for the terminal's own locale to decide."""
    locale = environ.get("LC_ALL") or environ.get("LC_CTYPE") or environ.get("LANG") or ""
    plain = ascii_only == "yes" or locale in ("C", "POSIX") or environ.get("TERM") in ("linux", "dumb", "vt100")
    return Look(palette_for(environ, theme), ASCII_GLYPHS if plain else Glyphs())

"""The console's themes: which palette and glyphs a terminal gets, and the same colours for Textual's own widgets."""

from __future__ import annotations

from collections.abc import Mapping

from textual.theme import Theme

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

ANSI_THEME = Theme(
    name="hakgal-ansi",
    ansi=True,
    primary="ansi_cyan",
    secondary="ansi_cyan",
    warning="ansi_yellow",
    error="ansi_red",
    success="ansi_green",
    accent="ansi_cyan",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    dark=True,
    variables={
        "block-cursor-foreground": "ansi_black",
        "block-cursor-background": "ansi_cyan",
        "input-cursor-background": "ansi_white",
        "input-cursor-foreground": "ansi_black",
        "input-selection-background": "ansi_blue",
        "input-selection-foreground": "ansi_white",
        "border": "ansi_cyan",
        "border-blurred": "ansi_bright_black",
    },
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

"""One vocabulary for all that is drawn: inks (what a colour means), glyphs, and the look that binds both to a theme."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from rich.style import Style

from console.core.states import Tone


class Ink(Enum):
    """What a piece of text means; a palette says how that looks. STALE greys out whatever is no longer the present."""

    TEXT = "text"
    STRONG = "strong"
    DIM = "dim"
    STALE = "stale"
    FRAME = "frame"
    FRAME_LIT = "frame lit"
    TITLE = "title"
    TITLE_LIT = "title lit"
    OK = "ok"
    WARN = "warn"
    BAD = "bad"
    ALARM = "alarm"
    UNKNOWN = "unknown"
    ACCENT = "accent"
    KEY = "key"
    SELECTED = "selected"
    MATCH = "match"
    BYPASS = "bypass"
    PRODUCTION = "production"
    STAGING = "staging"
    SANDBOX = "sandbox"
    BADGE = "badge"


TONE_INK = {Tone.PRODUCTION: Ink.PRODUCTION, Tone.STAGING: Ink.STAGING, Tone.SANDBOX: Ink.SANDBOX}

# The terminal's own sixteen colours: short sequences, and readable on whatever background the engineer has chosen.
ANSI: dict[Ink, str] = {
    Ink.TEXT: "",
    Ink.STRONG: "bold",
    Ink.DIM: "dim",
    Ink.STALE: "dim",
    Ink.FRAME: "dim",
    Ink.FRAME_LIT: "cyan",
    Ink.TITLE: "bold",
    Ink.TITLE_LIT: "bold cyan",
    Ink.OK: "green",
    Ink.WARN: "yellow",
    Ink.BAD: "bold red",
    Ink.ALARM: "bold white on red",
    Ink.UNKNOWN: "magenta",
    Ink.ACCENT: "cyan",
    Ink.KEY: "bold cyan",
    Ink.SELECTED: "reverse",
    Ink.MATCH: "black on yellow",
    Ink.BYPASS: "bold black on yellow",
    Ink.PRODUCTION: "bold white on red",
    Ink.STAGING: "bold white on blue",
    Ink.SANDBOX: "black on green",
    Ink.BADGE: "black on cyan",
}

# Without colour the words carry the meaning; weight and reversal carry the order of attention.
PLAIN: dict[Ink, str] = {
    Ink.TEXT: "",
    Ink.STRONG: "bold",
    Ink.DIM: "dim",
    Ink.STALE: "dim",
    Ink.FRAME: "dim",
    Ink.FRAME_LIT: "bold",
    Ink.TITLE: "bold",
    Ink.TITLE_LIT: "bold underline",
    Ink.OK: "",
    Ink.WARN: "bold",
    Ink.BAD: "bold",
    Ink.ALARM: "bold reverse",
    Ink.UNKNOWN: "bold",
    Ink.ACCENT: "",
    Ink.KEY: "bold",
    Ink.SELECTED: "reverse",
    Ink.MATCH: "underline",
    Ink.BYPASS: "bold reverse",
    Ink.PRODUCTION: "bold reverse",
    Ink.STAGING: "reverse",
    Ink.SANDBOX: "reverse",
    Ink.BADGE: "reverse",
}

NIGHT_BACKGROUND = "#10141b"
_ON = f"on {NIGHT_BACKGROUND}"

NIGHT: dict[Ink, str] = {
    Ink.TEXT: f"#c8d0dc {_ON}",
    Ink.STRONG: f"bold #f2f5fa {_ON}",
    Ink.DIM: f"#7f8b9d {_ON}",
    Ink.STALE: f"#6b7585 {_ON}",
    Ink.FRAME: f"#3a4454 {_ON}",
    Ink.FRAME_LIT: f"#5fb3d9 {_ON}",
    Ink.TITLE: f"bold #aab6c8 {_ON}",
    Ink.TITLE_LIT: f"bold #7fd0f5 {_ON}",
    Ink.OK: f"#6cc58a {_ON}",
    Ink.WARN: f"#e6b450 {_ON}",
    Ink.BAD: f"bold #ff7b72 {_ON}",
    Ink.ALARM: "bold #ffffff on #c4303a",
    Ink.UNKNOWN: f"#c79bf2 {_ON}",
    Ink.ACCENT: f"#7fd0f5 {_ON}",
    Ink.KEY: f"bold #7fd0f5 {_ON}",
    Ink.SELECTED: "#f2f5fa on #2b3a4f",
    Ink.MATCH: "#10141b on #e6b450",
    Ink.BYPASS: "bold #10141b on #f2c14e",
    Ink.PRODUCTION: "bold #ffffff on #c4303a",
    Ink.STAGING: "bold #ffffff on #3565b8",
    Ink.SANDBOX: "bold #10141b on #6cc58a",
    Ink.BADGE: "bold #10141b on #7fd0f5",
}

PALETTES = {"night": NIGHT, "ansi": ANSI, "plain": PLAIN}


@dataclass(frozen=True, slots=True)
class Glyphs:
    """Every sign that is not a word. frame: the four corners, the lines, and the four tees."""

    ok: str = "✓"
    here: str = "●"
    todo: str = "○"
    warn: str = "!"
    unknown: str = "?"
    failed: str = "✗"
    skipped: str = "↷"
    running: str = "▸"
    arrow: str = "→"
    into: str = "▸"
    dot: str = "·"
    cut: str = "…"
    enter: str = "↵"
    none: str = "—"
    bar_full: str = "█"
    bar_half: str = "▌"
    bar_empty: str = "░"
    sparks: str = "▁▂▃▄▅▆▇█"
    true: str = "▮"
    false: str = "▯"
    missing: str = "·"
    error: str = "x"
    top_left: str = "╭"
    top_right: str = "╮"
    bottom_left: str = "╰"
    bottom_right: str = "╯"
    across: str = "─"
    down: str = "│"
    tee_right: str = "├"
    tee_left: str = "┤"
    tee_down: str = "┬"
    tee_up: str = "┴"


ASCII_GLYPHS = Glyphs(
    ok="+",
    here="*",
    todo="o",
    failed="x",
    skipped="/",
    running=">",
    arrow="->",
    into=">",
    dot="-",
    cut="~",
    enter="<-",
    none="-",
    bar_full="#",
    bar_half="=",
    bar_empty=".",
    sparks="_.-=+*%#",
    true="#",
    false="o",
    missing=".",
    top_left="+",
    top_right="+",
    bottom_left="+",
    bottom_right="+",
    across="-",
    down="|",
    tee_right="+",
    tee_left="+",
    tee_down="+",
    tee_up="+",
)

# What the picture's own words may hold, said in ASCII.
_SPELLED = str.maketrans(dict(zip("…─–—·“”µ", '~----""u', strict=True)) | {"→": "->", "≤": "<=", "≥": ">=", "±": "+-"})


@dataclass(frozen=True, slots=True)
class Look:
    """A palette and a set of glyphs. `style` gives the rich style of an ink; None needs no escape sequence at all."""

    palette: str = "night"
    glyphs: Glyphs = field(default_factory=Glyphs)
    _styles: dict[Ink, Style | None] = field(default_factory=dict, compare=False, repr=False)

    def style(self, ink: Ink) -> Style | None:
        """How `ink` looks under this palette."""
        try:
            return self._styles[ink]
        except KeyError:
            text = PALETTES[self.palette][ink]
            style = self._styles[ink] = Style.parse(text) if text else None
            return style

    @property
    def ascii(self) -> bool:
        """Whether only ASCII may be written."""
        return self.glyphs is ASCII_GLYPHS

    def spell(self, text: str) -> str:
        """`text` as this look may write it."""
        if not self.ascii or text.isascii():
            return text
        return text.translate(_SPELLED).encode("ascii", "replace").decode("ascii")


def look(palette: str = "night", *, glyphs: Glyphs | None = None) -> Look:
    """A look by palette name (`night`, `ansi`, `plain`)."""
    return Look(palette, glyphs or Glyphs())

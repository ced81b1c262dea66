"""Where a placeholder or a variable stands in shell text."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from console.core.runbooks.filling import Form
from console.walkthrough.filling.places import Command


class Where(Enum):
    """What stands around a place in shell text. RAW: a heredoc that bash leaves as it is. PLAIN: text of no shell."""

    WORD = "a word"
    DOUBLE = "double quotes"
    SINGLE = "single quotes"
    ANSI = "$'…'"
    HEREDOC = "a heredoc"
    RAW = "a quoted heredoc"
    COMMENT = "a comment"
    ARITHMETIC = "arithmetic"
    PARAMETER = "${…}"
    PLAIN = "code"


@dataclass(frozen=True, slots=True)
class Spot:
    """One place of a placeholder. start, end: offsets. word: which word of the command, -1 for its heredoc.
    before: that word as far as it is written before the placeholder. glued: `$NAME` ends right before it, so that a
    bare letter would lengthen that name. ticks: it stands inside backticks. delimiter: of the heredoc; dashed: `<<-`.
    """

    start: int
    end: int
    form: Form
    body: str
    where: Where
    command: Command
    word: int
    before: str
    glued: bool = False
    ticks: bool = False
    delimiter: str = ""
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Use:
    """One expansion of a variable by the outer shell. operator: as in `${NAME:-x}`, empty for a plain one."""

    start: int
    end: int
    name: str
    operator: str
    where: Where
    command: Command
    word: int
    before: str


@dataclass(frozen=True, slots=True)
class Scan:
    """What was found in a text, in its order."""

    spots: tuple[Spot, ...]
    uses: tuple[Use, ...]
    commands: tuple[Command, ...]

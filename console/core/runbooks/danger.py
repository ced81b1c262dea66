"""How dangerous a command is, as data: level, why, and what it would touch."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """READS changes nothing outside; CHANGES can be put back; DESTROYS cannot, or takes a service away. UNKNOWN cannot
    be told from the text, and is treated as DESTROYS.
    """

    READS = "reads"
    CHANGES = "changes"
    DESTROYS = "destroys"
    UNKNOWN = "unknown"

    @property
    def rank(self) -> int:
        """Order of caution: the level of several commands is that of the highest rank."""
        return (Level.READS, Level.CHANGES, Level.DESTROYS, Level.UNKNOWN).index(self)

    @property
    def asks(self) -> bool:
        """Whether a dialog with a typed target stands before it."""
        return self is not Level.READS


@dataclass(frozen=True, slots=True)
class Danger:
    """What a text would do, by its commands.

    level: the worst of them. why: one short sentence about the worst one. commands: of those that are not READS, the
    words as they would be run, oldest first. touches: what would be touched, as pairs of a word and a name (`context`,
    `namespace`, `host`, `database`, `deployment`, `pod`, `container`, `file`, `branch`, …), without doubles, outermost
    first. safer: another command that does less harm or shows first what it would do; empty where none is known.
    target: the one name that matters most among those touched, where it is written out; else empty.
    """

    level: Level
    why: str = ""
    commands: tuple[str, ...] = ()
    touches: tuple[tuple[str, str], ...] = ()
    safer: str = ""
    target: str = ""

"""What a key or a command can do: declared once, read by bindings, palette, help, footer and command line alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from console.core.picture import Picture


class Danger(Enum):
    """What an action does to the world. An action that does not say is taken to destroy."""

    NONE = "reads only"
    RECORDS = "writes only to the console's own files"
    CHANGES_TRAFFIC = "changes what serves traffic"
    SWITCHES_OFF = "switches protection off"
    RUNS_COMMANDS = "runs a command"
    DESTROYS = "destroys"

    @property
    def asks(self) -> bool:
        """Whether a dialog with a typed target stands before it."""
        return self not in (Danger.NONE, Danger.RECORDS)


def always(_picture: Picture) -> str | None:
    """The disabled reason of an action that can always be done."""
    return None


@dataclass(frozen=True, slots=True)
class Action:
    """One thing the console can do.

    id: stable, for keymaps and the command line. key: the default key in Textual's spelling (`R`, `slash`).
    where: the screens it belongs to, `*` for all. disabled_reason: the sentence why it cannot be done now, or None.
    short: the footer's word. footer: its place there from the left, 0 for help and palette only. says: the footer's
    word by the picture, where it differs; an empty one leaves the key out of the footer. fades: whether the footer
    shows it dim although something happens when it is pressed.
    """

    id: str
    title: str
    key: str
    short: str
    help: str
    danger: Danger = Danger.DESTROYS
    where: tuple[str, ...] = ("dashboard",)
    footer: int = 0
    disabled_reason: Callable[[Picture], str | None] = field(default=always)
    says: Callable[[Picture], str] | None = None
    fades: Callable[[Picture], bool] | None = None

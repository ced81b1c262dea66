"""What the desk's threads tell the application, as messages of Textual's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from console.core.picture import Picture


@dataclass
class PictureChanged(Message):
    """The engine has a new picture; only the newest matters."""

    picture: Picture

    def can_replace(self, message: Message) -> bool:
        """An older picture need not be shown."""
        return isinstance(message, PictureChanged)


@dataclass
class LogsArrived(Message):
    """Log lines have come."""

    newest: int

    def can_replace(self, message: Message) -> bool:
        """One reading of the log takes all lines."""
        return isinstance(message, LogsArrived)

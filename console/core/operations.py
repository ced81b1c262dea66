"""Actions under way and over, and the ways in which one is refused, fails, or is left unknown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from console.core.states import Outcome


@dataclass(frozen=True, slots=True)
class Operation:
    """One run of an action, as it stands. lines: what happened so far, oldest first; summary: the last word, when
    over.
    """

    id: str
    action: str
    title: str
    outcome: Outcome
    began: datetime
    ended: datetime | None
    lines: tuple[str, ...]
    summary: str = ""


class Refused(Exception):
    """An action was not begun; the message is one sentence: what, why, and what to do."""


class ActionFailed(Exception):
    """An action was begun and did not reach its end; the message is one sentence with what to press next."""


class Unverified(Exception):
    """An action was interrupted and what it left behind is not known; the message says how to verify."""

"""Rules of the emergency bypass: the record, its ceiling, and what counts as in force."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

CEILING = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Grant:
    """A bypass in force. Times are by the store's clock. Source: the HAK_GAL protocol, Emergency Bypass."""

    id: str
    system: str
    environment: str
    reason: str
    actor: str
    host: str
    granted_at: datetime
    expires_at: datetime

    @property
    def length(self) -> timedelta:
        """How long it was granted for."""
        return self.expires_at - self.granted_at

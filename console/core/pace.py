"""How fast a practice world's rollouts run: rollout time as a line through one moment of wall time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

SLOWEST = 1.0
FASTEST = 1_000_000.0
_FIRST = datetime(1, 1, 2, tzinfo=UTC)
_LAST = datetime(9999, 12, 30, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Pace:
    """speed: seconds of rollout time in one of wall time, 1 to 1,000,000. since: when both were the same, aware UTC."""

    speed: float
    since: datetime

    def __post_init__(self) -> None:
        if not SLOWEST <= self.speed <= FASTEST:
            raise ValueError(f"a pace of {self.speed:g} is not from 1 to 1,000,000")

    def rollout_time(self, wall: datetime) -> datetime:
        """What time it is for rollouts at a moment of wall time; at the ends of the calendar it stands."""
        try:
            return self.since + (wall - self.since) * self.speed
        except OverflowError:
            return _LAST if wall > self.since else _FIRST

    def wall_time(self, rollout: datetime) -> datetime:
        """When it is that time for rollouts, in wall time."""
        return self.since + (rollout - self.since) / self.speed

    def span(self, wall_span: timedelta) -> timedelta:
        """How much rollout time passes in a span of wall time."""
        try:
            return wall_span * self.speed
        except OverflowError:
            return timedelta.max if wall_span > timedelta(0) else timedelta.min

    def wall_span(self, rollout_span: timedelta) -> timedelta:
        """How long a span of rollout time lasts in wall time."""
        return rollout_span / self.speed

"""The enumerations alone, cheap to import: what is drawn first needs their words and none of the types around them."""

from __future__ import annotations

from enum import Enum


class Tone(Enum):
    """How carefully an environment is to be touched; the header says the word in the theme's colour."""

    PRODUCTION = "production"
    STAGING = "staging"
    SANDBOX = "sandbox"


class Severity(Enum):
    """P0 page at once … P3 note. Source: the escalation table of the KNHK guide."""

    P0 = 0
    P1 = 1
    P2 = 2
    P3 = 3


class SourceState(Enum):
    """One vocabulary of source health: the word beside the dot."""

    READING = "reading"
    LIVE = "live"
    STALE = "stale"
    FAILED = "failed"
    ABSENT = "not configured"


class AlertState(Enum):
    """NODATA and ERROR are not quiet: the rule is flying blind and says so."""

    FIRING = "firing"
    PENDING = "pending"
    NODATA = "no data"
    ERROR = "error"
    QUIET = "quiet"


class Outcome(Enum):
    """How an operation stands. UNKNOWN: it was interrupted and the world must be looked at."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"
    UNKNOWN = "unknown, verify"


class RolloutState(Enum):
    """Where a rollout stands. The value is the word on the screen."""

    PLANNED = "planned"  # waits for its time, its interval, its preconditions, or a start
    APPLYING = "applying"
    SOAKING = "soaking"
    WAITING = "waiting"  # the soak is over; a person is waited for
    HELD = "held"
    ROLLING_BACK = "rolling back"
    ROLLED_BACK = "rolled back"
    COMPLETED = "completed"
    ABORTED = "aborted"

    @property
    def over(self) -> bool:
        """Whether the rollout has ended for good."""
        return self in (RolloutState.COMPLETED, RolloutState.ABORTED)

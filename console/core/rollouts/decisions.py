"""What is to be done next about a rollout; the driver carries it out and writes the fact."""

from __future__ import annotations

from dataclasses import dataclass

from console.core.rollouts.soak import Soak


@dataclass(frozen=True, slots=True)
class Stay:
    """Nothing is to be done. soak: the clock as it stands now, to be written now and then; None where none runs."""

    why: str
    soak: Soak | None = None


@dataclass(frozen=True, slots=True)
class Begin:
    """Write BEGUN: the phase is due and its preconditions hold."""

    phase: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Apply:
    """Bring the phase's share, settings and flags about (checks before, writes, checks after), then write CONFIRMED, or
    HELD where it fails. Idempotent: what is there already is not written again.
    """

    phase: int
    attempt: int


@dataclass(frozen=True, slots=True)
class ApplySettings:
    """Bring the timed settings of that index about, then write SET. soak: the clock as it stands now, as with Stay."""

    phase: int
    attempt: int
    index: int
    soak: Soak | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """Write READY, after SOAKED with this clock: the soak is over and a person is waited for."""

    soak: Soak


@dataclass(frozen=True, slots=True)
class Promote:
    """Write PROMOTED, after SOAKED with this clock. override: the typed reason where gates do not pass, else empty.
    ask: the number of the ask it answers, 0 where none was needed. last: Complete follows.
    """

    phase: int
    attempt: int
    by: str
    override: str
    ask: int
    soak: Soak
    evidence: tuple[str, ...]
    last: bool


@dataclass(frozen=True, slots=True)
class Refuse:
    """Write REFUSED: what was asked cannot be done now."""

    ask: int
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class RollBack:
    """Write ROLLING_BACK; then the traffic is put back. criterion: the condition that tripped, or empty."""

    why: str
    criterion: str
    by: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PutBack:
    """ROLLING_BACK is written: put everything back to what was recorded good, then write ROLLED_BACK, or HELD."""

    why: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Write HELD by the engine."""

    why: str


@dataclass(frozen=True, slots=True)
class Retry:
    """Write RETRIED: a person asked to try again from that phase."""

    phase: int
    ask: int
    by: str


@dataclass(frozen=True, slots=True)
class Abort:
    """Unfreeze what is frozen, then write ABORTED; the traffic stays as it is."""

    ask: int
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Complete:
    """Every phase is promoted: unfreeze what is frozen, then write COMPLETED."""


Decision = (
    Stay
    | Begin
    | Apply
    | ApplySettings
    | Ready
    | Promote
    | Refuse
    | RollBack
    | PutBack
    | Hold
    | Retry
    | Abort
    | Complete
)

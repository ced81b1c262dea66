"""The soak clock: it counts seconds that were observed good, and says which were not observed.

Source: the soak of the design; for outages, what Prometheus does with `for` when it restarts: an outage within the
tolerance stops the clock, a longer one begins it anew, and after either a grace must be observed.

How it is driven, at every tick and in this order:

1. `fill` each of `open_gaps` for which a range query has answered: what was good, what was bad. What neither says stays
   a gap.
2. `settle` each gap that no query can fill any more (its metrics keep no history, or the query has answered and the
   rest is unknown): only now does an outage cost its grace, or begin the soak anew.
3. `tick` for the time since the last one. A gap that nobody settles does so by itself after `PATIENCE` longest
   ticks of good time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

from console.core.rollouts.plan import OnBad
from console.core.rollouts.spans import Gap, length, merged, without

__all__ = [
    "UNTOUCHED",
    "Gap",
    "Mood",
    "Soak",
    "SoakRules",
    "done",
    "fill",
    "held",
    "left",
    "open_gaps",
    "settle",
    "skip",
    "started",
    "tick",
]

ZERO = timedelta(0)
DISAGREEMENT = timedelta(seconds=2)
"""How far the wall's clock and the one that does not jump may be apart over one stretch that counts."""

LOOSE = 120
"""In a practice world reading the two clocks takes time too: they may differ by this part of the longest tick."""

PATIENCE = 20
"""After so many longest ticks of good time a gap that nobody filled is taken to stay."""

MOST_GAPS = 100


class Mood(Enum):
    """What the rules say of a stretch. EARLY: nothing could be judged yet, and nothing was missed either."""

    GOOD = "good"
    BAD = "bad"
    BLIND = "blind"
    EARLY = "early"


@dataclass(frozen=True, slots=True)
class SoakRules:
    """What a soak is measured by. needed: to be observed good. tolerance: of an outage; grace: after one.

    longest_tick: a longer stretch between two ticks was not observed.
    """

    needed: timedelta
    on_bad: OnBad
    tolerance: timedelta
    grace: timedelta
    longest_tick: timedelta


@dataclass(frozen=True, slots=True)
class Soak:
    """The clock of one attempt. observed: seen good. unobserved: not seen. bad: seen, and not good.

    marked: up to when time is accounted for. gaps: unobserved stretches that may still be filled, oldest first, at most
    a hundred. grace: still to be observed good after the last outage, whatever `observed` says. restarts: how often it
    began anew. since: of `observed`, what was seen after the newest gap. ahead: stretches after `marked` that were
    counted before the wall's clock was put back; they are not counted again.
    """

    observed: timedelta = ZERO
    unobserved: timedelta = ZERO
    bad: timedelta = ZERO
    marked: datetime | None = None
    gaps: tuple[Gap, ...] = ()
    grace: timedelta = ZERO
    restarts: int = 0
    since: timedelta = ZERO
    ahead: tuple[Gap, ...] = ()

    def as_body(self) -> dict[str, Any]:
        """As the journal keeps it: seconds and ISO times."""
        return {
            "observed": self.observed.total_seconds(),
            "unobserved": self.unobserved.total_seconds(),
            "bad": self.bad.total_seconds(),
            "marked": None if self.marked is None else self.marked.isoformat(),
            "gaps": [[gap.begin.isoformat(), gap.end.isoformat()] for gap in self.gaps],
            "grace": self.grace.total_seconds(),
            "restarts": self.restarts,
            "since": self.since.total_seconds(),
            "ahead": [[gap.begin.isoformat(), gap.end.isoformat()] for gap in self.ahead],
        }

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Soak:
        """Read it back. Raises ValueError where it is no soak clock."""
        try:
            soak = cls(
                observed=_span(body["observed"]),
                unobserved=_span(body["unobserved"]),
                bad=_span(body["bad"]),
                marked=None if body["marked"] is None else _time(body["marked"]),
                gaps=merged(_gaps(body["gaps"])),
                grace=_span(body["grace"]),
                restarts=int(body["restarts"]),
                since=_span(body.get("since", 0)),
                ahead=merged(_gaps(body.get("ahead", ()))),
            )
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise ValueError(f"this is no soak clock: {error!r}") from error
        if soak.restarts < 0 or soak.since > soak.observed:
            raise ValueError("this is no soak clock: it contradicts itself")
        return soak


UNTOUCHED = Soak()


def started(at: datetime) -> Soak:
    """The clock of an attempt that is confirmed at that time."""
    return Soak(marked=at)


def tick(soak: Soak, now: datetime, mood: Mood, rules: SoakRules, *, passed: timedelta | None) -> Soak:
    """Account for the time from `marked` to `now`, which was as `mood` says.

    passed: how long a clock that does not jump says it was, None where it cannot say (after a restart).
    """
    if soak.marked is None:
        return replace(soak, marked=now)
    if now <= soak.marked:
        return skip(soak, now)
    if mood is Mood.EARLY:
        return _patient(skip(soak, now), rules)
    fresh, stretch = without((Gap(soak.marked, now),), soak.ahead), now - soak.marked
    here = replace(soak, marked=now, ahead=without(soak.ahead, (Gap(soak.marked, now),)))
    if mood is Mood.BLIND or passed is None or not _seen(stretch, passed, rules.longest_tick):
        return _patient(_missed(here, fresh, rules), rules)
    counted = min(length(fresh), max(passed, ZERO))
    if mood is Mood.GOOD:
        here = replace(
            here,
            observed=here.observed + counted,
            since=here.since + counted,
            grace=max(ZERO, here.grace - counted),
        )
        return _patient(here, rules)
    if rules.on_bad is OnBad.RESTART:
        here = _anew(here)
    return _patient(replace(here, bad=here.bad + counted), rules)


def skip(soak: Soak, now: datetime) -> Soak:
    """Let the time up to `now` go by without counting it: the rollout is held, or the wall's clock was put back."""
    if soak.marked is None or now == soak.marked:
        return replace(soak, marked=now)
    if now > soak.marked:
        return replace(soak, marked=now, ahead=without(soak.ahead, (Gap(soak.marked, now),)))
    again = (Gap(now, soak.marked),)
    kept = without(soak.gaps, again)
    counted = without(again, soak.gaps)
    return replace(
        soak,
        marked=now,
        gaps=kept,
        unobserved=max(ZERO, soak.unobserved - (length(soak.gaps) - length(kept))),
        ahead=_few(merged((*counted, *soak.ahead))),
    )


def held(soak: Soak, since: datetime, until: datetime) -> Soak:
    """The clock after it was held from `since` to `until`: what it had not accounted for before is a gap."""
    if soak.marked is None or until <= soak.marked:
        return soak
    if since <= soak.marked:
        return skip(soak, until)
    fresh = without((Gap(soak.marked, since),), soak.ahead)
    return skip(_gapped(skip(soak, since), fresh), until)


def open_gaps(soak: Soak) -> tuple[Gap, ...]:
    """The gaps that are over: a range query may be asked for them. One that lasts until now is still growing."""
    return tuple(gap for gap in soak.gaps if soak.marked is None or gap.end < soak.marked)


def fill(soak: Soak, gap: Gap, good: Sequence[Gap], bad: Sequence[Gap] = (), *, on_bad: OnBad = OnBad.PAUSE) -> Soak:
    """A range query has answered for a gap: what of it was good and what was bad; the rest stays unknown.

    What is both is bad. With `on_bad` restart the soak begins anew after the last bad part. Time that is no gap is
    left alone, so that nothing is counted twice.
    """
    asked = _within(soak.gaps, (gap,))
    were_bad = _within(asked, merged(bad))
    were_good = without(_within(asked, merged(good)), were_bad)
    known = merged((*were_good, *were_bad))
    if not known:
        return soak
    newest = soak.gaps[-1].end
    kept = without(soak.gaps, known)
    filled = replace(
        soak,
        gaps=kept,
        unobserved=max(ZERO, soak.unobserved - length(known)),
        bad=soak.bad + length(were_bad),
        observed=soak.observed + length(were_good),
        since=soak.since + _after_last(were_good, kept) if known[-1].end == newest else soak.since,
    )
    if not were_bad or on_bad is OnBad.PAUSE:
        return filled
    end = were_bad[-1].end
    after = length([part for part in were_good if part.begin >= end]) if known[-1].end == newest else ZERO
    lasting = tuple(part for part in kept if part.begin >= end)
    good_since = soak.since + after
    return replace(
        _anew(filled),
        observed=good_since,
        since=min(filled.since, good_since),
        gaps=lasting,
        unobserved=length(lasting),
    )


def settle(soak: Soak, gap: Gap, rules: SoakRules) -> Soak:
    """Nothing more will be known of that gap: within the tolerance it costs the grace, beyond it the soak begins anew.

    What was seen after the newest gap stands either way. Parts of the gap that were filled are no gap any more.
    """
    lost = _within(soak.gaps, (gap,))
    if not lost:
        return soak
    kept = without(soak.gaps, lost)
    if any(part.end - part.begin > rules.tolerance for part in lost):
        later = tuple(part for part in kept if part.begin >= lost[-1].end)
        anew = _anew(soak)
        return replace(anew, observed=soak.since, since=soak.since, gaps=later, unobserved=length(later))
    owed = max(ZERO, min(rules.grace, rules.needed) - soak.since)
    return replace(soak, gaps=kept, grace=max(soak.grace, owed))


def done(soak: Soak, needed: timedelta) -> bool:
    """Whether the soak is over: enough was observed, its grace too, and no outage waits to be judged."""
    return soak.observed >= needed and not soak.grace and not soak.gaps


def left(soak: Soak, needed: timedelta) -> timedelta:
    """How much must still be observed good, at best."""
    return max(needed - soak.observed, soak.grace, ZERO)


def _seen(stretch: timedelta, passed: timedelta, longest: timedelta) -> bool:
    return stretch <= longest and passed <= longest and abs(stretch - passed) <= max(DISAGREEMENT, longest / LOOSE)


def _missed(soak: Soak, fresh: tuple[Gap, ...], rules: SoakRules) -> Soak:
    soak = _gapped(soak, fresh)
    while len(soak.gaps) > MOST_GAPS:
        soak = settle(soak, soak.gaps[0], rules)
    return soak


def _gapped(soak: Soak, fresh: tuple[Gap, ...]) -> Soak:
    """With these stretches as gaps; one that goes on from the last gap is the same outage."""
    if not fresh:
        return soak
    return replace(soak, gaps=merged((*soak.gaps, *fresh)), unobserved=soak.unobserved + length(fresh), since=ZERO)


def _patient(soak: Soak, rules: SoakRules) -> Soak:
    """Gaps that nobody has filled although everything was seen for long are settled."""
    if soak.since > rules.longest_tick * PATIENCE:
        for gap in soak.gaps:
            soak = settle(soak, gap, rules)
    return soak


def _anew(soak: Soak) -> Soak:
    """From the beginning; a clock that has nothing to lose does not begin anew."""
    restarts = soak.restarts + bool(soak.observed)
    return replace(soak, observed=ZERO, unobserved=ZERO, gaps=(), grace=ZERO, since=ZERO, restarts=restarts)


def _few(spans: tuple[Gap, ...]) -> tuple[Gap, ...]:
    """At most a hundred; the farthest are taken as one, so that none of them is ever counted again."""
    if len(spans) <= MOST_GAPS:
        return spans
    return (*spans[: MOST_GAPS - 1], Gap(spans[MOST_GAPS - 1].begin, spans[-1].end))


def _within(spans: Sequence[Gap], bounds: Sequence[Gap]) -> tuple[Gap, ...]:
    return without(spans, without(spans, bounds))


def _after_last(good: Sequence[Gap], kept: Sequence[Gap]) -> timedelta:
    """How much of the good parts comes after the newest gap that is left."""
    end = max((gap.end for gap in kept), default=None)
    return length([part for part in good if end is None or part.begin >= end])


def _span(seconds: Any) -> timedelta:
    span = timedelta(seconds=float(seconds))
    if span < ZERO:
        raise ValueError(f"{seconds} seconds are negative")
    return span


def _time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text} names no time zone")
    return at.astimezone(UTC)


def _gaps(rows: Sequence[Sequence[str]]) -> list[Gap]:
    return [Gap(_time(begin), _time(end)) for begin, end in rows]

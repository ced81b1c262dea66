"""The phases of a rollout as one line, and the words for where it stands: state, driver, soak, shares, looks."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from console.core.evaluation import Verdict
from console.core.states import RolloutState
from widgets.gauges import bar
from widgets.rows import EMPTY, Row, ends, row, width_of
from widgets.rules import breaching
from widgets.vocabulary import Glyphs, Ink
from widgets.words import clean, exactly, hours, moment, steps

if TYPE_CHECKING:
    from console.core.picture import Picture
    from console.core.rollouts.view import PhaseView, RolloutView, SoakView

STATE_INK = {
    RolloutState.PLANNED: Ink.ACCENT,
    RolloutState.APPLYING: Ink.ACCENT,
    RolloutState.SOAKING: Ink.OK,
    RolloutState.WAITING: Ink.WARN,
    RolloutState.HELD: Ink.WARN,
    RolloutState.ROLLING_BACK: Ink.ALARM,
    RolloutState.ROLLED_BACK: Ink.BAD,
    RolloutState.COMPLETED: Ink.OK,
    RolloutState.ABORTED: Ink.BAD,
}
_SOAK = " soak  "
TERSE = 8
LONGEST, SHORTEST = 28, 6
"""Cells of the soak's bar."""
FAR = 0.5
"""The measured share is told in another colour where it differs from the applied one by more than this part of it."""


def rollout_time(picture: Picture, now: datetime) -> datetime:
    """The rollout's time at the wall's `now`; in a practice world it may run faster."""
    view = picture.rollout
    if view is None or view.speed == 1.0:
        return now
    return view.taken_at + max(now - picture.taken_at, timedelta(0)) * view.speed


def dated(at: datetime, view: RolloutView, now: datetime) -> str:
    """A rollout time, with its day unless that is today; always where the rollout's days are not the wall's."""
    return moment(at, now) if view.speed == 1.0 else f"{at.day} {at:%b %H:%MZ}"


def phase_mark(phase: PhaseView, glyphs: Glyphs) -> tuple[str, Ink]:
    """The sign before a phase and its ink."""
    return {
        "done": (glyphs.ok, Ink.OK),
        "here": (glyphs.here, Ink.ACCENT),
        "failed": (glyphs.failed, Ink.BAD),
    }.get(phase.mark, (glyphs.todo, Ink.DIM))


def phase_line(view: RolloutView, width: int, glyphs: Glyphs) -> Row:
    """The phases in `width` cells. Where there is no room, those farthest from the present one give up their title for
    their share, then their share for their mark alone.
    """
    levels = [2] * len(view.phases)
    far = sorted(range(len(levels)), key=lambda place: (-abs(place - view.phase), place))
    for level in (1, 0):
        for place in far:
            if width_of(_line(view, levels, glyphs)) <= width:
                break
            if place != view.phase:
                levels[place] = level
    return _line(view, levels, glyphs)


def _line(view: RolloutView, levels: list[int], glyphs: Glyphs) -> Row:
    spans: Row = ((" ", Ink.TEXT),)
    for place, phase in enumerate(view.phases):
        mark, ink = phase_mark(phase, glyphs)
        if place:
            bare = levels[place] == 0 and levels[place - 1] == 0
            spans = (*spans, ("" if bare else f" {glyphs.across} ", Ink.FRAME))
        label = "" if levels[place] == 0 else phase.title or phase.name
        if levels[place] == 1:
            short = min(phase.name, label, key=len)
            label = phase.share.split(" or ")[0] or (short if len(short) <= TERSE else "")
        inks = {"here": Ink.STRONG, "failed": Ink.BAD, "done": Ink.TEXT}
        spans = (*spans, (mark, ink), (f" {clean(label)}" if label else "", inks.get(phase.mark, Ink.DIM)))
    return row(*spans)


def state_words(view: RolloutView) -> Row:
    """`SOAKING`, `SOAKING  FLYING BLIND `, ` ROLLING BACK `."""
    ink = soak_ink(view) if view.state is RolloutState.SOAKING else STATE_INK[view.state]
    word = view.state.value.upper()
    spans: Row = ((f" {word} " if ink is Ink.ALARM else word, ink),)
    return (*spans, (" ", Ink.TEXT), (" FLYING BLIND ", Ink.ALARM)) if view.blind else spans


def soak_ink(view: RolloutView) -> Ink:
    """Green only while the clock runs: somebody drives, everything can be judged, nothing is bad."""
    if view.blind or (view.soak is not None and view.soak.blind):
        return Ink.UNKNOWN
    bad = any(gate.verdict is Verdict.FAIL for gate in view.gates)
    bad = bad or any(breaching(each) for each in view.criteria)
    return Ink.WARN if bad or not view.driver.alive or view.state is RolloutState.HELD else Ink.OK


def driver_words(view: RolloutView, now: datetime) -> Row:
    """`driver: watcher on bastion, <15s`; loud where nobody drives what has not ended."""
    driver = view.driver
    if view.state.over:
        return row(("it has ended; nobody has to drive it", Ink.DIM))
    if driver.alive and driver.who:
        who = clean(driver.who).partition(" (pid")[0]
        age = f", {steps(now - driver.seen)}" if driver.seen else ""
        return row(("driver: ", Ink.DIM), who, (age, Ink.DIM))
    since = f" for {steps(now - driver.seen)}" if driver.seen else ""
    return row((f" NOBODY DRIVES{since} ", Ink.ALARM), (" w starts a watcher", Ink.WARN))


def soak_words(soak: SoakView) -> Row:
    """`41h12m of 72h  7m unobserved`, and what else keeps the clock from its end."""
    parts: list[tuple[str, Ink]] = [(f"{hours(soak.observed)} of {hours(soak.needed)}", Ink.STRONG)]
    if soak.blind:
        parts.append(("  stands", Ink.UNKNOWN))
    if soak.unobserved:
        parts.append((f"  {hours(soak.unobserved)} unobserved", Ink.DIM))
    if soak.bad:
        parts.append((f"  {hours(soak.bad)} bad", Ink.WARN))
    if soak.grace:
        parts.append((f"  {hours(soak.grace)} grace", Ink.WARN))
    if soak.restarts:
        parts.append((f"  began anew {soak.restarts}x", Ink.WARN))
    return row(*parts)


def soak_row(view: RolloutView, now: datetime, width: int, glyphs: Glyphs) -> Row:
    """The soak's bar and words at the left, the shares at the right end. now: rollout time.

    The bar gives way first, then what was asked, then the applied share: what is not well with the soak stays.
    """
    clocked = view.soak is not None and bool(view.soak.needed)
    words = soak_words(view.soak) if view.soak is not None and clocked else unsoaked(view, now)
    room = width - len(_SOAK) - width_of(words) - 3
    shares: Row = EMPTY
    for parts in (3, 2, 1, 0):
        shares = share_words(view, glyphs, parts) if parts else EMPTY
        if width_of(shares) <= room:
            break
    gauge: Row = EMPTY
    long = min(room - width_of(shares) - 4, LONGEST)
    if view.soak is not None and clocked and long >= SHORTEST:
        ratio = view.soak.observed / view.soak.needed
        gauge = (*bar(ratio, long, glyphs, soak_ink(view)), ("  ", Ink.TEXT))
    return ends(row((_SOAK, Ink.DIM), *gauge, *words), (*shares, (" ", Ink.TEXT)), width, glyphs.cut)


def unsoaked(view: RolloutView, now: datetime) -> Row:
    """What there is to say of the soak while no clock runs."""
    here = view.here
    if view.state is RolloutState.PLANNED and here.begins is not None and here.begins > now:
        return row((f"begins {dated(here.begins, view, now)} at the earliest", Ink.TEXT))
    if view.state in (RolloutState.ROLLING_BACK, RolloutState.ROLLED_BACK):
        return row(("ended with the rollback", Ink.DIM))
    if not here.soak:
        return row(("this phase has none", Ink.DIM))
    return row((f"{hours(here.soak)}, once what is asked is confirmed", Ink.DIM))


def share_words(view: RolloutView, glyphs: Glyphs, parts: int = 3) -> Row:
    """`asked 1%  applied 10%  measured 9.6%`, or the last `parts` of it."""
    if not view.asked:
        return row(("changes no traffic", Ink.DIM))
    far = (
        view.applied is not None
        and view.measured is not None
        and abs(view.measured - view.applied) > max(view.applied * FAR, 0.01)
    )
    told = (
        row(("asked ", Ink.DIM), clean(view.asked), "  "),
        row(("applied ", Ink.DIM), exactly(view.applied, glyphs.none), "  "),
        row(("measured ", Ink.DIM), (exactly(view.measured, glyphs.none), Ink.WARN if far else Ink.TEXT)),
    )
    return tuple(span for part in told[3 - parts :] for span in part)


def look_words(view: RolloutView, now: datetime) -> Row:
    """`look due in 9m`, loud when it is overdue; nothing without a cadence. now: rollout time."""
    if view.look_due is None or view.state.over:
        return EMPTY
    if view.look_due > now:
        return row((f"look due in {hours(view.look_due - now + timedelta(seconds=59))}", Ink.DIM))
    return row((f"look overdue {hours(now - view.look_due)}: o, then k", Ink.WARN))


def asks_words(view: RolloutView, room: int) -> Row:
    """What is asked of people: `checklist 2 of 3 · deployment lead: not signed · on-call engineer: go`; roles are
    counted where they do not fit; nothing where nothing is asked.
    """
    parts: list[tuple[str, Ink]] = []
    if view.checklist:
        done = sum(item.done for item in view.checklist)
        whole = done == len(view.checklist)
        parts.append((f"checklist {done} of {len(view.checklist)}", Ink.OK if whole else Ink.WARN))
    signs = []
    for sign in view.sign_offs:
        ink = {"go": Ink.OK, "no-go": Ink.BAD}.get(sign.decision, Ink.WARN)
        signs.append((f"{clean(sign.role)}: {sign.decision or 'not signed'}", ink))
    if sum(len(text) + 3 for text, _ in (*parts, *signs)) - 3 > room:
        signs = []
        for word, ink in (("no-go", Ink.BAD), ("go", Ink.OK), ("", Ink.WARN)):
            count = sum(sign.decision == word for sign in view.sign_offs)
            if count:
                signs.append((f"{count} of {len(view.sign_offs)} {word or 'not signed'}", ink))
    spans: Row = EMPTY
    for place, part in enumerate((*parts, *signs)):
        spans = (*spans, *(((" · ", Ink.DIM),) if place else EMPTY), part)
    return spans

"""Pane 1 while a rollout is under way: phases, state, soak and shares, gates and criteria, as rows allow."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from textwrap import wrap
from typing import TYPE_CHECKING

from console.core.states import RolloutState
from widgets.phases import (
    asks_words,
    driver_words,
    look_words,
    phase_line,
    rollout_time,
    soak_row,
    state_words,
)
from widgets.rows import EMPTY, Row, ends, fit, row, width_of
from widgets.rules import (
    BLIND,
    breaching,
    criterion_columns,
    criterion_heading,
    criterion_row,
    criterion_rows,
    gate_columns,
    gate_heading,
    gate_row,
    gate_rows,
    halves,
    two_columns,
    worst_criteria,
    worst_gates,
)
from widgets.vocabulary import Glyphs, Ink
from widgets.words import clean, steps

if TYPE_CHECKING:
    from console.core.picture import Picture
    from console.core.rollouts.view import RolloutView

WIDE = 100
"""Cells inside the frame from which gates and criteria stand beside each other and the driver beside the state."""
OLD = timedelta(minutes=1)
INDENT = 10
LEAST = 16
"""Letters of the reason that are kept however little room there is."""
NOBODY = "NOBODY DRIVES"
KEYS = re.compile(r"(^|[ ,(])([phRAtwTgkSo]|Space|Enter) [a-z]+s\b")
LEAD = "rolls back when "
ENDED = (RolloutState.ROLLING_BACK, RolloutState.ROLLED_BACK, RolloutState.COMPLETED, RolloutState.ABORTED)
TELLING = (" trips ", " fails ", "?")
"""Words of a sentence of evidence, the worst first."""
NEAREST = 3
"""Rows from which one is kept for the nearest criterion, though nothing is the matter with it."""
SHORT = 5
ROOMY = 8
"""Rows from which the columns have a heading."""


def state_rows(view: RolloutView, now: datetime, width: int, most: int, *, titled: str = "") -> list[Row]:
    """The state and its one line; at a width that allows, who drives at the first row's end. titled: what the frame
    says already.

    The line names the keys, so it is folded into at most `most` rows; where that is too few, the reason before the keys
    is shortened.
    """
    head = row(" ", *state_words(view), "  ")
    driver = (*driver_words(view, now), (" ", Ink.TEXT)) if width >= WIDE else EMPTY
    indent = " " * min(width_of(head), INDENT)
    room = max(width - width_of(head) - width_of(driver) - 2, 20), width - len(indent) - 1
    text = unsaid(view, driven=bool(driver) or NOBODY in titled)
    parts = folded(text, *room)
    reason, keys = split_at_keys(text)
    while len(parts) > most and keys:
        if (at := keys.rfind("; ")) >= 0:
            keys = keys[:at]
        elif len(reason) > LEAST:
            reason = reason[:-2].rstrip()
        else:
            break
        cut = "" if text.startswith(f"{reason}; ") else "…"
        parts = folded(f"{reason}{cut}; {keys}" if reason else keys, *room)
    told = row(*head, (parts[0], Ink.STRONG))
    rows = [ends(told, driver, width) if driver else told]
    if len(parts) > most:
        parts = [*parts[: most - 1], " ".join(parts[most - 1 :])]
    return [*rows, *(row(indent, (part, Ink.STRONG)) for part in parts[1:])]


def unsaid(view: RolloutView, *, driven: bool) -> str:
    """The one line without what the words beside it say already. driven: they say who drives, too."""
    text = clean(view.why)
    if driven:
        text = text.removeprefix("nobody watches it, w starts a watcher; ")
    return text.removeprefix(f"{view.state.value}: ").removeprefix(f"{view.state.value} ")


def split_at_keys(text: str) -> tuple[str, str]:
    """The one line before and from its first part that names a key; without one, all of it and nothing."""
    parts = text.split("; ")
    at = next((place for place, part in enumerate(parts) if KEYS.search(part)), len(parts))
    return "; ".join(parts[:at]), "; ".join(parts[at:])


def folded(text: str, first: int, others: int) -> list[str]:
    """The text in rows: `first` cells for the first, `others` for each other one."""
    head, *rest = wrap(text, first, break_on_hyphens=False) or [""]
    return [head, *wrap(" ".join(rest), others, break_on_hyphens=False)]


def headings(view: RolloutView, width: int, glyphs: Glyphs) -> Row:
    """The heads of the two columns."""
    half = halves(view.gates, view.criteria, width)
    left = gate_heading(gate_columns(view.gates, half - 1))
    return two_columns([left], [criterion_heading(criterion_columns(view.criteria, width - half - 1))], half, glyphs)[0]


def rule_rows(view: RolloutView, width: int, most: int, glyphs: Glyphs) -> list[Row]:
    """Gates and criteria in at most `most` rows: beside each other where wide, else the worst of both. Where nothing is
    judged any more, what was said of each rule when the last attempt ended.
    """
    if most < 1:
        return []
    if not (view.gates or view.criteria):
        return ended_rows(view, width, most)
    if width < WIDE:
        return narrow_rules(view, width - 1, most, glyphs)
    half = halves(view.gates, view.criteria, width)
    no_gate, no_criterion = unjudged(view)
    left = gate_rows(view.gates, half - 1, most, glyphs) or [row((f"   {no_gate}", Ink.DIM))]
    other = criterion_rows(view.criteria, width - half - 1, most, glyphs)
    return two_columns(left, other or [row((f"   {no_criterion}", Ink.DIM))], half, glyphs)


def ended_rows(view: RolloutView, width: int, most: int) -> list[Row]:
    """How the rules stood when the last attempt ended, those that tripped or failed first."""
    said = view.history[-1].evidence if view.history and view.state in ENDED else ()
    if not said:
        return [row((f"   {'; '.join(unjudged(view))}", Ink.DIM))]
    worst = sorted(said, key=lambda line: next((at for at, word in enumerate(TELLING) if word in line), len(TELLING)))
    inks = [Ink.BAD if any(word in line for word in TELLING[:2]) else Ink.DIM for line in worst]
    heads = (" ended ", *(" " * 7,) * len(worst))
    return [row((head, Ink.DIM), (clean(line), ink)) for head, line, ink in zip(heads, worst, inks, strict=False)][
        :most
    ]


def unjudged(view: RolloutView) -> tuple[str, str]:
    """Why there is no gate, and why no criterion."""
    if view.state in ENDED:
        return "gates are not judged any more", "nothing is armed any more"
    if view.state in (RolloutState.PLANNED, RolloutState.APPLYING):
        return "gates are judged once the phase is applied", "nothing is armed yet"
    return "no gate guards this phase", "nothing rolls back by itself"


def narrow_rules(view: RolloutView, width: int, most: int, glyphs: Glyphs) -> list[Row]:
    """Gates above criteria where there is room for all. Else criteria that are tripped, breached or cannot be judged
    come first, then the worst gates, then the criterion that is nearest; the last row counts those left out.
    """
    gates, criteria = worst_gates(view.gates), worst_criteria(view.criteria)
    if most >= len(gates) + len(criteria):
        return [
            *gate_rows(gates, width, most, glyphs),
            *criterion_rows(criteria, width, most - len(gates), glyphs, LEAD),
        ]
    left = f" and {len(gates) + len(criteria) - most} more "
    width -= len(left)
    loud = [each for each in criteria if breaching(each) or each.verdict in BLIND]
    loud = loud[: max(most - min(len(gates), 2 if most > 2 else 1), 1)]
    trips = criterion_columns(criteria, width, LEAD)
    columns = gate_columns(gates, width)
    room = most - len(loud)
    nearest = 0 if loud or room < NEAREST else 1
    rows = [criterion_row(each, trips, glyphs, LEAD) for each in loud]
    rows += [gate_row(gate, columns, glyphs) for gate in gates[: room - nearest]]
    rows += [criterion_row(each, trips, glyphs, LEAD) for each in criteria[len(loud) :][: most - len(rows)]]
    return [*rows[:-1], ends(fit(rows[-1], width, glyphs.cut), row((left, Ink.DIM)), width + len(left), glyphs.cut)]


def progress_rows(
    picture: Picture, view: RolloutView, now: datetime, width: int, height: int, glyphs: Glyphs
) -> list[Row]:
    """The pane's rows while a rollout is under way; never more than `height`."""
    at = rollout_time(picture, now)
    roomy = height >= ROOMY
    most = 3 if roomy or (height > SHORT and not (view.gates or view.criteria)) else 2
    titled = "" if view.driver.alive and view.driver.who else NOBODY
    rows = [phase_line(view, width, glyphs), *state_rows(view, now, width, most, titled=titled)]
    rows.append(soak_row(view, at, width, glyphs))
    if picture.rollout_error:
        rows.append(row((f" {glyphs.failed} could not read: ", Ink.BAD), clean(picture.rollout_error)))
    asks = asks_words(view, width - 8)
    if asks and (roomy or view.state is RolloutState.WAITING):
        rows.append(row((" asks  ", Ink.DIM), *asks))
    if roomy:
        rows += [row((f" {glyphs.warn} ", Ink.WARN), clean(note)) for note in view.notes[: max(height - 9, 1)]]
        if width >= WIDE and (view.gates or view.criteria):
            rows.append(headings(view, width, glyphs))
    rows += rule_rows(view, width, height - len(rows), glyphs)
    return rows[:height]


def progress_title(picture: Picture, view: RolloutView, now: datetime, glyphs: Glyphs, *, wide: bool) -> Row:
    """`phase 4 of 8 · production canary`, before it whoever is missing, after it what is due.

    Where there is little room and more to say, the phase's name, then its number, are left to the line of phases below.
    """
    at = rollout_time(picture, now)
    look = look_words(view, at)
    overdue = view.look_due is not None and view.look_due <= at
    elsewhere = view.environment != picture.environment
    parts: list[Row] = []
    if (age := rollout_age(picture, view, now)) > OLD:
        parts.append(row((f"STALE {steps(age)}", Ink.ALARM)))
    if not wide and not (view.driver.alive and view.driver.who):
        parts.append(row((f" {NOBODY} ", Ink.ALARM)) if elsewhere else driver_words(view, now)[:1])
    if elsewhere:
        there, here = clean(view.environment).upper(), clean(picture.environment).upper()
        parts.append(row((f" in {there}; panes 2 to 4 show {here} ", Ink.ALARM)))
    name = row((clean(view.here.title or view.here.name), Ink.STRONG))
    bare = not (parts or overdue or view.speed != 1.0)
    if not elsewhere or (wide and view.speed == 1.0):
        parts += [row(f"phase {view.phase + 1} of {len(view.phases)}"), name if wide or bare else EMPTY]
    if overdue:
        parts.append(look)
    if view.speed != 1.0:
        parts.append(row((f"{view.speed:g} times as fast", Ink.DIM)))
        parts.append(row(("rollout time ", Ink.DIM), f"{at.day} {at:%b %H:%MZ}"))
    parts.append(EMPTY if overdue else look)
    spans: Row = EMPTY
    for part in filter(None, parts):
        spans = (*spans, *(((f" {glyphs.dot} ", Ink.DIM),) if spans else EMPTY), *part)
    return spans


def rollout_age(picture: Picture, view: RolloutView, now: datetime) -> timedelta:
    """How old what is said of the rollout is, in the wall's time."""
    return (rollout_time(picture, now) - view.taken_at) / view.speed


def idle_row(picture: Picture, now: datetime, glyphs: Glyphs) -> Row:
    """The line below what is deployed while no rollout is under way; empty where the system has no plan."""
    if picture.rollout_error:
        return row((f" {glyphs.failed} no rollout can be started: ", Ink.BAD), clean(picture.rollout_error))
    plans = ", ".join(clean(name) for name in picture.rollout_plans)
    start = f"S starts one of: {plans}" if plans else "there is no plan to start"
    view = picture.rollout
    if view is None:
        return row((f" no rollout under way; {start}", Ink.DIM)) if plans else EMPTY
    ink = Ink.OK if view.state is RolloutState.COMPLETED else Ink.WARN
    return row(
        (f" {clean(view.plan)} of {clean(view.version)} ", Ink.TEXT),
        (view.state.value.upper(), ink),
        (f" {glyphs.dot} Enter tells all of it; {start}", Ink.DIM),
    )

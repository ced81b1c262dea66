"""Pane 1 while a rollout is under way: phases, state, soak and shares, gates and criteria, as rows allow."""

from __future__ import annotations

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
from widgets.rows import EMPTY, Row, ends, row, width_of
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
LEAD = "rolls back when "
ENDED = (RolloutState.ROLLING_BACK, RolloutState.ROLLED_BACK, RolloutState.COMPLETED, RolloutState.ABORTED)
TELLING = (" trips ", " fails ", "?")
"""Words of a sentence of evidence, the worst first."""
NEAREST = 3
"""Rows from which one is kept for the nearest criterion, though nothing is the matter with it."""
SHORT = 5
ROOMY = 7
"""Rows from which the columns have a heading."""


def state_rows(view: RolloutView, now: datetime, width: int, most: int) -> list[Row]:
    """The state and its one line; at a width that allows, who drives at the first row's end.

    The line names the keys, so it is folded and not cut, into at most `most` rows.
    """
    head = row(" ", *state_words(view), "  ")
    driver = (*driver_words(view.driver, now), (" ", Ink.TEXT)) if width >= WIDE else EMPTY
    first, rest = folded(unsaid(view, driven=bool(driver)), max(width - width_of(head) - width_of(driver) - 2, 20))
    told = row(*head, (first, Ink.STRONG))
    rows = [ends(told, driver, width) if driver else told]
    indent = " " * min(width_of(head), INDENT)
    parts = wrap(rest, width - len(indent) - 1, break_on_hyphens=False)
    if len(parts) > most - 1:
        parts = [*parts[: most - 2], " ".join(parts[most - 2 :])]
    return [*rows, *(row(indent, (part, Ink.STRONG)) for part in parts)]


def unsaid(view: RolloutView, *, driven: bool) -> str:
    """The one line without what the words beside it say already. driven: they say who drives, too."""
    text = clean(view.why)
    if driven:
        text = text.removeprefix("nobody watches it, w starts a watcher; ")
    if view.blind:
        text = text.replace("FLYING BLIND: ", "", 1)
    return text.removeprefix(f"{view.state.value}: ").removeprefix(f"{view.state.value} ")


def folded(text: str, width: int) -> tuple[str, str]:
    """The first row of the text, and the rest of it."""
    parts = wrap(text, width, break_on_hyphens=False) or [""]
    return parts[0], " ".join(parts[1:])


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
    come first, then the worst gates, then the criterion that is nearest.
    """
    gates, criteria = worst_gates(view.gates), worst_criteria(view.criteria)
    if most >= len(gates) + len(criteria):
        return [
            *gate_rows(gates, width, most, glyphs),
            *criterion_rows(criteria, width, most - len(gates), glyphs, LEAD),
        ]
    loud = [each for each in criteria if breaching(each) or each.verdict in BLIND][: max(most - 1, 1)]
    calm = criteria[len(loud) :]
    trips = criterion_columns(criteria, width)
    rows = [criterion_row(each, trips, glyphs, LEAD) for each in loud]
    room = most - len(rows)
    nearest = 0 if loud or room < NEAREST else 1
    columns = gate_columns(gates, width)
    rows += [gate_row(gate, columns, glyphs) for gate in gates[: room - nearest]]
    return rows + [criterion_row(each, trips, glyphs, LEAD) for each in calm[: most - len(rows)]]


def progress_rows(
    picture: Picture, view: RolloutView, now: datetime, width: int, height: int, glyphs: Glyphs
) -> list[Row]:
    """The pane's rows while a rollout is under way; never more than `height`."""
    at = rollout_time(picture, now)
    roomy = height >= ROOMY
    rows = [phase_line(view, width, glyphs), *state_rows(view, now, width, 3 if height > SHORT else 2)]
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

    Where there is little room and more to say, the phase's name is left to the line of phases below.
    """
    at = rollout_time(picture, now)
    look = look_words(view, at)
    overdue = view.look_due is not None and view.look_due <= at
    elsewhere = view.environment != picture.environment
    parts: list[Row] = []
    if (age := rollout_age(picture, view, now)) > OLD:
        parts.append(row((f"STALE {steps(age)}", Ink.ALARM)))
    if not wide and not (view.driver.alive and view.driver.who):
        parts.append(driver_words(view.driver, now)[:1])
    if wide or not (parts or elsewhere or overdue):
        name = row((clean(view.here.title or view.here.name), Ink.STRONG))
    else:
        name = EMPTY
    parts += [row(f"phase {view.phase + 1} of {len(view.phases)}"), name]
    if elsewhere:
        parts.append(row((f" in {clean(view.environment).upper()} ", Ink.BADGE)))
    parts.append(look)
    if view.speed != 1.0:
        parts.append(row((f"{view.speed:g} times as fast", Ink.DIM)))
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

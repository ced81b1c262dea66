"""The page of the rollout screen: all there is to say of one phase, and which of its rows can be acted on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from console.core.rollouts.plan import Phase
from console.core.rollouts.view import AttemptView, ItemView, PhaseView, RolloutView, SignView
from screens.folding import folded_prose
from widgets.phases import dated, driver_words, look_words, phase_mark
from widgets.progress import unjudged
from widgets.rows import EMPTY, Row, cell, row
from widgets.rules import (
    criterion_columns,
    criterion_row,
    explained,
    gate_columns,
    gate_row,
    worst_criteria,
    worst_gates,
)
from widgets.vocabulary import Glyphs, Ink
from widgets.words import ago, clean, hours

WIDE = 100
NOW = ("here", "failed")
WIDEST = 92
"""Cells a rule's row is stretched to at most."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the page. item: the checklist's place it belongs to, or None. role: the one it is the sign-off of."""

    row: Row
    item: int | None = None
    role: str = ""


def heading(words: str, more: str = "") -> list[Entry]:
    """A blank row and the section's name."""
    return [Entry(EMPTY), Entry(row((f" {words}", Ink.TITLE), (f"  {more}" if more else "", Ink.DIM)))]


def prose(text: str, width: int, ink: Ink = Ink.TEXT, indent: str = "   ") -> list[Entry]:
    """Text folded to the width."""
    return [Entry(row(indent, (part, ink))) for part in folded_prose(clean(text), max(width - len(indent) - 1, 20))]


def phase_heading(width: int) -> Row:
    """The words above the phases."""
    words = ("phase", "environment", "asks for" if width >= WIDE else "asks", "soak", " begins")
    cells = (cell(word, columns, Ink.DIM) for word, columns in zip(words, _columns(width), strict=True))
    last = "last attempt   ~ at the earliest" if width >= WIDE else "last"
    return row(("   ", Ink.DIM), *cells, (last, Ink.DIM))


def phase_row(phase: PhaseView, attempts: Sequence[AttemptView], now: datetime, width: int, glyphs: Glyphs) -> Row:
    """A phase in a line: mark, title, environment, share, soak, when it began or (`~`) will at the earliest, and how
    its last attempt ended, with the number of attempts where there was more than one.
    """
    mark, ink = phase_mark(phase, glyphs)
    columns = _columns(width)
    sure = " " if phase.mark != "todo" or not phase.estimated else "~"
    when = f"{sure}{phase.begins.day} {phase.begins:%b %H:%MZ}" if phase.begins else f" {glyphs.none}"
    tried = [each for each in attempts if each.phase == phase.name]
    last = tried[-1].outcome if tried else ""
    times = f" ({len(tried)})" if len(tried) > 1 else ""
    wide = width >= WIDE
    share = phase.share if wide else phase.share.partition(" or ")[0]
    return row(
        (f" {mark} ", ink),
        cell(clean(phase.title or phase.name), columns[0], Ink.STRONG if phase.mark in NOW else Ink.TEXT),
        cell(clean(phase.environment), columns[1], Ink.DIM),
        cell(clean(share) or glyphs.none, columns[2]),
        cell(hours(phase.soak) if phase.soak else glyphs.none, columns[3], Ink.DIM),
        cell(when, columns[4], Ink.DIM),
        (clean(last if wide else last.partition(":")[0]) + times, Ink.BAD if last.startswith("rolled") else Ink.DIM),
    )


def _columns(width: int) -> tuple[int, int, int, int, int]:
    """Cells of a phase's title, environment, share, soak and beginning."""
    return (30, 18, 14, 6, 15) if width >= WIDE else (20, 16, 8, 5, 15)


def item_entries(place: int, item: ItemView, now: datetime, width: int, glyphs: Glyphs) -> list[Entry]:
    """A checklist item and, below it, who ticked it and what was seen."""
    mark, ink = (glyphs.ok, Ink.OK) if item.done else (glyphs.todo, Ink.WARN)
    parts = folded_prose(clean(item.text), max(width - 6, 20))
    rows = [row((f"   {mark} ", ink), (parts[0], Ink.TEXT if item.done else Ink.STRONG))]
    rows += [row("     ", part) for part in parts[1:]]
    if item.done:
        seen = f": {clean(item.note)}" if item.note else ""
        rows.append(row((f"     {clean(item.by)} {ago(item.at, now)}{seen}", Ink.DIM)))
    return [Entry(each, item=place) for each in rows]


def sign_entry(sign: SignView, now: datetime, glyphs: Glyphs) -> Entry:
    """A role's word."""
    mark, ink = {"go": (glyphs.ok, Ink.OK), "no-go": (glyphs.failed, Ink.BAD)}.get(
        sign.decision, (glyphs.todo, Ink.WARN)
    )
    said = f"{clean(sign.by)} {ago(sign.at, now)}: {clean(sign.note)}" if sign.decision else "waited for; g signs"
    return Entry(
        row(
            (f"   {mark} ", ink),
            cell(clean(sign.role), 28, Ink.STRONG),
            cell(sign.decision.upper() or glyphs.none, 8, ink),
            (said, Ink.DIM),
        ),
        role=sign.role,
    )


def attempt_entries(attempt: AttemptView, view: RolloutView, now: datetime, width: int, glyphs: Glyphs) -> list[Entry]:
    """One try: when, how it ended, how long it was observed; below it what each rule said at its end."""
    bad = attempt.outcome.startswith(("rolled", "abort"))
    over = attempt.outcome or "under way"
    mark, ink = (
        (glyphs.failed, Ink.BAD) if bad else (glyphs.ok, Ink.OK) if attempt.outcome else (glyphs.here, Ink.ACCENT)
    )
    until = f" to {dated(attempt.ended, view, now)}" if attempt.ended else ""
    entries = [
        Entry(
            row(
                (f"   {mark} ", ink),
                (f"{attempt.number}  ", Ink.DIM),
                cell(clean(attempt.phase), 24),
                (f"{dated(attempt.began, view, now)}{until}", Ink.DIM),
                (f"  {hours(attempt.observed)} observed good" if attempt.observed else "", Ink.DIM),
            )
        ),
        *prose(over, width, Ink.BAD if bad else Ink.TEXT, "        "),
    ]
    return entries + [line for each in attempt.evidence for line in prose(each, width, Ink.DIM, "        ")]


def page(
    view: RolloutView, chosen: int, written: Phase | None, now: datetime, at: datetime, width: int, glyphs: Glyphs
) -> list[Entry]:
    """Everything of one phase. written: the phase as its file says, or None. at: rollout time."""
    phase = view.phases[chosen]
    entries = list(_about(phase, view, at, width))
    if chosen == view.phase:
        entries += present(view, at, width, glyphs)
    elif written is not None:
        entries += foretold(view, written, width, glyphs)
    tried = [each for each in view.history if each.phase == phase.name]
    if tried:
        entries += heading("Attempts of this phase")
        entries += [line for each in reversed(tried) for line in attempt_entries(each, view, at, width, glyphs)]
    for words, told in (("Roll back by hand when", view.manual), ("Success is", view.success)):
        if told:
            entries += heading(words)
            entries += [line for each in told for line in prose(each, width, indent=f"   {glyphs.dot} ")]
    others = [each for each in view.history if each.phase != phase.name]
    if others:
        entries += heading("Attempts of the other phases")
        entries += [line for each in reversed(others) for line in attempt_entries(each, view, at, width, glyphs)]
    entries += heading("Who")
    entries.append(Entry(row("   ", *driver_words(view, now), (f"  epoch {view.driver.epoch}", Ink.DIM))))
    entries += prose(f"started by {view.by} {dated(view.started, view, at)}, plan {view.plan}", width, Ink.DIM)
    return entries


def _about(phase: PhaseView, view: RolloutView, now: datetime, width: int) -> Iterable[Entry]:
    if phase.about:
        yield from prose(phase.about, width)
    facts = [f"strategy {phase.strategy}" if phase.strategy != "none" else "changes no traffic"]
    if phase.not_before:
        facts.append(f"not before {dated(phase.not_before, view, now)}")
    if phase.ends:
        word = "ends at the earliest" if phase.estimated or phase.ends > now else "ended"
        facts.append(f"{word} {dated(phase.ends, view, now)}")
    if phase.sign_offs:
        facts.append(f"to be signed by {', '.join(phase.sign_offs)}")
    yield from prose("; ".join(facts), width, Ink.DIM)


def present(view: RolloutView, at: datetime, width: int, glyphs: Glyphs) -> list[Entry]:
    """What is asked of people first, then what is measured."""
    entries: list[Entry] = []
    for note in view.notes:
        entries += prose(f"{glyphs.warn} {note}", width, Ink.WARN)
    if view.checklist:
        done = sum(item.done for item in view.checklist)
        entries += heading("Checklist", f"{done} of {len(view.checklist)} ticked; space ticks")
        for place, item in enumerate(view.checklist):
            entries += item_entries(place, item, at, width, glyphs)
    if view.sign_offs:
        entries += heading("Sign-offs", "g signs")
        entries += [sign_entry(sign, at, glyphs) for sign in view.sign_offs]
    if look := look_words(view, at):
        entries += heading("Look", "k marks one")
        entries.append(Entry(row("   ", *look)))
    stretched = min(width - 2, WIDEST)
    no_gate, no_criterion = unjudged(view)
    entries += heading("Gates", "all must pass" if view.gates else no_gate)
    columns = gate_columns(view.gates, stretched)
    for gate in worst_gates(view.gates):
        entries.append(Entry(gate_row(gate, columns, glyphs)))
        entries += [Entry(each) for each in explained(gate.verdict, gate.detail)]
        if squeezed(gate.text) != squeezed(gate.title + gate.need):
            entries += prose(gate.text, width, Ink.DIM, "     ")
    entries += heading("Rolls back by itself when", "" if view.criteria else no_criterion)
    trips = criterion_columns(view.criteria, stretched)
    for criterion in worst_criteria(view.criteria):
        entries.append(Entry(criterion_row(criterion, trips, glyphs)))
        entries += [Entry(each) for each in explained(criterion.verdict, criterion.detail)]
        if criterion.title not in (criterion.text, ""):
            entries += prose(f"{criterion.title}: {criterion.text}", width, Ink.DIM, "     ")
    return entries


def squeezed(text: str) -> str:
    """A condition without what may differ between its text and its words."""
    return text.replace(" ", "").replace("_", "").lower()


def foretold(view: RolloutView, phase: Phase, width: int, glyphs: Glyphs) -> list[Entry]:
    """What the plan's file says of a phase that is not the present one; first, whether the rollout goes by another."""
    entries = [line for note in view.notes for line in prose(f"{glyphs.warn} {note}", width, Ink.WARN)]
    if entries:
        entries += prose("what the file says below may not be what this rollout goes by", width, Ink.WARN, "     ")
    for words, told in (
        ("Checklist", phase.checklist),
        ("Gates", tuple(rule.text for rule in phase.gates)),
        ("Rolls back by itself when", tuple(rule.text for rule in phase.criteria)),
        ("Begins only when", tuple(rule.text for rule in phase.preconditions.conditions)),
        ("Checks before", tuple(check.name for check in phase.before)),
        ("Checks after", tuple(check.name for check in phase.after)),
    ):
        if told:
            entries += heading(words, "as the plan's file says now")
            entries += [line for each in told for line in prose(each, width)]
    return entries

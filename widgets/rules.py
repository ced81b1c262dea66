"""Gates and rollback criteria as two columns of rows, worst first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.core.evaluation import Mark, Verdict
from widgets.gauges import bar
from widgets.rows import EMPTY, Row, cell, fit, right, row
from widgets.vocabulary import Glyphs, Ink
from widgets.words import clean, hours, plural

if TYPE_CHECKING:
    from console.core.rollouts.view import CriterionView, GateView

BLIND = (Verdict.ERROR, Verdict.NODATA)
_GATE_ORDER = (Verdict.FAIL, Verdict.ERROR, Verdict.NODATA, Verdict.PENDING, Verdict.PASS)
NEAR = 0.8
"""From here on a criterion is called near."""
NEAR_BAR = 6
HELD_FOR = 10
LONGEST_NEED = 20
LONGEST_STRIP, USUAL_STRIP, SHORTEST_STRIP = 30, 10, 4


def worst_gates(gates: Sequence[GateView]) -> list[GateView]:
    """Failing first, then those nobody can judge, then those that are on their way, then those that pass."""
    return sorted(gates, key=lambda gate: _GATE_ORDER.index(gate.verdict))


def worst_criteria(criteria: Sequence[CriterionView]) -> list[CriterionView]:
    """Tripped first, then breached, then those nobody can judge, then by how near they are."""
    return sorted(criteria, key=lambda each: (_rank(each), -(each.near or 0.0)))


def _rank(criterion: CriterionView) -> int:
    if breaching(criterion):
        return 0 if criterion.verdict is Verdict.PASS else 1
    return 2 if criterion.verdict in BLIND else 3


def breaching(criterion: CriterionView) -> bool:
    """Whether it is tripped, or on its way to it. PENDING alone is also said where samples of the phase are to come."""
    on_its_way = criterion.verdict is Verdict.PENDING and (bool(criterion.true_for) or (criterion.near or 0.0) >= 1)
    return criterion.verdict is Verdict.PASS or on_its_way


def gate_mark(verdict: Verdict, glyphs: Glyphs) -> tuple[str, Ink]:
    """The sign before a gate."""
    return {
        Verdict.PASS: (glyphs.ok, Ink.OK),
        Verdict.FAIL: (glyphs.warn, Ink.BAD),
        Verdict.PENDING: (glyphs.todo, Ink.ACCENT),
    }.get(verdict, (glyphs.unknown, Ink.UNKNOWN))


def criterion_mark(criterion: CriterionView, glyphs: Glyphs) -> tuple[str, Ink]:
    """The sign before a rollback criterion; its PASS is what nobody wants to see. One that is quiet has no tick, for
    beside `error rate > 5%` that would read as true.
    """
    if criterion.verdict is Verdict.PASS:
        return glyphs.failed, Ink.ALARM
    if breaching(criterion):
        return glyphs.warn, Ink.BAD
    if criterion.verdict in BLIND:
        return glyphs.unknown, Ink.UNKNOWN
    return (glyphs.dot if criterion.verdict is Verdict.FAIL else glyphs.todo), Ink.DIM


def strip_of(marks: Sequence[Mark], width: int, glyphs: Glyphs) -> Row:
    """The newest `width` points, each by its own sign; neighbours of one kind are one span."""
    signs = {
        Mark.TRUE: (glyphs.true, Ink.OK),
        Mark.FALSE: (glyphs.false, Ink.BAD),
        Mark.MISSING: (glyphs.missing, Ink.DIM),
        Mark.ERROR: (glyphs.error, Ink.UNKNOWN),
    }
    spans: list[tuple[str, Ink]] = [(" " * (width - len(marks[-width:])), Ink.TEXT)]
    for mark in marks[-width:]:
        sign, ink = signs[mark]
        if spans[-1][1] is ink:
            spans[-1] = (spans[-1][0] + sign, ink)
        else:
            spans.append((sign, ink))
    return row(*spans)


def value_ink(verdict: Verdict) -> Ink:
    """The ink of a gate's live value."""
    inks = {Verdict.PASS: Ink.STRONG, Verdict.FAIL: Ink.BAD, Verdict.PENDING: Ink.ACCENT}
    return inks.get(verdict, Ink.UNKNOWN)


@dataclass(frozen=True, slots=True)
class GateColumns:
    """Widths of the columns of gates that stand below each other. The threshold is never cut before the strip is."""

    name: int
    now: int
    need: int
    strip: int


def gate_columns(gates: Sequence[GateView], width: int) -> GateColumns:
    """Columns for these gates in `width` cells."""
    name, now, need = _gate_texts(gates)
    room = width - 3 - now - 2 - need
    strip = min(room - name, LONGEST_STRIP)
    strip = strip if strip >= SHORTEST_STRIP else 0
    return GateColumns(max(room - strip, 8), now, need, strip)


def _gate_texts(gates: Sequence[GateView]) -> tuple[int, int, int]:
    """Cells that names, values and thresholds need."""
    name = max([12, *(len(gate.title) + 1 for gate in gates)])
    now = max([9, *(len(gate.now) for gate in gates)])
    return name, now, min(max([8, *(len(gate.need) for gate in gates)]), LONGEST_NEED) + 2


def halves(gates: Sequence[GateView], criteria: Sequence[CriterionView], width: int) -> int:
    """Cells of the gates' side of `width`: what both need, and of the rest half; the strip gives way first."""
    left = sum(_gate_texts(gates)) + 6 + USUAL_STRIP
    right_side = criterion_columns(criteria, 0).now + max([15, *(len(label_of(each)) for each in criteria)]) + 4
    right_side += NEAR_BAR + 2 + HELD_FOR + 1
    spare = width - left - right_side
    return left + spare // 2 if spare >= 0 else left + max(spare, SHORTEST_STRIP - USUAL_STRIP)


def gate_row(gate: GateView, columns: GateColumns, glyphs: Glyphs) -> Row:
    """`✓ p99 latency   143 ms   < 200 ms   ▮▮▮▮▮▮`."""
    mark, ink = gate_mark(gate.verdict, glyphs)
    return row(
        (f" {mark} ", ink),
        cell(clean(gate.title), columns.name),
        right(clean(gate.now), columns.now, value_ink(gate.verdict)),
        "  ",
        cell(clean(gate.need), columns.need, Ink.DIM),
        *(strip_of(gate.strip, columns.strip, glyphs) if columns.strip else EMPTY),
    )


def gate_heading(columns: GateColumns) -> Row:
    """The words above the gates."""
    return row(
        ("   ", Ink.DIM),
        cell("gate", columns.name, Ink.DIM),
        right("now", columns.now, Ink.DIM),
        ("  ", Ink.DIM),
        cell("need", columns.need, Ink.DIM),
        ("lately"[: columns.strip], Ink.DIM),
    )


@dataclass(frozen=True, slots=True)
class CriterionColumns:
    """Widths of the columns of criteria that stand below each other; near: of the bar that says how near one is."""

    name: int
    now: int
    near: int


def criterion_columns(criteria: Sequence[CriterionView], width: int, lead: str = "") -> CriterionColumns:
    """Columns for these criteria in `width` cells; the bar gives way before the threshold at the end of a name does.
    lead: words before each name.
    """
    now = max([9, *(len(each.now) for each in criteria)])
    room = width - 3 - now - 1 - HELD_FOR
    name = max([14, *(len(lead + label_of(each)) + 1 for each in criteria)])
    near = next((near for near in (NEAR_BAR, NEAR_BAR // 2) if room - near - 2 >= name), 0)
    return CriterionColumns(max(room - (near + 2 if near else 0), 10), now, near)


def criterion_heading(columns: CriterionColumns) -> Row:
    """The words above the criteria."""
    near = (f"{'  near':<{columns.near + 2}}", Ink.DIM) if columns.near else ("", Ink.DIM)
    return row(
        ("   ", Ink.DIM),
        cell("rolls back when", columns.name, Ink.DIM),
        right("now", columns.now + 1, Ink.DIM),
        *([near] if columns.near else []),
        right("for", HELD_FOR, Ink.DIM),
    )


def label_of(criterion: CriterionView) -> str:
    """`error rate > 5%`: the condition as people say it, without how long it must last."""
    text = criterion.text.partition(" for ")[0] if criterion.needed else criterion.text
    return clean(text.replace("_", " "))


def held_for(criterion: CriterionView) -> str:
    """`0s of 5m`; empty where one point is enough."""
    return f"{hours(criterion.true_for)} of {hours(criterion.needed)}" if criterion.needed else ""


def criterion_row(criterion: CriterionView, columns: CriterionColumns, glyphs: Glyphs, lead: str = "") -> Row:
    """`· error rate > 5%   0.08 %  ░░░░░  0s of 5m`: what it is now, how near, how long. lead: words before its name,
    where it stands among gates.
    """
    mark, ink = criterion_mark(criterion, glyphs)
    bad = breaching(criterion)
    value = Ink.BAD if bad else Ink.UNKNOWN if criterion.verdict in BLIND else Ink.STRONG
    gauge: Row = EMPTY
    if columns.near and criterion.near is None:
        gauge = row(" " * (columns.near + 2))
    elif columns.near:
        warn = bad or (criterion.near or 0.0) >= NEAR
        gauge = (("  ", Ink.TEXT), *bar(criterion.near or 0.0, columns.near, glyphs, Ink.BAD if warn else Ink.OK))
    return row(
        (f" {mark} ", ink),
        cell(lead + label_of(criterion), columns.name, Ink.TEXT if criterion.verdict is not Verdict.PASS else Ink.BAD),
        right(clean(criterion.now), columns.now + 1, value),
        *gauge,
        right(held_for(criterion), HELD_FOR, Ink.BAD if bad else Ink.DIM),
    )


def explained(verdict: Verdict, detail: str) -> list[Row]:
    """The row below a rule that nobody can judge: why."""
    return [row(("     ", Ink.TEXT), (clean(detail), Ink.UNKNOWN))] if detail and verdict in BLIND else []


def gate_rows(gates: Sequence[GateView], width: int, most: int, glyphs: Glyphs) -> list[Row]:
    """At most `most` rows, each rule that is blind followed by why; the last row counts those left out."""
    columns = gate_columns(gates, width)
    told = [[gate_row(gate, columns, glyphs), *explained(gate.verdict, gate.detail)] for gate in worst_gates(gates)]
    return _most(told, most, "gate")


def criterion_rows(
    criteria: Sequence[CriterionView], width: int, most: int, glyphs: Glyphs, lead: str = ""
) -> list[Row]:
    """The same for rollback criteria."""
    columns = criterion_columns(criteria, width, lead)
    told = [
        [criterion_row(each, columns, glyphs, lead), *explained(each.verdict, each.detail)]
        for each in worst_criteria(criteria)
    ]
    return _most(told, most, "criterion", "criteria")


def _most(told: list[list[Row]], most: int, one: str, many: str = "") -> list[Row]:
    """Rules before reasons: where there is no room for all, the reasons of the last ones go first."""
    for entry in reversed(told):
        if sum(map(len, told)) <= most:
            break
        del entry[1:]
    shown = told if len(told) <= most else told[: max(most - 1, 1)]
    rows = [each for entry in shown for each in entry][: max(most, 0)]
    if len(shown) < len(told) and len(rows) < most:
        left = plural(len(told) - len(shown), f"more {one}", f"more {many}" if many else "")
        rows.append(row((f"   and {left}; z shows all", Ink.DIM)))
    return rows


def two_columns(left: Sequence[Row], right_side: Sequence[Row], width: int, glyphs: Glyphs) -> list[Row]:
    """Rows beside each other, the left ones in `width` cells."""
    count = max(len(left), len(right_side))
    padded = [*left, *[EMPTY] * (count - len(left))], [*right_side, *[EMPTY] * (count - len(right_side))]
    return [(*fit(one, width, glyphs.cut), *other) for one, other in zip(*padded, strict=True)]

"""The promotion dialog: what comes next and what was met; and its loud form, where something was not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from console.core.evaluation import Verdict
from screens.base import Console
from screens.dialog import Field, told
from screens.steering import SteerDialog
from widgets.rows import Row, row
from widgets.rules import gate_mark, worst_gates
from widgets.vocabulary import Ink
from widgets.words import clean, hours

if TYPE_CHECKING:
    from console.core.rollouts.view import RolloutView


def next_words(view: RolloutView) -> str:
    """What a promotion leads to."""
    if view.phase + 1 >= len(view.phases):
        return f"the end: {view.plan} of {view.version} is completed"
    phase = view.phases[view.phase + 1]
    parts = [f"{phase.title or phase.name} in {phase.environment}"]
    parts.append(f"asks for {phase.share}" if phase.share else "changes no traffic")
    if phase.soak:
        parts.append(f"soaks {hours(phase.soak)}")
    return ", ".join(parts)


def unmet(view: RolloutView) -> list[str]:
    """What an override would pass over, a sentence each: gates, soak, checklist, sign-offs."""
    missing = [
        f"{gate.title}: {gate.now} is not {gate.need}"
        if gate.verdict is Verdict.FAIL
        else f"{gate.title}: {gate.detail}"
        for gate in worst_gates(view.gates)
        if gate.verdict is not Verdict.PASS
    ]
    if view.soak is not None and view.soak.observed < view.soak.needed:
        missing.append(f"the soak: {hours(view.soak.observed)} of {hours(view.soak.needed)} were observed good")
    missing += [f"not ticked: {item.text}" for item in view.checklist if not item.done]
    missing += [
        f"{sign.role} said {sign.decision or 'nothing yet'}" for sign in view.sign_offs if sign.decision != "go"
    ]
    return missing


class PromoteDialog(SteerDialog):
    """Promote. override: as it was when the dialog opened; what is said of gates and soak stays live."""

    def __init__(self, *, override: bool) -> None:
        super().__init__()
        self.override = override
        self.words = "OVERRIDE: promote" if override else "Promote"
        self.doing = "asking for the promotion"
        self.add_class("-dangerous")

    def fields(self) -> Iterable[Field]:
        """The target; before it, where something is passed over, why."""
        reason = (Field("Reason (required, recorded with the evidence):", id="reason"),) if self.override else ()
        return (*reason, self.target_field())

    def does(self, view: RolloutView) -> list[Row]:
        """What comes next; what was met, or loudly what was not."""
        rows = told("to     ", next_words(view), Ink.STRONG)
        missing = unmet(view)
        if self.override:
            rows.append(row((" NOT READY ", Ink.ALARM), (" this promotes although", Ink.BAD)))
            rows += [line for each in missing for line in told("     ! ", each, Ink.BAD, Ink.BAD)]
            if not missing:
                rows += told(
                    "     ! ", view.cannot("promote") or "it was not ready when this was opened", Ink.BAD, Ink.BAD
                )
            return rows
        glyphs = self.look.glyphs
        if why := view.cannot("promote"):
            rows += told("WARN   ", f"not any more: {why}", Ink.BAD, Ink.BAD)
        for gate in worst_gates(view.gates):
            mark, ink = gate_mark(gate.verdict, glyphs)
            rows.append(row((f"     {mark} ", ink), f"{clean(gate.title)} {clean(gate.now)}, needs {clean(gate.need)}"))
        if not view.gates:
            rows += told("gates  ", "no gate guards this phase")
        return rows

    def submit(self) -> None:
        """Ask for it."""
        typed, reason = self.value("target"), self.value("reason") if self.override else ""
        self.send(lambda: self.desk.promote(typed, reason))


def open_promote(console: Console) -> None:
    """Ask before a promotion; loudly where it would be an override."""
    view = console.picture.rollout
    console.push_screen(PromoteDialog(override=view is not None and bool(view.cannot("promote"))))

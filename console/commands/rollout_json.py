"""A rollout as scripts read it: what is well and what is not has a word of its own, whichever way a rule is written."""

from __future__ import annotations

from typing import Any

from console.commands.plain import plain
from console.commands.rollout_words import by_command
from console.core.evaluation import Verdict
from console.core.rollouts.view import CriterionView, GateView, PhaseView, RolloutView

# A criterion is a condition under which the rollout goes back: that it does not hold is what one hopes for.
CRITERION = {
    Verdict.FAIL: "quiet",
    Verdict.PENDING: "pending",
    Verdict.PASS: "tripped",
    Verdict.NODATA: "no data",
    Verdict.ERROR: "error",
}


def as_body(view: RolloutView) -> dict[str, Any]:
    """The view for JSON: times as ISO 8601 UTC, spans in seconds, shares 0 to 1.

    phase: its number from 1, its name, and how many there are. gates: `state` is pass, fail, pending, no data or error.
    criteria: `state` is quiet, pending, tripped, no data or error. phases: `estimated` and `ends_estimated` say whether
    `begins` and `ends` are still to come.
    """
    body: dict[str, Any] = plain(view)
    return body | {
        "why": by_command(view.why),
        "notes": [by_command(note) for note in view.notes],
        "can": {name: by_command(why) for name, why in view.can},
        "phase": {"number": view.phase + 1, "name": view.here.name, "of": len(view.phases)},
        "phases": [_phase(view, place) for place in range(len(view.phases))],
        "gates": [_gate(gate) for gate in view.gates],
        "criteria": [_criterion(criterion) for criterion in view.criteria],
    }


def begun(view: RolloutView, phase: PhaseView) -> bool:
    """Whether a phase has begun: what is present has, also while its end is estimated."""
    if not phase.estimated:
        return phase.begins is not None
    return any(attempt.phase == phase.name and attempt.ended is None for attempt in view.history)


def _phase(view: RolloutView, place: int) -> dict[str, Any]:
    phase = view.phases[place]
    has_begun = begun(view, phase)
    estimates = {
        "begun": has_begun,
        "estimated": phase.begins is not None and not has_begun,
        "ends_estimated": phase.ends is not None and phase.estimated,
    }
    return {"number": place + 1} | dict(plain(phase)) | estimates


def _gate(gate: GateView) -> dict[str, Any]:
    body: dict[str, Any] = plain(gate)
    return {"state": body.pop("verdict"), **body, "detail": by_command(gate.detail)}


def _criterion(criterion: CriterionView) -> dict[str, Any]:
    body: dict[str, Any] = plain(criterion)
    del body["verdict"]
    return {"state": CRITERION[criterion.verdict], **body, "detail": by_command(criterion.detail)}

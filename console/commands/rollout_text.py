"""A rollout as plain text, for `rollout status`."""

from __future__ import annotations

from datetime import datetime

from console.commands.rollout_json import CRITERION, begun
from console.commands.rollout_words import by_command
from console.core.rollouts.view import PhaseView, RolloutView
from console.core.units import show_span

MARKS = {"done": "x", "here": ">", "todo": " ", "failed": "!"}


def as_text(view: RolloutView) -> list[str]:
    """The same as the screen says, from the top: where, why, what is next, then the evidence."""
    driver = view.driver.who if view.driver.alive else "nobody, it has ended" if view.state.over else "NOBODY DRIVES"
    blind = "  FLYING BLIND" if view.blind else ""
    lines = [
        f"{view.title or view.plan} of {view.version}  {view.id}",
        f"  phase {view.phase + 1} of {len(view.phases)}: {_named(view.here)} in {view.environment}",
        f"  {view.state.value.upper()}{blind}  {by_command(view.why)}",
        f"  driver    {driver}, epoch {view.driver.epoch}",
    ]
    if view.soak is not None and view.soak.needed:
        soak = view.soak
        missed = f"  {show_span(soak.unobserved)} unobserved" if soak.unobserved else ""
        anew = f"  began anew {soak.restarts} times" if soak.restarts else ""
        lines.append(f"  soak      {show_span(soak.observed)} of {show_span(soak.needed)}{missed}{anew}")
    if view.asked:
        measured = f"  measured {view.measured:.1%}" if view.measured is not None else ""
        applied = f"{view.applied:.1%}" if view.applied is not None else "not yet"
        lines.append(f"  share     asked {view.asked}  applied {applied}{measured}")
    lines += [
        f"  gate      {gate.verdict.value:<8} {gate.title}  {gate.now}, need {gate.need}  {gate.detail}".rstrip()
        for gate in view.gates
    ]
    for criterion in view.criteria:
        during = f"  {show_span(criterion.true_for)} of {show_span(criterion.needed)}" if criterion.needed else ""
        state = CRITERION[criterion.verdict]
        lines.append(
            f"  back when {state:<8} {criterion.text}  now {criterion.now}{during}  {criterion.detail}".rstrip()
        )
    for number, item in enumerate(view.checklist, 1):
        who = f"  {item.by} {item.note}".rstrip() if item.done else ""
        lines.append(f"  [{'x' if item.done else ' '}] {number}. {item.text}{who}")
    for sign in view.sign_offs:
        who = f" {sign.by} {sign.note}".rstrip() if sign.decision else ""
        lines.append(f"  sign      {sign.role}: {sign.decision or 'waited for'}{who}")
    if view.look_due is not None:
        lines.append(f"  look      due {_moment(view.look_due)}")
    lines += [f"  rollback when {text}" for text in view.manual]
    lines += [f"  mind      {by_command(note)}" for note in view.notes]
    lines += [_phase(view, place) for place in range(len(view.phases))]
    return lines


def _named(phase: PhaseView) -> str:
    """The name, which `rollout retry` and `--phase` take, and the title where there is another."""
    return phase.name if phase.title in ("", phase.name) else f"{phase.name}: {phase.title}"


def _phase(view: RolloutView, place: int) -> str:
    phase = view.phases[place]
    share = f"  {phase.share} by {phase.strategy}" if phase.share else ""
    about = "" if begun(view, phase) else "about "
    when = f"  {about}{_moment(phase.begins)}" if phase.begins is not None else ""
    soak = f"  watched {show_span(phase.soak)}" if phase.soak else ""
    return f"  [{MARKS.get(phase.mark, '?')}] {place + 1}. {_named(phase)} in {phase.environment}{share}{soak}{when}"


def _moment(at: datetime) -> str:
    return f"{at:%a %d %b %H:%M}Z"

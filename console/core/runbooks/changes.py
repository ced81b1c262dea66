"""Which steps of a changed runbook are those of before: by what they say, then by where they stand."""

from __future__ import annotations

from difflib import SequenceMatcher

from console.core.runbooks.document import Runbook, Step


def matched(before: Runbook, now: Runbook) -> dict[int, int]:
    """The number that each step had before, by its number now; what is new or says something else is left out."""
    old, new = before.steps, now.steps
    found: dict[int, int] = {}
    blocks = SequenceMatcher(None, [_placed(step) for step in old], [_placed(step) for step in new], autojunk=False)
    for left, right, size in blocks.get_matching_blocks():
        found |= {new[right + each].number: old[left + each].number for each in range(size)}
    # What was moved, or stands under another heading now.
    taken = set(found.values())
    for key in (_placed, _said):
        waiting: dict[object, list[int]] = {}
        for step in old:
            if step.number not in taken:
                waiting.setdefault(key(step), []).append(step.number)
        for step in new:
            if step.number not in found and waiting.get(key(step)):
                found[step.number] = waiting[key(step)].pop(0)
                taken.add(found[step.number])
    return found


def _said(step: Step) -> tuple[object, ...]:
    """What a step says and how it is run; where that is the same, what was done of it stands."""
    return step.kind, step.text, step.runnable, step.options


def _placed(step: Step) -> tuple[object, ...]:
    return *_said(step), step.path
